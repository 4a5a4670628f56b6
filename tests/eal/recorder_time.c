/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Times of packets that are older than what the clock remembers. The linker puts a function in front of
 * clock_gettime(), by which the clock drifts: so it remembers a few seconds, and not a minute.
 */

#include "tests/eal/snapshots.h"

#include <stdatomic.h>
#include <time.h>

#include <rte_cycles.h>

#include "lib/clock.h"
#include "lib/shared.h"

#define SEC_NS   INT64_C(1000000000)
#define N        400U
#define JUMP_AT  (N / 4)
#define NAP_US   15000
#define DRIFT_NS 6000 /* in each of those */
#define KEPT_MS  250
#define BOUND_NS 200000
#define JUMP_NS  (100 * SEC_NS)

static uint16_t port;
static _Atomic int64_t shift_ns; /* of CLOCK_REALTIME, and of CLOCK_MONOTONIC but for jumps */
static _Atomic int64_t jumped_ns;
static struct snapshots_file file;
static uint64_t before_ns[N], after_ns[N];

int
__real_clock_gettime(clockid_t id, struct timespec *ts);
int
__wrap_clock_gettime(clockid_t id, struct timespec *ts);

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = __real_clock_gettime(id, ts);
	int64_t ns = ts->tv_sec * SEC_NS + ts->tv_nsec + shift_ns;

	ns += id == CLOCK_REALTIME ? jumped_ns : 0;
	*ts = (struct timespec){.tv_sec = ns / SEC_NS, .tv_nsec = ns % SEC_NS};
	return ret;
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)(ts.tv_sec * SEC_NS + ts.tv_nsec);
}

/* @return for how long nobody drifted */
static uint64_t
pass(uint32_t serial)
{
	struct rte_mbuf *pkt = host_packet(100, serial);
	uint64_t begin = rte_rdtsc();

	before_ns[serial] = now_ns();
	host_tx(port, 0, &pkt, 1);
	after_ns[serial] = now_ns();
	assert_int_equal(host_rx_drop(port, 0), 1);
	rte_delay_us_sleep(NAP_US);
	shift_ns += DRIFT_NS;
	return rte_rdtsc() - begin;
}

/* Whether what passed at a TSC is older than what the clock remembers. */
static bool
is_forgotten(uint64_t tsc)
{
	struct vmirror_clock_reader reader;
	uint64_t since;

	pthread_mutex_lock(&vmirror_shared.control);
	vmirror_clock_join(&reader);
	since = vmirror_clock_since(&reader);
	vmirror_clock_leave(&reader);
	pthread_mutex_unlock(&vmirror_shared.control);
	return tsc < since;
}

/* A clock that stands still for long, as who makes it drift is kept from a core, is another test's. */
static bool
pass_all(bool jumps)
{
	uint64_t longest = 0;
	uint32_t i;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=1M,sink=[file,path=s.pcapng]", port);
	for (i = 0; i < N; i++) {
		if (jumps && i == JUMP_AT)
			jumped_ns += JUMP_NS;
		longest = RTE_MAX(longest, pass(i));
	}
	return longest < rte_get_tsc_hz() / 1000 * KEPT_MS;
}

static void
check(bool jumps)
{
	uint64_t begin = rte_rdtsc();
	unsigned int tries;
	uint32_t i;

	for (tries = 1; !pass_all(jumps); tries++) {
		assert_true(tries < 10);
		snapshots_remove("m");
		begin = rte_rdtsc();
	}
	assert_true(is_forgotten(begin));
	snapshots_make("m", NULL);
	snapshots_read_number("s", 1, &file);
	assert_int_equal(file.n, N);
	for (i = 0; i < N; i++) {
		assert_int_equal(file.pkts[i].serial, i);
		/* Where the clock jumped between two notes, neither when nor how it drifted is known. */
		if (jumps && i > JUMP_AT - 70 && i < JUMP_AT + 70)
			continue;
		if (file.pkts[i].ns + BOUND_NS < before_ns[i] ||
		    file.pkts[i].ns > after_ns[i] + BOUND_NS)
			fail_msg("packet %u: %lld ns off", i,
				 (long long)(file.pkts[i].ns - before_ns[i]));
	}
	snapshots_remove("m");
}

static void
test_drift(void **state)
{
	check(false);
}

/* Forward: it is followed, and what is from before has the time of then. */
static void
test_jump(void **state)
{
	if (host_rounds(0, 1) == 0)
		skip();
	check(true);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_drift),
		test(test_jump),
	};
	int failed;

	host_init();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snapshots_forget(&file);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
