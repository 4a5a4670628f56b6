# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What tests of the file writer share. After lib.sh.

# quietly WHAT COMMAND...: it succeeds, and says nothing that root is not always told.
quietly() {
	local what=$1
	shift
	"$@" >"$T/tool.out" 2>"$T/tool.err" || fail "$what: $(cat "$T/tool.err")"
	! grep -v '^Running as user "root"' "$T/tool.err" >&2 || fail "$what: a complaint of $1"
}

# several FILE...: the first one's name, and how many more there are.
several() {
	echo "$1${2:+ and $(($# - 1)) more}"
}

# readable FILE...: by all of them.
readable() {
	local file
	for file; do
		quietly "$file" tshark -r "$file"
		quietly "$file" capinfos "$file"
		quietly "$file" editcap "$file" "$T/again.pcapng"
	done
	quietly "$*" mergecap -w "$T/merged.pcapng" "$@"
	echo "ok tshark, capinfos, editcap and mergecap read $(several "$@")"
}

# as_sent FILE... [-- OPTION...]: one after the other they have what was replayed, and no more.
as_sent() {
	local files=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		files+=("$1")
		shift
	done
	quietly "${files[*]}" mergecap -a -F nsecpcap -w "$T/got.pcap" "${files[@]}"
	expect "$(several "${files[@]}"): every packet, byte for byte" \
		same "$T/in.pcap" "$T/got.pcap" "${@:2}"
}

# of_those_sent FILE...: whatever they have was replayed, byte for byte.
of_those_sent() {
	quietly "$*" mergecap -a -F nsecpcap -w "$T/got.pcap" "$@"
	expect "$(several "$@"): each packet as it was sent" pcap among "$T/in.pcap" "$T/got.pcap"
}

count_all() {
	local file total=0
	for file; do
		total=$((total + $(capinfos -Tm -c "$file" | tail -1 | cut -d, -f2)))
	done
	echo $total
}

# whole FILE: it can be read to its end, and its packets are in order.
whole() {
	tshark -r "$1" -T fields -e frame.time_epoch >"$T/times" 2>"$T/tshark.err" &&
		! grep -v '^Running as user "root"' "$T/tshark.err" && sort -c -n "$T/times"
}

disk() {
	mkdir -p "$T/disk"
	mount -t tmpfs -o size="$1" none "$T/disk" || fail "no tmpfs"
}

no_disk() {
	umount "$T/disk"
	rm -f ./*
}
