/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The writer on a disk that fails: full after every possible number of units, broken at every write,
 * short, interrupted. What is counted as written can be read, what is read was counted, and no file
 * has a torn end. The linker puts this disk under the writer, for both ways to write.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/disk.h"
#include "tests/unit/writing.h"

#define SEC (UINT64_C(1000) * WRITING_MS)

static struct writing t;

static int
end(void **state)
{
	writing_fini(&t);
	return 0;
}

/* --- small captures */

#define ROUNDS 5

static const char *const formats[] = {"c.pcapng", "c.pcap", "c.pcapng.zst", "c.pcap.zst"};

static void
begin(const char *name, bool with_pwrite, enum vmirror_writer_full on_full)
{
	struct vmirror_writer_status status;

	writing_init(&t, name);
	disk_new(&t, with_pwrite);
	t.opts.on_full = on_full;
	writing_open(&t, 2);
	vmirror_writer_status(t.writer, &status);
	assert_string_equal(status.how, with_pwrite ? "pwrite" : "io_uring");
}

/* Who forbids io_uring may do so at any of its calls. */
static void
test_no_enter(void **state)
{
	struct vmirror_writer_status status;
	unsigned int before = writing_descriptors();

	writing_init(&t, "c.pcapng");
	disk_new(&t, false);
	disk.no_enter = true;
	writing_open(&t, 1);
	vmirror_writer_status(t.writer, &status);
	assert_string_equal(status.how, "pwrite");
	writing_put_n(&t, 5000);
	writing_finish(&t);
	assert_int_equal(writing_descriptors(), before);
	assert_int_equal(t.written, t.n);
	writing_read_back(&t);
}

/* A few blocks, each of a few units. */
static void
put_rounds(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		writing_put_n(&t, 4 + i % 3 * 3);
		writing_flush(&t);
	}
}

static enum vmirror_writer_state
state_of(void)
{
	struct vmirror_writer_status status;

	vmirror_writer_status(t.writer, &status);
	return status.state;
}

static void
end_capture(void)
{
	writing_finish(&t);
	writing_read_back(&t);
}

/* Bytes that the small capture has. */
static uint64_t
small_size(const char *name, bool with_pwrite)
{
	uint64_t size = 0;

	begin(name, with_pwrite, VMIRROR_WRITER_STOP);
	put_rounds(ROUNDS);
	end_capture();
	assert_int_equal(t.written, t.n);
	size = disk_used();
	end(NULL);
	return size;
}

/* Full after each number of units: the file holds what it can, or what fits before and behind. */
static void
fills(const char *name, bool with_pwrite, enum vmirror_writer_full on_full, int error)
{
	uint64_t size = small_size(name, with_pwrite), units;
	bool drops = on_full == VMIRROR_WRITER_DROP && strstr(name, ".zst") == NULL;

	for (units = 0; units * DISK_UNIT < size; units++) {
		begin(name, with_pwrite, on_full);
		disk.error = error;
		disk.capacity = units * DISK_UNIT;
		put_rounds(ROUNDS);
		/* It may be that only the statistics found no room. */
		if (state_of() != VMIRROR_WRITER_WELL) {
			assert_int_equal(state_of(),
					 drops ? VMIRROR_WRITER_FULL : VMIRROR_WRITER_FAILED);
			assert_int_equal(writing_put(&t), VMIRROR_WRITER_LOST);
			/* Who reads it now finds nothing torn. */
			writing_read_back(&t);
		}
		disk.capacity = drops ? DISK_ANY : disk.capacity;
		writing_put_n(&t, 3);
		disk.ahead_ns += 2 * SEC;
		vmirror_writer_poll(t.writer);
		writing_put_n(&t, 7);
		writing_flush(&t);
		if (drops) {
			assert_int_equal(state_of(), VMIRROR_WRITER_WELL);
			assert_in_range(t.fates[t.n - 1], FATE_WRITTEN, FATE_WRITTEN);
		}
		end_capture();
		assert_int_equal(t.n_files, 1);
		assert_true(drops || t.written < t.n);
		end(NULL);
	}
}

