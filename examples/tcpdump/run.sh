#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# tcpdump on an interface that vmirror makes. README.md says what it would be on a machine with ports.

set -euo pipefail
# shellcheck source=examples/two_hosts.sh
. "${BASH_SOURCE%/*}/../two_hosts.sh"
begin tcpdump

listens() {
	grep -q '^listening on' "$T/tcpdump.err"
}

start_vmirror --mirror 'name=live,port=net_tap0,filter="icmp or arp",sink=[net_tap,iface=mon0]'
show tcpdump -Z root -lnt -c 6 -i mon0 2>"$T/tcpdump.err" &
tcpdump=$!
wait_for 10 listens
ping_b 3
wait "$tcpdump"

# In a process that runs a mirror comes and goes like this.
show "$VMIRRORCTL" remove live
show "$VMIRRORCTL" add 'name=big,port=net_tap0,dir=rx,filter="greater 1000",sink=[net_tap,iface=mon1]'
show ip -br link show mon1
stop_vmirror
