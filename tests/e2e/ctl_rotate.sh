#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirrorctl capture into files that follow each other, by dumpcap's flags and by tcpdump's: no packet is
# lost between them, they are called as those call theirs, and when it ends, however, no other is left.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin tcpdump tshark capinfos mergecap editcap ping curl python3 gzip

# Also those that have hidden names.
count_files() {
	find . -type f | wc -l
}

are() {
	[ "$(count_files)" -ge "$1" ]
}

# all_of FILE...: their packets, one file after the other, are what host a sent.
all_of() {
	readable "$1"
	readable "${*: -1}"
	quietly "capinfos" capinfos "$@"
	mergecap -a -F nsecpcap -w "$T/got.pcap" "$@"
	same "$T/sent.pcap" "$T/got.pcap"
}

is_delivered() {
	# shellcheck disable=SC2119 # of the only process
	[ "$(delivered_by)" -ge "$1" ]
}

# send_often TIMES: each time when what was sent before has arrived, as the tap holds no more.
send_often() {
	local i each
	each=$(pcap count "$T/in.pcap")
	for ((i = 1; i <= $1; i++)); do
		host a python3 "$here/pcap.py" send cable0 "$T/in.pcap"
		wait_for 20 is_delivered $((i * each)) || fail "not all packets are delivered"
	done
}

send_until_gone() {
	local i
	for ((i = 0; i < 9; i++)); do
		host a python3 "$here/pcap.py" send cable0 "$T/in.pcap"
		! wait_for 1 gone "$client" || return 0
	done
}

prepare() {
	pcap make mixed "$T/all.pcap" 7
	pcap fit "$T/all.pcap" "$T/in.pcap" 1514
	mergecap -a -F nsecpcap -w "$T/sent.pcap" "$T"/in.pcap "$T"/in.pcap "$T"/in.pcap
}

