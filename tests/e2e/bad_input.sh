#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every kind of bad input: one clear line that names the offending word and what would be right,
# an exit status that is not zero, and nothing left behind.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip

eal=(--no-huge -m 64 --no-pci -l "$core" --vdev net_null0 --vdev net_null1)
pcap_sink="sink=[net_pcap,tx_pcap=report.pcap]"
bad=0

# What may have been left behind.
left() {
	ip -o link | cut -d: -f2 | cut -d@ -f1
	find "$T/cwd" "$T/made" -printf '%y %p\n' | sort
	find "$T/run" -type s
}

wrong() {
	echo "FAILED: $1: $2"
	sed 's/^/    /' "$T/err"
	bad=$((bad + 1))
}

# ends WHAT REGEX ARGUMENT...: vmirror refuses these arguments with a line that matches.
ends() {
	local what=$1 regex=$2 before after code=0
	shift 2
	before=$(left)
	timeout -k 1 20 "$VMIRROR" "$@" >"$T/out" 2>"$T/err" </dev/null || code=$?
	after=$(left)
	if [ "$code" -eq 0 ]; then
		wrong "$what" "exit status 0"
	elif [ "$code" -ge 124 ]; then
		wrong "$what" "exit status $code: killed or crashed"
	elif [ "$(grep -c '^vmirror:' "$T/err")" -ne 1 ]; then
		wrong "$what" "not exactly one line of vmirror's"
	elif ! grep '^vmirror:' "$T/err" | grep -Eq -- "$regex"; then
		wrong "$what" "the line does not match: $regex"
	elif grep -q '^vmirror: forwarding' "$T/err" || grep -q '^mirror ' "$T/out"; then
		wrong "$what" "it ran"
	elif [ "$before" != "$after" ]; then
		wrong "$what" "left behind: $(diff <(echo "$before") <(echo "$after") | tail -1)"
	else
		echo "ok $what"
		note "$(grep '^vmirror:' "$T/err")"
	fi
}

# refuses WHAT REGEX SPEC...: as mirrors of a run and of a check.
refuses() {
	local what=$1 regex=$2 spec mirrors=()
	shift 2
	for spec; do
		mirrors+=(--mirror "$spec")
	done
	ends "$what" "$regex" "${eal[@]}" -- "${mirrors[@]}"
	ends "$what (--check)" "$regex" "${eal[@]}" -- --check "${mirrors[@]}"
}

words() {
	refuses "unknown key" "'prot'.*port" "prot=0,$pcap_sink"
	refuses "unknown key far from any" "'xyzzy'.*snaplen" "port=0,xyzzy=1,$pcap_sink"
	refuses "repeated key" "'?port'?.*twice" "port=0,port=1,$pcap_sink"
	refuses "missing sink" "sink.*sink=\[net_pcap" "port=0"
	refuses "missing port" "port" "$pcap_sink"
	refuses "empty spec" "port" ""
	refuses "trailing comma" "." "port=0,$pcap_sink,"
	refuses "no key" "'?hello'?" "hello,port=0,$pcap_sink"
	refuses "empty value" "name" "name=,port=0,$pcap_sink"
	refuses "name too long" "name.*31" \
		"name=abcdefghijklmnopqrstuvwxyz012345,port=0,$pcap_sink"
	refuses "name with a slash" "name.*/" "name=a/b,port=0,$pcap_sink"
	refuses "name in use" "'?web'?.*(in use|exists|twice|taken)" "name=web,port=0,$pcap_sink" \
		"name=web,port=0,sink=[net_pcap,tx_pcap=other.pcap]"
}

brackets() {
	refuses "bracket not closed" "\[.*closed" "port=0,sink=[net_pcap,tx_pcap=report.pcap"
	refuses "bracket not opened" "\]" "port=0,sink=net_pcap,tx_pcap=report.pcap]"
	refuses "brackets crossed" "[])]" "port=0,sink=[net_pcap,(tx_pcap=report.pcap])"
	refuses "quote not closed" "quote.*closed" "port=0,filter=\"tcp,$pcap_sink"
	refuses "text behind a bracket" "." "port=0,sink=[net_pcap,tx_pcap=report.pcap]x"
}

