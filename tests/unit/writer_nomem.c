/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The writer without memory: each allocation fails in turn. Opening is all or nothing, and what is
 * taken later is written or counted as lost. Leaks are AddressSanitizer's to find.
 */

#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "tests/unit/writing.h"

void *
__real_malloc(size_t size);
void *
__wrap_malloc(size_t size);
void *
__real_calloc(size_t n, size_t size);
void *
__wrap_calloc(size_t n, size_t size);
void *
__real_realloc(void *old, size_t size);
void *
__wrap_realloc(void *old, size_t size);
char *
__real_strdup(const char *text);
char *
__wrap_strdup(const char *text);
void *
__real_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *
__wrap_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
ZSTD_CCtx *
__real_ZSTD_createCCtx(void);
ZSTD_CCtx *
__wrap_ZSTD_createCCtx(void);
size_t
__real_ZSTD_compressStream2(ZSTD_CCtx *ctx, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
			    ZSTD_EndDirective end);
size_t
__wrap_ZSTD_compressStream2(ZSTD_CCtx *ctx, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
			    ZSTD_EndDirective end);

static struct writing t;

/* Allocations until one fails; negative: none does, or it has. */
static int left = -1;

/* Of these, until compressing fails; and whether it has. */
static int compressions = -1;
static bool spoilt;

static bool
fails(void)
{
	return left >= 0 && left-- == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

void *
__wrap_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (!fails())
		return __real_mmap64(addr, size, prot, flags, fd, offset);
	errno = ENOMEM;
	return MAP_FAILED;
}

ZSTD_CCtx *
__wrap_ZSTD_createCCtx(void)
{
	spoilt = false;
	return fails() ? NULL : __real_ZSTD_createCCtx();
}

size_t
__wrap_ZSTD_compressStream2(ZSTD_CCtx *ctx, ZSTD_outBuffer *out, ZSTD_inBuffer *in,
			    ZSTD_EndDirective directive)
{
	if (!fails() && compressions-- != 0 && !spoilt)
		return __real_ZSTD_compressStream2(ctx, out, in, directive);
	/* ZSTD_error_memory_allocation; behind an error it may do anything. */
	if (!spoilt) {
		spoilt = true;
		return (size_t)-64;
	}
	memset(out->dst, 0x55, 16);
	out->pos = 16;
	return 0;
}

static int
end(void **state)
{
	left = -1;
	writing_fini(&t);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return 0;
}

static const char *const formats[] = {"c.pcapng", "c.pcap", "c.pcapng.zst"};

static void
begin(const char *name)
{
	writing_init(&t, name);
	t.opts.exec = "true";
	t.opts.about.filter = "tcp";
	t.opts.rotate_bytes = 65536;
	t.opts.files = 200;
}

static void
test_open(void **state)
{
	unsigned int f;

	for (f = 0; f < N_ELEMENTS(formats); f++) {
		unsigned int before, had = 0;
		char names[2][256];
		bool failed = true;
		int n;

		begin(formats[f]);
		before = writing_descriptors();
		for (n = 0; failed; n++) {
			struct vmirror_error err = {.text = ""};
			int ret;

			writing_forget(&t);
			left = n;
			ret = vmirror_writer_open(&t.writer, &t.opts, &err);
			failed = left < 0;
			left = -1;
			had += ret != 0;
			if (ret == 0) {
				/* Without memory for a ring it does without. */
				t.n_ports = 0;
				writing_add_port(&t);
				writing_put_n(&t, 10);
				writing_finish(&t);
				writing_read_back(&t);
				assert_int_equal(writing_list(&t, names, 2), 1);
				unlink(names[0]);
				continue;
			}
			assert_int_equal(ret, -ENOMEM);
			assert_true(strstr(err.text, "out of memory") != NULL ||
				    strstr(err.text, "Cannot allocate memory") != NULL);
			assert_null(t.writer);
			assert_int_equal(writing_list(&t, names, 2), 0);
			assert_int_equal(writing_descriptors(), before);
		}
		/* The writer, its texts, its file, its blocks. */
		assert_true(had >= 8);
		end(NULL);
	}
}

static void
test_add_port(void **state)
{
	struct vmirror_writer_port port;
	int n, ret;

	begin(formats[0]);
	writing_open(&t, 0);
	while (t.n_ports < 5) {
		writing_make_port(&port, t.n_ports);
		for (n = 0; n < 2; n++) {
			left = n;
			ret = vmirror_writer_add_port(t.writer, &port);
			left = -1;
			assert_int_equal(ret, -ENOMEM);
			assert_int_equal(vmirror_writer_find_port(t.writer, port.name), -ENOENT);
		}
		writing_add_port(&t);
		writing_put_n(&t, 10);
	}
	writing_finish(&t);
	assert_int_equal(t.written, 50);
	writing_read_back(&t);
}

/* Through blocks, files and programs. */
static void
test_put(void **state)
{
	unsigned int f;

	for (f = 0; f < N_ELEMENTS(formats); f++) {
		uint64_t whole = 0;
		bool failed = true;
		int n;

		for (n = 0; failed; n++) {
			begin(formats[f]);
			writing_open(&t, 2);
			left = n;
			writing_put_n(&t, 150);
			vmirror_writer_flush(t.writer, 10 * WRITING_MS);
			writing_put_n(&t, 50);
			vmirror_writer_flush(t.writer, 10 * WRITING_MS);
			writing_put_n(&t, 50);
			writing_finish(&t);
			failed = left < 0;
			left = -1;
			writing_read_back(&t);
			whole += t.written == t.n;
			assert_true(failed || t.written == t.n);
			end(NULL);
		}
		/* Who could not be remembered, or run, is no packet. */
		assert_true(n > 6 && whole > 1);
	}
}

static void
assert_spoilt(void)
{
	struct vmirror_writer_status status;

	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_FAILED);
	assert_non_null(strstr(status.reason, "compressing failed"));
	assert_true(t.lost > 0);
	writing_finish(&t);
	writing_read_back(&t);
	end(NULL);
}

static void
begin_one_file(void)
{
	begin(formats[2]);
	t.opts.rotate_bytes = 0;
	t.opts.files = 0;
	t.opts.exec = NULL;
	writing_open(&t, 2);
}

/* A frame cannot go on behind what was not compressed. */
static void
test_compress(void **state)
{
	unsigned int i, n;

	for (n = 0; n < 4; n++) {
		begin_one_file();
		for (i = 0; i < 6; i++) {
			writing_put_n(&t, 10);
			compressions = i == n ? 0 : -1;
			writing_flush(&t);
		}
		assert_int_equal(t.written, n * 10);
		assert_int_equal(t.lost, 10);
		assert_spoilt();
	}
	/* Full blocks, of which some may be under way. */
	for (n = 0; n < 3; n++) {
		begin_one_file();
		t.len = writing_len_huge;
		writing_put_n(&t, 4 * n);
		compressions = (int)n;
		writing_put_n(&t, 40);
		writing_flush(&t);
		assert_spoilt();
	}
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),
		TEST(test_add_port),
		TEST(test_put),
		TEST(test_compress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
