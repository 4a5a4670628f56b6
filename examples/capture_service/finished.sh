#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# /etc/vmirror/finished.sh: what exec= runs with the name of each file that is complete, as the service's user.
# Here a list of them; it could as well copy the file to where it stays.

set -eu

sha256sum "$1" >>"$(dirname "$1")/finished.txt"
