#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Traffic of a guest in Open vSwitch, whose vhost-user port no plugin can hook: examples/ovs/guest.sh
# has a Mirror lead it into a port that the plugin shows. The guest is a dpdk-testpmd with a
# virtio_user, which sends a file and records what comes.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin_ovs tcpdump dpdk-testpmd
[ ${#cores[@]} -ge 2 ] || skip "needs two cores"

is_linked() {
	[ "$(ovs-vsctl get Interface vm link_state)" = up ]
}

# start_guest: waits for the switch at its socket, then sends.
start_guest() {
	spawn "$T/guest.out" "$T/guest.err" dpdk-testpmd --no-huge -m 128 --no-pci --no-telemetry \
		--lcores "0@${cores[1]},1@${cores[1]}" --file-prefix guest \
		--vdev "virtio_user0,path=$T/vm.sock,server=1" \
		--vdev "net_pcap0,rx_pcap=$T/in.pcap,tx_pcap=$T/out.pcap" -- \
		--total-num-mbufs=4096 --forward-mode=io --auto-start --no-flush-rx --no-mlockall \
		--stats-period 1
	guest=$child
	wait_for 40 is_linked || fail "the guest and the switch do not meet: $(ovs_log)"
}

from_guest() {
	[ "$(pcap count "$T/b.pcap")" -ge 200 ]
}

agree() {
	python3 "$here/ovs_pcap.py" same "$T/b.pcap" "$T/guest.pcap"
}

plugin_install "$BUILD/plugin"
plugin_config "name=guest,port=net_null_guest,dir=tx,sink=[net_pcap,tx_pcap=$T/guest.pcap]"
huge_pages 200
start_switch "--no-pci --huge-dir=$T/huge -d $plugin"
# shellcheck disable=SC2034 # plugin_lib.sh's
telemetry=$T/run/dpdk/rte/dpdk_telemetry.v2
ovs-vsctl del-port br0 a -- add-port br0 vm -- set Interface vm type=dpdkvhostuserclient \
	options:vhost-server-path="$T/vm.sock"
PORT=vm "$source_root/examples/ovs/guest.sh" start || fail "examples/ovs/guest.sh: $(ovs_log)"
expect "the port that the Mirror leads to is mirrored" wait_for 20 hooked guest 1
# No more than the guest's ring holds: what does not fit it drops.
pcap make small "$T/small.pcap"
pcap skip "$T/small.pcap" "$T/in.pcap" 800
watch eth0 "$T/b.pcap" b
wire=$child
start_guest
wait_for 20 from_guest || fail "the guest's packets do not arrive: $(pcap count "$T/b.pcap")"
wait_for 20 agree || true
unwatch "$wire" "$T/b.pcap"
note "$(pcap count "$T/b.pcap") packets"
expect "what the guest sends is mirrored, byte for byte" agree

# And what it receives.
pcap make small "$T/to_guest.pcap" 2
before=$(pcap count "$T/guest.pcap")
host b python3 "$here/pcap.py" send eth0 "$T/to_guest.pcap"
received() {
	pcap skip "$T/guest.pcap" "$T/received.pcap" "$before"
	python3 "$here/ovs_pcap.py" same "$T/to_guest.pcap" "$T/received.pcap"
}
wait_for 20 received 2>/dev/null || true
expect "what it receives as well" received
kill -INT "$guest"
wait_for 20 gone "$guest" || fail "the guest does not end"
"$source_root/examples/ovs/guest.sh" stop
stop_vswitchd
expect "the file is readable to its end" tcpdump -w /dev/null -r "$T/guest.pcap"
