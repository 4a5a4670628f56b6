/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_SEARCH_H
#define BENCH_SEARCH_H

/* The highest rate at which something still holds, by bisection of the logarithm. */

#include <stdbool.h>

struct search {
	const char *name; /* of what is measured */
	double lowest_pps;
	double highest_pps;
	unsigned int steps; /* of the bisection */
	unsigned int tries; /* before a rate is one that does not hold */
	bool (*try_once)(const void *arg, double pps);
	const void *arg;
};

/* Search, and print a line. @return 0, or -ERANGE that was told */
int
search_rate(const struct search *search);

/* Print what was found. */
void
search_print(const char *name, double pps, double too_much);

/* @return -ERANGE */
int
search_tell(const char *name, const char *what, double pps);

#endif
