#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An unmodified dpdk-testpmd with the plugin: its ports are mirrored, those that come later, too;
# ports come and go while it forwards; it closes its ports, quits and is killed under traffic, and
# what is in the files then is complete.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin ip ping curl ss tcpdump dpdk-testpmd

rounds=20
[ -z "$soak" ] || rounds=200

# forward: testpmd between hosts a and b.
forward() {
	rm -f ./*.pcap
	start_testpmd --vdev net_tap0,iface=cable0 --vdev net_tap1,iface=cable1 -- -i \
		--total-num-mbufs 8192 --auto-start
	host_plug a cable0 192.0.2.1/24
	host_plug b cable1 192.0.2.2/24
	wait_for 20 mirrors web || fail "no mirror: $(grep vmirror "$host_log")"
	wait_for 20 reached
}

unplug_hosts() {
	host_remove a
	host_remove b
	host_add a
	host_add b
}

# has_all MIRROR FILE: every packet that the mirror delivered, and it lost none.
has_all() {
	packets "$2" "$(stat "$1" captured)" && stat_is "$1" delivered "$(stat "$1" captured)" &&
		stat_is "$1" in_flight 0
}

said_final() {
	sed -n "s/^.*vmirror: mirror $1: .* $2=\([^ ]*\).*/\1/p" "$host_log" | tail -n 1
}

# ARP comes when it likes, also between the start of one tcpdump and the other.
only_ip() {
	local name
	for name; do
		tcpdump -r "$T/$name.pcap" -w "$name.ip" ip 2>/dev/null
	done
}

# Both tcpdumps write when they get to it.
agree() {
	only_ip wire mon
	packets mon.ip 200 && same wire.ip mon.ip by-source 2>/dev/null
}

byte_for_byte() {
	local wire
	watch cable0 "$T/wire.pcap" a
	wire=$child
	watch mon0 "$T/mon.pcap"
	pings 50
	download
	wait_for 20 agree || true
	unwatch "$wire" "$T/wire.pcap" "$child" "$T/mon.pcap"
	only_ip wire mon
	expect "mon0 shows what is on a's wire, byte for byte" same wire.ip mon.ip by-source
	expect "hundreds of packets" packets mon.ip 200
	expect "the file has all that was mirrored" has_all web web.pcap
	stat_is echo captured "$(tcpdump -r echo.pcap 2>/dev/null | wc -l)" || fail "echo.pcap"
	expect "the filter leaves pings, two for one" test \
		"$(tcpdump -r echo.pcap icmp 2>/dev/null | wc -l)" = "$(stat echo captured)"
	expect "the port sent all that was seen on tx" stat_is web tx_sent "$(stat web tx_seen)"
	expect "testpmd does not see vmirror's ports" test "$(ports)" = 2
}

ports() {
	testpmd_do "show port summary all"
	sed -n 's/^.*Number of available ports: //p' "$host_log" | tail -n 1
}

# attach DEVARGS: its number is in $port; the lowest that is free.
attach() {
	testpmd_do "port attach $1"
	port=$(sed -n 's/^.*Port \([0-9]*\) is attached.*/\1/p' "$host_log" | tail -n 1)
	testpmd_do "port start $port"
	# testpmd keeps a port that came for its next start, unless it is told otherwise.
	testpmd_do stop
	testpmd_do "set portlist 0,1"
	testpmd_do start
}

# detach DEVICE
detach() {
	testpmd_do "port stop $port"
	testpmd_do "port close $port"
	testpmd_do "device detach $1"
}

# A port that comes is mirrored; under its number another is not.
come_and_go() {
	local round first
	expect "a mirror waits for its port" said 'net_null_late (not there yet)'
	attach net_null_late,size=100
	first=$port
	expect "and sees it when it comes" wait_for 20 stat_is late hooks 1
	for ((round = 0; round < rounds; round++)); do
		detach net_null_late
		attach net_null_other
		[ "$port" = "$first" ] || fail "another port got another number"
		stat_is late hooks 0 || fail "another port is mirrored"
		detach net_null_other
		attach net_null_late,size=100
		[ "$(ports)" = 3 ] || fail "testpmd counts $(ports) ports"
	done
	expect "$rounds times a port went, another came under its number, and it was back" \
		wait_for 20 stat_is late hooks 1
	pings 20
}

closes_all() {
	testpmd_do "stop"
	testpmd_do "port stop all"
	testpmd_do "port close all"
	alive "$pmd" || fail "testpmd died: $(tail -n 5 "$host_log")"
	testpmd_do quit
	end_testpmd
	expect "port close all, then quit: in order" test "$status" = 0
	expect "the file has what was delivered" packets web.pcap "$(said_final web delivered)"
	expect "mon0 is gone" no_interface mon0
}

quits() {
	local flood
	host_spawn a /dev/null /dev/null ping -q -f -w 30 192.0.2.2
	flood=$child
	sleep 1
	"$1"
	end_testpmd
	kill "$flood" 2>/dev/null || true
}

quit() {
	testpmd_do quit
}

# net_tap keeps the main thread busy with signals of its own, and then Linux gives SIGINT to another
# thread: testpmd's handler runs there, and the prompt reads on, also without a plugin. As a user
# would, press it again.
interrupt() {
	kill -INT "$pmd"
	while ! wait_for 2 said 'Telling cores to stop'; do
		kill -INT "$pmd" || break
	done
}

murder() {
	kill -KILL "$pmd"
}

plugin_install "$BUILD/plugin"
plugin_config "# what testpmd forwards" \
	"name=web,port=net_tap0,sink=[net_pcap,tx_pcap=web.pcap]" \
	"name=live,port=net_tap0,sink=[net_tap,iface=mon0]" \
	"name=echo,port=net_tap0,filter=icmp,sink=[net_pcap,tx_pcap=echo.pcap]" \
	"name=late,port=net_null_late,dir=rx,sink=[net_pcap,tx_pcap=late.pcap]"
host_add a
host_add b

forward
serve 200000
byte_for_byte
come_and_go
closes_all

for end in quit interrupt murder; do
	unplug_hosts
	forward
	quits $end
	case $end in
	murder)
		expect "killed under traffic, the file can be read" packets web.pcap 100
		expect "to its end" tcpdump -w /dev/null -r web.pcap
		;;
	*)
		expect "$end under traffic: in order" test "$status" = 0
		expect "the file is complete" test \
			"$(pcap count web.pcap)" = "$(said_final web delivered)"
		;;
	esac
done
