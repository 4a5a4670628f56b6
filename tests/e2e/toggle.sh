#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A TCP download of 100 MB between two kernels, through a program into which mirrors are plugged
# and out of which they are pulled 100 times while it runs: it arrives as it was sent.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip curl ss

times=100
host_add a
host_add b
spawn "$T/out" "$T/err" "$TOGGLE_HOST" --no-huge -m 256 --no-pci -l 0 \
	--vdev net_tap0,iface=cable0 --vdev net_tap1,iface=cable1 -- "$times" \
	"port=all,sink=[net_pcap,tx_pcap=report.pcap]" \
	"port=0,filter=tcp port 80,sink=[net_tap,iface=mon0]" \
	"port=0,dir=rx,snaplen=64,sink=[net_pcap,tx_pcap=short.pcap]"
vm=$child
forwarding() {
	grep -q '^forwarding' "$T/err" || gone "$vm"
}
wait_for 30 forwarding || fail "toggle_host does not forward"
host_plug a cable0 192.0.2.1/24
host_plug b cable1 192.0.2.2/24
serve 100000000

# So slow that the mirrors' turns, of which each takes 10 ms and more, fall into it.
host_spawn a /dev/null "$T/curl.err" \
	curl -sS --max-time 120 --limit-rate 4M -o "$T/download" http://192.0.2.2/file
curl=$child
flows() {
	[ "$(stat -c %s "$T/download" 2>/dev/null || echo 0)" -gt 1000000 ]
}
wait_for 20 flows || fail "the download does not begin: $(cat "$T/curl.err")"
kill -USR1 "$vm"

toggled() {
	grep -q '^toggled' "$T/out" || gone "$vm"
}
wait_for 60 toggled || fail "$times turns took more than a minute"
expect "$times turns were taken" grep -q "^toggled $times times" "$T/out"
expect "the download was under way all the while" alive "$curl"
note "$(cat "$T/out")"
finished() {
	gone "$curl"
}
wait_for 120 finished || fail "the download does not end"
expect "curl is content" wait "$curl"
expect "100 MB arrived as they were sent" cmp "$T/download" "$T/www/file"
expect "hundreds of packets were mirrored" test \
	"$(sed 's/.*, \([0-9]*\) packets.*/\1/' "$T/out")" -gt 200

kill -TERM "$vm"
end_vmirror 20
expect "the program ends in order" test "$status" = 0
expect "mon0 is gone" no_interface mon0
