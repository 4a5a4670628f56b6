/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The clock of mode=ring, with clocks of the test's own: nothing here waits, but for the threads at
 * the end. True time runs; the TSC, CLOCK_REALTIME and CLOCK_MONOTONIC follow it as a test says.
 */

#include "lib/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "test.h"

#define HZ      2100000000.0
#define MS      INT64_C(1000000)
#define SEC     (1000 * MS)
#define HOUR    (3600 * SEC)
#define TICK_NS (50 * MS)
#define BEGIN   (1700000000 * SEC)

static struct {
	int64_t ns;        /* true time */
	double tsc;        /* what the TSC has counted, and */
	double tsc_ppm;    /* how much faster than HZ it runs */
	int64_t tsc_extra; /* it has jumped */
	double clocks;     /* nanoseconds that the system's clocks have counted, and */
	double clocks_ppm; /* how much faster than true time they run */
	int64_t set_ns;    /* CLOCK_REALTIME was set */
	int64_t costs_ns;  /* a look at a clock takes so long, and now and then */
	int64_t delays_ns; /* so much longer */
} world;

static struct vmirror_clock_reader reader;
static uint64_t last_ns; /* that it had */

static void
pass(int64_t ns)
{
	world.ns += ns;
	world.tsc += (double)ns * (1 + world.tsc_ppm / 1e6) * HZ / 1e9;
	world.clocks += (double)ns * (1 + world.clocks_ppm / 1e6);
}

static void
look_at_a_clock(void)
{
	pass(world.costs_ns + rand() % (world.costs_ns + 1));
	if (world.delays_ns != 0 && rand() % 5 == 0)
		pass(rand() % world.delays_ns);
}

static uint64_t
tsc_now(void)
{
	return (uint64_t)((int64_t)world.tsc + world.tsc_extra);
}

static int64_t
real_now(void)
{
	return BEGIN + (int64_t)world.clocks + world.set_ns;
}

static uint64_t
read_tsc(void)
{
	look_at_a_clock();
	return tsc_now();
}

static uint64_t
read_ns(clockid_t id)
{
	look_at_a_clock();
	return (uint64_t)(id == CLOCK_REALTIME ? real_now() : (int64_t)world.clocks);
}

/* Half an hour after boot; an engine's start, and a first reader's. */
static void
begin(double said_hz, double tsc_ppm)
{
	const struct vmirror_clock_source source = {read_tsc, (uint64_t)said_hz, read_ns};

	memset(&world, 0, sizeof(world));
	world.costs_ns = 10;
	world.tsc_ppm = tsc_ppm;
	pass(HOUR / 2);
	vmirror_clock_init(&source);
	pass(20 * MS);
	vmirror_clock_join(&reader);
	last_ns = 0;
}

static void
end(void)
{
	vmirror_clock_leave(&reader);
}

/* What the reader says of now, which is not before what it said last. @return less CLOCK_REALTIME */
static int64_t
error_unseen(void)
{
	uint64_t ns = vmirror_clock_convert(&reader, tsc_now());

	assert_true(ns >= last_ns);
	last_ns = ns;
	return (int64_t)ns - real_now();
}

/* The same, with what control has published. */
static int64_t
error_now(void)
{
	vmirror_clock_look(&reader);
	return error_unseen();
}

/* So many ticks, with looks between them. @return the largest error */
static int64_t
ticks(unsigned int n)
{
	int64_t largest = 0, error;
	unsigned int i;

	while (n-- > 0) {
		for (i = 0; i < 10; i++) {
			pass(TICK_NS / 10);
			error = llabs(error_now());
			largest = error > largest ? error : largest;
		}
		vmirror_clock_tick();
	}
	return largest;
}

/* Without jumps, from the first moment on, and then. */
static void
assert_errors(int64_t at_first_ns, int64_t then_ns)
{
	assert_in_range(ticks(20), 0, at_first_ns);
	assert_in_range(ticks(1200), 0, then_ns);
	assert_int_equal(vmirror_clock_jumps().n, 0);
	assert_int_equal(vmirror_clock_jumps().ahead_ns, 0);
	end();
}

static void
test_rates(void **state)
{
	static const double ppm[] = {0, 1, -1, 500, -500};
	static const double said[] = {1, 1.01, 0.99};
	unsigned int i, j;

	for (i = 0; i < N_ELEMENTS(ppm); i++)
		for (j = 0; j < N_ELEMENTS(said); j++) {
			begin(HZ * said[j], ppm[i]);
			assert_errors(1000, 500);
		}
}

