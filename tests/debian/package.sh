#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The Debian packages, built by tools/deb, in a Debian 12 that has nothing but what debootstrap gives:
# package_inside.sh says what is expected of them there.

set -euo pipefail

[ "${VMIRROR_TEST_SOAK:-}" ] || {
	echo "skipped: only with ./test --soak"
	exit 77
}
root=$(cd "$(dirname "$0")/../.." && pwd)
T=$(mktemp -d)
trap 'rm -r "$T"' EXIT

before=$(cd "$root" && find . -name build\* -prune -o -name .git -prune -o -print | sort)
"$root/tools/deb" "$T/debs"
after=$(cd "$root" && find . -name build\* -prune -o -name .git -prune -o -print | sort)
[ "$before" = "$after" ] || {
	echo "FAILED: tools/deb leaves files behind: $(diff <(echo "$before") <(echo "$after"))"
	exit 1
}
python3 "$root/tests/e2e/pcap.py" make small "$T/debs/in.pcap"
cp "$root/tests/debian/package_inside.sh" "$T/debs"
"$root/tools/debian" bookworm --bare "$T/debs" bash package_inside.sh
