/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One file after the other: none too long, nothing lost or split between them, the last few kept, a
 * program run for each.
 */

#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/writing.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

int
__real_fcntl64(int fd, int command, ...);
int
__wrap_fcntl64(int fd, int command, ...);

static struct writing t;
static bool no_direct; /* not with this file system */

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

static int
end(void **state)
{
	writing_fini(&t);
	return 0;
}

static const char *const formats[] = {"c.pcapng", "c.pcap", "c.pcapng.zst", "c.pcap.zst"};

/* The files' numbers are consecutive. @return how many there are */
static unsigned int
check_numbers(unsigned int first)
{
	char names[256][256];
	unsigned int n = writing_list(&t, names, 256), i, number;
	struct vmirror_writer_status status;

	for (i = 0; i < n; i++) {
		const char *at = strrchr(names[i], '/');

		assert_int_equal(sscanf(at, "/c_%5u_", &number), 1);
		assert_int_equal(number, first + i);
		assert_int_equal(strlen(at), strlen("/c_00001_20261122031500") +
						     strlen(strchr(strrchr(t.path, '/'), '.')));
	}
	if (t.writer != NULL) {
		vmirror_writer_status(t.writer, &status);
		assert_int_equal(status.files, first + n - 1);
	}
	return n;
}

static void
rotate(const char *name, uint64_t bytes, uint32_t (*len)(uint64_t number))
{
	uint64_t total = 0, seed = bytes;
	unsigned int n;

	writing_init(&t, name);
	t.len = len;
	t.opts.rotate_bytes = bytes;
	writing_open(&t, 2);
	while (total < 5 * bytes && total < 3 * MIB) {
		uint64_t from = t.n;

		/* At times there is more than a block between two flushes. */
		writing_put_n(&t, 1 + writing_random(seed++) % (5 * MIB / 2 / len(0)));
		for (; from < t.n; from++)
			total += len(from);
		if (writing_random(seed++) % 3 != 0)
			writing_flush(&t);
		if (writing_random(seed++) % 6 == 0 && t.n_ports < 10)
			writing_add_port(&t);
		vmirror_writer_poll(t.writer);
	}
	writing_flush(&t);
	n = check_numbers(1);
	assert_true(n > (t.opts.compress != 0 ? 1 : 2));
	writing_finish(&t);
	assert_int_equal(t.written, t.n);
	writing_read_back(&t);
	assert_int_equal(t.n_files, n);
	writing_fini(&t);
}

/* Nothing lost, nothing split, no file too long. [writing.c: read_file()] */
static void
test_rotate_bytes(void **state)
{
	static const uint64_t sizes[] = {64 * KIB, 100000,  MIB - 4096,
					 MIB,      MIB + 1, MIB + 100 * KIB};
	unsigned int i, f;

	for (i = 0; i < N_ELEMENTS(sizes); i++) {
		no_direct = i == 1;
		for (f = 0; f < N_ELEMENTS(formats); f++)
			rotate(formats[f], sizes[i],
			       i % 2 == 0 ? writing_len_small : writing_len_any);
	}
	no_direct = false;
}

static void
test_rotate_any(void **state)
{
	unsigned int rounds = (unsigned int)test_rounds(4, 200), i;

	for (i = 0; i < rounds; i++) {
		no_direct = writing_random(i) % 4 == 0;
		rotate(formats[i % N_ELEMENTS(formats)],
		       400 * KIB + writing_random(i ^ 0x77) % (700 * KIB),
		       writing_random(i) % 3 == 0 ? writing_len_any : writing_len_small);
	}
	no_direct = false;
}

/* Few packets: what they are sent off with ends at a page, and so do the statistics behind them. */
static void
test_rotate_slow(void **state)
{
	uint64_t bytes;

	for (bytes = 64 * KIB; bytes <= 68 * KIB; bytes += 256) {
		writing_init(&t, "c.pcapng");
		t.opts.rotate_bytes = bytes;
		writing_open(&t, 2);
		while (t.n < 120) {
			writing_put_n(&t, 1 + t.n % 3);
			writing_flush(&t);
		}
		writing_finish(&t);
		assert_int_equal(t.written, t.n);
		writing_read_back(&t);
		assert_true(t.n_files > 2);
		writing_fini(&t);
	}
}

/* A packet longer than a file may be has one of its own. */
static void
test_rotate_longest(void **state)
{
	unsigned int f;

	for (f = 0; f < N_ELEMENTS(formats); f++) {
		writing_init(&t, formats[f]);
		t.len = writing_len_huge;
		t.opts.rotate_bytes = 64 * KIB;
		writing_open(&t, 1);
		writing_put_n(&t, 30);
		writing_finish(&t);
		assert_int_equal(check_numbers(1), 30);
		writing_read_back(&t);
		writing_fini(&t);
	}
}

