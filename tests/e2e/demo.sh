#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ./demo works, twice at once, after one was killed, and leaves nothing but report.pcap.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping curl tcpdump tshark

export TMPDIR=$T/tmp
mkdir "$TMPDIR" a b c

# demo DIRECTORY: in the background, from that directory.
demo() {
	spawn "$T/$1.out" "$T/$1.err" env -C "$1" "$source_root/demo"
}

# ended DIRECTORY PROCESS
ended() {
	local code=0
	wait_for 60 gone "$2" || fail "the demo hangs"
	wait "$2" || code=$?
	[ $code -eq 0 ] || {
		cat "$T/$1.err"
		fail "the demo ended with status $code"
	}
	packets "$1/report.pcap" 100 || fail "no packets in $1/report.pcap"
	[ "$(ls "$1")" = report.pcap ] || fail "it left behind: $(ls "$1")"
}

running() {
	find "$TMPDIR" -name vmirror.err -size +0 | grep -q .
}

# No process has anything in the temporary directory open.
unused() {
	[ -z "$(find /proc/[0-9]*/fd -lname "$TMPDIR/*" 2>/dev/null || true)" ]
}

demo c
killed=$child
wait_for 60 running || fail "the demo does not start"
sleep 1
kill -KILL "$killed"
wait "$killed" 2>/dev/null || true
expect "a killed demo leaves no process" wait_for 20 unused

demo a
first=$child
demo b
second=$child
ended a "$first"
ended b "$second"
echo "ok two at once"
expect "they sweep up what the killed one left" test -z "$(ls "$TMPDIR")"
tail -n 1 "$T/a.out"
