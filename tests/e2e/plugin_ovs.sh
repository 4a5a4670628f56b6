#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The plugin in Debian's own ovs-vswitchd, on hugepages and --in-memory as in earnest: ports that
# come after it, two mirrors on one, a filter, ports deleted and made again, the switch restarted.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin_ovs tcpdump

rounds=10
[ -z "$soak" ] || rounds=100

told() {
	stat "$1" captured >/dev/null 2>&1
}

same_ip() {
	tcpdump -r "$1" -w "$1.ip" "$3" 2>/dev/null
	tcpdump -r "$2" -w "$2.ip" "$3" 2>/dev/null
	packets "$1.ip" 20 && python3 "$here/ovs_pcap.py" same "$1.ip" "$2.ip" 2>/dev/null
}

# to_the_tap: what tcpdump shows on mon0 is what is on a's wire, as far as the filter goes.
to_the_tap() {
	local wire
	settle
	watch mon0 "$T/mon.pcap"
	wire=$child
	watch eth0 "$T/wire.pcap" a
	pings 30
	download
	wait_for 20 same_ip "$T/wire.pcap" "$T/mon.pcap" "icmp" || true
	unwatch "$child" "$T/wire.pcap" "$wire" "$T/mon.pcap"
	expect "mon0 shows the pings, byte for byte" same_ip "$T/wire.pcap" "$T/mon.pcap" icmp
	expect "and nothing else" test -z "$(tcpdump -nr "$T/mon.pcap" not icmp 2>/dev/null)"
}

tail_agrees() {
	pcap skip "$T/all.pcap" "$T/tail.pcap" "$1"
	has_the_wire "$T/tail.pcap"
}

add_a() {
	ovs-vsctl --timeout=20 add-port br0 a -- set Interface a type=dpdk \
		options:dpdk-devargs="\"net_af_packet_a,iface=port_a,framecnt=2048\"" ||
		fail "the port is not made again: $(ovs_log)"
}

# The port is deleted and made again: the mirror goes on, with nothing of the time between. At once,
# too, while the mirror is just finding out.
port_again() {
	local before wire round
	ovs-vsctl del-port br0 a
	expect "the port that was deleted is not mirrored" wait_for 20 stat_is all hooks 0
	add_a
	for ((round = 0; round < rounds; round++)); do
		ovs-vsctl --timeout=20 del-port br0 a || fail "del-port: $(ovs_log)"
		add_a
	done
	alive "$vswitchd" || fail "ovs-vswitchd died: $(ovs_log)"
	echo "ok $rounds times a port was deleted and made again"
	expect "and is when it is back" wait_for 20 hooked all 2
	settle
	before=$(pcap count "$T/all.pcap")
	watch eth0 "$T/wire.pcap" a
	wire=$child
	pings 20
	download
	wait_for 20 tail_agrees "$before" || true
	unwatch "$wire" "$T/wire.pcap"
	tail_agrees "$before" || true
	expect "byte for byte" same_as_wire "$T/tail.pcap"
}

plugin_install "$BUILD/plugin"
# shellcheck disable=SC2034 # plugin_lib.sh's
plugin_config \
	"name=all,port=net_af_packet_a,sink=[net_pcap,tx_pcap=$T/all.pcap]" \
	"name=pings,port=net_af_packet_a,filter=icmp,sink=[net_tap,iface=mon0]"
host_log=$T/ovs/ovs-vswitchd.log
huge_pages 200
start_switch "--no-pci --huge-dir=$T/huge -d $plugin"
telemetry=$T/run/dpdk/rte/dpdk_telemetry.v2
expect "the plugin is in" told all
serve 50000
traffic "$T/all.pcap"
expect "all that was sent on the port was seen" stat_is all tx_sent "$(stat all tx_seen)"
to_the_tap
port_again
stop_vswitchd
expect "the file is readable to its end" tcpdump -w /dev/null -r "$T/all.pcap"
start_vswitchd "--no-pci --huge-dir=$T/huge -d $plugin"
traffic "$T/all.pcap"
kill -KILL "$vswitchd"
expect "killed, as well" tcpdump -w /dev/null -r "$T/all.pcap"
