#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The plugin in Open vSwitch, a port whose rx queues become four, and two, under traffic: from when
# the mirror has followed it misses nothing, and it shows nothing twice.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin_ovs tcpdump

rate=2000
first=0 # number of the packets, other ones each time

# polls COUNT: queues of port a.
polls() {
	[ "$(ovs-appctl dpif-netdev/pmd-rxq-show | grep -c 'port: a ')" = "$1" ]
}

well() {
	[ "$(ovs-vsctl get Interface "$1" error)" = '[]' ]
}

# follows COUNT: the port has so many queues, and the mirror sees them.
follows() {
	wait_for 20 polls "$1" || fail "Open vSwitch does not poll $1 queues: $(ovs_log)"
	wait_for 20 hooked rx "$1" || fail "of $1 queues the mirror has $(stat rx hooks)"
	echo "ok with n_rxq=$1 the mirror has them all"
}

queues() {
	ovs-vsctl set Interface a options:n_rxq="$1"
	follows "$1"
}

# Of four sockets; with fewer queues than that nobody reads some of them, and the switch sees less.
port_again() {
	ovs-vsctl --if-exists del-port br0 a
	ovs-vsctl add-port br0 a -- set Interface a type=dpdk options:n_rxq="$1" \
		options:dpdk-devargs="\"net_af_packet_a,iface=port_a,framecnt=2048,qpairs=4\""
	wait_for 20 well a ||
		fail "no port a: $(ovs-vsctl get Interface a error): $(ovs_log)"
	follows "$1"
}

# send SECONDS, and meanwhile COMMAND…; what came of it is in $result.
send() {
	local seconds=$1 wire sender
	shift
	first=$((first + 1000000))
	rm -f "$T/b.pcap"
	watch eth0 "$T/b.pcap" b
	wire=$child
	host_spawn a /dev/null "$T/send.err" \
		python3 "$here/numbers.py" send 192.0.2.2 9 $rate "$seconds" $first
	sender=$child
	"$@"
	wait_for 30 gone "$sender" || fail "the packets are not sent: $(cat "$T/send.err")"
	sleep 1
	unwatch "$wire" "$T/b.pcap"
	result=$(python3 "$here/numbers.py" compare "$T/b.pcap" "$T/rx.pcap" $rate $first)
	note "$result"
	[ "$(value seen)" -gt $((rate * seconds / 5)) ] || fail "too few packets: $result"
	expect "nothing was mirrored twice" test "$(value doubled)" = 0
}

up_and_down() {
	local n
	for n in 1 4 2 4 1 4; do
		sleep 1
		queues $n
	done
}

value() {
	grep -o "$1=[0-9]*" <<<"$result" | cut -d = -f 2
}

plugin_install "$BUILD/plugin"
plugin_config "name=rx,port=net_af_packet_a,dir=rx,sink=[net_pcap,tx_pcap=$T/rx.pcap]"
huge_pages 200
start_vswitchd "--no-pci --huge-dir=$T/huge -d $plugin"
# shellcheck disable=SC2034 # plugin_lib.sh's
telemetry=$T/run/dpdk/rte/dpdk_telemetry.v2
ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev
add_host a 192.0.2.1/24
add_host b 192.0.2.2/24
port_again 4
settle
send 10 up_and_down
expect "n_rxq 4, 1, 4, 2, 4, 1, 4 under traffic: nothing was missed" test "$(value missed)" = 0
for tries in 1 2 3; do
	send 6 port_again 4
	expect "a port that is made again: all that was missed came before the mirror followed" \
		test "$(value gaps)" -le 1
	[ "$(value longest_ms)" -ge 300 ] || break
	note "that took long; who follows may have been kept from a core: $tries"
done
expect "within 300 ms" test "$(value longest_ms)" -lt 300
stop_vswitchd