static void
test_full(void **state)
{
	unsigned int f, i;

	for (f = 0; f < N_ELEMENTS(formats); f++)
		for (i = 0; i < (f < 2 ? 4 : 2); i++)
			fills(formats[f], i % 2 == 0,
			      (f + i / 2) % 2 == 0 ? VMIRROR_WRITER_STOP : VMIRROR_WRITER_DROP,
			      ENOSPC);
	fills(formats[0], true, VMIRROR_WRITER_DROP, EDQUOT);
}

/* Room comes and goes: there is a section for each time that it came. */
static void
test_full_again(void **state)
{
	unsigned int i, f, dry = 0;

	for (f = 0; f < 4; f++) {
		begin(formats[f % 2], f / 2 == 0, VMIRROR_WRITER_DROP);
		for (i = 0; i < 12; i++) {
			disk.capacity = i % 3 == 1 ? 0 : DISK_ANY;
			writing_put_n(&t, 5);
			vmirror_writer_flush(t.writer, 10 * WRITING_MS);
			dry += state_of() == VMIRROR_WRITER_FULL;
			disk.ahead_ns += SEC / 2 * (i % 4 + 1);
			vmirror_writer_poll(t.writer);
		}
		disk.capacity = DISK_ANY;
		disk.ahead_ns += 2 * SEC;
		vmirror_writer_poll(t.writer);
		writing_put_n(&t, 5);
		end_capture();
		assert_true(t.lost > 0 && t.refused > 0);
		if (t.opts.format == &vmirror_writer_pcapng)
			assert_in_range(t.capture.n_sections, 3, 5);
		end(NULL);
	}
	assert_true(dry > 0);
}

/* Each write in turn fails, at once or after a part of it. */
static void
breaks(const char *name, bool with_pwrite, int error, uint64_t cut)
{
	struct vmirror_writer_status status;
	uint64_t n;

	for (n = 0; n < ROUNDS; n++) {
		begin(name, with_pwrite, VMIRROR_WRITER_DROP);
		disk.at = n;
		disk.cut = cut;
		disk.error = error;
		put_rounds(ROUNDS);
		vmirror_writer_status(t.writer, &status);
		assert_int_equal(status.state, VMIRROR_WRITER_FAILED);
		assert_non_null(strstr(status.reason, "writing failed: "));
		if (with_pwrite)
			assert_non_null(strstr(status.reason, strerror(error)));
		/* It is over, whatever comes. */
		disk.at = DISK_ANY;
		disk.ahead_ns += 5 * SEC;
		vmirror_writer_poll(t.writer);
		assert_int_equal(writing_put(&t), VMIRROR_WRITER_LOST);
		end_capture();
		/* A part may have been all of it. */
		assert_true(n > 0 ? t.written > 0 : cut > 0 || t.written == 0);
		assert_true(t.refused + t.lost > 0);
		end(NULL);
	}
}

static void
test_broken(void **state)
{
	unsigned int f;

	for (f = 0; f < N_ELEMENTS(formats); f++) {
		breaks(formats[f], true, EIO, 0);
		breaks(formats[f], true, EIO, DISK_UNIT / 2);
		breaks(formats[f], false, EBADF, 0);
		breaks(formats[f], false, EBADF, DISK_UNIT / 2);
	}
}

/* Interrupted, or taken in pieces, it is written all the same. */
static void
test_short(void **state)
{
	static const uint64_t most[] = {1, 511, 512, DISK_UNIT, 5 * DISK_UNIT / 2, DISK_ANY};
	struct vmirror_writer_status status;
	unsigned int f, i;

	for (f = 0; f < 2 * N_ELEMENTS(formats); f++) {
		for (i = 0; i < N_ELEMENTS(most); i++) {
			begin(formats[f / 2], f % 2 == 0, VMIRROR_WRITER_STOP);
			disk.most = most[i];
			disk.interrupts = true;
			put_rounds(most[i] == 1 ? 1 : ROUNDS);
			/* There are units that only the page cache takes. */
			vmirror_writer_status(t.writer, &status);
			assert_false(f % 2 == 0 && most[i] < 512 && status.direct);
			end_capture();
			assert_int_equal(t.written, t.n);
			end(NULL);
		}
	}
}

