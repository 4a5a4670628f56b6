#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirror-ovs capture: ports by the switch's names, dpdk ports by their hooks and a guest's through a
# Mirror, byte for byte; directions, several at once, VLANs, floods and long packets; what is refused.

set -euo pipefail
# shellcheck source=tests/e2e/ovs_lib.sh
. "${BASH_SOURCE%/*}/ovs_lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
# shellcheck source=tests/e2e/ovs_capture_lib.sh
. "${BASH_SOURCE%/*}/ovs_capture_lib.sh"
begin_captures

# Pings between a and g: not those of settle(), and not b's.
of_vm() {
	tcpdump -r "$1" -w "$1.vm" 'icmp and host 192.0.2.3 and (less 200 or greater 1100)' 2>/dev/null
}

# agrees FILE COUNT: it has so many pings with g, and these are the wire's.
agrees() {
	of_vm "$T/wire.pcap" && of_vm "$1" && [ "$(pcap count "$1.vm")" = "$2" ] &&
		python3 "$here/ovs_pcap.py" same "$T/wire.pcap.vm" "$1.vm" 2>/dev/null
}

nothing_else() {
	[ -z "$(tcpdump -nr "$1" not icmp 2>/dev/null)" ]
}

# echoes FILE TYPE: of pings with g, requests are 8, replies 0.
echoes() {
	tcpdump -r "$1" "icmp[0] == $2 and host 192.0.2.3 and less 200" 2>/dev/null | wc -l
}

listed() {
	"$VMIRROR_OVS" list >"$T/list" || fail "no list"
	expect "a dpdk port is captured by hooks" grep -Eq '^br0 +a +dpdk +hooks on net_af_packet_a$' "$T/list"
	expect "a guest's by a Mirror" grep -Eq '^br0 +vm +dpdkvhostuserclient +a Mirror$' "$T/list"
	expect "the bridge's own, too" grep -Eq '^br0 +br0 +internal +a Mirror$' "$T/list"
	expect "-D is the same" diff "$T/list" <("$VMIRROR_OVS" capture -D)
}

# whole HOST PORT: 30 pings, as they are on the host's wire.
whole() {
	local wire
	capture "$T/c.err" -i "$2" -P -w "$T/$2.pcap" icmp
	vm_settle
	watch eth0 "$T/wire.pcap" "$1"
	wire=$child
	vm_pings 30
	unwatch "$wire" "$T/wire.pcap"
	wait_for 20 agrees "$T/$2.pcap" 60 || true
}

dpdk_port() {
	whole a a
	expect "no port is made for a dpdk port" left 0
	end_capture 0 INT
	expect "a dpdk port: its pings, byte for byte" agrees "$T/a.pcap" 60
	expect "and nothing else" nothing_else "$T/a.pcap"
	expect "nothing is left" nothing_left
}

# rx_packets: of the port that the Mirror leads to.
rx_packets() {
	ovs-vsctl get Interface "vmirror$client" statistics:rx_packets
}

guest_port() {
	whole g vm
	expect "a port and a Mirror are there" left 1
	expect "which makes no packets" test "$(rx_packets)" = 0
	end_capture 0 INT
	expect "nothing is left when it has ended" nothing_left
	expect "a guest's port: its pings, byte for byte" agrees "$T/vm.pcap" 60
	expect "and nothing else" nothing_else "$T/vm.pcap"
	expect "it says what it does" grep -q '^vmirror-ovs: a Mirror leads port vm of bridge br0' "$T/c.err"
}

has_mirror() {
	"$VMIRRORCTL" list | grep -q net_null
}

shown() {
	capture "$T/c.err" -i vm -n -c 10 icmp and host 192.0.2.3
	vm_pings 10
	end_capture 0
	expect "without -w packets are shown, ten as asked for" test \
		"$(grep -c 'ICMP echo re' "$T/c.err.out")" = 10
	expect "nothing is left" nothing_left
	spawn /dev/null "$T/c.err" "$VMIRROR_OVS" capture -i br0 -q -w "$T/q.pcapng"
	client=$child
	wait_for 30 has_mirror || fail "-q: no capture begins: $(cat "$T/c.err")"
	sleep 1
	end_capture 0 INT
	expect "-q: not a word" test ! -s "$T/c.err"
}

# The ends of both sides' streams, of which the first may come with data.
shows_end() {
	[ "$(grep -c ' > .*: Flags \[F[P.]*\]' "$T/c.err.out")" -ge 2 ]
}

