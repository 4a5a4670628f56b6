/* SPDX-License-Identifier: BSD-3-Clause */

/* Sampling and rate limits, with a clock of the test's own: nothing here waits. */

#include "lib/limit.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

#define TICK_NS  UINT64_C(50000000)
#define TICKS    200 /* ten seconds */
#define MAX_HOOK 16

static struct vmirror_limit limit;
static struct vmirror_limit_hook hooks[MAX_HOOK];
static uint64_t offered[MAX_HOOK]; /* packets in each tick */
static uint64_t now_ns;

static void
begin(unsigned int n, uint32_t sample, uint64_t pps, uint64_t bps)
{
	vmirror_limit_init(&limit, sample, pps, bps);
	for (unsigned int i = 0; i < n; i++)
		vmirror_limit_add(&limit, &hooks[i]);
	memset(offered, 0, sizeof(offered));
	now_ns = 1;
	vmirror_limit_grant(&limit, now_ns);
}

/* A tick's packets on every hook, in turns. @return how many were taken */
static uint64_t
tick(uint32_t bytes)
{
	uint64_t taken = 0;
	bool more = true;

	for (uint64_t k = 0; more; k++) {
		more = false;
		for (unsigned int i = 0; i < MAX_HOOK; i++) {
			if (k >= offered[i])
				continue;
			taken += vmirror_limit_takes(&hooks[i], bytes);
			more = true;
		}
	}
	now_ns += TICK_NS;
	vmirror_limit_grant(&limit, now_ns);
	return taken;
}

static uint64_t
ticks(unsigned int n, uint32_t bytes)
{
	uint64_t taken = 0;

	while (n-- > 0)
		taken += tick(bytes);
	return taken;
}

static uint64_t
pkts_of(unsigned int i)
{
	return hooks[i].meters[VMIRROR_LIMIT_PKTS].taken;
}

/* Within so many per cent, and what a bucket holds. */
static void
assert_about(uint64_t value, uint64_t expected)
{
	assert_in_range(value, expected - expected / 20 - 1, expected + expected / 20 + 1);
}

static void
test_sample(void **state)
{
	static const uint32_t one_in[] = {2, 3, 10, 1000};

	for (unsigned int i = 0; i < 4; i++) {
		begin(1, one_in[i], 0, 0);
		offered[0] = 10000 * one_in[i];
		assert_about(tick(64), 10000);
	}
}

/* Every tenth packet is of a kind: sampling in step with it would see all of them, or none. */
static void
test_sample_of_a_period(void **state)
{
	uint64_t of_a_kind = 0;

	begin(1, 10, 0, 0);
	for (unsigned int i = 0; i < 1000000; i++)
		if (vmirror_limit_takes(&hooks[0], 64))
			of_a_kind += i % 10 == 0;
	assert_about(of_a_kind, 10000);
}

static void
test_no_limit(void **state)
{
	begin(1, 0, 0, 0);
	assert_false(vmirror_limit_any(&limit));
	offered[0] = 100000;
	assert_int_equal(tick(1500), 100000);
}

static void
test_packets(void **state)
{
	begin(2, 0, 10000, 0);
	offered[0] = offered[1] = 100000;
	assert_about(ticks(TICKS, 64), 100000);
	assert_about(pkts_of(0), pkts_of(1));
}

static void
test_bits(void **state)
{
	begin(3, 0, 0, 12000000);
	offered[0] = offered[1] = offered[2] = 1000;
	assert_about(ticks(TICKS, 1500), 10000);
}

static void
test_both(void **state)
{
	begin(1, 0, 100, 8 * 1000 * 50);
	offered[0] = 100;
	assert_about(ticks(TICKS, 1000), 500);
	begin(1, 0, 50, 8 * 1000 * 100);
	offered[0] = 100;
	assert_about(ticks(TICKS, 1000), 500);
}

/* What is below the limit passes whole, however it is spread over the queues. */
static void
test_below(void **state)
{
	begin(MAX_HOOK, 0, 10000, 0);
	offered[3] = 400;
	tick(64); /* what every queue wants is found out */
	tick(64);
	assert_int_equal(ticks(TICKS, 64), 400 * TICKS);
	offered[3] = 100;
	offered[7] = 300;
	tick(64);
	tick(64);
	assert_int_equal(ticks(TICKS, 64), 400 * TICKS);
}

/* Bursts with pauses between them pass whole, once it is known where they come. */
static void
test_bursts(void **state)
{
	begin(8, 0, 1000, 0);
	for (unsigned int i = 0; i < 50; i++) {
		offered[2] = 50;
		if (i < 2)
			tick(64);
		else
			assert_int_equal(tick(64), 50);
		offered[2] = 0;
		ticks(3, 64);
	}
}

/* Rates that no tick's part of divides. */
static void
test_fractions(void **state)
{
	static const uint64_t rates[] = {3, 7, 8, 9, 13, 27, 91};

	for (unsigned int i = 0; i < 7; i++) {
		begin(1, 0, rates[i], 0);
		offered[0] = 20;
		assert_about(ticks(TICKS, 64), 10 * rates[i]);
	}
}

/* A little wanted is granted whole beside a lot. */
static void
test_fair(void **state)
{
	begin(3, 0, 10000, 0);
	offered[0] = 100000;
	offered[1] = 50;
	offered[2] = 100000;
	ticks(2, 64);
	assert_int_equal(pkts_of(1) <= 100, true);
	ticks(TICKS, 64);
	assert_about(pkts_of(1), 50 * TICKS);
	assert_about(pkts_of(0), 225 * TICKS);
	assert_about(pkts_of(2), 225 * TICKS);
}

/* Less than a packet a tick; a lone packet on a queue that was idle passes. */
static void
test_slow(void **state)
{
	begin(MAX_HOOK, 0, 10, 0);
	for (unsigned int i = 0; i < MAX_HOOK; i++)
		offered[i] = 10;
	assert_in_range(ticks(TICKS, 64), 100, 100 + 2 * MAX_HOOK);

	memset(offered, 0, sizeof(offered));
	ticks(TICKS, 64);
	offered[5] = 1;
	assert_int_equal(tick(64), 1);
	offered[5] = 0;
	offered[11] = 1;
	ticks(2, 64);
	assert_int_equal(pkts_of(11) > 0, true);
}

/* A packet larger than the bucket passes, and is paid for. */
static void
test_large(void **state)
{
	begin(1, 0, 0, 8000);
	offered[0] = 1;
	assert_in_range(ticks(TICKS, 9000), 1, 2);
}

/* Control that comes late makes good for the time, and not for more than a bucket holds. */
static void
test_late(void **state)
{
	begin(1, 0, 1000, 0);
	offered[0] = 1000;
	ticks(TICKS, 64);
	now_ns += 10 * UINT64_C(1000000000);
	vmirror_limit_grant(&limit, now_ns);
	assert_in_range(tick(64), 50, 101);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),    cmocka_unit_test(test_sample_of_a_period),
		cmocka_unit_test(test_no_limit),  cmocka_unit_test(test_packets),
		cmocka_unit_test(test_bits),      cmocka_unit_test(test_both),
		cmocka_unit_test(test_below),     cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_fractions), cmocka_unit_test(test_fair),
		cmocka_unit_test(test_slow),      cmocka_unit_test(test_large),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
