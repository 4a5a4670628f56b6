#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What happens to an interface that a sink sends on, under traffic: deleted and made again, down,
# without a link, a smaller MTU, a slow queue, a process that was killed. The traffic goes on
# without a loss; what the mirror did not deliver is counted; it goes on by itself, without a
# descriptor more than before.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip tc ping curl tcpdump ss

said() {
	sed '1,/^vmirror: forwarding/d' "$T/err" | grep -q "^vmirror: mirror 'm': .*$1"
}

# The other end first: a mirror that finds s0 up and without a link says so, and is silent then.
make_veth() {
	ip link add s0 type veth peer name p0
	ip link set p0 netns "${world_hosts[collector]}"
	host collector ip link set p0 up
	ip link set s0 up
}

# watching FILE: the other end, from here on.
watching() {
	watch p0 "$T/$1.pcap" collector
	watcher=$child
}

descriptors() {
	find "/proc/$vm/fd" -type l | wc -l
}

# setting SINK: a mirror beside it stays well; a ping a hundred times a second goes on throughout.
setting() {
	host_add collector
	make_veth
	two_hosts --mirror "name=well,port=net_tap0,sink=[net_pcap_well,tx_pcap=well.pcap]" \
		--mirror "name=m,port=net_tap0,sink=[$1]"
	serve 2000000
	flood 0.01
}

over() {
	end_flood
	stop_vmirror INT
	all_delivered well "$(pcap count well.pcap)"
	host_remove a
	host_remove b
	host_remove collector
	wait_for 20 no_interface s0 || fail "s0 stays"
}

shown() {
	expect "$1: 20 pings are seen on it" seen_pings "$1"
}

seen_pings() {
	local before
	before=$(pcap count "$T/again.pcap")
	pings 20
	wait_for 20 packets "$T/again.pcap" $((before + 40))
}

deleted() {
	local before start
	setting "$1"
	watching first
	start=$(pcap count well.pcap)
	pings 20
	download
	# What tcpdump has not written yet when its interface goes, it never does.
	expect "$1: it shows what it should" \
		wait_for 20 packets "$T/first.pcap" $(($(pcap count well.pcap) - start))
	before=$(descriptors)
	ip link del s0
	expect "$1, deleted: said" wait_for 20 said "interface s0 is gone"
	expect "$1, deleted: a download" download
	sleep 0.5
	make_veth
	expect "$1, made again: said" wait_for 20 said "interface s0 is back"
	watching again
	shown "$1, made again"
	expect "$1, made again: as many descriptors as before, $before" \
		test "$(descriptors)" = "$before"
	down "$1"
	unlinked "$1"
	smaller "$1"
	unwatch "$watcher" "$T/again.pcap"
	over "$1"
	conserved "$1"
}

down() {
	ip link set s0 down
	expect "$1, down: said" wait_for 20 said "interface s0 is down"
	expect "$1, down: a download" download
	ip link set s0 up
	sleep 0.2
	shown "$1, up again"
}

# has_reason REGEX: what "m" is said to lack; at once, while stderr is told once in ten seconds.
has_reason() {
	"$VMIRRORCTL" stats --json m | grep "$1" >/dev/null
}

unlinked() {
	host collector ip link set p0 down
	wait_for 20 has_reason "has no link" || fail "that there is no link is not seen"
	expect "$1, without a link: a download" download
	host collector ip link set p0 up
	sleep 0.2
	shown "$1, linked again"
}

smaller() {
	ip link set s0 mtu 800
	sleep 0.2
	expect "$1, MTU 800: a download" download
	shown "$1, MTU 800"
	ip link set s0 mtu 1500
	sleep 0.2
	shown "$1, MTU 1500 again"
}

# What counts as delivered was seen on the other end, but for what was on its way each time that
# something happened: between two looks, a twentieth of a second, of which a download is over soon.
conserved() {
	local delivered seen
	delivered=$(counter m delivered)
	seen=$(($(pcap count "$T/first.pcap") + $(pcap count "$T/again.pcap")))
	note "$(grep '^mirror m' "$T/out" | tail -1)"
	note "$seen packets were seen on the other end"
	expect "$1: loss is counted" test "$(counter m captured)" -gt "$delivered"
	expect "$1: of $delivered delivered all but a few were seen" \
		test $((delivered - seen)) -lt 400
}

# A queue that takes 100 kbit a second must not slow down who forwards.
slow() {
	setting "$1"
	tc qdisc add dev s0 root tbf rate 100kbit burst 10k latency 100s
	expect "$1, a slow queue: a download" download
	expect "$1, a slow queue: 100 pings" pings 100
	over "$1, a slow queue"
	expect "$1, a slow queue: loss is counted" \
		test "$(($(counter m sink_rejected) + $(counter m unknown)))" -gt 0
}

# An XDP program outlives the process that is killed; the next one is not in its way.
killed() {
	setting net_af_xdp,iface=s0
	kill -KILL "$vm"
	wait_for 20 gone "$vm" || fail "vmirror was killed and lives"
	wait "$vm" 2>/dev/null || true
	expect "killed: its program is there still" has_program s0
	host_remove a
	host_remove b
	two_hosts --mirror "name=m,port=net_tap0,sink=[net_af_xdp,iface=s0]"
	watching again
	shown "after a killed one"
	stop_vmirror INT
	unwatch "$watcher" "$T/again.pcap"
	expect "after a killed one: the program is gone" no_program s0
	host_remove collector
}

has_program() {
	[[ $(ip link show "$1") == *xdp* ]]
}

no_program() {
	! has_program "$1"
}

for sink in net_pcap,iface=s0 net_pcap,tx_iface=s0 net_af_packet,iface=s0 net_af_xdp,iface=s0; do
	deleted "$sink"
done
slow net_pcap,iface=s0
slow net_af_packet,iface=s0,qdisc_bypass=0
killed