# A download is on the terminal while it passes, from its first packet to its last.
download_shown() {
	serve 100000
	settle
	capture "$T/c.err" -i a -n tcp port 80
	download
	wait_for 20 shows_end || fail "curl's last packets are not shown: $(tail -n 5 "$T/c.err.out")"
	end_capture 0 INT
	expect "curl's first packet is shown" grep -q \
		' 192\.0\.2\.1\.[0-9]* > 192\.0\.2\.2\.80: Flags \[S\]' "$T/c.err.out"
	expect "and what it asks for" grep -q 'GET /file HTTP' "$T/c.err.out"
	expect "and all the others" test "$(grep -c '^[0-9:.]* IP ' "$T/c.err.out")" = \
		"$(sed -n 's/^\([0-9]*\) packets captured$/\1/p' "$T/c.err")"
	expect "nothing is left" nothing_left
}

# Files that follow each other, of a port with hooks and of one with a Mirror.
followed() {
	local port
	for port in a vm; do
		capture "$T/c.err" -i $port -w "$T/set-$port.pcapng" -b duration:1 -a files:2 icmp
		vm_pings 5
		end_capture 0
		expect "-b and -a files: of $port: they have dumpcap's names" test \
			"$(find "$T" -name "set-${port}_0000[12]_20*.pcapng" | wc -l)" -ge 1
		expect "and it ends by itself" grep -q 'reached its duration of 2000 ms' "$T/c.err"
		expect "nothing is left" nothing_left
	done
}

directions() {
	capture "$T/c.err" -i vm -Q in -w "$T/in.pcapng" icmp
	local first=$client
	capture "$T/d.err" -Qout -w"$T/out.pcapng" -i vm icmp
	local second=$client
	capture "$T/e.err" -i vm -i a -Q in -w "$T/both.pcapng" icmp
	expect "two captures of one port, and one of two ports" left 4
	vm_settle
	vm_pings 20
	sleep 1
	end_capture 0 INT "$first"
	expect "one has ended, the others go on" left 3
	vm_settle
	vm_pings 10
	sleep 1
	end_capture 0 TERM "$second"
	end_capture 0 INT
	expect "nothing is left" nothing_left
	expect "-Q in: what the guest sends" test "$(echoes "$T/in.pcapng" 0) $(echoes "$T/in.pcapng" 8)" \
		= "20 0"
	expect "-Q out: what it receives" test "$(echoes "$T/out.pcapng" 0) $(echoes "$T/out.pcapng" 8)" \
		= "0 30"
	expect "of two ports, what comes in" test \
		"$(echoes "$T/both.pcapng" 0) $(echoes "$T/both.pcapng" 8)" = "30 30"
}

# In an access VLAN, in a flow that floods, on a bridge of long packets: once each, as it is there.
bridge_ways() {
	ovs-vsctl set Port vm tag=10 -- set Port a tag=10
	vm_settle
	capture "$T/c.err" -i vm -w "$T/vlan.pcapng" icmp
	vm_settle
	vm_pings 10
	sleep 1
	end_capture 0 INT
	expect "an access port's packets have no tag" test "$(echoes "$T/vlan.pcapng" 8)" = 10
	ovs-vsctl clear Port vm tag -- clear Port a tag
	ovs-ofctl add-flow br0 priority=100,actions=FLOOD
	vm_settle
	capture "$T/c.err" -i vm -w "$T/flood.pcapng" icmp
	vm_settle
	vm_pings 10
	sleep 1
	end_capture 0 INT
	expect "flooded packets are there once" test \
		"$(echoes "$T/flood.pcapng" 8) $(echoes "$T/flood.pcapng" 0)" = "10 10"
	ovs-ofctl del-flows br0
	ovs-ofctl add-flow br0 actions=NORMAL
	vm_settle
}

is_long() {
	[ "$(tcpdump -r "$T/long.pcapng" 'icmp and greater 2542' 2>/dev/null | wc -l)" -ge 5 ]
}

long_packets() {
	capture "$T/c.err" -i vm -Q in -w "$T/long.pcapng" icmp
	vm_settle
	# Whom they are for has no room for them.
	host g ping -q -n -c 5 -i 0.1 -W 1 -M "do" -s 2500 192.0.2.1 >/dev/null || true
	wait_for 20 is_long || fail "packets of 2542 bytes are not captured: $(ovs_log)"
	end_capture 0 INT
	expect "long packets are whole" is_long
}

