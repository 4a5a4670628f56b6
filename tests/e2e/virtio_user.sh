#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A vhost-user peer in another process gets exactly the mirrored packets, over a socket of its own
# or of vmirror's; and what is wrong with a socket, a peer or DPDK's memory is said before anything
# is lost.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/vhost.sh
. "${BASH_SOURCE%/*}/vhost.sh"
begin dpdk-testpmd ip python3 ss timeout

# The whole of it waits in the ring, so that a peer which is slow for a moment loses nothing.
deep="queue_size=4096"

# source FILE: vmirror's arguments that replay it, as far as the sink.
replaying() {
	echo "-l $core --vdev net_pcap0,rx_pcap=$1 -- --mirror name=m,port=net_pcap0,dir=rx,mbufs=8191"
}

# delivered FILE: the peer has got all of it; then all ends.
delivered() {
	local n
	n=$(pcap count "$1")
	wait_for 20 packets got.pcap "$n" || note "$(pcap count got.pcap) of $n after 20 s"
	stop_vmirror INT
	vhost_stop
	expect "all $n packets, byte for byte" same "$1" got.pcap
	all_delivered m "$n"
	rm -f got.pcap
}

# client CAPTURE KEYS
client() {
	local arguments
	note "vmirror connects: $2"
	vhost_server "$T/vhost" got.pcap
	read -ra arguments <<<"$(replaying "$1")"
	arguments[-1]+=",sink=[net_virtio_user,path=$T/vhost,$2]"
	start_vmirror "${arguments[@]}"
	delivered "$1"
}

server_socket() {
	[ -S "$T/vhost" ] || gone "$vm"
}

server() {
	local arguments
	note "the peer connects"
	# What somebody has left who was killed is no obstacle.
	rm -f "$T/vhost"
	stale "$T/vhost"
	read -ra arguments <<<"$(replaying "$1")"
	arguments[-1]+=",sink=[virtio_user,path=$T/vhost,server=1,$deep]"
	spawn "$T/out" "$T/err" "$VMIRROR" --no-huge -m 256 --no-pci "${arguments[@]}"
	vm=$child
	wait_for 20 server_socket || fail "no socket"
	vhost_peer "$T/vhost" 1 got.pcap
	wait_for 20 is_forwarding || fail "vmirror does not forward"
	delivered "$1"
	expect "the socket is gone" test ! -e "$T/vhost"
}

stale() {
	python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
}

