/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The writer on a disk that is full, or breaks, after exactly so many bytes, for every number of bytes
 * that a small capture has. What fits in whole blocks counts as written and is in the file, the rest
 * as lost, and there is nothing behind it. With VMIRROR_TEST_SOAK at each byte, else at every so many
 * and wherever something ends.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/disk.h"
#include "tests/unit/writing.h"

#define BLOCKS 3
#define SEC    (UINT64_C(1000) * WRITING_MS)

int
__real_fcntl64(int fd, int command, ...);
int
__wrap_fcntl64(int fd, int command, ...);
void *
__real_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *
__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int
__wrap_fallocate64(int fd, int mode, off_t offset, off_t size);

/* How a capture is written. Past the page cache its blocks are padded. */
struct way {
	const char *name;
	bool pwrite, direct;
};

static const struct way ways[] = {
	{"c.pcapng", true, true},      {"c.pcapng", false, true},   {"c.pcapng", true, false},
	{"c.pcapng", false, false},    {"c.pcap", true, false},     {"c.pcap", false, false},
	{"c.pcapng.zst", true, false}, {"c.pcap.zst", true, false}, {"c.pcapng.zst", false, false},
	{"c.pcap.zst", false, false},
};

/* What becomes of it at the byte, and whether it goes on when there is room again. */
struct fault {
	enum vmirror_writer_full on_full;
	int error;
	bool passes;
};

static const struct fault faults[] = {
	{VMIRROR_WRITER_STOP, ENOSPC, false},
	{VMIRROR_WRITER_DROP, ENOSPC, true},
	{VMIRROR_WRITER_DROP, EDQUOT, true},
	{VMIRROR_WRITER_DROP, EIO, false},
};

static struct writing t;
static bool no_direct;

/* Of a capture that fits: bytes and packets after each block; and bytes with its statistics. */
static struct {
	uint64_t bytes[BLOCKS + 1], pkts[BLOCKS + 1], all;
} whole;

int
__wrap_fcntl64(int fd, int command, ...)
{
	long value;
	va_list ap;

	va_start(ap, command);
	value = va_arg(ap, long);
	va_end(ap);
	if (command == F_SETFL && (value & O_DIRECT) != 0 && no_direct) {
		errno = EINVAL;
		return -1;
	}
	return __real_fcntl64(fd, command, value);
}

/* Of many megabytes only these few pages are used: there are thousands of writers. */
void *
__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return __real_mmap64(at, size, protection, flags & ~MAP_POPULATE, fd, offset);
}

/* Nor is anything reserved, as on a disk that is nearly full. */
int
__wrap_fallocate64(int fd, int mode, off_t offset, off_t size)
{
	errno = ENOSPC;
	return -1;
}

static int
end(void **state)
{
	writing_fini(&t);
	return 0;
}

static uint32_t
len_tiny(uint64_t number)
{
	return 1 + (uint32_t)(writing_random(number) % 150);
}

static enum vmirror_writer_state
state_of(void)
{
	struct vmirror_writer_status status;

	vmirror_writer_status(t.writer, &status);
	return status.state;
}

static void
begin(const struct way *way, enum vmirror_writer_full on_full)
{
	writing_init(&t, way->name);
	disk_new(&t, way->pwrite);
	disk.unit = 1;
	no_direct = !way->direct;
	t.opts.on_full = on_full;
	t.len = len_tiny;
	writing_open(&t, 2);
}

static void
put_block(unsigned int number)
{
	writing_put_n(&t, 2 + number);
	writing_flush(&t);
}

/* @return false: the file system is none that writes past the page cache */
static bool
measure(const struct way *way)
{
	struct vmirror_writer_status status;
	unsigned int i;

	begin(way, VMIRROR_WRITER_STOP);
	vmirror_writer_status(t.writer, &status);
	assert_string_equal(status.how, way->pwrite ? "pwrite" : "io_uring");
	for (i = 0; i < BLOCKS; i++) {
		put_block(i);
		whole.bytes[i + 1] = disk_used();
		whole.pkts[i + 1] = t.written;
		assert_int_equal(t.written, t.n);
	}
	vmirror_writer_status(t.writer, &status);
	writing_finish(&t);
	whole.all = disk_used();
	end(NULL);
	return status.direct == way->direct;
}

/* There is room again, after a while: what comes then is written, where a file can go on. */
static void
go_on(bool passes)
{
	uint64_t written = t.written;

	disk.capacity = DISK_ANY;
	writing_put_n(&t, 1);
	disk.ahead_ns += 2 * SEC;
	vmirror_writer_poll(t.writer);
	writing_put_n(&t, 2);
	writing_flush(&t);
	assert_int_equal(state_of(), passes ? VMIRROR_WRITER_WELL : VMIRROR_WRITER_FAILED);
	assert_int_equal(t.written, written + (passes ? 2 : 0));
}

