/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/fileset.c: names as Wireshark's file sets have them, and a command that is nobody's child. */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devargs/fileset.h"

static void
test_names(void **state)
{
	static const struct {
		const char *path, *name;
	} known[] = {
		{"report.pcapng", "report_00007_T.pcapng"},
		{"a/b.c/report", "a/b.c/report_00007_T"},
		{"/x/report.pcapng.zst", "/x/report_00007_T.pcapng.zst"},
		{"report.zst", "report_00007_T.zst"},
		{".hidden", ".hidden_00007_T"},
		{".zst", ".zst_00007_T"},
		{"d/.hidden.pcap", "d/.hidden_00007_T.pcap"},
		{"d/.x.zst", "d/.x_00007_T.zst"},
		{"two.dots.pcap", "two.dots_00007_T.pcap"},
		{"a..zst", "a_00007_T..zst"},
	};
	const time_t now = 1763788500;
	char name[PATH_MAX], wanted[PATH_MAX], when[32], *longest;
	struct tm tm;
	unsigned int i;

	strftime(when, sizeof(when), "%Y%m%d%H%M%S", localtime_r(&now, &tm));
	for (i = 0; i < N_ELEMENTS(known); i++) {
		const char *at = strstr(known[i].name, "T");

		assert_int_equal(vmirror_fileset_name(name, known[i].path, 7, now, NULL), 0);
		snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)(at - known[i].name),
			 known[i].name, when, at + 1);
		assert_string_equal(name, wanted);
	}
	longest = calloc(1, PATH_MAX);
	assert_non_null(longest);
	memset(longest, 'x', PATH_MAX - 1 - strlen("_00001_20261122031500"));
	assert_int_equal(vmirror_fileset_name(name, longest, 1, now, NULL), 0);
	assert_int_equal(strlen(name), PATH_MAX - 1);
	/* Readers order them by their number, of which there may be many. */
	assert_int_equal(vmirror_fileset_name(name, longest, 100000, now, NULL), -ENAMETOOLONG);
	free(longest);
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* It gets the name as one word, none of our descriptors, and its signals; and nobody waits for it. */
static void
test_run(void **state)
{
	char dir[] = "/tmp/vmirror-fileset-XXXXXX", path[100], out[120], command[300];
	sigset_t all, before;
	int fd, ms;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a b'c\".pcap", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	snprintf(out, sizeof(out), "%s/to", dir);
	assert_int_equal(mkdir(out, 0700), 0);
	/* The name is the last word. */
	snprintf(command, sizeof(command),
		 "test ! -e /proc/self/fd/%d && grep -q '^SigBlk:.0*$' /proc/self/status && "
		 "mv -t %s --",
		 fd, out);
	snprintf(out, sizeof(out), "%s/to/a b'c\".pcap", dir);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	vmirror_fileset_run(command, path);
	sigprocmask(SIG_SETMASK, &before, NULL);
	for (ms = 0; !is_there(out); ms++) {
		assert_true(ms < 30000);
		usleep(1000);
	}
	close(fd);
	assert_int_equal(unlink(out), 0);
	snprintf(out, sizeof(out), "%s/to", dir);
	assert_int_equal(rmdir(out), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* A compressor's ending alone, and of a file alone. */
static void
test_remove_packed(void **state)
{
	static const char *const kept[] = {"a.pcap", "a.pcap.txt", "a.pcap.gz.part", "b.pcap.gz"};
	static const char *const gone[] = {"a.pcap.gz", "a.pcap.zst", "a.pcap.xz"};
	char dir[] = "/tmp/vmirror-fileset-XXXXXX";
	unsigned int i;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_false(vmirror_fileset_remove_packed("a.pcap"));
	for (i = 0; i < N_ELEMENTS(kept); i++)
		make(kept[i]);
	for (i = 0; i < N_ELEMENTS(gone); i++)
		make(gone[i]);
	assert_int_equal(symlink("b.pcap.gz", "a.pcap.lz4"), 0);
	assert_int_equal(mkdir("a.pcap.bz2", 0700), 0);
	assert_true(vmirror_fileset_remove_packed("a.pcap"));
	for (i = 0; i < N_ELEMENTS(gone); i++)
		assert_false(is_there(gone[i]));
	for (i = 0; i < N_ELEMENTS(kept); i++)
		assert_int_equal(unlink(kept[i]), 0);
	assert_int_equal(unlink("a.pcap.lz4"), 0);
	assert_int_equal(rmdir("a.pcap.bz2"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_remove_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
