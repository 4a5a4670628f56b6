/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/rates.c: two looks give a rate, one gives none. */

#include "test.h"

#include <errno.h>

#include "ctl/rates.h"

static json_t *
mirrors(const char *name, int seen, int no_room)
{
	json_t *m = json_pack("[{s:s, s:i, s:i}]", "name", name, "seen", seen, "no_room", no_room);

	assert_non_null(m);
	return m;
}

/* Takes it over. */
static bool
next(struct ctl_rates *rates, json_t *look)
{
	bool again = ctl_rates_next(rates, look);

	json_decref(look);
	return again;
}

static void
two_looks(void **state)
{
	struct ctl_rates rates = {0};

	assert_false(next(&rates, mirrors("a", 100, 0)));
	assert_int_equal(ctl_rates_of(&rates, json_array_get(rates.last, 0), "seen"), 0);
	assert_true(next(&rates, mirrors("a", 300, 50)));
	rates.before_ns = 0;
	rates.last_ns = UINT64_C(500000000);
	assert_int_equal(ctl_rates_of(&rates, json_array_get(rates.last, 0), "seen"), 400);
	assert_int_equal(ctl_rates_lost(&rates, json_array_get(rates.last, 0)), 100);
	/* One that is new counts from 0; one made anew is not negative. */
	assert_true(next(&rates, mirrors("b", 10, 0)));
	rates.last_ns = rates.before_ns + UINT64_C(1000000000);
	assert_int_equal(ctl_rates_of(&rates, json_array_get(rates.last, 0), "seen"), 10);
	assert_true(next(&rates, mirrors("b", 5, 0)));
	assert_int_equal(ctl_rates_of(&rates, json_array_get(rates.last, 0), "seen"), 0);
	ctl_rates_fini(&rates);
}

static void
intervals(void **state)
{
	static const char *const bad[] = {"", "0", "0.05", "61", "soon", "1x", "nan", "-1"};
	struct vmirror_error err;
	int ms = 7;

	assert_int_equal(ctl_rates_interval(NULL, &ms, "--live", &err), 0);
	assert_int_equal(ms, 7);
	assert_int_equal(ctl_rates_interval("0.5", &ms, "--live", &err), 0);
	assert_int_equal(ms, 500);
	assert_int_equal(ctl_rates_interval("60", &ms, "--live", &err), 0);
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		assert_int_equal(ctl_rates_interval(bad[i], &ms, "--live", &err), -EINVAL);
		assert_sentence(&err, "no seconds from 0.1 to 60");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_looks),
		cmocka_unit_test(intervals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
