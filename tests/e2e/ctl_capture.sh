#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirrorctl capture, in place of tcpdump: what passes is shown at once, or is in the file, all of it and
# nothing else; and when it ends, however that happens, nothing is left.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin tcpdump tshark capinfos mergecap editcap ping curl python3 script pgrep

is_delivered() {
	[ "$("$VMIRRORCTL" stats --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["mirrors"][0]["delivered"])')" -ge "$1" ]
}

# to_file FILTER OPTION...: packets that come in, those that match and no others, byte for byte.
to_file() {
	local filter=$1 all
	shift
	rm -f ./*
	tcpdump -r "$T/in.pcap" -w "$T/wanted.pcap" "$filter" 2>/dev/null
	all=$(pcap count "$T/wanted.pcap")
	capture /dev/null "$T/c.err" -i net_tap0 -Q in -w got.pcapng "$@" -f "$filter"
	host a python3 "$here/pcap.py" send cable0 "$T/in.pcap"
	wait_for 20 is_delivered "$all" || fail "$all packets are not delivered: $filter"
	end_capture "$client" INT
	readable got.pcapng
	quietly "got.pcapng" editcap -F nsecpcap got.pcapng "$T/got.pcap"
	expect "the $all packets that match '$filter'" same "$T/wanted.pcap" "$T/got.pcap"
	expect "as it says" test "$(counts "$T/c.err" captured)" = "$all"
	expect "the others are filtered" test "$(counts "$T/c.err" filtered)" = \
		$(($(pcap count "$T/in.pcap") - all))
	expect "none is dropped" grep -qx '0 packets dropped' "$T/c.err"
	expect "only the owner can read it" test "$(stat -c %a got.pcapng)" = 600
	expect "nothing is left" mirrors 0
}

# magic FILE: what it begins with. Both of our pcap's and of pcapng's are the machine's own way round.
magic() {
	od -An -tx4 -N4 "$1" | tr -d ' '
}

files() {
	pcap make mixed "$T/all.pcap" 7
	pcap fit "$T/all.pcap" "$T/in.pcap" 1514
	to_file "udp port 53 or (tcp port 443 and ip[8] & 1 = 0)"
	expect "it is pcapng" test "$(magic got.pcapng)" = 0a0d0d0a
	to_file "arp or icmp or greater 1400" -P
	expect "-P: it is pcap, with nanoseconds" test "$(magic got.pcapng)" = a1b23c4d
	to_file "" --capture-comment 'a, "b" [c'
	expect "with its comment" grep -qF 'a, "b" [c' <(capinfos -k got.pcapng)
}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# shown_after FROM REGEX: how many ms from then it is until such a line is on the terminal, in $ms.
shown_after() {
	until grep -q "$2" "$T/shown"; do
		ms=$(($(now_ms) - $1))
		[ $ms -lt 20000 ] || fail "no packet is shown: $(cat "$T/shown" "$T/c.err")"
		sleep 0.002
	done
	ms=$(($(now_ms) - $1))
}

# What passes is on the terminal while one looks.
shown() {
	local from ms tries
	for tries in 1 2 3; do
		capture "$T/shown" "$T/c.err" -i 0 -e icmp
		sleep 0.3
		from=$(now_ms)
		pings 1
		shown_after "$from" 'ICMP echo request'
		note "the first packet is shown after $ms ms, ping and all ($tries)"
		if [ "$ms" -lt 1000 ] || [ "$tries" = 3 ]; then
			break
		fi
		end_capture "$client" INT
	done
	expect "within a second" test "$ms" -lt 1000
	pings 9
	wait_for 20 is_delivered 20 || fail "20 packets are not delivered"
	end_capture "$client" INT
	expect "all of them, both ways" test "$(grep -c 'ICMP echo re' "$T/shown")" = 20
	expect "-e is passed on" grep -q 'ethertype IPv4' "$T/shown"
	expect "and counted" test "$(counts "$T/c.err" captured)" = 20
	expect "nothing is left" mirrors 0
	expect "nor tcpdump" wait_for 20 nobody_else
}

# From Enter to the first packet, while some pass all the time.
at_once() {
	local from ms ping tries
	host_spawn a /dev/null /dev/null ping -q -n -i 0.005 192.0.2.2
	ping=$child
	for tries in 1 2 3; do
		: >"$T/shown"
		from=$(now_ms)
		spawn "$T/shown" "$T/c.err" "$VMIRRORCTL" capture -i 0 icmp
		client=$child
		shown_after "$from" .
		note "the first packet is shown $ms ms after Enter ($tries)"
		end_capture "$client" INT
		[ "$ms" -ge 2000 ] || break
	done
	expect "a person does not wait" test "$ms" -lt 2000
	kill "$ping"
	wait_for 20 gone "$ping"
}

download_shown() {
	capture "$T/shown" "$T/c.err" -i any -c 2 'tcp dst port 80 and tcp[13] & 2 != 0'
	download
	end_capture "$client"
	expect "curl's SYN, on both ports" test \
		"$(grep -c '192.0.2.1.* > 192.0.2.2.80: Flags \[S\]' "$T/shown")" = 2
	expect "-c ends it" grep -q 'ended: reached its count of 2' "$T/c.err"
	expect "nothing is left" mirrors 0
}

limits() {
	local from to
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -w five.pcapng -c 5 icmp
	pings 10
	end_capture "$client"
	expect "-c 5: five" test "$(count_all five.pcapng)" = 5
	from=$(now_ms)
	capture /dev/null "$T/c.err" -i 0 -w time.pcapng -a duration:3 icmp
	pings 2
	end_capture "$client"
	to=$(now_ms)
	expect "-a duration:3 ends it, after $((to - from)) ms" test $((to - from)) -ge 3000
	expect "and not much later" test $((to - from)) -lt 9000
	expect "with what came" test "$(count_all time.pcapng)" = 4
	capture /dev/null "$T/c.err" -i 0 -s 40 -w short.pcapng -a packets:2 icmp
	pings 1
	end_capture "$client"
	expect "-s 40: cut, and their length is known" test \
		"$(tshark -r short.pcapng -T fields -e frame.cap_len -e frame.len 2>/dev/null | sort -u)" = \
		"40	98"
	capture /dev/null "$T/c.err" -i 0 -Q out -w out.pcapng -c 1 icmp
	pings 1
	end_capture "$client"
	expect "-Q out: to the host" grep -q '192.0.2.2 > 192.0.2.1' <(tcpdump -nr out.pcapng 2>/dev/null)
}

# Bytes go straight from the process to whoever reads.
piped() {
	: >"$T/c.err"
	spawn "$T/fields" "$T/tshark.err" bash -c \
		"'$VMIRRORCTL' capture -i 0 -w - -c 6 icmp 2>'$T/c.err' | tshark -l -r - -T fields -e icmp.type"
	wait_for 20 grep -q 'capturing on' "$T/c.err" || fail "$(cat "$T/c.err")"
	pings 3
	wait_for 20 gone "$child" || fail "-w - | tshark does not end"
	expect "-w - | tshark -r -" test "$(sort "$T/fields" | uniq -c | xargs)" = "3 0 3 8"
	read_fifo "$T/fifo" fifo.pcapng
	capture /dev/null "$T/c.err" -i 0 -w "$T/fifo" -c 2 icmp
	pings 1
	end_capture "$client"
	wait_for 20 gone "$reader" || fail "the fifo's reader does not end"
	expect "a fifo" test "$(count_all fifo.pcapng)" = 2
	# Whoever reads has seen enough.
	spawn /dev/null "$T/c.err" bash -c "'$VMIRRORCTL' capture -i 0 icmp | head -n 1"
	wait_for 20 grep -q 'capturing on' "$T/c.err" || fail "$(cat "$T/c.err")"
	pings 50
	wait_for 20 gone "$child" || fail "capture | head does not end"
	expect "capture | head: nothing is left" mirrors 0
}

# A reader that stops: what finds no room is told in the last words, with the reason, and all the rest is what it
# has got. What it should have got stands, cut short, in another capture's file.
lossy() {
	local all lossy lost
	rm -f ./*
	serve_more 40000000
	capture /dev/null "$T/all.err" -i 0 -s 64 -w all.pcapng tcp port 80
	all=$client
	read_fifo "$T/lossy" lossy.pcapng
	capture /dev/null "$T/c.err" -i 0 -w "$T/lossy" tcp port 80
	lossy=$client
	kill -STOP "$reader"
	expect "a reader that stops: packets are lost" until_lost
	kill -CONT "$reader"
	wait_for 30 nothing_in_flight || fail "what is left does not get to the reader"
	end_capture "$lossy" INT
	end_capture "$all" INT
	wait_for 20 gone "$reader" || fail "the fifo's reader does not end"
	lost=$(counts "$T/c.err" dropped)
	expect "the last words: $lost packets" test "$lost" -gt 0
	expect "and why" grep -qx "$lost packets dropped: no_room $lost" "$T/c.err"
	expect "all others were captured" test "$(counts "$T/c.err" captured)" = "$(count_all lossy.pcapng)"
	expect "the other capture lost none" grep -qx '0 packets dropped' "$T/all.err"
	expect "of it no more is missing" test "$(count_all all.pcapng)" = \
		$(($(count_all lossy.pcapng) + lost))
	serve_more 100000
}

two_at_once() {
	local first
	rm -f ./*
	capture /dev/null "$T/c1.err" -i 0 -w icmp.pcapng icmp
	first=$client
	capture /dev/null "$T/c2.err" -i 1 -w arp.pcapng 'arp or icmp'
	expect "two captures" mirrors 2
	refused "a third into the same file" 1 "icmp.pcapng is being written by another capture" \
		capture -i 0 -w icmp.pcapng
	pings 5
	wait_for 20 is_delivered 10
	end_capture "$first" INT
	expect "one ends, the other goes on" mirrors 1
	pings 5
	wait_for 20 is_delivered 20
	end_capture "$client" TERM
	expect "the first has its packets" test "$(count_all icmp.pcapng)" = 10
	expect "and so has the other" test "$(tshark -r arp.pcapng -Y icmp 2>/dev/null | wc -l)" = 20
}

# Its mirror is removed by somebody, and the name is another's at once.
name_taken() {
	local code=0
	capture /dev/null "$T/c.err" -i 0 -w k.pcapng icmp
	python3 - "$T/run/dpdk/rte/vmirror.$vm" <<-'END' || fail "mirror0 cannot be replaced"
		import json, os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		spec = "name=mirror0,port=0,filter=arp,sink=[file,path=/dev/null]"
		for n, (method, params) in enumerate((("remove", {"name": "mirror0"}),
		                                      ("add", {"spec": spec, "persist": True}))):
		    s.sendall(json.dumps({"jsonrpc": "2.0", "id": n, "method": method,
		                          "params": params}).encode() + b"\n")
		lines = s.makefile()
		sys.exit(any("error" in json.loads(lines.readline()) for _ in range(2)))
	END
	wait_for 20 gone "$client" || fail "capture goes on with another's mirror"
	wait "$client" || code=$?
	expect "a mirror that was replaced: capture ends with status 1" test $code = 1
	expect "and says so" grep -q 'mirror0 was removed by somebody else' "$T/c.err"
	expect "the other one is left alone" grep -q '^mirror0 .*filter=arp' <("$VMIRRORCTL" list)
	ctl remove mirror0 >/dev/null
	rm -f k.pcapng
}

# The process takes away what nobody looks after any more.
killed() {
	local how
	for how in KILL HUP; do
		rm -f ./*
		capture "$T/shown" "$T/c.err" -i 0 icmp
		capture /dev/null "$T/c2.err" -i 0 -w k.pcapng icmp
		pings 2
		wait_for 20 is_delivered 4
		mark
		pkill -"$how" --ns $$ --nslist net -x vmirrorctl
		expect "kill -$how: the mirrors are gone within a second" within 1 mirrors 0
		expect "and tcpdump" wait_for 20 nobody_else
		expect "and the file is whole" readable k.pcapng
		expect "with what came" test "$(count_all k.pcapng)" = 4
	done
}

stopped() {
	local code=0
	grep -hv '^[0-9]* (.*) T' /proc/"$1"/task/*/stat >/dev/null 2>&1 || code=$?
	[ $code = 1 ] # a thread that ends meanwhile is 2
}

