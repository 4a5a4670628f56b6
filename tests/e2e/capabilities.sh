#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The table of doc/capabilities.md: what a user who is not root can do without capabilities and with some;
# and when one is missing, vmirror names it in one line, and leaves nothing behind.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
# shellcheck source=tests/e2e/vhost.sh
. "$here/vhost.sh"
begin setpriv ip tcpdump dpdk-testpmd capinfos
reachable

user=65534
replay=--vdev=net_pcap0,rx_pcap=$T/in.pcap
idle=--vdev=net_null0,no-rx=1

# prepare: what the user may reach.
prepare() {
	pcap make small "$T/in.pcap"
	chmod 755 "$T"
	chmod 1777 "$T/run" "$T/cwd"
	ip link add tee0 type veth peer name tee1
	ip link set tee0 up
	ip link set tee1 up
}

# sandbox CAPABILITIES COMMAND...: by that user, with those alone, as +net_raw,+net_admin, or -.
sandbox() {
	local caps=-all${1:+,$1}
	[ "$1" != - ] || caps=-all
	shift
	setpriv --pdeathsig KILL --reuid $user --regid $user --clear-groups --no-new-privs \
		--inh-caps "$caps" --ambient-caps "$caps" --bounding-set "$caps" "$@"
}

# vmirror CAPABILITIES ARGUMENT...: which go on behind "--".
vmirror() {
	local caps=$1
	shift
	sandbox "$caps" timeout -k 1 30 "$VMIRROR" --no-huge -m 256 --no-pci -l "$core" "$@" \
		>"$T/out" 2>"$T/err"
}

traces() {
	ip -o link show | grep -o '^[0-9]*: [^:]*: <[^>]*>\|xdp'
	find . "$T/run" ! -path "$T/run/dpdk*" | sort
}

# allowed WHAT CAPABILITIES ARGUMENT...: it does its work.
allowed() {
	local what=$1
	shift
	vmirror "$@" || fail "$what: status $?"
	echo "ok $what: $1 is enough"
}

# mirrors SINK CAPABILITIES: all packets get there.
mirrors() {
	allowed "sink=[$1]" "$2" "$replay" -- --duration 1.5 --mirror "name=m,port=0,dir=rx,sink=[$1]"
	conserve
	all_delivered m 1000
}

# refused WHAT MISSING CAPABILITIES ARGUMENT...: because of those, in one line that names them.
missing() {
	local what=$1 words=$2 before after code=0
	before=$(traces)
	shift 2
	vmirror "$@" || code=$?
	after=$(traces)
	[ $code = 1 ] || fail "$what with $1: status $code"
	grep -Eq "^vmirror: .*$words" "$T/err" || fail "$what with $1 does not say: $words"
	[ "$(grep -c 'missing$\|user USER$\|denied$' "$T/err")" = 1 ] || fail "$what with $1: not once"
	[ "$before" = "$after" ] || fail "$what: left behind: $(diff <(echo "$before") <(echo "$after"))"
	note "$(grep "^vmirror: .*$words" "$T/err")"
	echo "ok $what: $1 is too little"
}

# wants SINK MISSING CAPABILITIES
wants() {
	missing "sink=[$1]" "$2" "$3" "$idle" -- --duration 1 --mirror "name=m,port=0,sink=[$1]"
}

none() {
	mirrors "file,path=a.pcapng" -
	mirrors "net_pcap,tx_pcap=a.pcap" -
	expect "the file is the user's" test "$(stat -c %u a.pcapng)" = $user
	rm -f a.pcap*
	vhost_server "$T/vhost" "$T/got.pcap"
	chmod 777 "$T/vhost"
	mirrors "virtio_user,path=$T/vhost,queue_size=4096" -
	vhost_stop
	expect "a vhost-user peer got them" same "$T/in.pcap" "$T/got.pcap"
}

interfaces_made() {
	mirrors "net_tap,iface=mon0" +net_admin
	wants "net_tap,iface=mon0" "interface 'mon0': CAP_NET_ADMIN is missing$" -
	wants "net_tap,iface=mon0" "interface 'mon0': CAP_NET_ADMIN is missing$" +net_raw
	allowed "a port net_tap0" +net_admin --vdev net_tap0,iface=cable0 -- --duration 0.5
	missing "a port net_tap0" "vdev 'net_tap0'; CAP_NET_ADMIN is missing$" - \
		--vdev net_tap0,iface=cable0 -- --duration 0.5
	touch "$T/tun"
	chmod 600 "$T/tun"
	mount --bind "$T/tun" /dev/net/tun
	wants "net_tap,iface=mon0" "/dev/net/tun: Permission denied$" +net_admin
	umount /dev/net/tun
}

# given: a user's vmirror that goes on.
given() {
	spawn "$T/out" "$T/err" setpriv --reuid $user --regid $user --clear-groups --bounding-set -all \
		"$VMIRROR" --no-huge -m 256 --no-pci -l "$core" \
		--vdev "net_pcap0,rx_pcap=$T/in.pcap,infinite_rx=1" -- \
		--mirror "name=m,port=0,dir=rx,max_pps=500,sink=[net_tap,iface=$1]"
	vm=$child
	wait_for 30 is_forwarding || fail "vmirror does not forward"
}

