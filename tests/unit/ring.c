/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The ring of bytes: against a model, wrapping at every offset; and raced, by a producer that never
 * waits and a consumer that checks each byte.
 */

#include "tests/unit/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/ring.h"

#define STEP 16

static void
test_sizes(void **state)
{
	struct vmirror_ring *ring;

	assert_int_equal(vmirror_ring_bytes(1), VMIRROR_RING_MIN);
	assert_int_equal(vmirror_ring_bytes(65536), 65536);
	assert_int_equal(vmirror_ring_bytes(65537), 131072);
	assert_int_equal(vmirror_ring_bytes(UINT64_MAX), VMIRROR_RING_MAX);
	ring = vmirror_ring_create(100000, -1);
	assert_non_null(ring);
	assert_int_equal(ring->size, 131072);
	vmirror_ring_destroy(ring);
	vmirror_ring_destroy(NULL);
	/* A node that is not there is no reason to fail. */
	ring = vmirror_ring_create(1, 63);
	assert_non_null(ring);
	vmirror_ring_destroy(ring);
}

/* Both mappings are one memory. */
static void
test_mapped_twice(void **state)
{
	struct vmirror_ring *ring = vmirror_ring_create(VMIRROR_RING_MIN, -1);
	uint64_t at;

	for (at = 0; at < ring->size; at++) {
		ring->base[at] = (uint8_t)(at * 7);
		assert_int_equal(ring->base[ring->size + at], (uint8_t)(at * 7));
		ring->base[ring->size + at] = (uint8_t)(at * 5);
		assert_int_equal(ring->base[at], (uint8_t)(at * 5));
	}
	vmirror_ring_destroy(ring);
}

/* Full is full: to the byte, from every offset, and it holds all of it across the seam. */
static void
test_every_offset(void **state)
{
	struct vmirror_ring *ring = vmirror_ring_create(VMIRROR_RING_MIN, -1);
	uint64_t offset, tail = 0, i;

	for (offset = 0; offset < ring->size; offset += STEP) {
		uint8_t *at = vmirror_ring_reserve(ring, ring->size);

		assert_non_null(at);
		assert_null(vmirror_ring_reserve(ring, 1));
		at[0] = 1;
		at[ring->size - 1] = 2;
		memset(at + 1, (int)(offset / STEP), ring->size - 2);
		assert_int_equal(vmirror_ring_readable(ring), tail);
		vmirror_ring_commit(ring);
		assert_int_equal(vmirror_ring_readable(ring), tail + ring->size);
		vmirror_ring_refresh(ring);
		assert_null(vmirror_ring_reserve(ring, 1));

		at = (uint8_t *)(uintptr_t)vmirror_ring_at(ring, tail);
		assert_int_equal(at[0], 1);
		assert_int_equal(at[ring->size - 1], 2);
		for (i = 1; i < ring->size - 1; i += 997)
			assert_int_equal(at[i], (uint8_t)(offset / STEP));
		tail += ring->size;
		vmirror_ring_release(ring, tail);

		/* On to the next offset. */
		vmirror_ring_refresh(ring);
		assert_non_null(vmirror_ring_reserve(ring, STEP));
		vmirror_ring_commit(ring);
		tail += STEP;
		vmirror_ring_release(ring, tail);
		vmirror_ring_refresh(ring);
	}
	vmirror_ring_destroy(ring);
}

/* Random sizes, commits and releases, beside a model that counts bytes. */
static void
test_model(void **state)
{
	struct vmirror_ring *ring = vmirror_ring_create(VMIRROR_RING_MIN, -1);
	uint64_t n = test_rounds(200000, 20000000);
	uint64_t reserved = 0, committed = 0, released = 0, seen = 0, i;
	uint32_t seed = 1;

	for (i = 0; i < n; i++) {
		uint64_t bytes = (1 + test_random(&seed, 640)) * STEP;
		uint8_t *at = vmirror_ring_reserve(ring, bytes);

		assert_int_equal(at != NULL, reserved + bytes - seen <= ring->size);
		if (at != NULL) {
			assert_ptr_equal(at, ring->base + reserved % ring->size);
			reserved += bytes;
		} else {
			vmirror_ring_refresh(ring);
			seen = released;
		}
		if (test_random(&seed, 4) == 0) {
			vmirror_ring_commit(ring);
			committed = reserved;
		}
		assert_int_equal(vmirror_ring_readable(ring), committed);
		if (test_random(&seed, 3) == 0 && committed > released) {
			released += 1 + test_random(&seed, (uint32_t)(committed - released));
			vmirror_ring_release(ring, released);
		}
		assert_int_equal(vmirror_ring_tail(ring), released);
		assert_int_equal(vmirror_ring_used(ring), committed - released);
	}
	vmirror_ring_destroy(ring);
}

