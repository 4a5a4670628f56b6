#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A port of Open vSwitch into another process or a virtual machine, by vhost-user. The peer comes
# first, because it makes the socket:
#
#     dpdk-testpmd … --vdev net_vhost0,iface=/tmp/vhost.sock …
#     PORT=eth1 SOCKET=/tmp/vhost.sock ./virtio_user.sh start
#     ./virtio_user.sh stop
#
# Once before, where Open vSwitch has hugepages; without it every packet is lost, and only its log
# says so ("Too many memory regions"):
#
#     ovs-vsctl set Open_vSwitch . other_config:dpdk-extra=--single-file-segments
#     systemctl restart openvswitch-switch

set -euo pipefail

BR=${BR:-br0}                     # the bridge
PORT=${PORT:-eth1}                # its port that is mirrored, both directions
SOCKET=${SOCKET:-/tmp/vhost.sock} # of the vhost-user peer, from / on

start() {
	ovs-vsctl add-port "$BR" vhost \
		-- set Interface vhost type=dpdk \
		options:dpdk-devargs="\"virtio_user0,path=$SOCKET\"" \
		-- --id=@from get Port "$PORT" \
		-- --id=@out get Port vhost \
		-- --id=@m create Mirror name=vhost output-port=@out \
		select-src-port=@from select-dst-port=@from \
		-- add Bridge "$BR" mirrors @m >/dev/null
	ovs-ofctl mod-port "$BR" vhost no-flood

	# ovs-vsctl ends with 0 even when Open vSwitch could not make the port.
	[ "$(ovs-vsctl get Interface vhost error)" = '[]' ]
}

stop() {
	ovs-vsctl -- --id=@m get Mirror vhost -- remove Bridge "$BR" mirrors @m \
		-- del-port "$BR" vhost
}

"${1:?start or stop}"
