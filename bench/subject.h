/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

/* What is measured: something that hangs on a port of the bed, and how it gets there. */

#include <stdbool.h>

#include "bench/bed.h"

/* A vhost-user peer's socket, in the directory, where there is one. */
#define SUBJECT_PEER "peer.sock"

struct subject {
	const char *name;
	const char *unit;
	enum bed_port without;
	enum bed_port with; /* the same: it is the forwarder that is measured */
	unsigned int per;   /* the unit is of so many packets' time; 0: 1 */
	/* Hang it on the port. NULL: nothing. @return 0, or -errno that was told */
	int (*begin)(const struct subject *s);
	/* Take it away. NULL: nothing. @return 0, or -errno that was told: what was measured does not count */
	int (*end)(void);
	/* Between two batches: until what the last one left to others is done. NULL: nothing. */
	void (*settle)(void);
	const char *sink;        /* of mirrors; %s is the directory */
	const char *keys;        /* more of their spec; %zu is a ring's bytes */
	unsigned int queues;     /* polled in turn; 0: 1 */
	unsigned int mirrors;    /* 0: 1 */
	bool sent;               /* mirrors of what is sent, in place of what is received */
	unsigned int max_bursts; /* of a batch; 0: as many as take its time */
};

/* In the order in which they are measured; the last has no name. */
extern const struct subject subjects[];

/* What is measured once, and not in rounds: prints its own lines. @return 0, or -errno */
int
subject_idle(void);

#endif
