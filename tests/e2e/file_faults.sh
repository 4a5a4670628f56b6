#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The file writer when things go wrong: vmirror is killed, the disk is full, the file or its
# directory goes, a fifo's reader is slow, stops, goes and comes back. What was written can be read,
# what was not is counted and said, the packets go on.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin tshark capinfos mergecap editcap mkfifo mount mkfs.ext4 fsfreeze ping curl

kills=3
[ -z "$soak" ] || kills=100
pps=50000

# endless MIRROR...: packets for ever, at a pace that a disk bears.
endless() {
	pcap make small "$T/in.pcap" 3
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap,infinite_rx=1" -- --stats 0.2 \
		"${@/#/--mirror=port=net_pcap0,dir=rx,max_pps=$pps,}"
}

# sound FILE...: all of the tools read it, and it has nothing that was not sent.
sound() {
	readable "$@"
	of_those_sent "$@"
}

# Also without a last newline.
packets_of() {
	tshark -r "$1" -T fields -e frame.number 2>/dev/null | wc -l
}

killed() {
	local round delivered got
	for round in $(seq "$kills"); do
		rm -f ./*
		endless "name=m,sink=[file,path=m.pcapng]"
		sleep "1.$((RANDOM % 10))"
		delivered=$(counter m delivered)
		kill -KILL "$vm"
		wait "$vm" 2>/dev/null || true
		whole m.pcapng || fail "round $round: $(cat "$T/tshark.err")"
		got=$(wc -l <"$T/times")
		[ "$got" -ge "$delivered" ] || fail "round $round: $got packets of $delivered"
		sound m.pcapng
	done
	echo "ok killed $kills times: what was told as delivered can be read, and nothing torn"
	rm -f ./*
	endless "name=m,sink=[file,path=m.pcapng.zst,compress=zstd]"
	sleep 1.5
	delivered=$(counter m delivered)
	kill -KILL "$vm"
	wait "$vm" 2>/dev/null || true
	got=$(packets_of m.pcapng.zst)
	expect "compressed: $got packets of $delivered and more" test "$got" -ge "$delivered"
}

full() {
	disk 3m
	endless "name=stop,sink=[file,path=$T/disk/stop.pcapng]"
	expect "full, on_full=stop: said" wait_for 20 said "mirror 'stop' failed: .*its disk is full"
	stop_vmirror INT
	[ "$(counter stop write_error)" -gt 0 ] || fail "no loss was counted"
	expect "and what was written can be read" whole "$T/disk/stop.pcapng"
	expect "it is what is counted" test "$(wc -l <"$T/times")" = "$(counter stop delivered)"
	expect "and is nearly all there was room for" \
		test "$(stat -c %s "$T/disk/stop.pcapng")" -gt 1500000
	sound "$T/disk/stop.pcapng"
	no_disk

	disk 12m
	head -c 10500000 /dev/zero >"$T/disk/other"
	endless "name=drop,sink=[file,path=$T/disk/drop.pcapng,on_full=drop]"
	expect "full, on_full=drop: said" wait_for 20 said "mirror 'drop': .*its disk is full"
	rm "$T/disk/other"
	expect "room again: said" wait_for 20 said "mirror 'drop' is well again"
	stop_vmirror INT
	[ "$(counter drop write_error)" -gt 0 ] || fail "no loss was counted"
	expect "what was written before and after can be read" whole "$T/disk/drop.pcapng"
	expect "it is what is counted" test "$(wc -l <"$T/times")" = "$(counter drop delivered)"
	sound "$T/disk/drop.pcapng"
	no_disk

	disk 4m
	endless "name=old,count=200000,sink=[file,path=$T/disk/o.pcapng,rotate_bytes=500k,files=100,on_full=delete-oldest]"
	wait_for 30 said "mirror 'old' ended" || fail "it did not end"
	stop_vmirror INT
	all_delivered old 200000
	expect "full, on_full=delete-oldest: nothing is lost but old files" \
		test "$(find "$T/disk" -name 'o_*' | wc -l)" -gt 3
	sound "$T"/disk/o_*
	no_disk
}

# A mirror that cannot be added makes no file, and runs nothing for it.
not_added() {
	! "$VMIRROR" --no-huge -m 64 --no-pci -l "$core" --vdev net_null0,no-rx=1 -- --duration 1 \
		--mirror "port=0,core=999,sink=[file,path=x,exec=touch ran; true]" \
		>"$T/out" 2>"$T/err" || fail "it ran on core 999"
	expect "no such core: said" grep -q "core=999: there is no such core" "$T/err"
	sleep 0.2
	expect "and nothing is left behind" test -z "$(ls -A)"
}

has_no_room() {
	[ "$(counter slow no_room)" -gt 0 ]
}

removed() {
	mkdir sub
	endless "name=m,sink=[file,path=sub/m.pcapng]"
	wait_for 20 test -s sub/m.pcapng || fail "nothing is written"
	: >sub/m.pcapng
	expect "the file is emptied: said" \
		wait_for 20 said "mirror 'm' failed: .*truncated or overwritten by somebody else"
	stop_vmirror INT
	rm -rf ./*

	mkdir sub
	endless "name=m,sink=[file,path=sub/m.pcapng]"
	rm sub/m.pcapng
	expect "the file is removed: said" wait_for 20 said "mirror 'm': .*was removed"
	stop_vmirror INT
	rm -rf ./*

	mkdir sub
	endless "name=m,sink=[file,path=sub/m.pcapng,rotate_seconds=1]"
	rm -rf sub
	expect "the directory is removed: said, with the next file" \
		wait_for 20 said "mirror 'm' failed: .*sub"
	stop_vmirror INT
	[ "$(counter m sink_rejected)" -gt 0 ] || fail "no loss was counted"
	rm -rf ./*
}

fifos() {
	local reader
	mkfifo f
	! "$VMIRROR" --no-huge -m 64 --no-pci -l "$core" --vdev net_null0,no-rx=1 -- --duration 1 \
		--mirror "port=0,sink=[file,path=f]" >"$T/out" 2>"$T/err" || fail "it ran"
	expect "a fifo without a reader: said" \
		grep -q "path=f is a fifo that nobody reads; start its reader first" "$T/err"
	spawn "$T/slow.pcapng" /dev/null sh -c 'sleep 1; exec cat f'
	reader=$child
	# A reader that opens it late would keep us from the start.
	sleep 1.3
	endless "name=slow,ring_bytes=64k,sink=[file,path=f]"
	kill -STOP "$reader"
	expect "a reader that stops: the loss is counted while it lasts" wait_for 20 has_no_room
	kill -CONT "$reader"
	sleep 1
	stop_vmirror INT
	wait_for 20 gone "$reader" || fail "the reader still waits"
	expect "what it has got can be read" whole "$T/slow.pcapng"
	expect "it is what is counted" test "$(wc -l <"$T/times")" = "$(counter slow delivered)"
	sound "$T/slow.pcapng"

	read_on f /dev/null
	endless "name=gone,sink=[file,path=f]"
	sleep 0.5
	kill -KILL "$reader"
	wait "$reader" 2>/dev/null || true
	expect "a reader that goes: said" wait_for 20 said "mirror 'gone': .*its reader has gone"
	spawn "$T/new.pcapng" /dev/null cat f
	reader=$child
	expect "another comes: said" wait_for 20 said "mirror 'gone': .* is back"
	sleep 1
	stop_vmirror INT
	wait_for 20 gone "$reader" || fail "the reader still waits"
	[ "$(counter gone sink_rejected)" -gt 0 ] || fail "no loss was counted"
	expect "and can read from its first packet" whole "$T/new.pcapng"
	[ "$(wc -l <"$T/times")" -gt 1000 ] || fail "it got next to nothing"
	sound "$T/new.pcapng"

	read_on f /dev/null
	endless "name=none,sink=[file,path=f]"
	kill -KILL "$reader"
	wait "$reader" 2>/dev/null || true
	wait_for 20 said "mirror 'none': .*its reader has gone" || fail "not said"
	rm f
	sleep 1.5
	expect "a fifo that is removed does not become a file" test ! -e f
	stop_vmirror INT
	mkfifo f

	read_on f /dev/null
	endless "name=stuck,sink=[file,path=f]"
	kill -STOP "$reader"
	sleep 1
	stop_vmirror INT
	[ "$(counter stuck unknown)" -gt 0 ] || fail "no loss was counted"
	echo "ok a reader that never reads again does not hold up the end"
	kill -KILL "$reader"
	wait "$reader" 2>/dev/null || true
	rm -f ./*
}

# A disk that answers nothing any more: whoever takes its mirror away is not held, nor is anybody else.
hangs() {
	local code=0 listed=0 took
	truncate -s 64M "$T/image"
	mkfs.ext4 -q "$T/image"
	mkdir "$T/hangs"
	if ! mount -o loop "$T/image" "$T/hangs"; then
		note "without loop devices a disk that hangs is not tried"
		return
	fi
	pcap make small "$T/in.pcap" 3
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap,infinite_rx=1" -- \
		--mirror "name=m,port=net_pcap0,dir=rx,max_pps=5000,sink=[file,path=$T/hangs/m.pcapng]" \
		--mirror "name=ok,port=net_pcap0,dir=rx,max_pps=5000,sink=[file,path=ok.pcapng]"
	sleep 1
	# What is frozen keeps its writers, whatever they are sent: nothing is judged meanwhile.
	fsfreeze -f "$T/hangs"
	sleep 1
	now
	took=$now
	timeout 30 "$VMIRRORCTL" remove m >"$T/removed" 2>&1 || code=$?
	now
	took=$(((now - took) / 1000))
	timeout 5 "$VMIRRORCTL" list >"$T/list" 2>&1 || listed=$?
	fsfreeze -u "$T/hangs"
	expect "a disk that hangs: its mirror is removed" test $code = 0
	expect "after $took ms" test $took -lt 15000
	expect "and the reason said" said "mirror 'm' failed: .*its disk does not answer"
	expect "the other one goes on" test "$listed: $(grep -c '^ok .*attached' "$T/list")" = "0: 1"
	stop_vmirror INT
	all_delivered ok
	readable ok.pcapng
	expect "what was written before can be read" whole "$T/hangs/m.pcapng"
	of_those_sent "$T/hangs/m.pcapng"
	umount "$T/hangs"
	rm -f ./* "$T/image"
}

# Two hosts notice nothing, while one mirror's disk is full, another's directory is gone, a third one's
# reader has stopped and a fourth one's has gone.
forwards() {
	local stopped left
	disk 1m
	head -c 1m /dev/zero >"$T/disk/other" 2>"$T/head.err" || true
	mkdir sub
	read_fifo stopped /dev/null
	stopped=$reader
	read_fifo left /dev/null
	left=$reader
	two_hosts --stats 0.2 --mirror "name=full,port=all,sink=[file,path=$T/disk/f.pcapng,on_full=drop]" \
		--mirror "name=dir,port=all,sink=[file,path=sub/m.pcapng,rotate_bytes=100k]" \
		--mirror "name=stopped,port=all,ring_bytes=64k,sink=[file,path=stopped]" \
		--mirror "name=left,port=all,sink=[file,path=left]" \
		--mirror "name=well,port=all,snaplen=128,ring_bytes=64M,sink=[file,path=well.pcapng]"
	kill -STOP "$stopped"
	kill -KILL "$left"
	wait "$left" 2>/dev/null || true
	rm -rf sub
	serve 20000000
	pings 200
	download
	expect "a disk that is full: said" wait_for 20 said "mirror 'full': .*its disk is full"
	expect "a directory that is removed: said" wait_for 20 said "mirror 'dir' failed: .*sub"
	expect "a reader that goes: said" wait_for 20 said "mirror 'left': .*its reader has gone"
	download
	pings 200
	kill -KILL "$stopped"
	wait "$stopped" 2>/dev/null || true
	stop_vmirror INT
	[ "$(counter full write_error)" -gt 0 ] || fail "no loss was counted of a full disk"
	[ "$(counter dir sink_rejected)" -gt 0 ] || fail "no loss was counted of no directory"
	[ "$(counter stopped no_room)" -gt 0 ] || fail "no loss was counted of a reader that stops"
	[ "$(counter left sink_rejected)" -gt 0 ] || fail "no loss was counted of a reader that goes"
	echo "ok and two hosts have noticed nothing"
	all_delivered well
	readable well.pcapng
	expect "nor has the mirror beside them" test "$(count_all well.pcapng)" = "$(counter well delivered)"
	no_disk
}

not_added
forwards
killed
full
removed
fifos
hangs
