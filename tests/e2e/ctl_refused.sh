#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What vmirrorctl does not do: one line says why and what would be right, with an exit status, and
# nothing is left behind; not for somebody with fewer rights either.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/ctl_lib.sh
. "$here/ctl_lib.sh"
# shellcheck source=tests/e2e/file_lib.sh
. "$here/file_lib.sh"
begin tcpdump tshark capinfos setpriv script

usage() {
	refused "no command" 2 "no command; 'vmirrorctl --help'"
	refused "unknown command" 2 "unknown command 'captrue'.*did you mean 'capture'" captrue
	refused "unknown option" 2 "stats: unknown option '--jsno'; did you mean '--json'" stats --jsno
	refused "unknown letter" 2 "capture: unknown option '-y'" capture -y
	refused "missing argument" 2 "remove: something is missing; right would be: vmirrorctl remove NAME" remove
	refused "too many arguments" 2 "list: that is too much" list web
	refused "-p no number" 2 "-p: 'x' is no number of a process" -p x list
	refused "-p and --control" 2 "both name the process" -p 1 --control x list
	refused "a bad spec" 2 "add: .*'prot'.*port" add 'prot=0,sink=[file,path=a]'
	refused "-c no number" 2 "capture: .*'?many" capture -c many
	refused "two filters" 2 "a filter stands behind -f" capture -f tcp udp
	refused "--live 0" 2 "no seconds from 0.1 to 60" stats --live 0
}

# Before the process is asked.
files() {
	echo content >target
	ln -s target link
	mkfifo fifo
	refused "a symbolic link" 1 "link is a symbolic link" capture -i 0 -w link
	refused "no directory" 1 "no/such.pcapng cannot be written: No such file" capture -i 0 -w no/such.pcapng
	refused "a directory" 1 "/tmp cannot be written: Is a directory" capture -i 0 -w /tmp
	refused "a fifo without a reader" 1 "fifo is a fifo that nobody reads" capture -i 0 -w fifo
	rm link fifo target
	expect "-w - on a terminal" grep -q '^vmirrorctl: -w -: stdout is a terminal.*| tshark -r -' \
		<(script -qec "'$VMIRRORCTL' capture -i 0 -w -" /dev/null </dev/null)
}

# In a mount namespace of our own it is hidden from us alone.
no_tcpdump() {
	local tcpdump
	tcpdump=$(command -v tcpdump)
	if [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] ||
		! mount --bind /dev/null "$tcpdump"; then
		note "tcpdump cannot be hidden"
		return
	fi
	refused "no tcpdump" 1 "tcpdump, which shows packets, is not installed.*-w FILE" capture -i 0
	umount "$tcpdump"
}

# What the process says, with a file that is made for it gone again, and one that was there as it was.
by_the_process() {
	refused "bad filter" 1 "filter \"tcp prt 80\".*syntax error" capture -i 0 -w new.pcapng tcp prt 80
	refused "unknown port" 1 "port '5' does not exist; there are.*net_null0" capture -i 5 -w new.pcapng
	refused "unknown port's name" 1 "net_nul0.*net_null0" capture -i net_nul0
	echo content >old.pcapng
	refused "bad filter, a file that is there" 1 "syntax error" capture -i 0 -w old.pcapng tcp prt 80
	expect "it has its content" test "$(cat old.pcapng)" = content
	refused "a file that is there" 1 "exists already" add 'port=0,sink=[file,path=old.pcapng]'
	rm old.pcapng
	refused "no mirror" 1 "'nope'" remove nope
	refused "no mirror" 1 "'nope'" stats nope
	refused "no mirror, live" 1 "'nope'" stats --live 1 nope
	refused "no mirror, snapshot" 1 "'nope'" snapshot nope -w new.pcapng
	refused "check" 1 "port '5' does not exist" check 'port=5,sink=[file,path=a]'
	refused "check, of several" 1 "spec 2.*port '5' does not exist" check 'port=0,sink=[file,path=a]' \
		'port=5,sink=[file,path=b]'
	ctl add "name=web,port=0,sink=[file,path=$T/web.pcapng]" >/dev/null
	refused "a name that is there" 1 "'web'" add 'name=web,port=0,sink=[file,path=b.pcapng]'
	refused "a mirror that is no recorder" 1 "recorder" snapshot web -w new.pcapng
	echo content >old.pcapng
	refused "the same, into a file that is there" 1 "recorder" snapshot web -w old.pcapng
	expect "it has its content" test "$(cat old.pcapng)" = content
	rm old.pcapng
	refused "path=-" 1 "capture -w -" add 'port=0,sink=[file,path=-]'
	ctl remove web >/dev/null
	expect "there are no mirrors" mirrors 0
}

