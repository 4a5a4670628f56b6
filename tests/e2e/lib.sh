# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the end-to-end tests share. A test is a script of its own that runs the real binary, with
# real tools, in a network of its own:
#
#     set -euo pipefail
#     . "${BASH_SOURCE%/*}/lib.sh"
#     begin tcpdump                 # or skips, naming what is missing
#     start_vmirror --vdev … -- --mirror …
#     …
#     stop_vmirror INT              # exit status 0, counters conserve
#
# meson passes VMIRROR and VMIRRORCTL, the paths of the binaries.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/world.sh
. "$source_root/tools/world.sh"

: "${VMIRROR:=$source_root/build/app/vmirror}"
: "${VMIRRORCTL:=$source_root/build/ctl/vmirrorctl}"
# shellcheck disable=SC2034 # for the tests
soak=${VMIRROR_TEST_SOAK:-}

script_arguments=("$@")

# The cores that the test may use, the least busy one first: most tests need but one.
mapfile -t cores < <(
	allowed=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
	{
		grep '^cpu[0-9]' /proc/stat
		sleep 0.2
		grep '^cpu[0-9]' /proc/stat
	} | awk -v allowed="$allowed" '
		BEGIN {
			n = split(allowed, ranges, ",")
			for (i = 1; i <= n; i++) {
				ends = split(ranges[i], range, "-")
				for (c = range[1] + 0; c <= range[ends] + 0; c++) may[c] = 1
			}
		}
		{
			c = substr($1, 4) + 0
			if (!(c in may)) next
			if (c in before) print $5 - before[c], c
			before[c] = $5
		}' | sort -k 1,1nr -k 2,2n | cut -d ' ' -f 2
)
core=${cores[0]}

vm=       # process id of the vmirror that runs
status=   # exit status of the one that ended last
moment=   # that mark() has taken
terminal= # process id of the terminal that began last
keys=     # a fifo: what is typed there
flood=    # process id of the pings that go on

skip() {
	echo "skipped: $*"
	exit 77
}

note() {
	echo "# $*"
}

fail() {
	echo "FAILED: $*"
	if [ -s "$T/err" ]; then
		echo "--- end of vmirror's stderr"
		tail -n 25 "$T/err"
	fi
	if [ -s "$T/out" ]; then
		echo "--- end of vmirror's stdout"
		tail -n 10 "$T/out"
	fi
	exit 1
}

# What else runs on the machine, ./demo --stay for one, is not found by this test's vmirrorctl.
hide_others() {
	local dir=/var/run/dpdk
	[ "${VMIRROR_WORLD_MOUNTS:-}" ] || return 0
	# DPDK's own, which it makes, and leaves, just so.
	mkdir -m 700 $dir 2>/dev/null || true
	mount -t tmpfs -o mode=700 none $dir || note "sockets in $dir are not hidden"
}

# begin TOOL...: enter the test's own world, in an empty current directory.
begin() {
	local tool
	[ "$(id -u)" -eq 0 ] || skip "needs root, for network namespaces"
	for tool; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	[ -x "$VMIRROR" ] || skip "needs $VMIRROR (VMIRROR names the binary)"
	world_enter "${script_arguments[@]}"
	hide_others
	mkdir "$T/cwd"
	cd "$T/cwd" || fail "no $T/cwd"
}

# expect WHAT COMMAND...: WHAT holds because COMMAND succeeds.
expect() {
	local what=$1
	shift
	"$@" || fail "$what"
	echo "ok $what"
}