# refused SENTENCE KEYS [EAL ARGUMENT]...: vmirror ends with a status, saying so, and soon.
refused() {
	local sentence=$1 keys=$2 code=0
	shift 2
	[ $# -gt 0 ] || set -- --no-huge -m 64
	timeout -k 1 25 "$VMIRROR" "$@" --no-pci -l "$core" --vdev net_null0 -- \
		--mirror "name=m,port=0,sink=[net_virtio_user,$keys]" >"$T/out" 2>"$T/err" || code=$?
	expect "refused: $keys" test "$code" = 1
	expect "because: $sentence" grep -Eq "^vmirror: .*$sentence" "$T/err"
}

bad_paths() {
	rm -f "$T/vhost"
	refused "no path=" "server=1"
	refused "no vhost-user peer listens at $T/vhost" "path=$T/vhost"
	expect "nothing is left there" test ! -e "$T/vhost"
	stale "$T/vhost"
	refused "no vhost-user peer listens at $T/vhost" "path=$T/vhost"
	rm "$T/vhost"
	touch "$T/file"
	refused "is not the socket of a vhost-user peer" "path=$T/file"
	refused "exists already, and is no socket" "path=$T/file,server=1"
	expect "the file is left alone" test -f "$T/file"
	refused "no socket can be made in $T/none" "path=$T/none/vhost,server=1"
	refused "has at most 107 characters" "path=/$(printf 'x%.0s' {1..120})"
	refused "path=/dev/null is neither a socket nor" "path=/dev/null"
	refused "iface= goes with path=/dev/vhost-net alone" "path=$T/vhost,iface=mon0"
}

bad_values() {
	refused "server=yes is neither 0 nor 1" "path=$T/vhost,server=yes"
	refused "queue_size=1000 is no power of two" "path=$T/vhost,queue_size=1000"
	refused "the key 'packed_vq' is refused" "path=$T/vhost,packed_vq=1"
	refused "mac=1:2 is no Ethernet address" "path=$T/vhost,mac=1:2"
	refused "the key 'queues' is refused" "path=$T/vhost,queues=2"
}

two_of_one() {
	local code=0
	vhost_server "$T/vhost" got.pcap
	timeout -k 1 25 "$VMIRROR" --no-huge -m 64 --no-pci -l "$core" --vdev net_null0 -- \
		--mirror "name=a,port=0,sink=[virtio_user0,path=$T/vhost]" \
		--mirror "name=b,port=0,sink=[virtio_user1,path=$T/cwd/../vhost]" \
		>"$T/out" 2>"$T/err" || code=$?
	expect "two mirrors for one socket are refused" test "$code" = 1
	expect "and told apart" grep -q "vhost $T/vhost is in use by mirror 'a'" "$T/err"
	refused "somebody listens at $T/vhost already" "path=$T/vhost,server=1"
	expect "the peer keeps its socket" listens "$T/vhost"
	vhost_stop
}

nobody_connects() {
	local began=$SECONDS
	refused "no vhost-user peer connected to $T/vhost within 10 s" "path=$T/vhost,server=1"
	expect "after 10 s" test $((SECONDS - began)) -ge 9
	expect "the socket is gone" test ! -e "$T/vhost"
}

has_socket() {
	[ -n "$(ss -Hlx src "$T/vhost")" ]
}

# A peer that takes connections, or makes one, and says nothing.
nobody_answers() {
	local began
	spawn /dev/null "$T/silent.err" python3 -c 'import socket, sys, time
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen(5)
time.sleep(60)' "$T/vhost"
	wait_for 20 has_socket || fail "no silent peer"
	began=$SECONDS
	refused "the peer at $T/vhost did not answer within 5 s" "path=$T/vhost"
	expect "after 5 s" test $((SECONDS - began)) -ge 4
	kill "$child"
	wait_for 20 gone "$child"
	rm -f "$T/vhost"

	spawn /dev/null "$T/silent.err" python3 -c 'import socket, sys, time
peer = socket.socket(socket.AF_UNIX)
while peer.connect_ex(sys.argv[1]) != 0:
    time.sleep(0.1)
time.sleep(60)' "$T/vhost"
	refused "the peer at $T/vhost did not answer within 10 s" "path=$T/vhost,server=1"
	expect "the socket is gone" test ! -e "$T/vhost"
	kill "$child"
}

# More files than a peer can be shown: the driver itself would lose all packets without a word.
many_files() {
	local files
	huge_pages 48
	note "hugepages of 2 MB"
	vhost_server "$T/vhost" got.pcap
	refused "DPDK's memory lies in more than 8 files.* --single-file-segments" \
		"path=$T/vhost" --huge-dir "$T/huge" -m 40
	for files in --single-file-segments "--single-file-segments --in-memory"; do
		start_huge "$files"
		wait_for 20 packets got.pcap 1000 || fail "with $files the peer got nothing"
		echo "ok with $files the peer gets packets"
		stop_vmirror INT
	done
	growing_files
	vhost_stop
	rm -f got.pcap
}

# What fits when the mirror begins may not later: here, for another mirror's mbufs.
growing_files() {
	timeout -k 1 25 "$VMIRROR" --huge-dir "$T/huge" --no-pci -l "$core" \
		--vdev net_null0,no-rx=1 -- --duration 1 \
		--mirror "name=m,port=0,mbufs=100,sink=[virtio_user,path=$T/vhost,queue_size=64]" \
		--mirror "name=n,port=0,mbufs=16000,sink=[net_pcap,tx_pcap=/dev/null]" \
		>"$T/out" 2>"$T/err" || fail "exit status $?"
	expect "memory that grows beyond 8 files: the mirror fails" \
		test "$(counter m state)" = failed
	expect "saying so" grep -q "^vmirror: mirror 'm' failed: .*--single-file-segments" "$T/err"
	expect "another one does not" test "$(counter n state)" = detached
}

start_huge() {
	local options
	read -ra options <<<"$1"
	[[ $1 == *in-memory* ]] || options+=(--huge-dir "$T/huge")
	spawn "$T/out" "$T/err" "$VMIRROR" "${options[@]}" -m 40 --no-pci -l "$core" \
		--vdev "net_pcap0,rx_pcap=$T/small.pcap" -- \
		--mirror "name=m,port=0,dir=rx,sink=[virtio_user,path=$T/vhost]"
	vm=$child
	wait_for 20 is_forwarding || fail "vmirror does not forward"
}

vhost_net() {
	if [ ! -c /dev/vhost-net ]; then
		note "NOT RUN: path=/dev/vhost-net, which this kernel does not have"
		return
	fi
	refused "path=/dev/vhost-net wants iface=" "path=/dev/vhost-net"
	host_add a
	start_vmirror -l "$core" --vdev net_tap0,iface=cable0 -- --mirror \
		"name=m,port=net_tap0,dir=rx,sink=[virtio_user,path=/dev/vhost-net,iface=mon0]"
	no_ipv6
	ip link set mon0 up
	watch mon0 "$T/mon0.pcap"
	host_plug a cable0 192.0.2.1/24
	host a "$here/pcap.py" send cable0 "$T/small.pcap"
	wait_for 20 packets "$T/mon0.pcap" 1000 || true
	stop_vmirror INT
	unwatch "$child" "$T/mon0.pcap"
	expect "mon0 shows all packets" same "$T/small.pcap" "$T/mon0.pcap"
	all_delivered m 1000
}

pcap make mixed "$T/mixed.pcap"
pcap make jumbo "$T/jumbo.pcap"
pcap make small "$T/small.pcap"

bad_paths
bad_values
two_of_one
client "$T/mixed.pcap" "$deep"
for keys in in_order=1 in_order=0 mrg_rxbuf=0; do
	client "$T/jumbo.pcap" "$keys,$deep"
done
server "$T/mixed.pcap"
nobody_connects
nobody_answers
vhost_net
many_files
