#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Another Debian, another DPDK: tools/debian RELEASE. BUILD and VMIRROR are for e2e's tests.

set -euo pipefail

[ "${VMIRROR_TEST_SOAK:-}" ] || {
	echo "skipped: only with ./test --soak"
	exit 77
}
root=$(cd "$(dirname "$0")/../.." && pwd)
export VMIRROR_DEBIAN=${VMIRROR_DEBIAN:-${XDG_CACHE_HOME:-$HOME/.cache}/vmirror/debian}
"$root/tools/debian" "$1"

# And its payload beside this machine's.
VMIRROR_BESIDE=$(mktemp -d)
export VMIRROR_BESIDE
trap 'rm -r "$VMIRROR_BESIDE"' EXIT
cp "$VMIRROR_DEBIAN/$1"/vmirror/build/plugin/libvmirror_payload.so.?? "$VMIRROR_BESIDE"
"$root/tests/e2e/plugin_hosts.sh"