/* --- many blocks under way */

/* Of a run of blocks, one fails; those behind it are lost even where they were written. */
static void
loses_some(const char *name, bool with_pwrite, uint64_t at, bool full)
{
	begin(name, with_pwrite, full ? VMIRROR_WRITER_DROP : VMIRROR_WRITER_STOP);
	t.len = writing_len_any;
	disk.at = disk.until = at;
	disk.error = full ? ENOSPC : with_pwrite ? EIO : EBADF;
	writing_put_n(&t, 1000);
	writing_flush(&t);
	/* How many blocks go into a write depends on how fast the disk is. */
	while (disk.writes <= at) {
		writing_put_n(&t, 100);
		writing_flush(&t);
	}
	disk.ahead_ns += 2 * SEC;
	vmirror_writer_poll(t.writer);
	writing_put_n(&t, 10);
	end_capture();
	assert_true(t.lost > 0);
	assert_true(at == 0 || t.written > 100);
	if (full && strstr(name, ".zst") == NULL)
		assert_in_range(t.fates[t.n - 1], FATE_WRITTEN, FATE_WRITTEN);
	end(NULL);
}

static void
test_one_of_many(void **state)
{
	uint64_t at;
	unsigned int i;

	for (at = 0; at < 5; at++) {
		for (i = 0; i < 4; i++)
			loses_some(formats[i % 2 * (1 + (unsigned int)at % 3)], i % 2 == 0, at,
				   i / 2 == 0);
	}
}

/* Blocks of their full length, on a disk that is full anywhere in them. */
static void
test_full_blocks(void **state)
{
	uint64_t step = 113 / test_rounds(1, 113), units;

	for (units = 0; units < 4 * 256; units += step) {
		begin(formats[units % 2], units % 4 < 2, VMIRROR_WRITER_STOP);
		t.len = writing_len_any;
		disk.capacity = units * DISK_UNIT;
		writing_put_n(&t, 900);
		end_capture();
		assert_int_equal(writing_list(&t, (char[4][256]){{0}}, 4), 1);
		assert_true(disk_used() + (UINT64_C(1) << 20) > disk.capacity);
		end(NULL);
	}
}

/* --- many files */

/* A file that has ended fails while the next is being written. */
static void
ended_file_fails(const char *name, bool with_pwrite, uint64_t at, bool full)
{
	writing_init(&t, name);
	disk_new(&t, with_pwrite);
	t.opts.on_full = at % 2 == 0 ? VMIRROR_WRITER_STOP : VMIRROR_WRITER_DROP;
	t.opts.rotate_bytes = 65536;
	writing_open(&t, 2);
	disk.at = disk.until = at / 2;
	disk.error = full ? ENOSPC : EIO;
	writing_put_n(&t, 330);
	/* What waits for room to come waits no longer than this. */
	writing_flush(&t);
	if (state_of() == VMIRROR_WRITER_FULL)
		disk.ahead_ns += 2 * SEC;
	vmirror_writer_poll(t.writer);
	writing_put_n(&t, 10);
	end_capture();
	assert_true(t.lost > 0);
	end(NULL);
}

static void
test_ended_file_fails(void **state)
{
	uint64_t at;
	unsigned int i;

	for (i = 0; i < 8; i++)
		for (at = 0; at < 2 * 5; at++)
			ended_file_fails(formats[i / 4], i % 2 == 0, at, i / 2 % 2 == 0);
}

