#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The commands of doc/plugin.md, run as they stand there: installed, configured, in Open vSwitch and
# in testpmd. /usr/local, /etc and /var/tmp are this test's own.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
begin_ovs tcpdump meson dpdk-testpmd dpdk-telemetry.py

: "${BUILD:=$source_root/build}"

# block NAME: the code below its mark.
block() {
	awk -v mark="<!-- run: $1 -->" '
		$0 == mark { found = 1; next }
		found && /^```sh$/ { inside = 1; next }
		inside && /^```$/ { exit }
		inside { print }' "$source_root/doc/plugin.md"
}

# run NAME
run() {
	block "$1" >"$T/block"
	[ -s "$T/block" ] || fail "doc/plugin.md has no block '$1'"
	bash -euo pipefail "$T/block" >"$T/block.out" 2>&1 ||
		fail "doc/plugin.md: $1: $(cat "$T/block.out")"
	echo "ok doc/plugin.md: $1"
}

printed() {
	grep -q "$1" "$T/block.out" || fail "$2: $(cat "$T/block.out")"
	echo "ok $2"
}

# A root of one's own where things are installed to.
private() {
	cp -a /etc "$T/etc"
	mount --bind "$T/etc" /etc
	mount -t tmpfs -o mode=755 none /usr/local
	mount -t tmpfs none /var/tmp
}

extra() {
	ovs-vsctl --no-wait get Open_vSwitch . other_config:dpdk-extra | tr -d '"'
}

pinging() {
	host_spawn a /dev/null /dev/null ping -q -n -i 0.05 192.0.2.2
}

private
ln -s "$BUILD" build
unset VMIRROR_CONFIG
run install
run config
run ovs
huge_pages 200
start_switch "$(extra) --no-pci --huge-dir=$T/huge"
pinging
wait_for 20 packets /var/tmp/all.pcap 20 || fail "all.pcap: $(ovs_log)"
run look
printed 'ICMP echo request' "tcpdump shows the pings of both"
run count
printed '"all", "pings"' "telemetry knows both mirrors"
printed '"tx_sent"' "and their counters"
run undo
ovs-appctl exit
wait_for 20 gone "$vswitchd" || fail "ovs-vswitchd does not end: $(ovs_log)"
expect "their counters are in the log" grep -aq 'vmirror: mirror all: seen=' \
	"$T/ovs/ovs-vswitchd.log"
run testpmd
printed '^100$' "testpmd's 100 packets are in the file"
