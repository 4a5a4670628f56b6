#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The configuration read again, by SIGHUP and through the control socket: only what changed changes, a
# mirror that did not loses no packet, a bad file changes nothing, and one that is found to be bad too late has
# the mirrors brought back that went.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping tcpdump

config=$T/mirrors.conf
stays="name=stays,port=net_tap0,sink=[net_pcap,tx_pcap=$T/stays.pcap]"
made_up="port=net_tap0,dir=rx,filter=arp,sink=[net_pcap,tx_pcap=$T/arp.pcap]"
tap="name=tap,port=net_tap0,sink=[net_tap,iface=mon0]"

configure() {
	printf '%s\n' "$@" >"$config"
}

names() {
	"$VMIRRORCTL" list | awk 'NR > 1 { print $1 }'
}

mirrors_are() {
	[ "$(names | sort | xargs)" = "$*" ]
}

in_order() {
	[ "$(names | xargs)" = "$*" ]
}

filter_is() {
	grep -q "name=$1,.*filter=$2" < <("$VMIRRORCTL" list)
}

lines() {
	grep -c "$1" "$T/err" || true
}

more_lines() {
	[ "$(lines "$1")" -gt "$2" ]
}

# reloads WORDS: SIGHUP makes it say so. Where other networks come and go, the kernel has an interface wait
# for its lock.
reloads() {
	local before begun=$SECONDS
	before=$(lines "$1")
	kill -HUP "$vm"
	wait_for 60 more_lines "$1" "$before" || fail "no '$1' after SIGHUP: $(threads)"
	[ $((SECONDS - begun)) -le 5 ] || note "a reload took $((SECONDS - begun)) s"
}

# What vmirror's threads wait for.
threads() {
	local task
	for task in "/proc/$vm/task"/*; do
		echo "$(cat "$task/comm"):" "$(head -n 4 "$task/stack" 2>/dev/null | xargs)"
	done
}

# bad WORDS LINE...: such a file changes nothing, and is told with its place.
bad() {
	local words=$1
	shift
	configure "$@"
	reloads "not reloaded: $words"
	mirrors_are mirror0 stays tap || fail "$words: the mirrors are not as they were: $("$VMIRRORCTL" list)"
	filter_is tap icmp || fail "$words: a filter is not as it was"
	echo "ok $(grep "not reloaded" "$T/err" | tail -n 1)"
}

# run ARGUMENT...: vmirror between the two hosts, with the file and the arguments.
run() {
	start_vmirror -l "$core" --vdev net_tap0,iface=cable0 --vdev net_tap1,iface=cable1 -- \
		--config "$config" "$@"
	host_plug a cable0 192.0.2.1/24
	host_plug b cable1 192.0.2.2/24
	wait_for 20 reached || fail "the hosts do not talk"
}

# missed_nothing MIRROR: of a vmirror that has ended; its file is $T/MIRROR.pcap.
missed_nothing() {
	local received
	all_delivered "$1"
	expect "$1 has every packet that its hooks saw" \
		test "$(pcap count "$T/$1.pcap")" = "$(counter "$1" captured)"
	expect "and they saw all that was sent" test "$(counter "$1" tx_seen)" = "$(counter "$1" tx_sent)"
	received=$(sed -n 's/^port net_tap0: rx=\([0-9]*\) .*/\1/p' "$T/out" | tail -n 1)
	expect "and all that was received" test "$(counter "$1" seen)" = \
		$((received + $(counter "$1" tx_seen)))
}

configure "$stays" "$made_up" "$tap,filter=icmp"
host_add a
host_add b
run
expect "the file's mirrors are there" mirrors_are mirror0 stays tap

kill -HUP "$vm"
expect "the same file changes nothing" wait_for 20 said '0 mirrors taken away, 0 added, 3 as they were'

rounds=10
[ -z "$soak" ] || rounds=200
flood 0.002
for ((round = 0; round < rounds; round++)); do
	configure "$stays" "$made_up" "$tap,filter=\"icmp and greater $((60 + round))\""
	reloads '1 mirrors taken away, 1 added, 2 as they were'
done
expect "the one that changed is as the file has it" filter_is tap "icmp and greater $((59 + rounds))"
# A core that there is not is looked for when the others have gone: they come back, and are the file's still.
late="name=late,port=net_tap0,core=1023,sink=[file,path=$T/x]"
configure "$stays" "$tap,filter=arp" "$late"
reloads "not reloaded: $config:3: mirror 'late': core=1023"
expect "those that went are there again, in their places" in_order stays mirror0 tap
expect "the one that had another filter has its own" filter_is tap "icmp and greater $((59 + rounds))"
configure "$stays" "$made_up" "$tap,filter=arp"
reloads '1 mirrors taken away, 1 added, 2 as they were'
expect "with the right file it has the other" filter_is tap arp
end_flood
expect "mon0 is there" interface mon0
configure "$stays" "$made_up" "${tap/mon0/mon1},filter=icmp"
reloads '1 mirrors taken away, 1 added, 2 as they were'
expect "its vdev of the same name has another interface" interface mon1
expect "and mon0 is gone" no_interface mon0
configure "$stays" "$made_up" "$tap"
reloads '1 mirrors taken away, 1 added, 2 as they were'

configure "$stays" "$made_up" "$tap,filter=icmp"
[[ $("$VMIRRORCTL" reload) == *"1 mirrors taken away, 1 added, 2 as they were" ]] ||
	fail "no reload by socket"
