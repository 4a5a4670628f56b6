/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/value.c: what each kind of value takes, up to its limits and not beyond. */

#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include "devargs/value.h"

static void
numbers(void **state)
{
	static const struct vmirror_value_limits any = {.max = UINT64_MAX};
	static const struct vmirror_value_limits scaled = {.max = UINT64_MAX, .scaled = true};
	static const struct vmirror_value_limits narrow = {.min = 2, .max = 4};
	static const struct {
		const char *text;
		const struct vmirror_value_limits *limits;
		uint64_t number;
	} cases[] = {
		{"0", &any, 0},
		{"007", &any, 7},
		{"18446744073709551615", &any, UINT64_MAX},
		{"2", &narrow, 2},
		{"4", &narrow, 4},
		{"3", &scaled, 3},
		{"3k", &scaled, 3000},
		{"3M", &scaled, 3000000},
		{"3G", &scaled, 3000000000},
		{"18446744073G", &scaled, 18446744073000000000u},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		uint64_t number = 1;

		assert_int_equal(
			vmirror_value_number(&number, cases[i].text, cases[i].limits, "n", NULL),
			0);
		assert_int_equal(number, cases[i].number);
	}
}

static void
numbers_refused(void **state)
{
	static const char *const texts[] = {
		"",    "-3",  "+3",       " 3",  "3 ",
		"0x3", "3.0", "three",    "1",   "5",
		"3k",  "3K",  "\xd9\xa3", "3\n", "18446744073709551619"};
	static const char *const scaled_texts[] = {"k", "1K", "1kk", "1m", "18446744074G", "1k "};
	static const struct vmirror_value_limits narrow = {.min = 2, .max = 4};
	static const struct vmirror_value_limits scaled = {.max = UINT64_MAX, .scaled = true};
	struct vmirror_error err;
	uint64_t number = 77;

	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		assert_int_equal(vmirror_value_number(&number, texts[i], &narrow, "n", &err),
				 -EINVAL);
		assert_sentence(&err, "right would be 2 to 4");
	}
	for (size_t i = 0; i < N_ELEMENTS(scaled_texts); i++) {
		assert_int_equal(vmirror_value_number(&number, scaled_texts[i], &scaled, "n", &err),
				 -EINVAL);
		assert_sentence(&err, "suffix k, M or G");
	}
	assert_int_equal(number, 77);
}

static void
durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
		uint64_t number;
		const char *unit;
	} cases[] = {
		{"10", 10000, 10, "s"},
		{"10s", 10000, 10, "s"},
		{"1ms", 1, 1, "ms"},
		{"1500ms", 1500, 1500, "ms"},
		{"60s", 60000, 1, "m"},
		{"90m", 5400000, 90, "m"},
		{"120m", 7200000, 2, "h"},
		{"1h", 3600000, 1, "h"},
		{"18446744073709551615ms", UINT64_MAX, UINT64_MAX, "ms"},
		{"18446744073709551s", 18446744073709551000u, 18446744073709551, "s"},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		uint64_t ms, number;
		const char *unit;

		assert_int_equal(vmirror_value_duration(&ms, cases[i].text, "d", NULL), 0);
		assert_int_equal(ms, cases[i].ms);
		unit = vmirror_value_duration_unit(ms, &number);
		assert_int_equal(number, cases[i].number);
		assert_string_equal(unit, cases[i].unit);
	}
}

static void
durations_refused(void **state)
{
	static const char *const texts[] = {"",
					    "0",
					    "0ms",
					    "0h",
					    "s",
					    "1.5s",
					    "-1s",
					    "1 s",
					    "1sec",
					    "1d",
					    "1S",
					    "1msx",
					    "1h ",
					    "18446744073709552s",
					    "5124095576031h"};
	struct vmirror_error err;
	uint64_t ms = 77;

	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		assert_int_equal(vmirror_value_duration(&ms, texts[i], "d", &err), -EINVAL);
		assert_sentence(&err, "500ms, 10s, 5m or 1h");
	}
	assert_int_equal(ms, 77);
}

