/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control/refusals.c: each refusal is told, or is in a number that is, and there are never more lines than
 * it says, for one connection and for all.
 */

#include "test.h"

#include <stdarg.h>

#include "control/refusals.h"
#include "lib/shared.h"
#include "lib/thread.h"

#define SECOND UINT64_C(1000000000)

static uint64_t now_ns;
static char last[VMIRROR_ERROR_SIZE];
static unsigned int n_lines;
static uint64_t told; /* refusals that the lines tell of */

uint64_t
vmirror_now_ns(void)
{
	return now_ns;
}

void
vmirror_shared_tell(enum vmirror_level level, const char *fmt, ...)
{
	const char *number;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last, sizeof(last), fmt, ap);
	va_end(ap);
	n_lines++;
	number = strstr(last, " times more");
	told += number == NULL ? 1 : 0;
	if (number == NULL)
		return;
	while (number > last && number[-1] != ' ')
		number--;
	told += strtoull(number, NULL, 10);
}

static int
begin(void **state)
{
	now_ns = 77 * SECOND;
	n_lines = 0;
	told = 0;
	last[0] = '\0';
	vmirror_refusals_begin();
	return 0;
}

static void
refuse(struct vmirror_session *s, unsigned int n)
{
	const struct vmirror_error err = {.text = "core= is not for uid 1000"};

	while (n-- > 0)
		vmirror_refusals_tell(s, "add", &err);
}

static void
one_connection(void **state)
{
	struct vmirror_session s = {.pid = 4711, .uid = 1000}, other = {.pid = 4712, .uid = 7};

	refuse(&s, 1);
	assert_string_equal(last, "control: pid 4711, uid 1000 was refused add: "
				  "core= is not for uid 1000");
	refuse(&s, 9);
	assert_int_equal(n_lines, 3);
	/* It is over with one, and not with another. */
	refuse(&other, 1);
	assert_int_equal(n_lines, 4);
	assert_non_null(strstr(last, "pid 4712, uid 7"));
	vmirror_refusals_conclude(&s);
	assert_string_equal(last, "control: pid 4711, uid 1000 was refused 7 times more");
	vmirror_refusals_conclude(&other);
	assert_int_equal(n_lines, 5);
	assert_int_equal(told, 11);
	vmirror_refusals_finish();
	assert_int_equal(n_lines, 5);
}

/* Whoever comes again and again. */
static void
come_and_go(unsigned int connections, unsigned int refusals)
{
	while (connections-- > 0) {
		struct vmirror_session s = {.pid = 4711, .uid = 1000};

		refuse(&s, refusals);
		vmirror_refusals_conclude(&s);
	}
}

static void
all_connections(void **state)
{
	come_and_go(10000, 5);
	assert_int_equal(n_lines, 32);
	now_ns += SECOND - 1;
	come_and_go(10000, 5);
	assert_int_equal(n_lines, 32);
	now_ns += 1;
	come_and_go(10000, 5);
	assert_int_equal(n_lines, 33);
	now_ns += 10 * SECOND;
	come_and_go(10000, 5);
	assert_int_equal(n_lines, 43);
	vmirror_refusals_finish();
	assert_int_equal(n_lines, 44);
	assert_non_null(strstr(last, "control: clients that have gone were refused "));
	assert_int_equal(told, 4 * 10000 * 5);
}

/* After a pause there is room for as many as at the beginning, and what was counted is told at once. */
static void
after_a_pause(void **state)
{
	come_and_go(1000, 1);
	assert_int_equal(n_lines, 32);
	now_ns += 1000 * SECOND;
	come_and_go(1, 1);
	assert_int_equal(n_lines, 34);
	assert_int_equal(told, 1001);
	come_and_go(1000, 1);
	assert_int_equal(n_lines, 34 + 30);
	vmirror_refusals_begin();
	vmirror_refusals_finish();
	assert_int_equal(n_lines, 34 + 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_connection, begin),
		cmocka_unit_test_setup(all_connections, begin),
		cmocka_unit_test_setup(after_a_pause, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
