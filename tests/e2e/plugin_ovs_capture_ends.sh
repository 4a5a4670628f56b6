#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# How a vmirror-ovs capture ends: by a signal, with its terminal, killed, its guard killed, the switch
# stopped beneath it. Nothing is left in the switch, what was captured can be read, and what belongs to
# a capture that goes on is not touched.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
# shellcheck source=tests/e2e/ovs_capture_lib.sh
. "${BASH_SOURCE%/*}/ovs_capture_lib.sh"
begin_captures

# has_pings FILE COUNT
has_pings() {
	[ "$(tcpdump -r "$1" 'icmp and host 192.0.2.3 and less 200' 2>/dev/null | wc -l)" -ge "$2" ]
}

readable() {
	# Of root it says so.
	tshark -r "$1" >/dev/null 2>"$T/tshark.err" && ! grep -v "^Running as user" "$T/tshark.err"
}

# begin_one FILE [ARGUMENT...]: with some packets in it.
begin_one() {
	local file=$1
	shift
	capture "$file.err" -i vm -w "$file" "$@"
	vm_settle
	vm_pings 10
	wait_for 20 has_pings "$file" 20 || fail "$file has no packets"
}

guard_of() {
	pgrep -P "$1" -f 'vmirror-ovs capture'
}

# mark_of CLIENT: what the switch has of its owner.
mark_of() {
	ovs-vsctl get Port "vmirror$1" external_ids:vmirror-owner | tr -d '"'
}

# remark CLIENT MARK: as if it were another's.
remark() {
	ovs-vsctl set Port "vmirror$1" "external_ids:vmirror-owner=\"$2\"" -- \
		set Mirror "vmirror$1" "external_ids:vmirror-owner=\"$2\""
}

# kill_both CLIENT: so that nobody cleans up.
kill_both() {
	kill -KILL "$(guard_of "$1")" "$1"
	end_capture 137 "" "$1"
}

by_signal() {
	local name
	for name in INT TERM HUP; do
		begin_one "$T/$name.pcapng"
		end_capture 0 $name
		expect "$name: at the end nothing is left" nothing_left
		expect "$name: the file is whole" readable "$T/$name.pcapng"
	done
	capture "$T/early.err" -i vm -c 1 less 1
	kill -KILL "$(pgrep -P "$client" -x vmirrorctl)"
	end_capture 137
	expect "vmirrorctl is killed: its status, and nothing is left" nothing_left
}

early() {
	local i client code
	for i in 1 2 3 4 5 6; do
		spawn /dev/null "$T/early.err" "$VMIRROR_OVS" capture -i vm -w "$T/early.pcapng"
		client=$child
		sleep "0.$((i * 15))"
		kill -TERM "$client"
		wait_for 30 gone "$client" || fail "the capture does not end"
		code=0
		wait "$client" || code=$?
		expect "told to end after ${i}50 ms or so, it does ($code)" wait_for 20 nothing_left
	done
}

of_terminal() {
	grep -q 'capturing on' "$T/terminal.out"
}

# script(1) is the terminal; by itself it is closed when it is killed. Not every shell takes itself out of
# the way, and a signal meant for what it runs would end there.
terminal() {
	spawn "$T/terminal.out" "$T/terminal.err" script -qec \
		"exec '$VMIRROR_OVS' capture -i vm -w '$T/terminal.pcapng' icmp" /dev/null
	local terminal=$child
	wait_for 30 of_terminal || fail "no capture: $(cat "$T/terminal.out")"
	kill -KILL "$terminal"
	expect "the terminal is closed: nothing is left" wait_for 20 nothing_left
	expect "and the file is whole" readable "$T/terminal.pcapng"
	spawn "$T/terminal.out" "$T/terminal.err" script -qec \
		"exec '$VMIRROR_OVS' capture -i vm -w '$T/terminal.pcapng' icmp" /dev/null
	terminal=$child
	wait_for 30 left 1 || fail "no capture: $(cat "$T/terminal.out")"
	wait_for 30 of_terminal || fail "no capture: $(cat "$T/terminal.out")"
	pkill -INT -P "$terminal"
	wait_for 20 gone "$terminal" || fail "the terminal does not end"
	expect "ended by the shell in it: nothing is left" nothing_left
}

