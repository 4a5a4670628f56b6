/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/rotation.c: which flags go together, and what the files are called then. */

#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/rotation.h"

#define NOON 1795302000 /* some Saturday */

static int
parse(struct ctl_rotation *rotation, const char *path, const char *const argv[],
      struct vmirror_error *err)
{
	const struct ctl_option *const tables[] = {ctl_command_find("capture", err)->options, NULL};
	struct ctl_words words = {0};
	unsigned int i;
	int argc = 0, ret;

	*rotation = (struct ctl_rotation){0};
	while (argv[argc] != NULL)
		argc++;
	ret = ctl_words_parse(&words, tables, argc, (char *const *)(uintptr_t)argv, CTL_WORDS_ALL,
			      err);
	assert_true(ret >= 0);
	for (i = 0, ret = 0; i < words.n_given && ret == 0; i++)
		ret = ctl_rotation_read(rotation, &words.given[i], err);
	if (ret == 0)
		ret = ctl_rotation_check(rotation, path, err);
	ctl_words_fini(&words);
	return ret;
}

#define WORDS(...) ((const char *[]){__VA_ARGS__, NULL})

static void
refuses(const char *path, const char *const argv[], const char *wanted)
{
	struct ctl_rotation rotation;
	struct vmirror_error err = {""};

	assert_true(parse(&rotation, path, argv, &err) < 0);
	assert_sentence(&err, wanted);
}

static struct ctl_rotation
takes(const char *path, const char *const argv[])
{
	struct ctl_rotation rotation;
	struct vmirror_error err = {""};

	if (parse(&rotation, path, argv, &err) != 0)
		fail_msg("%s", err.text);
	return rotation;
}

/* The names of so many files, each begun some seconds after the one before. */
static void
are_called(const char *path, const char *const argv[], int seconds, const char *const wanted[])
{
	const struct ctl_rotation rotation = takes(path, argv);
	struct ctl_rotation_names names = {0};
	char name[PATH_MAX];
	unsigned int i;

	for (i = 0; wanted[i] != NULL; i++) {
		assert_int_equal(ctl_rotation_name(&rotation, &names, path,
						   NOON + (time_t)i * seconds, name, NULL),
				 0);
		assert_string_equal(name, wanted[i]);
	}
}

static void
test_meanings(void **state)
{
	struct ctl_rotation r;

	r = takes("a", WORDS("-b", "filesize:100", "-b", "files:5", "-b", "duration:60"));
	assert_true(r.bytes == 100000 && r.files == 5 && r.seconds == 60 && r.total == 0);
	r = takes("a", WORDS("-C", "2", "-W", "7", "-z", "gzip"));
	assert_true(r.bytes == 2000000 && r.files == 7 && r.seconds == 0 && r.total == 0);
	assert_string_equal(r.command, "gzip");
	r = takes("%S", WORDS("-G", "60", "-W", "7"));
	assert_true(r.bytes == 0 && r.files == 0 && r.seconds == 60 && r.total == 7);
	r = takes(NULL, WORDS("-n"));
	assert_false(ctl_rotation_is_set(&r));
}

static void
test_slips(void **state)
{
	refuses("a", WORDS("-b", "files:3"), "needs -b filesize:KB");
	refuses("a", WORDS("-b", "packets:3"), "'packets:3' is no condition");
	refuses("a", WORDS("-b", "filesize"), "'filesize' is no condition");
	refuses("a", WORDS("-b", "filesize:x"), "-b filesize");
	refuses("a", WORDS("-b", "filesize:100", "-b", "filesize:100"), "is given twice");
	refuses("a", WORDS("-b", "filesize:65"), "65000 bytes are too small");
	refuses("a", WORDS("-b", "filesize:100", "-C", "1"), "one of them");
	refuses("a", WORDS("-C", "1", "-b", "files:3"), "one of them");
	refuses("a", WORDS("-C", "99999999999999"), "-C");
	refuses("a", WORDS("-G", "5"), "-w report-%H%M%S.pcapng, or -b duration:5");
	refuses("a", WORDS("-W", "5"), "-W is for files");
	refuses("a", WORDS("-z", "gzip"), "-z is for files");
	refuses("%S", WORDS("-G", "5", "-C", "1", "-W", "2"), "one of these");
	refuses("a", WORDS("-C", "1", "-W", "1", "-z", "gzip"), "-W 2");
	refuses(NULL, WORDS("-C", "1"), "named after -w FILE");
	refuses("-", WORDS("-C", "1"), "named after -w FILE");
}

static void
test_names(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	are_called("a.pcapng", WORDS("-b", "duration:9"), 9,
		   WORDS("a_00001_20261121230000.pcapng", "a_00002_20261121230009.pcapng"));
	are_called("a.pcap", WORDS("-C", "1"), 9, WORDS("a.pcap", "a.pcap1", "a.pcap2"));
	are_called("a.pcap", WORDS("-C", "1", "-W", "1"), 9, WORDS("a.pcap", "a.pcap"));
	are_called("a.pcap", WORDS("-C", "1", "-W", "2"), 9,
		   WORDS("a.pcap0", "a.pcap1", "a.pcap0", "a.pcap1"));
	are_called("a", WORDS("-C", "1", "-W", "11"), 9, WORDS("a00", "a01", "a02"));
	are_called("a", WORDS("-C", "1", "-W", "10"), 9, WORDS("a0", "a1"));
	are_called("a-%M%S", WORDS("-G", "60"), 60, WORDS("a-0000", "a-0100", "a-0200"));
	/* Of a time there are several, by their length. */
	are_called("a-%M", WORDS("-G", "60", "-C", "1"), 40,
		   WORDS("a-00", "a-001", "a-01", "a-02", "a-021"));
	/* Without -G a name is what it is. */
	are_called("50%", WORDS("-C", "1"), 9, WORDS("50%", "50%1"));
}

static void
test_long_name(void **state)
{
	const struct ctl_rotation rotation = takes("a", WORDS("-C", "1"));
	struct ctl_rotation_names names = {0};
	struct vmirror_error err;
	char path[PATH_MAX + 1] = "", name[PATH_MAX];

	memset(path, 'a', PATH_MAX - 1);
	assert_int_equal(ctl_rotation_name(&rotation, &names, path, NOON, name, &err), 0);
	assert_int_equal(ctl_rotation_name(&rotation, &names, path, NOON, name, &err),
			 -ENAMETOOLONG);
	assert_sentence(&err, "the name is too long");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meanings),
		cmocka_unit_test(test_slips),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
