/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the writer may write to, what it leaves behind, and what it says of it. */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/writing.h"

static struct writing t;

static int
begin(void **state)
{
	writing_init(&t, "c.pcapng");
	return 0;
}

static int
end(void **state)
{
	writing_fini(&t);
	return 0;
}

static void
make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
assert_holds(const char *path, const char *text)
{
	size_t size;
	uint8_t *bytes = writing_slurp(path, &size);

	assert_int_equal(size, strlen(text));
	assert_memory_equal(bytes, text, size);
	free(bytes);
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Neither looks well beforehand nor can be opened. */
static void
assert_refused(int error, const char *wanted)
{
	struct vmirror_writer *none = NULL;
	struct vmirror_error err;

	err.text[0] = '\0';
	assert_int_equal(vmirror_writer_check(&t.opts, &err), error);
	assert_sentence(&err, wanted);
	err.text[0] = '\0';
	assert_int_equal(vmirror_writer_open(&none, &t.opts, &err), error);
	assert_sentence(&err, wanted);
	assert_null(none);
}

static void
assert_works(void)
{
	struct vmirror_error err;

	assert_int_equal(vmirror_writer_check(&t.opts, &err), 0);
	writing_open(&t, 1);
	writing_put_n(&t, 10);
	writing_finish(&t);
	assert_int_equal(t.written, 10);
}

/* --- what is refused */

static void
test_existing(void **state)
{
	struct stat st;

	make_file(t.path, "somebody's");
	assert_refused(
		-EEXIST,
		"exists already; name another file, say overwrite=1, or say rotate_bytes= or "
		"rotate_seconds=, for files with their time in their names");
	assert_holds(t.path, "somebody's");
	t.opts.overwrite = true;
	assert_works();
	writing_read_back(&t);
	/* Whose it was may read it as before. */
	assert_int_equal(stat(t.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void
test_symlinks(void **state)
{
	char target[160];
	int overwrite;

	snprintf(target, sizeof(target), "%s/target", t.dir);
	for (overwrite = 0; overwrite < 2; overwrite++) {
		t.opts.overwrite = overwrite != 0;
		assert_int_equal(symlink(target, t.path), 0);
		assert_refused(-ELOOP, "is a symbolic link; name the file itself");
		assert_false(exists(target));
		make_file(target, "secret");
		assert_refused(-ELOOP, "is a symbolic link; name the file itself");
		assert_holds(target, "secret");
		unlink(target);
		unlink(t.path);
	}
}

static void
test_directories(void **state)
{
	char path[PATH_MAX + 300];

	t.opts.path = path;
	snprintf(path, sizeof(path), "%s/none/c.pcapng", t.dir);
	assert_refused(-ENOENT, "No such file or directory");
	snprintf(path, sizeof(path), "%s/file", t.dir);
	make_file(path, "");
	snprintf(path, sizeof(path), "%s/file/c.pcapng", t.dir);
	assert_refused(-ENOTDIR, "irectory");
	t.opts.overwrite = true;
	t.opts.path = t.dir;
	assert_int_equal(vmirror_writer_check(&t.opts, NULL), -EINVAL);
	assert_true(vmirror_writer_open(&t.writer, &t.opts, NULL) < 0);
	t.opts.path = path;
	*path = '\0';
	assert_int_equal(vmirror_writer_check(&t.opts, NULL), -EINVAL);
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, NULL), -ENOENT);
	snprintf(path, sizeof(path), "%s/%0300u", t.dir, 1);
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, NULL), -ENAMETOOLONG);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(vmirror_writer_check(&t.opts, NULL), -EINVAL);
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, NULL), -ENAMETOOLONG);
	t.opts.rotate_bytes = 65536;
	assert_refused(-ENAMETOOLONG, "the name is too long");
}

/* As somebody who may not, also where this runs as root. */
static void
test_not_allowed(void **state)
{
	uid_t me = geteuid();

	assert_int_equal(chmod(t.dir, 0555), 0);
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_refused(-EACCES, "Permission denied");
	assert_int_equal(seteuid(me), 0);
	assert_int_equal(chmod(t.dir, 0755), 0);
	make_file(t.path, "read only");
	assert_int_equal(chmod(t.path, 0444), 0);
	t.opts.overwrite = true;
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_refused(-EACCES, "Permission denied");
	assert_int_equal(seteuid(me), 0);
	assert_holds(t.path, "read only");
}

static void
test_no_files(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(at.sun_path, t.path, sizeof(at.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(vmirror_writer_check(&t.opts, NULL), -EINVAL);
	assert_true(vmirror_writer_open(&t.writer, &t.opts, NULL) < 0);
	close(fd);
	unlink(t.path);
	/* Nobody reads it. That is seen only when it is opened. */
	assert_int_equal(mkfifo(t.path, 0600), 0);
	assert_int_equal(vmirror_writer_check(&t.opts, NULL), 0);
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, NULL), -ENXIO);
	assert_true(exists(t.path));
	t.opts.rotate_bytes = 65536;
	assert_int_equal(vmirror_writer_check(&t.opts, NULL), -EINVAL);
}