killed() {
	begin_one "$T/killed.pcapng"
	end_capture 137 KILL
	expect "killed: its guard cleans up" wait_for 20 nothing_left
	expect "and vmirrorctl ends the file" wait_for 20 readable "$T/killed.pcapng"
	expect "with its packets" has_pings "$T/killed.pcapng" 20
	: >"$T/nobody.pcapng"
	chown nobody "$T/nobody.pcapng"
	chmod 711 "$T"
	begin_one "$T/nobody.pcapng" -Z nobody
	end_capture 137 KILL
	expect "killed, as another user: nothing is left either" wait_for 20 nothing_left
	begin_one "$T/guard.pcapng"
	kill -KILL "$(guard_of "$client")"
	end_capture 0 INT
	expect "its guard is killed: it cleans up itself" nothing_left
}

# The next one cleans up what nobody does any more; what is another's stays.
left_over() {
	local first second mark
	begin_one "$T/first.pcapng"
	first=$client
	begin_one "$T/second.pcapng"
	second=$client
	expect "two captures, two Mirrors" left 2
	kill_both "$second"
	expect "killed, guard and all: it leaves them" left 2
	capture "$T/third.err" -i a -w "$T/third.pcapng"
	expect "the next capture takes them away" left 1
	expect "and says so" grep -q "took away what .* (process $second) had left" "$T/third.err"
	expect "not those of one that goes on" grep -q "^vmirror$first$" <(ovs-vsctl list-ports br0)
	end_capture 0 INT
	vm_settle
	vm_pings 10
	expect "which goes on" wait_for 20 has_pings "$T/first.pcapng" 60
	end_capture 0 INT "$first"
	expect "nothing is left" nothing_left

	begin_one "$T/fourth.pcapng"
	mark=$(mark_of "$client")
	kill_both "$client"
	# Of this process, which lives, but began at another time; of another container; of another boot.
	remark "$client" "$$:${mark#*:}"
	remark "$client" "${mark%:*}:4711"
	"$VMIRROR_OVS" clean 2>"$T/clean.err" || fail "clean: $(cat "$T/clean.err")"
	expect "what another container's process made stays" left 1
	expect "and is told of" grep -q 'left alone .* another container' "$T/clean.err"
	remark "$client" "$$:${mark#*:}"
	"$VMIRROR_OVS" clean 2>"$T/clean.err" || fail "clean: $(cat "$T/clean.err")"
	expect "a number that another process has now is no owner" nothing_left
	"$VMIRROR_OVS" clean 2>"$T/clean.err" || fail "clean: $(cat "$T/clean.err")"
	expect "clean again: not a word" test ! -s "$T/clean.err"
}

nobody() {
	cp "$(dirname "$VMIRROR_OVS")"/* "$VMIRRORCTL" "$plugin_home"
	setpriv --reuid nobody --regid nogroup --clear-groups "$plugin_home/vmirror-ovs" "$@"
}

# Whom nothing answers.
without() {
	local code=0
	nobody capture -i vm 2>"$T/nobody.err" || code=$?
	expect "without permission for the database" test $code = 1
	expect "in one line" test "$(wc -l <"$T/nobody.err")" = 1
	expect "which says so" grep -q 'no permission to use the switch.s database.*be root' "$T/nobody.err"

	begin_one "$T/stopped.pcapng"
	stop_vswitchd
	end_capture 1
	expect "the switch is stopped: the capture ends with vmirrorctl's status" readable \
		"$T/stopped.pcapng"
	expect "nothing is left in the database" test "$(ports_left)" = 0
	expect "nor a Mirror" test -z "$(ovs-vsctl --bare --columns=name list Mirror)"
	refused "the switch does not run" 1 "ovs-vswitchd does not run.*systemctl start" capture -i vm
	start_vswitchd "$without_hugepages"
	refused "it runs without the plugin" 1 \
		"runs without vmirror's plugin.*dpdk-extra=\"-d /.*libvmirror_plugin.so\"" capture -i vm
	refused "nor is there a list" 1 "without vmirror's plugin" list
	OVS_RUNDIR=$T/nowhere "$VMIRROR_OVS" list 2>"$T/nowhere.err" && fail "a list of nothing"
	expect "no database" grep -q "database, unix:$T/nowhere/db.sock, does not answer" "$T/nowhere.err"
}

start_everything
by_signal
early
terminal
killed
left_over
without
