#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A container's view: processes in other mount and pid namespaces see the control socket through a folder
# that is mounted where it suits them. Their files are where they are, and theirs.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin ip ping tcpdump tshark capinfos unshare mount

container= # process in it
box=       # what it is a child of

# container_start MOUNT...: FROM=TO of folders of ours that it has; else its /mnt and /run are its own.
container_start() {
	# shellcheck disable=SC2016
	spawn "$T/box.out" "$T/box.err" unshare --mount --pid --fork --kill-child --mount-proc \
		bash -euc 'mount -t tmpfs none /mnt
			mount -t tmpfs none /run
			mkdir /mnt/data
			for folder; do
				mkdir -p "${folder#*=}"
				mount --bind "${folder%%=*}" "${folder#*=}"
			done
			echo ready
			exec sleep infinity' box "$@"
	wait_for 20 grep -q ready "$T/box.out" || fail "no container: $(cat "$T/box.err")"
	box=$child
	container=$(pgrep -P "$box")
}

# box COMMAND...: in it, of our network all the same.
box() {
	nsenter -t "$container" --mount --pid --wdns=/mnt/data "$@"
}

# theirs FILE: from without.
theirs() {
	echo "/proc/$container/root/mnt/data/$1"
}

begun() {
	grep -q 'capturing on' "$1"
}

# captures WHAT ARGUMENT...: a client in the container captures pings into a file there.
captures() {
	local what=$1
	shift
	spawn /dev/null "$T/c.err" nsenter -t "$container" --mount --pid --wdns=/mnt/data \
		"$VMIRRORCTL" "$@" capture -i 0 -c 20 -w box.pcapng icmp
	client=$child
	wait_for 20 begun "$T/c.err" || fail "$what: $(cat "$T/c.err")"
	pings 10
	end_capture "$client"
	expect "$what" test "$(counts "$T/c.err" captured)" = 20
	readable "$(theirs box.pcapng)"
	expect "the file is in the container, and not here" test ! -e /mnt/data/box.pcapng
	box rm box.pcapng
}

# Who is killed with its container takes its mirror along.
killed() {
	spawn /dev/null "$T/c.err" nsenter -t "$container" --mount --pid --wdns=/mnt/data \
		"$VMIRRORCTL" --control /mnt/vmirror/control capture -i 0 -w box.pcapng
	wait_for 20 begun "$T/c.err" || fail "$(cat "$T/c.err")"
	expect "its mirror is listed" grep -q "^mirror" <(ctl list)
	kill -KILL "$container" "$box"
	wait "$box" 2>/dev/null || true
	expect "a container that ends takes its captures along" wait_for 20 no_mirrors
	wait "$child" 2>/dev/null || true
}

no_mirrors() {
	local list
	list=$("$VMIRRORCTL" --control "$T/sockets/control" list) && [ "$(wc -l <<<"$list")" = 1 ]
}

ctl() {
	"$VMIRRORCTL" --control "$T/sockets/control" "$@"
}

mkdir "$T/sockets"
two_hosts --control "$T/sockets/control"
container_start "$T/sockets=/mnt/vmirror"
captures "a client in a container captures, by a path of its own" --control /mnt/vmirror/control
killed
quit_vmirror

# Without --control it lies in EAL's directory, where vmirrorctl looks.
unset RUNTIME_DIRECTORY
mkdir "$T/var"
mount --bind "$T/var" /run
two_hosts
container_start "$T/var/dpdk=/run/dpdk"
captures "and finds it by itself, where EAL's directory is mounted"
quit_vmirror
