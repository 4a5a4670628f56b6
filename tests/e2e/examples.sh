#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The examples that have a run.sh do what they say, with what a user would see.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping nsenter tcpdump tshark dpdk-testpmd sha256sum

export VMIRROR VMIRRORCTL

# example NAME: it ends well, and leaves nothing in the folder that it was started from, nor in its own.
example() {
	local before
	before=$(cd "$source_root/examples" && find . | sort)
	# A world of its own, as for a user.
	env -u RUNTIME_DIRECTORY -u VMIRROR_WORLD timeout -k 5 60 "$source_root/examples/$1/run.sh" \
		>"$T/out" 2>"$T/err" || fail "examples/$1: status $?"
	expect "examples/$1 runs" test -s "$T/out"
	[ "$before" = "$(cd "$source_root/examples" && find . | sort)" ] || fail "it leaves files in examples"
	[ -z "$(ls)" ] || fail "it leaves files: $(ls)"
}

# has COUNT REGEX: so many lines of its output.
has() {
	local got
	got=$(grep -Ec -- "$2" "$T/out" || true)
	[ "$got" = "$1" ] || fail "$got lines with '$2', not $1"
	echo "ok $1 times $2"
}

# told MIRROR: at the end, that all was delivered that was captured.
told() {
	expect "$1 delivers what it captures" grep -Eq \
		"^mirror $1: seen=[0-9]+ captured=([1-9][0-9]*) delivered=\1$" "$T/out"
}

example tcpdump
has 4 '^IP 192\.0\.2\.[12] > 192\.0\.2\.[12]: ICMP echo re'
has 1 '^live: removed; 8 packets captured, 0 dropped$'
has 1 '^mon1 '
example wireshark
has 3 'ICMP 98 Echo \(ping\) request'
has 3 'ICMP 98 Echo \(ping\) reply'
has 0 '^mirror'
example recorder
has 1 '^rec: [1-9][0-9]* packets written to last.pcapng, 0 lost$'
has 4 'ICMP echo re.*seq [12],'
has 1 'snapshot 1 of [1-9][0-9]* packets is in reset_00001'
has 1 '\.81 > .*Flags \[R\.\]'
example vhost_peer
has 10 'ICMP echo re'
told peer
example capture_service
told all
has 3 '^all_000.*\.pcapng$'
expect "and more files than are kept were told of" test "$(tail -n 1 "$T/out")" -gt 5
