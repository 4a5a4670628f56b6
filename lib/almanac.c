/* SPDX-License-Identifier: BSD-3-Clause */

/* For drain.c, in mode=recorder. Knows no clock: it is told what time it is. */

#include "lib/almanac.h"

#include <string.h>

/* Two notes whose distance differs by more than this part from what the TSC says: the clock jumped. */
#define JUMP_PART 0.125

/*
 * Drop one, where that leaves the smallest gap for its age: so gaps are the same part of their age
 * everywhere, a few thousandths where there are notes of a day.
 */
static void
drop_one(struct vmirror_almanac *a, uint64_t now)
{
	double least = 0;
	unsigned int i, at = 1;

	for (i = 1; i + 1 < a->n; i++) {
		double gap = (double)(a->notes[i + 1].tsc - a->notes[i - 1].tsc);
		double part = gap / (double)(now - a->notes[i].tsc);

		if (i > 1 && part >= least)
			continue;
		least = part;
		at = i;
	}
	a->n--;
	memmove(&a->notes[at], &a->notes[at + 1], (a->n - at) * sizeof(a->notes[0]));
}

void
vmirror_almanac_note(struct vmirror_almanac *a, uint64_t tsc, uint64_t ns)
{
	if (a->n > 0 && tsc <= a->notes[a->n - 1].tsc)
		a->n = 0;
	if (a->n == VMIRROR_ALMANAC_NOTES)
		drop_one(a, tsc);
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
