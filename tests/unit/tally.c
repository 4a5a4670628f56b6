/* SPDX-License-Identifier: BSD-3-Clause */

/* Counters: what a reader sees beside a writer conserves and never goes below zero. */

#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/tally.h"

static struct vmirror_tally tally;
static atomic_bool stop;

static void *
writer(void *arg)
{
	const struct vmirror_tally burst = {
		.seen = 10,
		.filtered = 2,
		.sampled_out = 1,
		.no_room = 1,
		.captured = 6,
		.bytes = 600,
		.tso = 1,
		.overwritten = 1,
		.accepted = 3,
		.rejected = 2,
	};

	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		vmirror_tally_add(&tally, &burst);
	return NULL;
}

static void
test_read_beside_a_writer(void **state)
{
	struct vmirror_counters c, before = {0};
	struct vmirror_tally t;
	pthread_t thread;
	unsigned int i;

	pthread_create(&thread, NULL, writer, NULL);
	for (i = 0; i < 200000; i++) {
		vmirror_tally_read(&tally, &t);
		vmirror_tally_counters(&t, 0, 0, &c);
		assert_true(c.seen >= c.filtered + c.sampled_out + c.captured + c.no_room);
		assert_true(c.captured >= c.delivered + c.sink_rejected + c.overwritten);
		assert_int_equal(c.captured,
				 c.delivered + c.sink_rejected + c.overwritten + c.in_flight);
		assert_true(c.tso_pending <= c.captured);
		assert_true(c.seen >= before.seen && c.delivered >= before.delivered);
		before = c;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);

	vmirror_tally_read(&tally, &t);
	vmirror_tally_counters(&t, 5, 7, &c);
	assert_int_equal(c.seen, c.filtered + c.sampled_out + c.captured + c.no_room);
	assert_int_equal(c.captured,
			 c.delivered + c.sink_rejected + c.overwritten + c.unknown + c.in_flight);
	assert_int_equal(c.unknown, 5);
	assert_int_equal(c.in_flight, 7);
}

static void
test_sum(void **state)
{
	struct vmirror_counters sum = {.seen = 1, .captured_bytes = 10};
	const struct vmirror_counters c = {.seen = 2, .unknown = 3, .captured_bytes = 30};

	vmirror_counters_sum(&sum, &c);
	assert_int_equal(sum.seen, 3);
	assert_int_equal(sum.unknown, 3);
	assert_int_equal(sum.captured_bytes, 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_beside_a_writer),
		cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
