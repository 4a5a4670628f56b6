/* SPDX-License-Identifier: BSD-3-Clause */

/* The parts of a recorder's ring, against a model that remembers every entry. */

#include "tests/unit/test.h"

#include <stdlib.h>

#include "lib/recorder.h"

#define STEP  16
#define N_MAX 4

struct record {
	uint32_t len; /* bytes, this included, a multiple of STEP */
	uint32_t serial;
	uint64_t tsc;
	uint8_t bytes[];
};

/* --- a model */

struct entry {
	uint64_t at;
	uint64_t tsc;
	uint64_t bytes;
};

/* What was written to a ring, and all that there ever was of it. */
struct model {
	struct vmirror_ring *ring;
	struct vmirror_recorder *rec;
	struct entry *entries;
	uint64_t n;
	uint64_t room;
	uint64_t overwritten;
	uint64_t refused;
	uint64_t largest; /* entry that was tried */
};

static uint32_t seed = 1;
static uint64_t now; /* of all models */

static void
begin(struct model *m, uint64_t size)
{
	*m = (struct model){.ring = vmirror_ring_create(size, -1)};
	assert_non_null(m->ring);
	m->rec = vmirror_recorder_create(m->ring);
	assert_non_null(m->rec);
}

static void
end(struct model *m)
{
	vmirror_recorder_destroy(m->rec);
	vmirror_ring_destroy(m->ring);
	free(m->entries);
}

static const struct vmirror_recorder_mark *
mark(const struct vmirror_recorder *rec, uint64_t n)
{
	return &rec->marks[n % VMIRROR_RECORDER_MARKS];
}

/* Where begins what is kept. */
static uint64_t
tail(const struct model *m)
{
	return m->rec->n == 0 ? 0 : mark(m->rec, m->rec->first)->at;
}

static uint64_t
part(const struct model *m)
{
	return m->ring->size / VMIRROR_RECORDER_PARTS;
}

/* One is refused for nothing but what is held: neither a part that may go nor room that there is. */
static void
check_refusal(const struct model *m, uint64_t bytes)
{
	const struct vmirror_recorder *rec = m->rec;

	assert_true(m->ring->next + bytes - tail(m) > m->ring->size);
	assert_true(bytes > m->ring->size || rec->first + 1 == rec->n ||
		    mark(rec, rec->first + 1)->at > rec->hold);
}

/* As ring_hook.c does. @return whether there was room */
static bool
put(struct model *m, uint64_t bytes)
{
	uint64_t at = m->ring->next;
	struct record *r = vmirror_ring_reserve(m->ring, bytes);
	bool room;

	m->largest = bytes > m->largest ? bytes : m->largest;
	if (r == NULL) {
		room = vmirror_recorder_turn(m->rec, bytes, now, m->n, &m->overwritten);
		r = vmirror_ring_reserve(m->ring, bytes);
		assert_int_equal(room, r != NULL);
	}
	if (r == NULL) {
		check_refusal(m, bytes);
		m->refused++;
		return false;
	}
	assert_ptr_equal(r, m->ring->base + at % m->ring->size);
	*r = (struct record){(uint32_t)bytes, (uint32_t)m->n, now};
	if (m->n == m->room) {
		m->room = 2 * m->room + 1024;
		m->entries = realloc(m->entries, m->room * sizeof(*m->entries));
		assert_non_null(m->entries);
	}
	m->entries[m->n++] = (struct entry){at, now, bytes};
	vmirror_ring_commit(m->ring);
	return true;
}

