/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_NEAREST_H
#define DEVARGS_NEAREST_H

#include <stddef.h>

/**
 * The known word that a mistyped one most likely meant.
 *
 * @param word   what was typed
 * @param known  NULL-terminated list
 * @return       an entry of known, or NULL when none is near enough to be a typing mistake
 */
const char *
vmirror_nearest(const char *word, const char *const known[]);

/**
 * Write "a, b, c" and, when one of them is near, "; did you mean 'b'?".
 *
 * @param buf, size  where to; always terminated
 * @return           buf
 */
const char *
vmirror_nearest_hint(char *buf, size_t size, const char *word, const char *const known[]);

#endif
