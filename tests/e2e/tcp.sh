#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two kernels talk through vmirror, as in ./demo: what report.pcap and a live interface hold is
# what the wire of one of them carried.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping curl tcpdump ss

# one_way FILE FILTER OUT
one_way() {
	tcpdump -r "$1" -w "$3" "$2" 2>/dev/null
}

# Both directions meet only in the kernel and in vmirror, so each of them has its own order.
compare() {
	local mac dir
	mac=$(host a ip -o link show cable0 | sed 's/.*ether \([^ ]*\).*/\1/')
	for dir in "ether src $mac" "not ether src $mac"; do
		one_way "$T/wire.pcap" "$dir" "$T/wire.way"
		one_way "$1" "$dir" "$T/mirror.way"
		expect "$1 has the packets of the wire: ${dir/$mac/a}" \
			same "$T/wire.way" "$T/mirror.way"
	done
}

# All goes through within seconds: none is to find its ring full.
ring_bytes=ring_bytes=64M,
[ "${VMIRROR_TEST_MODE:-}" != inline ] || ring_bytes=

two_hosts --mirror "name=report,port=net_tap0,${ring_bytes}sink=[net_pcap_report,tx_pcap=report.pcap]" \
	--mirror "name=live,port=net_tap0,${ring_bytes}sink=[net_tap_live,iface=mon0]" \
	--mirror "name=other,port=net_tap1,${ring_bytes}sink=[net_pcap_other,tx_pcap=other.pcap]"
watch mon0 "$T/live.pcap"
live=$child
watch cable0 "$T/wire.pcap" a
wire=$child

expect "100 pings without a loss" pings 100
serve 20000000
expect "20 MB arrive as they were sent" download

settled() {
	local n
	n=$(pcap count report.pcap)
	[ "$n" = "$(pcap count "$T/live.pcap")" ] && [ "$n" = "$(pcap count "$T/wire.pcap")" ]
}

wait_for 20 settled || fail "$(pcap count report.pcap) packets in report.pcap," \
	"$(pcap count "$T/live.pcap") on mon0, $(pcap count "$T/wire.pcap") on the wire"
compare report.pcap
compare other.pcap
compare "$T/live.pcap"
unwatch "$wire" "$T/wire.pcap"
stop_vmirror INT
# Out of rings, a core that was interrupted is late.
if [ "$(counter report late)" = 0 ] && [ "$(counter live late)" = 0 ]; then
	expect "report.pcap and mon0 hold the same in the same order" \
		same report.pcap "$T/live.pcap"
fi
n=$(pcap count report.pcap)
for mirror in report live other; do
	all_delivered $mirror "$n"
	counted $mirror seen "$n"
done
# In the application a packet passes right after it was on the wire. In microseconds.
on_wire=$(tcpdump -ttnr "$T/wire.pcap" 2>/dev/null | tail -n 1 | cut -d ' ' -f 1 | tr -d .)
passed=$(date -d "$(counter report last_packet)" +%s%6N)
if [ "${VMIRROR_TEST_MODE:-ring}" = ring ]; then
	expect "report's last_packet is that of the wire, $((passed - on_wire)) us later" \
		test $((passed - on_wire)) -gt -1000 -a $((passed - on_wire)) -lt 2000000
fi
unwatch "$live" "$T/live.pcap"
expect "mon0 is gone" no_interface mon0
expect "checksums are right" test "$(tcpdump -nvv -r report.pcap 2>/dev/null |
	grep -c incorrect)" = 0
