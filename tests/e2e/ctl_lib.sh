# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What tests of vmirrorctl share. After lib.sh.
# shellcheck disable=SC2154 # its vm, status and child

# ctl ARGUMENT...: it does what it is asked for.
ctl() {
	"$VMIRRORCTL" "$@" 2>"$T/ctl.err" || fail "status $? of vmirrorctl $*: $(cat "$T/ctl.err")" >&2
}

# quit_vmirror: without mirrors of its own it has no last words.
quit_vmirror() {
	kill -INT "$vm"
	end_vmirror 20
	[ "$status" -eq 0 ] || fail "vmirror ended with status $status"
}

# mirrors COUNT: the process says that there are so many.
mirrors() {
	local list
	list=$("$VMIRRORCTL" list) && [ "$(wc -l <<<"$list")" = $((1 + $1)) ]
}

# delivered_by ARGUMENT...: packets by all mirrors of the process that those name.
delivered_by() {
	"$VMIRRORCTL" "$@" stats --json | python3 -c 'import json, sys
print(sum(m["delivered"] for m in json.load(sys.stdin)["mirrors"]))'
}

is_capturing() {
	grep -q '^vmirrorctl: capturing on' "$1" || gone "$client"
}

# capture OUT ERR ARGUMENT...: begin one; its process id is in $client.
capture() {
	local out=$1 err=$2
	shift 2
	spawn "$out" "$err" "$VMIRRORCTL" capture "$@"
	client=$child
	wait_for 20 is_capturing "$err" || fail "capture does not begin: $(cat "$err")"
	alive "$client" || fail "capture ended at once: $(cat "$err")"
}

# end_capture CLIENT [SIGNAL]: it ends well, by itself or by a signal, and leaves nothing.
end_capture() {
	local code=0
	if [ "${2:-}" ]; then
		wait_for 20 heeds_or_gone "$1" || fail "capture does not heed signals"
		kill "-$2" "$1"
	fi
	wait_for 20 gone "$1" || fail "capture does not end"
	wait "$1" || code=$?
	[ $code -eq 0 ] || fail "capture ended with status $code"
}

# total_of KEY: of all mirrors.
total_of() {
	"$VMIRRORCTL" stats --json | python3 -c 'import json, sys
print(sum(m[sys.argv[1]] for m in json.load(sys.stdin)["mirrors"]))' "$1"
}

nothing_in_flight() {
	[ "$(total_of in_flight)" = 0 ]
}

# serve_more BYTES: the file that is served has so many from now on.
serve_more() {
	head -c "$1" /dev/urandom >"$T/www/file"
}

# until_lost: downloads, until what passes finds the rings full.
until_lost() {
	local round
	for round in 1 2 3 4 5; do
		download
		note "download $round: no_room $(total_of no_room), the fullest ring $(fullest) %"
		if [ "$(total_of no_room)" -gt 0 ] && [ "$(fullest)" -ge 90 ]; then
			return 0
		fi
	done
	return 1
}

# fullest: per cent of the ring that is fullest, of all mirrors.
fullest() {
	"$VMIRRORCTL" stats --json | python3 -c 'import json, sys
print(max(m["ring_fullest_percent"] for m in json.load(sys.stdin)["mirrors"]))'
}

heeds_or_gone() {
	heeds "$1" || gone "$1"
}

# nobody_else: no tcpdump of this network is left.
nobody_else() {
	! pgrep --ns $$ --nslist net -x tcpdump >/dev/null
}

# counts ERR KEY: the number before "packets KEY" in the last lines.
counts() {
	sed -n "s/^\([0-9]*\) packets $2.*/\1/p" "$1" | tail -n 1
}

# refused WHAT STATUS REGEX ARGUMENT...: in one line, with this exit status, and nothing is left behind.
refused() {
	local what=$1 wanted=$2 regex=$3 before after code=0
	shift 3
	before=$(ls -lA --time-style=full-iso)
	timeout -k 1 20 "$VMIRRORCTL" "$@" >"$T/ctl.out" 2>"$T/ctl.err" </dev/null || code=$?
	after=$(ls -lA --time-style=full-iso)
	[ "$code" = "$wanted" ] || fail "$what: status $code: $(cat "$T/ctl.err")"
	[ "$(wc -l <"$T/ctl.err")" = 1 ] || fail "$what: not one line: $(cat "$T/ctl.err")"
	grep -Eq -- "^vmirrorctl: .*$regex" "$T/ctl.err" || fail "$what: $(cat "$T/ctl.err")"
	[ "$before" = "$after" ] || fail "$what: left behind: $(diff <(echo "$before") <(echo "$after"))"
	note "$(cat "$T/ctl.err")"
	echo "ok $what"
}