# somebody ARGUMENT...: user 65534, of the group users.
somebody() {
	setpriv --reuid 65534 --regid 65534 --groups users "$VMIRRORCTL" --control "$T/control" "$@"
}

# They see everything, and capture to files of their own.
fewer_rights() {
	local code=0 n
	mkdir -m 1777 "$T/theirs"
	chmod 711 "$T"
	cd "$T/theirs"
	expect "they see ports" grep -q net_null0 <(somebody ports)
	expect "and what they may" grep -q 'files of your own' <(somebody version)
	expect "and what a capture would do" grep -q 'rx and tx of port net_null0' \
		<(somebody capture -i 0 -w theirs.pcapng -d)
	spawn /dev/null "$T/c.err" setpriv --reuid 65534 --regid 65534 --groups users "$VMIRRORCTL" \
		--control "$T/control" capture -i 0 -w theirs.pcapng
	wait_for 20 grep -q 'capturing on' "$T/c.err" || fail "$(cat "$T/c.err")"
	end_capture "$child" INT
	expect "their file is theirs" test "$(stat -c %u theirs.pcapng)" = 65534
	readable theirs.pcapng
	somebody add 'name=own,port=0,sink=[file,path=own.pcapng]' >/dev/null
	expect "add opens their file as they" test "$(stat -c %u own.pcapng)" = 65534
	somebody remove own >/dev/null
	readable own.pcapng
	ctl --control "$T/control" add 'name=root,port=0,sink=[file,path=root.pcapng]' >/dev/null
	somebody remove root 2>"$T/ctl.err" || code=$?
	expect "root's mirror is not theirs to take away" test $code = 1
	expect "which is said" grep -q "^vmirrorctl: .*'root'" "$T/ctl.err"
	code=0
	somebody add 'port=0,sink=[net_tap,iface=mon0]' 2>"$T/ctl.err" || code=$?
	expect "nor is an interface" test $code = 1
	expect "which is said" grep -q "^vmirrorctl: .*rights" "$T/ctl.err"
	code=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$VMIRRORCTL" --control "$T/control" list \
		2>"$T/ctl.err" || code=$?
	expect "who is not of the group may not" grep -q "^vmirrorctl: .*not permitted" "$T/ctl.err"
	ctl --control "$T/control" remove root >/dev/null
	code=0
	for n in {1..8}; do
		somebody add "name=m$n,port=0,sink=[file,path=m$n.pcapng]" >/dev/null || fail "number $n is refused"
	done
	somebody add "port=0,sink=[file,path=m9.pcapng]" 2>"$T/ctl.err" || code=$?
	expect "nor are more than eight mirrors" test $code = 1
	expect "which is said" grep -q "^vmirrorctl: .*has 8 mirrors here, and may have no more" "$T/ctl.err"
	expect "and leaves no file" test ! -e m9.pcapng
	somebody remove m{1..8} >/dev/null
	somebody add "name=m9,port=0,sink=[file,path=m9.pcapng]" >/dev/null
	somebody remove m9 >/dev/null
	cd "$T/cwd"
}

nobody_there() {
	local socket=$T/run/dpdk/rte/vmirror.$vm
	kill -KILL "$vm"
	wait "$vm" 2>/dev/null || true
	refused "nobody is there" 1 "no process with vmirror was found" list
	refused "its socket is left" 1 "left by processes that have ended: $socket" list
	refused "a socket that nobody is behind" 1 "nobody is behind it" --control "$socket" list
	refused "no socket" 1 "nope is not there" --control nope list
	refused "a capture without a process" 1 "no process with vmirror" capture -i 0 -w new.pcapng
}

usage
chmod 755 "$T" # the group is to reach the socket
start_vmirror -l "$core" --vdev net_null0,no-rx=1 -- --control "$T/control" --control-group users
fewer_rights
quit_vmirror
start_vmirror -l "$core" --vdev net_null0,no-rx=1 --
files
no_tcpdump
by_the_process
nobody_there
