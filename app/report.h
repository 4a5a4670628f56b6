/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_REPORT_H
#define APP_REPORT_H

/*
 * Figures, on stdout, or on stderr where a capture has that: lines of key=value, the same at every
 * interval and at the end.
 *
 * The housekeeping thread reports while packets flow, the main thread when it has ended that; they
 * never do at once.
 */

#include <stdbool.h>
#include <stdint.h>

struct forward;
struct ports;

struct report {
	const struct ports *ports;
	const struct forward *forward;
	uint64_t begin_ms;
	uint64_t last_ms;
	int fd;            /* where to */
	bool unread;       /* nobody reads it; that was told */
	uint64_t *last_rx; /* by position in ports, for the rates */
	uint64_t *last_tx;
};

/** @param fd  where to. @return 0; -ENOMEM */
int
report_init(struct report *report, const struct ports *ports, const struct forward *forward,
	    int fd);

/** Takes a zeroed one, too. */
void
report_fini(struct report *report);

/** What goes on now: a line for the time, one per port with rates, one per mirror. */
void
report_now(struct report *report);

/** The last word: a line per mirror, one per port. Mirrors should be detached. */
void
report_final(struct report *report);

#endif