static void
test_terminal(void **state)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY), tty;
	struct vmirror_error err;
	char name[64];

	if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 ||
	    ptsname_r(fd, name, sizeof(name)) != 0)
		skip();
	tty = open(name, O_RDWR | O_NOCTTY);
	assert_true(tty >= 0);
	t.opts.path = NULL;
	t.opts.fd = tty;
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, &err), -EINVAL);
	assert_sentence(&err, "is a terminal, which no capture is written to");
	t.opts.path = name;
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, &err), -EINVAL);
	assert_sentence(&err, "is a terminal, which no capture is written to");
	close(tty);
	close(fd);
}

static void
test_descriptors(void **state)
{
	struct vmirror_error err;

	t.opts.path = NULL;
	t.opts.fd = 1000;
	assert_refused(-EBADF, "descriptor 1000");
	t.opts.fd = open("/dev/null", O_RDONLY);
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, &err), -EINVAL);
	assert_sentence(&err, "is open for reading only");
	close(t.opts.fd);
	/* The writer has its own: this one may go. */
	t.opts.fd = open(t.path, O_WRONLY | O_CREAT, 0600);
	writing_open(&t, 1);
	close(t.opts.fd);
	writing_put_n(&t, 3000);
	writing_finish(&t);
	assert_int_equal(t.written, 3000);
	writing_read_back(&t);
}

static void
test_null(void **state)
{
	struct vmirror_writer_status status;

	t.opts.path = "/dev/null";
	writing_open(&t, 1);
	writing_put_n(&t, 20000);
	vmirror_writer_status(t.writer, &status);
	assert_string_equal(status.how, "a stream");
	assert_string_equal(status.path, "/dev/null");
	assert_false(status.fifo || status.direct || status.removed);
	writing_finish(&t);
	assert_int_equal(t.written, 20000);
}

/* Two captures into one file: the second is refused, the first does not notice. */
static void
test_busy(void **state)
{
	struct vmirror_writer *second = NULL;
	struct vmirror_error err;

	t.opts.overwrite = true;
	writing_open(&t, 1);
	writing_put_n(&t, 100);
	writing_flush(&t);
	assert_int_equal(vmirror_writer_open(&second, &t.opts, &err), -EBUSY);
	assert_sentence(&err, "is being written by another capture");
	assert_null(second);
	writing_put_n(&t, 100);
	writing_finish(&t);
	writing_read_back(&t);
	writing_forget(&t);
	assert_works();
	writing_read_back(&t);
}

/* --- what is left behind */

static void
test_modes(void **state)
{
	static const mode_t masks[] = {0, 022, 077};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(masks); i++) {
		mode_t before = umask(masks[i]);
		struct stat st;

		writing_open(&t, 1);
		umask(before);
		assert_int_equal(stat(t.path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		vmirror_writer_close(t.writer, true);
		t.writer = NULL;
		assert_false(exists(t.path));
	}
}

static void
test_discard(void **state)
{
	char other[160];

	/* One that was there stays. */
	make_file(t.path, "somebody's");
	t.opts.overwrite = true;
	writing_open(&t, 1);
	vmirror_writer_close(t.writer, true);
	assert_true(exists(t.path));
	unlink(t.path);
	/* And one that has come in the place of what was created. */
	writing_open(&t, 1);
	snprintf(other, sizeof(other), "%s/other", t.dir);
	assert_int_equal(rename(t.path, other), 0);
	make_file(t.path, "somebody's");
	vmirror_writer_close(t.writer, true);
	assert_holds(t.path, "somebody's");
	t.writer = NULL;
	vmirror_writer_close(NULL, true);
}

/* What was not finished ends where it is, and what was flushed of it can be read. */
static void
test_unfinished(void **state)
{
	writing_open(&t, 1);
	writing_put_n(&t, 100);
	writing_flush(&t);
	writing_put_n(&t, 100);
	vmirror_writer_close(t.writer, false);
	t.writer = NULL;
	assert_int_equal(t.written, 100);
	writing_read_back(&t);
}

/* No more than is in it: nothing that was reserved stays. */
static void
test_length(void **state)
{
	struct vmirror_writer_status status;
	struct stat st;

	writing_open(&t, 1);
	writing_put_n(&t, 5000);
	writing_flush(&t);
	vmirror_writer_finish(t.writer, 30000 * WRITING_MS);
	vmirror_writer_status(t.writer, &status);
	assert_int_equal(stat(t.path, &st), 0);
	assert_int_equal(status.bytes, st.st_size);
	assert_true((uint64_t)st.st_blocks * 512 < status.bytes + 1024 * 1024);
	writing_finish(&t);
	writing_read_back(&t);
}

/* --- what is said of it */

static void
test_status(void **state)
{
	struct vmirror_writer_status status;
	int i;

	writing_open(&t, 1);
	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_WELL);
	assert_string_equal(status.path, t.path);
	assert_int_equal(status.files, 1);
	assert_int_equal(status.bytes, 0);
	assert_true(strcmp(status.how, "io_uring") == 0 || strcmp(status.how, "pwrite") == 0);
	assert_false(status.removed || status.fifo);
	writing_put_n(&t, 10);
	writing_flush(&t);
	vmirror_writer_status(t.writer, &status);
	assert_true(status.bytes > 10 * 60);
	unlink(t.path);
	for (i = 0; !status.removed && i < 100; i++) {
		usleep(5000);
		vmirror_writer_poll(t.writer);
		vmirror_writer_status(t.writer, &status);
	}
	assert_true(status.removed);
	assert_int_equal(status.state, VMIRROR_WRITER_WELL);
	writing_finish(&t);
	assert_false(exists(t.path));
	assert_true(vmirror_writer_bytes(false) < vmirror_writer_bytes(true));
}

