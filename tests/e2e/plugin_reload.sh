#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The plugin's configuration read again, by vmirrorctl, while testpmd forwards: what changed changes, what did
# not loses no packet, a bad file changes nothing, and what has no port yet waits for it. What a file has
# taken away that is found to be bad too late is brought back.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin ip ping dpdk-testpmd tcpdump

null='sink=[file,path=/dev/null]'
stays='name=stays,port=net_tap0,filter=icmp,sink=[file,path=stays.pcapng]'

# reload WORDS: it says so.
reload() {
	"$VMIRRORCTL" reload >"$T/reload.out" 2>&1 || fail "reload: $(cat "$T/reload.out")"
	grep -q "$1" "$T/reload.out" || fail "reload does not say '$1': $(cat "$T/reload.out")"
	echo "ok reload: $1"
}

# refused WORDS
refused() {
	local before
	before=$("$VMIRRORCTL" list)
	! "$VMIRRORCTL" reload >"$T/reload.out" 2>&1 || fail "not refused: $1"
	grep -q "$1" "$T/reload.out" || fail "the refusal does not say '$1': $(cat "$T/reload.out")"
	[ "$before" = "$("$VMIRRORCTL" list)" ] || fail "something has changed: $1"
	echo "ok refused: $1"
}

begin_testpmd() {
	start_testpmd --vdev net_tap0,iface=cable0 --vdev net_tap1,iface=cable1 -- -i \
		--total-num-mbufs 8192 --auto-start
	host_plug a cable0 192.0.2.1/24
	host_plug b cable1 192.0.2.2/24
	wait_for 20 mirrors stays || fail "no mirror: $(grep vmirror "$host_log")"
	wait_for 20 reached || fail "the hosts do not talk"
	wait_for 20 said 'control socket:' || fail "no control socket"
}

is_there() {
	"$VMIRRORCTL" list | grep -q "^$1 "
}

gone_mirror() {
	! is_there "$1"
}

changes() {
	plugin_config "$stays" "name=goes,port=net_tap0,$null"
	begin_testpmd
	pings 5
	plugin_config "name=comes,port=net_tap1,$null" "$stays" "name=later,port=29,$null"
	reload '1 mirrors taken away, 1 added, 1 as they were, 1 wait'
	expect "one came" is_there comes
	expect "one went" gone_mirror goes
	pings 5
	expect "one waits for its port" said 'line 3: .*29.*tried again'
	reload '0 mirrors taken away, 0 added, 2 as they were, 1 wait'
}

bad() {
	plugin_config "$stays" "" "name=x,port=net_tap0,filter=\"tcp prt 80\",$null"
	refused "mirrors.conf:3: .*tcp prt 80"
	plugin_config "$stays" "name=x,port=net_tap0,sink=[net_af_packet,iface=et1]"
	refused "mirrors.conf:2: .*no interface 'et1'"
	plugin_config "name=stays,prt=0"
	refused "mirrors.conf:1: .*prt"
	rm "$VMIRROR_CONFIG"
	refused "mirrors.conf"
}

# What has the name of one by now is whoever's made it.
by_name() {
	"$VMIRRORCTL" remove comes >/dev/null 2>&1 || fail "comes cannot be removed"
	"$VMIRRORCTL" add "name=comes,port=net_tap0,$null" >/dev/null || fail "no other comes"
	plugin_config "$stays"
	reload '0 mirrors taken away, 0 added, 1 as they were'
	expect "a client's of that name stays" is_there comes
	"$VMIRRORCTL" remove comes >/dev/null 2>&1 || fail "the other cannot be removed"
}

# A core that there is not is looked for when the others have gone.
late() {
	local bad="name=bad,port=net_tap0,core=1023,$null"
	local other="name=other,port=net_tap0" file="name=file,port=net_tap0"
	plugin_config "$stays" "$other,$null" "$file,sink=[file,path=a.pcapng]"
	reload '0 mirrors taken away, 2 added, 1 as they were'
	plugin_config "$stays" "$other,filter=arp,$null" "$file,sink=[file,path=a.pcapng]" "$bad"
	refused "mirrors.conf:4: mirror 'bad': core=1023"
	plugin_config "$stays" "$other,filter=arp,$null" "$file,sink=[file,path=a.pcapng]"
	reload '1 mirrors taken away, 1 added, 2 as they were'

	plugin_config "$stays" "$bad"
	! "$VMIRRORCTL" reload >"$T/reload.out" 2>&1 || fail "a core that there is not is not refused"
	grep -q "core=1023.*could not be brought back: 'file'" "$T/reload.out" ||
		fail "it is not said what is lost: $(cat "$T/reload.out")"
	expect "a file that is there is not written again" gone_mirror file
	expect "what writes none is back" is_there other
	expect "it is tried again" wait_for 20 said "line 3: .*'file'.*exists already.*tried again"
	plugin_config "$stays" "$other,filter=arp,$null" "$file,sink=[file,path=b.pcapng]"
	reload '0 mirrors taken away, 1 added, 2 as they were'
	expect "into another file it is made anew" is_there file
	plugin_config "$stays"
	reload '2 mirrors taken away, 0 added, 1 as they were'
}

nothing() {
	plugin_config "# none"
	reload '1 mirrors taken away, 0 added, 0 as they were'
	expect "none is left" test "$("$VMIRRORCTL" list | wc -l)" -le 1
	expect "the one that stayed saw all pings, both ways" test \
		"$(tcpdump -r stays.pcapng icmp 2>/dev/null | wc -l)" -ge 20
	pings 5
	plugin_config "name=again,port=net_tap0,$null"
	reload '0 mirrors taken away, 1 added'
	testpmd_do quit
	end_testpmd
	[ "$status" -eq 0 ] || fail "testpmd ended with status $status"
}

plugin_install "$BUILD/plugin"
host_add a
host_add b
changes
bad
by_name
late
nothing
