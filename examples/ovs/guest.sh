#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A guest's port of Open vSwitch, for vmirror's plugin. A vhost-user port is no port of DPDK's, so
# that no plugin can hook it; a Mirror leads what passes there into a port that is one and throws it
# away. The plugin's configuration shows what is sent to it (dir=tx):
#
#     name=guest,port=net_null_guest,dir=tx,sink=[net_pcap,tx_pcap=/tmp/guest.pcap]
#
#     PORT=vm1 ./guest.sh start
#     ./guest.sh stop

set -euo pipefail

BR=${BR:-br0}     # the bridge
PORT=${PORT:-vm1} # its port that is mirrored, both directions

start() {
	ovs-vsctl add-port "$BR" guest \
		-- set Interface guest type=dpdk \
		options:dpdk-devargs="net_null_guest,no-rx=1" \
		-- --id=@from get Port "$PORT" \
		-- --id=@out get Port guest \
		-- --id=@m create Mirror name=guest output-port=@out \
		select-src-port=@from select-dst-port=@from \
		-- add Bridge "$BR" mirrors @m >/dev/null
	ovs-ofctl mod-port "$BR" guest no-flood

	# ovs-vsctl ends with 0 even when Open vSwitch could not make the port.
	[ "$(ovs-vsctl get Interface guest error)" = '[]' ]
}

stop() {
	ovs-vsctl -- --id=@m get Mirror guest -- remove Bridge "$BR" mirrors @m \
		-- del-port "$BR" guest
}

"${1:?start or stop}"