taken_away() {
	given pre0
	ip link set pre0 down
	expect "it is told when it is down" \
		wait_for 20 said "'m'.*interface pre0 refuses packets: it is down"
	ip link set pre0 up
	expect "and goes on when it is up" wait_for 20 said "'m' is well again"
	ip link del pre0
	expect "and ends when it is deleted" wait_for 20 said "'m' failed: interface pre0 was deleted"
	stop_vmirror INT
}

# By root, for a user.
interfaces_given() {
	local watcher
	ip tuntap add pre0 mode tap user $user
	ip link set pre0 arp off multicast off up
	watch pre0 "$T/pre.pcap"
	watcher=$child
	mirrors "net_tap,iface=pre0" -
	unwatch "$watcher" "$T/pre.pcap"
	expect "tcpdump sees all of them on a pre-made interface" same "$T/in.pcap" "$T/pre.pcap"
	expect "which stays" interface pre0
	taken_away
	ip tuntap add pre1 mode tap user 1
	ip link set pre1 up
	wants "net_tap,iface=pre1" "'pre1' exists already, and belongs to another user; .*USER$" -
	ip tuntap add pre2 mode tap user $user multi_queue
	ip link set pre2 up
	wants "net_tap,iface=pre2" "'pre2' exists already, and has several queues.*USER$" -
}

interfaces_there() {
	local both="CAP_NET_RAW and CAP_NET_ADMIN are missing$"
	mirrors "net_af_packet,iface=tee0" +net_raw,+net_admin
	wants "net_af_packet,iface=tee0" "interface 'tee0': $both" -
	wants "net_af_packet,iface=tee0" "CAP_NET_ADMIN is missing$" +net_raw
	wants "net_af_packet,iface=tee0" "CAP_NET_RAW is missing$" +net_admin
	mirrors "net_pcap,tx_iface=tee0" +net_raw
	wants "net_pcap,tx_iface=tee0" "interface 'tee0': CAP_NET_RAW is missing$" +net_admin
	allowed "a port net_af_packet0" +net_raw,+net_admin --vdev net_af_packet0,iface=tee1 -- \
		--duration 0.5
	missing "a port net_af_packet0" "vdev 'net_af_packet0'; $both" - \
		--vdev net_af_packet0,iface=tee1 -- --duration 0.5
	missing "a port net_af_packet0" "'net_af_packet0' does not start: CAP_NET_ADMIN is missing$" \
		+net_raw --vdev net_af_packet0,iface=tee1 -- --duration 0.5
	allowed "a port net_pcap0" +net_raw --vdev net_pcap0,iface=tee1 -- --duration 0.5
	missing "a port net_pcap0" "vdev 'net_pcap0'; CAP_NET_RAW is missing$" +net_admin \
		--vdev net_pcap0,iface=tee1 -- --duration 0.5
}

no_program() {
	[[ $(ip -o link show tee0) != *xdp* ]]
}

# Its memory is locked, of which a user without CAP_IPC_LOCK has little.
xdp() {
	local all=+net_admin,+net_raw,+sys_admin,+ipc_lock
	ulimit -l 64
	mkdir -p /run/xdp
	mount -t tmpfs none /run/xdp
	chown $user /run/xdp
	if ! vmirror $all "$idle" -- --duration 0.5 --mirror "name=m,port=0,sink=[net_af_xdp,iface=tee0]" &&
		grep -q 'no AF_XDP socket' "$T/err"; then
		note "this kernel has no AF_XDP for a veth: $(grep ^vmirror "$T/err" | tail -n 1)"
		return
	fi
	mirrors "net_af_xdp,iface=tee0" $all
	expect "its program is taken off" no_program
	wants "net_af_xdp,iface=tee0" "CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_IPC_LOCK are missing$" -
	wants "net_af_xdp,iface=tee0" "CAP_SYS_ADMIN is missing$" +net_admin,+net_raw,+ipc_lock
	wants "net_af_xdp,iface=tee0" "CAP_IPC_LOCK is missing$" +net_admin,+net_raw,+sys_admin
	wants "net_af_xdp,iface=tee0" "CAP_NET_RAW is missing$" +net_admin,+sys_admin,+ipc_lock
	wants "net_af_xdp,iface=tee0" "CAP_NET_ADMIN is missing$" +net_raw,+sys_admin,+ipc_lock
	ip link set tee0 xdp off
}

# A client without any, of the group and not.
clients() {
	local code=0
	start_vmirror -l "$core" --vdev net_tap0,iface=cable0 -- --control "$T/control" --control-group users
	ip addr add 192.0.2.1/24 dev cable0
	ip link set cable0 up
	spawn /dev/null "$T/c.err" setpriv --reuid $user --regid $user --groups users --bounding-set -all \
		"$VMIRRORCTL" --control "$T/control" capture -i 0 -c 1 -w theirs.pcapng
	wait_for 20 grep -q 'capturing on' "$T/c.err" || fail "$(cat "$T/c.err")"
	echo x >/dev/udp/192.0.2.2/9
	end_capture "$child"
	readable theirs.pcapng
	echo "ok vmirrorctl, a member of the group: - is enough"
	sandbox - "$VMIRRORCTL" --control "$T/control" list 2>"$T/ctl.err" || code=$?
	expect "vmirrorctl, anybody: refused" test $code = 1
	expect "which is said" grep -q "^vmirrorctl: .*not permitted; .*group" "$T/ctl.err"
	quit_vmirror
}

prepare
none
interfaces_made
interfaces_given
interfaces_there
clients
xdp
