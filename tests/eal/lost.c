/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sinks that go before their mirror: lost and replaced, ended, removed by the host, with packets
 * that nobody fetched. Whatever the order, counters conserve, nothing counts as delivered that was
 * not sent, and nothing is looked at that is gone. The linker puts functions in front of others, so
 * that a ring is lost, and time passes, when a test wants it.
 */

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ring.h>

#include "lib/sink.h"
#include "tests/eal/host.h"
#include "tests/eal/traffic.h"

#define RING      "name=m,port=net_ring0,dir=tx,"
#define RING_OF_M "ETH_RXTX0_net_ring_m"
#define LEN       200
#define SEC_NS    UINT64_C(1000000000)

static atomic_bool lost;                 /* looking at a mirror's ring says that it is lost */
static atomic_bool no_sink;              /* plugging a mirror's sink fails */
static atomic_bool impatient;            /* a lock with a deadline is not waited for */
static _Atomic uint64_t passed_ns;       /* so much later it is where sinks are replaced */
static _Atomic(void (*)(void)) in_sleep; /* called once, by who sleeps next */

#define WRAP(type, name, params)                                                                   \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params

WRAP(enum vmirror_sink_health, vmirror_other_health,
     (struct vmirror_sink * sink, const struct vmirror_sink_progress *progress, char *reason))
{
	if (!lost)
		return __real_vmirror_other_health(sink, progress, reason);
	strcpy(reason, "its ring is lost");
	return VMIRROR_SINK_LOST;
}

WRAP(int, rte_eal_hotplug_add, (const char *bus, const char *dev, const char *args))
{
	return no_sink ? -EIO : __real_rte_eal_hotplug_add(bus, dev, args);
}

WRAP(void, rte_delay_us_sleep, (unsigned int us))
{
	void (*now)(void) = atomic_exchange(&in_sleep, NULL);

	if (now != NULL)
		now();
	__real_rte_delay_us_sleep(us);
}

WRAP(int, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const struct timespec *deadline))
{
	return impatient ? ETIMEDOUT : __real_pthread_mutex_timedlock(mutex, deadline);
}

WRAP(uint64_t, vmirror_now_ns, (void))
{
	return __real_vmirror_now_ns() + passed_ns;
}

static struct host_footprint before;

static void
start(void)
{
	host_init();
	host_plug("net_ring0", "", 2);
	host_engine_init();
	host_warm_up("net_ring0", "[net_pcap,tx_pcap=/dev/null]");
	before = host_footprint();
}

/* Nothing of a mirror stays. */
static void
end(void)
{
	host_reset();
	vmirror_engine_tend();
	host_assert_footprint(&before);
	vmirror_engine_fini();
	host_fini();
}

static void
pass(unsigned int n)
{
	host_loop(0, 0, n, LEN);
}

/* A mirror into a ring of its own, with so many packets that nobody fetches. */
static void
start_holding(unsigned int n)
{
	start();
	host_mirror(RING "sink=[net_ring]");
	pass(n);
}

/* @return how many packets of a ring that is there were taken, and given back */
static unsigned int
take(const char *name, unsigned int most)
{
	struct rte_ring *ring = rte_ring_lookup(name);
	unsigned int n;
	void *pkt;

	for (n = 0; ring != NULL && n < most && rte_ring_dequeue(ring, &pkt) == 0; n++)
		rte_pktmbuf_free(pkt);
	return n;
}

static bool
says(const char *words)
{
	return strstr(host_stats("m").reason, words) != NULL;
}

/* The sink goes, and is noticed to have gone. */
static void
lose(void)
{
	lost = true;
	host_wait(says("is lost"));
}

/* What is lost is ended, and replaced if that can be: however long the last try took. */
static void
tend_later(void)
{
	passed_ns += 1000 * SEC_NS;
	vmirror_engine_tend();
}

/* So many are nowhere, and none were delivered. */
static void
assert_unknown(uint64_t unknown)
{
	struct vmirror_counters total = host_stats("m").total;

	assert_int_equal(total.delivered, 0);
	assert_int_equal(total.unknown, unknown);
	host_assert_conserved("m");
}

