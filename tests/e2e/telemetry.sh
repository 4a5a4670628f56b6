#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Mirrors in DPDK's telemetry: two ports with two queues each, whose counters are what vmirrorctl says,
# one by one; what is refused; and that asking changes nothing, and keeps no memory.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin dpdk-telemetry.py python3

# Longer than a string of telemetry's, twice, and with a letter that it does not know.
long="name=long,port=net_pcap0,queue=1,dir=rx,filter=\"ether src 02:00:00:00:02:00"
for byte in 01 02 03 04 05 06 07; do
	long+=" or ether src 02:00:00:00:02:$byte"
done
long+=$'",sink=[file,path=caf\xc3\xa9.pcapng]'

# ask COMMAND: as a person does.
ask() {
	echo "$1" | TERM=dumb dpdk-telemetry.py
}

for queue in 0 1 2 3; do
	pcap make "queue$queue" "$T/q$queue.pcap" "$queue"
done
start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/q0.pcap,rx_pcap=$T/q1.pcap" \
	--vdev "net_pcap1,rx_pcap=$T/q2.pcap,rx_pcap=$T/q3.pcap" -- --queues 2 \
	--mirror "name=all,port=all,filter=\"greater 700\",snaplen=900,sink=[file,path=all.pcapng]" \
	--mirror "$long"
telemetry=$T/run/dpdk/rte/dpdk_telemetry.v2
python3 "$here/telemetry_answers.py" "$T/run/dpdk/rte/vmirror.$vm" "$vm" "$telemetry" "$VMIRRORCTL" ||
	fail "telemetry_answers.py"
for command in list stats,all queue_stats,all queue_stats,all,net_pcap1,0 info,long stats,nope; do
	expect "dpdk-telemetry.py shows $command" test "$(ask "/vmirror/$command")" = \
		"{\"/vmirror/${command%%,*}\": $(python3 "$here/telemetry.py" "$telemetry" "/vmirror/$command")}"
done
stop_vmirror INT
