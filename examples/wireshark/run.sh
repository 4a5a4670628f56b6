#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# remote.sh on one machine: tshark in place of wireshark, and unless SSH says otherwise a shell in
# place of ssh.

set -euo pipefail
# shellcheck source=examples/two_hosts.sh
. "${BASH_SOURCE%/*}/../two_hosts.sh"
folder=$(cd "${BASH_SOURCE%/*}" && pwd)
begin tshark

# What ssh does with its arguments.
cat >"$T/ssh" <<'END'
#!/bin/sh
shift
exec sh -c "$*"
END
chmod +x "$T/ssh"
export SSH=${SSH:-$T/ssh}
export REMOTE=$VMIRRORCTL
export VIEWER="tshark -l -c 6 -i -"

captures() {
	"$VMIRRORCTL" list | grep -q mirror
}

# shellcheck disable=SC2119
start_vmirror
show "$folder/remote.sh" localhost 0 icmp 2>"$T/remote.err" &
remote=$!
wait_for 20 captures
on a ping -q -i 0.2 192.0.2.2 >/dev/null &
wait "$remote" || die "$(cat "$T/remote.err")"
echo "the viewer has ended, and the capture with it:"
show "$VMIRRORCTL" list
