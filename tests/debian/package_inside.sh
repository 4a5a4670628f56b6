#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# package.sh's other half, root of a Debian that is thrown away afterwards: the packages are installed,
# work, also as a service under systemd, and go without a trace. The folder has in.pcap and the packages.

set -euo pipefail

plugin=/usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
plugin+=/vmirror/libvmirror_plugin.so
eal=(--no-huge -m 128 -l 0 --no-pci)
systemd= # process that is number 1 in its namespace
T=$(mktemp -d)

fail() {
	echo "FAILED: $*"
	exit 1
}

expect() {
	local what=$1
	shift
	"$@" || fail "$what"
	echo "ok $what"
}

wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -le $end ] || return 1
		sleep 0.2
	done
}

quietly() {
	"$@" >"$T/log" 2>&1 || {
		cat "$T/log"
		fail "$*"
	}
}

install() {
	quietly apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"
}

# traces: whatever is named after it; the folder that the packages lie in, and the way to them, are not.
traces() {
	find / -xdev -iname '*vmirror*' ! -path '/vmirror*' ! -path '/etc/apt/*' -print
	getent passwd vmirror || true
	getent group vmirror || true
}

# --- installed

# With what it depends on and no more.
installed() {
	local part
	expect "a new Debian knows nothing of it" test -z "$(traces)"
	quietly apt-get -s install ./vmirror_*.deb ./libvmirror-dev_*.deb
	echo "ok apt finds whatever the packages recommend, too"
	install ./vmirror_*.deb
	echo "ok apt install ./vmirror_*.deb"
	for part in /usr/bin/vmirror /usr/bin/vmirrorctl "$plugin" \
		/usr/share/man/man1/vmirror.1.gz /usr/share/man/man1/vmirrorctl.1.gz \
		/usr/share/bash-completion/completions/vmirrorctl \
		/usr/share/bash-completion/completions/vmirror-ovs /usr/share/doc/vmirror/README.md \
		/lib/systemd/system/vmirror@.service /etc/vmirror; do
		expect "there is $part" test -e "$part"
	done
	expect "vmirror --version" grep -q "^vmirror [0-9].*DPDK" <(vmirror --version)
	expect "vmirror --help" grep -q -- --mirror <(vmirror --help)
	expect "vmirrorctl version" grep -q "^vmirrorctl [0-9]" <(vmirrorctl version 2>/dev/null || true)
}

# captures SINK [FILE]: a file's packets, all of them.
captures() {
	quietly unshare --net timeout 60 vmirror "${eal[@]}" --vdev "net_pcap0,rx_pcap=in.pcap" -- \
		--duration 2 --mirror "name=m,port=0,dir=rx,sink=[$1]"
	grep -q "^mirror m: .* captured=1000 .* delivered=1000 " "$T/log" || fail "$(cat "$T/log")"
	echo "ok a mirror into $1"
}

in_testpmd() {
	install dpdk-dev tcpdump
	echo "name=m,port=0,count=100,sink=[file,path=$T/pmd.pcapng]" >"$T/mirrors.conf"
	VMIRROR_CONFIG=$T/mirrors.conf unshare --net timeout -s INT 10 dpdk-testpmd --no-huge -m 128 \
		--no-pci --lcores 0@0,1@0 -d "$plugin" --vdev net_null0 -- \
		--total-num-mbufs 4096 --stats-period 1 >"$T/log" 2>&1 || true
	expect "the plugin works in dpdk-testpmd by its path" \
		test "$(tcpdump -nr "$T/pmd.pcapng" 2>/dev/null | wc -l)" = 100
}

# --- a service

# What systemd finds at its start.
boot() {
	mount -t tmpfs -o mode=755 none /run
	mount -t tmpfs none /tmp
	umount -l /sys
	mount -t sysfs -o ro none /sys
	mount -t cgroup2 none /sys/fs/cgroup
	exec env -i container=other /lib/systemd/systemd --system systemd.unit=basic.target
}

# there COMMAND...: below that systemd.
there() {
	nsenter -t "$systemd" -a -r --wd=/ "$@"
}

