#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A flight recorder: nothing is written until something has happened; then there is what was before.

set -euo pipefail
# shellcheck source=examples/two_hosts.sh
. "${BASH_SOURCE%/*}/../two_hosts.sh"
begin tcpdump

noticed() {
	grep -q "mirror 'resets': snapshot 1 of [0-9]* packets" "$T/vmirror.log"
}

start_vmirror \
	--mirror 'name=rec,port=net_tap0,mode=recorder,ring_bytes=16M,sink=[file,path=incident.pcapng]' \
	--mirror 'name=resets,port=net_tap0,mode=recorder,trigger="tcp[tcpflags] & tcp-rst != 0",before=1s,after=100ms,sink=[file,path=reset.pcapng]'
ping_b 20

# Somebody notices: the last seconds, into a file of his own.
show "$VMIRRORCTL" snapshot rec --last 10s -w last.pcapng
show tcpdump -nt -c 4 -r last.pcapng icmp 2>/dev/null

# A packet notices: b refuses a connection, which is a reset. The file has the pings before it.
ping_b 5
on a bash -c '</dev/tcp/192.0.2.2/81' 2>/dev/null || true
wait_for 10 noticed
grep -o "mirror 'resets': snapshot 1 of [0-9]* packets is in .*" "$T/vmirror.log"
show tcpdump -nt -r reset_00001_*.pcapng 2>/dev/null | tail -n 3
stop_vmirror