numbers() {
	refuses "snaplen no number" "snaplen.*'?many" "port=0,snaplen=many,$pcap_sink"
	refuses "snaplen zero" "snaplen" "port=0,snaplen=0,$pcap_sink"
	refuses "count negative" "count.*-1" "port=0,count=-1,$pcap_sink"
	refuses "count too large" "count" "port=0,count=99999999999999999999,$pcap_sink"
	refuses "mbufs with rubbish behind" "mbufs.*12x" "port=0,mbufs=12x,$pcap_sink"
	refuses "duration without sense" "duration.*5parsec" "port=0,duration=5parsec,$pcap_sink"
	refuses "queue no number" "queue.*x" "port=0,queue=x,$pcap_sink"
	refuses "queue backwards" "queue.*7-3" "port=0,queue=[7-3],$pcap_sink"
	refuses "queue too large" "queue.*65536" "port=0,queue=65536,$pcap_sink"
	refuses "queue open ended" "queue.*3-" "port=0,queue=3-,$pcap_sink"
	refuses "direction" "'?(tx-rx|txrx)'?.*rxtx" "port=0,dir=txrx,$pcap_sink"
	refuses "mode" "'?inlin'?.*inline" "port=0,mode=inlin,$pcap_sink"
}

ports() {
	refuses "port number" "99.*net_null0" "port=99,$pcap_sink"
	refuses "port name, with the nearest" "'net_nul0'.*net_null0" "port=net_nul0,$pcap_sink"
	refuses "the library's own port" "'2' does not exist.*net_null0" "port=2,$pcap_sink"
	refuses "one bad port of two" "net_nope" "port=[net_null0,net_nope],$pcap_sink"
	refuses "all in a list" "all" "port=[all,0],$pcap_sink"
	refuses "a sink that is a source" "net_pcap_one.*sink" \
		"port=0,sink=[net_pcap_one,tx_pcap=one.pcap]" \
		"port=net_pcap_one,sink=[net_pcap_two,tx_pcap=two.pcap]"
	refuses "a sink that is a port" "net_null0.*(port 0|exists|source|known)" \
		"port=1,sink=[net_null0]"
}

filters() {
	refuses "filter, with libpcap's words" "tcp prot 80.*syntax error|syntax error" \
		"port=0,filter=\"tcp prot 80\",$pcap_sink"
	refuses "filter with an unknown host" "no\.such\.host\.invalid" \
		"port=0,filter=\"host no.such.host.invalid\",$pcap_sink"
	refuses "filter with an unknown port" "nosuchservice" \
		"port=0,filter=\"tcp port nosuchservice\",$pcap_sink"
	refuses "blank filter" "filter" "port=0,filter=\" \",$pcap_sink"
}

drivers() {
	refuses "unknown driver, with the nearest" "'?net_pcab'?.*net_pcap" \
		"port=0,sink=[net_pcab,tx_pcap=report.pcap]"
	refuses "driver that only begins like one" "net_pcapng" \
		"port=0,sink=[net_pcapng0,tx_pcap=report.pcap]"
	refuses "driver's unknown key" "net_pcap.*'tx_pacp'.*tx_pcap" \
		"port=0,sink=[net_pcap,tx_pacp=report.pcap]"
	refuses "the other driver's unknown key" "net_tap.*'ifcae'.*iface" \
		"port=0,sink=[net_tap,ifcae=mon0]"
	refuses "driver's repeated key" "tx_pcap.*twice" \
		"port=0,sink=[net_pcap,tx_pcap=a.pcap,tx_pcap=b.pcap]"
	refuses "driver's missing key" "tx_pcap" "port=0,sink=[net_pcap]"
	refuses "empty sink" "sink" "port=0,sink=[]"
	refuses "vdev name too long" "63|64" \
		"port=0,sink=[net_pcap_$(printf 'x%.0s' {1..70}),tx_pcap=report.pcap]"
}

