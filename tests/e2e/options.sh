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
	for option in mirror config check stats duration forward busy-poll max-memory ovs-port ovs-bridge \
		help version; do
		grep -q -- "--$option" "$T/out" || fail "--help does not know --$option"
	done
	[ ! -s "$T/err" ] || fail "--help says something on stderr"
	run --version
	grep -Eq '^vmirror [0-9]+\.[0-9]+\.[0-9]+ .*DPDK [0-9]+' "$T/out" || fail "--version"
	echo "ok --help, --version"
}

# in_order REGEX: what of the input has that form, in order.
in_order() {
	grep -Eo -- "$1" | sort -u
}

# The manual page has each option and key of --help, and no others.
manual() {
	local page=$source_root/doc/man/vmirror.1 options='--[a-z][a-z-]*' keys='\b[a-z_]+='
	"$VMIRROR" --help | sed '/^Without hugepages/,$d' >"$T/help"
	sed -n '/^\.SH OPTIONS/,/^\.SH SIGNALS/p' "$page" | sed 's/\\-/-/g; s/\\f[BIR]//g' >"$T/page"
	expect "the manual page has the options of --help" diff <(in_order "$options" <"$T/help") \
		<(in_order "$options" <"$T/page")
	expect "and its keys" diff <(in_order "$keys" <"$T/help" | grep -v path=) \
		<(in_order "$keys" <"$T/page" | grep -v path=)
}

# definitions: of options, each once.
definitions() {
	in_order '(^| )--?[A-Za-z][a-z-]*' | tr -d ' '
}

: "${VMIRROR_OVS:=$source_root/build/ovs/vmirror-ovs}"

# So has that of vmirror-ovs: as each is defined there, not where it is told of, as in examples.
ovs_manual() {
	"$VMIRROR_OVS" --help >"$T/help"
	sed -n '/^\.SH COMMANDS/,/^\.SH HOW/p' "$source_root/doc/man/vmirror-ovs.1" |
		sed 's/\\-/-/g; s/\\f[BIR]//g; s/\\ / /g' >"$T/page"
	sed -n 's/^  \(-.*\)/\1/p' "$T/help" | sed 's/   *.*//' | definitions >"$T/of_help"
	sed -n '/^\.TP/{n;p}' "$T/page" | definitions >"$T/of_page"
	expect "vmirror-ovs has options" grep -qx -- -i "$T/of_help"
	expect "its manual page has those of --help" diff "$T/of_help" "$T/of_page"
	sed -n 's/^\([a-z][a-z]*\)  .*/\1/p' "$T/help" | sort >"$T/of_help"
	sed -n 's/^\.SS \([a-z]*\).*/\1/p' "$T/page" | sort >"$T/of_page"
	expect "and commands" grep -qx capture "$T/of_help"
	expect "its manual page has those of --help, too" diff "$T/of_help" "$T/of_page"
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

# memory_of MBUFS: what --check says, in bytes.
memory_of() {
	run "${eal[@]}" --vdev net_null0 -- --check --mirror "name=web,port=0,mbufs=$1,$pcap_sink"
	grep -E 'web' "$T/out" | grep -Eo "[0-9.]+ MB of DPDK" | awk '{ print $1 * 1000000 }'
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

# refused REGEX ARGUMENT...: with a status of its own and one line, and nothing made.
refused() {
	local regex=$1 status=0
	shift
	timeout -k 1 30 "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	[ $status -eq 1 ] || fail "status $status of: $*"
	expect "said: $regex" grep -Eq "^vmirror: .*$regex" "$T/err"
	expect "nothing is made" nothing_made
}

rings="port=0,mode=ring,$pcap_sink,ring_bytes"

max_memory() {
	local with=("$VMIRROR" "${eal[@]}" --vdev net_null0 -- --duration 1)
	local way
	run "${eal[@]}" --vdev net_null0 -- --check --mirror "$rings=1M"
	expect "--check adds rings up" grep -Eq '^total: 1 mirror.* 2 MB .*for rings' "$T/out"
	for way in "" --check; do
		# shellcheck disable=SC2086
		refused "2 rings of 16.8 MB .* max_memory, 30.0 MB" \
			"${with[@]}" $way --max-memory 30M --mirror "$rings=16M"
		# shellcheck disable=SC2086
		refused "2nd.*of which mirrors have .* MB" \
			"${with[@]}" $way --max-memory 20M --mirror "name=1st,$rings=4M" \
			--mirror "name=2nd,sink=net_null,port=0,mode=ring,ring_bytes=4M"
	done
	refused "more than the [0-9.]+ MB that the system" "${with[@]}" --mirror "$rings=64G"
}

# In a group that may not have what the machine has: without the look it would be killed.
# shellcheck disable=SC2016
in_a_cgroup() {
	local group limit path
	path=$(awk -F: '$2 == "memory" { print "/memory" $3 } $2 == "" { v2 = $3 }
		END { print v2 }' /proc/self/cgroup | head -1)
	group=/sys/fs/cgroup$path/vmirror-test-$$
	limit=$group/memory.max
	if ! mkdir "$group" 2>"$T/err"; then
		note "NOT RUN: rings in a cgroup with a limit: $(cat "$T/err")"
		return 0
	fi
	[ -e "$limit" ] || limit=$group/memory.limit_in_bytes
	if ! echo 600M >"$limit" 2>"$T/err"; then
		note "NOT RUN: rings in a cgroup with a limit: $(cat "$T/err")"
	else
		refused "2 rings of 536.9 MB are more than .* cgroup" \
			bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" \
			"$VMIRROR" "${eal[@]}" --vdev net_null0 -- --mirror "$rings=512M"
		timeout -k 1 30 bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" \
			"$VMIRROR" "${eal[@]}" --vdev net_null0 -- --duration 1 \
			--mirror "port=0,mode=ring,ring_bytes=16M,sink=net_null" >"$T/out" \
			2>"$T/err" </dev/null || fail "rings that fit into the cgroup"
		echo "ok rings that fit into the cgroup"
	fi
	rmdir "$group"
}

# The drain's thread is where it was asked to be.
drain_core() {
	local thread
	refused "core=4000: there is no such core" "$VMIRROR" "${eal[@]}" --vdev net_null0 -- \
		--mirror "core=4000,port=0,mode=ring,$pcap_sink"
	start_vmirror -l "$core" --vdev net_null0,no-rx=1 -- \
		--mirror "core=$core,port=0,mode=ring,sink=net_null"
	for thread in /proc/"$vm"/task/*; do
		if [ "$(cat "$thread/comm")" = vmirror-drain ]; then
			expect "core=$core" grep -qx "Cpus_allowed_list:[[:space:]]*$core" \
				"$thread/status"
		fi
	done
	expect "there is a drain" grep -qx vmirror-drain /proc/"$vm"/task/*/comm
	stop_vmirror INT
}

help
manual
ovs_manual
ovs_port
check
max_memory
in_a_cgroup
drain_core
duration
config
forward
