/* SPDX-License-Identifier: BSD-3-Clause */

/* For drain.c, in mode=recorder. Knows no clock: it is told what time it is. */

#include "lib/almanac.h"

/* Two notes whose distance differs by more than this part from what the TSC says: the clock jumped. */
#define JUMP_PART 0.125

/* The distance of two, as a part of their age, that is not worth a note between them. */
#define FINEST_PART 1024

/* Drop notes between two others that are no further apart than this part of their age. */
static void
thin_out(struct vmirror_almanac *a, uint64_t part)
{
	const struct vmirror_almanac_note *notes = a->notes;
	uint64_t now = notes[a->n - 1].tsc;
	unsigned int from, to = 1;

	for (from = 1; from < a->n; from++) {
		uint64_t last = notes[to - 1].tsc;

		if (from + 1 == a->n || notes[from + 1].tsc - last > (now - last) / part)
			a->notes[to++] = notes[from];
	}
	a->n = to;
}

static void
make_room(struct vmirror_almanac *a)
{
	uint64_t part;

	if (a->n < VMIRROR_ALMANAC_NOTES)
		return;
	/* Not for every note. */
	for (part = FINEST_PART; a->n > VMIRROR_ALMANAC_NOTES / 4 * 3; part /= 2)
		thin_out(a, part);
}

void
vmirror_almanac_note(struct vmirror_almanac *a, uint64_t tsc, uint64_t ns)
{
	if (a->n > 0 && tsc <= a->notes[a->n - 1].tsc)
		a->n = 0;
	make_room(a);
	a->notes[a->n++] = (struct vmirror_almanac_note){.tsc = tsc, .ns = ns};
}

/* The last note that is not after it, or the first one. */
static unsigned int
find(const struct vmirror_almanac *a, uint64_t tsc)
{
	unsigned int low = 0, high = a->n;

	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (a->notes[middle].tsc <= tsc)
			low = middle;
		else
			high = middle;
	}
	return low;
}

uint64_t
vmirror_almanac_convert(const struct vmirror_almanac *a, uint64_t tsc, double ns_per_tsc)
{
	const struct vmirror_almanac_note *note;
	unsigned int i;
	double rate;

	if (a->n == 0)
		return 0;
	i = find(a, tsc);
	note = &a->notes[i];
	if (tsc < note->tsc)
		return note->ns - (uint64_t)((double)(note->tsc - tsc) * ns_per_tsc);
	if (i + 1 < a->n) {
		rate = (double)(note[1].ns - note->ns) / (double)(note[1].tsc - note->tsc);
		if (rate > ns_per_tsc * (1 - JUMP_PART) && rate < ns_per_tsc * (1 + JUMP_PART))
			ns_per_tsc = rate;
	}
	return note->ns + (uint64_t)((double)(tsc - note->tsc) * ns_per_tsc);
}
