/* SPDX-License-Identifier: BSD-3-Clause */

/* What a recorder remembers of the time: between two notes, before the first, after the last, for days. */

#include "tests/unit/test.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/almanac.h"

#define S     UINT64_C(1000000000)
#define EPOCH (UINT64_C(1700000000) * S)
#define HZ    UINT64_C(2500000000)
#define NS    (1e9 / (double)HZ) /* of the TSC, about */

static struct vmirror_almanac *almanac;

static int
setup(void **state)
{
	almanac = calloc(1, sizeof(*almanac));
	return almanac == NULL;
}

static int
teardown(void **state)
{
	free(almanac);
	return 0;
}

static uint64_t
convert(uint64_t tsc)
{
	return vmirror_almanac_convert(almanac, tsc, NS);
}

static void
assert_near(uint64_t ns, uint64_t wanted, uint64_t off)
{
	assert_in_range(ns, wanted - off, wanted + off);
}

static void
test_empty(void **state)
{
	assert_int_equal(convert(0), 0);
	assert_int_equal(convert(UINT64_MAX), 0);
}

static void
test_one(void **state)
{
	vmirror_almanac_note(almanac, 100 * HZ, EPOCH);
	assert_int_equal(convert(100 * HZ), EPOCH);
	assert_near(convert(101 * HZ), EPOCH + S, 1);
	assert_near(convert(99 * HZ), EPOCH - S, 1);
	assert_near(convert(0), EPOCH - 100 * S, 100);
}

/* Another rate than the TSC is said to have: between two that of the two, beyond them that. */
static void
test_between(void **state)
{
	const uint64_t step = S + S / 50;
	uint64_t i, k;

	for (i = 0; i < 100; i++)
		vmirror_almanac_note(almanac, (10 + i) * HZ, EPOCH + i * step);
	for (i = 0; i < 99; i++) {
		assert_int_equal(convert((10 + i) * HZ), EPOCH + i * step);
		assert_near(convert((11 + i) * HZ - 1), EPOCH + (i + 1) * step, 2);
		for (k = 1; k < 10; k++)
			assert_near(convert((10 + i) * HZ + HZ / 10 * k),
				    EPOCH + i * step + step / 10 * k, 2);
	}
	assert_near(convert(9 * HZ), EPOCH - S, 2);
	assert_near(convert(111 * HZ), EPOCH + 99 * step + 2 * S, 2);
}

/* Times rise with the TSC, from a first to a last one. */
static void
assert_rises(uint64_t first_tsc, uint64_t last_tsc, uint64_t step)
{
	uint64_t before = 0, tsc, ns;

	for (tsc = first_tsc; tsc <= last_tsc; tsc += step) {
		ns = convert(tsc);
		assert_true(ns >= before);
		before = ns;
	}
}

/* The clock was set: what passed before is not drawn along, and no time is later than the next note. */
static void
check_jump(uint64_t by_ns)
{
	almanac->n = 0;
	vmirror_almanac_note(almanac, 10 * HZ, EPOCH);
	vmirror_almanac_note(almanac, 11 * HZ, EPOCH + S);
	vmirror_almanac_note(almanac, 12 * HZ, EPOCH + 2 * S + by_ns);
	vmirror_almanac_note(almanac, 13 * HZ, EPOCH + 3 * S + by_ns);
	assert_int_equal(convert(11 * HZ), EPOCH + S);
	assert_in_range(convert(11 * HZ + HZ / 2), EPOCH + S + S / 2 - 2,
			EPOCH + S + S / 2 + S / 16 + 2);
	assert_int_equal(convert(12 * HZ), EPOCH + 2 * S + by_ns);
	assert_near(convert(12 * HZ + HZ / 2), EPOCH + 2 * S + S / 2 + by_ns, 2);
	assert_rises(9 * HZ, 14 * HZ, HZ / 1000);
}

