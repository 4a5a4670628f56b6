/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A recorder's ring, raced: by a producer that never waits, and a reader that holds, reads, checks each
 * byte and lets go, again and again.
 */

#include "tests/unit/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/dispatch.h"
#include "lib/recorder.h"

#define STEP 16

struct record {
	uint64_t len; /* bytes, this included, a multiple of STEP */
	uint64_t serial;
	uint64_t tsc;
	uint8_t bytes[];
};

static struct {
	struct vmirror_dispatch_hook hook;
	struct vmirror_dispatcher *dispatcher;
	struct vmirror_ring *ring;
	struct vmirror_recorder *rec;
	uint32_t seed;
	uint64_t written;
	uint64_t overwritten;
	uint64_t refused;
	uint64_t refused_free; /* while nothing was held */
	atomic_uint snapshots; /* odd: one is being made */
	atomic_bool stop;
} raced;

static bool
write_record(void)
{
	uint64_t bytes = STEP * (2 + test_random(&raced.seed, 100));
	struct record *r = vmirror_ring_reserve(raced.ring, bytes);
	/* Many in a row have one. */
	uint64_t tsc = raced.written / 50;

	if (r == NULL) {
		vmirror_recorder_turn(raced.rec, bytes, tsc, raced.written, &raced.overwritten);
		r = vmirror_ring_reserve(raced.ring, bytes);
	}
	if (r == NULL)
		return false;
	*r = (struct record){bytes, raced.written, tsc};
	memset(r->bytes, (int)(r->serial * 31), bytes - sizeof(*r));
	raced.written++;
	return true;
}

/* A hook's: no burst begins before a snapshot and ends in it unseen. */
static void
write_burst(struct vmirror_dispatch_hook *hook, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	unsigned int before = atomic_load(&raced.snapshots), refused = 0;

	while (n_pkts-- > 0)
		refused += !write_record();
	vmirror_ring_commit(raced.ring);
	raced.refused += refused;
	if (before % 2 == 0 && atomic_load(&raced.snapshots) == before)
		raced.refused_free += refused;
}

static void *
produce(void *arg)
{
	struct rte_mbuf *const none[1] = {NULL};
	uint64_t before;

	while (!atomic_load_explicit(&raced.stop, memory_order_relaxed)) {
		before = raced.refused;
		vmirror_dispatch_burst(raced.dispatcher, none,
				       (uint16_t)(1 + test_random(&raced.seed, 32)));
		if (raced.refused != before)
			sched_yield();
	}
	return NULL;
}

/* @return where the next one is */
static uint64_t
check_record(uint64_t at, uint64_t serial)
{
	const struct record *r = vmirror_ring_at(raced.ring, at);
	uint32_t i;

	if (r->serial != serial)
		fail_msg("record %lu where %lu is to be", r->serial, serial);
	assert_int_equal(r->tsc, serial / 50);
	for (i = 0; i < r->len - sizeof(*r); i++)
		if (r->bytes[i] != (uint8_t)(serial * 31))
			fail_msg("record %lu, byte %u", serial, i);
	return at + r->len;
}

/* From a position to an end. @return records */
static uint64_t
read_records(uint64_t at, uint64_t to, bool moves, uint32_t *reader)
{
	uint64_t first, serial;

	if (at == to)
		return 0;
	first = ((const struct record *)vmirror_ring_at(raced.ring, at))->serial;
	for (serial = first; at < to; serial++) {
		at = check_record(at, serial);
		if (moves && test_random(reader, 4) == 0)
			vmirror_recorder_hold(raced.rec, at);
		if (test_random(reader, 1000) == 0)
			sched_yield();
	}
	assert_int_equal(at, to);
	return serial - first;
}

