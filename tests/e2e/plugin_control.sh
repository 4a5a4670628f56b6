#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirrorctl and an ovs-vswitchd that has the plugin and no configuration: captures come and go while
# it switches, it is stopped and killed beneath them, and nothing of them is left in it.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin_ovs tcpdump tshark

has_mirror() {
	"$VMIRRORCTL" stats --json | grep -q '"name"'
}

no_mirror() {
	"$VMIRRORCTL" stats --json >"$T/stats" && ! grep -q '"name"' "$T/stats"
}

is_there() {
	"$VMIRRORCTL" ports >"$T/ports" 2>"$T/ports.err"
}

# capture FILE ARGUMENT...: until interrupted; its process id is in $child.
capture() {
	local file=$1
	shift
	spawn "$file.out" "$file.err" "$VMIRRORCTL" capture -i net_af_packet_a -w "$file" "$@"
	wait_for 20 has_mirror || fail "no capture: $(cat "$file.err")"
}

# end_capture STATUS [SIGNAL]
end_capture() {
	local got=0
	[ -z "${2:-}" ] || kill "-$2" "$child"
	wait_for 20 gone "$child" || fail "the capture does not end"
	wait "$child" || got=$?
	[ "$got" = "$1" ] || fail "the capture ended with $got: $(cat "$T"/*.pcapng.err)"
}

readable() {
	# Of root it says so.
	tshark -r "$1" >/dev/null 2>"$T/tshark.err" &&
		! grep -v "^Running as user" "$T/tshark.err"
}

pings_of() {
	tcpdump -r "$1" -w "$1.ip" icmp 2>/dev/null
	packets "$1.ip" 20
}

same_pings() {
	pings_of "$T/wire.pcap" && pings_of "$1" &&
		python3 "$here/ovs_pcap.py" same "$T/wire.pcap.ip" "$1.ip" 2>/dev/null
}

sockets() {
	find "$T/run/dpdk" -name 'vmirror.*' | wc -l
}

plugin_install "$BUILD/plugin"
unset VMIRROR_CONFIG
host_log=$T/ovs/ovs-vswitchd.log
huge_pages 200
start_switch "--no-pci --huge-dir=$T/huge -d $plugin"
wait_for 20 is_there || fail "no server: $(cat "$T/ports.err")"
expect "ports of the switch are listed" grep -q 'net_af_packet_a' "$T/ports"
expect "there is no mirror" no_mirror

watch eth0 "$T/wire.pcap" a
wire=$child
capture "$T/pings.pcapng" icmp
pings 30
end_capture 0 INT
unwatch "$wire" "$T/wire.pcap"
expect "a capture has the pings, byte for byte" same_pings "$T/pings.pcapng"
expect "tshark reads it without a word" readable "$T/pings.pcapng"
expect "nothing is left of it" no_mirror

"$VMIRRORCTL" capture -i net_af_packet_a -c 10 -w "$T/ten.pcapng" icmp 2>"$T/ten.err" &
child=$!
wait_for 20 has_mirror
pings 20
end_capture 0
expect "ten, as asked for" test "$(tshark -r "$T/ten.pcapng" 2>/dev/null | wc -l)" = 10

capture "$T/killed.pcapng"
mark
end_capture 137 KILL
expect "killed, its mirror goes within a second" within 1 no_mirror

capture "$T/stopped.pcapng"
pings 20
stop_vswitchd
end_capture 1
expect "the switch ends beneath a capture, which says so" grep -q 'ended' "$T/stopped.pcapng.err"
expect "its file is whole" readable "$T/stopped.pcapng"

# By a signal, as it ends itself, it leaves its socket to the next.
expect "its socket stays" test "$(sockets)" = 1
start_vswitchd "--no-pci --huge-dir=$T/huge -d $plugin"
settle
wait_for 20 is_there || fail "no server: $(cat "$T/ports.err")"
expect "and the next has removed it" test "$(sockets)" = 1
ovs-appctl exit
wait_for 20 gone "$vswitchd" || fail "ovs-vswitchd does not end"
expect "told to exit it leaves none" test "$(sockets)" = 0

start_vswitchd "--no-pci --huge-dir=$T/huge -d $plugin"
settle
wait_for 20 is_there || fail "no server: $(cat "$T/ports.err")"
capture "$T/lost.pcapng"
pings 20
sleep 1
kill -KILL "$vswitchd"
wait_for 20 gone "$vswitchd" || fail "ovs-vswitchd does not die"
end_capture 1
expect "killed beneath a capture: what was written can be read" \
	tcpdump -w /dev/null -r "$T/lost.pcapng"
