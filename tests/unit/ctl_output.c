/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/output.c: files are opened with care, and are gone again where nothing came of them. */

#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/output.h"

static void
opens(struct ctl_output *out, const char *path)
{
	struct vmirror_error err = {""};

	if (ctl_output_open(out, path, &err) != 0)
		fail_msg("%s", err.text);
}

static void
refuses(const char *path, int ret, const char *wanted)
{
	struct ctl_output out;
	struct vmirror_error err = {""};

	assert_int_equal(ctl_output_open(&out, path, &err), ret);
	assert_sentence(&err, wanted);
	assert_int_equal(out.fd, -1);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
new_file(void **state)
{
	struct ctl_output out;
	struct stat st;

	opens(&out, "new");
	assert_int_equal(stat("new", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(ctl_output_is_filled(&out));
	ctl_output_discard(&out);
	assert_int_equal(stat("new", &st), -1);
	opens(&out, "new");
	ctl_output_close(&out);
	assert_int_equal(stat("new", &st), 0);
}

/* It has its content until it is emptied, and is never removed. */
static void
existing_file(void **state)
{
	struct vmirror_error err;
	struct ctl_output out;
	struct stat st;

	write_file("old", "content");
	chmod("old", 0640);
	opens(&out, "old");
	assert_true(ctl_output_is_filled(&out));
	ctl_output_discard(&out);
	stat("old", &st);
	assert_int_equal(st.st_size, 7);
	opens(&out, "old");
	assert_int_equal(ctl_output_empty(&out, &err), 0);
	ctl_output_discard(&out);
	stat("old", &st);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void
assert_content(const char *path, const char *wanted)
{
	char got[64] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fgets(got, sizeof(got), file) != NULL || *wanted == '\0');
	fclose(file);
	assert_string_equal(got, wanted);
}

static unsigned int
count_files(void)
{
	unsigned int n = 0;
	DIR *dir = opendir(".");

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

/* What it has stays until there is something in its place, and no third file ever does. */
static void
renewed_file(void **state)
{
	struct vmirror_error err = {""};
	struct ctl_output out;
	struct stat st;

	write_file("old", "content");
	chmod("old", 0640);
	opens(&out, "old");
	assert_int_equal(ctl_output_renew(&out, &err), 0);
	assert_int_equal(write(out.fd, "new", 3), 3);
	assert_content("old", "content");
	ctl_output_discard(&out);
	assert_content("old", "content");
	assert_int_equal(count_files(), 1);

	opens(&out, "old");
	assert_int_equal(ctl_output_renew(&out, &err), 0);
	assert_int_equal(write(out.fd, "new", 3), 3);
	assert_int_equal(ctl_output_take_over(&out, &err), 0);
	ctl_output_close(&out);
	assert_content("old", "new");
	assert_int_equal(stat("old", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count_files(), 1);

	/* An empty one, and a new one, are written to themselves. */
	opens(&out, "fresh");
	assert_int_equal(ctl_output_renew(&out, &err), 0);
	assert_int_equal(write(out.fd, "x", 1), 1);
	assert_content("fresh", "x");
	assert_int_equal(ctl_output_take_over(&out, &err), 0);
	ctl_output_close(&out);
	assert_int_equal(count_files(), 2);
}

/* In a child, which the signal ends; closed: after the file was. @return its status */
static int
open_and_end(int number, bool closed)
{
	struct ctl_output out;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		signal(number, SIG_DFL);
		opens(&out, "new");
		if (closed)
			ctl_output_close(&out);
		raise(number);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
ended_by_a_signal(void **state)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int status = open_and_end(numbers[i], false);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
		assert_int_equal(access("new", F_OK), -1);
		status = open_and_end(numbers[i], true);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
		assert_int_equal(unlink("new"), 0);
	}
	/* What was there is not ours to remove. */
	write_file("new", "somebody's");
	open_and_end(SIGINT, false);
	assert_int_equal(access("new", F_OK), 0);
}

/* One that took the path of ours is not ours. */
static void
replaced_file(void **state)
{
	struct ctl_output out;

	opens(&out, "new");
	assert_int_equal(rename("new", "moved"), 0);
	write_file("new", "somebody's");
	ctl_output_discard(&out);
	assert_int_equal(access("new", F_OK), 0);
}

static void
what_is_refused(void **state)
{
	struct ctl_output out;

	write_file("target", "x");
	assert_int_equal(symlink("target", "link"), 0);
	refuses("link", -ELOOP, "link is a symbolic link; name the file itself");
	refuses("no/such", -ENOENT, "no/such cannot be written: No such file");
	refuses(".", -EISDIR, ". cannot be written: Is a directory");
	mkfifo("fifo", 0600);
	refuses("fifo", -ENXIO, "fifo is a fifo that nobody reads");
	opens(&out, "target");
	refuses("target", -EBUSY, "target is being written by another capture");
	ctl_output_close(&out);
}

static void
fifo_with_a_reader(void **state)
{
	struct ctl_output out;
	int reader;

	mkfifo("fifo", 0600);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	opens(&out, "fifo");
	assert_int_equal(fcntl(out.fd, F_GETFL) & O_NONBLOCK, 0);
	assert_false(ctl_output_is_filled(&out));
	ctl_output_close(&out);
	close(reader);
}

static void
from_the_root(void **state)
{
	char path[PATH_MAX], wanted[64];
	struct vmirror_error err;

	snprintf(wanted, sizeof(wanted), "%s/a b", folder);
	assert_int_equal(ctl_output_absolute(path, "a b", &err), 0);
	assert_string_equal(path, wanted);
	assert_int_equal(ctl_output_absolute(path, "/x", &err), 0);
	assert_string_equal(path, "/x");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(ctl_output_absolute(path, "x", &err), 0);
	assert_string_equal(path, "/x");
}

/* Who made it reads it soon; who has removed it does not want another. */
static void
fifo_to_wait_for(void **state)
{
	struct ctl_output out;
	struct vmirror_error err = {""};
	pid_t pid;

	assert_int_equal(ctl_output_open_fifo(&out, "fifo", 50, &err), -ENOENT);
	assert_sentence(&err, "fifo cannot be written: No such file");
	assert_int_equal(access("fifo", F_OK), -1);
	write_file("file", "x");
	assert_int_equal(ctl_output_open_fifo(&out, "file", 50, &err), -EINVAL);
	assert_sentence(&err, "file is no fifo");
	mkfifo("fifo", 0600);
	assert_int_equal(ctl_output_open_fifo(&out, "fifo", 50, &err), -ENXIO);
	assert_false(ctl_output_has_reader("fifo"));
	pid = fork();
	if (pid == 0) {
		usleep(100000);
		_exit(read(open("fifo", O_RDONLY), &out, 1) == 1 ? 0 : 1);
	}
	assert_int_equal(ctl_output_open_fifo(&out, "fifo", 20000, &err), 0);
	assert_true(ctl_output_has_reader("fifo"));
	assert_int_equal(fcntl(out.fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(write(out.fd, "x", 1), 1);
	ctl_output_discard(&out);
	assert_int_equal(access("fifo", F_OK), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(ctl_output_has_reader("fifo"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_file, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(existing_file, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(renewed_file, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(ended_by_a_signal, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(replaced_file, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(what_is_refused, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(fifo_with_a_reader, folder_set_up,
						folder_tear_down),
		cmocka_unit_test_setup_teardown(fifo_to_wait_for, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(from_the_root, folder_set_up, folder_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
