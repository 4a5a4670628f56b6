#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ./demo works, twice at once, after one was killed, and leaves nothing but report.pcap. With --stay the
# command that it prints shows curl's packets in another terminal, and when it ends nothing is left either.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
begin ip ping curl tcpdump tshark python3 pgrep mount flock setsid

export TMPDIR=$T/tmp
# Whoever runs this with it would be told to type it.
unset SUDO_USER
mkdir "$TMPDIR" "$T/run-of-all" a b c d e f

# demo DIRECTORY [OPTION]: in the background, from that directory.
demo() {
	spawn "$T/$1.out" "$T/$1.err" env -C "$1" "$source_root/demo" "${@:2}"
}

# ended DIRECTORY PROCESS
ended() {
	local code=0
	wait_for 60 gone "$2" || fail "the demo hangs"
	wait "$2" || code=$?
	[ $code -eq 0 ] || {
		cat "$T/$1.out" "$T/$1.err" || true
		fail "the demo ended with status $code"
	}
	left_report "$1"
}

left_report() {
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

# Of no demo.
no_trace() {
	[ -z "$(ls "$TMPDIR")" ] && [ -z "$(find /run -name 'vmirror*')" ]
}

one_directory() {
	[ "$(find "$TMPDIR" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
}

# invitation DIRECTORY: the command that it prints.
invitation() {
	plain "$T/$1.out" |
		sed -n '/In another terminal, until/,$s/^    \(.* capture -i 0 tcp port 80\)$/\1/p'
}

invites() {
	[ "$(invitation "$1")" ] || gone "$2"
}

# await_invitation DIRECTORY PROCESS
await_invitation() {
	wait_for 60 invites "$1" "$2" || fail "no invitation: $(cat "$T/$1.out" "$T/$1.err")"
	alive "$2" || fail "the demo ended: $(cat "$T/$1.out" "$T/$1.err")"
	note "$(invitation "$1")"
}

# as_printed DIRECTORY: just that command, in a terminal of its own.
as_printed() {
	on_terminal "$T/other" env -u RUNTIME_DIRECTORY bash -c "exec $(invitation "$1")"
	wait_for 20 grep -q ' 192\.0\.2\.1\.[0-9]* > 192\.0\.2\.2\.80: Flags \[S\]' "$T/other" ||
		fail "the command that $1 prints shows no packets: $(cat "$T/other")"
	echo "ok the command that is printed shows curl's packets"
	wait_for 20 heeds "$(pgrep -P "$terminal")" || fail "it does not heed signals"
	press $'\x03'
	end_capture "$terminal"
	plain "$T/other" >"$T/other.lines"
	expect "and counts them" test "$(counts "$T/other.lines" captured)" -ge 1
}

# namespaces_of SESSION: network namespaces of its processes.
namespaces_of() {
	local process
	for process in $(pgrep -s "$1"); do
		readlink "/proc/$process/ns/net" 2>/dev/null || true
	done | sort -u
}

# used NAMESPACE...: by any process.
used() {
	local namespace
	for namespace; do
		if [ "$(find /proc/[0-9]*/ns/net -lname "*${namespace//[!0-9]/}*" 2>/dev/null || true)" ]; then
			return 0
		fi
	done
	return 1
}

interfaces() {
	ip -o link show | cut -d : -f 2
}

# Typed as the issue has it; beside another one; and what is left when Ctrl-C ends it.
stays() {
	local first first_keys second session namespaces before
	before=$(interfaces)
	on_terminal "$T/d.out" env -C d "$source_root/demo" --stay
	first=$terminal
	first_keys=$keys
	await_invitation d "$first"
	expect "its command names no process" test \
		"$(invitation d)" = "$source_root/build/ctl/vmirrorctl capture -i 0 tcp port 80"
	demo e --stay
	second=$child
	await_invitation e "$second"
	expect "a second one names its socket" grep -q -- '--control .*/vmirror\.[0-9]* ' <(invitation e)
	as_printed d
	as_printed e
	kill -KILL "$second"
	wait "$second" 2>/dev/null || true
	expect "which leaves nothing when it is killed" wait_for 20 one_directory
	as_printed d
	# It began one there.
	session=$(pgrep -P "$first")
	namespaces=$(namespaces_of "$session")
	expect "it has two hosts" test "$(wc -l <<<"$namespaces")" = 3
	keys=$first_keys press $'\x03'
	ended d "$first"
	expect "Ctrl-C: its last words are shown" grep -q '^mirror live: seen=' <(plain "$T/d.out")
	expect "no process is left" test -z "$(pgrep -s "$session")"
	# shellcheck disable=SC2086
	expect "nor a network namespace" not used $namespaces
	expect "nor an interface" test "$(interfaces)" = "$before"
	expect "nor a socket, nor a directory" no_trace
}

# Its socket is found while it stays, and no longer.
killed_while_it_stays() {
	demo f --stay
	await_invitation f "$child"
	expect "its socket is found" test -S "$(find /run/dpdk/vmirror-demo.* -name 'vmirror.*')"
	kill -KILL "$child"
	wait "$child" 2>/dev/null || true
	expect "killed while it stays: nothing is left" wait_for 20 no_trace
	expect "nor a process" wait_for 20 unused
}

# What runs on this machine is as hidden from the demo as the demo from that.
[ "${VMIRROR_WORLD_MOUNTS:-}" ] || skip "needs a mount namespace"
mount --bind "$T/run-of-all" /run

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
stays
killed_while_it_stays
