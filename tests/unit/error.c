/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/error.c: one line, cut to fit, handed back with its code. */

#include "test.h"

#include <errno.h>

#include "devargs/error.h"

static void
set_gives_code_and_sentence(void **state)
{
	struct vmirror_error err;

	assert_int_equal(vmirror_error_set(&err, -ENOENT, "%s: no port %d", "web", 3), -ENOENT);
	assert_string_equal(err.text, "web: no port 3");
	assert_int_equal(vmirror_error_set(NULL, -EINVAL, "nobody reads this"), -EINVAL);
}

static void
set_cuts_and_marks(void **state)
{
	char text[2 * VMIRROR_ERROR_SIZE];
	struct vmirror_error err;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	vmirror_error_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), VMIRROR_ERROR_SIZE - 1);
	assert_string_equal(err.text + VMIRROR_ERROR_SIZE - 5, "x...");

	text[VMIRROR_ERROR_SIZE - 1] = '\0';
	vmirror_error_set(&err, -EINVAL, "%s", text);
	assert_string_equal(err.text, text);
}

static void
set_cuts_no_character_in_two(void **state)
{
	struct vmirror_error err;
	char text[2 * VMIRROR_ERROR_SIZE];

	for (size_t shift = 0; shift < 3; shift++) {
		size_t len = shift;

		memset(text, 'x', shift);
		for (; len + 4 < sizeof(text); len += 3)
			memcpy(text + len, "\xe2\x82\xac", 3);
		text[len] = '\0';
		vmirror_error_set(&err, -EINVAL, "%s", text);
		len = strlen(err.text) - strlen("...");
		assert_int_equal((len - shift) % 3, 0);
		assert_true(len > VMIRROR_ERROR_SIZE - 8);
	}
}

static void
set_makes_one_line(void **state)
{
	struct vmirror_error err;

	vmirror_error_set(&err, -EINVAL, "a\nb\tc\x1b[0m\x7f");
	assert_string_equal(err.text, "a b c [0m ");
}

/* Unicode has control characters as well; what looks like half of one is another's. */
static void
set_leaves_no_control_characters(void **state)
{
	struct vmirror_error err;

	vmirror_error_set(&err, -EINVAL, "%s",
			  "a\x1b[2J\xc2\x9b\xc2\x80z\xc2\x9f \xc2\xa0\xc3\x9b\xc2");
	assert_string_equal(err.text, "a [2J    z   \xc2\xa0\xc3\x9b\xc2");
}

static void
set_may_read_what_it_writes(void **state)
{
	struct vmirror_error err;

	vmirror_error_set(&err, -EINVAL, "inner");
	vmirror_error_set(&err, -EINVAL, "outer, %s", err.text);
	assert_string_equal(err.text, "outer, inner");
}

static void
prefix_goes_in_front(void **state)
{
	struct vmirror_error err;

	vmirror_error_set(&err, -EINVAL, "no port");
	assert_int_equal(vmirror_error_prefix(&err, -EIO, "mirror '%s': ", "web"), -EIO);
	assert_string_equal(err.text, "mirror 'web': no port");
	assert_int_equal(vmirror_error_prefix(NULL, -EIO, "nobody: "), -EIO);
}

static void
prefix_cuts_the_end(void **state)
{
	struct vmirror_error err;

	vmirror_error_set(&err, -EINVAL, "%0*d", VMIRROR_ERROR_SIZE - 1, 7);
	vmirror_error_prefix(&err, -EINVAL, "in front: ");
	assert_int_equal(strlen(err.text), VMIRROR_ERROR_SIZE - 1);
	assert_int_equal(strncmp(err.text, "in front: 000", 13), 0);
	assert_string_equal(err.text + VMIRROR_ERROR_SIZE - 4, "...");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_gives_code_and_sentence),
		cmocka_unit_test(set_cuts_and_marks),
		cmocka_unit_test(set_cuts_no_character_in_two),
		cmocka_unit_test(set_makes_one_line),
		cmocka_unit_test(set_leaves_no_control_characters),
		cmocka_unit_test(set_may_read_what_it_writes),
		cmocka_unit_test(prefix_goes_in_front),
		cmocka_unit_test(prefix_cuts_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
