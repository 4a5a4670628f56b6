#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Those around vmirror who do not play along: a reader of its counters who does not read, a shell
# that closed its descriptors, a disk that fills up in the last moment, somebody who truncates the
# file, and Ctrl-C before it runs.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip mount timeout

eal=(--no-huge -m 64 --no-pci -l "$core" --vdev "net_null0,size=64")

# The pipe is full after a moment; SIGTERM and the duration end it all the same.
nobody_reads() {
	local end
	mkfifo "$T/pipe"
	exec {pipe}<>"$T/pipe"
	spawn "$T/pipe" "$T/err" "$VMIRROR" "${eal[@]}" -- --stats 0.001
	vm=$child
	wait_for 30 is_forwarding || fail "vmirror does not forward"
	sleep 2
	kill -TERM "$vm"
	end=$SECONDS
	end_vmirror 15
	expect "SIGTERM ends it within 10 s" test $((SECONDS - end)) -le 10
	expect "in order" test "$status" = 0
	expect "and says what it left out" grep -q "nobody reads stdout" "$T/err"
	exec {pipe}<&-
}

closed_descriptors() {
	local code=0
	timeout -k 1 20 "$VMIRROR" "${eal[@]}" -- --duration 0.5 --stats 0.1 \
		--mirror "port=0,sink=[net_pcap,tx_pcap=/dev/null]" <&- >&- 2>&- || code=$?
	expect "closed descriptors harm nothing" test "$code" = 0
}

# fill_for SECONDS: which begin before the first packet; who was kept from the core does it again.
fill_for() {
	local tries
	for ((tries = 0; tries < 20; tries++)); do
		rm -f "$T/tiny/m.pcap"
		timeout -k 1 20 "$VMIRROR" "${eal[@]}" -- --duration "$1" \
			--mirror "name=m,port=0,sink=[net_pcap,tx_pcap=$T/tiny/m.pcap]" \
			>"$T/out" 2>"$T/err" || fail "exit status $?"
		conserve
		[ "$(counter m captured)" -lt 1000 ] || return 0
	done
	fail "in $1 s no packet passes"
}

# Between two looks at the file: the last one, when the mirror is detached, tells.
disk_full_at_the_end() {
	local duration
	mkdir "$T/tiny"
	mount -t tmpfs -o size=64k none "$T/tiny" || fail "cannot mount a tmpfs"
	for duration in 0.005 0.02 0.1; do
		fill_for $duration
		expect "after $duration s the loss is in the final line" \
			test "$(counter m state)" = failed
		expect "as unknown" test "$(counter m unknown)" -gt 0
	done
	umount "$T/tiny"
}

is_told() {
	grep -q "was truncated or overwritten by somebody else" "$T/err"
}

truncated_by_somebody() {
	start_vmirror -l "$core" --vdev "net_null0,size=64" -- --mirror \
		"name=m,port=0,sink=[net_pcap,tx_pcap=m.pcap]"
	# It is looked at 20 times a second.
	sleep 0.5
	: >m.pcap
	wait_for 20 is_told || fail "nothing is said of a truncated file"
	expect "a truncated file is told of" is_told
	stop_vmirror TERM
	expect "and counted" test "$(counter m state)" = failed
}

# Whoever sees the wrong file name in the command and ends it at once keeps the file: EAL takes
# longer than that to start. Not by SIGINT, which a shell has its background jobs ignore until they
# say otherwise.
interrupted_start() {
	local seconds tries
	for seconds in 0 0.01 0.02 0.03; do
		for ((tries = 0; tries < 20; tries++)); do
			interrupted_after $seconds
			! mirrored || continue
			expect "interrupted after $seconds s it leaves the file alone" \
				test "$(stat -c %s keep.pcap)" = 5000
			break
		done
		[ $tries -lt 20 ] || fail "it is never interrupted before it mirrors"
	done
}

interrupted_after() {
	head -c 5000 /dev/zero >keep.pcap
	spawn "$T/out" "$T/err" "$VMIRROR" "${eal[@]}" -- \
		--mirror "name=m,port=0,sink=[net_pcap,tx_pcap=keep.pcap]"
	vm=$child
	sleep "$1"
	kill -TERM "$vm" 2>/dev/null || true
	end_vmirror 20
	[ "$status" -eq 0 ] || [ "$status" -eq 143 ] || fail "exit status $status"
}

# The signal came too late: this script was kept from its core.
mirrored() {
	grep -q '^vmirror: mirror m: ' "$T/err"
}

nobody_reads
closed_descriptors
disk_full_at_the_end
truncated_by_somebody
interrupted_start