/* A reader that joins as soon as the engine has started: the rate is only what the source said. */
static void
test_wrong_hz_at_once(void **state)
{
	const struct vmirror_clock_source source = {read_tsc, (uint64_t)(HZ * 1.01), read_ns};

	begin(HZ, 0);
	end();
	vmirror_clock_init(&source);
	vmirror_clock_join(&reader);
	last_ns = 0;
	assert_errors(MS, 200);
}

/* The rate changes while it is measured over seconds: a TSC that warms up, an NTP that slews. */
static void
test_rate_changes(void **state)
{
	unsigned int i;

	begin(HZ, 0);
	ticks(100);
	for (i = 0; i < 20; i++) {
		world.tsc_ppm = i % 2 == 0 ? 500 : -500;
		assert_in_range(ticks(100), 0, 120000);
	}
	world.tsc_ppm = 0;
	ticks(400);
	assert_in_range(ticks(100), 0, 200);
	/* chrony's fastest. */
	for (i = 0; i < 4; i++) {
		world.clocks_ppm = i % 2 == 0 ? 83333 : -83333;
		assert_in_range(ticks(10), 0, 20 * MS);
		assert_in_range(ticks(90), 0, 10000);
	}
	world.clocks_ppm = 0;
	ticks(400);
	assert_in_range(ticks(100), 0, 200);
	assert_int_equal(vmirror_clock_jumps().n, 0);
	end();
}

/* Whoever reads is interrupted, always a little, now and then for long. */
static void
test_jitter(void **state)
{
	begin(HZ, 37);
	world.costs_ns = 1000;
	world.delays_ns = 10 * MS;
	assert_errors(200000, 20000);
}

/* Each reading takes longer than one should: then that is what there is. */
static void
test_slow_readings(void **state)
{
	begin(HZ, 0);
	world.tsc_ppm = 300;
	world.costs_ns = 100000;
	ticks(20);
	assert_in_range(ticks(400), 0, 300000);
	assert_int_equal(vmirror_clock_jumps().n, 0);
	end();
}

static void
assert_ahead(struct vmirror_clock_reader *r, int64_t ahead_ns)
{
	int64_t error;

	vmirror_clock_look(r);
	error = (int64_t)vmirror_clock_convert(r, tsc_now()) - real_now();
	assert_in_range(llabs(error - ahead_ns), 0, 5000);
}

static const int64_t steps[] = {MS, 10 * MS, SEC, HOUR};

static void
test_forward(void **state)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(steps); i++) {
		begin(HZ, 20);
		ticks(40);
		world.set_ns = steps[i];
		vmirror_clock_tick();
		assert_in_range(ticks(100), 0, 1000);
		assert_int_equal(vmirror_clock_jumps().n, 1);
		assert_in_range(vmirror_clock_jumps().sum_ns, steps[i] - 1000, steps[i] + 1000);
		end();
	}
}

/* Who reads goes on; who joins then is where the clock is. */
static void
test_back(void **state)
{
	struct vmirror_clock_reader other;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(steps); i++) {
		begin(HZ, -20);
		ticks(40);
		world.set_ns = -steps[i];
		vmirror_clock_join(&other); /* notices */
		assert_int_equal(vmirror_clock_jumps().n, 1);
		ticks(100);
		assert_ahead(&reader, steps[i]);
		assert_ahead(&other, 0);
		vmirror_clock_leave(&other);
		end();
	}
}

/* Less than a jump is made up for. */
static void
test_small_steps(void **state)
{
	unsigned int i;

	begin(HZ, 0);
	for (i = 0; i < 4; i++) {
		world.set_ns = i % 2 * 200000;
		ticks(5);
		assert_in_range(ticks(20), 0, 1000);
	}
	assert_int_equal(vmirror_clock_jumps().n, 0);
	end();
}

static void
set(int64_t ns)
{
	world.set_ns += ns;
	ticks(10);
}

