#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vhost-user peers that stop, die with packets in their hands, and come back: the traffic between
# two hosts goes on without a loss, the mirror's loss is counted and said, and nothing piles up.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/vhost.sh
. "${BASH_SOURCE%/*}/vhost.sh"
begin dpdk-testpmd ip ping curl python3 ss

kills=5
[ -z "$soak" ] || kills=50

said() {
	grep -Eq "^vmirror: mirror 'm': .*($1)" "$T/err"
}

# start KEYS: two hosts, and a mirror of what one of them says for a peer.
start() {
	two_hosts --mirror "name=m,port=net_tap0,sink=[virtio_user,path=$T/vhost,$1]"
}

over() {
	stop_vmirror INT
	note "$(grep '^mirror m' "$T/out")"
	host_remove a
	host_remove b
	rm -f ./*.pcap "$T/vhost"
}

lost() {
	[ "$(counter m unknown)" -gt 0 ] && [ "$(counter m sink_rejected)" -gt 0 ]
}

stop_and_kill() {
	kill -STOP "$peer"
	expect "$1: stopped: a download" download
	expect "$1: stopped: said" wait_for 20 said "does not keep up: its ring of 1024 was full"
	vhost_kill
	# At the most so often is an ailment told.
	expect "$1: killed: said" wait_for 20 said "the vhost-user peer at $T/vhost is gone"
	expect "$1: killed: 50 pings, a download" traffic
	expect "$1: killed: vmirror lives" alive "$vm"
}

traffic() {
	pings 50
	download
}

arrive() {
	pings 20
	wait_for 20 packets "$1" 40
}

client() {
	note "a peer that listens"
	vhost_server "$T/vhost" one.pcap
	start queue_size=1024
	serve 3000000
	expect "client: 20 pings arrive" arrive one.pcap
	stop_and_kill client
	vhost_server "$T/vhost" two.pcap
	expect "client: a new peer: said" wait_for 20 said "is back"
	expect "client: a new peer: 20 pings arrive" arrive two.pcap
	vhost_stop
	expect "client: it ends in order: 50 pings" pings 50
	over
	expect "client: the loss is counted" lost
}

server() {
	note "a peer that connects"
	vhost_peer "$T/vhost" 1 one.pcap
	start server=1,queue_size=1024
	serve 3000000
	expect "server: 20 pings arrive" arrive one.pcap
	stop_and_kill server
	expect "server: the socket is there" test -S "$T/vhost"
	vhost_peer "$T/vhost" 1 two.pcap
	expect "server: a new peer: said" wait_for 20 said "is back"
	expect "server: a new peer: 20 pings arrive" arrive two.pcap
	over
	vhost_stop
	expect "server: the socket is gone" test ! -e "$T/vhost"
	expect "server: the loss is counted" lost
}

# A peer that does not answer any more keeps nobody from ending.
hung_at_the_end() {
	local began
	note "a peer that hangs at the end"
	vhost_server "$T/vhost" one.pcap
	start queue_size=1024
	expect "hung: 20 pings arrive" arrive one.pcap
	kill -STOP "$peer"
	began=$SECONDS
	over
	expect "hung: vmirror ends within 8 s" test $((SECONDS - began)) -le 8
	vhost_kill
}

# Those who connect in a peer's place, and hang up, or talk nonsense, or say nothing.
strangers() {
	python3 -c 'import os, socket, sys, time
for n in range(40):
    stranger = socket.socket(socket.AF_UNIX)
    stranger.connect(sys.argv[1])
    try:
        if n % 4 == 1:
            stranger.send(os.urandom(300))
        if n % 4 == 2:
            while stranger.recv(4096):
                pass
        if n % 4 == 3:
            stranger.send(bytes(12))
            time.sleep(0.1)
    except OSError:
        pass
    stranger.close()' "$T/vhost"
}

strange_successors() {
	note "successors that are no peers"
	vhost_peer "$T/vhost" 1 one.pcap
	start server=1,queue_size=1024
	expect "strangers: 20 pings arrive" arrive one.pcap
	vhost_kill
	expect "strangers: gone: said" wait_for 20 said "is gone"
	strangers
	expect "strangers: vmirror lives" alive "$vm"
	expect "strangers: 50 pings" pings 50
	vhost_peer "$T/vhost" 1 two.pcap
	expect "strangers: then a peer: said" wait_for 20 said "is back"
	expect "strangers: 20 pings arrive" arrive two.pcap
	over
	vhost_stop
}

descriptors() {
	find "/proc/$vm/fd" -mindepth 1 | wc -l
}

# kilobytes: of memory that is no file's, which leaks would add to.
own_memory() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$vm/status"
}

# kill_peers CLIENT: the ring is full in every second kill.
kill_peers() {
	local n
	for ((n = 0; n < kills; n++)); do
		rm -f got.pcap
		if [ "$1" = 0 ]; then
			vhost_server "$T/vhost" got.pcap
		else
			vhost_peer "$T/vhost" 1 got.pcap
		fi
		wait_for 20 packets got.pcap 20 || fail "peer $n gets nothing"
		[ $((n % 2)) = 0 ] || { kill -STOP "$peer" && sleep 0.1; }
		vhost_kill
		alive "$vm" || fail "vmirror ended when peer $n was killed"
		[ "$n" -ne 4 ] || fds=$(descriptors) memory=$(own_memory)
	done
}

# many KEYS CLIENT
many() {
	local fds=0 memory=0
	note "$kills peers killed: $1"
	rm -f "$T/vhost"
	if [ "$2" = 0 ]; then
		vhost_server "$T/vhost" got.pcap
	else
		vhost_peer "$T/vhost" 1 got.pcap
	fi
	start "$1"
	flood 0.002
	vhost_kill
	kill_peers "$2"
	sleep 1
	note "descriptors: $fds, then $(descriptors); memory: $memory kB, then $(own_memory) kB"
	expect "$1: no descriptors leak" test "$(descriptors)" -le "$fds"
	expect "$1: no memory leaks" test "$(own_memory)" -le $((memory + 1024))
	end_flood
	over
	counted m no_room 0
}

client
server
hung_at_the_end
strange_successors
many queue_size=64 0
many server=1,queue_size=64 1
