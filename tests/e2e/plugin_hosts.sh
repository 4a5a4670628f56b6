#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Where the plugin cannot mirror, the program runs as ever, and one line says why; where a sink
# cannot be made yet, it is made when it can be.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin ip dpdk-testpmd dpdk-proc-info

# run_testpmd: with a port, and out again.
run_testpmd() {
	start_testpmd --vdev net_null0,size=64 -- -i --total-num-mbufs 4096
	testpmd_do "start"
	sleep 0.3
	testpmd_do "stop"
	testpmd_do quit
	end_testpmd
	[ "$status" = 0 ] || fail "testpmd ended with status $status: $(tail -n 3 "$host_log")"
}

lines() {
	grep -c 'vmirror: ' "$host_log" || true
}

# refused WORDS WHAT: testpmd runs and ends in order, and the only line on vmirror has the words.
refused() {
	run_testpmd
	said "$1" || fail "$2: $(grep 'vmirror: ' "$host_log" || tail -n 5 "$host_log")"
	[ "$(lines)" = 1 ] || fail "$2: more than one line: $(grep 'vmirror: ' "$host_log")"
	echo "ok $2: $(sed -n 's/^.*vmirror: //p' "$host_log" | cut -c 1-150)"
}

good='name=web,port=net_null0,count=10,sink=[net_pcap,tx_pcap=web.pcap]'

no_configuration() {
	rm -f "$VMIRROR_CONFIG"
	refused 'mirrors.conf: .*No such file' "no configuration"
	: >"$VMIRROR_CONFIG"
	refused "mirrors.conf names none" "an empty one"
	plugin_config "# a slip" "$good" "port=net_null0,filtre=icmp,sink=[net_null]"
	refused "mirrors.conf:3: .*'filtre'.*filter" "a slip in a line: nothing is mirrored"
	expect "no file was made" test ! -e web.pcap
}

# beside: payloads for other DPDKs, and the shim that was built with them where there is one: from
# the folder VMIRROR_BESIDE, where tools/debian puts what another Debian's build made.
beside() {
	echo "not a library" >"$plugin_home/libvmirror_payload.so.99"
	[ "${VMIRROR_BESIDE:-}" ] || return 0
	find "$VMIRROR_BESIDE" -type f ! -name "$abi" -exec cp -t "$plugin_home" {} +
	note "beside: $(cd "$plugin_home" && echo libvmirror_*)"
}

other_payloads() {
	plugin_config "$good"
	mv "$plugin_home"/libvmirror_payload.so.* "$T/payload"
	refused "there are payloads for ABI none" "no payload"
	cp "$T/payload" "$plugin_home/libvmirror_payload.so.99"
	refused "there are payloads for ABI 99" "a payload for another DPDK"
	rm "$plugin_home/libvmirror_payload.so.99"
	abi=$(basename "$(find "$BUILD/plugin" -maxdepth 1 -type f -name '*payload.so.*')")
	echo "not a library" >"$plugin_home/$abi"
	refused "no mirrors: .*$abi" "a payload that is none"
	mv "$T/payload" "$plugin_home/$abi"
	beside
	run_testpmd
	expect "with its own payload it mirrors, whatever else lies beside" packets web.pcap 10
	expect "and ends at the count" said 'mirror web: .*captured=10 .*state=ended'
}

# The sink's directory is not there; then it is.
later() {
	plugin_config "name=web,port=net_null0,count=10,sink=[net_pcap,tx_pcap=$T/later/web.pcap]"
	start_testpmd --vdev net_null0,size=64 -- -i --total-num-mbufs 4096
	said "later.*it is tried again" || fail "a missing directory: $(grep 'vmirror: ' "$host_log")"
	testpmd_do start
	mkdir "$T/later"
	expect "a sink that cannot be made is made when it can be" \
		wait_for 20 packets "$T/later/web.pcap" 10
	expect "and was told of once" test "$(grep -c 'tried again' "$host_log")" = 1
	testpmd_do quit
	end_testpmd
	expect "the end is in order" test "$status" = 0
}

numbers() {
	plugin_config "name=zero,port=0,count=10,sink=[net_pcap,tx_pcap=zero.pcap]" \
		"name=every,port=all,count=10,sink=[net_pcap,tx_pcap=every.pcap]" \
		"name=none,port=net_nulls,sink=[net_pcap,tx_pcap=none.pcap]"
	run_testpmd
	expect "a port by its number" packets zero.pcap 10
	expect "all ports" packets every.pcap 10
	expect "a port that never comes: its mirror says so" said 'net_nulls (not there yet)'
}

# Another process of the same program looks at its ports, with the plugin as well.
secondary() {
	huge_pages 200
	plugin_config "$good"
	rm -f web.pcap
	host_log=$T/primary.out
	spawn "$T/primary.out" "$T/primary.err" dpdk-testpmd --no-pci --lcores "0@$core,1@$core" \
		--huge-dir "$T/huge" --file-prefix pair -m 128 -d "$plugin" \
		--vdev net_null0,size=64 -- --total-num-mbufs 4096 --stats-period 1
	pmd=$child
	wait_for 30 packets web.pcap 10 || fail "the primary mirrors nothing: $(tail -n 3 "$host_log")"
	dpdk-proc-info --no-pci --huge-dir "$T/huge" --file-prefix pair \
		-d "$plugin" -- --stats >"$T/info" 2>&1 || fail "dpdk-proc-info: $(tail -n 3 "$T/info")"
	expect "a secondary process sees the port" grep -q 'RX-packets' "$T/info"
	expect "and does not mirror" test -z "$(grep vmirror: "$T/info")"
	kill -INT "$pmd"
	wait_for 20 gone "$pmd" || fail "the primary does not end"
}

plugin_install "$BUILD/plugin"
no_configuration
other_payloads
later
numbers
secondary
expect "no fifo is left" test -z "$(find "$T/run" -type p)"
