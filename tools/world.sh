# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A small world of one's own for ./demo and the end-to-end tests: the calling script runs in a
# network namespace that ends with it, its children die when it dies, however that happens, and
# its temporary directory is swept by the next one when it could not do so itself. So nothing
# outside is touched, names never collide, and runs may overlap.
#
# For bash scripts that have set -euo pipefail. They say
#
#     . tools/world.sh
#     world_enter "$@"

T=              # temporary directory of the run
declare -a world_children=()
declare -A world_hosts=()
declare -a world_undo=() # functions to run at the end

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Start the script over inside a network (and, where that is allowed, a mount) namespace.
world_enter() {
	if [ "${VMIRROR_WORLD:-}" != $$ ]; then
		[ "$(id -u)" -eq 0 ] || die "needs root, for network namespaces"
		export VMIRROR_WORLD=$$
		if unshare --net --mount true 2>/dev/null; then
			export VMIRROR_WORLD_MOUNTS=own
			exec unshare --net --mount -- "$BASH" "$0" "$@"
		fi
		unset VMIRROR_WORLD_MOUNTS
		unshare --net true || die "this machine forbids network namespaces"
		exec unshare --net -- "$BASH" "$0" "$@"
	fi
	trap world_leave EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	world_sweep
	world_directory
	ip link set lo up
	# No router solicitations and the like: what is on a wire is what was asked for.
	no_ipv6
	world_tun
}

# The lock gets its name when it is held, so that no other run sweeps the directory before.
world_directory() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/vmirror-run.XXXXXX")
	exec {world_lock}>"$T/new"
	flock "$world_lock"
	mv "$T/new" "$T/lock"
	# Where EAL puts the files of a run.
	mkdir "$T/run"
	export RUNTIME_DIRECTORY=$T/run
}

# Remove what runs that were killed have left in the temporary directory.
world_sweep() {
	local dir
	for dir in "${TMPDIR:-/tmp}"/vmirror-run.??????; do
		if [ -e "$dir/lock" ] && flock -n "$dir/lock" true; then
			world_remove "$dir" || true
		fi
	done
}

world_remove() {
	local point
	while read -r _ point _; do
		if [[ $point == "$1"/* ]]; then
			umount -l "$point" || true
		fi
	done </proc/mounts
	# A process that is dying may still make a file there.
	rm -rf --one-file-system "$1" 2>/dev/null || {
		sleep 0.5
		rm -rf --one-file-system "$1"
	}
}

# world_guard PATH: something of ours outside of $T, which is made next. It goes when the run ends, as $T
# does, and so also when the run is killed.
world_guard() {
	(
		# Whoever gets the lock knows that all of the run has ended: it must not be had here.
		exec {world_lock}>&-
		cd /
		# shellcheck disable=SC2016
		exec setsid -f "$BASH" -c 'trap "" INT TERM HUP
			flock "$1/lock" true
			rm -rf --one-file-system "$1" "$2"' guard "$T" "$1" </dev/null >/dev/null 2>&1
	)
}

# world_make_tun: a minimal root has no /dev/net/tun. Fails where there was one.
world_make_tun() {
	[ ! -c /dev/net/tun ] || return 1
	mkdir -p /dev/net
	mknod /dev/net/tun c 10 200 || die "cannot make /dev/net/tun"
}

world_tun() {
	! world_make_tun || touch "$T/made_tun"
	(: <>/dev/net/tun) 2>/dev/null || die "this kernel has no tun driver (modprobe tun)"
}

world_leave() {
	local status=$? undo
	trap - EXIT
	trap '' INT TERM HUP
	if [ ${#world_children[@]} -gt 0 ]; then
		kill -KILL "${world_children[@]}" 2>/dev/null || true
		wait "${world_children[@]}" 2>/dev/null || true
	fi
	if [ "$T" ]; then
		[ ! -e "$T/made_tun" ] || rm -f /dev/net/tun
		cd /
		world_remove "$T"
	fi
	for undo in "${world_undo[@]}"; do
		"$undo"
	done
	exit "$status"
}

# spawn OUT ERR COMMAND...: run it in the background, its output to those files, its process id
# in $child.
spawn() {
	local out=$1 err=$2
	shift 2
	# Before the child does, so that they can be read at once.
	true >"$out" 2>"$err"
	setpriv --pdeathsig KILL "$@" >"$out" 2>"$err" </dev/null &
	child=$!
	world_children+=("$child")
}

# now: what the clock says, in microseconds, is in $now.
now() {
	now=${EPOCHREALTIME//[!0-9]/}
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when it does not in time.
wait_for() {
	now
	wait_until $((now + $1 * 1000000)) "${@:2}"
}

# wait_until MICROSECONDS COMMAND...: until it succeeds, by a look that began no later than that, or soon
# after. How long the look takes is no matter, and there is one. Time in which nobody looked, as this script
# was kept from a core, does not count: others were kept from it as well.
wait_until() {
	local end=$1 slept late
	shift
	until "$@"; do
		now
		[ "$now" -le "$end" ] || return 1
		slept=$now
		sleep 0.05
		now
		late=$((now - slept - 150000))
		[ $late -le 0 ] || end=$((end + late))
	done
}

alive() {
	local state
	# A child that was not waited for yet is a zombie.
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) && [[ $state != Z* ]]
}

gone() {
	! alive "$1"
}

# host_add NAME: a machine of its own, as far as its network goes.
host_add() {
	spawn /dev/null /dev/null unshare --net sleep infinity
	world_hosts[$1]=$child
	wait_for 10 host_ready "$child" || die "no network namespace for $1"
	host "$1" ip link set lo up
	no_ipv6 host "$1"
}

# host_remove NAME: with all its interfaces.
host_remove() {
	kill -KILL "${world_hosts[$1]}"
	wait "${world_hosts[$1]}" 2>/dev/null || true
	unset "world_hosts[$1]"
}

host_ready() {
	local net
	net=$(readlink "/proc/$1/ns/net") && [ "$net" != "$(readlink /proc/self/ns/net)" ] &&
		[ "$(tr '\0' ' ' <"/proc/$1/cmdline")" = "sleep infinity " ]
}

# host NAME COMMAND...: run it there; it, too, dies when the script is killed meanwhile.
host() {
	local pid=${world_hosts[$1]}
	shift
	setpriv --pdeathsig KILL nsenter --net="/proc/$pid/ns/net" "$@"
}

# host_spawn NAME OUT ERR COMMAND...: spawn it there.
host_spawn() {
	local pid=${world_hosts[$1]} out=$2 err=$3
	shift 3
	spawn "$out" "$err" nsenter --net="/proc/$pid/ns/net" "$@"
}

# no_ipv6 [host NAME]: on interfaces to come.
no_ipv6() {
	if [ -d /proc/sys/net/ipv6 ]; then
		"$@" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	fi
}

# host_plug NAME INTERFACE ADDRESS/LEN: move the kernel's end of a tap into a host, bring it up.
# The interface goes down when it moves; the process that made it keeps its end.
host_plug() {
	ip link set "$2" netns "${world_hosts[$1]}"
	host "$1" ip addr add "$3" dev "$2"
	# Of its queue what is too much is dropped, and by nobody here: a forwarder may be kept from its core.
	host "$1" ip link set "$2" txqueuelen 10000 up
}
