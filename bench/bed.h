/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_BED_H
#define BENCH_BED_H

/*
 * What hooks are measured on: ports that differ in nothing but what hangs on them, and a forwarder
 * that takes packets from one of them which are cold when they arrive.
 */

#include <stddef.h>
#include <stdint.h>

#define BED_BURST  32
#define BED_QUEUES 64 /* of each port */

enum bed_port {
	BED_BARE,     /* nothing ever hangs on it */
	BED_CALLBACK, /* callbacks of the bench's own, or of DPDK's */
	BED_MIRRORED,
	BED_IDLE_BARE, /* the last two never have a packet */
	BED_IDLE_MIRRORED,
	BED_PORTS,
};

/* The same for all that is measured in a process. */
struct bed {
	uint16_t bytes;      /* of each packet */
	const char *dir;     /* for files */
	size_t cache_bytes;  /* twice the last-level cache: more than it holds */
	unsigned int queues; /* that the forwarder polls in turn */
};

extern struct bed bed;

/* Say what failed. @return ret */
int
bed_fail(const char *what, int ret);

/* Make the packets and start EAL's ports. @return 0, or -errno that was told */
int
bed_open(uint16_t bytes, const char *dir);

/* Forward so many bursts. @return nanoseconds per packet, of those after a warm-up */
double
bed_batch(uint16_t port, unsigned int n_bursts);

/* Times that this thread lost its core, to others or to another guest of the machine. */
uint64_t
bed_disturbances(void);

#endif
