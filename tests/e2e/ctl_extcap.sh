#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirrorctl as a capture program of Wireshark's: a real tshark lists the ports of two processes, captures
# from them, is told what is wrong; and however it ends, no mirror is left.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
begin tshark dumpcap ping pgrep python3 setpriv
reachable

two= # process id of the second vmirror

# Where the versions of Wireshark look for a user's own.
install_for_me() {
	local dir
	export HOME=$T/home
	unset XDG_CONFIG_HOME
	for dir in .config/wireshark/extcap .local/lib/wireshark/extcap; do
		mkdir -p "$HOME/$dir"
		ln -s "$VMIRRORCTL" "$HOME/$dir/vmirrorctl"
	done
}

is_second_forwarding() {
	grep -q '^vmirror: forwarding' "$T/err2" || gone "$two"
}

# second_process ARGUMENT...: between hosts c and d, as the first is between a and b; vmirror's own.
second_process() {
	spawn "$T/out2" "$T/err2" "$VMIRROR" --no-huge -m 256 --no-pci --file-prefix two -l "$core" \
		--vdev net_tap0,iface=cable2 --vdev net_tap1,iface=cable3 -- "$@"
	two=$child
	wait_for 60 is_second_forwarding || fail "the second vmirror does not forward"
	alive "$two" || fail "the second vmirror ended: $(cat "$T/err2")"
	host_plug c cable2 198.51.100.1/24
	host_plug d cable3 198.51.100.2/24
}

# pings_two COUNT: from c to d.
pings_two() {
	host c python3 "$here/pings.py" 198.51.100.2 "$1" 0.02 >"$T/ping" 2>/dev/null || fail "$(cat "$T/ping")"
}

# mirrors_of PROCESS COUNT
mirrors_of() {
	local list
	list=$("$VMIRRORCTL" -p "$1" list) && [ "$(wc -l <<<"$list")" = $((1 + $2)) ]
}

nothing_left() {
	mirrors_of "$vm" 0 && { gone "$two" || mirrors_of "$two" 0; }
}

# Nobody who captures, in this network.
nobody_left() {
	local name
	for name in vmirrorctl dumpcap tshark; do
		! pgrep --ns $$ --nslist net -x $name >/dev/null || return 1
	done
}

# is_delivered PROCESS COUNT: so many by all of its mirrors, or more.
is_delivered() {
	[ "$(delivered_by -p "$1")" -ge "$2" ]
}

# delivers PROCESS COUNT
delivers() {
	wait_for 20 is_delivered "$1" "$2" || fail "$2 packets are not delivered"
}

# shark NAME ARGUMENT...: tshark begins to capture into NAME.pcapng; its process id is in $child.
shark() {
	local name=$1
	shift
	rm -f "$name.pcapng"
	spawn "$T/$name.out" "$T/$name.err" env TMPDIR="$T" tshark -q -w "$name.pcapng" "$@"
}

# begins PROCESS [COUNT]: so many captures that were begun have their mirrors there.
begins() {
	wait_for 40 mirrors_of "$1" "${2:-1}" || fail "no capture of $1: $(cat "$T"/*.err)"
}

# end_shark NAME PROCESS [SIGNAL]: by itself or by a signal; its exit status is in $status.
end_shark() {
	[ -z "${3:-}" ] || kill "-$3" "$2"
	wait_for 20 gone "$2" || fail "tshark does not end: $(cat "$T/$1.err")"
	status=0
	wait "$2" 2>/dev/null || status=$?
}

# fields NAME FILTER FIELD...: of the packets that match
fields() {
	local name=$1 filter=$2 field arguments=()
	shift 2
	for field; do
		arguments+=(-e "$field")
	done
	tshark -r "$name.pcapng" -Y "$filter" -T fields "${arguments[@]}" 2>/dev/null
}

# has NAME COUNT FILTER: so many packets, all of which match.
has() {
	[ "$(fields "$1" '' frame.number | wc -l)" = "$2" ] &&
		[ "$(fields "$1" "$3" frame.number | wc -l)" = "$2" ]
}

# of_ports NAME: how many packets of which.
of_ports() {
	fields "$1" icmp frame.interface_name | sort | uniq -c | xargs
}

