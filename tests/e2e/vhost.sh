# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A vhost-user peer for the end-to-end tests: testpmd, which writes what it gets into a capture.

vhost_peers=0
peer= # process id of the one that started last

# vhost_peer SOCKET CLIENT FILE: CLIENT as in net_vhost's client=. Polls the core that vmirror's
# tests leave alone, where there is one.
vhost_peer() {
	local at=${cores[1]:-$core}
	vhost_peers=$((vhost_peers + 1))
	spawn "$T/peer.out" "$T/peer.err" dpdk-testpmd --lcores "0@$at,1@$at" --no-huge -m 128 \
		--no-pci --no-telemetry --file-prefix "peer$vhost_peers" \
		--vdev "net_vhost0,iface=$1,client=$2" --vdev "net_pcap0,tx_pcap=$3" -- \
		--total-num-mbufs=4096 --forward-mode=io --auto-start --no-flush-rx --no-mlockall --stats-period 1
	# shellcheck disable=SC2154 # world.sh's
	peer=$child
}

# A socket that somebody has: not one that a peer which was killed has left behind.
listens() {
	[ -n "$(ss -Hlx src "$1")" ] || gone "$peer"
}

# vhost_server SOCKET FILE: one that vmirror connects to.
vhost_server() {
	rm -f "$1"
	vhost_peer "$1" 0 "$2"
	wait_for 20 listens "$1" || fail "testpmd does not listen"
	alive "$peer" || fail "testpmd ended: $(tail -n 3 "$T/peer.err" "$T/peer.out")"
}

# End it in order, so that its capture is complete.
vhost_stop() {
	kill -INT "$peer"
	wait_for 20 gone "$peer" || fail "testpmd did not end"
}

vhost_kill() {
	kill -KILL "$peer"
	wait "$peer" 2>/dev/null || true
}
