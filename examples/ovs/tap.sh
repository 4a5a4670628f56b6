#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A port of Open vSwitch onto a new kernel interface, for tcpdump or Wireshark:
#
#     PORT=eth1 IFACE=mon0 ./tap.sh start
#     tcpdump -i mon0
#     ./tap.sh stop

set -euo pipefail

BR=${BR:-br0}        # the bridge
PORT=${PORT:-eth1}   # its port that is mirrored, both directions
IFACE=${IFACE:-mon0} # made for it, and gone with it

start() {
	# net_tap wants as many rx queues as tx queues, and Open vSwitch gives it a tx queue for each
	# PMD thread and one more. With another number it tries again for ever: see its log.
	n=$(ovs-appctl dpif-netdev/pmd-rxq-show |
		awk '/^pmd thread/ { n++ } END { print n ? n + 1 : 2 }')

	ovs-vsctl add-port "$BR" live \
		-- set Interface live type=dpdk \
		options:dpdk-devargs="\"net_tap_live,iface=$IFACE\"" options:n_rxq="$n" \
		-- --id=@from get Port "$PORT" \
		-- --id=@out get Port live \
		-- --id=@m create Mirror name=live output-port=@out \
		select-src-port=@from select-dst-port=@from \
		-- add Bridge "$BR" mirrors @m >/dev/null
	ovs-ofctl mod-port "$BR" live no-flood

	# ovs-vsctl ends with 0 even when Open vSwitch could not make the port.
	[ "$(ovs-vsctl get Interface live error)" = '[]' ]
}

stop() {
	ovs-vsctl -- --id=@m get Mirror live -- remove Bridge "$BR" mirrors @m \
		-- del-port "$BR" live
}

"${1:?start or stop}"
