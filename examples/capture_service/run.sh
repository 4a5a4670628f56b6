#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The service's configuration at work, with smaller files, and fewer of them.

set -euo pipefail
# shellcheck source=examples/two_hosts.sh
. "${BASH_SOURCE%/*}/../two_hosts.sh"
folder=$(cd "${BASH_SOURCE%/*}" && pwd)
begin sha256sum

# complete COUNT: so many files are.
complete() {
	[ -e finished.txt ] && [ "$(wc -l <finished.txt)" -ge "$1" ]
}

sed "s|rotate_bytes=100M,files=100|rotate_bytes=100k,files=3|; s|/etc/vmirror/|$folder/|" \
	"$folder/capture.conf" >capture.conf
start_vmirror --config capture.conf
on a ping -q -n -c 300 -i 0.01 -s 1400 192.0.2.2 >/dev/null
wait_for 10 complete 5
stop_vmirror
wait_for 10 complete 6
show ls -1 --ignore=vmirror.* --ignore=dpdk --ignore=ping
echo "$ wc -l finished.txt    # all that were complete, those that are gone included"
wc -l <finished.txt
