/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_BED_H
#define BENCH_BED_H

/*
 * What hooks are measured on: ports that differ in nothing but what hangs on them, and a forwarder
 * that takes packets from one of them which are cold when they arrive.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BED_BURST  32
#define BED_QUEUES 64         /* of each port */
#define BED_SOURCE 0xc0000201 /* address that the packets come from, 192.0.2.1 */

enum bed_port {
	BED_BARE,     /* nothing ever hangs on it */
	BED_CALLBACK, /* callbacks of the bench's own, or of DPDK's */
	BED_MIRRORED,
	BED_IDLE_BARE, /* the last two never have a packet */
	BED_IDLE_MIRRORED,
	BED_PORTS,
};

/* Of a table of the forwarder's: so much as a flow's counters are. */
struct bed_entry {
	uint64_t packets;
} __attribute__((aligned(64)));

/* The same for all that is measured in a process. */
struct bed {
	uint16_t bytes;      /* of each packet */
	const char *dir;     /* for files */
	size_t cache_bytes;  /* twice the last-level cache: more than it holds */
	unsigned int queues; /* that the forwarder polls in turn */
	bool sends;          /* to the port that it polls, and not to one where nothing hangs */
	/* What the forwarder has of its own, an entry of a cache line for each; NULL: nothing. */
	struct bed_entry *table;
	uint32_t table_entries;
};

extern struct bed bed;

/* Say what failed. @return ret */
int
bed_fail(const char *what, int ret);

/* Make the packets and start EAL's ports. @return 0, or -errno that was told */
int
bed_open(uint16_t bytes, const char *dir);

/*
 * What a core has of a level of caches, in bytes, or is likely to have: a virtual machine may be told
 * of a third level that it shares with many others.
 */
size_t
bed_cache_size(unsigned int level);

/*
 * Forward so many bursts: rewrite an address in each packet and, where there is a table, count in an
 * entry of it for each packet, drawn at random.
 */
void
bed_forward(uint16_t port, unsigned int n_bursts);

/* Forward so many bursts. @return nanoseconds per packet, of those after a warm-up */
double
bed_batch(uint16_t port, unsigned int n_bursts);

/*
 * Forward so many packets a second, for so long, until a burst is so late that it is after the
 * deadline. @return packets, or 0 when it was
 */
uint64_t
bed_pace(uint16_t port, double pps, double seconds, uint64_t begin, uint64_t deadline);

/* Times that this thread lost its core, to others or to another guest of the machine. */
uint64_t
bed_disturbances(void);

#endif
