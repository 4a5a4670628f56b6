#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirror --ovs-port: what it prints, fed to a shell as a person would paste it, does what the spec
# says: through bash, ovs-vsctl, Open vSwitch and DPDK's devargs, whatever a file is called.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"

# paste SPEC [OPTION]...: into a shell of its own.
paste_commands() {
	local spec=$1
	shift
	"$VMIRROR" --ovs-port "$spec" "$@" >"$T/commands" 2>"$T/err" </dev/null ||
		fail "vmirror --ovs-port $spec"
	bash -eu "$T/commands" >/dev/null 2>"$T/paste.err" ||
		fail "the shell: $(cat "$T/commands" "$T/paste.err")"
}

# The line that begins with "# undo: ".
paste_undo() {
	sed -n 's/^# undo: //p' "$T/commands" | bash -eu 2>"$T/paste.err" ||
		fail "the shell: $(cat "$T/commands" "$T/paste.err")"
}

# quoted TEXT: as a value of a spec.
quoted() {
	local text=${1//\\/\\\\}
	printf '"%s"' "${text//\"/\\\"}"
}

devargs_of() {
	ovs-vsctl get Interface "$1" options:dpdk-devargs |
		python3 -c 'import json, sys; print(json.load(sys.stdin), end="")'
}

# carried NAME: a file of this name is what Open vSwitch writes.
carried() {
	paste_commands "[net_pcap,tx_pcap=$(quoted "$1")]"
	[ "$(devargs_of net_pcap0)" = "net_pcap0,tx_pcap=$T/cwd/$1" ] ||
		fail "the database has $(devargs_of net_pcap0), should be tx_pcap=$T/cwd/$1"
	[ "$(ovs-vsctl get Interface net_pcap0 error)" = '[]' ] || fail "$1: $(ovs_log)"
	[ -f "$T/cwd/$1" ] || fail "no file '$1' but: $(ls -Q "$T/cwd")"
	paste_undo
	rm -- "$T/cwd/$1"
}

nasty=(
	"report.pcap" "a b" " leading" "trailing " "two  spaces" $'tab\there' "-dash" "--help"
	"single'quote" "'" "''" 'double"quote' '"' '""' "back\\slash" "\\" "\\\\" "\\n" "\\\"" "\\'"
	"dollar\$HOME" "\$(touch made)" "\`touch made\`" "semi;colon" "amper&sand" "pipe|" ">out"
	"<in" "star*" "quest?on" "~" "{a..c}" "[a]" "[a-c]x" "]" "(a)" "#hash" "a#b" "per%cent" "%s"
	"ex!clam" "!!" "at@" "colon:" "plus+" "caret^" "Öl" "日本" "'\"\\\$\`"
)

# Made of what is special to somebody on the way; always the same ones.
random_name() {
	local alphabet=" '\"\\\$\`;&|<>*?~{}()#%!@:+^-_.aZ0ö" i
	name=
	for ((i = RANDOM % 12 + 1; i > 0; i--)); do
		name+=${alphabet:RANDOM % ${#alphabet}:1}
	done
	[[ $name != . && $name != .. ]] || name=dots
}

quoting() {
	local name i before
	before=$(ls -A)
	for name in "${nasty[@]}"; do
		carried "$name"
	done
	echo "ok ${#nasty[@]} nasty names"
	RANDOM=1
	for ((i = 0; i < 50; i++)); do
		random_name
		carried "$name"
	done
	echo "ok 50 random names"
	expect "nothing in a name was run" test "$(ls -A)" = "$before"
}

no_port() {
	! ovs-vsctl port-to-br "$1" 2>/dev/null
}

undone() {
	paste_undo
	expect "no port is left" no_port "$1"
	expect "no Mirror is left" test -z "$(ovs-vsctl --bare --columns=name list Mirror)"
}

mirror() {
	local watcher
	paste_commands "name=web,port=a,sink=[net_pcap,tx_pcap=web.pcap]"
	traffic "$T/cwd/web.pcap"
	undone web

	paste_commands "name=live,port=all,snaplen=64,sink=[net_tap,iface=mon0]"
	settle
	watch mon0 "$T/live.pcap"
	watcher=$child
	pings 20
	wait_for 20 packets "$T/live.pcap" 40 || true
	expect "port=all has each packet once" test "$(pcap count "$T/live.pcap")" -ge 40
	expect "port=all has each packet once" test "$(pcap count "$T/live.pcap")" -le 44
	expect "snaplen=64 cuts them" test "$(pcap sizes "$T/live.pcap" | sort -n | tail -n 1)" = 64
	unwatch "$watcher" "$T/live.pcap"
	undone live
}

# echoes FILE TYPE: how many, requests are 8, replies 0.
echoes() {
	tcpdump -r "$1" "icmp[0] == $2 and less 200" 2>/dev/null | wc -l
}

directions() {
	paste_commands "name=rx,port=a,dir=rx,sink=[net_pcap,tx_pcap=rx.pcap]"
	settle
	pings 20
	undone rx
	expect "dir=rx has what comes in at the port" test "$(echoes rx.pcap 8) $(echoes rx.pcap 0)" \
		= "20 0"
	paste_commands "name=tx,port=[a],dir=tx,sink=[net_pcap,tx_pcap=tx.pcap]"
	settle
	pings 20
	undone tx
	expect "dir=tx has what goes out" test "$(echoes tx.pcap 8) $(echoes tx.pcap 0)" = "0 20"
	paste_commands "name=both,port=[a,b],dir=rx,sink=[net_pcap,tx_pcap=both.pcap]"
	settle
	pings 20
	undone both
	expect "several ports" test "$(echoes both.pcap 8) $(echoes both.pcap 0)" = "20 20"
}

bridge() {
	ovs-vsctl add-br br-int -- set Bridge br-int datapath_type=netdev
	paste_commands "[net_pcap_with_a_long_name,tx_pcap=/dev/null]" --ovs-bridge br-int
	expect "--ovs-bridge, and a name that OpenFlow cannot hold" test \
		"$(ovs-vsctl list-ports br-int)" = net_pcap_with_a
	paste_undo
	expect "undone" no_port net_pcap_with_a
}

begin_ovs python3
start_switch "$without_hugepages"
serve 200000
quoting
mirror
directions
bridge