static void
fail_after(const struct way *way, uint64_t bytes, const struct fault *fault)
{
	/* io_uring's errors are the kernel's own: a quota is none that it can be made to exceed. */
	bool passes = fault->passes && strstr(way->name, ".zst") == NULL &&
		      (fault->error != EDQUOT || way->pwrite);
	unsigned int fit = BLOCKS, i;

	while (whole.bytes[fit] > bytes)
		fit--;
	begin(way, fault->on_full);
	disk.capacity = bytes;
	disk.error = fault->error;
	for (i = 0; i < BLOCKS; i++)
		put_block(i);
	assert_int_equal(state_of(), fit == BLOCKS ? VMIRROR_WRITER_WELL
				     : passes      ? VMIRROR_WRITER_FULL
						   : VMIRROR_WRITER_FAILED);
	assert_int_equal(t.written, whole.pkts[fit]);
	assert_int_equal(t.written + t.lost + t.refused, whole.pkts[BLOCKS]);
	assert_int_equal(disk_used(), whole.bytes[fit]);
	writing_read_back(&t);
	if (fit < BLOCKS && bytes % 2 == 0)
		go_on(passes);
	/* The statistics have perhaps no room, and are no packets. */
	writing_finish(&t);
	assert_true(fit == BLOCKS || t.lost > 0);
	assert_true(disk_used() <= disk.capacity);
	writing_read_back(&t);
	assert_int_equal(t.n_files, 1);
	end(NULL);
}

/* From one place to the next. A sanitizer takes ten times as long for each. */
static uint64_t
step_of(uint64_t usual, uint64_t soak)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	soak *= 37;
#endif
	return test_is_soak() ? soak : usual;
}

/* Whether a place is one where something ends, or next to it. */
static bool
is_end(uint64_t bytes)
{
	unsigned int i;

	for (i = 0; i <= BLOCKS; i++)
		if (bytes + 1 >= whole.bytes[i] && bytes <= whole.bytes[i] + 1)
			return true;
	return bytes + 1 >= whole.all;
}

static void
test_every_byte(void **state)
{
	unsigned int i, f, n = 0;
	uint64_t bytes, step;

	for (i = 0; i < N_ELEMENTS(ways); i++) {
		if (!measure(&ways[i])) {
			print_message("NOT RUN: %s past the page cache, which is not to be had\n",
				      ways[i].name);
			continue;
		}
		/* What is written past the page cache is long, most of it pads. */
		step = step_of(ways[i].direct ? 409 : 41, 1);
		for (bytes = 0; bytes <= whole.all; bytes++) {
			if (bytes % step != 0 && !is_end(bytes))
				continue;
			for (f = 0; f < N_ELEMENTS(faults); f++)
				fail_after(&ways[i], bytes, &faults[f]);
			n += f;
		}
	}
	print_message("%u times full or broken\n", n);
}

/* --- of a set, the oldest make room */

#define SET_BYTES  UINT64_C(12000) /* a file has at the most */
#define SET_ROUNDS 40

/* With room for two files, of which one is being written, nothing is lost. */
static void
full_set(const struct way *way, uint64_t bytes)
{
	unsigned int i;

	begin(way, VMIRROR_WRITER_DELETE_OLDEST);
	vmirror_writer_close(t.writer, true);
	t.opts.rotate_bytes = SET_BYTES;
	t.opts.files = 100;
	writing_open(&t, 2);
	disk.capacity = bytes;
	for (i = 0; i < SET_ROUNDS; i++)
		put_block(i % BLOCKS);
	/* What is under way into two files at a time is not counted against each other. */
	assert_true(!way->pwrite || disk_used() <= bytes);
	if (bytes >= 2 * SET_BYTES)
		assert_int_equal(t.written, t.n);
	else
		assert_int_equal(t.written + t.lost + t.refused, t.n);
	writing_read_back(&t);
	writing_finish(&t);
	assert_true(!way->pwrite || disk_used() <= bytes);
	writing_read_back(&t);
	end(NULL);
}

static void
test_full_set(void **state)
{
	uint64_t step = step_of(1999, 7), bytes;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(ways); i++)
		for (bytes = i % step; bytes < 3 * SET_BYTES; bytes += step)
			full_set(&ways[i], bytes);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_byte),
		TEST(test_full_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