/* Of a set the oldest make room, and nothing is lost; without any to remove it is full. */
static void
test_delete_oldest(void **state)
{
	struct vmirror_writer_status status;
	unsigned int i;

	for (i = 0; i < 2 * N_ELEMENTS(formats); i++) {
		writing_init(&t, formats[i / 2]);
		disk_new(&t, i % 2 == 0);
		t.opts.on_full = VMIRROR_WRITER_DELETE_OLDEST;
		t.opts.rotate_bytes = 65536;
		t.opts.files = 100;
		writing_open(&t, 2);
		disk.capacity = 5 * 65536;
		while (t.n < 2000) {
			writing_put_n(&t, 25);
			writing_flush(&t);
		}
		assert_int_equal(t.lost + t.refused, 0);
		assert_int_equal(state_of(), VMIRROR_WRITER_WELL);
		disk.capacity = 0;
		writing_put_n(&t, 100);
		writing_flush(&t);
		vmirror_writer_status(t.writer, &status);
		assert_int_equal(status.state, t.opts.compress != 0 ? VMIRROR_WRITER_FAILED
								    : VMIRROR_WRITER_FULL);
		assert_non_null(strstr(status.reason, "its disk is full"));
		assert_true(t.lost > 0);
		end_capture();
		assert_int_equal(t.n_files, 1);
		end(NULL);
	}
}

/* --- files that cannot be ended */

static void
assert_bad_end(void)
{
	struct vmirror_writer_status status;

	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_FAILED);
	assert_non_null(strstr(status.reason, "writing failed at the end"));
}

static void
ends_badly(const char *name, bool with_pwrite, bool no_cut, bool in_set)
{
	begin(name, with_pwrite, VMIRROR_WRITER_DROP);
	if (in_set) {
		vmirror_writer_close(t.writer, true);
		t.opts.rotate_bytes = 65536;
		writing_open(&t, 2);
	}
	disk.error = no_cut ? EIO : EDQUOT;
	disk.no_cut = no_cut;
	disk.no_close = !no_cut;
	put_rounds(ROUNDS);
	if (in_set) {
		writing_put_n(&t, 300);
		writing_flush(&t);
		assert_bad_end();
		assert_int_equal(writing_put(&t), VMIRROR_WRITER_LOST);
	}
	assert_int_equal(state_of(), in_set ? VMIRROR_WRITER_FAILED : VMIRROR_WRITER_WELL);
	vmirror_writer_finish(t.writer, 30 * SEC);
	assert_bad_end();
	disk.no_cut = disk.no_close = false;
	end_capture();
	assert_int_equal(t.written < t.n, in_set);
	end(NULL);
}

/* Where a file is written somewhere else, it may be its end that tells of a full disk. */
static void
test_bad_end(void **state)
{
	unsigned int before = writing_descriptors(), i;

	for (i = 0; i < 8 * N_ELEMENTS(formats); i++)
		ends_badly(formats[i / 8], i % 2 == 0, i / 2 % 2 == 0, i / 4 % 2 == 0);
	assert_int_equal(writing_descriptors(), before);
}

/* --- blocks that never come back */

/* The end does not wait for ever; what has come back can be read, and there is nothing behind it. */
static void
test_swallowed(void **state)
{
	static struct vmirror_writer *stuck[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		begin(formats[0], false, VMIRROR_WRITER_STOP);
		t.len = writing_len_any;
		put_rounds(2);
		disk.swallows = true;
		writing_put_n(&t, 600);
		/* Its memory is the kernel's, and stays. */
		stuck[i] = t.writer;
		if (i == 0)
			writing_put_n(&t, 600);
		vmirror_writer_finish(t.writer, 30 * WRITING_MS);
		vmirror_writer_close(t.writer, false);
		t.writer = NULL;
		assert_non_null(stuck[i]);
		assert_int_equal(t.written, 11);
		assert_int_equal(t.written + t.lost, t.taken);
		writing_read_back(&t);
		end(NULL);
	}
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_full),          TEST(test_full_again),  TEST(test_broken),
		TEST(test_short),         TEST(test_one_of_many), TEST(test_full_blocks),
		TEST(test_delete_oldest), TEST(test_swallowed),   TEST(test_ended_file_fails),
		TEST(test_bad_end),       TEST(test_no_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
