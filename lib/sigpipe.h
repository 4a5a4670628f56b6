/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_SIGPIPE_H
#define LIB_SIGPIPE_H

/*
 * Drivers that talk over a socket write to peers that may be dead, which raises SIGPIPE on the
 * thread that calls them. The host did not ask for that: it is held back while we call a driver,
 * and forgotten.
 */

#include <signal.h>
#include <stdbool.h>

struct vmirror_sigpipe {
	sigset_t mask;
	bool was_pending;
};

void
vmirror_sigpipe_block(struct vmirror_sigpipe *before);

void
vmirror_sigpipe_restore(const struct vmirror_sigpipe *before);

#endif