# heeds PROCESS: it reads SIGINT itself. Before, and when it has read one, the next SIGINT just ends it.
heeds() {
	local blocked
	blocked=$(sed -n 's/^SigBlk:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) &&
		[ "$blocked" ] && [ $((0x$blocked & 1 << (2 - 1))) -ne 0 ]
}

# mark: from this moment on within() counts.
mark() {
	now
	moment=$now
}

# within SECONDS COMMAND...: it succeeds, by a look that began no later than that after the moment.
within() {
	wait_until $((moment + $1 * 1000000)) "${@:2}"
}

# on_terminal OUT COMMAND...: on a terminal of its own, which OUT is shown by. The terminal is the process
# $terminal, the command its child; it ends with the command, and with its status.
on_terminal() {
	local out=$1
	shift
	keys=$out.keys
	rm -f "$keys"
	mkfifo "$keys"
	spawn "$out" "$out.err" python3 "$here/pty_run.py" "$keys" "$@"
	terminal=$child
}

# press KEYS: on the terminal that began last.
press() {
	printf %s "$1" 1<>"$keys"
}

# close_terminal: that one, as a window is closed.
close_terminal() {
	kill -USR1 "$terminal"
}

# plain OUT: what a terminal has shown, in lines as a file has them, and without the ^C that was typed.
plain() {
	tr -d '\r' <"$1" | sed 's/\^C//'
}

pcap() {
	python3 "$here/pcap.py" "$@"
}

# packets FILE COUNT: the file has got that many.
packets() {
	[ -e "$1" ] && [ "$(pcap count "$1")" -ge "$2" ]
}

is_forwarding() {
	grep -q '^vmirror: forwarding' "$T/err" || gone "$vm"
}

# said REGEX: by vmirror, since it forwards.
said() {
	grep -Eq "^vmirror: .*($1)" < <(sed '1,/^vmirror: forwarding/d' "$T/err")
}

# Mirrors that do not say their mode are in that of VMIRROR_TEST_MODE.
in_mode() {
	local argument before=
	arguments=()
	for argument; do
		[ "$before" != --mirror ] || [[ $argument == *mode=* ]] ||
			argument=${VMIRROR_TEST_MODE:+mode=$VMIRROR_TEST_MODE,}$argument
		arguments+=("$argument")
		before=$argument
	done
}

# start_vmirror ARGUMENT...: EAL's, then "--", then vmirror's.
start_vmirror() {
	in_mode "$@"
	spawn "$T/out" "$T/err" "$VMIRROR" --no-huge -m 256 --no-pci "${arguments[@]}"
	vm=$child
	wait_for 60 is_forwarding || fail "vmirror does not forward a minute after its start"
	alive "$vm" || ended_at_once
}

ended_at_once() {
	status=0
	wait "$vm" || status=$?
	fail "vmirror ended at once, with status $status"
}

# Waits for vmirror, which is to end by itself within the seconds.
end_vmirror() {
	wait_for "$1" gone "$vm" || fail "vmirror did not end within $1 s"
	status=0
	wait "$vm" || status=$?
}

# stop_vmirror SIGNAL
stop_vmirror() {
	kill "-$1" "$vm"
	end_vmirror 20
	[ $status -eq 0 ] || fail "vmirror ended with status $status"
	conserve
}

# The laws of lib's counters, of every mirror's final line (--stats prints others before it). Mirrors
# with mode=recorder have names with rec in front.
conserve() {
	awk '
		function value(key) {
			if (!(key in v)) { print "no " key " in: " line; bad = 1 }
			return v[key]
		}
		function judge(    n, i, words, pair, seen, captured) {
			split("", v)
			n = split(line, words, " ")
			for (i = 3; i <= n; i++) { split(words[i], pair, "="); v[pair[1]] = pair[2] }
			seen = value("filtered") + value("sampled_out") + value("captured")
			seen += value("no_room")
			captured = value("delivered") + value("sink_rejected")
			captured += value("write_error") + value("overwritten")
			captured += value("unknown") + value("in_flight")
			if (value("seen") != seen || value("captured") != captured) bad = 1
			# What a recorder has, nobody may ever ask for.
			if (value("in_flight") != 0 && words[2] !~ /^rec/) bad = 1
			if (v["snapshot_pkts"] != v["snapshot_delivered"] + v["snapshot_lost"]) bad = 1
			value("truncated"); value("port_imissed"); value("state")
			if (bad) print "does not conserve: " line
		}
		/^mirror / { last[$2] = $0; mirrors++ }
		END {
			for (name in last) { line = last[name]; judge() }
			exit bad || !mirrors
		}' "$T/out" || fail "the counters do not conserve"
}

# counter MIRROR KEY
counter() {
	sed -n "s/^mirror $1:.* $2=\([^ ]*\).*/\1/p" "$T/out" | tail -n 1
}

# counted MIRROR KEY NUMBER
counted() {
	local got
	got=$(counter "$1" "$2")
	[ "$got" = "$3" ] || fail "mirror $1: $2 is '$got', should be $3"
}

# all_delivered MIRROR [COUNT]: it lost nothing.
all_delivered() {
	local captured
	captured=$(counter "$1" captured)
	[ -z "${2:-}" ] || counted "$1" captured "$2"
	counted "$1" no_room 0
	counted "$1" delivered "$captured"
}

interface() {
	ip link show "$1" >/dev/null 2>&1
}

no_interface() {
	! interface "$1"
}

# two_hosts ARGUMENT...: hosts a (192.0.2.1) and b (192.0.2.2) with a vmirror between them, whose
# port net_tap0 leads to a; the arguments are vmirror's own.
two_hosts() {
	host_add a
	host_add b
	start_vmirror -l "$core" --vdev net_tap0,iface=cable0 --vdev net_tap1,iface=cable1 -- "$@"
	host_plug a cable0 192.0.2.1/24
	host_plug b cable1 192.0.2.2/24
}

serving() {
	host b ss -Htln 'sport = 80' | grep -q .
}

# serve BYTES: a web server on b.
serve() {
	mkdir -p "$T/www"
	head -c "$1" /dev/urandom >"$T/www/file"
	host_spawn b "$T/www.out" "$T/www.err" \
		python3 -m http.server --bind 192.0.2.2 -d "$T/www" 80
	wait_for 20 serving || fail "the web server did not start"
}

# Fetches that file on a.
download() {
	host a curl -sS --max-time 120 -o "$T/download" http://192.0.2.2/file ||
		fail "curl failed"
	cmp "$T/download" "$T/www/file" || fail "the download is not what was served"
	rm "$T/download"
}

# reached: b answers a.
reached() {
	host a ping -q -n -c 1 -W 1 192.0.2.2 >/dev/null
}

# pings COUNT: from a to b, every one answered.
pings() {
	host a python3 "$here/pings.py" 192.0.2.2 "$1" 0.02 >"$T/ping" 2>/dev/null || fail "$(cat "$T/ping")"
}

# flood SECONDS: pings from a to b, that far apart, until end_flood; its process id is $flood.
flood() {
	host_spawn a "$T/flood" "$T/flood.err" python3 "$here/pings.py" 192.0.2.2 0 "$1"
	flood=$child
	wait_for 20 grep -q begun "$T/flood.err" || fail "no answers come"
}

# end_flood: whatever happened meanwhile, each ping was answered.
end_flood() {
	local code=0
	alive "$flood" || fail "the flood ended: $(cat "$T/flood" "$T/flood.err")"
	kill -TERM "$flood"
	wait_for 30 gone "$flood" || fail "the flood does not end"
	wait "$flood" || code=$?
	[ $code -eq 0 ] || fail "pings were lost: $(cat "$T/flood" "$T/flood.err")"
	echo "ok forwarding was left alone: $(cat "$T/flood")"
}

is_listening() {
	grep -q '^tcpdump: listening on\|^listening on' "$1"
}

# watch INTERFACE FILE [HOST]: tcpdump into FILE; its process id is in $child.
watch() {
	local command=(tcpdump -Z root -U -B 65536 -i "$1" -w "$2")
	if [ "${3:-}" ]; then
		host_spawn "$3" /dev/null "$2.err" "${command[@]}"
	else
		spawn /dev/null "$2.err" "${command[@]}"
	fi
	wait_for 20 is_listening "$2.err" || fail "tcpdump did not start on $1"
}

# is_opening PROCESS: it is cat, and waits for somebody who writes.
is_opening() {
	[ "$(cat "/proc/$1/comm")" = cat ] && grep -q '^State:.S' "/proc/$1/status"
}

# read_on FIFO FILE: what comes out of it; the reader's process id is in $reader.
read_on() {
	spawn "$2" /dev/null cat "$1"
	# shellcheck disable=SC2034 # for the tests
	reader=$child
	wait_for 20 is_opening "$child" || fail "nobody opens $1"
}

# read_fifo FIFO FILE: it is made first.
read_fifo() {
	mkfifo "$1"
	read_on "$@"
}

# is_idle PROCESS: it waits for more, or has ended.
is_idle() {
	gone "$1" || [[ $(sed 's/.*) //' "/proc/$1/stat") == S* ]]
}

# unwatch [PROCESS FILE]... tcpdump gets its last packets up to a second late, and none after a
# signal.
unwatch() {
	sleep 1.1
	while [ $# -gt 0 ]; do
		wait_for 20 is_idle "$1" || fail "tcpdump is not done with what it got"
		kill -INT "$1" 2>/dev/null || true
		wait_for 20 gone "$1" || fail "tcpdump did not end"
		grep -q '^0 packets dropped by kernel' "$2.err" ||
			fail "tcpdump itself lost packets: $(grep dropped "$2.err")"
		shift 2
	done
}

# same A B [OPTION]...: as pcap.py says.
same() {
	pcap same "$@"
}

not() {
	! "$@"
}

# reachable: the programs are where any user can get at them, whoever's the source is.
reachable() {
	local programs=$T/programs
	mkdir -p "$programs/app" "$programs/lib/link"
	cp -L "$(ldd "$VMIRROR" | awk '/libvmirror/ { print $3 }')" "$programs/lib/link/libvmirror.so.0"
	cp "$VMIRROR" "$VMIRRORCTL" "$programs/app"
	VMIRROR=$programs/app/vmirror
	VMIRRORCTL=$programs/app/vmirrorctl
	chmod -R a+rX "$programs"
	chmod a+x "$T"
}

hugepages=/proc/sys/vm/nr_hugepages
hugepages_before=

# huge_pages COUNT: reserves them and mounts a hugetlbfs of one's own at $T/huge, or skips. One run after the
# other: what is free is the kernel's to give to whoever maps it first, and is given back by number.
huge_pages() {
	local free lock
	[ -w "$hugepages" ] || skip "needs a kernel with hugepages"
	exec {lock}<"$hugepages"
	flock "$lock"
	hugepages_before=$(cat "$hugepages")
	world_undo+=(huge_pages_back)
	free=$(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)
	if [ "$free" -lt "$1" ]; then
		echo $((hugepages_before + $1 - free)) >"$hugepages"
		free=$(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)
	fi
	[ "$free" -ge "$1" ] || skip "needs $1 free hugepages, got $free"
	mkdir "$T/huge"
	mount -t hugetlbfs none "$T/huge" || skip "needs to mount hugetlbfs"
}

huge_pages_back() {
	echo "$hugepages_before" >"$hugepages"
}
