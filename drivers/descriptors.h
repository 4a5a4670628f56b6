/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_DESCRIPTORS_H
#define DRIVERS_DESCRIPTORS_H

/*
 * File descriptors that a PMD opens for a sink and does not tell of: found by what there is after
 * and was not there before, among those of one kind. Control side, one caller at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#define VMIRROR_DESCRIPTORS_MAX 64

/** What a descriptor of the kind is of; its number alone may come again. @return false: not one */
typedef bool (*vmirror_descriptor_id)(int fd, uint64_t *id);

struct vmirror_descriptors {
	unsigned int n;
	struct {
		int fd;
		uint64_t id;
	} of[VMIRROR_DESCRIPTORS_MAX];
};

/** Those of the process, as far as there is room for them. */
void
vmirror_descriptors_find(struct vmirror_descriptors *set, vmirror_descriptor_id identify);

/** Leave out those that were there before. */
void
vmirror_descriptors_subtract(struct vmirror_descriptors *set,
			     const struct vmirror_descriptors *before);

/** Close all that are of the same thing as one in the set, by its id, and empty the set. */
void
vmirror_descriptors_close(struct vmirror_descriptors *set, vmirror_descriptor_id identify);

#endif
