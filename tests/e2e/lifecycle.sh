#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The end at any moment, under traffic: signals end vmirror cleanly with complete files, and a
# kill leaves no interface and a file that can be read. VMIRROR_TEST_SOAK=1: ten times as often.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip tcpdump capinfos

rounds=$((soak ? 100 : 10))
mirrors=(--mirror "name=report,port=all,sink=[net_pcap_report,tx_pcap=report.pcap]"
	--mirror "name=live,port=net_null0,dir=tx,filter=\"len > 10\",sink=[net_tap_live,iface=mon0]")

# Ports that receive without end, at a pace that a disk bears.
start() {
	rm -f report.pcap
	pcap make small "$T/in.pcap" 9
	start_vmirror -l "$1" --vdev net_null0,copy=1 \
		--vdev "net_pcap1,rx_pcap=$T/in.pcap,infinite_rx=1" -- "${mirrors[@]}"
}

readable() {
	local said
	said=$(tcpdump -r report.pcap -w /dev/null 2>&1) || return 1
	! grep -q truncated <<<"$said" && capinfos -c report.pcap >/dev/null
}

clean_end() {
	local signal=$1
	start "$2"
	sleep "0.$((RANDOM % 500 + 100))"
	stop_vmirror "$signal"
	readable || fail "report.pcap cannot be read to its end"
	[ "$(counter report delivered)" = "$(pcap count report.pcap)" ] ||
		fail "$(counter report delivered) delivered, $(pcap count report.pcap) in the file"
	# A ring is full where ports never end; what was taken is delivered all the same.
	counted report delivered "$(counter report captured)"
	no_interface mon0 || fail "mon0 is still there"
	[ -z "$(find "$T/run" -type s)" ] || fail "a socket is still there"
}

# A signal while vmirror starts.
early_end() {
	rm -f report.pcap
	spawn "$T/out" "$T/err" "$VMIRROR" --no-huge -m 256 --no-pci -l "$core" --vdev net_null0 \
		-- "${mirrors[@]}"
	vm=$child
	sleep "0.$((RANDOM % 900 + 100))"
	kill -TERM "$vm"
	end_vmirror 20
	# 143: the signal came before vmirror could ask for it.
	[ $status -eq 0 ] || [ $status -eq 143 ] || fail "ended with status $status"
	no_interface mon0 || fail "mon0 is still there"
}

killed() {
	start "$core"
	sleep 0.3
	kill -KILL "$vm"
	wait "$vm" 2>/dev/null || true
	wait_for 20 no_interface mon0 || fail "mon0 outlives its vmirror"
	packets report.pcap 1 || fail "no packet can be read from report.pcap"
	capinfos -c report.pcap >/dev/null 2>&1 || tcpdump -r report.pcap -c 1 >/dev/null 2>&1 ||
		fail "report.pcap cannot be read"
}

both=$core
[ ${#cores[@]} -lt 2 ] || both=${cores[0]},${cores[1]}
for ((round = 1; round <= rounds; round++)); do
	signal=INT
	[ $((round % 2)) -eq 0 ] || signal=TERM
	clean_end $signal "$both"
done
echo "ok $rounds ends by SIGINT and SIGTERM under traffic"
for ((round = 1; round <= rounds / 4; round++)); do
	early_end
done
echo "ok $((rounds / 4)) signals while it starts"
for ((round = 1; round <= rounds / 4; round++)); do
	killed
done
echo "ok $((rounds / 4)) kills"
