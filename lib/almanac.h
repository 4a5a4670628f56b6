/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_ALMANAC_H
#define LIB_ALMANAC_H

/*
 * What time it was, long ago: a recorder may keep packets for hours, and clock.h remembers a minute.
 * Noted about once a second. When there are too many, notes are dropped whose neighbours are close to
 * each other for their age: after a day two are five minutes apart, and those of the last minutes stay.
 * Between two the time is even, unless the clock jumped.
 *
 * One thread uses it.
 */

#include <stdint.h>

#define VMIRROR_ALMANAC_NOTES 4096

struct vmirror_almanac_note {
	uint64_t tsc;
	uint64_t ns;
};

struct vmirror_almanac {
	unsigned int n;
	struct vmirror_almanac_note notes[VMIRROR_ALMANAC_NOTES]; /**< oldest first */
};

/** Note what time it is. A TSC that is not later than the last one's begins anew. */
void
vmirror_almanac_note(struct vmirror_almanac *almanac, uint64_t tsc, uint64_t ns);

/**
 * The time of a TSC.
 *
 * @param ns_per_tsc  about
 * @return            0 where there is no note
 */
uint64_t
vmirror_almanac_convert(const struct vmirror_almanac *almanac, uint64_t tsc, double ns_per_tsc);

#endif
