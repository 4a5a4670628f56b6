# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the examples share: two hosts in network namespaces of their own, and vmirror as the cable between
# them. No NIC, no hugepages; when a script ends, all of it is gone.
#
#     a 192.0.2.1 ---- net_tap0 [vmirror] net_tap1 ---- 192.0.2.2 b
#
# VMIRROR and VMIRRORCTL name the programs, where they are not installed:
#
#     VMIRROR=build/app/vmirror VMIRRORCTL=build/ctl/vmirrorctl examples/tcpdump/run.sh

VMIRROR=$(realpath -e -- "$(command -v "${VMIRROR:-vmirror}")" 2>/dev/null || true)
VMIRRORCTL=$(realpath -e -- "$(command -v "${VMIRRORCTL:-vmirrorctl}")" 2>/dev/null || true)
export VMIRRORCTL
T=       # folder of the run
vmirror= # its process
declare -A host

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# begin TOOL...: start over as process 1 of namespaces that end with it.
begin() {
	local tool
	if [ "${EXAMPLE_INSIDE:-}" != yes ]; then
		[ "$(id -u)" -eq 0 ] || die "needs root, for network namespaces"
		[ "$VMIRROR" ] || die "needs vmirror; where it is not installed VMIRROR names it: VMIRROR=build/app/vmirror"
		[ "$VMIRRORCTL" ] || die "needs vmirrorctl; where it is not installed: VMIRRORCTL=build/ctl/vmirrorctl"
		for tool in ip nsenter ping "$@"; do
			command -v "$tool" >/dev/null || die "needs $tool"
		done
		export VMIRROR
		EXAMPLE_INSIDE=yes exec unshare --net --mount --pid --fork --kill-child --mount-proc -- \
			bash "$0"
	fi
	T=$(mktemp -d)
	trap 'rm -rf "$T"' EXIT
	export RUNTIME_DIRECTORY=$T # EAL's files, and where vmirrorctl looks
	# What runs outside it does not find.
	[ ! -d /var/run/dpdk ] || mount -t tmpfs none /var/run/dpdk
	cd "$T" || die "no $T"
	ip link set lo up
	[ ! -d /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
	add_host a
	add_host b
}

add_host() {
	unshare --net sleep infinity &
	host[$1]=$!
	until [ "$(readlink "/proc/${host[$1]}/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do
		sleep 0.05
	done
}

# on HOST COMMAND...
on() {
	nsenter --net="/proc/${host[$1]}/ns/net" "${@:2}"
}

# plug HOST INTERFACE ADDRESS
plug() {
	ip link set "$2" netns "${host[$1]}"
	on "$1" ip addr add "$3/24" dev "$2"
	on "$1" ip link set "$2" up
}

# start_vmirror ARGUMENT...: its own, behind EAL's.
start_vmirror() {
	local core
	core=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)
	true >"$T/vmirror.log"
	"$VMIRROR" --no-huge -m 256 -l "$core" --no-pci --vdev net_tap0,iface=cable0 \
		--vdev net_tap1,iface=cable1 -- "$@" >"$T/vmirror.out" 2>"$T/vmirror.log" &
	vmirror=$!
	until grep -q '^vmirror: forwarding' "$T/vmirror.log"; do
		kill -0 "$vmirror" 2>/dev/null || die "$(grep '^vmirror:' "$T/vmirror.log")"
		sleep 0.05
	done
	plug a cable0 192.0.2.1
	plug b cable1 192.0.2.2
}

# stop_vmirror: with its last words.
stop_vmirror() {
	kill -INT "$vmirror"
	wait "$vmirror"
	sed -n 's/^\(mirror [^ ]*\).* \(seen=[0-9]*\).* \(captured=[0-9]*\).* \(delivered=[0-9]*\).*/\1 \2 \3 \4/p' \
		"$T/vmirror.out"
}

# show COMMAND...: what a user would type, and what comes of it.
show() {
	echo "\$ ${1##*/} ${*:2}"
	"$@"
}

# ping_b COUNT: from a, silently.
ping_b() {
	on a ping -q -n -c "$1" -i 0.1 -W 2 192.0.2.2 >"$T/ping" || die "a does not reach b"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -le $end ] || die "nothing came of: $*"
		sleep 0.1
	done
}
