#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The command line's options, each doing what it says.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip

eal=(--no-huge -m 128 --no-pci -l "$core")
pcap_sink="sink=[net_pcap,tx_pcap=report.pcap]"

# run ARGUMENT...: to its end, which must be a good one.
run() {
	timeout -k 1 30 "$VMIRROR" "$@" >"$T/out" 2>"$T/err" </dev/null ||
		fail "status $? of: vmirror $*"
}

help() {
	local option
	for option in "--help" "-h" "-- --help"; do
		# shellcheck disable=SC2086
		run $option
		grep -q '^usage: vmirror' "$T/out" || fail "$option prints no usage"
	done
	for option in mirror config check stats duration forward busy-poll ovs-port ovs-bridge \
		help version; do
		grep -q -- "--$option" "$T/out" || fail "--help does not know --$option"
	done
	[ ! -s "$T/err" ] || fail "--help says something on stderr"
	run --version
	grep -Eq '^vmirror [0-9]+\.[0-9]+\.[0-9]+ .*DPDK [0-9]+' "$T/out" || fail "--version"
	echo "ok --help, --version"
}

# Without EAL, root or hugepages: commands to paste. ovs_port.sh pastes them.
ovs_port() {
	local way
	for way in "" "--"; do
		# shellcheck disable=SC2086
		run $way --ovs-port "[net_pcap,tx_pcap=report.pcap]" --ovs-bridge br-int
		expect "vmirror $way --ovs-port" grep -qF "ovs-vsctl add-port br-int net_pcap0 " \
			"$T/out"
		expect "the file's whole name" grep -qxF \
			"    'options:dpdk-devargs=\"net_pcap0,tx_pcap=$T/cwd/report.pcap\"'" "$T/out"
		expect "it starts nothing" test ! -s "$T/err"
	done
	run --ovs-port "name=web,port=[eth1,eth2],sink=[net_tap,iface=mon0]"
	expect "a whole mirror" grep -q "create Mirror name=web" "$T/out"
	expect "--ovs-port makes nothing" nothing_made
}

nothing_made() {
	[ -z "$(ls -A "$T/cwd")" ] && no_interface mon0
}

check() {
	local small large
	run "${eal[@]}" --vdev net_null0 -- --check --mirror "name=web,port=0,$pcap_sink" \
		--mirror "name=live,port=0,sink=[net_tap,iface=mon0]"
	expect "--check names each mirror" grep -q web "$T/out"
	expect "--check names each mirror" grep -q live "$T/out"
	expect "--check names the outputs" grep -q 'report\.pcap' "$T/out"
	expect "--check makes nothing" nothing_made
	expect "--check forwards nothing" not grep -q forwarding "$T/err"
	small=$(memory_of 1023)
	large=$(memory_of 8191)
	expect "--check: eight times the mbufs, eight times the memory ($small, $large)" \
		awk "BEGIN { r = $large / $small; exit !(r > 4 && r < 12) }"
}

not() {
	! "$@"
}

# memory_of MBUFS: what --check says, in bytes.
memory_of() {
	run "${eal[@]}" --vdev net_null0 -- --check --mirror "name=web,port=0,mbufs=$1,$pcap_sink"
	grep -E 'web' "$T/out" | grep -Eo '[0-9]+(\.[0-9]+)? *([kKMG]i?B|bytes)' | tail -1 |
		sed -E 's/ *bytes//; s/ *[kK]i?B/ * 1024/; s/ *Mi?B/ * 1048576/; s/ *Gi?B/ * 1073741824/' |
		xargs -I{} awk 'BEGIN { printf "%d", {} }'
}

duration() {
	local begun=$SECONDS
	pcap make small "$T/in.pcap"
	run "${eal[@]}" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- --duration 2 --stats 0.5 \
		--mirror "name=web,port=0,dir=rx,$pcap_sink"
	expect "--duration 2 lasts about that" test $((SECONDS - begun)) -ge 2
	expect "--duration 2 lasts about that" test $((SECONDS - begun)) -le 8
	conserve
	all_delivered web 1000
	expect "--stats prints meanwhile" test "$(cat "$T/out" "$T/err" | grep -c 'web')" -ge 3
	expect "the file is complete" same "$T/in.pcap" report.pcap
	rm report.pcap
}

config() {
	cat >"$T/mirrors.conf" <<-END
		# Two of them.
		name=all,port=net_pcap0,dir=rx,sink=[net_pcap,tx_pcap=all.pcap]

		  name=short,port=0,dir=rx,snaplen=32,filter="len > 70",sink=[net_pcap,tx_pcap=s.pcap]  # and a comment
	END
	run "${eal[@]}" --vdev "net_pcap0,rx_pcap=$T/in.pcap" -- --duration 1 \
		--config "$T/mirrors.conf" --mirror "name=web,port=0,dir=rx,$pcap_sink"
	conserve
	all_delivered all 1000
	all_delivered web 1000
	expect "the file's mirrors come first" test \
		"$(sed -n 's/^mirror \([^:]*\):.*/\1/p' "$T/out" | xargs)" = "all short web"
	expect "--config" same "$T/in.pcap" all.pcap
	rm ./*.pcap
}

# forwards ARGUMENTS FROM TO: what comes in at port FROM goes out at port TO (or nowhere).
forwards() {
	local port vdevs=() rx
	for port in 0 1 2; do
		rx=$T/none.pcap
		[ $port != "$2" ] || rx=$T/in.pcap
		vdevs+=(--vdev "net_pcap$port,rx_pcap=$rx,tx_pcap=$T/out$port.pcap")
	done
	# shellcheck disable=SC2086
	run "${eal[@]}" "${vdevs[@]}" -- --duration 1 $1 \
		--mirror "name=in,port=net_pcap$2,dir=rx,$pcap_sink"
	all_delivered in 1000
	for port in 0 1 2; do
		if [ $port = "$3" ]; then
			expect "'$1': $2 to $port" same "$T/in.pcap" "$T/out$port.pcap"
		else
			expect "'$1': not $2 to $port" test "$(pcap count "$T/out$port.pcap")" = 0
		fi
	done
	rm ./*.pcap
}

forward() {
	head -c 24 "$T/in.pcap" >"$T/none.pcap"
	forwards "" 0 1
	forwards "" 1 0
	forwards "" 2 none
	forwards "--forward 0:2" 0 2
	forwards "--forward net_pcap2:net_pcap1" 1 2
	forwards "--forward 0:2" 1 none
}

help
ovs_port
check
duration
config
forward
