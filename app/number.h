/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_NUMBER_H
#define APP_NUMBER_H

#include <stdint.h>

#include "vmirror_error.h"

/**
 * Read a decimal number of min to max.
 *
 * @return 0; -EINVAL with err set
 */
int
number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value,
	     struct vmirror_error *err);

/**
 * Read seconds, whole or with a fraction ("10", "0.5"), as milliseconds. Zero is refused.
 *
 * @return 0; -EINVAL with err set
 */
int
seconds_parse(const char *text, uint64_t *value_ms, struct vmirror_error *err);

#endif