bad_input() {
	refused "an unknown port that is nearly known" 1 "no port 'vmm'; did you mean 'vm'" capture -i vmm
	refused "an unknown port" 1 "no port 'dpdk7'; there are: a, b, br0, vm" capture -i dpdk7 -i vm
	refused "no port" 2 "no port; right would be" capture tcp
	refused "a bad filter" 1 'filter "tcp prt 80": can.t parse' capture -i vm tcp prt 80
	refused "of a dpdk port" 1 'filter "tcp prt 80": can.t parse' capture -i a tcp prt 80
	refused "an unknown option" 2 "unknown option '-k'" capture -i vm -k
	refused "a bad direction" 2 "-Q: 'ni' is unknown" capture -i vm -Q ni
	refused "files that follow each other, and none does" 2 "-W is for files that follow" capture -i vm -w x -W 2
	refused "the same without a name" 2 "named after -w FILE" capture -i vm -C 1
	refused "a folder that is not there" 1 "no directory '/nowhere'" capture -i vm -w /nowhere/x
	refused "an unknown command" 2 "unknown command 'captur'; there are capture" captur
	refused "no command" 2 "no command"
	refused "too much" 2 "'all' is too much" clean all
	refused "another program's process" 1 "process 1 " capture -p 1 -i vm
	ovs-vsctl add-port br0 nic -- set Interface nic type=dpdk options:dpdk-devargs=net_nonsense \
		2>/dev/null
	refused "a port that could not be made" 1 "port 'nic' is not there.*net_nonsense" capture -i nic
	ovs-vsctl del-port br0 nic -- add-port br0 patch0 -- set Interface patch0 type=patch \
		options:peer=patch1 -- add-port br0 patch1 -- set Interface patch1 type=patch \
		options:peer=patch0
	refused "a patch port" 1 "port 'patch0' is a patch port" capture -i patch0
	ovs-vsctl del-port br0 patch0 -- del-port br0 patch1
	expect "nothing is left" nothing_left
}

# What the file had is kept for a slip, a link is vmirrorctl's to refuse, and then nothing is left.
files() {
	echo kept >"$T/kept"
	refused "a bad filter keeps the file" 1 "syntax error" capture -i vm -w "$T/kept" prt
	expect "as it was" test "$(cat "$T/kept")" = kept
	ln -s "$T/kept" "$T/link"
	local code=0
	"$VMIRROR_OVS" capture -i vm -w "$T/link" 2>"$T/link.err" || code=$?
	expect "a symbolic link is refused, with vmirrorctl's status" test $code = 1
	expect "and its words" grep -q 'vmirrorctl: .*symbolic link' "$T/link.err"
	expect "nothing is left" nothing_left
}

dry() {
	local before
	before=$(ovs-vsctl get Open_vSwitch . next_cfg)
	"$VMIRROR_OVS" capture -d -i vm -i a icmp >"$T/plan" || fail "no plan"
	expect "-d: the plan has the Mirror" grep -q '^vm: by a Mirror of bridge br0' "$T/plan"
	expect "and the dpdk port" grep -q 'port net_af_packet_a' "$T/plan"
	expect "and nothing is done" test "$(ovs-vsctl get Open_vSwitch . next_cfg)" = "$before"
}

openflow13() {
	ovs-vsctl set Bridge br0 protocols=OpenFlow13
	capture "$T/c.err" -i vm -w "$T/of13.pcapng" icmp
	expect "a bridge without OpenFlow 1.0: what that means is said" \
		grep -q 'is not kept from floods, which takes OpenFlow 1.0' "$T/c.err"
	end_capture 0 INT
	ovs-vsctl clear Bridge br0 protocols
	expect "nothing is left" nothing_left
}

# Whatever a Mirror that comes or goes costs, it is packets that begin a flow.
forwarded() {
	kill -INT "$along"
	wait_for 20 gone "$along" || fail "ping does not end"
	note "$(grep transmitted "$T/all_along")"
	lost=$(sed -n 's/.* \([0-9]*\)\(\.[0-9]*\)*% packet loss.*/\1/p' "$T/all_along")
	expect "the switch has forwarded all along" test "$lost" -lt 10
}

start_everything
host_spawn a "$T/all_along" /dev/null ping -n -i 0.1 -W 10 192.0.2.2
along=$child
listed
dpdk_port
guest_port
shown
followed
download_shown
directions
forwarded
bridge_ways
long_packets
openflow13
dry
files
bad_input
