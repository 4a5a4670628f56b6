/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/json.c: what is not there is nothing, and no text is a terminal's command. */

#include "test.h"

#include "ctl/counters.h"
#include "ctl/json.h"

static void
what_is_not_there(void **state)
{
	json_t *o = json_pack("{s:s, s:i, s:i, s:b}", "t", "x", "n", 7, "m", -7, "f", 1);

	assert_string_equal(ctl_json_text(o, "t"), "x");
	assert_string_equal(ctl_json_text(o, "n"), "");
	assert_string_equal(ctl_json_text(NULL, "n"), "");
	assert_int_equal(ctl_json_number(o, "n"), 7);
	assert_int_equal(ctl_json_number(o, "m"), 0);
	assert_int_equal(ctl_json_number(o, "t"), 0);
	assert_true(ctl_json_flag(o, "f"));
	assert_false(ctl_json_flag(o, "t"));
	assert_null(ctl_json_named(o, "x"));
	json_decref(o);
}

static void
clean(void **state)
{
	json_t *o = json_pack("{s:[s,{s:s}], s:s}", "a", "x\033[1m", "b", "\177\t", "c",
			      "\xc3\xa9 \xc2\x9b");

	ctl_json_clean(o);
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "a"), 0)), "x?[1m");
	assert_string_equal(ctl_json_text(json_array_get(json_object_get(o, "a"), 1), "b"), "??");
	assert_string_equal(ctl_json_text(o, "c"), "\xc3\xa9 ??");
	json_decref(o);
}

static void
losses(void **state)
{
	json_t *o = json_pack("{s:i, s:i, s:i, s:i}", "filtered", 9, "no_room", 5, "write_error", 2,
			      "captured", 8);
	char reasons[64], small[8];

	assert_int_equal(ctl_counters_lost(o, reasons, sizeof(reasons)), 7);
	assert_string_equal(reasons, "no_room 5, write_error 2");
	assert_int_equal(ctl_counters_lost(o, small, sizeof(small)), 7);
	assert_string_equal(small, "no_room");
	assert_int_equal(ctl_counters_lost(NULL, reasons, sizeof(reasons)), 0);
	assert_string_equal(reasons, "");
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(clean),
		cmocka_unit_test(losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
