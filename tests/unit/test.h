/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

/* cmocka, with what it wants included before it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "vmirror_error.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static inline bool
test_is_soak(void)
{
	return getenv("VMIRROR_TEST_SOAK") != NULL;
}

/**
 * Times that a test goes round: few, or in a soak run many, a tenth of them under a sanitizer (but not
 * fewer than few).
 */
static inline uint64_t
test_rounds(uint64_t few, uint64_t many)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	many = few > many / 10 ? few : many / 10;
#endif
	return test_is_soak() ? many : few;
}

/** The same numbers each time. @param state  where it is; any number to begin with */
static inline uint32_t
test_random(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(*state) * below >> 32);
}

/** The error has one line, and wanted is part of it. */
static inline void
assert_sentence(const struct vmirror_error *err, const char *wanted)
{
	if (strstr(err->text, wanted) == NULL)
		fail_msg("'%s' does not say '%s'", err->text, wanted);
	assert_null(strpbrk(err->text, "\r\n"));
}

#endif
