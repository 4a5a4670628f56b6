#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Open vSwitch, on hugepages as in earnest, mirrors by virtio_user to a vhost-user peer: a
# dpdk-testpmd that writes what it receives into a file. With --single-file-segments it gets every
# byte; without, nothing, and only a log says so.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"

export SOCKET

is_ready() {
	[ -S "$SOCKET" ] && grep -q 'Port statistics' "$T/peer.out"
}

# start_peer: a DPDK of its own, which forwards from the socket to a file and back.
start_peer() {
	SOCKET=$T/vhost.sock
	spawn "$T/peer.out" "$T/peer.err" dpdk-testpmd --no-huge -m 256 --no-pci \
		--lcores "0@$other,1@$other" --file-prefix peer \
		--vdev "net_vhost0,iface=$SOCKET" --vdev "net_pcap0,tx_pcap=$T/peer.pcap" -- \
		--total-num-mbufs 8192 --stats-period 1
	peer=$child
	wait_for 30 is_ready || fail "dpdk-testpmd: $(tail -n 5 "$T/peer.out" "$T/peer.err")"
}

stop_peer() {
	kill -INT "$peer"
	wait_for 20 gone "$peer" || fail "dpdk-testpmd does not end"
}

has_link() {
	grep -q 'virtio is now ready for processing' "$T/peer.err"
}

too_many_regions() {
	grep -q 'Too many memory regions' "$T/ovs/ovs-vswitchd.log"
}

delivered() {
	start_peer
	example virtio_user start
	expect "virtio_user meets its peer" wait_for 20 has_link
	traffic "$T/peer.pcap"
	stop_peer
	settle
	echo "ok the hosts still talk when the peer is gone"
	example virtio_user stop
}

lost() {
	start_peer
	example virtio_user start
	expect "Open vSwitch finds no fault with the port" test \
		"$(ovs-vsctl get Interface vhost error)" = '[]'
	expect "its log does" too_many_regions
	settle
	expect "nothing arrives" test "$(pcap count "$T/peer.pcap")" = 0
	stop_peer
	example virtio_user stop
}

begin_ovs dpdk-testpmd
# On one core the two who poll would take turns, and a ring overflow meanwhile.
[ ${#cores[@]} -ge 2 ] || skip "needs two cores"
other=${cores[1]}
huge_pages 200
start_switch "--no-pci --single-file-segments"
serve 50000
delivered
stop_vswitchd
start_vswitchd "--no-pci"
settle
lost
