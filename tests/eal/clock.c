/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Times of packets in mode=ring against CLOCK_REALTIME: in itself, over seconds (minutes in a soak
 * run), and of packets that a mirror delivered. The linker puts a function in front of
 * clock_gettime(), so that the clock jumps when a test wants it.
 */

#include "tests/eal/host.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "lib/clock.h"
#include "lib/shared.h"

#define SEC_NS   INT64_C(1000000000)
#define MIRROR   "port=%u,dir=tx,sink=[net_pcap,tx_pcap=/dev/null]"
#define BOUND_NS 50000

/* How much later a pair is converted once more, in pairs. */
#define BEHIND 256

static uint16_t port;
static _Atomic int64_t shift_ns; /* of CLOCK_REALTIME */

int
__real_clock_gettime(clockid_t id, struct timespec *ts);
int
__wrap_clock_gettime(clockid_t id, struct timespec *ts);

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = __real_clock_gettime(id, ts);
	int64_t ns = ts->tv_sec * SEC_NS + ts->tv_nsec + (id == CLOCK_REALTIME ? shift_ns : 0);

	*ts = (struct timespec){.tv_sec = ns / SEC_NS, .tv_nsec = ns % SEC_NS};
	return ret;
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * SEC_NS + ts.tv_nsec;
}

/* The TSC and what time it was, by the tightest of some readings. */
struct pair {
	uint64_t tsc;
	int64_t ns;
	uint64_t width;
};

static struct pair
read_pair(void)
{
	struct pair best = {.width = UINT64_MAX};
	unsigned int i;

	for (i = 0; i < 5; i++) {
		uint64_t begin = rte_rdtsc();
		int64_t ns = now_ns();
		uint64_t end = rte_rdtsc();

		if (end - begin < best.width)
			best = (struct pair){begin + (end - begin) / 2, ns, end - begin};
	}
	return best;
}

struct measured {
	struct vmirror_clock_reader reader;
	uint64_t last_ns;
	int64_t largest_ns;
	double sum_ns;
	unsigned int n;
};

static void
measure(struct measured *m, const struct pair *pair)
{
	uint64_t ns;
	int64_t error;

	vmirror_clock_look(&m->reader);
	ns = vmirror_clock_convert(&m->reader, pair->tsc);
	error = llabs((int64_t)ns - pair->ns);
	assert_true(ns >= m->last_ns);
	m->last_ns = ns;
	/* One that took long does not say what time it was. */
	if (pair->width > rte_get_tsc_hz() / 100000)
		return;
	m->largest_ns = error > m->largest_ns ? error : m->largest_ns;
	m->sum_ns += (double)error;
	m->n++;
}

static void
print(const char *what, const struct measured *m)
{
	print_message("%s: %u pairs, mean error %.0f ns, largest %" PRId64 " ns\n", what, m->n,
		      m->sum_ns / m->n, m->largest_ns);
	assert_in_range(m->largest_ns, 0, BOUND_NS);
}

static void
test_error(void **state)
{
	static struct measured at_once, behind;
	static struct pair pairs[BEHIND];
	uint64_t end;
	unsigned int i;

	host_mirror("name=m," MIRROR, port);
	pthread_mutex_lock(&vmirror_shared.control);
	vmirror_clock_join(&at_once.reader);
	vmirror_clock_join(&behind.reader);
	pthread_mutex_unlock(&vmirror_shared.control);
	end = rte_rdtsc() + rte_get_tsc_hz() * host_rounds(3, 180);
	for (i = 0; rte_rdtsc() < end; i++) {
		if (i >= BEHIND)
			measure(&behind, &pairs[i % BEHIND]);
		pairs[i % BEHIND] = read_pair();
		measure(&at_once, &pairs[i % BEHIND]);
		rte_delay_us_sleep(3000);
	}
	print("at once", &at_once);
	print("a second later", &behind);
	assert_int_equal(host_stats("m").clock_steps, 0);
	pthread_mutex_lock(&vmirror_shared.control);
	vmirror_clock_leave(&at_once.reader);
	vmirror_clock_leave(&behind.reader);
	pthread_mutex_unlock(&vmirror_shared.control);
	host_remove("m");
}

/* Times are of when packets passed the hook, and not of when the sink got them. */
static void
test_packets(void **state)
{
	struct vmirror_stats stats;
	int64_t before, after, first;

	host_mirror("name=m," MIRROR, port);
	assert_int_equal(host_stats("m").first_packet_ns, 0);
	assert_int_equal(host_stats("m").last_packet_ns, 0);
	before = first = now_ns();
	host_loop(port, 0, 8, 100);
	after = now_ns();
	stats = host_stats("m");
	assert_in_range(stats.last_packet_ns, before - BOUND_NS, after + BOUND_NS);
	assert_int_equal(stats.first_packet_ns, stats.last_packet_ns);

	rte_delay_us_sleep(100000);
	before = now_ns();
	host_loop(port, 0, 8, 100);
	after = now_ns();
	stats = host_stats("m");
	assert_in_range(stats.last_packet_ns, before - BOUND_NS, after + BOUND_NS);
	assert_in_range(stats.first_packet_ns, first - BOUND_NS, before);
	print_message("a packet's time is %" PRId64 " ns behind the call that sent it\n",
		      (int64_t)stats.last_packet_ns - before);
	host_remove("m");
}

