/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The writer on file systems that are really full, each mounted in a namespace of this process: tmpfs,
 * and ext4 in a file of that where there are loop devices.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/writing.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define SEC (UINT64_C(1000) * WRITING_MS)

struct io_uring;

int
__real_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int
__wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int
__real_clock_gettime(clockid_t id, struct timespec *ts);
int
__wrap_clock_gettime(clockid_t id, struct timespec *ts);

static struct writing t;
static char base[64]; /* a directory; empty: nothing can be mounted */
static char at[96];   /* what is mounted */
static bool with_pwrite;
static time_t ahead_s;

int
__wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags)
{
	return with_pwrite ? -EPERM : __real_io_uring_queue_init(entries, ring, flags);
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = __real_clock_gettime(id, ts);

	ts->tv_sec += id == CLOCK_MONOTONIC ? ahead_s : 0;
	return ret;
}

/* --- file systems */

static int
begin_group(void **state)
{
	char path[] = "/tmp/vmirror-full-XXXXXX";

	assert_non_null(mkdtemp(path));
	/* The root of a chroot is no mount; whoever made it saw to its privacy. */
	if (unshare(CLONE_NEWNS) == 0 &&
	    (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 || errno == EINVAL) &&
	    mount("tmpfs", path, "tmpfs", 0, "size=64m") == 0)
		memcpy(base, path, sizeof(path));
	else
		rmdir(path);
	snprintf(at, sizeof(at), "%s/at", base);
	return *base != '\0' ? mkdir(at, 0755) : 0;
}

static int
end_group(void **state)
{
	if (*base == '\0')
		return 0;
	assert_int_equal(umount2(base, MNT_DETACH), 0);
	return rmdir(base);
}

static void
mount_tmpfs(const char *options)
{
	assert_int_equal(mount("tmpfs", at, "tmpfs", 0, options), 0);
	setenv("TMPDIR", at, 1);
}

/* @return false: there is nothing to make one with */
static bool
mount_ext4(unsigned int mib)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "{ truncate -s %uM '%s/image' && mkfs.ext4 -q -F -m 0 -O ^has_journal '%s/image' "
		 "&& mount -o loop '%s/image' '%s'; } >/dev/null 2>&1",
		 mib, base, base, base, at);
	setenv("TMPDIR", at, 1);
	return system(command) == 0;
}

static void
unmount(void)
{
	char image[96];

	assert_int_equal(umount(at), 0);
	snprintf(image, sizeof(image), "%s/image", base);
	unlink(image);
	unsetenv("TMPDIR");
}

static int
end(void **state)
{
	writing_fini(&t);
	ahead_s = 0;
	/* After a failure. */
	umount2(at, MNT_DETACH);
	return 0;
}

