/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

/* What whoever looks on sees of a capture, on stderr: counts that change, lines of them, those at its end. */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "devargs/spec.h"

/** Where it ends by itself; 0: not there. */
struct ctl_progress_ends {
	uint64_t pkts;
	uint64_t bytes;   /**< kept of packets */
	uint64_t snaplen; /**< so many are, of a packet, at the most; 0: all */
	uint64_t file_bytes;
	uint64_t duration_ms;
};

struct ctl_progress {
	bool lines;    /**< one every second */
	bool changing; /**< a count that changes, where stderr is a terminal */
	struct ctl_progress_ends ends;
	/* Its own. */
	int64_t begin_ms;
	int64_t line_ms;
	int64_t changed_ms;
	uint64_t before; /**< packets of the line before */
	bool dirty;      /**< a count stands on the terminal's line */
};

/** The ends that a mirror's spec has. */
struct ctl_progress_ends
ctl_progress_ends_of(const struct vmirror_spec *spec);

/** Time counts from here on. */
void
ctl_progress_begin(struct ctl_progress *progress);

/** With the mirror's statistics; as often as there are some. */
void
ctl_progress_show(struct ctl_progress *progress, const json_t *stats);

/** What stands on the terminal's line goes. */
void
ctl_progress_wipe(struct ctl_progress *progress);

/** The last words, in tcpdump's manner. */
void
ctl_progress_conclude(const json_t *stats);

#endif
