/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The application's voice: what it tells a person goes to stderr, one line at a time. Figures go
 * to stdout, see report.c.
 */

#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

#define WAIT_MS 200

void
say(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	size_t len;

	len = (size_t)snprintf(line, sizeof(line), "vmirror: ");
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);

	/* One write, so that lines of several threads do not mix. */
	len = strlen(line);
	line[len++] = '\n';
	out_write(STDERR_FILENO, line, len, WAIT_MS);
}