# twice ARGUMENT...: the process does not answer, and who presses Ctrl-C again is not kept waiting.
twice() {
	local code=0
	rm -f ./*
	capture "$T/shown" "$T/c.err" -i 0 "$@"
	wait_for 20 heeds "$client" || fail "capture does not heed SIGINT"
	kill -STOP "$vm"
	wait_for 20 stopped "$vm" || fail "vmirror is not stopped"
	kill -INT "$client"
	wait_for 20 not heeds "$client" || fail "SIGINT is not read"
	expect "Ctrl-C: it waits for a process that is stopped" alive "$client"
	mark
	kill -INT "$client"
	expect "Ctrl-C again: it ends at once" within 1 gone "$client"
	wait "$client" || code=$?
	expect "with status 130" test $code = 130
	expect "nor is tcpdump left" wait_for 20 nobody_else
	mark
	kill -CONT "$vm"
	expect "when the process goes on the mirror is gone within a second" within 1 mirrors 0
}

# shows COUNT: pings, or more, on the terminal.
shows() {
	[ "$(grep -c 'ICMP echo re' "$T/terminal")" -ge "$1" ]
}

# on_terminal_captures ARGUMENT...: on a terminal; its process id is in $client.
on_terminal_captures() {
	on_terminal "$T/terminal" "$VMIRRORCTL" capture -i 0 "$@"
	client=$terminal
	wait_for 20 is_capturing "$T/terminal" || fail "capture does not begin"
	alive "$terminal" || fail "capture ended at once: $(cat "$T/terminal")"
	client=$(pgrep -P "$terminal")
	wait_for 20 heeds "$client" || fail "capture does not heed SIGINT"
}

# To all that is in the terminal's foreground, while packets pass.
typed() {
	local ping code=0
	host_spawn a /dev/null /dev/null ping -q -n -i 0.005 192.0.2.2
	ping=$child
	on_terminal_captures icmp
	wait_for 20 shows 50 || fail "no packets are shown"
	press $'\x03'
	wait_for 20 gone "$terminal" || fail "Ctrl-C does not end it"
	wait "$terminal" || code=$?
	kill "$ping"
	wait_for 20 gone "$ping"
	plain "$T/terminal" >"$T/shown"
	expect "Ctrl-C is typed: it ends well" test $code = 0
	expect "what was captured is shown, all of it" test "$(grep -c 'ICMP echo re' "$T/shown")" = \
		"$(counts "$T/shown" captured)"
	expect "the counts come last" test "$(tail -n 3 "$T/shown" | sed 's/^[0-9]* //; s/:.*//' | xargs)" = \
		"packets captured packets filtered packets dropped"
	expect "no tcpdump is left" nobody_else
	expect "nor a mirror" mirrors 0
}

