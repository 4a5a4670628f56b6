# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The plugin in programs that know nothing of it. meson passes BUILD, the build directory.
#
#     plugin_install FOLDER         # $plugin is what -d takes
#     plugin_config 'LINE' …        # into $VMIRROR_CONFIG
#     start_testpmd ARGUMENT…       # with the plugin; commands go through testpmd_do
#     stat MIRROR KEY               # from telemetry
#
# After lib.sh, whose variables it uses and whose others it sets.
# shellcheck disable=SC2034,SC2154

: "${BUILD:=$source_root/build}"
plugin=      # path of the shim
plugin_home= # its folder
host_log=    # where the program's log goes
pmd=         # process id of testpmd
telemetry=   # the program's socket

# plugin_install FOLDER: what was built or installed there. EAL wants no folder on the way to be
# writable by all, as /tmp is.
plugin_install() {
	local from=$1
	plugin_home=$(mktemp -d /run/vmirror-plugin.XXXXXX)
	world_undo+=(plugin_remove)
	chmod 755 "$plugin_home"
	cp "$from/libvmirror_plugin.so" "$plugin_home"
	find "$from" -maxdepth 1 -type f -name 'libvmirror_payload.so.*' \
		-exec cp {} "$plugin_home" \;
	plugin=$plugin_home/libvmirror_plugin.so
	export VMIRROR_CONFIG=$T/mirrors.conf
}

plugin_remove() {
	rm -rf "$plugin_home"
}

# plugin_config LINE...
plugin_config() {
	printf '%s\n' "$@" >"$VMIRROR_CONFIG"
}

# said WORDS: in the program's log.
said() {
	grep -qe "$1" "$host_log"
}

# mirrors NAME: the program's mirror is there.
mirrors() {
	python3 "$here/telemetry.py" "$telemetry" /vmirror/list 2>/dev/null | grep -q "\"$1\""
}

# stat MIRROR KEY
stat() {
	python3 "$here/telemetry.py" "$telemetry" "/vmirror/stats,$1" "$2"
}

# stat_is MIRROR KEY NUMBER
stat_is() {
	[ "$(stat "$1" "$2")" = "$3" ]
}

# hooked MIRROR COUNT: hooks at the least.
hooked() {
	[ "$(stat "$1" hooks)" -ge "$2" ]
}

# start_testpmd EAL_ARGUMENT... -- ARGUMENT...: interactive, on the first core; prefix "host".
start_testpmd() {
	host_log=$T/testpmd.out
	telemetry=$T/run/dpdk/host/dpdk_telemetry.v2
	mkfifo "$T/commands"
	export T
	# shellcheck disable=SC2016
	spawn "$T/testpmd.out" "$T/testpmd.err" bash -c 'exec "$0" "$@" <"$T/commands" 2>&1' \
		stdbuf -oL dpdk-testpmd --no-huge -m 256 --no-pci --lcores "0@$core,1@$core" \
		--file-prefix host -d "$plugin" "$@"
	pmd=$child
	exec {commands}>"$T/commands"
	wait_for 60 said '^testpmd>' || fail "dpdk-testpmd: $(tail -n 5 "$T/testpmd.out")"
}

prompts() {
	grep -o 'testpmd> ' "$host_log" | wc -l
}

prompted() {
	[ "$(prompts)" -gt "$1" ] || gone "$pmd"
}

# testpmd_do COMMAND: it forgets what is typed while it is busy.
testpmd_do() {
	local before
	before=$(prompts)
	echo "$*" >&"$commands"
	wait_for 20 prompted "$before" || fail "testpmd does not come back from '$*'"
}

# end_testpmd: after quit, or a signal.
end_testpmd() {
	wait_for 30 gone "$pmd" || fail "dpdk-testpmd does not end: $(tail -n 3 "$host_log")"
	exec {commands}>&-
	rm "$T/commands"
	status=0
	wait "$pmd" || status=$?
}
