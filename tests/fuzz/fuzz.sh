#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Each fuzz target for a while, from its corpus on, built with clang and its sanitizers.
#
#     fuzz.sh SOURCE TARGET...

set -euo pipefail

seconds=10
[ -z "${VMIRROR_TEST_SOAK:-}" ] || seconds=120

# Bytes of an input; where there is a limit to what is taken, a little more than that.
longest=8192
declare -A longest_of=([rpc]=66000)

skip() {
	echo "skipped: $*"
	exit 77
}

# Beside others it takes what they leave.
renice -n 19 $$ >/dev/null
command -v clang >/dev/null || skip "needs clang"
source=$1
shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/vmirror-fuzz.XXXXXX")
trap 'rm -rf "$dir"' EXIT

echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' >"$dir/try.c"
clang -fsanitize=fuzzer -o "$dir/try" "$dir/try.c" 2>/dev/null || skip "needs clang's libFuzzer"
CC=clang meson setup "$dir/build" "$source" -Dtests=true >"$dir/log" 2>&1 || {
	cat "$dir/log"
	exit 1
}
for target; do
	ninja -C "$dir/build" "tests/fuzz/fuzz_$target" >"$dir/log" 2>&1 || {
		cat "$dir/log"
		exit 1
	}
	cp -r "$source/tests/fuzz/corpus/$target" "$dir/$target"
	"$dir/build/tests/fuzz/fuzz_$target" -max_total_time=$seconds \
		-max_len="${longest_of[$target]:-$longest}" \
		-artifact_prefix="$dir/" -print_final_stats=1 "$dir/$target" >"$dir/log" 2>&1 || {
		tail -n 40 "$dir/log"
		base64 "$dir"/crash-* "$dir"/timeout-* 2>/dev/null
		exit 1
	}
	echo "ok $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log") inputs"
done