# lists PROCESS...: with its two ports.
lists() {
	local id line='[0-9]*\. net_tap\([01]\)@vmirror-%s (net_tap\1, port \1 of vmirror (pid %s))'
	timeout 30 tshark -D >"$T/list" 2>"$T/list.err" || fail "tshark -D: $(cat "$T/list.err")"
	for id; do
		[ "$(grep -cx "${line//%s/$id}" "$T/list")" = 2 ] || return 1
	done
}

# listed PROCESS...: on a busy machine one that answers late is not there the first time.
listed() {
	wait_for 20 lists "$@" || fail "tshark -D does not list both ports of $*: $(cat "$T/list")"
	echo "ok both ports of $*"
	expect "and who it is that is to be named" grep -qx '[0-9]*\. vmirror (DPDK ports of a process.*)' "$T/list"
	expect "nothing else is said" not grep -qi vmirror "$T/list.err"
}

# What does not answer is not there, and costs a second.
list() {
	local left=$T/run/dpdk/two/vmirror.99999 from
	python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$left"
	listed "$vm" "$two"
	expect "no more than is there" test "$(grep -c vmirror "$T/list")" = 5
	rm "$left"
	kill -STOP "$two"
	from=$SECONDS
	listed "$vm"
	kill -CONT "$two"
	expect "one that is stopped is not" not grep -q "@vmirror-$two" "$T/list"
	expect "nor waited for long" test $((SECONDS - from)) -le 10
	expect "Ethernet" grep -q 'EN10MB (Ethernet)' <(tshark -i "net_tap0@vmirror-$vm" -L 2>&1)
	refused "without a question it is vmirrorctl" 2 "no command"
}

# In a mount namespace of our own the folder is ours.
system_folder() {
	local folder
	folder=$(tshark -G folders 2>/dev/null | sed -n 's/^\(Global \)\?Extcap path:[[:space:]]*//p')
	mkdir "$T/extcap"
	ln -s "$VMIRRORCTL" "$T/extcap/vmirrorctl"
	if [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] ||
		! mount --bind "$T/extcap" "$folder"; then
		note "the system's folder cannot be another one"
		return
	fi
	HOME=$T/nowhere listed "$vm" "$two"
	umount "$folder"
}

filter() {
	shark one -i "net_tap0@vmirror-$vm" -f 'icmp[icmptype] = icmp-echo'
	begins "$vm"
	pings 5
	delivers "$vm" 5
	wait_for 20 has one 5 icmp || fail "tshark lacks packets"
	end_shark one "$child" INT
	expect "SIGINT: tshark ends well" test "$status" = 0
	expect "with what matches the filter" has one 5 'icmp.type == 8'
	expect "nothing is left" wait_for 20 nothing_left
}

at_once() {
	shark both -f icmp -i "net_tap0@vmirror-$vm" -i "net_tap0@vmirror-$two"
	begins "$vm"
	begins "$two"
	pings 5
	pings_two 7
	delivers "$vm" 10
	delivers "$two" 14
	wait_for 20 has both 24 icmp || fail "tshark lacks packets"
	end_shark both "$child" INT
	expect "two processes: tshark ends well" test "$status" = 0
	expect "with the packets of both" has both 24 icmp
	expect "of the first" test "$(fields both 'ip.addr == 192.0.2.1' frame.number | wc -l)" = 10
	shark ports -f icmp -i "net_tap0@vmirror-$vm" -i "net_tap1@vmirror-$vm"
	begins "$vm" 2
	pings 5
	delivers "$vm" 20
	wait_for 20 has ports 20 icmp || fail "tshark lacks packets"
	end_shark ports "$child" TERM
	expect "two ports: tshark ends well" test "$status" = 0
	expect "with each packet of both" test "$(of_ports ports)" = "10 net_tap0 10 net_tap1"
	expect "nothing is left" wait_for 20 nothing_left
}

options() {
	local mine="extcap.net_tap0_vmirror_$vm"
	shark opt -i "net_tap0@vmirror-$vm" -f icmp -o "$mine.snaplen:60" -o "$mine.direction:in" -c 5
	begins "$vm"
	pings 5
	end_shark opt "$child"
	expect "-c 5: tshark ends well" test "$status" = 0
	expect "snaplen" test "$(fields opt '' frame.cap_len frame.len | sort -u)" = "60	98"
	expect "direction" has opt 5 'ip.src == 192.0.2.1'
	shark opt -i vmirror -f icmp -c 3 -o "extcap.vmirror.pid:$vm" -o extcap.vmirror.port:1 \
		-o extcap.vmirror.direction:out
	begins "$vm"
	pings 5
	end_shark opt "$child"
	expect "a process by its number, and a port" test "$(of_ports opt)" = "3 net_tap1"
	expect "its direction" has opt 3 'ip.src == 192.0.2.1'
	shark opt -i vmirror -f icmp -c 4 -o "extcap.vmirror.control:$T/run/dpdk/two/vmirror.$two"
	begins "$two"
	pings_two 2
	end_shark opt "$child"
	expect "by its socket, all ports" test "$(of_ports opt)" = "2 net_tap0 2 net_tap1"
	expect "nothing is left" wait_for 20 nothing_left
}

# refused_by_tshark WHAT REGEX ARGUMENT...: what vmirrorctl says tshark shows.
refused_by_tshark() {
	local what=$1 regex=$2
	shift 2
	shark bad "$@"
	end_shark bad "$child"
	[ "$status" != 0 ] || fail "$what: tshark ends as if it were well"
	grep -Eq "Error by extcap pipe: vmirrorctl: .*$regex" "$T/bad.err" ||
		fail "$what: $(cat "$T/bad.err")"
	note "$(grep vmirrorctl: "$T/bad.err")"
	wait_for 20 nothing_left || fail "$what: a mirror is left"
	wait_for 20 nobody_left || fail "$what: somebody is left"
	echo "ok $what"
}

slips() {
	local port="net_tap0@vmirror-$vm" mine="extcap.net_tap0_vmirror_$vm"
	refused_by_tshark "a bad filter" 'filter "tcp prt 80": .*syntax error' -i "$port" -f 'tcp prt 80'
	refused_by_tshark "a bad snaplen" "--snaplen: 'many'" -i "$port" -o "$mine.snaplen:many"
	refused_by_tshark "a bad direction" "--direction: 'up'.*inout" -i "$port" -o "$mine.direction:up"
	refused_by_tshark "which of several" "several processes have vmirror: say -p PID" -i vmirror
	refused_by_tshark "no such process" "process 99999 has no control socket" -i vmirror \
		-o extcap.vmirror.pid:99999
	refused_by_tshark "no such port" "port 'net_tap9' does not exist" -i vmirror \
		-o "extcap.vmirror.pid:$vm" -o extcap.vmirror.port:net_tap9
	refused "no such interface" 1 "net_tap0@vmirror-99999: process 99999 has no" \
		--extcap-capture-filter=ip --extcap-interface=net_tap0@vmirror-99999
	refused "another process" 1 "process $vm is another one by now, vmirror" \
		--extcap-capture-filter=ip --extcap-interface="net_tap0@ovs-vswitchd-$vm"
	refused "an unknown option" 2 "unknown option '--extcap-interfacse'; did you mean" \
		--extcap-interfacse
	refused "no fifo" 2 "--fifo FIFO is missing" --capture --extcap-interface "$port"
	refused "a fifo that was removed" 1 "/gone cannot be written: No such file" \
		--capture --extcap-interface "$port" --fifo "$T/gone"
}

# As Wireshark asks while one types: what is wrong is the answer.
checked() {
	ctl --extcap-capture-filter "$1" --extcap-interface "net_tap0@vmirror-$vm"
}

checks() {
	expect "a bad filter" grep -qx 'filter "tcp prt 80": .*syntax error' <(checked 'tcp prt 80')
	expect "a good one" test -z "$(checked 'tcp port 80')"
	expect "none" test -z "$(checked '')"
	expect "one that is too long" grep -qx 'the filter is longer than.*' \
		<(checked "$(printf 'ip or %.0s' {1..800}) ip")
}

# killed HOW: with packets, or without any.
killed() {
	local how=$1 shark
	shark killed -f icmp -i "net_tap0@vmirror-$vm" -i "net_tap0@vmirror-$two"
	shark=$child
	begins "$vm"
	begins "$two"
	if [ "$how" = busy ]; then
		flood 0.002
		delivers "$vm" 100
	fi
	end_shark killed "$shark" KILL
	expect "kill -9, $how: no mirror is left" wait_for 20 nothing_left
	expect "nor anybody" wait_for 20 nobody_left
	[ "$how" = idle ] || end_flood
}

ends() {
	shark none -i "net_tap0@vmirror-$vm" -f 'tcp port 9'
	begins "$vm"
	end_shark none "$child" INT
	expect "no packet: tshark ends well" test "$status" = 0
	expect "and has none" has none 0 ip
	flood 0.002
	shark many -i "net_tap0@vmirror-$vm" -f icmp -c 50
	end_shark many "$child"
	expect "-c 50, and more go on: tshark ends well" test "$status" = 0
	expect "with fifty" has many 50 icmp
	expect "without a word" not grep -q vmirrorctl "$T/many.err"
	shark many -i "net_tap0@vmirror-$vm" -f icmp
	begins "$vm"
	delivers "$vm" 100
	end_shark many "$child" INT
	expect "SIGINT, and more go on: tshark ends well" test "$status" = 0
	expect "without a word" not grep -q vmirrorctl "$T/many.err"
	end_flood
	expect "nothing is left" wait_for 20 nothing_left
	killed idle
	killed busy
}

# The process ends under it: what it had is there, and why there is no more.
process_gone() {
	local signal ended="vmirrorctl: net_tap0@vmirror-%s: the process has ended"
	for signal in KILL INT; do
		[ $signal = KILL ] || second_process
		shark gone -i "net_tap0@vmirror-$two" -f icmp
		begins "$two"
		pings_two 5
		delivers "$two" 10
		kill -$signal "$two"
		end_shark gone "$child"
		expect "$signal of the process: tshark ends, and well" test "$status" = 0
		expect "with the packets that it had" has gone 10 icmp
		expect "it says why" grep -q "${ended//%s/$two}" "$T/gone.err"
		wait "$two" 2>/dev/null || true
	done
	second_process
	shark rest -f icmp -i "net_tap0@vmirror-$vm" -i "net_tap0@vmirror-$two"
	begins "$vm"
	begins "$two"
	pings_two 5
	delivers "$two" 10
	kill -INT "$two"
	wait_for 20 gone "$two" || fail "the second vmirror does not end"
	pings 5
	delivers "$vm" 10
	wait_for 20 has rest 20 icmp || fail "tshark lacks packets"
	end_shark rest "$child" INT
	expect "one of two: tshark goes on with the other" has rest 20 icmp
	expect "and ends well" test "$status" = 0
	expect "it says which" grep -q "${ended//%s/$two}" "$T/rest.err"
	expect "nothing is left" wait_for 20 nothing_left
	expect "nor anybody" wait_for 20 nobody_left
}

# More than tshark takes: as much as there can be.
losses() {
	pcap make small "$T/in.pcap"
	start_vmirror -l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap,infinite_rx=1" \
		--vdev net_null0,no-rx=1 --
	shark lossy -i "net_pcap0@vmirror-$vm"
	begins "$vm"
	delivers "$vm" 10000
	sleep 1
	end_shark lossy "$child" INT
	expect "what was lost is said" grep -Eq \
		"vmirrorctl: net_pcap0@vmirror-$vm: [0-9]+ packets dropped: no_room [0-9]+\$" "$T/lossy.err"
	expect "tshark ends well" test "$status" = 0
	quit_vmirror
}

is_theirs() {
	"$VMIRRORCTL" --control "$T/control" list | grep -q 'user 65534'
}

# Somebody of the group sees no process, and captures from that whose socket he is told.
fewer_rights() {
	local theirs=$T/theirs
	mkdir -m 1777 "$theirs"
	chmod 711 "$T"
	chmod -R a+rX "$HOME"
	second_process --control "$T/control" --control-group users
	spawn "$T/theirs.out" "$T/theirs.err" env TMPDIR="$theirs" \
		setpriv --reuid 65534 --regid 65534 --groups users \
		tshark -q -w "$theirs/theirs.pcapng" -i vmirror -f icmp -c 4 \
		-o "extcap.vmirror.control:$T/control" -o extcap.vmirror.port:net_tap0
	wait_for 20 is_theirs || fail "they cannot capture: $(cat "$T/theirs.err")"
	pings_two 10
	end_shark theirs "$child"
	expect "with fewer rights: tshark ends well" test "$status" = 0
	mv "$theirs/theirs.pcapng" .
	expect "with its packets" has theirs 4 icmp
	expect "the socket of root is passed over" not grep -q @vmirror \
		<(setpriv --reuid 65534 --regid 65534 --clear-groups "$VMIRRORCTL" --extcap-interfaces 2>&1)
}

install_for_me
# shellcheck disable=SC2119 # without a mirror of its own
two_hosts
host_add c
host_add d
second_process
list
system_folder
filter
at_once
options
slips
checks
ends
process_gone
fewer_rights
quit_vmirror
losses