/* Each reader is as far ahead as its own times ask for, and no further. */
static void
test_back_and_forth(void **state)
{
	struct vmirror_clock_reader second, third;
	uint64_t late;

	begin(HZ, 0);
	set(-10 * SEC);
	vmirror_clock_join(&second);
	set(-4 * SEC);
	vmirror_clock_join(&third);
	assert_ahead(&reader, 14 * SEC);
	assert_ahead(&second, 4 * SEC);
	assert_ahead(&third, 0);
	late = tsc_now();
	pass(MS);
	set(6 * SEC);
	assert_ahead(&reader, 8 * SEC);
	assert_ahead(&second, 0);
	assert_ahead(&third, 0);
	/* One that is late is of a time before. */
	assert_in_range(llabs((int64_t)vmirror_clock_convert(&third, late) - real_now() + 6 * SEC),
			0, SEC);
	set(-1 * SEC);
	assert_ahead(&reader, 9 * SEC);
	assert_ahead(&second, 1 * SEC);
	assert_ahead(&third, 1 * SEC);
	set(20 * SEC);
	assert_ahead(&reader, 0);
	assert_ahead(&second, 0);
	assert_ahead(&third, 0);
	assert_int_equal(vmirror_clock_jumps().n, 5);
	vmirror_clock_leave(&second);
	vmirror_clock_leave(&third);
	end();
}

/* CLOCK_MONOTONIC stands in a suspended machine. If the TSC goes on, nothing has jumped. */
static void
test_suspended(void **state)
{
	double tsc, clocks;

	begin(HZ, 5);
	ticks(40);
	clocks = world.clocks;
	pass(HOUR);
	world.set_ns = (int64_t)(world.clocks - clocks);
	world.clocks = clocks;
	vmirror_clock_tick();
	assert_in_range(ticks(100), 0, 100000);
	assert_int_equal(vmirror_clock_jumps().n, 0);

	/* It stands, too. */
	tsc = world.tsc;
	clocks = world.clocks;
	pass(HOUR);
	world.set_ns += (int64_t)(world.clocks - clocks);
	world.clocks = clocks;
	world.tsc = tsc;
	vmirror_clock_tick();
	assert_in_range(ticks(100), 0, 1000);
	assert_int_equal(vmirror_clock_jumps().n, 1);
	end();
}

/* Another machine's TSC: forward, back a little, back to nothing. */
static void
test_tsc_jumps(void **state)
{
	struct vmirror_clock_reader second;
	unsigned int i;

	begin(HZ, 0);
	ticks(40);
	world.tsc_extra += (int64_t)(HZ / 10);
	vmirror_clock_tick();
	for (i = 0; i < 50; i++)
		assert_in_range(ticks(1), SEC / 10 - 5000, SEC / 10 + 5000);
	end();

	begin(HZ, 5);
	ticks(40);
	world.tsc_extra += (int64_t)(10 * HZ);
	vmirror_clock_tick();
	ticks(100);
	assert_int_equal(vmirror_clock_jumps().n, 1);
	assert_in_range(llabs(error_now() - 10 * SEC), 0, MS);

	vmirror_clock_join(&second);
	world.tsc_extra -= (int64_t)(5 * HZ);
	vmirror_clock_tick();
	ticks(100);
	set(2 * SEC);
	assert_in_range(llabs(error_now() - 8 * SEC), 0, 200 * MS);
	vmirror_clock_look(&second);
	assert_int_not_equal(vmirror_clock_convert(&second, tsc_now()), 0);
	world.tsc_extra = -(int64_t)world.tsc + 1000;
	vmirror_clock_tick();
	ticks(400);
	/* It has gone on from where it was. */
	assert_in_range(llabs(error_now() - 8 * SEC), 0, 200 * MS);
	vmirror_clock_look(&second);
	assert_in_range(llabs((int64_t)vmirror_clock_convert(&second, tsc_now()) - real_now()), 0,
			200 * MS);
	set(HOUR);
	assert_ahead(&second, 0);
	assert_ahead(&reader, 0);
	vmirror_clock_leave(&second);
	end();
}

/* Control is busy with something else for ten minutes, and then a clock has been set. */
static void
test_late_ticks(void **state)
{
	unsigned int i;

	begin(HZ * 1.01, 500);
	ticks(400);
	for (i = 0; i < 600; i++) {
		pass(SEC);
		assert_in_range(llabs(error_now()), 0, 20000);
	}
	world.set_ns = -HOUR;
	vmirror_clock_tick();
	assert_int_equal(vmirror_clock_jumps().n, 1);
	ticks(10);
	assert_in_range(llabs(error_now() - HOUR), 0, 1000);
	end();
}

