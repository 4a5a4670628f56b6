/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/words.c: the command line, in any order, and what is wrong with it. */

#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "ctl/words.h"

static const struct ctl_option own[] = {
	{CTL_KEY_WRITE, 'w', NULL, "FILE", ""},
	{CTL_KEY_DISPLAY, 'n', NULL, NULL, "", .repeatable = true},
	{CTL_KEY_JSON, 'j', "json", NULL, ""},
	{CTL_KEY_LIVE, 0, "live", "SECONDS", "", .optional = true},
	{CTL_KEY_COMMENT, 0, "comment", "TEXT", ""},
	{CTL_KEY_NONE},
};
static const struct ctl_option others[] = {
	{CTL_KEY_PID, 'p', NULL, "PID", ""},
	{CTL_KEY_CONTROL, 0, "control", "PATH", ""},
	{CTL_KEY_NONE},
};
static const struct ctl_option *const tables[] = {own, others, NULL};

/* Words of a line, with single blanks between. */
static int
parse(struct ctl_words *words, const char *line, enum ctl_words_extent extent,
      struct vmirror_error *err)
{
	static char copy[256];
	char *argv[32], *save;
	int argc = 0;

	*words = (struct ctl_words){0};
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return ctl_words_parse(words, tables, argc, argv, extent, err);
}

static void
takes(struct ctl_words *words, const char *line)
{
	struct vmirror_error err = {""};

	if (parse(words, line, CTL_WORDS_ALL, &err) < 0)
		fail_msg("%s: %s", line, err.text);
}

static void
refuses(const char *line, const char *wanted)
{
	struct vmirror_error err = {""};
	struct ctl_words words;

	assert_int_equal(parse(&words, line, CTL_WORDS_ALL, &err), -EINVAL);
	assert_sentence(&err, wanted);
	ctl_words_fini(&words);
}

static void
any_order(void **state)
{
	static const char *const lines[] = {
		"-w f --json -p 12 tcp port 80",   "tcp port 80 -p 12 -wf --json",
		"tcp -p12 port -jw f 80",          "--json -w f -p 12 -- tcp port 80",
		"-jn -nnw f -p 12 tcp port -- 80",
	};

	for (size_t i = 0; i < N_ELEMENTS(lines); i++) {
		struct ctl_words words;

		takes(&words, lines[i]);
		assert_string_equal(ctl_words_value(&words, CTL_KEY_WRITE), "f");
		assert_string_equal(ctl_words_value(&words, CTL_KEY_PID), "12");
		assert_true(ctl_words_has(&words, CTL_KEY_JSON));
		assert_null(ctl_words_value(&words, CTL_KEY_JSON));
		assert_false(ctl_words_has(&words, CTL_KEY_CONTROL));
		assert_int_equal(words.n_args, 3);
		assert_string_equal(words.args[0], "tcp");
		assert_string_equal(words.args[2], "80");
		ctl_words_fini(&words);
	}
}

static void
values(void **state)
{
	struct ctl_words words;

	takes(&words, "--comment=a=b -w - --control --json x");
	assert_string_equal(ctl_words_value(&words, CTL_KEY_COMMENT), "a=b");
	assert_string_equal(ctl_words_value(&words, CTL_KEY_WRITE), "-");
	assert_string_equal(ctl_words_value(&words, CTL_KEY_CONTROL), "--json");
	assert_int_equal(words.n_args, 1);
	ctl_words_fini(&words);
	takes(&words, "- -- -n --json");
	assert_int_equal(words.n_args, 3);
	assert_int_equal(words.n_given, 0);
	ctl_words_fini(&words);
}

static void
value_that_may_be_left_out(void **state)
{
	static const struct {
		const char *line;
		const char *value;
		unsigned int n_args;
	} cases[] = {
		{"--live", NULL, 0},          {"--live web", NULL, 1}, {"--live 2", "2", 0},
		{"--live 0.5 web", "0.5", 1}, {"--live=2 3", "2", 1},  {"3 --live", NULL, 1},
		{"--live -j", NULL, 0},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct ctl_words words;
		const char *value;

		takes(&words, cases[i].line);
		value = ctl_words_value(&words, CTL_KEY_LIVE);
		assert_true(ctl_words_has(&words, CTL_KEY_LIVE));
		assert_int_equal(value == NULL, cases[i].value == NULL);
		if (value != NULL)
			assert_string_equal(value, cases[i].value);
		assert_int_equal(words.n_args, cases[i].n_args);
		ctl_words_fini(&words);
	}
}

static void
before_arguments(void **state)
{
	struct vmirror_error err;
	struct ctl_words words;

	assert_int_equal(parse(&words, "-p 12 --json list --live", CTL_WORDS_BEFORE_ARGS, &err), 3);
	assert_int_equal(words.n_given, 2);
	assert_int_equal(words.n_args, 0);
	ctl_words_fini(&words);
}

static void
slips(void **state)
{
	refuses("--jsno", "unknown option '--jsno'; did you mean '--json'?");
	refuses("--xyzzy", "unknown option '--xyzzy'");
	refuses("-y", "unknown option '-y'");
	refuses("-jy", "unknown option '-y'");
	refuses("-w", "-w needs a value: -w FILE");
	refuses("--comment", "--comment needs a value: --comment TEXT");
	refuses("--json=1", "--json takes no value");
	refuses("-w a -w b", "-w is given twice");
	refuses("-j --json", "--json is given twice");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),
		cmocka_unit_test(values),
		cmocka_unit_test(value_that_may_be_left_out),
		cmocka_unit_test(before_arguments),
		cmocka_unit_test(slips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
