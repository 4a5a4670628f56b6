#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Captures go in through net_pcap and come out through net_pcap: packet for packet, byte for byte.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin tcpdump

# replay PACKETS ARGUMENT...: until the mirror "all" has that many, then stop.
replay() {
	local n=$1
	shift
	rm -f ./*.pcap
	start_vmirror "$@"
	wait_for 30 packets all.pcap "$n" || fail "$(pcap count all.pcap) of $n packets after 30 s"
	stop_vmirror INT
}

everything() {
	local kind=$1 n
	pcap make "$kind" "$T/in.pcap" "$2"
	n=$(pcap count "$T/in.pcap")
	replay "$n" -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- \
		--mirror "name=all,port=net_pcap0,dir=rx,sink=[net_pcap_all,tx_pcap=all.pcap]"
	expect "$kind $2: all $n packets, byte for byte" same "$T/in.pcap" all.pcap
	counted all seen "$n"
	counted all truncated 0
	all_delivered all "$n"
}

# Filters that libpcap runs in its own way on the same file.
filters=("tcp port 80" "udp" "tcp[tcpflags] & tcp-push != 0" "arp or icmp6" "vlan 5"
	"vlan and tcp" "ip6 and not tcp" "less 100" "greater 1500" "ether[0] & 1 = 0 and ip[8] = 64" "host 198.51.100.1 and sctp" "mpls"
	"udp[8:2] > 0x7fff")

filtered() {
	local filter number=0 n all mirrors=()
	pcap make mixed "$T/in.pcap" 3
	all=$(pcap count "$T/in.pcap")
	for filter in "${filters[@]}"; do
		number=$((number + 1))
		mirrors+=(--mirror "name=f$number,port=0,dir=rx,filter=\"$filter\",mbufs=1023,sink=[net_pcap,tx_pcap=f$number.pcap]")
	done
	replay "$all" -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- "${mirrors[@]}" \
		--mirror "name=all,port=0,dir=rx,sink=[net_pcap,tx_pcap=all.pcap]"
	number=0
	for filter in "${filters[@]}"; do
		number=$((number + 1))
		tcpdump -r "$T/in.pcap" -w "$T/want.pcap" "$filter" 2>/dev/null
		n=$(pcap count "$T/want.pcap")
		[ -e "f$number.pcap" ] || fail "no f$number.pcap for $filter"
		expect "filter $filter: the $n packets that tcpdump picks" \
			same "$T/want.pcap" "f$number.pcap"
		counted "f$number" filtered $((all - n))
		all_delivered "f$number" "$n"
	done
}

cut() {
	local n
	pcap make jumbo "$T/in.pcap" 4
	n=$(pcap count "$T/in.pcap")
	replay "$n" -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- \
		--mirror "name=all,port=all,dir=rx,sink=[net_pcap_all,tx_pcap=all.pcap]" \
		--mirror "name=short,port=all,dir=rx,snaplen=100,sink=[net_pcap_a,tx_pcap=a.pcap]" \
		--mirror "name=long,port=all,dir=rx,snaplen=5000,sink=[net_pcap_b,tx_pcap=b.pcap]"
	expect "snaplen=100" same "$T/in.pcap" a.pcap snaplen=100
	expect "snaplen=5000, over mbufs" same "$T/in.pcap" b.pcap snaplen=5000
	counted short truncated "$(pcap sizes "$T/in.pcap" | awk '$1 > 100' | wc -l)"
	counted long truncated "$(pcap sizes "$T/in.pcap" | awk '$1 > 5000' | wc -l)"
}

limited() {
	pcap make small "$T/in.pcap" 5
	replay 1000 -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- \
		--mirror "name=all,port=0,dir=rx,sink=[net_pcap_all,tx_pcap=all.pcap]" \
		--mirror "name=ten,port=0,dir=rx,count=10,sink=[net_pcap_ten,tx_pcap=ten.pcap]"
	counted ten captured 10
	counted ten delivered 10
	tcpdump -r "$T/in.pcap" -w "$T/want.pcap" -c 10 2>/dev/null
	expect "count=10: the first ten" same "$T/want.pcap" ten.pcap
}

queues() {
	local q rx=
	for q in 0 1 2 3; do
		pcap make queue$q "$T/q$q.pcap" $q
		rx+=",rx_pcap=$T/q$q.pcap"
	done
	replay 2000 -l "$core" --vdev "net_pcap0$rx" -- --queues 4 \
		--mirror "name=all,port=0,dir=rx,sink=[net_pcap_all,tx_pcap=all.pcap]" \
		--mirror "name=one,port=0,dir=rx,queue=2,sink=[net_pcap_one,tx_pcap=one.pcap]" \
		--mirror "name=some,port=0,dir=rx,queue=[0-1,3],sink=[net_pcap_some,tx_pcap=some.pcap]"
	concat "$T/want.pcap" "$T"/q[0123].pcap
	expect "all queues" same "$T/want.pcap" all.pcap by-source
	expect "queue 2" same "$T/q2.pcap" one.pcap
	concat "$T/want.pcap" "$T"/q[013].pcap
	expect "queues 0, 1 and 3" same "$T/want.pcap" some.pcap by-source
	counted one seen 500
	counted some seen 1500
}

# concat OUT FILE...
concat() {
	local out=$1 file
	shift
	head -c 24 "$1" >"$out"
	for file; do
		tail -c +25 "$file" >>"$out"
	done
}

# The same queues on two cores, into one sink.
two_cores() {
	local q n rx=""
	[ ${#cores[@]} -ge 2 ] || {
		note "one core: not with two"
		return
	}
	for q in 0 1 2 3; do
		rx+=",rx_pcap=$T/q$q.pcap"
	done
	replay 2000 -l "${cores[0]},${cores[1]}" --vdev "net_pcap0$rx" -- --queues 4 \
		--mirror "name=all,port=0,dir=rx,sink=[net_pcap_all,tx_pcap=all.pcap]"
	concat "$T/want.pcap" "$T"/q[0123].pcap
	expect "two cores into one file" same "$T/want.pcap" all.pcap by-source
	n=$(pcap count all.pcap)
	all_delivered all "$n"
}

both_ways() {
	local n
	pcap make mixed "$T/in.pcap" 6
	n=$(pcap count "$T/in.pcap")
	replay "$n" -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" \
		--vdev "net_pcap1,rx_pcap=$T/none.pcap,tx_pcap=$T/forwarded.pcap" -- \
		--mirror "name=all,port=net_pcap1,dir=tx,sink=[net_pcap_all,tx_pcap=all.pcap]" \
		--mirror "name=rx,port=net_pcap0,dir=rx,sink=[net_pcap_rx,tx_pcap=rx.pcap]" \
		--mirror "name=both,port=all,sink=[net_pcap_both,tx_pcap=both.pcap]"
	expect "forwarded unharmed" same "$T/in.pcap" "$T/forwarded.pcap"
	expect "dir=tx of the peer" same "$T/in.pcap" all.pcap
	expect "dir=rx of the source" same "$T/in.pcap" rx.pcap
	all_delivered both $((2 * n))
	expect "port=all in both directions: every packet twice" \
		test "$(pcap count both.pcap)" = $((2 * n))
}

# net_pcap keeps 16128 bytes of a segmented packet; that must be told.
huge() {
	pcap make huge "$T/in.pcap"
	replay 1 -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- \
		--mirror "name=all,port=0,dir=rx,sink=[net_pcap_all,tx_pcap=all.pcap]"
	if [ "$(pcap sizes all.pcap)" -lt 20000 ]; then
		counted all truncated 1
	else
		counted all truncated 0
	fi
}

pcap make small "$T/none.pcap"
head -c 24 "$T/none.pcap" >"$T/empty" && mv "$T/empty" "$T/none.pcap"
for seed in 1 2; do
	everything mixed $seed
	everything jumbo $seed
done
everything small 1
filtered
cut
limited
queues
two_cores
both_ways
huge
