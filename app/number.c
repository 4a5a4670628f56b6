/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Numbers as they stand on the command line. Signs, blanks, hexadecimal and anything trailing are
 * refused, which strtoul() would let pass. Used by options.c and pair.c.
 */

#include "number.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#include "devargs/error.h"

/* A year: long enough to be no limit, short enough never to overflow. */
#define SECONDS_MAX (365U * 24 * 60 * 60)

/* Reads digits from *text on and moves it behind them; saturates at UINT64_MAX. */
static uint64_t
digits(const char **text)
{
	uint64_t value = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value))
			value = UINT64_MAX;
	}
	return value;
}

int
number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value,
	     struct vmirror_error *err)
{
	const char *p = text;
	uint64_t number = digits(&p);

	if (p == text || *p != '\0' || number < min || number > max)
		return vmirror_error_set(err, -EINVAL,
					 "'%s' is not a number from %" PRIu64 " to %" PRIu64, text,
					 min, max);
	*value = number;
	return 0;
}

int
seconds_parse(const char *text, uint64_t *value_ms, struct vmirror_error *err)
{
	uint64_t whole_s, fraction_ms = 0;
	const char *p = text, *start;

	whole_s = digits(&p);
	if (p == text || whole_s > SECONDS_MAX)
		goto bad;
	if (*p == '.') {
		start = ++p;
		for (unsigned int unit_ms = 100; *p >= '0' && *p <= '9'; p++, unit_ms /= 10)
			fraction_ms += (uint64_t)(*p - '0') * unit_ms;
		if (p == start)
			goto bad;
	}
	if (*p != '\0' || whole_s * 1000 + fraction_ms == 0)
		goto bad;
	*value_ms = whole_s * 1000 + fraction_ms;
	return 0;
bad:
	return vmirror_error_set(err, -EINVAL, "'%s' is not a number of seconds from 0.001 to %u",
				 text, SECONDS_MAX);
}
