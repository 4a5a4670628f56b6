/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Files that somebody else has opened and hands in: the first, and those that come next. They are written
 * as the writer's own are; whose they are, and what they are called, is not the writer's affair.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/writing.h"

#define KIB UINT64_C(1024)

static struct writing t;

static int
end(void **state)
{
	writing_fini(&t);
	return 0;
}

/* --- whoever hands in */

static void
name_file(unsigned int number, char name[160])
{
	snprintf(name, 160, "%s/c_%05u%s", t.dir, number, strchr(strrchr(t.path, '/'), '.'));
}

static int
made(unsigned int number)
{
	char name[160];
	int fd;

	name_file(number, name);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void
begin(const char *name)
{
	writing_init(&t, name);
	t.opts.path = NULL;
	t.opts.fd = made(1);
}

static void
hand_in(unsigned int number)
{
	struct vmirror_error err;
	int fd = made(number);

	if (vmirror_writer_next(t.writer, fd, &err) != 0)
		fail_msg("%s", err.text);
	close(fd);
}

static struct vmirror_writer_status
status_of(void)
{
	struct vmirror_writer_status status;

	vmirror_writer_status(t.writer, &status);
	return status;
}

static uint64_t
size_of(unsigned int number)
{
	struct stat st;
	char name[160];

	name_file(number, name);
	assert_int_equal(stat(name, &st), 0);
	return (uint64_t)st.st_size;
}

/* --- one file */

/* As fast as one of the writer's own, and its giver finds itself at the end of it. */
static void
test_one(void **state)
{
	struct vmirror_writer_status own;

	writing_init(&t, "c.pcapng");
	writing_open(&t, 1);
	own = status_of();
	writing_finish(&t);
	writing_fini(&t);

	begin("c.pcapng");
	writing_open(&t, 2);
	writing_put_n(&t, 50000);
	assert_string_equal(status_of().how, own.how);
	assert_int_equal(status_of().direct, own.direct);
	assert_int_equal(fcntl(t.opts.fd, F_GETFL) & O_DIRECT, 0);
	writing_finish(&t);
	assert_int_equal(t.written, 50000);
	assert_int_equal(lseek(t.opts.fd, 0, SEEK_CUR), size_of(1));
	close(t.opts.fd);
	writing_read_back(&t);
}

/* Its giver may have locked it, and nobody else. */
static void
test_locked(void **state)
{
	struct vmirror_error err;
	char name[160];
	int fd;

	begin("c.pcapng");
	name_file(1, name);
	assert_int_equal(flock(t.opts.fd, LOCK_EX | LOCK_NB), 0);
	writing_open(&t, 1);
	fd = t.opts.fd;
	t.opts.fd = open(name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(vmirror_writer_open(&(struct vmirror_writer *){NULL}, &t.opts, &err),
			 -EBUSY);
	assert_sentence(&err, "is being written by another capture");
	/* As long as it is written, whoever closes what. */
	close(fd);
	assert_int_equal(flock(t.opts.fd, LOCK_EX | LOCK_NB), -1);
	writing_finish(&t);
	assert_int_equal(flock(t.opts.fd, LOCK_EX | LOCK_NB), 0);
	close(t.opts.fd);
}

/* Who opens a file with a lease waits for its giver, for most of a minute. */
static void
test_leased(void **state)
{
	struct timespec begun, now;

	begin("c.pcapng");
	signal(SIGIO, SIG_IGN);
	if (fcntl(t.opts.fd, F_SETLEASE, F_WRLCK) != 0)
		skip();
	clock_gettime(CLOCK_MONOTONIC, &begun);
	writing_open(&t, 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec - begun.tv_sec < 5);
	writing_put_n(&t, 1000);
	writing_finish(&t);
	close(t.opts.fd);
	assert_int_equal(t.written, 1000);
	writing_read_back(&t);
}

/* One without a name is not one that was removed. */
static void
test_unnamed(void **state)
{
	char link[64], name[160];

	writing_init(&t, "c.pcapng");
	t.opts.path = NULL;
	t.opts.fd = open(t.dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (t.opts.fd < 0 && errno == EOPNOTSUPP)
		skip();
	writing_open(&t, 1);
	writing_put_n(&t, 1000);
	writing_flush(&t);
	usleep(150000);
	vmirror_writer_poll(t.writer);
	assert_false(status_of().removed);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", t.opts.fd);
	name_file(1, name);
	assert_int_equal(linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW), 0);
	usleep(150000);
	vmirror_writer_poll(t.writer);
	assert_false(status_of().removed);
	assert_int_equal(rename(name, t.path), 0);
	usleep(150000);
	vmirror_writer_poll(t.writer);
	assert_false(status_of().removed);
	writing_finish(&t);
	close(t.opts.fd);
	assert_int_equal(t.written, 1000);
	writing_read_back(&t);
}

/* What does not fit is cut off, and not a packet in two. */
static void
test_full(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	struct rlimit limit, small = {.rlim_cur = 100 * KIB};

	begin("c.pcapng");
	writing_open(&t, 1);
	writing_put_n(&t, 30);
	writing_flush(&t);
	assert_int_equal(sigaction(SIGXFSZ, &ignore, &old), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	writing_put_n(&t, 3000);
	vmirror_writer_flush(t.writer, 0);
	writing_put_n(&t, 10);
	writing_finish(&t);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	sigaction(SIGXFSZ, &old, NULL);
	close(t.opts.fd);
	assert_int_equal(t.written, 30);
	writing_read_back(&t);
}

/* --- one after the other */

static const char *const formats[] = {"c.pcapng", "c.pcap", "c.pcapng.zst"};

/* While there is always a next one none is too long, and nothing is lost between them. */
static void
rotate(const char *name)
{
	const unsigned int before = writing_descriptors();
	unsigned int given = 1, i;
	uint64_t files = 0;

	begin(name);
	t.opts.rotate_bytes = 200 * KIB;
	writing_open(&t, 2);
	for (i = 0; i < 40; i++) {
		while (given < status_of().files + VMIRROR_WRITER_NEXT)
			hand_in(++given);
		writing_put_n(&t, 300);
		writing_flush(&t);
	}
	files = status_of().files;
	assert_true(files > 3 && status_of().files_done == files - 1);
	writing_finish(&t);
	close(t.opts.fd);
	assert_int_equal(t.written, t.n);
	for (i = 1; i <= given; i++) {
		assert_true(size_of(i) <= 200 * KIB);
		assert_int_equal(size_of(i) > 0, i <= files);
	}
	/* Those that were not needed are its giver's. */
	for (i = (unsigned int)files + 1; i <= given; i++) {
		char path[160];

		name_file(i, path);
		assert_int_equal(unlink(path), 0);
	}
	writing_read_back(&t);
	assert_int_equal(t.n_files, files);
	writing_fini(&t);
	assert_int_equal(writing_descriptors(), before);
}

static void
test_rotate(void **state)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(formats); i++)
		rotate(formats[i]);
}

/* Where none is at hand the present one goes on, and ends when one is. */
static void
test_late(void **state)
{
	begin("c.pcapng");
	t.opts.rotate_bytes = 100 * KIB;
	writing_open(&t, 1);
	writing_put_n(&t, 5000);
	writing_flush(&t);
	assert_int_equal(status_of().files, 1);
	assert_true(size_of(1) > 200 * KIB);
	hand_in(2);
	writing_put_n(&t, 1);
	writing_flush(&t);
	assert_int_equal(status_of().files, 2);
	assert_int_equal(status_of().files_done, 1);
	assert_true(size_of(2) < 100 * KIB);
	writing_finish(&t);
	close(t.opts.fd);
	assert_int_equal(t.written, 5001);
	t.opts.rotate_bytes = 0; /* the first is longer */
	writing_read_back(&t);
}

static void
test_by_time(void **state)
{
	begin("c.pcap");
	t.opts.rotate_ns = 100000000;
	writing_open(&t, 1);
	writing_put_n(&t, 100);
	usleep(120000);
	vmirror_writer_poll(t.writer);
	writing_put_n(&t, 100);
	writing_flush(&t);
	assert_int_equal(status_of().files, 1);
	hand_in(2);
	vmirror_writer_poll(t.writer);
	writing_put_n(&t, 100);
	writing_flush(&t);
	assert_int_equal(status_of().files, 2);
	writing_finish(&t);
	close(t.opts.fd);
	assert_true(size_of(2) > 100);
	writing_read_back(&t);
}

static void
refuse_next(int fd, int error, const char *words)
{
	const unsigned int before = writing_descriptors();
	struct vmirror_error err;

	assert_int_equal(vmirror_writer_next(t.writer, fd, &err), error);
	assert_sentence(&err, words);
	assert_int_equal(writing_descriptors(), before);
}

static void
test_refused(void **state)
{
	struct vmirror_error err;
	int ends[2], fd, i;
	char name[160];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	begin("c.pcapng");
	t.opts.rotate_bytes = 100 * KIB;
	fd = t.opts.fd;
	t.opts.fd = ends[1];
	assert_int_equal(vmirror_writer_open(&t.writer, &t.opts, &err), -EINVAL);
	assert_sentence(&err, "no empty file");
	t.opts.fd = fd;
	writing_open(&t, 1);
	refuse_next(ends[1], -EINVAL, "no empty file");
	refuse_next(ends[0], -EINVAL, "reading only");
	refuse_next(1000, -EBADF, "descriptor 1000");
	refuse_next(fd, -EINVAL, "handed in before");
	close(fd);
	fd = made(2);
	assert_int_equal(write(fd, "x", 1), 1);
	refuse_next(fd, -EINVAL, "no empty file");
	close(fd);
	/* Opened anew it would be written with the rights of who opened it then. */
	fd = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	refuse_next(fd, -EINVAL, "no empty file");
	close(fd);
	for (i = 0; i < (int)VMIRROR_WRITER_NEXT; i++)
		hand_in(3 + (unsigned int)i);
	fd = made(99);
	refuse_next(fd, -EAGAIN, "8 files wait");
	close(fd);
	name_file(10, name);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	refuse_next(fd, -EBUSY, "another capture");
	writing_finish(&t);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	end(NULL);

	writing_init(&t, "c.pcapng");
	t.opts.rotate_bytes = 100 * KIB;
	writing_open(&t, 1);
	refuse_next(1, -ENOTSUP, "rotate_bytes= or rotate_seconds=");
	writing_finish(&t);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one),     TEST(test_locked),  TEST(test_leased),
		TEST(test_unnamed), TEST(test_full),    TEST(test_rotate),
		TEST(test_late),    TEST(test_by_time), TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