/* The next file cannot be opened: what is written before is well, what comes is lost. */
static void
test_no_next_file(void **state)
{
	struct vmirror_writer_status status;
	char names[8][256], moved[160];

	t.opts.rotate_bytes = 65536;
	writing_open(&t, 1);
	writing_put_n(&t, 20);
	snprintf(moved, sizeof(moved), "%s-moved", t.dir);
	assert_int_equal(rename(t.dir, moved), 0);
	writing_put_n(&t, 500);
	assert_int_equal(rename(moved, t.dir), 0);
	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_FAILED);
	assert_non_null(strstr(status.reason, "No such file or directory"));
	assert_true(t.refused > 300);
	writing_put_n(&t, 10);
	writing_finish(&t);
	assert_int_equal(t.lost, 0);
	assert_int_equal(writing_list(&t, names, 8), 1);
	writing_read_back(&t);
}

/* --- fork() */

static bool
is_locked(const char *path)
{
	int fd = open(path, O_RDONLY);
	bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;

	close(fd);
	return locked;
}

/* A child that lives on neither keeps the file nor can spoil it. */
static void
test_forked(void **state)
{
	int done[2], status;
	unsigned int ms;
	char byte;
	pid_t pid;

	writing_open(&t, 1);
	writing_put_n(&t, 3000);
	assert_int_equal(pipe(done), 0);
	pid = fork();
	if (pid == 0) {
		vmirror_writer_forked(t.writer);
		close(done[1]);
		_exit(read(done[0], &byte, 1) == 0 ? 0 : 1);
	}
	writing_put_n(&t, 3000);
	assert_true(is_locked(t.path));
	writing_finish(&t);
	/* The child lets go when it is run. */
	for (ms = 0; is_locked(t.path); ms++) {
		assert_true(ms < 30000);
		usleep(1000);
	}
	close(done[0]);
	close(done[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	writing_read_back(&t);
	assert_int_equal(t.written, 6000);
}

/* A file that is emptied, and whose exec= would leave a mark. */
struct emptied {
	char run[160];
	char exec[200];
};

static void
open_to_empty(struct emptied *e)
{
	snprintf(e->run, sizeof(e->run), "%s-run", t.dir);
	snprintf(e->exec, sizeof(e->exec), "touch '%s';:", e->run);
	t.opts.exec = e->exec;
	writing_open(&t, 1);
}

static void
assert_said_emptied(void)
{
	struct vmirror_writer_status status;

	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_FAILED);
	assert_non_null(strstr(status.reason, "was truncated or overwritten by somebody else"));
}

static void
assert_not_run(const struct emptied *e)
{
	usleep(100000);
	assert_int_not_equal(access(e->run, F_OK), 0);
}

/* Also when what is written next has made it as long as it was. From then on it is somebody else's. */
static void
test_emptied(void **state)
{
	struct vmirror_writer_status status;
	struct emptied e;
	struct stat st;

	open_to_empty(&e);
	writing_put_n(&t, 100);
	writing_flush(&t);
	vmirror_writer_poll(t.writer);
	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_WELL);
	assert_int_equal(truncate(t.path, 0), 0);
	writing_put_n(&t, 1000);
	writing_flush(&t);
	usleep(120000);
	vmirror_writer_poll(t.writer);
	assert_said_emptied();
	assert_int_equal(truncate(t.path, 5), 0);
	writing_finish(&t);
	assert_int_equal(stat(t.path, &st), 0);
	assert_int_equal(st.st_size, 5);
	assert_not_run(&e);
}

/* And nobody has looked before the end, as it was written without a pause. */
static void
test_emptied_last(void **state)
{
	struct emptied e;

	open_to_empty(&e);
	writing_put_n(&t, 20000);
	writing_flush(&t);
	assert_int_equal(truncate(t.path, 0), 0);
	writing_put_n(&t, 20000);
	vmirror_writer_finish(t.writer, 30000 * WRITING_MS);
	assert_said_emptied();
	writing_finish(&t);
	assert_not_run(&e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_emptied_last), TEST(test_emptied),      TEST(test_existing),
		TEST(test_symlinks),     TEST(test_directories),  TEST(test_not_allowed),
		TEST(test_no_files),     TEST(test_terminal),     TEST(test_descriptors),
		TEST(test_null),         TEST(test_busy),         TEST(test_modes),
		TEST(test_discard),      TEST(test_unfinished),   TEST(test_length),
		TEST(test_status),       TEST(test_no_next_file), TEST(test_forked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
