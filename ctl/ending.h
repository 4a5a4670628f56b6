/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_ENDING_H
#define CTL_ENDING_H

/* What a signal that ends this program takes along: one thing at a time. */

/**
 * From now on SIGINT, SIGTERM and SIGHUP, as far as they end this program, call take first.
 *
 * @param take  in a signal handler, and so only what may be called there
 */
void
ctl_ending_takes(void (*take)(void *arg), void *arg);

/** It is there no more, or somebody else's: with another arg than the last one's nothing happens. */
void
ctl_ending_leaves(const void *arg);

#endif