/* What a sink held that is no more stays unknown, though the mirror is attached again. */
static void
live_lost_for_good(unsigned int detached)
{
	start_holding(20);
	lose();
	no_sink = true;
	vmirror_engine_tend();
	assert_unknown(20);
	if (detached)
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	assert_unknown(20);
	lost = false;
	no_sink = false;
	tend_later();
	assert_true(host_noticed("is back"));
	assert_unknown(20);
	pass(5);
	assert_int_equal(take(RING_OF_M, 5), 5);
	assert_int_equal(host_stats("m").total.delivered, 5);
	assert_int_equal(host_stats("m").total.unknown, 20);
	end();
}

/* Detached, what is held is unknown; attached, it is on its way, and arrives. */
static void
live_held_while_detached(unsigned int arg)
{
	start_holding(20);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_unknown(20);
	/* And again, or it would be counted twice. */
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_unknown(20);
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	assert_int_equal(host_stats("m").total.in_flight, 20);
	assert_int_equal(take(RING_OF_M, 15), 15);
	assert_int_equal(host_stats("m").total.delivered, 15);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(host_stats("m").total.delivered, 15);
	assert_int_equal(host_stats("m").total.unknown, 5);
	host_assert_conserved("m");
	end();
}

/* What is fed to a lost sink is captured and refused, with its bytes, up to the mirror's count. */
static void
live_counted_while_lost(unsigned int limited)
{
	uint64_t all = limited ? 10 : 25;
	struct vmirror_stats stats;

	start();
	host_mirror(RING "%ssink=[net_ring]", limited ? "count=10," : "");
	pass(5);
	lose();
	pass(20);
	if (limited)
		host_wait(says("reached its count of 10"));
	stats = host_stats("m");
	assert_int_equal(stats.state, limited ? VMIRROR_ENDED : VMIRROR_ATTACHED);
	assert_int_equal(stats.total.captured, all);
	assert_int_equal(stats.total.captured_bytes, all * LEN);
	assert_int_equal(stats.total.sink_rejected, all - 5);
	assert_int_equal(stats.total.unknown + stats.total.in_flight, 5);
	end();
}

/* A mempool that waits for a reader goes with EAL: no call afterwards may look at it. */
static void
live_pool_waits(unsigned int arg)
{
	void *pkt;

	start_holding(5);
	assert_int_equal(rte_ring_dequeue(rte_ring_lookup(RING_OF_M), &pkt), 0);
	vmirror_engine_fini();
	rte_eal_cleanup();
	vmirror_engine_fini();
	assert_int_equal(vmirror_mirror_remove("m", NULL), -ENOENT);
	vmirror_engine_tend();
	host_remove_dir();
}

/* EAL ends with packets held, by a sink that is well, lost or ended: they are unknown for good. */
static void
live_held_at_cleanup(unsigned int how)
{
	start_holding(20);
	if (how > 0)
		lose();
	no_sink = true;
	if (how > 1)
		vmirror_engine_tend();
	rte_eal_cleanup();
	assert_unknown(20);
	assert_int_equal(host_stats("m").state, VMIRROR_ENDED);
	vmirror_engine_tend();
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_unknown(20);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	vmirror_engine_fini();
	host_remove_dir();
}

/* The control thread is in it when EAL's cleanup has waited long enough, and until it is over. */
static atomic_bool busy, cleaned;

static void
keep_busy(void *arg, enum vmirror_level level, const char *text)
{
	busy = true;
	while (!cleaned)
		sched_yield();
}

/* A cleanup that could not wait for the library leaves it vdevs that are gone. */
static void
live_cleanup_cannot_wait(unsigned int arg)
{
	struct vmirror_engine_opts opts = {.size = sizeof(opts), .notify = keep_busy};

	host_init();
	host_plug("net_ring0", "", 1);
	assert_int_equal(vmirror_engine_init(&opts, NULL), 0);
	host_mirror(RING "sink=[net_ring]");
	host_mirror("name=f,port=net_ring0,dir=tx,sink=[net_pcap,tx_pcap=f.pcap]");
	host_mirror("name=e,port=net_ring0,dir=tx,count=1,sink=[net_pcap,tx_pcap=e.pcap]");
	pass(3);
	while (!busy)
		sched_yield();
	impatient = true;
	rte_eal_cleanup();
	cleaned = true;
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	host_assert_conserved("f");
	vmirror_engine_fini();
	host_remove_dir();
}

static void
unplug(void)
{
	assert_int_equal(rte_eal_hotplug_remove("vdev", "net_ring_m"), 0);
}