/* What is in use, seen from empty to full, and of looks between which a ring went on. */
static void
test_used(void **state)
{
	struct vmirror_ring *ring = vmirror_ring_create(VMIRROR_RING_MIN, -1);

	assert_int_equal(vmirror_ring_used(ring), 0);
	assert_non_null(vmirror_ring_reserve(ring, STEP));
	assert_int_equal(vmirror_ring_used(ring), 0); /* not committed yet */
	vmirror_ring_commit(ring);
	assert_int_equal(vmirror_ring_used(ring), STEP);
	assert_non_null(vmirror_ring_reserve(ring, ring->size - STEP));
	vmirror_ring_commit(ring);
	assert_int_equal(vmirror_ring_used(ring), ring->size);
	vmirror_ring_release(ring, STEP);
	assert_int_equal(vmirror_ring_used(ring), ring->size - STEP);
	vmirror_ring_release(ring, ring->size);
	assert_int_equal(vmirror_ring_used(ring), 0);
	/* The consumer's position is an old one; and it is one that the producer is behind. */
	ring->head = ring->tail + 3 * ring->size;
	assert_int_equal(vmirror_ring_used(ring), ring->size);
	ring->head = ring->tail - STEP;
	assert_int_equal(vmirror_ring_used(ring), 0);
	vmirror_ring_destroy(ring);
}

/* --- raced */

struct record {
	uint32_t len; /* bytes, this included, a multiple of STEP */
	uint32_t serial;
	uint8_t bytes[];
};

static struct vmirror_ring *raced;
static atomic_bool stop;
static uint64_t refused;
static uint32_t written;
static uint64_t most_used; /* as who only looks on has seen it */

static void *
produce(void *arg)
{
	uint32_t seed = 7;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		unsigned int burst = 1 + test_random(&seed, 32);

		while (burst-- > 0) {
			uint32_t len = (1 + test_random(&seed, 100)) * STEP;
			struct record *r = vmirror_ring_reserve(raced, len);

			if (r == NULL) {
				refused++;
				vmirror_ring_refresh(raced);
				sched_yield();
				continue;
			}
			r->len = len;
			r->serial = written++;
			memset(r->bytes, (int)(r->serial * 31), len - sizeof(*r));
		}
		vmirror_ring_commit(raced);
	}
	return NULL;
}

/* Somebody else, as control is. */
static void *
look_on(void *arg)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t used = vmirror_ring_used(raced);

		most_used = used > most_used ? used : most_used;
		sched_yield();
	}
	return NULL;
}

static void
test_raced(void **state)
{
	uint64_t wanted = test_rounds(300000, 30000000);
	uint64_t at = 0, end = 0;
	uint32_t serial = 0, i;
	pthread_t thread, onlooker;

	raced = vmirror_ring_create(VMIRROR_RING_MIN, -1);
	pthread_create(&thread, NULL, produce, NULL);
	pthread_create(&onlooker, NULL, look_on, NULL);
	while (serial < wanted) {
		end = vmirror_ring_readable(raced);
		while (at < end) {
			const struct record *r = vmirror_ring_at(raced, at);

			assert_int_equal(r->serial, serial);
			for (i = 0; i < r->len - sizeof(*r); i++)
				if (r->bytes[i] != (uint8_t)(serial * 31))
					fail_msg("record %u, byte %u", serial, i);
			at += r->len;
			serial++;
			vmirror_ring_release(raced, at);
		}
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	pthread_join(onlooker, NULL);
	assert_true(most_used <= raced->size);
	assert_int_equal(vmirror_ring_used(raced), raced->head - at);
	for (end = vmirror_ring_readable(raced); at < end; serial++)
		at += ((const struct record *)vmirror_ring_at(raced, at))->len;
	assert_int_equal(at, end);
	assert_int_equal(serial, written);
	print_message("%u records, %llu refused\n", serial, (unsigned long long)refused);
	vmirror_ring_destroy(raced);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),        cmocka_unit_test(test_mapped_twice),
		cmocka_unit_test(test_every_offset), cmocka_unit_test(test_model),
		cmocka_unit_test(test_used),         cmocka_unit_test(test_raced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
