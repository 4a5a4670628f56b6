/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_VALUE_H
#define DEVARGS_VALUE_H

/*
 * The values that a spec's keys take: numbers, times, choices, words. Each function checks one
 * whole text and, when it refuses, names the key that the text was given for.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmirror_error.h"

struct vmirror_value_limits {
	uint64_t min;
	uint64_t max;
	bool scaled; /**< k, M or G (powers of 1000) may follow */
};

/** 0, or -EINVAL with err set, as all here. */
int
vmirror_value_number(uint64_t *number, const char *text, const struct vmirror_value_limits *limits,
		     const char *key, struct vmirror_error *err);

/** Milliseconds from "10", "10s", "500ms", "5m", "1h". */
int
vmirror_value_duration(uint64_t *ms, const char *text, const char *key, struct vmirror_error *err);

/** The unit in which a duration is a whole number, and that number. */
const char *
vmirror_value_duration_unit(uint64_t ms, uint64_t *number);

/** Queues "3" or "0-3". */
int
vmirror_value_range(uint16_t *first, uint16_t *last, const char *text, struct vmirror_error *err);

/** The index of text in a NULL-terminated list. */
int
vmirror_value_choice(unsigned int *index, const char *text, const char *const known[],
		     const char *key, struct vmirror_error *err);

/** What a word may be made of besides letters and digits. */
struct vmirror_value_word {
	const char *others;
	unsigned int max_len;     /**< 0: any */
	bool starts_alphanumeric; /**< its first byte is a letter or a digit */
};

int
vmirror_value_check_word(const char *text, const struct vmirror_value_word *word, const char *key,
			 struct vmirror_error *err);

/** Refuse control bytes but the tab: a spec, built, is one line. */
int
vmirror_value_check_line(const char *text, const char *key, struct vmirror_error *err);

/** Longest device name: RTE_DEV_NAME_MAX_LEN without its terminator. */
#define VMIRROR_VALUE_DEVICE_NAME_MAX 63

/** A copy of text for the caller to free(); -ENOMEM with err set. */
int
vmirror_value_copy(char **copy, const char *text, struct vmirror_error *err);

/** Set the error of memory that ran out; -ENOMEM. */
int
vmirror_value_no_memory(struct vmirror_error *err);

/** Whether text is one or more decimal digits. */
bool
vmirror_value_is_digits(const char *text);

#endif
