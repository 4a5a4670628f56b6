/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

/* cmocka, with what it wants included before it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vmirror_error.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/** The error has one line, and wanted is part of it. */
static inline void
assert_sentence(const struct vmirror_error *err, const char *wanted)
{
	if (strstr(err->text, wanted) == NULL)
		fail_msg("'%s' does not say '%s'", err->text, wanted);
	assert_null(strpbrk(err->text, "\r\n"));
}

#endif
