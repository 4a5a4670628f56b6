#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What `meson install` gives: a program, headers that stand alone, a pkg-config file with which
# examples/embed builds, shared and static, a library that exports nothing but its API, and a plugin
# that a program with DPDK linked in statically is told it cannot have.
# meson passes BUILD, the build directory.

set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE%/*}/lib.sh"
# shellcheck source=tests/e2e/plugin_lib.sh
. "${BASH_SOURCE%/*}/plugin_lib.sh"
begin meson pkg-config gcc g++ nm ip

meson install -C "$BUILD" --no-rebuild --destdir "$T/root" >"$T/install.log" ||
	fail "meson install: $(tail -1 "$T/install.log")"
so=$(find "$T/root" -name 'libvmirror.so')
expect "a shared library" test "$so"
expect "a static library" test "$(find "$T/root" -name 'libvmirror.a')"
expect "the program" test -x "$(find "$T/root" -path '*/bin/vmirror')"
expect "the client, its manual page and its completion" test \
	"$(find "$T/root" -name 'vmirrorctl*' -type f -printf '%P\n' | sed 's|.*/\(.*/.*\)|\1|' | sort | xargs)" = \
	"bin/vmirrorctl completions/vmirrorctl man1/vmirrorctl.1"
expect "a service, and its user" test -s "$T/root/usr/local/lib/systemd/system/vmirror@.service" -a \
	-s "$T/root/usr/local/lib/sysusers.d/vmirror.conf"
expect "vmirror-ovs, its manual page and its modules" test \
	"$(find "$T/root" -path '*ovs*' -type f -printf '%P\n' | sed 's|.*/\(.*/.*\)|\1|' | sort | xargs)" = \
	"bin/vmirror-ovs man1/vmirror-ovs.1 ovs/line.py ovs/mirror.py ovs/owner.py ovs/programs.py ovs/source.py ovs/switch.py"
# completes FUNCTION WORD...: what bash would offer for the last of them.
completes() {
	# shellcheck disable=SC2016 # that shell's
	bash -c '. "$0"; f=$1; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "$f"; echo "${COMPREPLY[*]}"' \
		"$T/root/usr/local/share/bash-completion/completions/$1" "_${1//-/_}" "$@"
}
expect "vmirrorctl's commands are completed" test "$(completes vmirrorctl sn)" = snapshot
expect "and values" test "$(completes vmirrorctl capture -Q in)" = "in inout"
expect "vmirror-ovs's commands" test "$(completes vmirror-ovs "")" = "capture list clean help"
expect "and options" test "$(completes vmirror-ovs capture --cap)" = --capture-comment
lib=$(dirname "$so")
extcap=$(find "$T/root" -path '*/wireshark/extcap/vmirrorctl')
expect "the client in Wireshark's extcap folder, by a link that leads to it" \
	grep -q '^extcap {version=.*}{display=vmirror}$' <("$extcap" --extcap-interfaces)
prefix=$(sed -n 's/^prefix=//p' "$lib/pkgconfig/libvmirror.pc")

# The staged pkg-config file of a root, as if the prefix had been there.
pkg() {
	local root=$1
	shift
	PKG_CONFIG_PATH=$root${lib#"$T/root"}/pkgconfig pkg-config "$@"
}

relocate() {
	sed -i "s|^prefix=.*|prefix=$1$prefix|" "$1${lib#"$T/root"}/pkgconfig/libvmirror.pc"
}

headers() {
	local header
	for header in "$T/root$prefix"/include/*.h "$T/root$prefix"/include/*/*.h; do
		[ -e "$header" ] || continue
		gcc -std=c11 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c "$header" ||
			fail "$header does not compile alone as C11"
		g++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ "$header" ||
			fail "$header does not compile alone as C++"
		echo "ok ${header##*/} compiles alone, as C11 and as C++"
	done
}

# exports FILE: symbols that are not the API's.
exports() {
	nm -D --defined-only "$1" | awk '{ print $3 }' | sed 's/@.*//' | grep -v '^vmirror_' || true
}

# api: the functions that the headers declare.
api() {
	cat "$T/root$prefix"/include/vmirror*.h | grep -Eo '^vmirror_[a-z_]+\(' | tr -d '(' | sort
}

symbols() {
	expect "only vmirror_ is exported: $(exports "$so" | xargs)" test -z "$(exports "$so")"
	expect "exactly the declared functions are exported" diff <(api) \
		<(nm -D --defined-only "$so" | awk '{ print $3 }' | sed 's/@.*//' | sort)
}

# embeds NAME ROOT PKG_CONFIG_OPTION...: build the example against what is staged in ROOT; it
# forwards and mirrors.
embeds() {
	local name=$1 flags
	shift
	flags=$(pkg "$@" --cflags --libs libvmirror)
	# shellcheck disable=SC2086
	gcc -O2 -Wall -Werror -o "embed-$name" "$source_root/examples/embed/main.c" $flags ||
		fail "examples/embed does not build: $name"
	echo "ok examples/embed builds, $name"
	rm -f report.pcap
	LD_LIBRARY_PATH=$lib spawn "$T/out" "$T/err" "./embed-$name" --no-huge -m 256 --no-pci \
		-l "$core" --vdev "net_pcap0,rx_pcap=$T/in.pcap" --vdev net_null0,no-rx=1 -- \
		"name=report,port=0,dir=rx,sink=[net_pcap,tx_pcap=report.pcap]"
	vm=$child
	wait_for 20 packets report.pcap 1000 || fail "examples/embed mirrors nothing: $name"
	kill -INT "$vm"
	end_vmirror 20
	[ $status -eq 0 ] || fail "examples/embed ended with status $status"
	expect "it mirrors every packet" same "$T/in.pcap" report.pcap
	counted report captured 1000
	all_delivered report
}

pcap make small "$T/in.pcap"
headers
symbols
relocate "$T/root"
embeds shared "$T/root"
expect "the shared one needs libvmirror.so" grep -q libvmirror <(ldd embed-shared)
# The linker would take the shared one if it found it.
cp -a "$T/root" "$T/static"
find "$T/static" -name 'libvmirror.so*' -delete
relocate "$T/static"
embeds static "$T/static" --static
ldd embed-static >"$T/ldd"
expect "the static one does not" test "$(grep -c libvmirror "$T/ldd")" = 0
expect "the static one needs no DPDK library either" test "$(grep -c librte "$T/ldd")" = 0

# A program that the plugin cannot find DPDK in goes on without, and says why.
static_host() {
	plugin_install "$lib/vmirror"
	rm -f report.pcap
	spawn "$T/out" "$T/err" ./embed-static --no-huge -m 256 --no-pci -l "$core" \
		-d "$plugin" \
		--vdev "net_pcap0,rx_pcap=$T/in.pcap" --vdev net_null0,no-rx=1 -- \
		"name=report,port=0,dir=rx,sink=[net_pcap,tx_pcap=report.pcap]"
	vm=$child
	wait_for 20 packets report.pcap 1000 || fail "it does not run: $(tail -n 3 "$T/err")"
	kill -INT "$vm"
	end_vmirror 20
	expect "a static program is told that it cannot have the plugin" \
		grep -q 'no mirrors: this process has no shared librte_eal.so' "$T/err"
	expect "in one line" test "$(grep -c 'no mirrors' "$T/err")" = 1
}

expect "the plugin lies beside its payload" test -e \
	"$(find "$T/root$prefix"/lib/*/vmirror -name 'libvmirror_payload.so.[0-9]*')"
static_host
