#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The file writer: captures that tshark, capinfos, mergecap and editcap read without a word of
# complaint, with every packet that was sent, byte for byte, and where it was from.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin tshark capinfos mergecap editcap zstd mkfifo

fields() {
	tshark -r "$1" -T fields "${@:2}" 2>/dev/null | sort | uniq -c | sed 's/^ *//'
}

# replay_on KIND MIRROR...: until they have seen all; vmirror runs on.
replay_on() {
	local kind=$1 all
	shift
	rm -rf ./*
	pcap make "$kind" "$T/in.pcap" 5
	all=$(pcap count "$T/in.pcap")
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- --stats 0.2 \
		"${@/#/--mirror=port=net_pcap0,dir=rx,}"
	wait_for 30 grep -q "^mirror .* seen=$all " "$T/out" || fail "not all $all were seen"
}

# The same, and it ends.
replay() {
	replay_on "$@"
	stop_vmirror INT
}

formats() {
	local kind n
	for kind in mixed jumbo; do
		replay $kind "name=ng,sink=[file,path=ng.pcapng]" \
			"name=pcap,sink=[file,path=plain.pcap,format=pcap]" \
			"name=zst,sink=[file,path=ng.pcapng.zst,compress=zstd]"
		n=$(pcap count "$T/in.pcap")
		all_delivered ng "$n"
		all_delivered pcap "$n"
		all_delivered zst "$n"
		readable ng.pcapng plain.pcap ng.pcapng.zst
		as_sent ng.pcapng
		as_sent plain.pcap
		expect "plain.pcap is a pcap with nanoseconds" \
			test "$(head -c 4 plain.pcap | od -An -tx4 | tr -d ' ')" = a1b23c4d
		as_sent ng.pcapng.zst
		quietly "zstd" zstd -tq ng.pcapng.zst
		expect "mode 0600" test "$(stat -c %a ng.pcapng plain.pcap ng.pcapng.zst | uniq)" = 600
	done
}

# What tells one packet's origin from another's, and what the capture says of itself.
about() {
	local n info
	replay mixed "name=web,snaplen=100,filter=\"len >= 10\",sink=[file,path=web.pcapng,comment=\"case 42, at night\"]"
	n=$(pcap count "$T/in.pcap")
	readable web.pcapng
	as_sent web.pcapng -- snaplen=100
	info=$(capinfos web.pcapng)
	for word in "comment: *case 42, at night" "comment: *name=web,port=net_pcap0,dir=rx" \
		"application: *vmirror" "Name = net_pcap0" "Description = DPDK port 0, net_pcap" \
		"Speed = 10000000000" "Time precision = nanoseconds" "Filter string = len >= 10" \
		"Capture length = 100" "Number of stat entries = 1" "Strict time order: *True"; do
		grep -q "$word" <<<"$info" || fail "capinfos does not say '$word': $info"
	done
	echo "ok the capture says how it was made"
	expect "each packet has its port, direction and queue" test \
		"$(fields web.pcapng -e frame.interface_name -e frame.packet_flags_direction -e frame.interface_queue)" \
		= "$n net_pcap0	0x00000001	0"
	expect "and its own length" test "$(tshark -r web.pcapng -T fields -e frame.len 2>/dev/null)" \
		= "$(tshark -r "$T/in.pcap" -T fields -e frame.len 2>/dev/null)"
}

# Both directions of two ports, each with its own interface.
directions() {
	local port
	rm -rf ./*
	pcap make small "$T/in.pcap" 3
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" --vdev net_null1,no-rx=1 -- --stats 0.2 \
		--mirror "name=both,port=all,sink=[file,path=both.pcapng]"
	wait_for 30 grep -q "^mirror both.* seen=2000 " "$T/out" || fail "not all were seen"
	stop_vmirror INT
	all_delivered both 2000
	readable both.pcapng
	expect "received here, sent there" test \
		"$(fields both.pcapng -e frame.interface_name -e frame.packet_flags_direction)" = \
		"$(printf '1000 net_null1\t0x00000002\n1000 net_pcap0\t0x00000001')"
	for port in net_null1 net_pcap0; do
		quietly both.pcapng tshark -r both.pcapng -Y "frame.interface_name == $port" -w $port.pcapng
		as_sent $port.pcapng
	done
}

# Forever, at a pace that a disk bears.
endless() {
	rm -rf ./*
	pcap make small "$T/in.pcap" 3
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap,infinite_rx=1" -- \
		"${@/#/--mirror=port=net_pcap0,dir=rx,max_pps=50000,}"
}

five_timed() {
	[ "$(find . -name 'timed_*' | wc -l)" -ge 5 ]
}

rotated() {
	local last
	endless "name=set,count=200000,sink=[file,path=set.pcapng,rotate_bytes=2M]" \
		"name=few,count=200000,sink=[file,path=few.pcapng,rotate_bytes=1M,files=3,exec=echo finished >>$T/done]" \
		"name=timed,sink=[file,path=timed.pcapng,rotate_seconds=1]"
	wait_for 60 said "mirror 'set' ended" || fail "200,000 packets do not pass"
	wait_for 60 said "mirror 'few' ended" || fail "200,000 packets do not pass"
	wait_for 60 five_timed || fail "there is no file a second"
	stop_vmirror INT
	all_delivered set 200000
	all_delivered few 200000
	readable set_*.pcapng
	readable few_*.pcapng
	expect "no file of the set is too long" test -z "$(find . -name 'set_*' -size +2000000c)"
	expect "together they have every packet" test "$(count_all set_*.pcapng)" = 200000
	expect "and they follow one another" in_order set_*.pcapng
	expect "of the others three are left" test "$(find . -name 'few_*' | wc -l)" = 3
	last=$(find . -name 'few_*' | sort | tail -1)
	expect "the last ones" test "${last:6:5}" -gt 10
	expect "a program ran for each" wait_for 20 grep -q "${last##*/}" "$T/done"
	expect "for ${last:6:5} files" test "$(wc -l <"$T/done")" = $((10#${last:6:5}))
	readable timed_*.pcapng
	expect "which have every packet" test "$(count_all timed_*.pcapng)" = "$(counter timed delivered)"
}

# As fast as packets come: each file ends where the next one begins.
rotated_fast() {
	local mirror n most=2000000 least=10
	# Each file is read by four tools.
	if [ "$soak" ]; then
		most=500000
		least=30
	fi
	replay many "name=ng,ring_bytes=128M,sink=[file,path=ng.pcapng,rotate_bytes=$most]" \
		"name=pcap,ring_bytes=128M,sink=[file,path=pcap.pcap,format=pcap,rotate_bytes=$most]" \
		"name=zst,ring_bytes=128M,sink=[file,path=z.pcapng.zst,compress=zstd,rotate_bytes=$most]"
	n=$(pcap count "$T/in.pcap")
	for mirror in ng pcap zst; do
		all_delivered $mirror "$n"
	done
	expect "there are many files" test "$(find . -name '*_000*' | wc -l)" -gt $least
	expect "none is too long" test -z "$(find . -name '*_000*' -size +${most}c)"
	readable ./*_000*
	as_sent ng_*
	as_sent pcap_*
	as_sent z_*
}

in_order() {
	local file
	for file; do
		tshark -r "$file" -T fields -e frame.time_epoch 2>/dev/null
	done | sort -c -n
}

streams() {
	local reader all
	mkfifo "$T/fifo"
	spawn "$T/read.pcapng" /dev/null cat "$T/fifo"
	reader=$child
	replay mixed "name=fifo,sink=[file,path=$T/fifo]"
	wait_for 20 gone "$reader" || fail "the fifo's reader still waits"
	mv "$T/read.pcapng" .
	readable read.pcapng
	as_sent read.pcapng
	all=$(pcap count "$T/in.pcap")

	rm -rf ./*
	"$VMIRROR" --no-huge -m 256 --no-pci -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- \
		--duration 2 --mirror "name=out,port=net_pcap0,dir=rx,sink=[file,path=-]" \
		2>"$T/err" | tee out.pcapng | tshark -r - -T fields -e frame.number >"$T/numbers" 2>"$T/tshark.err"
	expect "vmirror | tshark: all $all" test "$(tail -1 "$T/numbers")" = "$all"
	expect "and the figures on stderr" grep -q "^mirror out: seen=$all .*delivered=$all" "$T/err"
	readable out.pcapng
	as_sent out.pcapng

	"$VMIRROR" --no-huge -m 256 --no-pci -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- \
		--duration 2 --mirror "name=fd,port=net_pcap0,dir=rx,sink=[file,fd=7]" \
		7>fd.pcapng >"$T/out" 2>"$T/err"
	readable fd.pcapng
	as_sent fd.pcapng
	rm "$T/fifo"
}

# No packets any more, and then a file ends.
quiet() {
	replay_on mixed "name=plain,sink=[file,path=p.pcap,format=pcap,rotate_seconds=1]" \
		"name=zst,sink=[file,path=z.zst,format=pcap,compress=zstd]"
	sleep 2.5
	stop_vmirror INT
	readable p_*.pcap z.zst
	quietly "zstd" zstd -tq z.zst
	echo "ok a file that nothing was added to is whole"
	as_sent p_*.pcap
	as_sent z.zst
}

soon_complete() {
	[ "$(count_all soon.pcapng)" = "$(pcap count "$T/in.pcap")" ]
}

# What was seen is in the file within a second, though nobody has asked for it.
soon() {
	local tries
	for tries in 1 2 3; do
		replay_on mixed "name=soon,sink=[file,path=soon.pcapng]"
		sleep 1.2
		! soon_complete || break
		note "not in it yet; who writes may have been kept from a core: $tries"
		[ "$tries" = 3 ] || stop_vmirror INT
	done
	expect "within a second all of it can be read" soon_complete
	readable soon.pcapng
	as_sent soon.pcapng
	stop_vmirror INT
}

# lists CPU LIST: "0-2,5" has it.
lists() {
	awk -v cpu="$1" -v list="$2" 'BEGIN {
		n = split(list, ranges, ",")
		for (i = 1; i <= n; i++) {
			ends = split(ranges[i], range, "-")
			if (range[1] + 0 <= cpu && cpu <= range[ends] + 0) exit 0
		}
		exit 1
	}'
}

works() {
	grep -q '^iou-wrk' /proc/"$vm"/task/*/comm
}

# Of its threads the main one alone, which forwards, may run on its core.
off_core() {
	local task list
	for task in /proc/"$vm"/task/*; do
		list=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$task/status" 2>/dev/null) || continue
		[ "${task##*/}" = "$vm" ] || ! lists "$core" "$list" || return 1
	done
}

threads() {
	endless "name=m,sink=[file,path=m.pcapng]"
	# Where the file system writes at once there are none.
	if [[ $(stat -f -c %T .) == ext* ]]; then
		expect "the kernel has a thread for io_uring" wait_for 20 works
	fi
	if [ ${#cores[@]} -gt 1 ]; then
		expect "no thread may run on the core that forwards" wait_for 20 off_core
	fi
	stop_vmirror INT
}

formats
about
directions
threads
rotated
rotated_fast
streams
soon
quiet