is_up() {
	[ "$(there systemctl is-system-running 2>/dev/null)" = running ]
}

has_child() {
	[ "$(cat "/proc/$1/task/$1/children")" ]
}

start_systemd() {
	local unshare
	unshare --pid --fork --kill-child --mount --net --uts --ipc --cgroup --mount-proc \
		bash "$0" --boot >"$T/boot" 2>&1 &
	unshare=$!
	wait_for 30 has_child "$unshare" || true
	systemd=$(cat "/proc/$unshare/task/$unshare/children")
	systemd=${systemd% }
	if [ -z "$systemd" ] || ! wait_for 30 is_up; then
		echo "# systemd does not run here: $(tail -n 1 "$T/boot")"
		return 1
	fi
	echo "# systemd is process 1 of a namespace"
}

config() {
	printf '%s\n' "$@" >/etc/vmirror/web.conf
}

# journal [NAME]
journal() {
	there journalctl -q -o cat -u "vmirror@${1:-web}"
}

forwards() {
	grep -q '^vmirror: forwarding' <(journal "$1")
}

has_interface() {
	there test -e "/sys/class/net/$1"
}

main_pid() {
	there systemctl show -P MainPID vmirror@web
}

is_another() {
	local now
	now=$(main_pid)
	[ "$now" != 0 ] && [ "$now" != "$1" ] && there vmirrorctl list >/dev/null 2>&1
}

starts() {
	echo 'EAL="--no-huge -m 128 -l 0 --no-pci --vdev net_tap0,iface=cable0"' >/etc/vmirror/web.env
	config "name=live,port=0,sink=[net_tap,iface=mon0]" "name=file,port=0,sink=[file,path=web.pcapng]"
	# As root's DPDK leaves it that ran before.
	there bash -c 'mkdir -p /run/dpdk && chmod 700 /run/dpdk'
	expect "systemctl start" there systemctl start vmirror@web
	wait_for 20 has_interface mon0 || fail "no mon0: $(journal)"
	expect "it makes interfaces" has_interface mon0
	expect "its captures are in /var/lib/vmirror" wait_for 10 test -s /var/lib/vmirror/web.pcapng
	expect "and it is not root" test "$(stat -c %U /var/lib/vmirror/web.pcapng)" = vmirror
	expect "with two capabilities, CAP_NET_ADMIN and CAP_NET_RAW" \
		there grep -q '^CapEff:.*0000003000$' "/proc/$(main_pid)/status"
	expect "vmirrorctl finds it" grep -q '^live *attached' <(there vmirrorctl list)
}

speak() {
	there ip addr replace 192.0.2.1/24 dev cable0
	there ip link set cable0 up
	while sleep 0.3; do
		there bash -c 'echo x >/dev/udp/192.0.2.2/9' 2>/dev/null || true
	done
}

members() {
	local speaker who="setpriv --reuid 65534 --regid 65534"
	install iproute2
	speak &
	speaker=$!
	mkdir -m 1777 /theirs
	# shellcheck disable=SC2086
	quietly there $who --groups vmirror timeout 20 \
		vmirrorctl capture -i 0 -c 2 -w /theirs/a.pcapng
	echo "ok a member of the group vmirror captures"
	expect "into a file of its own" test "$(stat -c %u /theirs/a.pcapng)" = 65534
	# shellcheck disable=SC2086
	if there $who --clear-groups vmirrorctl list >"$T/log" 2>&1; then
		fail "anybody gets in"
	fi
	echo "ok nobody else does"
	kill "$speaker"
	wait "$speaker" 2>/dev/null || true
}

reloads() {
	config "name=next,port=0,sink=[net_tap,iface=mon1]"
	there systemctl reload vmirror@web || fail "systemctl reload: $(journal | tail -n 3)"
	expect "systemctl reload has the configuration read again" has_interface mon1
	config "name=next,prot=0,sink=[net_tap,iface=mon1]"
	if there systemctl reload vmirror@web 2>/dev/null; then
		fail "a bad configuration is reloaded"
	fi
	expect "a bad one is refused, and why is in the journal" grep -q "prot.*port" <(journal)
	expect "and nothing changes" has_interface mon1
	config "name=next,port=0,sink=[net_tap,iface=mon1]"
}

