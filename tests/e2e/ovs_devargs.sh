#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Open vSwitch mirrors into what DPDK's own drivers make, without vmirror: examples/ovs, run as
# they stand there, and where they bite, as doc/ovs.md has it.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"

no_port() {
	! ovs-vsctl port-to-br "$1" 2>/dev/null
}

no_mirror() {
	[ -z "$(ovs-vsctl --bare --columns=name list Mirror)" ]
}

undone() {
	expect "no port $1 is left" no_port "$1"
	expect "no Mirror is left" no_mirror
	settle
}

into_a_file() {
	export FILE=$T/report.pcap
	example pcap start
	traffic "$FILE"
	example pcap stop
	undone report
	expect "the file stays as it is" same_as_wire "$FILE"
}

onto_a_tap() {
	local watcher
	export IFACE=mon0
	example tap start
	watch mon0 "$T/live.pcap"
	watcher=$child
	traffic "$T/live.pcap"
	example tap stop
	unwatch "$watcher" "$T/live.pcap"
	undone live
	expect "mon0 is gone" no_interface mon0
}

rx_packets() {
	ovs-appctl dpctl/show -s netdev@ovs-netdev |
		sed -n "/ $1 (/,/RX packets/s/.*RX packets:\([0-9]*\).*/\1/p"
}

onto_a_veth() {
	local watcher
	export IFACE=tee0 PEER=tee1
	example veth start
	watch tee1 "$T/tee.pcap"
	watcher=$child
	traffic "$T/tee.pcap"
	unwatch "$watcher" "$T/tee.pcap"
	received
	example veth stop
	undone tee
	expect "tee0 is gone" no_interface tee0
}

has_received() {
	[ "$(rx_packets "$1")" -gt 0 ]
}

# What comes in at the mirror's port goes nowhere, but is polled and counted.
received() {
	local watcher
	pcap make small "$T/in.pcap"
	watch eth0 "$T/b.pcap" b
	watcher=$child
	pcap send tee1 "$T/in.pcap"
	expect "iface= receives" wait_for 20 has_received tee
	unwatch "$watcher" "$T/b.pcap"
	expect "nothing of it reaches a host" test "$(pcap count "$T/b.pcap")" = 0
}

broadcasts() {
	host a ping -q -n -b -c 5 -i 0.02 -W 1 192.0.2.255 >/dev/null 2>&1 || true
}

# A port is a port: before there is a Mirror, and with flows that say FLOOD.
flooded() {
	ovs-vsctl add-port br0 plain -- set Interface plain type=dpdk \
		options:dpdk-devargs="\"net_pcap_plain,tx_pcap=$T/plain.pcap\""
	settle
	broadcasts
	expect "a port without a Mirror is flooded" holds "$T/plain.pcap" 5
	ovs-ofctl mod-port br0 plain no-flood
	settle
	broadcasts
	expect "not with no-flood" holds "$T/plain.pcap" 5
	ovs-vsctl del-port br0 plain

	ovs-ofctl add-flow br0 priority=1,actions=FLOOD
	example pcap start
	settle
	broadcasts
	expect "a mirror's port with no-flood has only what is mirrored, under FLOOD as well" \
		holds "$FILE" 5
	ovs-ofctl mod-port br0 report flood
	settle
	broadcasts
	expect "without it, more" test "$(count "$FILE")" -gt 10
	example pcap stop
	ovs-ofctl add-flow br0 priority=1,actions=NORMAL
}

has_fewer() {
	! packets "$1" "$2"
}

emptied() {
	example pcap start
	settle
	pings 10
	expect "packets are in the file" packets "$FILE" 20
	ovs-vsctl set Interface report options:n_rxq_desc=1024
	expect "a port that is reconfigured empties its file" wait_for 20 has_fewer "$FILE" 20
	settle
	pings 10
	expect "and goes on" packets "$FILE" 20
	example pcap stop
}

says() {
	grep -q "$1" "$T/ovs/ovs-vswitchd.log"
}

refused() {
	local error
	ovs-vsctl add-port br0 bad -- set Interface bad type=dpdk \
		options:dpdk-devargs="\"net_pcap_bad,tx_pcap=$T/nowhere/report.pcap\"" 2>/dev/null
	error=$(ovs-vsctl get Interface bad error)
	expect "ovs-vsctl ends with 0 all the same, error= tells: $error" \
		grep -q "Error attaching device" <<<"$error"
	ovs-vsctl del-port br0 bad

	ovs-vsctl --no-wait add-port br0 bad -- set Interface bad type=dpdk \
		options:dpdk-devargs="\"net_tap_bad,iface=bad0\"" options:n_rxq=1
	expect "net_tap with too few rx queues never comes up" wait_for 20 \
		says "net_tap_bad: number of rx queues 1 must be equal to number of tx queues 2"
	ovs-vsctl --no-wait del-port br0 bad
	expect "its interface goes with the port" wait_for 20 no_interface bad0
	settle
}

restarted() {
	example pcap start
	settle
	pings 10
	stop_vswitchd
	expect "the file is there after the end of ovs-vswitchd" packets "$FILE" 60
	start_vswitchd "$without_hugepages"
	# The hosts say something soon, ping or no ping.
	wait_for 20 has_fewer "$FILE" 60 || fail "the new ovs-vswitchd did not empty the file"
	expect "no-flood is forgotten" wait_for 20 flood_is_on report
	settle
	pings 10
	expect "the mirror is not" packets "$FILE" 20
}

flood_is_on() {
	ovs-ofctl dump-ports-desc br0 2>/dev/null | grep -A 1 "($1)" | grep -q 'config: *0'
}

begin_ovs tcpdump
start_switch "$without_hugepages"
serve 4000000
into_a_file
onto_a_tap
onto_a_veth
flooded
emptied
refused
restarted