/* All is held and the core knows: choose where to begin. @return that */
static uint64_t
choose(uint32_t *reader)
{
	/* The core stores it again and again, though it stays. */
	uint64_t first = __atomic_load_n(&raced.rec->first, __ATOMIC_ACQUIRE);
	uint64_t tail = raced.rec->marks[first % VMIRROR_RECORDER_MARKS].at;
	uint64_t at, tsc, bytes, last;

	if (test_random(reader, 3) == 0) {
		bytes = test_random(reader, (uint32_t)raced.ring->size);
		tsc = vmirror_recorder_since(&raced.rec, 1, bytes);
		at = vmirror_recorder_find(raced.rec, tsc);
		assert_true(at == tail || vmirror_ring_readable(raced.ring) - at >= bytes);
		return at;
	}
	last = ((const struct record *)vmirror_ring_at(raced.ring, tail))->serial;
	tsc = last / 50 + test_random(reader, 20);
	at = vmirror_recorder_find(raced.rec, tsc);
	assert_in_range(at, tail, vmirror_ring_readable(raced.ring));
	/* Nothing before it is wanted. */
	for (uint64_t p = tail; p < at;
	     p += ((const struct record *)vmirror_ring_at(raced.ring, p))->len)
		assert_true(((const struct record *)vmirror_ring_at(raced.ring, p))->tsc < tsc);
	return at;
}

static uint64_t
make_snapshot(uint32_t *reader)
{
	uint64_t from, to, n;

	atomic_fetch_add(&raced.snapshots, 1);
	vmirror_recorder_look(raced.rec);
	vmirror_recorder_hold(raced.rec, 0);
	vmirror_dispatch_sync(raced.dispatcher);
	from = choose(reader);
	vmirror_recorder_hold(raced.rec, from);
	to = vmirror_ring_readable(raced.ring);
	/* Now and then once without letting anything go. */
	if (test_random(reader, 4) == 0)
		read_records(from, to, false, reader);
	n = read_records(from, to, true, reader);
	vmirror_recorder_hold(raced.rec, VMIRROR_RECORDER_FREE);
	atomic_fetch_add(&raced.snapshots, 1);
	return n;
}

/* The producer gets a turn in which nothing is held. */
static void
let_it_go_on(uint32_t *reader)
{
	uint64_t head = vmirror_ring_readable(raced.ring);
	uint64_t more = test_random(reader, (uint32_t)raced.ring->size * 2);

	while (vmirror_ring_readable(raced.ring) < head + more) {
		assert_in_range(vmirror_ring_used(raced.ring), 0, raced.ring->size);
		sched_yield();
	}
}

static void
check_the_end(void)
{
	uint64_t at = raced.rec->marks[raced.rec->first % VMIRROR_RECORDER_MARKS].at;
	uint32_t reader = 1;
	uint64_t kept;

	assert_int_equal(vmirror_ring_used(raced.ring), vmirror_ring_readable(raced.ring) - at);
	kept = read_records(at, vmirror_ring_readable(raced.ring), false, &reader);
	assert_int_equal(raced.overwritten + kept, raced.written);
	assert_int_equal(raced.refused_free, 0);
	assert_true(raced.overwritten > 0);
}

static void
test_raced(void **state)
{
	struct vmirror_dispatch_change change = {0};
	uint64_t wanted = test_rounds(200000, 20000000), seen = 0;
	uint32_t reader = 5;
	pthread_t thread;

	vmirror_dispatch_init();
	raced.ring = vmirror_ring_create(VMIRROR_RING_MIN, -1);
	raced.rec = vmirror_recorder_create(raced.ring);
	raced.seed = 7;
	raced.hook.run = write_burst;
	raced.dispatcher = vmirror_dispatcher_create();
	assert_int_equal(vmirror_dispatch_add(&change, raced.dispatcher, &raced.hook), 0);
	vmirror_dispatch_commit(&change);
	pthread_create(&thread, NULL, produce, NULL);
	while (seen < wanted) {
		let_it_go_on(&reader);
		seen += make_snapshot(&reader);
	}
	atomic_store(&raced.stop, true);
	pthread_join(thread, NULL);
	check_the_end();
	print_message("%llu records read of %llu, %llu refused, in %u snapshots\n",
		      (unsigned long long)seen, (unsigned long long)raced.written,
		      (unsigned long long)raced.refused, raced.snapshots / 2);
	assert_int_equal(vmirror_dispatch_del(&change, raced.dispatcher, &raced.hook), 0);
	vmirror_dispatch_commit(&change);
	free(raced.dispatcher);
	vmirror_recorder_destroy(raced.rec);
	vmirror_ring_destroy(raced.ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
