#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vmirrorctl and a process that runs: what there is, mirrors that come and go, their counters, and the
# recorder's snapshots.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
begin tcpdump tshark capinfos ping curl python3 pgrep setpriv

# says REGEX COMMAND...: among what it prints.
says() {
	local regex=$1
	shift
	"$@" >"$T/ctl.out"
	grep -Eq -- "$regex" "$T/ctl.out" || fail "$*: no '$regex' in: $(cat "$T/ctl.out")"
	echo "ok ${*:1:2}: $regex"
}

# stat_of MIRROR KEY
stat_of() {
	ctl stats --json "$1" | python3 -c 'import json, sys
print(json.load(sys.stdin)["mirrors"][0][sys.argv[1]])' "$2"
}

what_there_is() {
	says '^vmirrorctl [0-9.]+, protocol 1' ctl version
	says "^vmirror, process $vm: vmirror [0-9.]+, DPDK .*protocol 1" ctl version
	says 'do everything' ctl version
	says '^ *PORT +NAME +DRIVER +STATE +RX_QUEUES +TX_QUEUES' ctl ports
	says '^ *0 +net_tap0 +net_tap +started +1 +1$' ctl ports
	says '^ *1 +net_tap1 ' ctl ports
	expect "and none of the library's own" test "$(ctl ports | wc -l)" = 3
	says '^NAME +STATE +OWNER +SPEC' ctl list
	expect "there are no mirrors" mirrors 0
	says 'there are no mirrors' ctl stats
	expect "-p finds it" test "$(ctl -p "$vm" ports)" = "$(ctl ports)"
	expect "behind the command, too" test "$(ctl ports -p "$vm")" = "$(ctl ports)"
	expect "--control finds it" test \
		"$(ctl --control "$T/run/dpdk/rte/vmirror.$vm" ports)" = "$(ctl ports)"
}

