#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Wireshark here, the packets of a port there:
#
#     ./remote.sh HOST [PORT [FILTER...]]

set -euo pipefail

SSH=${SSH:-ssh}
VIEWER=${VIEWER:-wireshark -k -i -}
REMOTE=${REMOTE:-vmirrorctl} # as it is called there

host=${1:?host, and maybe port and filter}
port=${2:-0}
filter=${*:3}

# A port of the process, not of TCP; the filter is one word for the shell over there.
command="$REMOTE capture -i '$port' -w -"
[ -z "$filter" ] || command+=" -f '$filter'"

# Who closes the viewer is done: that the pipe broke is no failure then.
# shellcheck disable=SC2086 # commands with their arguments
{ $SSH "$host" "$command" || true; } | $VIEWER
