#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The control socket: what it is told, well and badly, while two hosts talk through vmirror.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping python3 setpriv tcpdump

group=daemon
getent group $group >/dev/null || skip "needs the group $group"
chmod 755 "$T" # another user is to reach the socket
socket=$T/control

# clients SCRIPT ARGUMENT...: on the socket, while the flood goes on.
clients() {
	python3 "$here/$1" "$socket" "$vm" "$T" "${@:2}" || fail "$1"
}

no_socket() {
	[ ! -e "$1" ]
}

# refused WORDS OPTION...: vmirror does not start, says so, and leaves nothing.
refused() {
	local words=$1 status=0
	shift
	timeout 30 "$VMIRROR" --file-prefix other --no-huge -m 64 --no-pci -l "$core" --vdev net_null0 -- \
		--duration 1 "$@" >"$T/refused" 2>&1 || status=$?
	[ $status -ne 0 ] || fail "not refused: $*"
	grep -q "^vmirror: .*$words" "$T/refused" || fail "$*: no '$words'"
	echo "ok refused: $(grep "^vmirror: .*$words" "$T/refused")"
}

two_hosts --control "$socket" --control-group $group
expect "vmirror says where" grep -q "^vmirror: control socket: $socket" "$T/err"
wait_for 20 reached || fail "the hosts do not talk"
flood 0.002
clients control.py
clients control_bounds.py
clients control_rights.py
clients control_killed.py "$VMIRRORCTL"
end_flood
pings 20

refused "another server\|another process" --control "$socket"
touch "$T/file"
refused "is no socket" --control "$T/file"
refused "there is none of that name" --control "$T/new" --control-group no-such-group
refused "cannot get into .*/run" --control-group $group
refused "too long" --control "$T/$(printf '%0120d' 0)"
refused "No such file" --control "$T/no/such/directory"
refused "one of them" --control "$T/new" --no-control
expect "nothing is left of those" no_socket "$T/new"

# Not even root takes the place of a socket of another kind, as DPDK's telemetry and syslog have them.
python3 -c "
import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind('$T/other')
s.listen()
time.sleep(60)" &
other=$!
wait_for 20 test -S "$T/other" || fail "no other socket"
inode=$(stat -c %i "$T/other")
refused "somebody else's socket" --control "$T/other"
expect "it is still there" test "$(stat -c %i "$T/other")" = "$inode"
kill $other
expect "the socket of the one that runs is" test -S "$socket"

kill -INT "$vm"
end_vmirror 20
expect "it ends well" test $status -eq 0
expect "it goes with vmirror" no_socket "$socket"
expect "who did what is told" said "control: pid [0-9]+, uid 0 added mirror 'one'"
expect "and of refusals, how many were left out" \
	said "control: clients that have gone were refused [0-9]+ times more"
expect "and whose client went" said "mirror 'k' removed: its client, pid [0-9]+, uid 0, has gone"

# One that was killed leaves its socket, which the next takes over.
start_vmirror -l "$core" --vdev net_null0,no-rx=1 -- --control "$socket"
kill -KILL "$vm"
wait_for 20 gone "$vm" || fail "vmirror does not die"
wait "$vm" 2>/dev/null || true
expect "a dead process's socket stays" test -S "$socket"
start_vmirror -l "$core" --vdev net_null0,no-rx=1 -- --control "$socket"
expect "and is taken over" python3 -c "
import socket
s = socket.socket(socket.AF_UNIX)
s.connect('$socket')"
expect "0600 without a group" test "$(stat -c %a "$socket")" = 600
kill -INT "$vm"
end_vmirror 20
expect "and goes" no_socket "$socket"
start_vmirror -l "$core" --vdev net_null0,no-rx=1 -- --no-control
expect "none where none is wanted" test "$(grep -c 'control socket' "$T/err")" = 0
kill -INT "$vm"
end_vmirror 20
