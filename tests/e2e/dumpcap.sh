#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# dpdk-dumpcap attaches to a vmirror that runs on hugepages, as to any DPDK application, and takes
# nothing from its mirrors.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping dpdk-dumpcap tshark
huge_pages 128

# As start_vmirror, with the hugepages of huge_pages.
start_huge() {
	spawn "$T/out" "$T/err" "$VMIRROR" -m 192 --huge-dir "$T/huge" --no-pci "$@"
	vm=$child
	wait_for 60 is_forwarding || fail "vmirror does not forward a minute after its start"
	alive "$vm" || ended_at_once
}

capturing() {
	grep -q 'File:' "$T/dumpcap.err" "$T/dumpcap.out"
}

host_add a
host_add b
start_huge -l "$core" --vdev net_tap0,iface=cable0 --vdev net_tap1,iface=cable1 -- \
	--mirror "name=report,port=net_tap0,sink=[net_pcap_report,tx_pcap=report.pcap]"
host_plug a cable0 192.0.2.1/24
host_plug b cable1 192.0.2.2/24

# What is in the file must still be there when another process has probed the sink's vdev.
pings 50
spawn "$T/dumpcap.out" "$T/dumpcap.err" dpdk-dumpcap -i net_tap0 -w "$T/dumpcap.pcapng"
dumpcap=$child
wait_for 20 capturing || {
	cat "$T/dumpcap.err"
	fail "dpdk-dumpcap does not capture"
}
sleep 1
expect "200 pings" pings 200
sleep 1
kill -INT "$dumpcap"
wait_for 20 gone "$dumpcap" || fail "dpdk-dumpcap does not end"
n=$(tshark -r "$T/dumpcap.pcapng" -Y icmp 2>/dev/null | wc -l)
expect "dpdk-dumpcap has seen the $n echoes, too" test "$n" -ge 400
expect "20 more pings" pings 20
stop_vmirror INT
all_delivered report "$(pcap count report.pcap)"