# closed ARGUMENT...: with its window.
closed() {
	rm -f ./*
	on_terminal_captures "$@"
	pings 2
	wait_for 20 is_delivered 4 || fail "4 packets are not delivered"
	mark
	close_terminal
	expect "a closed terminal: capture ends within a second" within 1 gone "$terminal"
	expect "the mirror is gone" within 1 mirrors 0
	expect "and tcpdump" wait_for 20 nobody_else
}

counted_often() {
	[ "$(grep -c '^[0-9]* packets captured, 0 filtered, 0 dropped; [0-9]* a second$' "$T/c.err")" -ge 2 ]
}

# Counts for who looks on, and none for who asked for none.
told() {
	local shown
	rm -f ./*
	shown=$(timeout 20 script -qec "timeout --foreground -s INT 3 '$VMIRRORCTL' capture -i 0 -w t.pcapng" /dev/null) || true
	expect "on a terminal it counts" grep -q $'\r[0-9]* packets ' <<<"$shown"
	shown=$(timeout 20 script -qec "'$VMIRRORCTL' capture -i 0 -w t.pcapng -a duration:3" /dev/null) || true
	expect "and where there is an end says how far it is" grep -Eq $'\r[0-9]* packets, [1-9][0-9] % ' <<<"$shown"
	# A ping and its answer are 98 bytes each: 196 of 1000.
	spawn "$T/tty" /dev/null script -qec \
		"'$VMIRRORCTL' capture -i 0 -w t.pcapng -a filesize:1 icmp" /dev/null
	wait_for 20 mirrors 1 || fail "capture does not begin: $(cat "$T/tty")"
	pings 1
	expect "also to the end of its bytes" wait_for 20 grep -q $'\r2 packets, 19 % ' "$T/tty"
	pings 5
	expect "which it reaches" wait_for 20 gone "$child"
	capture /dev/null "$T/c.err" -i 0 -w t.pcapng -S icmp
	pings 3
	expect "-S: every second" wait_for 20 counted_often
	end_capture "$client" INT
	expect "no count that changes where there is no terminal" not grep -q $'\r' "$T/c.err"
	spawn /dev/null "$T/c.err" "$VMIRRORCTL" capture -q -i 0 -w t.pcapng -c 1 icmp
	wait_for 20 mirrors 1
	pings 1
	end_capture "$child"
	expect "-q: not a word" test ! -s "$T/c.err"
	rm -f ./*
	ctl capture -D >"$T/ctl.out"
	expect "-D lists ports" grep -q '^ *0 *net_tap0' "$T/ctl.out"
	ctl capture -d -i 0 -w d.pcapng tcp port 80 >"$T/ctl.out"
	expect "-d says what would be done" grep -q 'd.pcapng' "$T/ctl.out"
	expect "and does nothing" test -z "$(ls -A)"
}

# The process ends under it.
ends_under_it() {
	local code=0
	rm -f ./*
	capture "$T/shown" "$T/c.err" -i 0 icmp
	pings 2
	kill -INT "$vm"
	end_vmirror 20
	wait_for 20 gone "$client" || fail "capture outlives its process"
	wait "$client" || code=$?
	expect "the process ends: so does capture, with status 1" test $code = 1
	expect "which is said" grep -q '^vmirrorctl: the process has ended' "$T/c.err"
	expect "and nothing is left" wait_for 20 nobody_else
}

# shellcheck disable=SC2119 # without a mirror of its own
two_hosts
files
serve 100000
shown
at_once
download_shown
limits
piped
lossy
two_at_once
name_taken
killed
twice icmp
twice -w t.pcapng icmp
typed
closed icmp
closed -w k.pcapng icmp
readable k.pcapng
expect "the file has what came" test "$(count_all k.pcapng)" = 4
told
ends_under_it