files() {
	refuses "directory missing" "missing.*(No such file|does not exist)" \
		"port=0,sink=[net_pcap,tx_pcap=missing/report.pcap]"
	refuses "a directory for a file" "$T/made/dir.*(directory|regular file)" \
		"port=0,sink=[net_pcap,tx_pcap=$T/made/dir]"
	refuses "stdout, which it is not" "tx_pcap=-.*\\./-" "port=0,sink=[net_pcap,tx_pcap=-]"
	refuses "a file in use" "report.pcap.*(in use|already|taken|other)|in use.*report.pcap" \
		"name=a,port=0,$pcap_sink" "name=b,port=0,$pcap_sink"
	mkdir "$T/made/readonly"
	if mount -t tmpfs -o ro none "$T/made/readonly"; then
		refuses "directory not writable" "readonly.*([Rr]ead-only|not writable)" \
			"port=0,sink=[net_pcap,tx_pcap=$T/made/readonly/report.pcap]"
		umount "$T/made/readonly"
	else
		bad=$((bad + 1))
		echo "FAILED: could not mount a read-only tmpfs"
	fi
}

# The file writer's.
captures() {
	local file="port=0,sink=[file"
	refuses "no path" "path is missing.*report.pcapng" "$file]"
	refuses "path and descriptor" "path and fd.*one of them" "$file,path=x,fd=1]"
	refuses "a path without a value" "path stands without a value" "$file,path]"
	refuses "descriptor that is not open" "descriptor 77 is not open" "$file,fd=77]"
	refuses "unknown format" "format.*'pcpa'.*pcapng, pcap" "$file,path=x,format=pcpa]"
	refuses "unknown compressor" "compress.*'gzip'.*zstd" "$file,path=x,compress=gzip]"
	refuses "unknown key of a file" "'rotate_byte'.*did you mean 'rotate_bytes'" \
		"$file,path=x,rotate_byte=1M]"
	refuses "rotation too small" "rotate_bytes.*'10'.*65536" "$file,path=x,rotate_bytes=10]"
	refuses "files without rotation" "files=3 needs rotate_bytes" "$file,path=x,files=3]"
	refuses "rotation without a name" "need a path" "$file,fd=1,rotate_bytes=1M]"
	refuses "delete-oldest without a ring" "delete-oldest needs files" \
		"$file,path=x,on_full=delete-oldest]"
	refuses "drop in a compressed file" "on_full=drop.*compressed" \
		"$file,path=x,compress=zstd,on_full=drop]"
	refuses "comment where there is no place" "comment.*pcap has no place" \
		"$file,path=x,format=pcap,comment=x]"
	refuses "a file that is there" "$T/made/there exists already.*overwrite=1" \
		"$file,path=$T/made/there]"
	refuses "a symbolic link" "$T/made/link is a symbolic link" \
		"$file,path=$T/made/link,overwrite=1]"
	refuses "no such directory" "missing.*No such file" "$file,path=missing/x]"
	refuses "inline" "mode=inline: sink file" "mode=inline,$file,path=x]"
	refuses "mbufs" "mbufs=100: sink file uses none" "mbufs=100,$file,path=x]"
	refuses "a file in use by another mirror" "in use by mirror 'a'" "name=a,$file,path=x]" \
		"name=b,$file,path=x]"
}

interfaces() {
	refuses "interface name too long" "iface.*abcdefghijklmnop.*15" \
		"port=0,sink=[net_tap,iface=abcdefghijklmnop]"
	refuses "interface name with a slash" "iface.*a/b" "port=0,sink=[net_tap,iface=a/b]"
	ip tuntap add dev taken0 mode tap
	refuses "interface taken" "taken0.*(exists|in use|taken)" \
		"port=0,sink=[net_tap,iface=taken0]"
	ip link del taken0
	refuses "interface of another mirror" "mon0.*(exists|in use|taken|already)" \
		"name=a,port=0,sink=[net_tap_a,iface=mon0]" \
		"name=b,port=0,sink=[net_tap_b,iface=mon0]"
	refuses "lo" "lo.*(exists|in use|taken)" "port=0,sink=[net_tap,iface=lo]"
}

memory() {
	refuses "mempool larger than the memory" "mbufs|mempool|memory" \
		"port=0,mbufs=1000000,$pcap_sink"
	# The first mirror is right: nothing of it may stay when the second is not.
	refuses "the second mirror's mempool" "second" \
		"name=first,port=0,sink=[net_tap_first,iface=mon0]" \
		"name=second,port=0,mbufs=1000000,$pcap_sink"
}

