#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Sinks on an interface that is there, a veth: tcpdump on its other end sees exactly the mirrored
# packets, but for those that are longer than the sink takes, which are counted. And what is no
# such interface is refused.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip tcpdump

# The four sinks, each with a veth of its own: m0 on s0, whose other end is p0, and so on.
sinks=("net_pcap,iface=s0" "net_pcap,tx_iface=s1,rx_iface=s1" "net_af_packet,iface=s2"
	"net_af_xdp,iface=s3")

# Packets come as fast as they are read from a file: none is to find its ring full.
ring_bytes=ring_bytes=64M,
[ "${VMIRROR_TEST_MODE:-}" != inline ] || ring_bytes=

# veth NUMBER MTU: its other end in the collector.
veth() {
	ip link add "s$1" mtu "$2" type veth peer name "p$1" mtu "$2"
	ip link set "p$1" netns "${world_hosts[collector]}"
	ip link set "s$1" up
	host collector ip link set "p$1" up
}

# through KIND MTU XDP_MTU LIMIT XDP_LIMIT [SPEC]: every sink shows what fits, and rejects the rest.
through() {
	local kind=$1 limit=$4 xdp_limit=$5 extra=${6:-} i n all watchers=() mirrors=()
	host_add collector
	pcap make "$kind" "$T/in.pcap"
	all=$(pcap count "$T/in.pcap")
	for i in 0 1 2 3; do
		veth "$i" "$([ "$i" -lt 3 ] && echo "$2" || echo "$3")"
		watch "p$i" "$T/p$i.pcap" collector
		watchers+=("$child" "$T/p$i.pcap")
		mirrors+=(--mirror "name=m$i,port=0,dir=rx,$ring_bytes${extra}sink=[${sinks[i]}]")
	done
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- "${mirrors[@]}"
	for i in 0 1 2 3; do
		[ "$i" -lt 3 ] || limit=$xdp_limit
		pcap fit "$T/in.pcap" "$T/want$i.pcap" "$limit"
		wait_for 20 packets "$T/p$i.pcap" "$(pcap count "$T/want$i.pcap")" || true
	done
	stop_vmirror INT
	unwatch "${watchers[@]}"
	for i in 0 1 2 3; do
		n=$(pcap count "$T/want$i.pcap")
		expect "$kind, mtu $2: [${sinks[i]}] shows $n of $all packets, byte for byte" \
			same "$T/want$i.pcap" "$T/p$i.pcap" ${extra:+"${extra%,}"}
		counted "m$i" captured "$all"
		counted "m$i" delivered "$n"
		counted "m$i" sink_rejected $((all - n))
	done
	expect "the XDP program is off the interface" no_program s3
	host_remove collector
	wait_for 20 no_interface s3 || fail "s3 stays"
}

no_program() {
	[[ $(ip link show "$1") != *xdp* ]]
}

# refused WORDS SPEC: with one line that says so.
refused() {
	local status=0
	"$VMIRROR" --no-huge -m 64 --no-pci -l "$core" --vdev net_null0,no-rx=1 \
		--vdev net_af_packet9,iface=taken -- --check \
		--mirror "port=${3:-0},sink=[$2]" >"$T/out" 2>"$T/err" || status=$?
	[ $status -ne 0 ] || fail "not refused: $2"
	grep -q "^vmirror: .*$1" "$T/err" || fail "$2: no '$1'"
	[ "$(grep -c "^vmirror: " "$T/err")" = 1 ] || fail "$2: more than a line"
	echo "ok refused: $(grep "^vmirror: " "$T/err")"
}

refusals() {
	ip link add here type veth peer name there
	ip link add taken type veth peer name given
	ip link add asleep type veth peer name awake
	ip link set here up
	ip link set taken up
	ip link set given up
	refused "no interface 'nowhere' in this network namespace" net_af_packet,iface=nowhere
	refused "no interface 'nowhere'" net_pcap,tx_iface=here,rx_iface=nowhere
	refused "interface 'asleep' is down" net_af_xdp,iface=asleep
	refused "is no name for an interface" "net_pcap,iface=a/b"
	refused "is too long" net_af_packet,iface=sixteenletters16
	refused "no iface=" net_af_packet
	refused "no iface=" net_af_xdp
	refused "tx_iface=here or iface=here" net_pcap,rx_iface=here
	refused "tx_pcap= is a file and iface= an interface" net_pcap,tx_pcap=a.pcap,iface=here
	refused "iface= is both directions" net_pcap,iface=here,tx_iface=here
	refused "framesz=2000 must" net_af_packet,iface=here,framesz=2000
	refused "framecnt=65 must" net_af_packet,iface=here,framecnt=65
	refused "framesz=many is no number" net_af_packet,iface=here,framesz=many
	refused "qpairs" net_af_packet,iface=here,qpairs=2
	refused "xdp_prog" net_af_xdp,iface=here,xdp_prog=a.o
	refused "infinite_rx" net_pcap,iface=here,infinite_rx=1
	refused "sits on interface taken" net_af_packet,iface=taken 1
	refused "sits on interface taken" net_pcap,iface=taken 1
	refused "sits on the other end of interface given" net_af_packet,iface=given 1
	ip tuntap add mode tun name tunnel
	ip link set tunnel up
	refused "is no Ethernet interface" net_pcap,iface=tunnel
	[ ! -e a.pcap ] || fail "a.pcap was made"
}

through mixed 1500 1500 1514 1514
through edge 1500 1500 1514 1514
through jumbo 9000 3000 9014 2044
through jumbo 9000 3000 100000 100000 snaplen=64,
through many 1500 1500 1514 1514
refusals
