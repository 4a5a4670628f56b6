#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A port of Open vSwitch into a capture file:
#
#     PORT=eth1 FILE=/tmp/report.pcap ./pcap.sh start
#     ./pcap.sh stop

set -euo pipefail

BR=${BR:-br0}                  # the bridge
PORT=${PORT:-eth1}             # its port that is mirrored, both directions
FILE=${FILE:-/tmp/report.pcap} # from / on; ovs-vswitchd writes it, over what is there

start() {
	ovs-vsctl add-port "$BR" report \
		-- set Interface report type=dpdk \
		options:dpdk-devargs="\"net_pcap_report,tx_pcap=$FILE\"" \
		-- --id=@from get Port "$PORT" \
		-- --id=@out get Port report \
		-- --id=@m create Mirror name=report output-port=@out \
		select-src-port=@from select-dst-port=@from \
		-- add Bridge "$BR" mirrors @m >/dev/null
	ovs-ofctl mod-port "$BR" report no-flood

	# ovs-vsctl ends with 0 even when Open vSwitch could not make the port.
	[ "$(ovs-vsctl get Interface report error)" = '[]' ]
}

stop() {
	ovs-vsctl -- --id=@m get Mirror report -- remove Bridge "$BR" mirrors @m \
		-- del-port "$BR" report
}

"${1:?start or stop}"