echo "ok a client has it read as well"

# A file is overwritten where that was asked for, and nobody waits for who writes it.
file="name=file,port=net_tap0"
configure "$stays" "$made_up" "$tap,filter=icmp" "$file,filter=icmp,sink=[file,path=$T/file.pcapng]"
reloads '0 mirrors taken away, 1 added, 3 as they were'
pings 3
configure "$stays" "$made_up" "$tap,filter=udp" "$file,filter=arp,sink=[file,path=$T/file.pcapng]"
reloads "not reloaded: $config:4: mirror 'file': sink file: path=$T/file.pcapng exists already; name another file, say overwrite=1, or say rotate_bytes="
expect "it writes on" filter_is file icmp
expect "and the other line is as it was" filter_is tap icmp
configure "$stays" "$made_up" "$tap,filter=icmp" \
	"$file,filter=arp,sink=[file,path=$T/file.pcapng,overwrite=1]"
reloads '1 mirrors taken away, 1 added, 3 as they were'
host a ip neigh flush dev cable0
pings 3
configure "$stays" "$made_up" "$tap,filter=icmp"
reloads '1 mirrors taken away, 0 added, 3 as they were'
has() {
	tcpdump -n -r "$T/file.pcapng" "$@" 2>/dev/null | wc -l
}
expect "it has packets of the new filter" test "$(has arp)" -ge 1
expect "and no others" test "$(has not arp)" -eq 0

# Who waits for an interface goes on waiting, and is replaced when it is back.
wire="name=wire,port=net_tap0,sink=[net_pcap,tx_iface=wire0]"
make_wire() {
	ip link add wire0 type veth peer name wire1
	ip link set wire0 up
	ip link set wire1 up
}
make_wire
configure "$stays" "$made_up" "$tap,filter=icmp" "$wire"
reloads '0 mirrors taken away, 1 added, 3 as they were'
ip link del wire0
wait_for 20 said "mirror 'wire': interface wire0 is gone" || fail "wire0 is not missed"
configure "$stays" "$made_up" "$tap,filter=icmp" "$wire,filter=icmp"
reloads "not reloaded: $config:4: mirror 'wire': .*no interface 'wire0'"
expect "without its interface it is as it was" mirrors_are mirror0 stays tap wire
make_wire
expect "and finds it again" wait_for 20 said "mirror 'wire': interface wire0 is back"
reloads '1 mirrors taken away, 1 added, 3 as they were'
expect "then it is as the file has it" filter_is wire icmp
configure "$stays" "$made_up" "$tap,filter=icmp"
reloads '1 mirrors taken away, 0 added, 3 as they were'
ip link del wire0

bad "$config:2:.*prot" "$stays" "prot=1,sink=[file,path=$T/x]"
bad "$config:3:.*port 'eth7'" "$stays" "$made_up" "name=x,port=eth7,sink=[file,path=$T/x]"
bad "$config:2:.*filter" "$stays" "$tap,filter=\"tcp portt 80\""
bad "$config:2:.*'stays' is in use" "$stays" "name=stays,port=net_tap0,sink=[file,path=$T/x]"
bad "$config:2:.*directory" "$stays" "name=x,port=net_tap0,sink=[file,path=/no/such/x]"
rm "$config"
reloads "not reloaded: .*No such file"
expect "no file: the mirrors are as they were" mirrors_are mirror0 stays tap
expect "nothing is left of what was refused" test ! -e "$T/x"

# What has the name of one by now is whoever's made it.
"$VMIRRORCTL" remove tap >/dev/null 2>&1 || fail "tap cannot be removed"
"$VMIRRORCTL" add 'name=tap,port=net_tap1,sink=[net_tap_mine,iface=mine]' >/dev/null || fail "no other tap"
configure "$stays" "$made_up"
reloads '0 mirrors taken away, 0 added, 2 as they were'
expect "a client's of that name stays" interface mine
"$VMIRRORCTL" remove tap >/dev/null 2>&1 || fail "the other tap cannot be removed"
configure "$stays" "$made_up" "$tap"
reloads '0 mirrors taken away, 1 added, 2 as they were'

configure "$stays"
reloads '2 mirrors taken away, 0 added, 1 as they were'
expect "those that the file has no more are gone" mirrors_are stays
expect "and mon0 with them" no_interface mon0

stop_vmirror INT
missed_nothing stays

# What the command line asks for is no affair of the file's.
configure "$tap"
run --mirror "name=line,port=net_tap0,sink=[net_pcap,tx_pcap=$T/line.pcap]"
expect "the line's and the file's are there" mirrors_are line tap
flood 0.002
configure "$tap,filter=icmp"
reloads '1 mirrors taken away, 1 added, 0 as they were'
configure "name=line,port=net_tap0,filter=icmp,sink=[net_null]"
reloads "not reloaded: $config:1: .*'line' is in use"
configure "$late"
reloads "not reloaded: $config:1: mirror 'late': core=1023"
configure "# none"
reloads '1 mirrors taken away, 0 added, 0 as they were'
expect "only the line's is left" mirrors_are line
end_flood
stop_vmirror INT
missed_nothing line

rm -f "$T"/*.pcap
start_vmirror -l "$core" --vdev net_null0,no-rx=1 --
kill -HUP "$vm"
end_vmirror 20
expect "without a configuration SIGHUP ends vmirror" test $status -eq 0