/* What waited in a ring has the time at which it passed, over jumps and corrections. */
static void
test_old_ones(void **state)
{
	static uint64_t tsc[200];
	static int64_t ns[200];
	unsigned int i;

	begin(HZ * 1.01, -300);
	for (i = 0; i < 200; i++) {
		ticks(1);
		if (i == 100) {
			world.set_ns = 5 * SEC;
			vmirror_clock_tick();
		}
		pass(MS);
		tsc[i] = tsc_now();
		ns[i] = real_now();
	}
	vmirror_clock_look(&reader);
	for (i = 0; i < 200; i++)
		assert_in_range(llabs((int64_t)vmirror_clock_convert(&reader, tsc[i]) - ns[i]), 0,
				20000);
	end();
}

/* Nobody reads for a day, in which the machine was suspended as well. */
static void
test_restart(void **state)
{
	begin(HZ, 100);
	ticks(40);
	world.set_ns = -SEC;
	ticks(10);
	end();
	vmirror_clock_tick();
	pass(24 * HOUR);
	world.clocks -= (double)HOUR;
	vmirror_clock_join(&reader);
	last_ns = 0;
	assert_int_equal(vmirror_clock_jumps().ahead_ns, 0);
	assert_in_range(ticks(20), 0, 20000);
	assert_in_range(ticks(100), 0, 1000);
	end();
}

/* Millions of times, close to each other and to what happens. */
static void
test_monotonic(void **state)
{
	uint64_t i, n = test_rounds(3000000, 50000000);

	begin(HZ * 1.01, 500);
	world.delays_ns = 100000;
	for (i = 0; i < n; i++) {
		pass(rand() % 4 == 0 ? rand() % 300000 : rand() % 10);
		if (rand() % 4 == 0)
			error_now();
		else
			error_unseen();
		if (i % 64 == 0)
			vmirror_clock_tick();
		if (i % 1000 == 0)
			world.tsc_ppm = rand() % 1000 - 500;
		if (i % 5000 == 0)
			world.set_ns += (rand() % 2 == 0 ? 1 : -1) * (rand() % (2 * SEC));
	}
	assert_true(vmirror_clock_jumps().n > 100);
	end();
}

/* --- threads: a TSC that is true time, and clocks that are set */

static atomic_bool stop;
static _Atomic int64_t set_ns;

static uint64_t
system_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)(ts.tv_sec * SEC + ts.tv_nsec +
			  (id == CLOCK_REALTIME ? BEGIN + set_ns : 0));
}

static uint64_t
system_tsc(void)
{
	return system_ns(CLOCK_MONOTONIC) * 3;
}

/* @return how many times it converted */
static void *
read_on(void *arg)
{
	struct vmirror_clock_reader *r = arg;
	uint64_t last = 0, ns;
	uintptr_t n;

	for (n = 0; !stop; n++) {
		vmirror_clock_look(r);
		ns = vmirror_clock_convert(r, system_tsc());
		if (ns < last)
			return NULL;
		last = ns;
	}
	return (void *)n;
}

static void
test_threads(void **state)
{
	const struct vmirror_clock_source source = {system_tsc, 3 * SEC, system_ns};
	static struct vmirror_clock_reader readers[2];
	pthread_t threads[2];
	unsigned int i;
	uint64_t begin_ns;
	void *n;

	/* One that has not joined. */
	vmirror_clock_look(&readers[0]);
	assert_int_equal(vmirror_clock_convert(&readers[0], 12345), 0);
	vmirror_clock_init(&source);
	for (i = 0; i < 2; i++)
		vmirror_clock_join(&readers[i]);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_on, &readers[i]);
	begin_ns = system_ns(CLOCK_MONOTONIC);
	for (i = 1; system_ns(CLOCK_MONOTONIC) - begin_ns < (uint64_t)SEC; i++) {
		if (i % 100 == 0)
			set_ns += (i % 200 == 0 ? 1 : -1) * (rand() % SEC);
		vmirror_clock_tick();
	}
	stop = true;
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], &n);
		assert_non_null(n);
		print_message("reader %u: %lu conversions beside %lu jumps\n", i, (uintptr_t)n,
			      vmirror_clock_jumps().n);
		vmirror_clock_leave(&readers[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {

		cmocka_unit_test(test_rates),          cmocka_unit_test(test_wrong_hz_at_once),
		cmocka_unit_test(test_rate_changes),   cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_slow_readings),  cmocka_unit_test(test_forward),
		cmocka_unit_test(test_back),           cmocka_unit_test(test_small_steps),
		cmocka_unit_test(test_back_and_forth), cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_tsc_jumps),      cmocka_unit_test(test_late_ticks),
		cmocka_unit_test(test_old_ones),       cmocka_unit_test(test_restart),
		cmocka_unit_test(test_monotonic),      cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
