/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/nearest.c: typing mistakes are recognised, other words are not. */

#include "test.h"

#include "devargs/nearest.h"

static const char *const keys[] = {"name", "port", "queue", "filter", "snaplen", "duration", NULL};

static void
typing_mistakes(void **state)
{
	static const struct {
		const char *typed;
		const char *meant;
	} cases[] = {
		{"port", "port"},        {"prot", "port"},         {"ports", "port"},
		{"por", "port"},         {"pork", "port"},         {"PORT", "port"},
		{"Filtre", "filter"},    {"flter", "filter"},      {"snaplength", "snaplen"},
		{"duraton", "duration"}, {"duraiton", "duration"}, {"qeue", "queue"},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const char *found = vmirror_nearest(cases[i].typed, keys);

		if (found == NULL || strcmp(found, cases[i].meant) != 0)
			fail_msg("%s: %s", cases[i].typed, found != NULL ? found : "nothing");
	}
}

static void
other_words(void **state)
{
	static const char *const cases[] = {"", "x", "tx_pcap", "iface", "po", "troops", "nam3s"};
	char longest[200];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++)
		assert_null(vmirror_nearest(cases[i], keys));
	memset(longest, 'p', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(vmirror_nearest(longest, keys));
}

static void
nearest_of_several_and_first_of_equals(void **state)
{
	static const char *const known[] = {"rx", "tx", "rxtx", NULL};
	static const char *const letters[] = {"a", "b", NULL};
	static const char *const none[] = {NULL};

	assert_string_equal(vmirror_nearest("rtx", known), "rx");
	assert_string_equal(vmirror_nearest("rxxt", known), "rxtx");
	assert_string_equal(vmirror_nearest("x", known), "rx");
	assert_null(vmirror_nearest("c", letters));
	assert_null(vmirror_nearest("a", none));
}

static void
longest_words(void **state)
{
	char word[64], known_word[64], too_long[65];
	const char *const known[] = {too_long, known_word, NULL};

	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	memcpy(word, too_long + 1, sizeof(word));
	memcpy(known_word, word, sizeof(word));
	known_word[40] = 'b';
	assert_ptr_equal(vmirror_nearest(word, known), known_word);
}

static void
hint_lists_and_suggests(void **state)
{
	char buf[128];

	assert_ptr_equal(vmirror_nearest_hint(buf, sizeof(buf), "prot", keys), buf);
	assert_string_equal(buf, "name, port, queue, filter, snaplen, duration; did you mean "
				 "'port'?");
	vmirror_nearest_hint(buf, sizeof(buf), "xyz", keys);
	assert_string_equal(buf, "name, port, queue, filter, snaplen, duration");
}

static void
hint_fits_any_buffer(void **state)
{
	char whole[128], buf[128];
	size_t len;

	vmirror_nearest_hint(whole, sizeof(whole), "prot", keys);
	len = strlen(whole);
	vmirror_nearest_hint(buf, 0, "prot", keys);
	for (size_t size = 1; size < sizeof(buf); size++) {
		memset(buf, '!', sizeof(buf));
		vmirror_nearest_hint(buf, size, "prot", keys);
		assert_int_equal(strlen(buf), size <= len ? size - 1 : len);
		assert_int_equal(strncmp(buf, whole, strlen(buf)), 0);
		assert_int_equal(buf[size], '!');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_mistakes),
		cmocka_unit_test(other_words),
		cmocka_unit_test(nearest_of_several_and_first_of_equals),
		cmocka_unit_test(longest_words),
		cmocka_unit_test(hint_lists_and_suggests),
		cmocka_unit_test(hint_fits_any_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