/* Also in a file that a late port and its statistics come to last. */
static void
test_rotate_late_ports(void **state)
{
	static char filter[4000];
	unsigned int i;

	memset(filter, 'f', sizeof(filter) - 1);
	for (i = 0; i < 40; i++) {
		writing_init(&t, "c.pcapng");
		no_direct = i % 2 == 0;
		t.opts.about.filter = filter;
		t.opts.rotate_bytes = 200000;
		writing_open(&t, 1);
		writing_put_n(&t, 200 + i);
		writing_add_port(&t);
		writing_put_n(&t, 2);
		writing_add_port(&t);
		writing_finish(&t);
		writing_read_back(&t);
		writing_fini(&t);
	}
	no_direct = false;
}

/* Only the last few stay. */
static void
test_files(void **state)
{
	unsigned int files, round;

	for (files = 1; files <= 4; files += 3) {
		writing_init(&t, "c.pcapng");
		t.opts.rotate_bytes = 64 * KIB;
		t.opts.files = files;
		writing_open(&t, 1);
		for (round = 0; round < 30; round++) {
			char names[16][256];

			writing_put_n(&t, 70);
			if (round % 2 == 0)
				continue;
			/* One that is under way can only be removed later. */
			writing_flush(&t);
			assert_true(writing_list(&t, names, 16) <= files);
		}
		writing_finish(&t);
		writing_read_back(&t);
		assert_int_equal(t.n_files, files);
		assert_true(t.first_read > 0);
		assert_int_equal(t.next_read, t.n);
		writing_fini(&t);
	}
}

/* Also files that had ended are let go of, wherever they were. */
static void
test_unfinished(void **state)
{
	unsigned int before = writing_descriptors();

	writing_init(&t, "c.pcapng");
	t.opts.rotate_bytes = 64 * KIB;
	writing_open(&t, 1);
	writing_put_n(&t, 70);
	writing_flush(&t);
	writing_put_n(&t, 400);
	assert_true(writing_descriptors() > before + 3);
	vmirror_writer_close(t.writer, false);
	t.writer = NULL;
	assert_int_equal(writing_descriptors(), before);
	assert_true(t.written >= 70);
}

static void
rotate_by_time(const char *name, bool more_blocks)
{
	unsigned int i, files = 0;

	writing_init(&t, name);
	t.opts.rotate_ns = 20 * WRITING_MS;
	writing_open(&t, 1);
	for (i = 0; i < 4; i++) {
		writing_put_n(&t, more_blocks ? 2000 : 10);
		/* What was put is through when the file ends, or is not. */
		if (i % 2 == 0)
			writing_flush(&t);
		usleep(22000);
		vmirror_writer_poll(t.writer);
		files++;
		vmirror_writer_poll(t.writer);
		assert_int_equal(check_numbers(1), files);
	}
	/* Without packets no file begins. */
	usleep(22000);
	vmirror_writer_poll(t.writer);
	assert_int_equal(check_numbers(1), files);
	writing_put_n(&t, 1);
	writing_finish(&t);
	assert_int_equal(check_numbers(1), files + 1);
	assert_int_equal(t.written, t.n);
	writing_read_back(&t);
	writing_fini(&t);
}

static void
test_rotate_time(void **state)
{
	unsigned int f;

	for (f = 0; f < N_ELEMENTS(formats); f++)
		rotate_by_time(formats[f], f % 2 == 1);
}

/* --- exec */

/* Nobody waits for what is run; it has come when the log has so many lines. */
static void
wait_for_lines(const char *log, unsigned int wanted)
{
	unsigned int lines = 0, tries;
	int c;

	for (tries = 0; tries < 3000 && lines < wanted; tries++) {
		FILE *in = fopen(log, "re");

		lines = 0;
		while (in != NULL && (c = getc(in)) != EOF)
			lines += c == '\n';
		if (in != NULL)
			fclose(in);
		usleep(10000);
	}
}

