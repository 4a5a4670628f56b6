#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirrorctl and a dpdk-testpmd with the plugin, which is nothing but told to load it: its packets are
# captured as those of vmirror's own are.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "$here/plugin_lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin ip ping tcpdump tshark capinfos dpdk-testpmd

: "${VMIRRORCTL:=$source_root/build/ctl/vmirrorctl}"

ctl() {
	"$VMIRRORCTL" "$@" 2>"$T/ctl.err" || fail "status $? of vmirrorctl $*: $(cat "$T/ctl.err")" >&2
}

# It goes on as if nothing were.
alive_and_well() {
	alive "$pmd" || fail "testpmd ended: $(tail -n 5 "$host_log")"
	pings 5
}

captures() {
	ctl capture -i net_tap0 -w got.pcapng -c 10 icmp &
	wait_for 20 has_mirror || fail "$(cat "$T/ctl.err")"
	alive_and_well
	wait $! || fail "capture failed"
	expect "a capture, which ends with its count" test "$(count_all got.pcapng)" = 10
	readable got.pcapng
	expect "nothing is left" not has_mirror
}

has_mirror() {
	[ "$("$VMIRRORCTL" list | wc -l)" -gt 1 ]
}

plugin_install "$BUILD/plugin"
host_add a
host_add b
start_testpmd --vdev net_tap0,iface=cable0 --vdev net_tap1,iface=cable1 -- -i \
	--total-num-mbufs 8192 --auto-start
host_plug a cable0 192.0.2.1/24
host_plug b cable1 192.0.2.2/24
wait_for 20 reached || fail "testpmd does not forward"
wait_for 20 said 'control socket:' || fail "no control socket: $(grep vmirror: "$host_log")"
expect "it is found, by its socket" grep -q "^dpdk-testpmd, process $pmd:" <(ctl version)
expect "with its ports" grep -q '^ *1  net_tap1' <(ctl ports)
captures
captures
ctl add "name=mon,port=0,filter=icmp,sink=[net_tap,iface=mon0]" >/dev/null
watch mon0 "$T/mon.pcap"
alive_and_well
unwatch "$child" "$T/mon.pcap"
expect "an interface for tcpdump" test "$(pcap count "$T/mon.pcap")" = 10
ctl remove mon >/dev/null
expect "and it goes" no_interface mon0
alive_and_well
testpmd_do stop
echo quit >&"$commands"
end_testpmd
expect "testpmd quits as ever" test "$status" = 0