static void
ranges(void **state)
{
	static const char *const refused[] = {"",      "-",     "1-",      "-1",
					      "1-2-3", "1 - 2", "a",       "0x1",
					      "2-1",   "65536", "0-65536", "99999999999999999999"};
	struct vmirror_error err;
	uint16_t first, last;

	assert_int_equal(vmirror_value_range(&first, &last, "3", NULL), 0);
	assert_int_equal(first, 3);
	assert_int_equal(last, 3);
	assert_int_equal(vmirror_value_range(&first, &last, "0-65535", NULL), 0);
	assert_int_equal(first, 0);
	assert_int_equal(last, 65535);
	for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
		assert_int_equal(vmirror_value_range(&first, &last, refused[i], &err), -EINVAL);
		assert_sentence(&err, "right would be ");
	}
	vmirror_value_range(&first, &last, "7-3", &err);
	assert_sentence(&err, "'7-3' runs backwards; right would be 3-7");
}

static void
choices(void **state)
{
	static const char *const known[] = {"rx", "tx", "rxtx", NULL};
	struct vmirror_error err;
	unsigned int index = 9;

	assert_int_equal(vmirror_value_choice(&index, "rxtx", known, "dir", &err), 0);
	assert_int_equal(index, 2);
	assert_int_equal(vmirror_value_choice(&index, "both", known, "dir", &err), -EINVAL);
	assert_string_equal(err.text, "dir: 'both' is unknown; known: rx, tx, rxtx");
	assert_int_equal(vmirror_value_choice(&index, "RX", known, "dir", &err), -EINVAL);
	assert_sentence(&err, "did you mean 'rx'?");
}

static void
words(void **state)
{
	static const struct vmirror_value_word word = {"_-", 5, true};
	static const struct {
		const char *text;
		const char *sentence;
	} refused[] = {
		{"abcdef", "'abcdef' has 6 characters; right would be at most 5"},
		{"a b", "'a b' holds ' '; right would be letters, digits and any of _-"},
		{"a\xff", "'a\\xff' holds '\\xff'"},
		{"-a", "'-a' begins with '-'"},
	};
	struct vmirror_error err;

	assert_int_equal(vmirror_value_check_word("aZ0_-", &word, "w", NULL), 0);
	for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
		assert_int_equal(vmirror_value_check_word(refused[i].text, &word, "w", &err),
				 -EINVAL);
		assert_sentence(&err, refused[i].sentence);
	}
}

static void
lines(void **state)
{
	struct vmirror_error err;

	assert_int_equal(vmirror_value_check_line("a\tb \xc3\xb6", "k", &err), 0);
	assert_int_equal(vmirror_value_check_line("a\x1b[0m", "k", &err), -EINVAL);
	assert_sentence(&err, "k: 'a\\x1b[0m' holds the control byte '\\x1b'");
	assert_int_equal(vmirror_value_check_line("\x7f", "k", &err), -EINVAL);
	assert_int_equal(vmirror_value_check_line("a\n", "k", &err), -EINVAL);
}

static void
digits(void **state)
{
	assert_true(vmirror_value_is_digits("0123456789"));
	assert_false(vmirror_value_is_digits(""));
	assert_false(vmirror_value_is_digits("1a"));
	assert_false(vmirror_value_is_digits("-1"));
}

static void
copies(void **state)
{
	char *copy;

	assert_int_equal(vmirror_value_copy(&copy, "text", NULL), 0);
	assert_string_equal(copy, "text");
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),   cmocka_unit_test(numbers_refused),
		cmocka_unit_test(durations), cmocka_unit_test(durations_refused),
		cmocka_unit_test(ranges),    cmocka_unit_test(choices),
		cmocka_unit_test(words),     cmocka_unit_test(lines),
		cmocka_unit_test(digits),    cmocka_unit_test(copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
