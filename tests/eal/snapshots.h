/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_EAL_SNAPSHOTS_H
#define TESTS_EAL_SNAPSHOTS_H

/* Recorders, their snapshots, and what is in the files of those. Fails the test where it fails. */

#include <stdbool.h>
#include <stdint.h>

#include "tests/eal/host.h"

/** Bytes that an entry of so many of a packet takes in a ring. */
uint64_t
snapshots_entry(uint32_t len);

/** vmirror_mirror_add() of a recorder that must succeed; the arguments are as in a spec. */
void
snapshots_record(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** vmirror_mirror_remove() of a mirror that is there, its counters checked as far as it goes on. */
void
snapshots_remove(const char *name);

/** Counters conserve, and what is in flight is what the rings have. @return them */
struct vmirror_counters
snapshots_counters(const char *name);

/** Begin one that must begin. opts may be NULL. */
void
snapshots_begin(const char *name, const struct vmirror_snapshot_opts *opts);

/** Wait until none is being made. @return the statistics then; they conserve */
struct vmirror_stats
snapshots_wait(const char *name);

/** One that must succeed, from begin to end. */
void
snapshots_make(const char *name, const struct vmirror_snapshot_opts *opts);

/** A packet in a file. Its bytes were found to be those of host_bytes(). */
struct snapshots_packet {
	uint64_t ns;
	uint32_t serial;
	uint32_t len;
	uint32_t queue;
	bool is_tx;
};

struct snapshots_file {
	struct snapshots_packet *pkts;
	uint64_t n;
	uint64_t room;
	uint64_t dropped; /**< as its statistics say, of all ports */
	uint64_t delivered;
};

/**
 * Read a file that is whole, remove it, and find its packets whole, and their times in order. What it
 * says of deliveries is how many it has.
 */
void
snapshots_read(const char *path, struct snapshots_file *file);

void
snapshots_forget(struct snapshots_file *file);

/** The file of a series, and there is no other one with that number. */
void
snapshots_read_number(const char *stem, unsigned int number, struct snapshots_file *file);

#endif