/* What the sink did not take has no time. */
static void
test_rejected(void **state)
{
	struct vmirror_stats stats;

	host_mirror("name=m,port=%u,dir=tx,sink=[net_ring]", port);
	host_loop(port, 0, 8, 100);
	stats = host_stats_now("m");
	host_wait((stats = host_stats_now("m")).last_packet_ns != 0);
	rte_delay_us_sleep(20000);
	for (unsigned int i = 0; i < 100; i++)
		host_loop(port, 0, 32, 100);
	host_wait(host_stats_now("m").total.sink_rejected > 0);
	rte_delay_us_sleep(100000);
	stats = host_stats_now("m");
	host_loop(port, 0, 8, 100);
	host_wait(host_stats_now("m").total.sink_rejected > stats.total.sink_rejected);
	assert_int_equal(host_stats_now("m").last_packet_ns, stats.last_packet_ns);
	host_reset();
}

static uint64_t
time_of_a_packet(const char *name)
{
	host_loop(port, 0, 1, 100);
	return host_stats(name).last_packet_ns;
}

/* A packet that passes now has the time of now, or so much later. */
static void
assert_time(const char *name, int64_t later_ns)
{
	int64_t before = (int64_t)now_ns(), ns = (int64_t)time_of_a_packet(name);

	assert_in_range(ns, before + later_ns - SEC_NS / 10,
			(int64_t)now_ns() + later_ns + SEC_NS / 10);
}

static bool
has_steps(const char *name, uint64_t n)
{
	return host_stats(name).clock_steps == n;
}

/* Back: the mirror's times go on; those of one that is added then are the clock's. */
static void
test_back(void **state)
{
	uint64_t before;

	host_mirror("name=a," MIRROR, port);
	before = time_of_a_packet("a");
	shift_ns = -3 * SEC_NS;
	host_wait(has_steps("a", 1));
	assert_true(host_noticed("mirror 'a': the system's clock jumped back by 3.000 s; its "
				 "packets' times go on from before, 3.000 s ahead of it"));
	assert_true(time_of_a_packet("a") > before);
	assert_time("a", 3 * SEC_NS);

	host_mirror("name=b," MIRROR, port);
	assert_time("b", 0);
	assert_true(has_steps("b", 0));

	/* And forward again: one is where the clock is already, the other follows. */
	before = time_of_a_packet("a");
	shift_ns = 0;
	host_wait(has_steps("a", 2));
	host_wait(has_steps("b", 1));
	assert_true(host_noticed("mirror 'b': the system's clock jumped forward by 3.000 s; its "
				 "packets' times follow"));
	assert_true(time_of_a_packet("a") > before);
	assert_time("a", 0);
	assert_time("b", 0);
	/* Within ten seconds none is told more than one. */
	assert_int_equal(host_notices("mirror 'a': the system's clock"), 1);
	host_remove("a");
	host_remove("b");
}

static void
test_forward(void **state)
{
	host_mirror("name=m," MIRROR, port);
	assert_time("m", 0);
	shift_ns = 3600 * SEC_NS;
	host_wait(has_steps("m", 1));
	assert_true(host_noticed("the system's clock jumped forward by 3600.000 s; its packets' "
				 "times follow"));
	assert_time("m", 0);
	host_remove("m");
	shift_ns = 0;

	/* Nobody looked on: the next one begins where the clock is. */
	host_mirror("name=m," MIRROR, port);
	assert_time("m", 0);
	assert_true(has_steps("m", 0));
	host_remove("m");
}

/* In mode=inline packets have no times, and nothing is told of the clock. */
static void
test_inline(void **state)
{
	struct vmirror_stats stats;

	assert_int_equal(vmirror_mirror_add("name=i,mode=inline,port=net_ring0,dir=tx,"
					    "sink=[net_pcap,tx_pcap=/dev/null]",
					    NULL, NULL),
			 0);
	shift_ns = 10 * SEC_NS;
	host_loop(port, 0, 8, 100);
	rte_delay_us_sleep(200000);
	stats = host_stats("i");
	assert_int_equal(stats.total.delivered, 8);
	assert_int_equal(stats.first_packet_ns, 0);
	assert_int_equal(stats.last_packet_ns, 0);
	assert_int_equal(stats.clock_steps, 0);
	assert_false(host_noticed("mirror 'i': the system's clock"));
	host_remove("i");
	shift_ns = 0;
}

/* Another engine, another clock. */
static void
test_again(void **state)
{
	host_mirror("name=m," MIRROR, port);
	shift_ns = -60 * SEC_NS;
	host_wait(has_steps("m", 1));
	vmirror_engine_fini();
	host_engine_init();
	host_mirror("name=m," MIRROR, port);
	assert_time("m", 0);
	assert_true(has_steps("m", 0));
	host_remove("m");
	shift_ns = 0;
}

static int
setup(void **state)
{
	setenv("VMIRROR_TEST_MODE", "ring", 1);
	host_init();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("net_ring0", "[net_pcap,tx_pcap=/dev/null]");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error),    cmocka_unit_test(test_packets),
		cmocka_unit_test(test_rejected), cmocka_unit_test(test_back),
		cmocka_unit_test(test_forward),  cmocka_unit_test(test_inline),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, setup, host_end);
}