configs() {
	ends "config file missing" "nowhere.conf.*No such file" "${eal[@]}" -- \
		--config nowhere.conf
	cat >"$T/made/bad.conf" <<-END
		# two mirrors
		name=good,port=0,$pcap_sink

		name=bad,prot=0,sink=[net_pcap,tx_pcap=other.pcap]   # a mistake
	END
	ends "bad line of the config file" "bad.conf:4.*'prot'.*port" "${eal[@]}" -- \
		--config "$T/made/bad.conf"
	ends "bad line of the config file (--check)" "bad.conf:4.*'prot'.*port" "${eal[@]}" -- \
		--check --config "$T/made/bad.conf"
	echo "port=net_nope,$pcap_sink" >"$T/made/port.conf"
	ends "bad port in the config file" "port.conf:1.*net_nope" "${eal[@]}" -- \
		--config "$T/made/port.conf"
	ends "a directory as config file" "made.*directory" "${eal[@]}" -- --config "$T/made"
}

options() {
	ends "unknown option, with the nearest" "--mirorr.*--mirror" "${eal[@]}" -- --mirorr x
	ends "option without its value" "--mirror" "${eal[@]}" -- --mirror
	ends "trailing argument" "'?rubbish'?" "${eal[@]}" -- --check rubbish
	ends "bad duration" "duration.*soon" "${eal[@]}" -- --duration soon
	ends "bad stats" "stats.*-1" "${eal[@]}" -- --stats -1
	ends "forward without a colon" "forward.*'?0-1'?" "${eal[@]}" -- --forward 0-1
	ends "forward to no port" "forward.*net_nope" "${eal[@]}" -- --forward 0:net_nope
	ends "forward of a port twice" "forward|twice|already" "${eal[@]}" -- \
		--forward 0:1 --forward 1:0
	ends "no -- before vmirror's options" "--mirror.*--" "${eal[@]}" --mirror "port=0,$pcap_sink"
	ends "vmirror's option among EAL's" "--stats.*behind '--'" \
		"${eal[@]}" --stats 1 -- --mirror "port=0,$pcap_sink"
	ends "no ports" "port" --no-huge -m 64 --no-pci -l "$core" -- --mirror "port=all,$pcap_sink"
}

ovs() {
	ends "--ovs-port with an unknown key" "'sinc'.*sink" --ovs-port "port=a,sinc=net_null0"
	ends "--ovs-port without brackets" "brackets" --ovs-port "net_pcap0,tx_pcap=report.pcap"
	ends "--ovs-port with what kvargs cannot carry" "'a,b'.*comma" \
		--ovs-port '[net_pcap,tx_pcap="a,b"]'
	ends "--ovs-port with a key that a Mirror lacks" "filter.*leave it out" \
		--ovs-port 'port=a,filter="tcp port 80",sink=[net_pcap,tx_pcap=report.pcap]'
	ends "--ovs-port with a number for a port" "'0'.*list-ports" \
		--ovs-port 'port=0,sink=[net_pcap,tx_pcap=report.pcap]'
	ends "--ovs-port with mac=fixed" "mac='fixed'.*leave it out" \
		--ovs-port '[net_tap,iface=mon0,mac=fixed]'
	ends "--ovs-port without a spec" "--ovs-port.*value" --ovs-port
	ends "--ovs-port beside a mirror" "--ovs-port.*no mirrors" \
		--ovs-port net_null0 --mirror "port=0,$pcap_sink"
	ends "--ovs-bridge alone" "--ovs-bridge.*--ovs-port" --ovs-bridge br0
	ends "--ovs-bridge with a blank" "'a b'" --ovs-port net_null0 --ovs-bridge "a b"
	ends "--ovs-port among EAL's options" "--ovs-port.*behind '--'" \
		"${eal[@]}" --ovs-port net_null0 --
}

mkdir -p "$T/made/dir"
echo precious >"$T/made/there"
ln -s there "$T/made/link"
words
brackets
numbers
ports
filters
drivers
files
captures
interfaces
memory
configs
options
ovs
[ $bad -eq 0 ] || {
	echo "$bad wrong"
	exit 1
}
