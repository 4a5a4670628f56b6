# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A switch with the plugin for tests of vmirror-ovs: besides the hosts a and b, which are on dpdk ports,
# a host g behind a guest, that is, a dpdk-testpmd between a virtio_user, on the switch's port vm, and
# g's cable. It takes longer packets than theirs.
#
#     begin_captures
#     start_everything
#     capture FILE.err ARGUMENT...  # its process id is in $client
#     end_capture 0 INT
#
# After ovs_lib.sh and plugin_lib.sh, whose variables it uses and whose others it sets.
# shellcheck disable=SC2034,SC2154

: "${VMIRROR_OVS:=$source_root/build/ovs/vmirror-ovs}"
PATH=$(dirname "$VMIRRORCTL"):$PATH
guest=  # process id of testpmd
client= # process id of the capture that began last

begin_captures() {
	begin_ovs tcpdump tshark capinfos dpdk-testpmd python3 script pgrep
	[ ${#cores[@]} -ge 2 ] || skip "needs two cores"
	plugin_install "$BUILD/plugin"
	unset VMIRROR_CONFIG
	host_log=$T/ovs/ovs-vswitchd.log
}

is_linked() {
	gone "$guest" || [ "$(ovs-vsctl get Interface vm link_state)" = up ]
}

# A host g (192.0.2.3) behind a guest.
start_guest() {
	host_add g
	ip link add port_g mtu 3000 type veth peer name eth0 mtu 3000 netns "${world_hosts[g]}"
	host g ethtool -K eth0 tx off >/dev/null
	host g ip addr add 192.0.2.3/24 dev eth0
	host g ip link set eth0 up
	ip link set port_g up
	spawn "$T/guest.out" "$T/guest.err" dpdk-testpmd --no-huge -m 128 --no-pci --no-telemetry \
		--lcores "0@${cores[1]},1@${cores[1]}" --file-prefix guest \
		--vdev "virtio_user0,path=$T/vm.sock,server=1" \
		--vdev "net_af_packet_g,iface=port_g,blocksz=16384,framesz=4096,framecnt=512" -- \
		--total-num-mbufs=4096 --mbuf-size=4352 --forward-mode=io --auto-start --no-mlockall \
		--stats-period 1
	guest=$child
	wait_for 60 is_linked || fail "the guest and the switch do not meet: $(ovs_log)"
	alive "$guest" || fail "the guest ended at once: $(tail -n 9 "$T/guest.out" "$T/guest.err")"
}

start_everything() {
	start_switch "$without_hugepages -d $plugin"
	ovs-vsctl add-port br0 vm -- set Interface vm type=dpdkvhostuserclient mtu_request=3000 \
		options:vhost-server-path="$T/vm.sock"
	start_guest
	vm_settle
}

vm_echoed() {
	host a ping -q -n -c 20 -i 0.02 -W 5 -s 1000 192.0.2.3 2>/dev/null | grep -q ' 0% packet loss'
}

# As settle() of ovs_lib.sh.
vm_settle() {
	wait_for 60 vm_echoed || fail "the guest's host does not answer: $(ovs_log)"
}

# vm_pings COUNT: from a to g, every one answered.
vm_pings() {
	host a python3 "$here/pings.py" 192.0.2.3 "$1" 0.02 >"$T/ping" 2>/dev/null || fail "$(cat "$T/ping")"
}

is_capturing() {
	grep -q '^vmirrorctl: capturing on' "$1" || gone "$client"
}

# capture ERR ARGUMENT...: begin one, what it shows in ERR.out.
capture() {
	local err=$1
	shift
	spawn "$err.out" "$err" "$VMIRROR_OVS" capture "$@"
	client=$child
	wait_for 60 is_capturing "$err" || fail "capture $* does not begin: $(cat "$err")"
	alive "$client" || fail "capture $* ended at once: $(cat "$err")"
}

# Its vmirrorctl, which it may have become, says that it captures, and then takes signals itself.
child_heeds() {
	gone "$1" || heeds "$1" || heeds "$(pgrep -P "$1" -x vmirrorctl || echo none)"
}

# end_capture STATUS [SIGNAL [CLIENT]]
end_capture() {
	local code=0 which=${3:-$client}
	if [ "${2:-}" ]; then
		wait_for 20 child_heeds "$which" || fail "the capture does not heed signals"
		kill "-$2" "$which"
	fi
	wait_for 30 gone "$which" || fail "the capture does not end"
	wait "$which" || code=$?
	[ "$code" = "$1" ] || fail "the capture ended with $code, should be $1"
}

ports_left() {
	ovs-vsctl list-ports br0 | grep -c '^vmirror' || true
}

# left COUNT: so many Mirrors of captures, with their ports, in the database and of DPDK's.
left() {
	[ "$(ports_left)" = "$1" ] &&
		[ "$(ovs-vsctl --bare --columns=name list Mirror | grep -c .)" = "$1" ] &&
		[ "$("$VMIRRORCTL" ports | grep -c net_null)" = "$1" ]
}

nothing_left() {
	local list
	left 0 && list=$("$VMIRRORCTL" list) && [ "$(wc -l <<<"$list")" = 1 ]
}

# refused WHAT STATUS REGEX ARGUMENT...: in one line, with this exit status, and nothing is made.
refused() {
	local what=$1 wanted=$2 regex=$3 before code=0
	shift 3
	before=$(ovs-vsctl --no-wait get Open_vSwitch . next_cfg)
	timeout -k 1 40 "$VMIRROR_OVS" "$@" >"$T/out.refused" 2>"$T/err.refused" </dev/null || code=$?
	[ "$code" = "$wanted" ] || fail "$what: status $code: $(cat "$T/err.refused")"
	[ "$(wc -l <"$T/err.refused")" = 1 ] || fail "$what: not one line: $(cat "$T/err.refused")"
	grep -Eq -- "^vmirror-ovs: .*$regex" "$T/err.refused" || fail "$what: $(cat "$T/err.refused")"
	[ "$before" = "$(ovs-vsctl --no-wait get Open_vSwitch . next_cfg)" ] ||
		fail "$what: the switch was changed"
	note "$(cat "$T/err.refused")"
	echo "ok $what"
}