restarts() {
	local before
	before=$(main_pid)
	there systemctl kill -s KILL vmirror@web
	expect "when it is killed it comes again" wait_for 20 is_another "$before"
	before=$(main_pid)
	install --reinstall ./vmirror_*.deb
	expect "another package does not interrupt it" test "$(main_pid)" = "$before"
}

wrote() {
	[ -e /var/lib/vmirror/finished.txt ] && [ "$(wc -l </var/lib/vmirror/finished.txt)" -ge "$1" ]
}

# The example, with its files as they are, but for their size and the port.
rotates() {
	local example=/usr/share/doc/vmirror/examples/capture_service n
	sed 's/rotate_bytes=100M,files=100/rotate_bytes=100k,files=3/' "$example/capture.conf" \
		>/etc/vmirror/capture.conf
	cp "$example/finished.sh" /etc/vmirror
	echo 'EAL="--no-huge -m 128 -l 0 --no-pci --vdev net_tap0,iface=cable1"' >/etc/vmirror/capture.env
	there systemctl start vmirror@capture
	wait_for 20 forwards capture || fail "$(journal capture)"
	there ip addr add 198.51.100.1/24 dev cable1
	there ip neigh replace 198.51.100.2 lladdr 02:00:00:00:00:02 dev cable1
	# shellcheck disable=SC2016
	there bash -c 'for n in {1..600}; do
			head -c 1400 /dev/zero >/dev/udp/198.51.100.2/9
		done'
	expect "examples/capture_service: files are complete, and told of" wait_for 10 wrote 6
	there systemctl stop vmirror@capture
	n=$(find /var/lib/vmirror -name 'all_*.pcapng' | wc -l)
	expect "and the last 3 are kept" test "$n" = 3
	rm /etc/vmirror/capture.* /etc/vmirror/finished.sh
}

# gives_up: what is wrong with the options does not change by itself.
gives_up() {
	cp /etc/vmirror/web.env /etc/vmirror/bad.env
	echo 'OPTIONS=--nonsense' >>/etc/vmirror/bad.env
	cp /etc/vmirror/web.conf /etc/vmirror/bad.conf
	there systemctl start vmirror@bad || true
	sleep 3
	expect "with bad options it is not started again and again" \
		test "$(there systemctl show -P NRestarts vmirror@bad)" = 0
	expect "and the journal says why" \
		grep -q "unknown option '--nonsense'" <(journal bad)
	rm /etc/vmirror/bad.*
}

# --- gone

purged() {
	local purge=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 purge vmirror)
	if [ "$systemd" ]; then
		there systemctl -q enable vmirror@web
		there "${purge[@]}" >"$T/log" 2>&1 || fail "$(cat "$T/log")"
		expect "who removes it ends the service" test "$(main_pid)" = 0
		expect "and that it is enabled" test -z "$(find /etc/systemd/system -name 'vmirror@*')"
		expect "what somebody wrote is left" test -e /etc/vmirror/web.conf -a -e /var/lib/vmirror/web.pcapng
		rm -r /etc/vmirror /var/lib/vmirror
		userdel vmirror
	else
		quietly "${purge[@]}"
	fi
	expect "apt purge leaves nothing: $(traces | xargs)" test -z "$(traces)"
}

# Once more, where nobody wrote anything.
purged_unused() {
	install ./vmirror_*.deb
	expect "its user is there again" getent passwd vmirror
	quietly apt-get -qq -y -o Dpkg::Use-Pty=0 purge vmirror
	expect "apt purge leaves nothing, nor its user: $(traces | xargs)" test -z "$(traces)"
}

main() {
	installed
	captures "file,path=$T/a.pcapng"
	captures "net_pcap,tx_pcap=$T/b.pcap"
	captures "net_tap,iface=mon0"
	in_testpmd
	if start_systemd; then
		starts
		members
		reloads
		restarts
		gives_up
		rotates
	else
		systemd=
	fi
	purged
	purged_unused
}

case ${1:-} in
--boot) boot ;;
*) main ;;
esac
