#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What can go wrong with a sink while it runs: the traffic goes on without a loss, the mirror's
# loss is counted and said, and the end is a clean one.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin ip ping curl tcpdump ss
mkdir "$T/disk"
mount -t tmpfs none "$T/disk" || skip "needs to mount a tmpfs"
umount "$T/disk"

# setting MIRROR...: a mirror beside it stays well.
setting() {
	two_hosts --mirror "name=well,port=net_tap0,sink=[net_pcap_well,tx_pcap=well.pcap]" "$@"
	serve 5000000
	expect "before: 50 pings, a download" traffic
}

traffic() {
	pings 50
	download
}

# The host's interfaces go with vmirror; the hosts themselves are new in each case.
over() {
	stop_vmirror INT
	note "$(sed '1,/^vmirror: forwarding/d' "$T/err" | grep '^vmirror: ' | head -3)"
	all_delivered well "$(pcap count well.pcap)"
	host_remove a
	host_remove b
	rm -f ./*.pcap
}

lost() {
	local captured delivered
	captured=$(counter "$1" captured)
	delivered=$(counter "$1" delivered)
	[ "$captured" -gt 0 ] && [ "$delivered" -gt 0 ] && [ "$captured" -gt "$delivered" ]
}

# It is made anew, since nobody else could.
tap_deleted() {
	local watcher
	note "tap deleted"
	setting --mirror "name=live,port=net_tap0,sink=[net_tap_live,iface=mon0]"
	# Packets pass when it goes: it is back soon.
	flood 0.002
	ip link del mon0
	expect "tap deleted: 200 pings" pings 200
	end_flood
	expect "tap deleted: a download" download
	expect "tap deleted: said" wait_for 20 said "live|mon0"
	expect "tap deleted: it is back" wait_for 20 said "interface mon0 is back"
	watch mon0 "$T/again.pcap"
	watcher=$child
	expect "tap back: 20 pings" pings 20
	expect "tap back: they are seen on it" wait_for 20 packets "$T/again.pcap" 40
	over
	unwatch "$watcher" "$T/again.pcap"
	expect "tap deleted: loss counted" lost live
}

# Somebody's other namespace is no end of it: it is down there until somebody brings it up.
tap_moved() {
	local watcher
	note "tap moved"
	setting --mirror "name=live,port=net_tap0,sink=[net_tap_live,iface=mon0]"
	ip link set mon0 netns "${world_hosts[a]}"
	expect "tap moved: 50 pings" pings 50
	expect "tap moved: said" wait_for 20 said "mon0 refuses packets"
	host a ip link set mon0 up
	watch mon0 "$T/moved.pcap" a
	watcher=$child
	expect "tap moved: 20 pings" pings 20
	expect "tap moved: they are seen on it" wait_for 20 packets "$T/moved.pcap" 40
	unwatch "$watcher" "$T/moved.pcap"
	over
	expect "tap moved: loss counted" lost live
}

tap_down() {
	local watcher
	note "tap down"
	setting --mirror "name=live,port=net_tap0,sink=[net_tap_live,iface=mon0]"
	ip link set mon0 down
	expect "tap down: 200 pings" pings 200
	expect "tap down: a download" download
	expect "tap down: said" wait_for 20 said "live|mon0"
	ip link set mon0 up
	watch mon0 "$T/again.pcap"
	watcher=$child
	expect "tap up again: 20 pings" pings 20
	expect "tap up again: they are seen on it" wait_for 20 packets "$T/again.pcap" 40
	over
	unwatch "$watcher" "$T/again.pcap"
	expect "tap down: loss counted" lost live
}

disk_full() {
	local whole delivered
	note "disk full"
	mount -t tmpfs -o size=1M none "$T/disk"
	setting_disk
	expect "disk full: a download" download
	expect "disk full: 200 pings" pings 200
	expect "disk full: said" wait_for 20 said "full|$T/disk/full.pcap"
	over
	whole=$(pcap count "$T/disk/full.pcap")
	delivered=$(counter full delivered)
	expect "disk full: loss counted" lost full
	expect "disk full: no more than the $whole packets of the file count as delivered" \
		test "$delivered" -le "$whole"
	note "$(grep '^mirror full' "$T/out")"
	umount "$T/disk"
}

setting_disk() {
	two_hosts --mirror "name=well,port=net_tap0,sink=[net_pcap_well,tx_pcap=well.pcap]" \
		--mirror "name=full,port=net_tap0,sink=[net_pcap_full,tx_pcap=$T/disk/full.pcap]"
	serve 5000000
	expect "before: 50 pings" pings 50
}

# The kernel's end of a source goes: its traffic ends, nothing else does.
source_deleted() {
	note "source deleted"
	setting --mirror "name=live,port=net_tap0,sink=[net_tap_live,iface=mon0]"
	host a ip link del cable0
	sleep 2
	expect "source deleted: vmirror lives" alive "$vm"
	over
	all_delivered live
}

tap_deleted
tap_moved
tap_down
disk_full
source_deleted
