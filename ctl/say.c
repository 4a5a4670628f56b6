/* SPDX-License-Identifier: BSD-3-Clause */

/* The client's voice. What was asked for goes to stdout, everything else is said here. */

#include "ctl/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
ctl_say(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	flockfile(stderr);
	fputs("vmirrorctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void *
ctl_must(void *memory)
{
	if (memory == NULL) {
		ctl_say("out of memory");
		exit(1);
	}
	return memory;
}
