#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Open vSwitch as the vhost-user peer, which connects (dpdkvhostuserclient) or listens
# (dpdkvhostuser): what vmirror mirrors comes out at another port of the switch, also after the
# switch was started anew.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
begin_ovs python3

# start PATH_AND_KEYS: vmirror with a host c, whose frames are mirrored.
start() {
	host_add c
	start_vmirror --file-prefix mirror -l "${cores[1]:-$core}" --vdev net_tap0,iface=cable0 -- \
		--mirror "name=m,port=net_tap0,dir=rx,sink=[virtio_user,$1]"
	host_plug c cable0 198.51.100.1/24
}

# arrive: what c sends, b's interface sees.
arrive() {
	local watcher
	watch eth0 "$T/b.pcap" b
	watcher=$child
	host c "$here/pcap.py" send cable0 "$T/small.pcap"
	wait_for 20 packets "$T/b.pcap" 1000 || true
	unwatch "$watcher" "$T/b.pcap"
	expect "$1: all 1000 packets, byte for byte" same "$T/small.pcap" "$T/b.pcap"
}

said() {
	grep -q "^vmirror: mirror 'm': .*$1" "$T/err"
}

well_again() {
	ovs-appctl dpctl/show >/dev/null 2>&1 && [ "$(ovs-vsctl get Interface vhost link_state)" = up ]
}

restart() {
	stop_vswitchd
	expect "$1: the switch ends: said" wait_for 20 said "the vhost-user peer at .* is gone"
	start_vswitchd "$without_hugepages"
	expect "$1: it is there again" wait_for 20 well_again
}

over() {
	stop_vmirror INT
	all_delivered m 2000
	host_remove c
	ovs-vsctl del-port br0 vhost
}

pcap make small "$T/small.pcap"
start_vswitchd "$without_hugepages"
ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev
add_host b 192.0.2.2/24

ovs-vsctl add-port br0 vhost -- set Interface vhost type=dpdkvhostuserclient \
	options:vhost-server-path="$T/vhost"
start "path=$T/vhost,server=1"
arrive dpdkvhostuserclient
restart dpdkvhostuserclient
arrive dpdkvhostuserclient
over
expect "the socket is gone" test ! -e "$T/vhost"

ovs-vsctl add-port br0 vhost -- set Interface vhost type=dpdkvhostuser
wait_for 20 test -S "$T/ovs/vhost" || fail "no socket: $(ovs_log)"
start "path=$T/ovs/vhost"
arrive dpdkvhostuser
restart dpdkvhostuser
arrive dpdkvhostuser
over
