/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers, times, choices and words, strict: no sign, no white space, nothing behind. spec.c says
 * which key takes which.
 */

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "nearest.h"
#include "token.h"
#include "value.h"

static const struct {
	const char *suffix;
	uint64_t factor;
} scales[] = {
	{"", 1},
	{"k", 1000},
	{"M", 1000000},
	{"G", 1000000000},
};

/* Largest first; seconds also go without. */
static const struct {
	const char *suffix;
	uint64_t ms;
} units[] = {
	{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {"", 1000},
};

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The digits at *at; false when there are none or they exceed 64 bits. */
static bool
read_digits(const char **at, uint64_t *number)
{
	const char *p = *at;

	*number = 0;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*p - '0'), number))
			return false;
	if (p == *at)
		return false;
	*at = p;
	return true;
}

static bool
read_scaled(const char *text, bool scaled, uint64_t *number)
{
	size_t n_scales = scaled ? N_ELEMENTS(scales) : 1;

	if (!read_digits(&text, number))
		return false;
	for (size_t i = 0; i < n_scales; i++)
		if (strcmp(text, scales[i].suffix) == 0)
			return !__builtin_mul_overflow(*number, scales[i].factor, number);
	return false;
}

int
vmirror_value_number(uint64_t *number, const char *text, const struct vmirror_value_limits *limits,
		     const char *key, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	uint64_t value;

	if (read_scaled(text, limits->scaled, &value) && value >= limits->min &&
	    value <= limits->max) {
		*number = value;
		return 0;
	}
	return vmirror_error_set(
		err, -EINVAL,
		"%s: %s is not a number that it takes; right would be %" PRIu64 " to %" PRIu64 "%s",
		key, vmirror_token_quote(quoted, sizeof(quoted), text, strlen(text)), limits->min,
		limits->max, limits->scaled ? ", also with a suffix k, M or G" : "");
}

static bool
read_duration(const char *text, uint64_t *ms)
{
	if (!read_digits(&text, ms))
		return false;
	for (size_t i = 0; i < N_ELEMENTS(units); i++)
		if (strcmp(text, units[i].suffix) == 0)
			return !__builtin_mul_overflow(*ms, units[i].ms, ms) && *ms > 0;
	return false;
}

int
vmirror_value_duration(uint64_t *ms, const char *text, const char *key, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	uint64_t value;

	if (read_duration(text, &value)) {
		*ms = value;
		return 0;
	}
	return vmirror_error_set(
		err, -EINVAL,
		"%s: %s is not a time from 1 to %" PRIu64 " milliseconds; right "
		"would be a number and its unit: 500ms, 10s, 5m or 1h",
		key, vmirror_token_quote(quoted, sizeof(quoted), text, strlen(text)), UINT64_MAX);
}

const char *
vmirror_value_duration_unit(uint64_t ms, uint64_t *number)
{
	size_t i = 0;

	while (ms % units[i].ms != 0)
		i++;
	*number = ms / units[i].ms;
	return units[i].suffix;
}

int
vmirror_value_range(uint16_t *first, uint16_t *last, const char *text, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	const char *p = text;
	uint64_t from, to;

	vmirror_token_quote(quoted, sizeof(quoted), text, strlen(text));
	if (!read_digits(&p, &from))
		goto refuse;
	to = from;
	if (*p == '-') {
		p++;
		if (!read_digits(&p, &to))
			goto refuse;
	}
	if (*p != '\0' || from > UINT16_MAX || to > UINT16_MAX)
		goto refuse;
	if (from > to)
		return vmirror_error_set(err, -EINVAL,
					 "queue: the range %s runs backwards; right would be "
					 "%" PRIu64 "-%" PRIu64,
					 quoted, to, from);
	*first = (uint16_t)from;
	*last = (uint16_t)to;
	return 0;

refuse:
	return vmirror_error_set(err, -EINVAL,
				 "queue: %s is neither a queue nor a range of them; right would be "
				 "3, 0-3 or [0-3,7], of 0 to %d (all queues: leave the key out)",
				 quoted, UINT16_MAX);
}

int
vmirror_value_choice(unsigned int *index, const char *text, const char *const known[],
		     const char *key, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	char hint[VMIRROR_ERROR_SIZE];

	for (unsigned int i = 0; known[i] != NULL; i++) {
		if (strcmp(text, known[i]) == 0) {
			*index = i;
			return 0;
		}
	}
	return vmirror_error_set(err, -EINVAL, "%s: %s is unknown; known: %s", key,
				 vmirror_token_quote(quoted, sizeof(quoted), text, strlen(text)),
				 vmirror_nearest_hint(hint, sizeof(hint), text, known));
}

int
vmirror_value_check_word(const char *text, const struct vmirror_value_word *word, const char *key,
			 struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	char byte[16];
	size_t len = strlen(text);

	vmirror_token_quote(quoted, sizeof(quoted), text, len);
	if (word->max_len != 0 && len > word->max_len)
		return vmirror_error_set(err, -EINVAL,
					 "%s: %s has %zu characters; right would be at most %u",
					 key, quoted, len, word->max_len);
	for (const char *p = text; *p != '\0'; p++)
		if (!is_alphanumeric(*p) && strchr(word->others, *p) == NULL)
			return vmirror_error_set(
				err, -EINVAL,
				"%s: %s holds %s; right would be letters, digits and any of %s",
				key, quoted, vmirror_token_quote(byte, sizeof(byte), p, 1),
				word->others);
	if (word->starts_alphanumeric && !is_alphanumeric(text[0]))
		return vmirror_error_set(err, -EINVAL,
					 "%s: %s begins with '%c'; right would be a letter or a "
					 "digit first",
					 key, quoted, text[0]);
	return 0;
}

int
vmirror_value_check_line(const char *text, const char *key, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	char byte[16];

	for (const char *p = text; *p != '\0'; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return vmirror_error_set(
				err, -EINVAL,
				"%s: %s holds the control byte %s; right would be printable text",
				key,
				vmirror_token_quote(quoted, sizeof(quoted), text, strlen(text)),
				vmirror_token_quote(byte, sizeof(byte), p, 1));
	return 0;
}

bool
vmirror_value_is_digits(const char *text)
{
	if (*text == '\0')
		return false;
	while (is_digit(*text))
		text++;
	return *text == '\0';
}

int
vmirror_value_copy(char **copy, const char *text, struct vmirror_error *err)
{
	size_t size = strlen(text) + 1;

	*copy = malloc(size);
	if (*copy == NULL)
		return vmirror_value_no_memory(err);
	memcpy(*copy, text, size);
	return 0;
}

int
vmirror_value_no_memory(struct vmirror_error *err)
{
	return vmirror_error_set(err, -ENOMEM, "no memory left to keep the spec");
}
