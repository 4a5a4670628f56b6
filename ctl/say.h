/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_SAY_H
#define CTL_SAY_H

/** One line for a person on stderr, "vmirrorctl: " in front. */
void
ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** What an allocation gave; without memory the program says so and ends. */
void *
ctl_must(void *memory);

#endif