static void
test_jumps(void **state)
{
	check_jump(1000);
	check_jump(S / 10);
	check_jump(S / 8 + S / 100);
	check_jump(S);
	check_jump(3600 * S);
	check_jump(1000000000 * S);
}

/* A TSC that is not later: that of another life, of which nothing is known. */
static void
test_begins_anew(void **state)
{
	uint64_t i;

	for (i = 0; i < 100; i++)
		vmirror_almanac_note(almanac, (1000 + i) * HZ, EPOCH + i * S);
	vmirror_almanac_note(almanac, 5 * HZ, EPOCH + 500 * S);
	assert_int_equal(almanac->n, 1);
	assert_near(convert(4 * HZ), EPOCH + 499 * S, 2);
	vmirror_almanac_note(almanac, 5 * HZ, EPOCH + 501 * S);
	assert_int_equal(almanac->n, 1);
	assert_int_equal(convert(5 * HZ), EPOCH + 501 * S);
	vmirror_almanac_note(almanac, 6 * HZ, EPOCH + 502 * S);
	assert_int_equal(almanac->n, 2);
	assert_near(convert(5 * HZ + HZ / 2), EPOCH + 501 * S + S / 2, 2);
}

/* A clock that drifts by 30 parts in a million and back, once an hour. */
static uint64_t
drift(uint64_t second)
{
	double t = (double)second;
	double off = 30e-6 * 3600 / (2 * M_PI) * (1 - cos(2 * M_PI * t / 3600));

	return EPOCH + second * S + (uint64_t)(off * 1e9);
}

/* The distance of two grows with their age, and is a small part of it. */
static void
check_distances(uint64_t now)
{
	unsigned int i;

	assert_in_range(almanac->n, 1, VMIRROR_ALMANAC_NOTES);
	for (i = 1; i < almanac->n; i++) {
		uint64_t distance = almanac->notes[i].tsc - almanac->notes[i - 1].tsc;
		uint64_t age = now * HZ - almanac->notes[i - 1].tsc;

		assert_true(distance <= HZ + age / 256);
	}
}

/* For days: the first note stays, and times of any age are right, but for what the clock drifted. */
static void
test_days(void **state)
{
	uint64_t n = 3 * 86400, i, t;

	for (i = 1; i <= n; i++) {
		vmirror_almanac_note(almanac, i * HZ, drift(i));
		assert_in_range(almanac->n, 1, VMIRROR_ALMANAC_NOTES);
		if (i % 7919 == 0)
			check_distances(i);
		/* Where they are a second apart, between two they are exact. */
		if (i > 2000)
			assert_near(convert((i - 2000) * HZ + HZ / 2),
				    (drift(i - 2000) + drift(i - 1999)) / 2, 1000);
	}
	assert_int_equal(almanac->notes[0].tsc, HZ);
	assert_int_equal(almanac->notes[almanac->n - 1].tsc, n * HZ);
	for (t = 1; t < n; t += 61)
		assert_near(convert(t * HZ), drift(t), 8000000);
	for (t = n - 7200; t < n; t += 7)
		assert_near(convert(t * HZ), drift(t), 10000);
	assert_rises(HZ, n * HZ, 97 * HZ);
}

/* When an hour's jump was is known the worse the longer it is ago; the order is what it was. */
static void
test_jump_long_ago(void **state)
{
	uint64_t n = 86400, i, by;

	for (i = 1; i <= n; i++) {
		by = i > 5000 ? 3600 * S : 0;
		vmirror_almanac_note(almanac, i * HZ, EPOCH + i * S + by);
	}
	for (i = 1; i < n; i += 11)
		assert_near(convert(i * HZ), EPOCH + i * S + (i > 5000 ? 3600 * S : 0),
			    i > 4600 && i < 5400 ? 3600 * S : 10000);
	assert_rises(HZ, n * HZ, 11 * HZ);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_empty),         test(test_one),  test(test_between),
		test(test_jumps),         test(test_days), test(test_begins_anew),
		test(test_jump_long_ago),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
