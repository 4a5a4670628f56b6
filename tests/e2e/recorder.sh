#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The flight recorder: what a snapshot has is what passed last, byte for byte and in order, in a file
# of its own or on an interface; asked for by SIGUSR1 or by a packet; while packets go on, and also when
# the disk is full.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin tshark capinfos mergecap editcap tcpdump curl mount

# replay SINK KEYS...: a capture into a recorder for each KEYS, @ being its number, until all of it was seen.
replay() {
	local all sink=$1 keys mirrors=() n=0
	shift
	rm -rf ./*
	pcap make small "$T/in.pcap" 5
	all=$(pcap count "$T/in.pcap")
	for keys; do
		n=$((n + 1))
		mirrors+=(--mirror "name=rec$n,port=net_pcap0,dir=rx,mode=recorder,$keys,sink=${sink//@/$n}")
	done
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- --stats 0.1 "${mirrors[@]}"
	wait_for 30 grep -q "^mirror rec$n: seen=$all " "$T/out" || fail "not all $all were seen"
}

# snapshots MIRROR COUNT: so many have ended.
snapshots() {
	[ "$(counter "$1" snapshots)" = "$2" ]
}

# snapshot MIRROR COUNT: the next one, which is the COUNTth.
snapshot() {
	local name names
	kill -USR1 "$vm"
	# Of each: one that is still being written is not begun again.
	mapfile -t names < <(sed -n 's/^mirror \(rec[^:]*\):.*/\1/p' "$T/out" | sort -u)
	for name in "$1" "${names[@]}"; do
		wait_for 20 snapshots "$name" "$2" || fail "there was no snapshot $2 of $name"
	done
}

# has_last FILE MIRROR: all that was replayed, but for the oldest, which MIRROR has given up.
has_last() {
	local lost
	lost=$(counter "$2" overwritten)
	pcap skip "$T/in.pcap" "$T/last.pcap" "$lost"
	quietly "$1" editcap -F nsecpcap "$1" "$T/got.pcap"
	expect "$1: the last packets, byte for byte, without the first $lost" \
		same "$T/last.pcap" "$T/got.pcap" "${@:3}"
}

exact() {
	replay '[file,path=s@.pcapng]' "ring_bytes=64k" "ring_bytes=1M" "ring_bytes=64k,snaplen=80"
	snapshot rec3 1
	snapshot rec3 2
	for n in 1 2; do
		readable s?_0000${n}_*.pcapng
		has_last s1_0000${n}_*.pcapng rec1
		has_last s2_0000${n}_*.pcapng rec2
		has_last s3_0000${n}_*.pcapng rec3 snaplen=80
	done
	expect "a small ring has given up some" test "$(counter rec1 overwritten)" -gt 0
	expect "a large one none" test "$(counter rec2 overwritten)" = 0
	expect "there are no other files" test "$(find . -type f | wc -l)" = 6
	expect "only the owner can read them" test "$(stat -c %a s*.pcapng | uniq)" = 600
	expect "it is told" said "mirror 'rec2': snapshot 1 of $(counter rec2 captured) packets is in s2_00001"
	stop_vmirror INT
	counted rec1 snapshot_lost 0
}

# Of an interface's reader nobody knows when it is there: it is there before.
interface_sink() {
	replay '[net_tap,iface=mon@]' "ring_bytes=64k"
	watch mon1 "$T/mon.pcap"
	snapshot rec1 1
	sleep 0.5
	unwatch "$child" "$T/mon.pcap"
	has_last "$T/mon.pcap" rec1
	stop_vmirror INT
}