/* A program is run for each file, and finds it complete. */
static void
test_exec(void **state)
{
	char log[160], exec[512], line[512], names[128][256];
	unsigned int n = 0, files, i;
	bool seen[128] = {false};
	FILE *in;

	writing_init(&t, "c.pcapng");
	snprintf(log, sizeof(log), "%s-log", t.dir);
	snprintf(exec, sizeof(exec), "f() { s=$(stat -c %%s \"$1\") && echo \"$1 $s\" >>'%s'; }; f",
		 log);
	t.opts.exec = exec;
	t.opts.rotate_bytes = 64 * KIB;
	writing_open(&t, 1);
	writing_put_n(&t, 90 * 64 * KIB / 800);
	writing_flush(&t);
	for (i = 0; i < 30; i++) {
		usleep(10000);
		vmirror_writer_poll(t.writer);
	}
	writing_finish(&t);
	files = writing_list(&t, names, 128);
	wait_for_lines(log, files);
	assert_true(files > 64 && files < 128);
	in = fopen(log, "re");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		char name[256];
		struct stat st;
		long size;

		assert_int_equal(sscanf(line, "%255s %ld", name, &size), 2);
		for (i = 0; i < files && strcmp(names[i], name) != 0; i++)
			;
		assert_true(i < files && !seen[i]);
		seen[i] = true;
		assert_int_equal(stat(name, &st), 0);
		assert_int_equal(st.st_size, size);
		n++;
	}
	fclose(in);
	unlink(log);
	assert_int_equal(n, files);
	writing_read_back(&t);
}

/* @param packed  receives how many of them a compressor has made. @return files that are none of these */
static unsigned int
count_packed(unsigned int *packed)
{
	char names[32][256];
	unsigned int n = writing_list(&t, names, 32), i;

	for (*packed = 0, i = 0; i < n; i++)
		*packed += strcmp(names[i] + strlen(names[i]) - 3, ".gz") == 0;
	return n - *packed;
}

/* What a compressor makes of a file counts as that, and so it does while both are there. */
static void
keep_packed(const char *exec, bool both)
{
	unsigned int round, plain, packed, tries;

	writing_init(&t, "c.pcapng");
	t.opts.exec = exec;
	t.opts.rotate_bytes = 64 * KIB;
	t.opts.files = 4;
	writing_open(&t, 1);
	for (round = 0; round < 30; round++) {
		writing_put_n(&t, 70);
		writing_flush(&t);
		for (tries = 0; tries < 3000; tries++) {
			plain = count_packed(&packed);
			if (plain <= (both ? packed + 1 : 1))
				break;
			usleep(10000);
		}
		assert_true(plain <= 4 && packed <= 4);
	}
	assert_int_equal(packed, 3);
	assert_int_equal(plain, both ? 4 : 1);
	vmirror_writer_close(t.writer, false);
	t.writer = NULL;
	writing_fini(&t);
}

static void
test_exec_packs(void **state)
{
	keep_packed("gzip", false);
	keep_packed("f() { : >\"$1.gz\"; }; f", true);
}

/* One that is not there does no harm; nor do those that outlive the writer. */
static void
test_exec_fails(void **state)
{
	writing_init(&t, "c.pcap");
	t.opts.exec = "exit 3; /nowhere/at/all";
	writing_open(&t, 1);
	writing_put_n(&t, 10);
	writing_finish(&t);
	writing_read_back(&t);
}

/* It gets no descriptor of the writer's, and signals as anybody does. */
static void
test_exec_inherits_nothing(void **state)
{
	char log[160], exec[512];
	sigset_t all, before;
	uint8_t *bytes;
	size_t size;

	writing_init(&t, "c.pcapng");
	snprintf(log, sizeof(log), "%s-log", t.dir);
	snprintf(
		exec, sizeof(exec),
		"f() { { grep -E 'SigBlk|SigIgn' /proc/self/status; ls -l /proc/self/fd; } >'%s'; }"
		"; f",
		log);
	t.opts.exec = exec;
	t.opts.rotate_bytes = 64 * KIB;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	writing_open(&t, 1);
	writing_put_n(&t, 100);
	writing_flush(&t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	wait_for_lines(log, 6);
	bytes = writing_slurp(log, &size);
	bytes[size] = '\0';
	unlink(log);
	assert_non_null(strstr((char *)bytes, "SigBlk:\t0000000000000000"));
	assert_non_null(strstr((char *)bytes, "-> "));
	assert_null(strstr((char *)bytes, ".pcapng"));
	assert_null(strstr((char *)bytes, "io_uring"));
	free(bytes);
	writing_finish(&t);
	usleep(100000); /* the last one's */
	unlink(log);
	writing_read_back(&t);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rotate_bytes),
		TEST(test_rotate_any),
		TEST(test_rotate_slow),
		TEST(test_rotate_longest),
		TEST(test_rotate_late_ports),
		TEST(test_files),
		TEST(test_unfinished),
		TEST(test_rotate_time),
		TEST(test_exec),
		TEST(test_exec_packs),
		TEST(test_exec_fails),
		TEST(test_exec_inherits_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
