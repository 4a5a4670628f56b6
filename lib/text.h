/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

/* A text that is put together piece by piece in a buffer that may be too small for it. */

#include <stddef.h>

struct vmirror_text {
	char *buf; /**< ends in '\0' if size is not 0 */
	size_t size;
	size_t len; /**< of the whole, also of what did not fit */
};

/** Append a piece, as for printf. */
void
vmirror_text_append(struct vmirror_text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