/* The entry that begins at a position. */
static uint64_t
entry_at(const struct model *m, uint64_t at)
{
	uint64_t low = 0, high = m->n;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (m->entries[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	assert_true(low == m->n ? at == m->ring->head : m->entries[low].at == at);
	return low;
}

/* What stands in the ring from a position on is what was written there. */
static void
check_bytes(const struct model *m, uint64_t from)
{
	uint64_t at = from, n = entry_at(m, from);

	for (; n < m->n; n++) {
		const struct record *r = vmirror_ring_at(m->ring, at);

		assert_int_equal(m->entries[n].at, at);
		assert_int_equal(r->len, m->entries[n].bytes);
		assert_int_equal(r->serial, (uint32_t)n);
		assert_int_equal(r->tsc, m->entries[n].tsc);
		at += r->len;
	}
	assert_int_equal(at, vmirror_ring_readable(m->ring));
}

/* The marks are those of whole parts, one behind the other, and what is before them was counted. */
static void
check_marks(const struct model *m)
{
	const struct vmirror_recorder *rec = m->rec;
	uint64_t n;

	assert_true(rec->n - rec->first <= VMIRROR_RECORDER_MARKS);
	assert_true(m->ring->head - tail(m) <= m->ring->size);
	assert_int_equal(vmirror_ring_used(m->ring), m->ring->head - tail(m));
	assert_int_equal(m->overwritten, entry_at(m, tail(m)));
	for (n = rec->first; n < rec->n; n++) {
		const struct vmirror_recorder_mark *at = mark(rec, n);
		uint64_t first = entry_at(m, at->at);

		assert_int_equal(at->pkts, first);
		assert_true(first == 0 || m->entries[first - 1].tsc <= at->tsc);
		assert_true(first == m->n || m->entries[first].tsc >= at->tsc);
		assert_true(n == rec->first || at->at > mark(rec, n - 1)->at);
	}
}

/* Of a ring that is full, and of which nothing was held lately. */
static void
check_kept(const struct model *m)
{
	uint64_t step = m->largest > part(m) ? m->largest : part(m);
	/* What is being written, what lies free behind that, what is given up as a whole. */
	uint64_t least = m->ring->size - 2 * step - part(m);

	/* An entry longer than half a part may end one early, and the next takes the rest. */
	if (m->largest > part(m) / 2)
		least -= m->largest;
	assert_true(m->ring->head - tail(m) >= (m->ring->head < least ? m->ring->head : least));
}

/* --- tests of it */

static uint64_t
random_bytes(uint32_t largest)
{
	/* Most are small, as packets are. */
	uint32_t below = test_random(&seed, 4) == 0 ? largest : largest / 8 + STEP;

	return STEP * (2 + test_random(&seed, below / STEP - 1));
}

static void
check_free(uint64_t size, uint32_t largest, uint64_t n)
{
	struct model m;
	uint64_t i;

	begin(&m, size);
	for (i = 0; i < n; i++) {
		now += test_random(&seed, 3);
		assert_true(put(&m, random_bytes(largest)));
		check_kept(&m);
		if (i % 97 == 0)
			check_marks(&m);
		if (i % 997 == 0)
			check_bytes(&m, tail(&m));
	}
	assert_int_equal(m.refused, 0);
	assert_true(m.overwritten > 0);
	check_marks(&m);
	check_bytes(&m, tail(&m));
	end(&m);
}

/* Nothing is held: nothing is refused, and what is given up is the oldest, and no more than must be. */
static void
test_keeps_the_last(void **state)
{
	uint64_t n = test_rounds(50000, 3000000);

	check_free(65536, 32, n);
	check_free(65536, 128, n);
	check_free(65536, 512, n);
	check_free(65536, 1600, n);
	check_free(65536, 9600, n);
	check_free(1 << 20, 512, n);
	check_free(1 << 20, 9600, n);
	check_free(1 << 20, 65600, n);
}

/* An entry may be as large as the ring less a part. */
static void
test_largest(void **state)
{
	const uint64_t large = 65536 - 1024;
	struct model m;
	uint64_t i;

	begin(&m, 65536);
	assert_true(put(&m, 32));
	assert_false(put(&m, 65536 + STEP));
	assert_int_equal(m.overwritten, 0);
	for (i = 0; i < 5000; i++) {
		assert_true(put(&m, test_random(&seed, 2) == 0 ? large : 32));
		check_marks(&m);
	}
	check_bytes(&m, tail(&m));
	end(&m);
}

/* A reader like a snapshot: holds all, then from somewhere on, moves, and lets go. */
static void
check_held(uint64_t size, uint32_t largest, uint64_t n)
{
	struct model m;
	uint64_t i, hold, before;

	begin(&m, size);
	hold = VMIRROR_RECORDER_FREE;
	for (i = 0; i < n; i++) {
		now += test_random(&seed, 3);
		before = tail(&m);
		put(&m, random_bytes(largest));
		assert_true(tail(&m) == before || tail(&m) <= hold);
		if (i % 97 == 0)
			check_marks(&m);
		if (test_random(&seed, 50) != 0)
			continue;
		switch (test_random(&seed, 4)) {
		case 0:
			hold = hold == VMIRROR_RECORDER_FREE ? 0 : hold;
			break;
		case 1: /* read a bit: from entry to entry */
			if (hold != VMIRROR_RECORDER_FREE && m.n > 0) {
				uint64_t at = hold < tail(&m) ? tail(&m) : hold;
				uint64_t first = entry_at(&m, at), left = m.n - first;

				first += test_random(&seed, (uint32_t)left + 1);
				hold = first == m.n ? m.ring->head : m.entries[first].at;
			}
			break;
		case 2:
			if (hold != VMIRROR_RECORDER_FREE)
				check_bytes(&m, hold < tail(&m) ? tail(&m) : hold);
			break;
		default:
			hold = test_random(&seed, 3) == 0 ? VMIRROR_RECORDER_FREE : hold;
		}
		vmirror_recorder_hold(m.rec, hold);
	}
	check_marks(&m);
	assert_true(m.refused > 0 && m.overwritten > 0);
	/* As if there had been nothing: after one time round nothing is left of it. */
	vmirror_recorder_hold(m.rec, VMIRROR_RECORDER_FREE);
	for (before = m.ring->head; m.ring->head < before + 3 * size;)
		assert_true(put(&m, random_bytes(largest)));
	check_kept(&m);
	check_marks(&m);
	check_bytes(&m, tail(&m));
	end(&m);
}

static void
test_holds(void **state)
{
	uint64_t n = test_rounds(200000, 3000000);

	check_held(65536, 32, n);
	check_held(65536, 128, n);
	check_held(65536, 1600, n);
	check_held(65536, 9600, n);
	check_held(1 << 20, 1600, n);
	check_held(1 << 20, 65600, n);
}

/*
 * While a hold is in the way every burst of a core asks: with all sizes, large ones that are refused
 * and tiny ones that still fit, there are never too many parts to be marked.
 */
static void
test_marks_are_enough(void **state)
{
	static const uint32_t larges[] = {32, 64, 528, 1024, 1040, 1600, 9600, 60000};
	uint64_t size, i, k;
	struct model m;

	for (size = 65536; size <= 1 << 20; size <<= 4) {
		for (k = 0; k < N_ELEMENTS(larges); k++) {
			begin(&m, size);
			for (i = 0; m.ring->head < 2 * size; i++)
				put(&m, i % 3 == 0 ? larges[k] : 32);
			vmirror_recorder_hold(m.rec, 0);
			while (put(&m, larges[k]) || put(&m, 32)) {
				now++;
				assert_true(m.rec->n - m.rec->first <= VMIRROR_RECORDER_MARKS);
			}
			check_marks(&m);
			check_bytes(&m, tail(&m));
			for (i = 0; i < 1000; i++)
				put(&m, larges[i % N_ELEMENTS(larges)]);
			check_marks(&m);
			/* Where the reader is by now there is room again, and no further. */
			vmirror_recorder_hold(m.rec, mark(m.rec, m.rec->first + 2)->at);
			assert_true(put(&m, 32));
			assert_true(tail(&m) <= m.rec->hold);
			check_marks(&m);
			end(&m);
		}
	}
}

/* --- where to begin */

/* Nothing that is wanted stands before it, and it is the last part of which that is certain. */
static void
check_find(const struct model *m, uint64_t tsc)
{
	uint64_t at, first, i;

	vmirror_recorder_look(m->rec);
	vmirror_recorder_hold(m->rec, 0);
	at = vmirror_recorder_find(m->rec, tsc);
	vmirror_recorder_hold(m->rec, VMIRROR_RECORDER_FREE);
	first = entry_at(m, at);
	assert_true(at >= tail(m));
	for (i = entry_at(m, tail(m)); i < first; i++)
		assert_true(m->entries[i].tsc < tsc);
	for (i = m->rec->first; i < m->rec->n; i++)
		assert_true(mark(m->rec, i)->at <= at || mark(m->rec, i)->tsc >= tsc);
}

/* Bytes of what is kept, not before a time. */
static uint64_t
bytes_since(const struct model *m, uint64_t tsc)
{
	uint64_t i, bytes = 0;

	for (i = entry_at(m, tail(m)); i < m->n; i++)
		bytes += m->entries[i].tsc >= tsc ? m->entries[i].bytes : 0;
	return bytes;
}

/* Bytes of parts that begin after a time. */
static uint64_t
bytes_of_parts_after(const struct model *m, uint64_t tsc)
{
	uint64_t n;

	for (n = m->rec->first; n < m->rec->n; n++)
		if (mark(m->rec, n)->tsc > tsc)
			return m->ring->head - mark(m->rec, n)->at;
	return 0;
}

static void
check_since(const struct model *models, unsigned int n, uint64_t bytes)
{
	struct vmirror_recorder *recs[N_MAX];
	uint64_t tsc, all = 0, taken = 0, after = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		recs[i] = models[i].rec;
		vmirror_recorder_look(recs[i]);
		vmirror_recorder_hold(recs[i], 0);
	}
	tsc = vmirror_recorder_since(recs, n, bytes);
	for (i = 0; i < n; i++) {
		all += bytes_since(&models[i], 0);
		taken += bytes_since(&models[i], tsc);
		after += bytes_of_parts_after(&models[i], tsc);
		vmirror_recorder_hold(recs[i], VMIRROR_RECORDER_FREE);
	}
	if (tsc == 0) {
		assert_true(all < bytes);
		return;
	}
	assert_true(taken >= bytes);
	assert_true(after < bytes);
}

/* A core is inside a burst, of which nothing can be read as yet, though parts begin in it. */
static void
test_begins_in_what_is_there(void **state)
{
	struct vmirror_recorder *recs[1];
	uint64_t i, head, bytes, tsc;
	struct model m;

	begin(&m, 65536);
	for (i = 0; i < test_rounds(3000, 100000); i++) {
		uint64_t more = test_random(&seed, 40);

		now++;
		put(&m, random_bytes(1600));
		head = m.ring->head;
		vmirror_recorder_look(m.rec);
		vmirror_recorder_hold(m.rec, 0);
		for (now++; more > 0; more--)
			put(&m, random_bytes(1600));
		/* As if it were still inside. */
		m.ring->head = head;
		assert_in_range(vmirror_recorder_find(m.rec, now), 0, head);
		assert_in_range(vmirror_recorder_find(m.rec, now + 1), 0, head);
		m.ring->head = m.ring->next;
		/* Nor is it counted, when it is there by now. */
		recs[0] = m.rec;
		bytes = 1 + test_random(&seed, 20000);
		tsc = vmirror_recorder_since(recs, 1, bytes);
		assert_true(tsc < now);
		if (tsc != 0)
			assert_in_range(bytes, 1, bytes_since(&m, tsc) - bytes_since(&m, now));
		vmirror_recorder_hold(m.rec, VMIRROR_RECORDER_FREE);
	}
	end(&m);
}

static void
test_where_to_begin(void **state)
{
	uint64_t n = test_rounds(300, 20000), i, k;
	struct model models[N_MAX];
	unsigned int used;

	for (used = 1; used <= N_MAX; used++) {
		now = 1000;
		for (i = 0; i < used; i++) {
			begin(&models[i], 65536 << test_random(&seed, 3));
			assert_int_equal(vmirror_recorder_find(models[i].rec, 5), 0);
		}
		check_since(models, used, 1);
		for (i = 0; i < n; i++) {
			/* Of one there is little, and another has none at all for a while. */
			for (k = test_random(&seed, 300); k > 0; k--) {
				uint32_t which = test_random(&seed, test_random(&seed, used) + 1);

				now += test_random(&seed, 100) == 0 ? 1000 : test_random(&seed, 2);
				put(&models[which], random_bytes(1600));
			}
			k = test_random(&seed, used);
			check_find(&models[k], now - test_random(&seed, 5000));
			check_find(&models[k],
				   models[k].n == 0 ? 0
						    : models[k]
							      .entries[test_random(
								      &seed, (uint32_t)models[k].n)]
							      .tsc);
			check_find(&models[k], now + 1);
			check_find(&models[k], 0);
			check_since(models, used, 1 + test_random(&seed, 300000));
			check_since(models, used, 1 + test_random(&seed, 3000));
		}
		for (i = 0; i < used; i++)
			end(&models[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_the_last),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_marks_are_enough),
		cmocka_unit_test(test_where_to_begin),
		cmocka_unit_test(test_begins_in_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
