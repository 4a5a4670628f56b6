#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Without traffic vmirror leaves the core alone, unless told otherwise; and it wakes up in time.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping

seconds=3

# Per cent of a core that one who sleeps may use: a wake-up costs what the machine makes of it, and
# more when others are busy. One who polls uses 100.
asleep=25

# Clock ticks that the process has used so far, in all its threads.
ticks() {
	sed 's/.*) //' "/proc/$vm/stat" | awk '{ print $12 + $13 }'
}

# measure WHAT: $used, in per cent of a core.
measure() {
	local before
	sleep 1
	before=$(ticks)
	sleep $seconds
	used=$((($(ticks) - before) * 100 / ($(getconf CLK_TCK) * seconds)))
	note "$1: $used % of a core"
}

# In how many of 50 looks the forwarding thread wanted a core, whether it got one or not: what it
# gets depends on who else is there.
awake() {
	local look n=0
	for ((look = 0; look < 50; look++)); do
		sleep 0.02
		if [[ $(sed 's/.*) //' "/proc/$vm/stat") == R* ]]; then
			n=$((n + 1))
		fi
	done
	echo $n
}

two_hosts --mirror "name=report,port=all,sink=[net_pcap_report,tx_pcap=report.pcap]" \
	--mirror "name=live,port=all,sink=[net_tap_live,iface=mon0]"
measure "two taps, two mirrors"
expect "idle taps: asleep nearly always" test "$used" -lt $asleep
expect "awake again: 100 pings" pings 100
# Of the half that was quicker: that others had the core now and then is not its doing.
rtt=$(host a ping -n -c 100 -i 0.02 -W 2 192.0.2.2 | sed -n 's/.* time=\([0-9.]*\) ms.*/\1/p' | sort -n | sed -n 50p)
expect "half of 100 pings take less than 20 ms (${rtt:-none} ms)" awk "BEGIN { exit !(${rtt:-99} < 20) }"
stop_vmirror INT

start_vmirror -l "$core" --vdev "net_null0,no-rx=1" --vdev "net_null1,no-rx=1" -- \
	--mirror "name=report,port=all,sink=[net_pcap_report,tx_pcap=report.pcap]"
measure "two ports without rx interrupts"
expect "idle ports without interrupts: asleep nearly always" test "$used" -lt $asleep
stop_vmirror INT

start_vmirror -l "$core" --vdev "net_null0,no-rx=1" -- --busy-poll \
	--mirror "name=report,port=all,sink=[net_pcap_report,tx_pcap=report.pcap]"
measure "--busy-poll"
expect "--busy-poll: never asleep" test "$(awake)" = 50
stop_vmirror INT
