/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_SAY_H
#define APP_SAY_H

/** Print "vmirror: …" and a newline to stderr, in one piece. Any thread. */
void
say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