/* A file that leaves so much room to others. */
static void
leave_room(uint64_t bytes)
{
	struct statvfs fs;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", at);
	assert_int_equal(statvfs(at, &fs), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	if ((uint64_t)fs.f_bavail * fs.f_frsize > bytes)
		assert_int_equal(posix_fallocate(fd, 0, (off_t)(fs.f_bavail * fs.f_frsize - bytes)),
				 0);
	close(fd);
}

static void
drop_ballast(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/ballast", at);
	assert_int_equal(unlink(path), 0);
}

static enum vmirror_writer_state
state_of(void)
{
	struct vmirror_writer_status status;

	vmirror_writer_status(t.writer, &status);
	return status.state;
}

/* --- */

static const char *const formats[] = {"c.pcapng", "c.pcap", "c.pcapng.zst", "c.pcap.zst"};

/* The file ends before it is full, with or without a way on. */
static void
fills(const char *name, uint64_t room, enum vmirror_writer_full on_full)
{
	bool drops = on_full == VMIRROR_WRITER_DROP && strstr(name, ".zst") == NULL;
	uint64_t written, i;

	writing_init(&t, name);
	t.len = writing_len_any;
	t.opts.on_full = on_full;
	leave_room(room);
	writing_open(&t, 2);
	for (i = 0; i < 40 && state_of() == VMIRROR_WRITER_WELL; i++) {
		writing_put_n(&t, 50);
		if (i % 4 == 3)
			writing_flush(&t);
	}
	writing_flush(&t);
	assert_int_equal(state_of(), drops ? VMIRROR_WRITER_FULL : VMIRROR_WRITER_FAILED);
	assert_int_equal(writing_put(&t), VMIRROR_WRITER_LOST);
	drop_ballast();
	writing_read_back(&t);
	written = t.written;
	ahead_s += 2;
	vmirror_writer_poll(t.writer);
	writing_put_n(&t, 10);
	writing_finish(&t);
	assert_true(t.lost > 0);
	assert_int_equal(t.written, written + (drops ? 10 : 0));
	writing_read_back(&t);
	if (drops && t.opts.format == &vmirror_writer_pcapng)
		assert_int_equal(t.capture.n_sections, written > 0 ? 2 : 1);
	writing_fini(&t);
}

/* Whatever makes room: as long as there is something to remove, nothing is lost. */
static void
makes_room(const char *name, uint64_t room)
{
	unsigned int i;

	writing_init(&t, name);
	t.len = writing_len_small;
	t.opts.on_full = VMIRROR_WRITER_DELETE_OLDEST;
	t.opts.rotate_bytes = 128 * KIB;
	t.opts.files = 200;
	leave_room(room);
	writing_open(&t, 2);
	for (i = 0; i < 40; i++) {
		writing_put_n(&t, 150);
		/* With its blocks under way a file is none to be removed. */
		writing_flush(&t);
	}
	assert_int_equal(state_of(), VMIRROR_WRITER_WELL);
	writing_finish(&t);
	assert_int_equal(t.lost + t.refused, 0);
	writing_read_back(&t);
	assert_true(t.n_files >= room / (128 * KIB) / 4);
	assert_true(t.first_read > 0);
	assert_int_equal(t.next_read, t.n);
	drop_ballast();
	writing_fini(&t);
}

static void
all_of_it(void)
{
	static const uint64_t rooms[] = {0, 4 * KIB, 64 * KIB, MIB - 4 * KIB, 3 * MIB + 4 * KIB};
	unsigned int i, f;

	for (i = 0; i < N_ELEMENTS(rooms); i++) {
		for (f = 0; f < N_ELEMENTS(formats); f++) {
			with_pwrite = (i + f) % 2 == 0;
			fills(formats[f], rooms[i], VMIRROR_WRITER_STOP);
			fills(formats[f], rooms[i], VMIRROR_WRITER_DROP);
			with_pwrite = !with_pwrite;
		}
	}
	for (f = 0; f < 2 * N_ELEMENTS(formats); f++) {
		with_pwrite = f % 2 == 0;
		makes_room(formats[f / 2], MIB + 100 * KIB);
	}
}

static void
test_tmpfs(void **state)
{
	if (*base == '\0')
		skip();
	mount_tmpfs("size=16m");
	all_of_it();
	unmount();
}

static void
test_ext4(void **state)
{
	if (*base == '\0')
		skip();
	if (!mount_ext4(16)) {
		print_message("NOT RUN: ext4 needs mkfs.ext4 and a loop device\n");
		return;
	}
	all_of_it();
	unmount();
}

/* There is room for bytes and none for another file. */
static void
no_next_file(enum vmirror_writer_full on_full)
{
	bool deletes = on_full == VMIRROR_WRITER_DELETE_OLDEST;
	unsigned int i;

	mount_tmpfs("size=16m,nr_inodes=6");
	writing_init(&t, "c.pcapng");
	t.opts.on_full = on_full;
	t.opts.rotate_bytes = 64 * KIB;
	t.opts.files = deletes ? 100 : 0;
	writing_open(&t, 1);
	for (i = 0; i < 10; i++) {
		writing_put_n(&t, 100);
		writing_flush(&t);
	}
	assert_int_equal(t.refused > 0, !deletes);
	assert_int_equal(state_of(), deletes                          ? VMIRROR_WRITER_WELL
				     : on_full == VMIRROR_WRITER_DROP ? VMIRROR_WRITER_FULL
								      : VMIRROR_WRITER_FAILED);
	if (!deletes) {
		char names[16][256];

		/* It had only the first few, which somebody takes away. */
		assert_int_equal(writing_list(&t, names, 16), 4);
		writing_read_back(&t);
		unlink(names[0]);
		t.opts.files = 1;
		ahead_s += 2;
		vmirror_writer_poll(t.writer);
		writing_put_n(&t, 10);
	}
	writing_finish(&t);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.fates[t.n - 1],
			 on_full == VMIRROR_WRITER_STOP ? FATE_REFUSED : FATE_WRITTEN);
	writing_read_back(&t);
	writing_fini(&t);
	unmount();
}

static void
test_no_next_file(void **state)
{
	if (*base == '\0')
		skip();
	with_pwrite = false;
	no_next_file(VMIRROR_WRITER_STOP);
	no_next_file(VMIRROR_WRITER_DROP);
	no_next_file(VMIRROR_WRITER_DELETE_OLDEST);
}

/* No longer than this process may make files. Its signal is the thread's, which blocks it. */
static void
file_limit(const char *name, uint64_t most)
{
	struct vmirror_writer_status status;
	struct rlimit limit, small;

	writing_init(&t, name);
	t.len = writing_len_any;
	writing_open(&t, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){.rlim_cur = most, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	writing_put_n(&t, 500);
	vmirror_writer_finish(t.writer, 30 * SEC);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_FAILED);
	assert_non_null(strstr(status.reason, "File too large"));
	writing_finish(&t);
	assert_true(t.lost > 0 && (t.written > 0 || most < MIB));
	writing_read_back(&t);
	writing_fini(&t);
}

static void
test_file_limit(void **state)
{
	const struct timespec at_once = {0};
	sigset_t set;
	unsigned int f;

	sigemptyset(&set);
	sigaddset(&set, SIGXFSZ);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	for (f = 0; f < 2 * N_ELEMENTS(formats); f++) {
		with_pwrite = f % 2 == 0;
		file_limit(formats[f / 2], 5000);
		file_limit(formats[f / 2], MIB + 12345);
	}
	while (sigtimedwait(&set, NULL, &at_once) > 0)
		;
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tmpfs),
		TEST(test_ext4),
		TEST(test_no_next_file),
		TEST(test_file_limit),
	};

	int ret = cmocka_run_group_tests(tests, begin_group, end_group);

	if (ret != 0 || *base != '\0')
		return ret;
	puts("skipped: needs root, to mount file systems in a namespace of its own");
	return 77;
}