# dumpcap's: numbered, with the time.
by_ring() {
	local file most=0
	capture /dev/null "$T/c.err" -i 0 -Q in -w r.pcapng -b filesize:200
	send_often 3
	end_capture "$client" INT
	expect "-b filesize: several files" are 4
	expect "as dumpcap calls them" test "$(find . -type f | grep -c '^./r_000[0-9][0-9]_20[0-9]*\.pcapng$')" = \
		"$(count_files)"
	expect "nothing is lost between them" all_of r_*.pcapng
	# So many are at hand when the first packet comes; later ones when the client has its turn.
	for file in r_0000[1-9]_*; do
		[ "$(stat -c %s "$file")" -le "$most" ] || most=$(stat -c %s "$file")
	done
	expect "none is longer than 200,000 bytes: $most" test "$most" -le 200000
	expect "only the owner can read them" test "$(stat -c %a r_* | sort -u)" = 600
	expect "it says how many, and the last" grep -qx \
		"vmirrorctl: $(count_files) files, the last is $(printf '%s\n' r_* | tail -n 1)" "$T/c.err"
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -w r.pcapng -b filesize:66 -b files:2
	send_often 3
	end_capture "$client" INT
	expect "-b files:2: the last two stay" test "$(count_files)" = 2
	expect "and the first is gone" test -z "$(find . -name "r_00001_*")"
	for file in r_*; do
		readable "$file"
	done
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -Q in -w r.pcapng -b filesize:200 -a files:3
	send_until_gone
	end_capture "$client"
	expect "-a files:3: ends by itself, with three" test "$(count_files)" = 3
	expect "of which the last is full, too" test "$(stat -c %s r_00003_*)" -ge 199000
	expect "it says so" grep -q '^vmirrorctl: 3 files, the last is r_00003_' "$T/c.err"
	readable r_00003_*
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -w r.pcapng -b duration:4 -a files:2 icmp
	pings 3
	sleep 4.2
	pings 3
	end_capture "$client"
	expect "-b duration:4 -a files:2: two" test "$(count_files)" = 2
	expect "after eight seconds" grep -q 'reached its duration of 8000 ms' "$T/c.err"
	rm -f ./*
}

# tcpdump's: a ring of numbers, and times.
by_letters() {
	capture /dev/null "$T/c.err" -i 0 -P -w t.pcap -C 1 -W 3
	download
	download
	end_capture "$client" INT
	expect "-C 1 -W 3: three, and again from the first" test "$(find . -type f | sort | xargs)" = \
		"./t.pcap0 ./t.pcap1 ./t.pcap2"
	readable t.pcap0
	readable t.pcap2
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -Q in -P -w t.pcap -C 1
	send_often 3
	end_capture "$client" INT
	expect "-C: nothing is lost between them" all_of t.pcap t.pcap?
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -w 'g-%H%M%S.pcapng' -G 3 -W 2 icmp
	pings 3
	sleep 3.2
	pings 3
	end_capture "$client"
	expect "-G 3 -W 2: ends by itself, with two" test "$(find . -type f | grep -c '^./g-[0-9]\{6\}\.pcapng1\?$')" = 2
	expect "after six seconds" grep -q 'reached its duration of 6000 ms' "$T/c.err"
	rm -f ./*
}

in_order() {
	find . -type f -printf '%T@ %p\n' | sort -n | cut -d ' ' -f 2
}

# A time in the directory's name; and a name that is taken by what is no file.
odd_names() {
	local file files
	mkdir "$(date +%Y)"
	capture /dev/null "$T/c.err" -i 0 -w '%Y/f-%H%M%S.pcapng' -G 1 -W 3
	for file in 1 2 3; do
		host a python3 "$here/pcap.py" send cable0 "$T/in.pcap"
		sleep 1
	done
	end_capture "$client"
	expect "-w %Y/…: they follow each other there" are 2
	rm -rf ./*
	mkdir t.pcap1
	capture /dev/null "$T/c.err" -i 0 -Q in -P -w t.pcap -C 1
	send_often 3
	end_capture "$client" INT
	expect "a name that cannot be had: said" grep -q 't.pcap1: Is a directory; it is called' "$T/c.err"
	mapfile -t files < <(in_order)
	expect "and nothing is lost" all_of "${files[@]}"
	rm -rf ./*
}

is_packed() {
	[ "$(find . -name '*.gz' | wc -l)" = "$(count_files)" ]
}

commands() {
	capture /dev/null "$T/c.err" -i 0 -Q in -w z.pcapng -b filesize:300 -z 'gzip -9'
	send_often 3
	end_capture "$client" INT
	expect "-z 'gzip -9': each of them" wait_for 20 is_packed
	gunzip ./*.gz
	expect "when it was whole" all_of z_*.pcapng
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -Q in -w-z.pcapng -b filesize:300 -z gzip
	send_often 1
	end_capture "$client" INT
	expect "-z: a name that begins as an option does" wait_for 20 is_packed
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -Q in -w z.pcapng -b filesize:100 -b files:2 -z gzip
	send_often 3
	end_capture "$client" INT
	expect "-z with -b files:2: packed" wait_for 20 is_packed
	expect "the last two stay" test "$(count_files)" = 2
	rm -f ./*
	capture /dev/null "$T/c.err" -i 0 -P -w t.pcap -C 1 -W 2 -z gzip
	download
	# A name whose file is still being packed when its turn comes again is another matter.
	wait_for 20 nobody_packs || fail "gzip does not end"
	download
	end_capture "$client" INT
	expect "-z with -C 1 -W 2: packed" wait_for 20 is_packed
	expect "and again from the first" test "$(find . -type f | sort | xargs)" = "./t.pcap0.gz ./t.pcap1.gz"
	rm -f ./*
}

nobody_packs() {
	! pgrep --ns $$ --nslist net -x gzip >/dev/null
}

# -Z: who was root is nobody when files are made, and when one is finished.
as_user() {
	local before=$PWD
	chmod 711 "$T"
	mkdir -m 1777 "$T/theirs"
	cd "$T/theirs"
	capture /dev/null "$T/c.err" -Z nobody -i 0 -Q in -w z.pcapng -b filesize:300 -z gzip
	send_often 3
	expect "-Z nobody: it is he who captures" test "$(stat -c %U "/proc/$client")" = nobody
	end_capture "$client" INT
	expect "and who runs -z" wait_for 20 is_packed
	expect "whose files they are" test "$(stat -c %U z_*.pcapng.gz | sort -u)" = nobody
	gunzip ./*.gz
	expect "nothing is lost" all_of z_*.pcapng
	rm -f ./*
	capture /dev/null "$T/c.err" -Z nobody -i 0 -w z.pcapng
	end_capture "$client" INT
	expect "-Z nobody: one file" test "$(stat -c %U z.pcapng)" = nobody
	rm -f ./*
	chmod 755 .
	refused "-Z: he may not write there" 1 "z.pcapng cannot be written: Permission denied" capture -Z nobody \
		-i 0 -w z.pcapng
	refused "-Z: no such user" 1 "-Z: there is no user 'nobdy'" capture -Z nobdy -i 0 -w z.pcapng
	cd "$before"
	rm -r "$T/theirs"
}

# Of what was begun something has a name, and nothing else is left.
ends() {
	local how
	for how in KILL HUP TERM; do
		capture /dev/null "$T/c.err" -i 0 -w k.pcapng -b filesize:200
		send_often 1
		wait_for 20 are 2 || fail "no second file"
		sleep 0.3
		mark
		kill "-$how" "$client"
		expect "kill -$how: the mirror is gone within a second" within 1 mirrors 0
		wait_for 20 gone "$client" || fail "it does not end"
		expect "and nothing but captures is left" test "$(find . -type f | grep -vc '^./k_000[0-9][0-9]_')" = 0
		quietly "those" capinfos k_*
		rm -f ./*
	done
}

ends_under_it() {
	local code=0
	capture /dev/null "$T/c.err" -i 0 -Q in -w u.pcapng -b filesize:300
	send_often 3
	kill -INT "$vm"
	end_vmirror 20
	wait_for 20 gone "$client" || fail "capture outlives its process"
	wait "$client" || code=$?
	expect "the process ends: so does capture, with status 1" test $code = 1
	expect "what it wrote is there" all_of u_*.pcapng
	expect "and nothing else" test "$(find . -type f | grep -vc '^./u_000[0-9][0-9]_')" = 0
	rm -f ./*
}

# No other can be made: the one that is there goes on.
no_room() {
	mkdir gone
	capture /dev/null "$T/c.err" -i 0 -w gone/r.pcapng -b filesize:66
	rm -rf gone
	send_often 3
	sleep 0.5
	end_capture "$client" INT
	expect "the directory is gone: said, once" test "$(grep -c 'no file can be made in gone' "$T/c.err")" = 1
	expect "and it ends well" test -z "$(ls -A)"
}

bad() {
	refused "-b without -w" 2 "named after -w FILE" capture -b filesize:100
	refused "-b with -w -" 2 "named after -w FILE" capture -w - -b filesize:100
	refused "-b files: alone" 2 "needs -b filesize" capture -w x -b files:2
	refused "-b packets" 2 "no condition; there are filesize:KB" capture -w x -b packets:2
	refused "-b and -C" 2 "dumpcap's.*tcpdump's" capture -w x -b filesize:100 -C 1
	refused "-G without a time in the name" 2 "%H%M%S.*-b duration:60" capture -w x.pcap -G 60
	refused "-W alone" 2 "-W is for files that follow" capture -w x -W 2
	refused "-z alone" 2 "-z is for files that follow" capture -w x -z gzip
	refused "-W with both" 2 "one of these" capture -w %S -G 1 -C 1 -W 2
	refused "-W with -a duration" 2 "-a duration" capture -w %S -G 1 -W 2 -a duration:5
	refused "-C twice" 2 "-C.* twice" capture -w x -C 1 -C 2
	refused "-C 0" 2 "-C" capture -w x -C 0
	refused "files too small" 2 "1000 bytes are too small.*filesize:66" capture -i 0 -w x -b filesize:1
	mkfifo "$T/fifo"
	exec 9<>"$T/fifo"
	refused "a fifo" 1 "is no file, and others are to follow it" capture -w "$T/fifo" -C 1
	exec 9>&-
}

# shellcheck disable=SC2119 # without a mirror of its own
two_hosts
prepare
serve 3000000
bad
by_ring
odd_names
by_letters
commands
as_user
ends
no_room
ends_under_it
