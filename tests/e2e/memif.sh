#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A mirror into shared memory: a dpdk-testpmd, the server of a net_memif, writes what it gets into a
# file, which is byte for byte what another mirror of the port writes. It is killed, and comes back.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping curl python3 tcpdump dpdk-testpmd
# On one core the two who poll would take turns, and the ring between them overflow meanwhile.
[ ${#cores[@]} -ge 2 ] || skip "needs two cores"
other=${cores[1]}
socket=vmirror-e2e-$$

is_ready() {
	[ "$(grep -c 'Port statistics' "$T/peer.out")" -ge 1 ]
}

# start_peer FILE
start_peer() {
	spawn "$T/peer.out" "$T/peer.err" dpdk-testpmd --no-huge -m 256 --no-pci --no-telemetry \
		--lcores "0@$other,1@$other" --file-prefix peer --log-level=pmd.net.memif:debug \
		--vdev "net_memif0,role=server,socket=$socket" --vdev "net_pcap0,tx_pcap=$1" -- \
		--total-num-mbufs 8192 --stats-period 1
	peer=$child
	wait_for 30 is_ready || fail "dpdk-testpmd: $(tail -n 5 "$T/peer.out" "$T/peer.err")"
}

said() {
	grep -q "$1" "$T/err"
}

delivers() {
	pings 1
	packets "$1" 1
}

nothing_arrives() {
	fail "nothing arrives: $(tail -n 20 "$T/peer.err" "$T/peer.out")"
}

# What passed since the two had met.
download_of() {
	tcpdump -r "$1" -w "$2" tcp 2>/dev/null
}

caught_up() {
	download_of file.pcap here.pcap
	download_of "$T/peer.pcap" there.pcap
	packets here.pcap 100 && same here.pcap there.pcap >/dev/null
}

memif="sink=[net_memif,socket=$socket,id=0]"
refused=$("$VMIRROR" --no-huge -m 256 --no-pci -l "$core" --vdev net_null0 -- \
	--check --mirror "port=0,$memif" 2>&1 || true)
expect "without a server the mirror is refused" grep -q "no server listens at $socket" \
	<<<"$refused"

start_peer "$T/peer.pcap"
two_hosts \
	--mirror "name=file,port=net_tap0,sink=[net_pcap,tx_pcap=file.pcap]" \
	--mirror "name=shm,port=net_tap0,$memif"
serve 200000
wait_for 40 delivers "$T/peer.pcap" || nothing_arrives
download
wait_for 20 caught_up || same here.pcap there.pcap || fail "the peer has not what we have"
expect "the peer gets every frame, byte for byte" same here.pcap there.pcap
expect "which are some hundred" packets there.pcap 100

for signal in KILL INT; do
	kill "-$signal" "$peer"
	wait_for 20 gone "$peer" || fail "dpdk-testpmd does not end"
	expect "the hosts still talk when the peer is gone ($signal)" pings 50
	wait_for 20 said 'mirror .shm.: .*its server has gone' || fail "nothing is said of it"
	start_peer "$T/again.pcap"
	wait_for 40 delivers "$T/again.pcap" || nothing_arrives
	echo "ok and mirroring goes on when it is back"
	expect "which is said" said "mirror 'shm': memif $socket is back"
done
stop_vmirror INT
expect "what nobody took is counted" test "$(counter shm sink_rejected)" -ge 100
all_delivered file
kill -INT "$peer"
wait_for 20 gone "$peer" || fail "dpdk-testpmd does not end"
