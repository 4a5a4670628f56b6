/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/token.c: where items end, what quotes and brackets keep together, what is refused. */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "devargs/spec.h"
#include "devargs/token.h"

/* One line for a token: kind, key and value. */
static void
describe(char *buf, size_t size, const struct vmirror_token *token)
{
	static const char *const kinds[] = {"bare", "bracketed", "quoted"};
	char *value = vmirror_token_dup(token);

	assert_non_null(value);
	snprintf(buf, size, "%s %.*s<%s>", kinds[token->kind], (int)token->key_len,
		 token->key != NULL ? token->key : "", value);
	free(value);
}

static void
items_are_split(void **state)
{
	static const struct {
		const char *text;
		const char *items[4];
	} cases[] = {
		{"", {NULL}},
		{" \t\r\n", {NULL}},
		{"a=b", {"bare a<b>"}},
		{"a=b,c=d", {"bare a<b>", "bare c<d>"}},
		{" a = b c ,\n d", {"bare a<b c>", "bare <d>"}},
		{"a=b=c", {"bare a<b=c>"}},
		{"a=[b,c],d", {"bracketed a<[b,c]>", "bare <d>"}},
		{"a=[b] ", {"bracketed a<[b]>"}},
		{"a=x[1,2] & (3,4) != 0,b", {"bare a<x[1,2] & (3,4) != 0>", "bare <b>"}},
		{"a=(b,c)", {"bare a<(b,c)>"}},
		{"a=[b][c]", {"bare a<[b][c]>"}},
		{"a=[\"],[\",b]", {"bracketed a<[\"],[\",b]>"}},
		{"a=[\"\\\"]\"]", {"bracketed a<[\"\\\"]\"]>"}},
		{"a=\"b,c]\" ,d", {"quoted a<b,c]>", "bare <d>"}},
		{"a=\"\\\"\\\\\\n\"", {"quoted a<\"\\\\n>"}},
		{"a=b\\,c", {"bare a<b\\>", "bare <c>"}},
		{"\"a=b\"", {"quoted <a=b>"}},
		{"[a=b]", {"bracketed <[a=b]>"}},
		{"(a)=b", {"bare <(a)=b>"}},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct vmirror_token_scan scan;
		struct vmirror_token token;
		struct vmirror_error err = {""};
		char found[128];

		vmirror_token_init(&scan, cases[i].text, strlen(cases[i].text));
		for (size_t j = 0; cases[i].items[j] != NULL; j++) {
			assert_int_equal(vmirror_token_next(&scan, &token, &err), 1);
			describe(found, sizeof(found), &token);
			assert_string_equal(found, cases[i].items[j]);
		}
		assert_int_equal(vmirror_token_next(&scan, &token, &err), 0);
		assert_int_equal(vmirror_token_next(&scan, &token, &err), 0);
		assert_string_equal(err.text, "");
	}
}

static void
refusals_say_where(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{",a", "nothing stands at column 1"},
		{"a,,b", "nothing stands at column 3"},
		{"a, ,b", "nothing stands at column 4"},
		{"a,", "nothing follows the last comma (column 3)"},
		{"a , ", "nothing follows the last comma (column 5)"},
		{"=a", "'=' at column 1 has no key"},
		{"a,  =b", "'=' at column 5 has no key"},
		{"a=", "'a' has an empty value at column 3"},
		{"a= ,b", "'a' has an empty value at column 4"},
		{"a=\"\"", "'a' has an empty value at column 4"},
		{"\"\"", "nothing stands at column 2"},
		{"a=[b", "'[' at column 3 is never closed; right would be a ']'"},
		{"a=[b(c", "'(' at column 5 is never closed; right would be a ')'"},
		{"a=x[(b]", "']' at column 7 does not close the '(' of column 5"},
		{"a=(b]", "']' at column 5 does not close the '(' of column 3; right would be ')'"},
		{"a=b]", "']' at column 4 closes nothing; right would be a '['"},
		{"a)", "')' at column 2 closes nothing; right would be a '('"},
		{"a=\"b", "the quote at column 3 is never closed"},
		{"a=\"b\\\"", "the quote at column 3 is never closed"},
		{"a=[\"b]", "the quote at column 4 is never closed"},
		{"a=b\"c\"", "the quote at column 4 stands inside a value"},
		{"a=\"b\"c", "'c' at column 6 follows a closing quote"},
		{"a=\"b\" \"c\"", "at column 7 follows a closing quote"},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct vmirror_token_scan scan;
		struct vmirror_token token;
		struct vmirror_error err = {""};
		int ret;

		vmirror_token_init(&scan, cases[i].text, strlen(cases[i].text));
		do
			ret = vmirror_token_next(&scan, &token, &err);
		while (ret > 0);
		assert_int_equal(ret, -EINVAL);
		assert_sentence(&err, cases[i].sentence);
	}
}

