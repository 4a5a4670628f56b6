# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real Open vSwitch with DPDK for the tests: its daemons and database in the test's own directory
# and network, one PMD thread, a bridge br0, and two hosts on its ports "a" and "b". Ports of the
# switch are DPDK's, the mirrored ones as well as the mirrors.
#
#     begin_ovs TOOL...             # begin() of lib.sh, and the database
#     start_switch "$without_hugepages"
#     example pcap start            # examples/ovs/pcap.sh
#     traffic "$FILE"

# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

vswitchd_program=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
vswitchd= # process id
# shellcheck disable=SC2034 # for the tests
without_hugepages="--no-huge --legacy-mem --no-pci -m 640"

# begin_ovs TOOL...
begin_ovs() {
	begin ip ping curl ethtool tcpdump ss ovsdb-tool ovsdb-server ovs-vsctl ovs-ofctl \
		ovs-appctl "$@"
	[ -x "$vswitchd_program" ] || skip "needs ovs-vswitchd with DPDK (openvswitch-switch-dpdk)"
	export OVS_RUNDIR=$T/ovs OVS_DBDIR=$T/ovs OVS_SYSCONFDIR=$T/ovs OVS_LOGDIR=$T/ovs
	mkdir "$T/ovs" "$T/bin"
	# By this name ovs-appctl looks for it.
	ln -s "$vswitchd_program" "$T/bin/ovs-vswitchd"
	ovsdb-tool create "$T/ovs/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	spawn "$T/ovsdb.out" "$T/ovsdb.err" ovsdb-server "$T/ovs/conf.db" \
		--remote="punix:$T/ovs/db.sock" --pidfile --log-file
	wait_for 20 test -S "$T/ovs/db.sock" || fail "ovsdb-server: $(tail -n 5 "$T/ovsdb.err")"
	ovs-vsctl --no-wait init
}

ovs_log() {
	tail -n 20 "$T/ovs/ovs-vswitchd.log"
}

# The database may still say what was so before a restart.
is_switching() {
	ovs-appctl --timeout=5 dpdk/lcore-list >/dev/null 2>&1 || gone "$vswitchd"
}

# As hex, however many cores the machine has.
mask_of() {
	printf '0x%x' $((1 << $1 % 4))
	printf '%*s' $(($1 / 4)) '' | tr ' ' 0
}

# start_vswitchd EXTRA: with these EAL options.
start_vswitchd() {
	ovs-vsctl --no-wait set Open_vSwitch . other_config:dpdk-init=true \
		other_config:dpdk-extra="\"$1\"" other_config:per-port-memory=true \
		other_config:pmd-cpu-mask="$(mask_of "$core")"
	spawn "$T/vswitchd.out" "$T/vswitchd.err" "$T/bin/ovs-vswitchd" \
		"unix:$T/ovs/db.sock" --pidfile --log-file
	vswitchd=$child
	wait_for 60 is_switching || fail "ovs-vswitchd does not start: $(ovs_log)"
	alive "$vswitchd" || fail "ovs-vswitchd ended at once: $(ovs_log)"
}

stop_vswitchd() {
	kill -TERM "$vswitchd"
	wait_for 20 gone "$vswitchd" || fail "ovs-vswitchd does not end: $(ovs_log)"
}

# add_host NAME ADDRESS/LEN: a host on a port of its name. Its checksums are filled in and its
# frames no longer than the wire's, because DPDK's net_af_packet takes them as they are.
add_host() {
	host_add "$1"
	ip link add "port_$1" type veth peer name eth0 netns "${world_hosts[$1]}"
	host "$1" ethtool -K eth0 tx off >/dev/null
	host "$1" ip addr add "$2" dev eth0
	host "$1" ip link set eth0 up
	ip link set "port_$1" up
	ovs-vsctl add-port br0 "$1" -- set Interface "$1" type=dpdk \
		options:dpdk-devargs="\"net_af_packet_$1,iface=port_$1,framecnt=2048\""
	[ "$(ovs-vsctl get Interface "$1" error)" = '[]' ] || fail "no port $1: $(ovs_log)"
}

# start_switch EXTRA: with hosts a (192.0.2.1) and b (192.0.2.2), who see each other.
start_switch() {
	start_vswitchd "$1"
	ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev
	add_host a 192.0.2.1/24
	add_host b 192.0.2.2/24
	settle
}

# example NAME start|stop: the very script that a reader sees.
example() {
	PORT=a "$source_root/examples/ovs/$1.sh" "$2" || fail "examples/ovs/$1.sh $2: $(ovs_log)"
}

echoed() {
	host a ping -q -n -c 40 -i 0.02 -W 1 -s 1000 192.0.2.2 2>/dev/null | grep -q ' 0% packet loss'
}

# Until the switch has come to terms with a change: meanwhile it drops packets that begin a flow.
# No capture counts these.
settle() {
	wait_for 60 echoed || fail "the hosts do not talk: $(ovs_log)"
}

count() {
	python3 "$here/ovs_pcap.py" count "$1"
}

# holds FILE COUNT: exactly.
holds() {
	[ "$(count "$1")" = "$2" ]
}

same_as_wire() {
	python3 "$here/ovs_pcap.py" same "$T/wire.pcap" "$1"
}

has_the_wire() {
	holds "$1" "$(count "$T/wire.pcap")"
}

# traffic FILE: hosts talk; FILE has it all, byte for byte, as a's own tcpdump saw it.
traffic() {
	local wire
	settle
	watch eth0 "$T/wire.pcap" a
	wire=$child
	pings 50
	download
	wait_for 20 has_the_wire "$1" ||
		fail "$(count "$1") packets in $1, $(count "$T/wire.pcap") on the wire"
	unwatch "$wire" "$T/wire.pcap"
	expect "${1##*/}: all $(count "$1") packets of the wire, byte for byte" same_as_wire "$1"
}
