#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Another Debian, another DPDK: tools/debian RELEASE.

set -euo pipefail

[ "${VMIRROR_TEST_SOAK:-}" ] || {
	echo "skipped: only with ./test --soak"
	exit 77
}
exec "$(dirname "${BASH_SOURCE[0]}")/../../tools/debian" "$@"
