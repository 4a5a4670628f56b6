/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_MIRRORS_H
#define BENCH_MIRRORS_H

/* A subject's mirrors: as many as it says, of one port each, all the same. One subject at a time. */

#include "bench/subject.h"

#define MIRRORS_MAX 8

/* Add a subject's mirrors, of all queues that the forwarder polls. @return 0, or -errno that was told */
int
mirrors_begin(const struct subject *s);

/* Remove them. @return 0, or -ENOBUFS that was told: they did not deliver what they saw */
int
mirrors_end(void);

/* Remove them; what they lost was expected. */
void
mirrors_remove(void);

/* Between two batches: until the rings are empty. */
void
mirrors_settle(void);

/* The name of one of those that were added. */
const char *
mirrors_name(unsigned int i);

#endif
