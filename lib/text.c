/* SPDX-License-Identifier: BSD-3-Clause */

/* Putting sentences together (describe.c, stats.c). */

#include "lib/text.h"

#include <stdarg.h>
#include <stdio.h>

void
vmirror_text_append(struct vmirror_text *text, const char *fmt, ...)
{
	size_t left = text->len < text->size ? text->size - text->len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(left > 0 ? text->buf + text->len : NULL, left, fmt, ap);
	va_end(ap);
	text->len += n > 0 ? (size_t)n : 0;
}