help() {
	local command
	says '^usage: vmirrorctl ' ctl --help
	says '^  capture \[FILTER...\] +' ctl help
	for command in $(ctl --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		[ "$(ctl help "$command")" = "$(ctl "$command" --help)" ] || fail "help of $command"
		ctl help "$command" | grep -q "^usage: vmirrorctl $command" || fail "help of $command"
	done
	echo "ok help of every command"
	says '^vmirrorctl [0-9]+\.[0-9]+\.[0-9]+$' ctl --version
}

# A mirror that stays: its path is from where the client is.
added() {
	mkdir -p "$T/elsewhere"
	says '^web: .*elsewhere/web.pcapng' in_elsewhere check 'name=web,port=0,filter=icmp,sink=[file,path=web.pcapng]'
	expect "check makes nothing" test -z "$(ls "$T/elsewhere")"
	says '^web$' in_elsewhere add 'name=web,port=0,filter=icmp,sink=[file,path=web.pcapng]'
	expect "it stays" mirrors 1
	says "^web +attached +stays, of [0-9]+, user 0 +name=web,port=0.*filter=icmp" ctl list
	pings 10
	wait_for 20 delivered web 20 || fail "20 packets are not delivered"
	says '^web: attached, 2 hooks' ctl stats
	says '^    captured +20$' ctl stats web
	says '^    captured_bytes +1960$' ctl stats web
	says '^    ring_bytes +16777216$' ctl stats web
	says '^    ring_used_bytes +0$' ctl stats web
	says '^    ring_fullest_percent +0$' ctl stats web
	says '^    net_tap0 +0 +rx +[0-9]+ ' ctl stats web --queues
	says '^    net_tap0 +0 +tx +[0-9]+ ' ctl stats web --queues
	metrics
	says '^web: removed; 20 packets captured, 0 dropped' ctl remove web
	expect "it is gone" mirrors 0
	expect "its file is complete" test \
		"$(capinfos -Tm -c "$T/elsewhere/web.pcapng" | tail -1 | cut -d, -f2)" = 20
}

in_elsewhere() {
	(cd "$T/elsewhere" && ctl "$@")
}

delivered() {
	[ "$(stat_of "$1" delivered)" = "$2" ]
}

# Every line a sample or a comment, each metric told of before, none without a sample, and the sums are
# the mirror's.
metrics() {
	ctl metrics >"$T/metrics"
	expect "metrics are Prometheus's" python3 - "$T/metrics" <<'PYTHON'
import re
import sys

sample = re.compile(r'^(vmirror_\w+)\{(\w+="(?:[^"\\]|\\.)*"(?:,\w+="(?:[^"\\]|\\.)*")*)\} \d+$')
types, helped, sampled, captured = {}, set(), set(), 0
for line in open(sys.argv[1]):
    line = line.rstrip("\n")
    if line.startswith("# TYPE "):
        types[line.split()[2]] = line.split()[3]
    elif line.startswith("# HELP "):
        helped.add(line.split()[2])
    else:
        found = sample.match(line)
        if not found or found[1] not in types:
            sys.exit(f"no sample: {line}")
        sampled.add(found[1])
        if found[1] == "vmirror_captured_packets_total":
            if not re.fullmatch(r'mirror="web",port="net_tap0",queue="0",dir="(rx|tx)"', found[2]):
                sys.exit(f"labels: {line}")
            captured += int(line.split()[-1])
if not helped == set(types) == sampled:
    sys.exit(f"not all have HELP, TYPE and a sample: {helped ^ set(types) | sampled ^ helped}")
sys.exit(captured != 20)
PYTHON
}

# Laws of the counters, of every mirror and queue.
laws() {
	ctl stats --queues --json >"$T/stats.json"
	expect "counters conserve, of queues and in total" python3 - "$T/stats.json" <<'PYTHON'
import json
import sys

mirrors = json.load(open(sys.argv[1]))["mirrors"]
for m in mirrors:
    for c in [m] + m["queues"]:
        if c["seen"] != c["filtered"] + c["sampled_out"] + c["captured"] + c["no_room"]:
            sys.exit(f"seen: {c}")
        if c["captured"] != c["delivered"] + c["sink_rejected"] + c["write_error"] \
                + c["overwritten"] + c["unknown"] + c["in_flight"]:
            sys.exit(f"captured: {c}")
    for key in "seen", "captured", "delivered":
        if m[key] != sum(q[key] for q in m["queues"]):
            sys.exit(f"{key} is no sum: {m}")
sys.exit(not mirrors)
PYTHON
}

is_added() {
	grep -q 'is added' "$T/fg.terminal" || gone "$terminal"
}

# A terminal that is closed takes its client and its mirror along.
foreground_closed() {
	local client
	on_terminal "$T/fg.terminal" "$VMIRRORCTL" add --foreground \
		'name=fg,port=0,filter=icmp,sink=[file,path=fg.pcapng]'
	wait_for 20 is_added || fail "add --foreground does not begin"
	alive "$terminal" || fail "add --foreground ended at once: $(cat "$T/fg.terminal")"
	client=$(pgrep -P "$terminal")
	wait_for 20 heeds "$client" || fail "add --foreground does not heed signals"
	expect "it is there" mirrors 1
	mark
	close_terminal
	expect "a closed terminal: add --foreground ends within a second" within 1 gone "$terminal"
	expect "and its mirror" within 1 mirrors 0
	rm -f fg.pcapng
}

foreground() {
	spawn "$T/fg.out" "$T/fg.err" "$VMIRRORCTL" add --foreground \
		'name=fg,port=0,filter=icmp,sink=[file,path=fg.pcapng]'
	wait_for 20 grep -q 'fg is added' "$T/fg.err" || fail "$(cat "$T/fg.err")"
	expect "it is there" mirrors 1
	pings 3
	kill -INT "$child"
	wait_for 20 gone "$child" || fail "add --foreground does not end"
	expect "it has gone with the client" mirrors 0
	expect "with its counts" test "$(counts "$T/fg.err" captured)" = 6
	wait "$child" || fail "status $?"
	# A descriptor of ours, and one that ends by itself.
	spawn "$T/fg.out" "$T/fg.err" bash -c "exec 7>fd.pcapng; exec '$VMIRRORCTL' add --foreground \
		'port=0,filter=icmp,count=4,sink=[file,fd=7]'"
	wait_for 20 grep -q 'is added' "$T/fg.err" || fail "$(cat "$T/fg.err")"
	pings 3
	wait_for 20 gone "$child" || fail "it does not end with its count"
	wait "$child" || fail "status $?"
	expect "and says why" grep -q '^vmirrorctl: .* ended: reached its count of 4' "$T/fg.err"
	expect "into our descriptor" test "$(capinfos -Tm -c fd.pcapng | tail -1 | cut -d, -f2)" = 4
	# On a terminal it says how far it is.
	spawn "$T/fg.tty" /dev/null script -qec \
		"'$VMIRRORCTL' add --foreground 'port=0,filter=icmp,count=8,sink=[file,path=far.pcapng]'" \
		/dev/null
	wait_for 20 mirrors 1 || fail "add --foreground does not begin: $(cat "$T/fg.tty")"
	pings 2
	expect "and how far it is to the end that its spec has" \
		wait_for 20 grep -q $'\r4 packets, 50 % ' "$T/fg.tty"
	pings 2
	wait_for 20 gone "$child" || fail "it does not end with its count"
	rm -f fg.pcapng fd.pcapng far.pcapng
}

snapshots() {
	local rec='name=rec,port=0,filter=icmp,mode=recorder,ring_bytes=1M,sink=[file,path=rec.pcapng]'
	ctl add "$rec" >/dev/null
	pings 10
	wait_for 20 captured rec 20 || fail "20 packets are not recorded"
	says '^rec: 20 packets written to s.pcapng, 0 lost$' ctl snapshot rec -w s.pcapng
	expect "tshark reads them" test "$(tshark -r s.pcapng 2>/dev/null | wc -l)" = 20
	chmod 640 s.pcapng
	says '^rec: 20 packets written to s.pcapng, 0 lost$' ctl snapshot rec -w s.pcapng
	expect "also in place of a file that is there" test "$(tshark -r s.pcapng 2>/dev/null | wc -l)" = 20
	expect "which keeps its mode, and has nothing beside it" test "$(stat -c '%a %n' .[!.]* ./* 2>/dev/null)" = \
		"640 ./s.pcapng"
	sleep 5.2
	pings 2
	wait_for 20 captured rec 24 || fail "24 packets are not recorded"
	says '^rec: 4 packets written to last.pcapng, 0 lost$' ctl snapshot rec --last 5s -w last.pcapng
	expect "-w -: tshark reads it, and nothing but it" test \
		"$("$VMIRRORCTL" snapshot rec -w - 2>"$T/ctl.err" | tshark -r - 2>&1 | grep -c ICMP)" = 24
	expect "what it says is on stderr" grep -qx 'rec: 24 packets written to -, 0 lost' "$T/ctl.err"
	says '^rec: 24 packets written to its sink, .*log tells, 0 lost$' ctl snapshot rec
	expect "into a file of the mirror's" test "$(find . -name 'rec_0000*' | wc -l)" = 1
	laws
	refused "a mirror that is no recorder" 1 "no such|'nope'" snapshot nope -w nope.pcapng
	ctl remove rec >/dev/null
	rm -f ./*.pcapng
}

captured() {
	[ "$(stat_of "$1" captured)" = "$2" ]
}

# One that is not there does not keep the others; each is named.
several_removed() {
	local code=0
	ctl add 'name=one,port=0,sink=[file,path=one.pcapng]' >/dev/null
	ctl add 'name=two,port=0,sink=[file,path=two.pcapng]' >/dev/null
	"$VMIRRORCTL" remove one nope two >"$T/ctl.out" 2>"$T/ctl.err" || code=$?
	expect "remove: status 1" test $code = 1
	expect "the one that is not there is named" grep -q "'nope'" "$T/ctl.err"
	expect "the others are gone" mirrors 0
	rm one.pcapng two.pcapng
}

live() {
	ctl add 'name=web,port=0,filter=icmp,sink=[file,path=web.pcapng]' >/dev/null
	spawn "$T/live" /dev/null "$VMIRRORCTL" stats --live 0.2 web
	pings 50
	wait_for 20 grep -Eq '^[0-9:]{8}  web +[1-9][0-9]* +0 +[1-9]' "$T/live" ||
		fail "no rates: $(cat "$T/live")"
	echo "ok stats --live: rates"
	kill "$child"
	spawn "$T/live.json" /dev/null "$VMIRRORCTL" stats --live=0.1 --json web
	wait_for 20 two_lines "$T/live.json" || fail "no JSON: $(cat "$T/live.json")"
	kill "$child"
	expect "a line each, which is JSON" python3 -c 'import json, sys
[json.loads(line) for line in sys.stdin]' < <(head -2 "$T/live.json")
}

two_lines() {
	[ "$(wc -l <"$1")" -ge 2 ]
}

# On a terminal, which is as before at the end.
top() {
	shown_until q "$VMIRRORCTL" top --interval 0.2
	shown_until $'\x03' "$VMIRRORCTL" top --interval 0.2
	shown_until '' "$VMIRRORCTL" top --interval 0.2
	top_closed
	refused "top without a terminal" 1 "needs a terminal.*stats --live" top
	ctl remove web >/dev/null
	rm web.pcapng
}

is_shown() {
	grep -q 'web  *[0-9.]' "$T/top.out" || gone "$terminal"
}

# shown_until KEY COMMAND...: it shows the mirror until that key is pressed, or SIGTERM ends it.
shown_until() {
	local key=$1
	shift
	printf 'stty -a >%q\n%s || true\nstty -a >%q\n' "$T/before" "$*" "$T/after" >"$T/top.sh"
	on_terminal "$T/top.out" bash "$T/top.sh"
	wait_for 20 is_shown || fail "top shows no mirror: $(cat "$T/top.out")"
	if [ "$key" ]; then
		press "$key"
	else
		pkill -TERM -P "$(pgrep -P "$terminal")" -x vmirrorctl
	fi
	wait_for 20 gone "$terminal" || fail "top does not end"
	expect "top shows mirrors, in columns" grep -q 'MIRROR  *SEEN/s' "$T/top.out"
	expect "this one" grep -q 'web  *[0-9.]' "$T/top.out"
	expect "gives the screen back" grep -qF $'\e[?1049l' "$T/top.out"
	expect "and the terminal's settings ($(printf %q "$key"))" cmp "$T/before" "$T/after"
}

shows() {
	grep -aEq -- "$1" "$T/shown"
}

# shows_at_last REGEX: on the last screen.
shows_at_last() {
	awk '/MIRROR/ { screen = "" } { screen = screen $0 "\n" } END { printf "%s", screen }' \
		"$T/shown" >"$T/screen"
	grep -aEq -- "$1" "$T/screen"
}

watch_top() {
	on_terminal "$T/shown" "$VMIRRORCTL" top --interval 0.2
	expect "top: columns" wait_for 20 shows 'MIRROR +SEEN/s +FILTERED +CAPTURED +DELIVERED +DROPPED +RING +STATE'
}

leave_top() {
	press q
	wait_for 20 gone "$terminal" || fail "top does not end"
}

# As top has it: to three figures.
in_short() {
	python3 -c 'import sys
number, unit = float(sys.argv[1]), 0
while number >= 999.5:
    number, unit = number / 1000, unit + 1
figures = 0 if unit == 0 or number >= 99.95 else 1 if number >= 9.995 else 2
print(f"{number:.{figures}f}" + " kMG"[unit].strip())' "$1"
}

# Of the mirror that loses packets, as many as it has lost by now.
shows_loss() {
	shows "^ +no_room +[0-9.]+[kMG]? /s +$(in_short "$(stat_of stall no_room)") in all"
}

# What top shows while something happens: rates, how full the rings are, and what is lost and why.
top_sees() {
	local number='[0-9.]+[kMG]?' some='[1-9][0-9.]*[kMG]?' ping
	read_fifo "$T/stalled" /dev/null
	ctl add 'name=busy,port=0,filter=icmp,sink=[file,path=busy.pcapng]' >/dev/null
	ctl add 'name=stall,port=0,filter=tcp,sink=[file,path='"$T/stalled"']' >/dev/null
	ctl add 'name=none,mode=inline,port=1,filter=icmp,sink=[net_pcap,tx_pcap=none.pcap]' >/dev/null
	kill -STOP "$reader"
	watch_top
	host_spawn a /dev/null /dev/null ping -q -n -i 0.01 192.0.2.2
	ping=$child
	expect "top: rates, while packets pass" wait_for 20 \
		shows "^busy +$some +$number +$some +$some +0 +[0-9]+% +attached"
	expect "top: no ring" wait_for 20 shows "^none +$some +$number +$some +$some +0 +- +attached"
	kill "$ping"
	expect "top: none when none pass" wait_for 20 shows_at_last '^busy( +0){5} +0% +attached'
	serve 40000000
	expect "a reader that stops: packets are lost" until_lost
	expect "top: the ring is full" wait_for 20 \
		shows "^stall( +$number){5} +(9[0-9]|100)% +attached"
	expect "top: packets are dropped" wait_for 20 \
		shows "^stall( +$number){4} +$some +[0-9]+% +attached"
	expect "top: why and how many" wait_for 20 shows_loss
	kill -CONT "$reader"
	expect "top: it reads on, the ring gets empty" wait_for 20 shows_at_last '^stall.* 0% +attached'
	leave_top
	says '^stall: removed; [0-9]+ packets captured, [0-9]+ dropped: no_room [0-9]+$' ctl remove stall
	ctl remove busy none >/dev/null
	wait_for 20 gone "$reader" || fail "the fifo's reader does not end"
	rm busy.pcapng none.pcap
}

top_closed() {
	on_terminal "$T/top.out" "$VMIRRORCTL" top --interval 0.2
	wait_for 20 is_shown || fail "top shows no mirror: $(cat "$T/top.out")"
	alive "$terminal" || fail "top ended at once: $(cat "$T/top.out")"
	mark
	close_terminal
	expect "a closed terminal: top ends within a second" within 1 gone "$terminal"
	expect "the mirror is not its own, and stays" mirrors 1
}

# A server of names that never answers.
silent_server() {
	cat >"$T/silent.py" <<-'PYTHON'
		import signal, socket
		server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		server.bind(("127.0.0.1", 53))
		print("bound", flush=True)
		signal.pause()
	PYTHON
	spawn "$T/silent" "$T/silent.err" python3 "$T/silent.py"
	wait_for 20 grep -q bound "$T/silent" || fail "no server of names: $(cat "$T/silent.err")"
}

# While a name in somebody's filter is looked up all else goes on.
name_without_answer() {
	local adding
	printf 'nameserver 127.0.0.1\noptions timeout:4 attempts:1\n' >"$T/resolv.conf"
	if [ ! "${VMIRROR_WORLD_MOUNTS:-}" ] || ! mount --bind "$T/resolv.conf" /etc/resolv.conf; then
		note "names cannot be looked up elsewhere here"
		return
	fi
	if ! grep -Eq '^hosts:[[:space:]]+(files[[:space:]]+)?dns' /etc/nsswitch.conf; then
		note "names are not looked up in DNS alone here"
		umount /etc/resolv.conf
		return
	fi
	silent_server
	ctl add 'name=brief,port=0,filter=icmp,duration=1s,sink=[file,path=brief.pcapng]' >/dev/null
	spawn /dev/null "$T/named.err" "$VMIRRORCTL" add \
		'name=named,port=0,filter="host nobody.example",sink=[file,path=named.pcapng]'
	adding=$child
	expect "a name that nobody answers for: mirrors go on" wait_for 20 said "mirror 'brief' ended"
	expect "while it is looked up" alive "$adding"
	wait_for 60 gone "$adding" || fail "it is looked up for ever"
	expect "then it is refused" grep -q 'host nobody.example.*unknown host' "$T/named.err"
	expect "and leaves no file" test ! -e named.pcapng
	umount /etc/resolv.conf
	ctl remove brief >/dev/null
	rm brief.pcapng
}

# Of several processes one is named.
several_processes() {
	local first=$vm second
	start_vmirror -l "$core" --file-prefix other --vdev net_null0 --
	second=$vm
	refused "several processes" 1 \
		"say -p PID, of ($first \(vmirror\), $second|$second \(vmirror\), $first) \(vmirror\)" list
	says 'net_null0' ctl -p "$second" ports
	says 'net_tap0' ctl -p "$first" ports
	kill -KILL "$second"
	wait "$second" 2>/dev/null || true
	says 'net_tap0' ctl ports
	refused "one that was killed" 1 "process $second has no control socket.*left by processes that have ended: .*other/vmirror.$second" \
		-p "$second" ports
	vm=$first
}

# shellcheck disable=SC2119 # without a mirror of its own
two_hosts
what_there_is
help
added
foreground
foreground_closed
snapshots
several_removed
live
top
top_sees
name_without_answer
several_processes
quit_vmirror
refused "nobody is there" 1 "no process with vmirror was found; is one running.*looked for vmirror.PID in $T/run/dpdk" list