static void
items_keep_their_equals_signs(void **state)
{
	static const char text[] = "a=b,\"c\"";
	struct vmirror_token_scan scan;
	struct vmirror_token token;
	char found[128];

	vmirror_token_init(&scan, text, strlen(text));
	assert_int_equal(vmirror_token_item(&scan, &token, NULL), 1);
	describe(found, sizeof(found), &token);
	assert_string_equal(found, "bare <a=b>");
	assert_int_equal(vmirror_token_item(&scan, &token, NULL), 1);
	describe(found, sizeof(found), &token);
	assert_string_equal(found, "quoted <c>");
	assert_int_equal(vmirror_token_item(&scan, &token, NULL), 0);
}

static void
columns_inside_brackets_are_those_of_the_text(void **state)
{
	static const char text[] = "k=[a,b\"c\"]";
	struct vmirror_token_scan outer, inner;
	struct vmirror_token token;
	struct vmirror_error err;

	vmirror_token_init(&outer, text, strlen(text));
	assert_int_equal(vmirror_token_next(&outer, &token, &err), 1);
	vmirror_token_enter(&inner, &outer, &token);
	assert_int_equal(vmirror_token_item(&inner, &token, &err), 1);
	assert_int_equal(vmirror_token_item(&inner, &token, &err), -EINVAL);
	assert_sentence(&err, "the quote at column 7 stands inside a value");
}

static void
tail_is_refused_on_demand(void **state)
{
	static const char text[] = "a=[b] c";
	struct vmirror_token_scan scan;
	struct vmirror_token token;
	struct vmirror_error err;

	vmirror_token_init(&scan, text, strlen(text));
	assert_int_equal(vmirror_token_next(&scan, &token, &err), 1);
	assert_int_equal(token.kind, VMIRROR_TOKEN_BARE);
	assert_int_equal(vmirror_token_check_tail(&scan, &token, &err), -EINVAL);
	assert_sentence(&err, "'c' at column 7 follows a closing bracket");

	vmirror_token_init(&scan, text, strlen("a=[b]"));
	assert_int_equal(vmirror_token_next(&scan, &token, &err), 1);
	assert_int_equal(vmirror_token_check_tail(&scan, &token, &err), 0);
}

static void
length_is_bounded(void **state)
{
	char text[VMIRROR_SPEC_TEXT_SIZE + 1];
	struct vmirror_token_scan scan;
	struct vmirror_token token;
	struct vmirror_error err;

	memset(text, '[', sizeof(text));
	vmirror_token_init(&scan, text, VMIRROR_SPEC_TEXT_SIZE);
	assert_int_equal(vmirror_token_next(&scan, &token, &err), -E2BIG);
	assert_sentence(&err, "4095 bytes");
	vmirror_token_init(&scan, text, VMIRROR_SPEC_TEXT_SIZE - 1);
	assert_int_equal(vmirror_token_next(&scan, &token, &err), -EINVAL);
	assert_sentence(&err, "column 4095 is never closed");
}

static void
plain_texts_read_as_themselves(void **state)
{
	static const char *const plain[] = {"a", "a b", "a=b", "[a,b]", "(a,b)", "a[1,2]", "\\"};
	static const char *const others[] = {"",   " a", "a ", "a,b", "\"a\"", "a\"b", "[a]b",
					     "[a", "a)", "(]", "\"",  ",",     "a\n",  "[a] [b]"};

	for (size_t i = 0; i < N_ELEMENTS(plain); i++)
		assert_true(vmirror_token_is_plain(plain[i]));
	for (size_t i = 0; i < N_ELEMENTS(others); i++)
		assert_false(vmirror_token_is_plain(others[i]));
}

static void
quote_escapes_and_cuts(void **state)
{
	char buf[16];

	assert_string_equal(vmirror_token_quote(buf, sizeof(buf), "", 0), "''");
	assert_string_equal(vmirror_token_quote(buf, sizeof(buf), "abc", 2), "'ab'");
	assert_string_equal(vmirror_token_quote(buf, sizeof(buf), "\n\xff", 2), "'\\x0a\\xff'");
	assert_string_equal(vmirror_token_quote(buf, sizeof(buf), "\0", 1), "'\\x00'");
	assert_string_equal(vmirror_token_quote(buf, sizeof(buf), "0123456789abcdef", 16),
			    "'0123456789...'");
	assert_string_equal(vmirror_token_quote(buf, sizeof(buf), "01234567\n", 9),
			    "'01234567...'");
	assert_string_equal(vmirror_token_quote(buf, 8, "\n\n\n", 3), "'...'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_split),
		cmocka_unit_test(refusals_say_where),
		cmocka_unit_test(items_keep_their_equals_signs),
		cmocka_unit_test(columns_inside_brackets_are_those_of_the_text),
		cmocka_unit_test(tail_is_refused_on_demand),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(plain_texts_read_as_themselves),
		cmocka_unit_test(quote_escapes_and_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