# More than a core can forward passes while snapshots are made of it.
under_load() {
	local n
	rm -rf ./*
	pcap make small "$T/in.pcap" 3
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap,infinite_rx=1" -- --stats 0.1 \
		--mirror "name=rec,port=net_pcap0,dir=rx,mode=recorder,ring_bytes=4M,sink=[file,path=s.pcapng]"
	sleep 1
	for n in 1 2 3 4 5; do
		snapshot rec "$n"
		sleep 0.3
	done
	stop_vmirror INT
	counted rec snapshot_lost 0
	counted rec snapshots_failed 0
	for n in 1 2 3 4 5; do
		expect "snapshot $n of many packets can be read, and is in order" whole s_0000"${n}"_*.pcapng
		expect "it has what the ring has" test "$(wc -l <"$T/times")" -gt 10000
		follows s_0000"${n}"_*.pcapng
	done
}

# follows FILE: of what is sent round and round nothing is left out in between.
follows() {
	local n
	quietly "$1" editcap -F nsecpcap "$1" "$T/got.pcap"
	n=$(pcap count "$T/in.pcap")
	expect "and no packet is missing" python3 - "$here" "$T/in.pcap" "$T/got.pcap" <<'PYTHON'
import sys

sys.path.insert(0, sys.argv[1])
import pcap

sent = [data for data, _ in pcap.read(sys.argv[2])]
got = [data for data, _ in pcap.read(sys.argv[3])]
starts = [i for i in range(len(sent)) if sent[i] == got[0]]
sys.exit(not any(all(g == sent[(i + k) % len(sent)] for k, g in enumerate(got)) for i in starts))
PYTHON
}

hosts() {
	rm -rf ./*
	two_hosts --stats 0.1 \
		--mirror 'name=rec,port=net_tap0,mode=recorder,ring_bytes=16M,sink=[file,path=s.pcapng]'
	serve 8000000
	download
	pings 20
	snapshot rec 1
	readable s_00001_*.pcapng
	expect "pings are in it, both ways" test \
		"$(tshark -r s_00001_*.pcapng -Y icmp 2>/dev/null | wc -l)" = 40
	expect "and the download, whole" test "$(tshark -r s_00001_*.pcapng -Y 'http.response.code == 200' \
		-T fields -e http.content_length 2>/dev/null)" = 8000000
	flood 0.01
	snapshot rec 2
	snapshot rec 3
	end_flood
	stop_vmirror INT
}

# A packet asks for it: what was before and what comes after, and not more.
triggered() {
	local span
	rm -rf ./*
	two_hosts --stats 0.1 --mirror 'name=rec,port=net_tap0,dir=rx,mode=recorder,filter=icmp,trigger="udp port 7777",before=500ms,after=300ms,snapshots=2,sink=[file,path=t.pcapng]'
	pings 1
	host_spawn a /dev/null /dev/null ping -q -n -c 300 -i 0.01 192.0.2.2
	sleep 1
	host a bash -c 'echo x >/dev/udp/192.0.2.2/7777'
	expect "one packet, one snapshot" wait_for 20 snapshots rec 1
	sleep 0.5
	expect "and no other" snapshots rec 1
	readable t_00001_*.pcapng
	span=$(tshark -r t_00001_*.pcapng -T fields -e frame.time_relative 2>/dev/null | tail -1)
	expect "from 500 ms before to 300 ms after: $span s" \
		awk "BEGIN { exit !($span > 0.7 && $span < 0.82) }"
	host a bash -c 'echo x >/dev/udp/192.0.2.2/7777'
	expect "another, another" wait_for 20 snapshots rec 2
	host a bash -c 'echo x >/dev/udp/192.0.2.2/7777'
	expect "more than snapshots= are not made: said" wait_for 20 said "mirror 'rec': its trigger has made its 2"
	expect "nor are they" snapshots rec 2
	wait_for 20 gone "$child" || true
	stop_vmirror INT
}

full() {
	disk 1m
	replay "[file,path=$T/disk/s@.pcapng]" "ring_bytes=4M,filter=\"len >= 0\""
	head -c 900000 /dev/zero >"$T/disk/other"
	snapshot rec1 1
	expect "the disk is full: said" said "mirror 'rec1': snapshot 1: [0-9]* of .* are not in .*: its disk is full"
	expect "and what was written can be read" whole "$T"/disk/s1_00001_*.pcapng
	expect "it is what is counted" test "$(wc -l <"$T/times")" = "$(counter rec1 snapshot_delivered)"
	rm "$T/disk/other" "$T"/disk/s1_*
	snapshot rec1 2
	expect "there is room again" said "mirror 'rec1': snapshot 2 of 1000 packets is in"
	readable "$T"/disk/s1_00002_*.pcapng
	stop_vmirror INT
	counted rec1 snapshots_failed 1
	no_disk
}

# What is being written when vmirror ends is written to its end.
ended() {
	replay '[file,path=s@.pcapng]' "ring_bytes=4M"
	kill -USR1 "$vm"
	stop_vmirror INT
	has_last s1_00001_*.pcapng rec1
	readable s1_00001_*.pcapng
}

# refused KEYS WORDS: such a recorder is none, and leaves nothing behind.
refused() {
	rm -rf ./*
	! "$VMIRROR" --no-huge -m 64 --no-pci -l "$core" --vdev net_null0,no-rx=1 -- --duration 1 \
		--mirror "port=0,$1" >"$T/out" 2>"$T/err" || fail "it ran: $1"
	expect "refused: $1" grep -Eq "^vmirror: .*$2" "$T/err"
	expect "nothing is left behind" test -z "$(ls -A)"
}

bad_input() {
	local file='sink=[file,path=s.pcapng'
	refused "mode=recorder,$file,rotate_bytes=1M]" "rotate_bytes: mode=recorder makes a file for each"
	refused "mode=recorder,sink=[file,path=-]" "path=-: mode=recorder makes a file for each"
	refused "mode=recorder,sink=[file,fd=1]" "fd: mode=recorder makes a file"
	refused "mode=recorder,sink=[file,path=no/such/s.pcapng]" "no/such"
	refused "mode=recorder,count=5,$file]" "count: a recorder keeps the last packets"
	refused "mode=recorder,trigger=\"tcp prt\",$file]" "trigger: .*tcp prt"
	refused "trigger=icmp,$file]" "trigger: snapshots are made in mode=recorder"
	refused "mode=recorder,ring_bytes=64G,$file]" "ring_bytes: .* are more than"
	rm -rf ./*
	pcap make small "$T/in.pcap" 3
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- \
		--mirror "name=m,port=0,dir=rx,sink=[file,path=m.pcapng]"
	kill -USR1 "$vm"
	expect "no recorder: said" wait_for 20 said "SIGUSR1: no mirror has mode=recorder"
	stop_vmirror INT
}

exact
interface_sink
under_load
hosts
triggered
full
ended
bad_input
