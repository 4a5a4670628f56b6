/* SPDX-License-Identifier: BSD-3-Clause */

/* Holding SIGPIPE back on the calling thread; vdev.c and sink.c use it around driver calls. */

#include "lib/sigpipe.h"

#include <time.h>

static bool
is_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

void
vmirror_sigpipe_block(struct vmirror_sigpipe *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &before->mask);
	before->was_pending = is_pending();
}

void
vmirror_sigpipe_restore(const struct vmirror_sigpipe *before)
{
	const struct timespec none = {0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	/* One that came before is the host's. */
	if (!before->was_pending && is_pending())
		sigtimedwait(&set, NULL, &none);
	pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}
