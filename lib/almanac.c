/* SPDX-License-Identifier: BSD-3-Clause */

/* For drain.c, in mode=recorder. Knows no clock: it is told what time it is. */

#include "lib/almanac.h"

/* Two notes whose distance differs by more than this part from what the TSC says: the clock jumped. */
#define JUMP_PART 0.125

/* The newer half stays as it is. */
static void
thin_out(struct vmirror_almanac *a)
{
	unsigned int from, to = 0;

	for (from = 0; from < a->n; from++)
		if (from >= a->n / 2 || from % 2 == 0)
			a->notes[to++] = a->notes[from];
	a->n = to;
}

void
vmirror_almanac_note(struct vmirror_almanac *a, uint64_t tsc, uint64_t ns)
{
	if (a->n > 0 && tsc <= a->notes[a->n - 1].tsc)
		a->n = 0;
	if (a->n == VMIRROR_ALMANAC_NOTES)
		thin_out(a);
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
