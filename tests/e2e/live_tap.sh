#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A live interface: tcpdump on it sees exactly the mirrored packets, jumbo frames too; the kernel
# says nothing on it by itself; it is up from the start and gone at the end.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip tcpdump

is_up() {
	[[ $(ip -o link show "$1") == *[\<,]UP[,\>]* ]]
}

# Packets that the kernel has sent on an interface.
sent() {
	ip -s -o link show "$1" | sed 's/.*TX: *bytes[^\\]*\\ *[0-9]* *\([0-9]*\).*/\1/'
}

# What an interface gets from the kernel where nobody has told it to be quiet: router
# solicitations, multicast listener reports, duplicate address detection.
talkative() {
	[ ! -d /proc/sys/net/ipv6 ] || sysctl -qw net.ipv6.conf.default.disable_ipv6="$1"
}

silence() {
	talkative 0
	start_vmirror -l "$core" --vdev net_null0,no-rx=1 -- \
		--mirror "name=live,port=0,sink=[net_tap,iface=mon0]"
	expect "mon0 is there and up" is_up mon0
	watch mon0 "$T/live.pcap"
	sleep 4
	expect "the kernel has sent nothing on mon0" test "$(sent mon0)" = 0
	expect "nothing is on mon0" test "$(pcap count "$T/live.pcap")" = 0
	stop_vmirror TERM
	expect "mon0 is gone" no_interface mon0
	unwatch "$child" "$T/live.pcap"
	talkative 1
}

exactness() {
	local n live cut
	pcap make wire "$T/in.pcap"
	n=$(pcap count "$T/in.pcap")
	host_add a
	start_vmirror -l "$core" --vdev net_tap0,iface=cable0 -- \
		--mirror "name=live,port=net_tap0,dir=rx,sink=[net_tap_live,iface=mon0]" \
		--mirror "name=cut,port=net_tap0,dir=rx,snaplen=64,sink=[net_tap,iface=mon1]"
	watch mon0 "$T/live.pcap"
	live=$child
	watch mon1 "$T/cut.pcap"
	cut=$child
	host_plug a cable0 192.0.2.1/24
	host a ip link set cable0 mtu 9000
	host a "$here/pcap.py" send cable0 "$T/in.pcap"
	wait_for 20 packets "$T/live.pcap" "$n" || true
	wait_for 20 packets "$T/cut.pcap" "$n" || true
	sleep 1
	expect "mon0 shows all $n packets, byte for byte" same "$T/in.pcap" "$T/live.pcap"
	expect "mon1 shows their first 64 bytes" same "$T/in.pcap" "$T/cut.pcap" snaplen=64
	stop_vmirror TERM
	all_delivered live "$n"
	all_delivered cut "$n"
	counted live truncated 0
	counted cut truncated "$(pcap sizes "$T/in.pcap" | awk '$1 > 64' | wc -l)"
	expect "mon0 is gone" no_interface mon0
	expect "mon1 is gone" no_interface mon1
	unwatch "$live" "$T/live.pcap" "$cut" "$T/cut.pcap"
}

silence
exactness
