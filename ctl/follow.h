/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

/* Staying with a mirror of one's own until it ends, or Ctrl-C. */

#include <sys/types.h>

#include "ctl/progress.h"
#include "ctl/session.h"

struct ctl_follow {
	struct ctl_session *session;
	const char *name;
	uint64_t serial; /**< the mirror's own: its name may be another's when it is gone */
	struct ctl_progress *progress; /**< who looks on; NULL: nobody, and no counts at the end */
	/** Called with each statistics of the mirror, the last of them exact, and says whether that is
	 * enough. NULL: not called */
	bool (*heard)(void *arg, const json_t *stats);
	void *arg;
	pid_t child;  /**< that shows the packets; its end is the mirror's. 0: none */
	pid_t parent; /**< that wants them; so is its end. 0: none */
	/** Through which somebody reads them; what comes when he has gone is lost to nobody. NULL: none */
	const char *fifo;
	/** Quiet, but for packets that were dropped, of this. NULL: for nothing */
	const char *losses;
};

/** From here on Ctrl-C counts, also where a shell has its jobs in the background ignore it. */
void
ctl_follow_heed(void);

/**
 * Wait, then take the mirror away, wait for the child, and print the counts. A second Ctrl-C ends the
 * program at once, and what it leaves the process takes away; where there is a parent, SIGKILL does.
 *
 * @return 0: it ended as it was meant to; -errno with err set
 */
int
ctl_follow(const struct ctl_follow *follow, struct vmirror_error *err);

#endif
