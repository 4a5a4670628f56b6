/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_VHOST_MEMORY_H
#define DRIVERS_VHOST_MEMORY_H

/*
 * Whether a vhost-user peer can be shown DPDK's memory. The PMD passes it as at most eight files;
 * where there are more it logs an error, looks well, and its peer never gets a packet.
 */

#include <stdbool.h>
#include <stdint.h>

struct vmirror_error;

/** What a look at DPDK's memory remembers. */
struct vmirror_vhost_memory {
	uint64_t pages;
};

/** @return 0, or -errno with err set */
int
vmirror_vhost_memory_check(struct vmirror_error *err);

/**
 * Whether it has changed since the last look; cheap.
 *
 * @param memory  zeroed before the first look
 */
bool
vmirror_vhost_memory_changed(struct vmirror_vhost_memory *memory);

#endif
