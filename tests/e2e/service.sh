#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The service's unit: systemd finds nothing wrong with it, and its command works for a user who is not
# root and has its capabilities only. tests/debian/package.sh has systemd itself run it. meson passes
# BUILD.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
begin systemd-analyze setpriv ip
reachable

: "${BUILD:=$source_root/build}"
unit=$T/vmirror@web.service

# The unit, for the programs that were built.
prepare() {
	mkdir "$T/bin" "$T/etc"
	ln -s "$VMIRROR" "$T/bin/vmirror"
	ln -s "$VMIRRORCTL" "$T/bin/vmirrorctl"
	sed -E "s|^(Exec[A-Za-z]*=)[^ ]*/(vmirror)|\1$T/bin/\2|; s|/etc/vmirror|$T/etc|g" \
		"$BUILD/systemd/vmirror@.service" >"$unit"
	echo 'EAL="--no-huge -m 128 --no-pci --vdev net_null0,no-rx=1"' >"$T/etc/web.env"
	echo "name=live,port=0,sink=[net_tap,iface=mon0]" >"$T/etc/web.conf"
}

# setting KEY: its values.
setting() {
	sed -n "s/^$1=//p" "$unit" | xargs
}

# As setpriv has it: +net_admin,+net_raw.
capabilities() {
	setting "$1" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g'
}

# The command, as systemd makes it of the unit and web.env.
run() {
	local EAL='' CONTROL='' OPTIONS='' command caps
	# shellcheck source=/dev/null
	. "$T/etc/web.env"
	CONTROL=$(setting Environment | sed -n 's/.*CONTROL=\(--control-group\) vmirror.*/\1 nogroup/p')
	[ "$CONTROL" ] || fail "no CONTROL in the unit"
	command=$(setting ExecStart)
	command=${command//%i/web}
	command=${command//\$EAL/$EAL -l $core}
	command=${command//\$CONTROL/$CONTROL}
	command=${command//\$OPTIONS/$OPTIONS}
	caps=$(capabilities AmbientCapabilities)
	expect "it has no other capabilities to get" test "$caps" = "$(capabilities CapabilityBoundingSet)"
	# shellcheck disable=SC2086
	spawn "$T/out" "$T/err" setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
		--inh-caps "-all,$caps" --ambient-caps "-all,$caps" --bounding-set "-all,$caps" \
		$command
	vm=$child
	wait_for 30 is_forwarding || fail "the service's command does not forward"
	alive "$vm" || ended_at_once
}

prepare
systemd-analyze verify --man=no "$unit" >"$T/verify" 2>&1 || fail "$(cat "$T/verify")"
expect "systemd-analyze verify finds nothing: $(cat "$T/verify")" test ! -s "$T/verify"
# As RuntimeDirectory=dpdk/web makes it.
chmod 755 "$T" "$T/run"
mkdir "$T/run/dpdk"
install -d -o 65534 -g 65534 -m "$(setting RuntimeDirectoryMode)" "$T/run/dpdk/web"
run
expect "it makes its interface" interface mon0
expect "vmirrorctl finds it" grep -q '^live' <("$VMIRRORCTL" list)
stop_vmirror TERM
expect "mon0 is gone" no_interface mon0
