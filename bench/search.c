/* SPDX-License-Identifier: BSD-3-Clause */

/* For kernel.c and disk.c: what a rate must do to hold is theirs. */

#include "bench/search.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "bench/bed.h"

static bool
holds(const struct search *search, double pps)
{
	unsigned int tries;

	for (tries = 0; tries < search->tries; tries++)
		if (search->try_once(search->arg, pps))
			return true;
	return false;
}

int
search_tell(const char *name, const char *what, double pps)
{
	fprintf(stderr, "cost: %s at %u bytes: %s %.0f packets a second\n", name, bed.bytes, what,
		pps);
	return -ERANGE;
}

void
search_print(const char *name, double pps, double too_much)
{
	printf("{\"name\": \"%s\", \"bytes\": %u, \"unit\": \"Mpps\", \"once\": %.4f, "
	       "\"too_much\": %.4f}\n",
	       name, bed.bytes, pps / 1e6, too_much / 1e6);
	fflush(stdout);
}

int
search_rate(const struct search *search)
{
	double low = search->lowest_pps, high = search->highest_pps, middle;
	unsigned int step;

	if (!holds(search, low))
		return search_tell(search->name, "less than", low);
	for (step = 0; step < search->steps; step++) {
		middle = sqrt(low * high);
		if (holds(search, middle))
			low = middle;
		else
			high = middle;
	}
	if (high == search->highest_pps)
		return search_tell(search->name, "more than", low);
	search_print(search->name, low, high);
	return 0;
}
