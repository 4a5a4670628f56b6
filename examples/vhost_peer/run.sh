#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Mirrored packets to another process through shared memory: virtio_user, and a vhost-user peer, here
# testpmd, which writes what it gets into a file.

set -euo pipefail
# shellcheck source=examples/two_hosts.sh
. "${BASH_SOURCE%/*}/../two_hosts.sh"
begin dpdk-testpmd tcpdump

# The peer comes first, because it makes the socket.
dpdk-testpmd --no-huge -m 128 --no-pci --no-telemetry --file-prefix peer --lcores 0@0,1@0 \
	--vdev "net_vhost0,iface=$T/vhost" --vdev "net_pcap0,tx_pcap=$T/peer.pcap" -- \
	--total-num-mbufs=4096 --forward-mode=io --auto-start --no-flush-rx --no-mlockall --stats-period 1 \
	>"$T/peer.out" 2>&1 &
peer=$!
wait_for 20 test -S "$T/vhost"

start_vmirror --mirror "name=peer,port=net_tap0,filter=icmp,sink=[virtio_user,path=$T/vhost]"
ping_b 5
sleep 1
stop_vmirror

kill -INT "$peer"
wait "$peer" || true
show tcpdump -nt -r peer.pcap 2>/dev/null