/*
 * The host removes a sink with its packets: when it likes, or while the library waits for who reads
 * them, of a ring that was lost or at the mirror's end. No other takes its place.
 */
static void
live_removed(unsigned int when)
{
	start();
	host_mirror(RING "%ssink=[net_ring]", when == 2 ? "count=20," : "");
	if (when == 2)
		in_sleep = unplug;
	pass(20);
	if (when == 0)
		unplug();
	if (when == 1) {
		lose();
		lost = false;
		in_sleep = unplug;
		vmirror_engine_tend();
	}
	while (host_stats("m").state == VMIRROR_ATTACHED)
		sched_yield();
	assert_int_equal(host_stats("m").state, when == 2 ? VMIRROR_ENDED : VMIRROR_FAILED);
	assert_unknown(20);
	/* The mempool stays, as what was in the ring is nobody's. */
	host_remove("m");
	assert_int_equal(host_footprint().ports, before.ports);
	vmirror_engine_fini();
	host_fini();
}

/* It has no bytes to copy, and is a packet. */
static void
live_empty_packet(unsigned int arg)
{
	struct rte_mbuf *pkt;

	start_holding(0);
	host_mirror("name=f,port=net_ring0,dir=tx,sink=[net_pcap,tx_pcap=/dev/null]");
	pkt = rte_pktmbuf_alloc(host_pool());
	assert_non_null(pkt);
	host_tx(0, 0, &pkt, 1);
	assert_int_equal(host_rx_drop(0, 0), 1);
	assert_int_equal(take(RING_OF_M, 2), 1);
	assert_int_equal(host_stats("m").total.delivered, 1);
	assert_int_equal(host_stats("f").total.delivered, 1);
	end();
}

static void
shell(const char *command)
{
	if (system(command) != 0)
		host_cannot(command);
}

static const char add_v0[] = "ip link add v0 up type veth peer name v1 && ip link set v1 up";

static void
start_apart(void)
{
	if (unshare(CLONE_NEWNET) != 0)
		host_cannot("a network namespace");
	shell(add_v0);
	start();
	host_mirror(RING "sink=[net_af_packet,iface=v0]");
}

/* The interface of a sink that was lost comes back when another mirror has a source on it. */
static void
live_source_on_interface(unsigned int arg)
{
	start_apart();
	shell("ip link del v0");
	host_wait(says("is gone"));
	no_sink = true;
	vmirror_engine_tend();
	shell(add_v0);
	no_sink = false;
	assert_int_equal(rte_eal_hotplug_add("vdev", "net_af_packet7", "iface=v0"), 0);
	host_mirror("name=n,port=net_af_packet7,sink=[net_pcap,tx_pcap=n.pcap]");
	tend_later();
	assert_true(says("is gone"));
	host_remove("n");
	tend_later();
	assert_false(says("is gone"));
	vmirror_engine_fini();
	host_fini();
}

/* An interface that is down refuses all: that some were too long is no news. */
static void
live_not_too_long(unsigned int arg)
{
	unsigned int round;

	start_apart();
	for (round = 0; round < 5; round++) {
		shell("ip link set v0 down");
		host_wait(says("is down"));
		pass(10);
		/* Whatever is found next may be told. */
		passed_ns += 20 * SEC_NS;
		rte_delay_us_sleep(60000);
		pass(10);
		shell("ip link set v0 up");
		host_wait(!says("is down"));
	}
	assert_int_equal(host_stats("m").total.sink_rejected, 100);
	assert_int_equal(host_notices("longer than"), 0);
	host_loop(0, 0, 1, 3000);
	host_wait(host_noticed("mirror 'm': 1 frames were longer than"));
	end();
}

static bool
conserves(const struct vmirror_counters *c)
{
	return c->seen == c->captured + c->no_room && c->captured_bytes == c->captured * LEN &&
	       c->captured == c->delivered + c->sink_rejected + c->unknown + c->in_flight &&
	       c->captured >= c->sink_rejected && c->captured >= c->unknown &&
	       c->captured >= c->in_flight;
}

