/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_ERROR_H
#define DEVARGS_ERROR_H

#include "vmirror_error.h"

/**
 * Write an error's sentence and hand its code back, so that a caller can
 * `return vmirror_error_set(err, -EINVAL, "...")`.
 *
 * @param err   where the sentence goes; NULL: nowhere
 * @param code  negative errno value
 * @return      code
 */
int
vmirror_error_set(struct vmirror_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Put words in front of the sentence that is already there ("mirror 'web': ").
 *
 * @return code
 */
int
vmirror_error_prefix(struct vmirror_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
