#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A port of Open vSwitch onto a kernel interface that is there already, here one end of a veth
# pair, so that the other may be moved into a container:
#
#     PORT=eth1 IFACE=tee0 PEER=tee1 ./veth.sh start
#     tcpdump -i tee1
#     ./veth.sh stop

set -euo pipefail

BR=${BR:-br0}        # the bridge
PORT=${PORT:-eth1}   # its port that is mirrored, both directions
IFACE=${IFACE:-tee0} # Open vSwitch's end
PEER=${PEER:-tee1}   # the end where the packets come out

start() {
	ip link add "$IFACE" type veth peer name "$PEER"
	ip link set "$IFACE" up
	ip link set "$PEER" up

	# iface= also receives, and Open vSwitch throws that away once a Mirror goes there. In place
	# of it tx_iface= only sends. eth_pcap is net_pcap's other name.
	ovs-vsctl add-port "$BR" tee \
		-- set Interface tee type=dpdk \
		options:dpdk-devargs="\"eth_pcap0,iface=$IFACE\"" \
		-- --id=@from get Port "$PORT" \
		-- --id=@out get Port tee \
		-- --id=@m create Mirror name=tee output-port=@out \
		select-src-port=@from select-dst-port=@from \
		-- add Bridge "$BR" mirrors @m >/dev/null
	ovs-ofctl mod-port "$BR" tee no-flood

	# ovs-vsctl ends with 0 even when Open vSwitch could not make the port.
	[ "$(ovs-vsctl get Interface tee error)" = '[]' ]
}

stop() {
	ovs-vsctl -- --id=@m get Mirror tee -- remove Bridge "$BR" mirrors @m \
		-- del-port "$BR" tee
	ip link del "$IFACE"
}

"${1:?start or stop}"