/* @return how many packets were taken */
static unsigned int
random_step(void)
{
	unsigned int kind = host_random(7);

	if (kind == 0)
		vmirror_mirror_detach("m", NULL);
	else if (kind == 1)
		vmirror_mirror_attach("m", NULL);
	else if (kind == 2)
		tend_later();
	else if (kind == 3)
		lost = !lost;
	else if (kind == 4)
		no_sink = !no_sink;
	else if (kind == 5)
		rte_delay_us_sleep(host_random(60000));
	return kind == 6 ? take(RING_OF_M, host_random(10)) : 0;
}

/* In whatever order: what is delivered is what the reader got. */
static void
live_any_order(unsigned int seed)
{
	struct vmirror_counters total;
	uint64_t taken = 0;
	unsigned int i, step;

	start_holding(0);
	for (i = 0; i < 1000 * seed; i++)
		host_random(2);
	for (step = 0; step < 100; step++) {
		taken += random_step();
		pass(host_random(5));
		total = host_stats("m").total;
		if (!conserves(&total) || total.delivered > taken)
			fail_msg("seed %u, step %u", seed, step);
	}
	lost = false;
	no_sink = false;
	tend_later();
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	pass(1);
	taken += take(RING_OF_M, UINT_MAX);
	total = host_stats("m").total;
	assert_int_equal(total.in_flight, 0);
	assert_int_equal(total.delivered, taken);
	end();
}

static uint64_t n_read;

/* Who reads the host's ring, which outlives sinks, does so whenever somebody waits. */
static void
read_some(void)
{
	n_read += take("ETH_RXTX0_net_ring_x", 50);
	in_sleep = read_some;
}

static uint64_t
fed(void)
{
	struct vmirror_counters total = host_stats("m").total;

	return total.captured - total.sink_rejected;
}

/* Lost as cores send, as none does, and when no other can be had at first. */
static void
lose_and_revive(unsigned int n)
{
	uint64_t so_far;
	unsigned int i;

	for (i = 0; i < n; i++) {
		lost = true;
		if (i % 3 == 1)
			assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		host_wait(says("is lost"));
		so_far = host_stats("m").total.sink_rejected;
		host_wait(i % 3 == 1 || host_stats("m").total.sink_rejected > so_far);
		no_sink = i % 3 == 2;
		tend_later();
		if (i % 3 == 1)
			host_assert_conserved("m");
		lost = false;
		no_sink = false;
		tend_later();
		assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
		so_far = fed();
		host_wait(fed() > so_far);
	}
}

/* Whatever becomes of its sinks, what a mirror delivered has come, and nothing else. */
static void
live_two_cores(unsigned int arg)
{
	struct rte_ring *rings[16]; /* a net_ring vdev has so many */
	unsigned int i;
	char name[64];

	start();
	for (i = 0; i < RTE_DIM(rings); i++) {
		snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring_x", i);
		rings[i] = rte_ring_create(name, i == 0 ? 256 : 2, 0, 0);
		assert_non_null(rings[i]);
	}
	host_mirror("name=m,port=net_ring0,sink=[net_ring_x]");
	in_sleep = read_some;
	traffic_during(0, lose_and_revive, 6, host_rounds(18, 1000), NULL);
	n_read += take("ETH_RXTX0_net_ring_x", UINT_MAX);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	host_assert_conserved("m");
	assert_true(n_read > 0);
	assert_int_equal(host_stats("m").total.delivered, n_read);
	host_remove("m");
	for (i = 0; i < RTE_DIM(rings); i++)
		rte_ring_free(rings[i]);
	end();
}

/* Each life is a process of its own: EAL starts, and ends, once in one. */
struct lives {
	void (*live)(unsigned int arg);
	unsigned int n;
};

static void
run_lives(void **state)
{
	const struct lives *lives = *state;
	unsigned int i;

	for (i = 0; i < lives->n; i++)
		if (!host_fork(lives->live, i))
			skip();
}

#define test(what, n_lives)                                                                        \
	{                                                                                          \
		.name = #what, .test_func = run_lives,                                             \
		.initial_state = &(struct lives){.live = live_##what, .n = n_lives},               \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(lost_for_good, 2),
		test(held_while_detached, 1),
		test(counted_while_lost, 2),
		test(pool_waits, 1),
		test(held_at_cleanup, 3),
		test(cleanup_cannot_wait, 1),
		test(removed, 3),
		test(empty_packet, 1),
		test(source_on_interface, 1),
		test(not_too_long, 1),
		test(any_order, host_rounds(3, 200)),
		test(two_cores, 1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
