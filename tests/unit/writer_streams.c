/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The writer on what has no places: pipes, fifos, sockets and descriptors that somebody handed in, with
 * readers that are slow, go away or stop for ever.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/writing.h"

#define FOREVER SIZE_MAX

/* Reads on a thread of its own until there is no more, or it has had enough. */
struct reader {
	pthread_t thread;
	int fd;
	size_t enough; /* bytes, and it closes */
	size_t chunk;
	unsigned int delay_us; /* between two reads */
	uint8_t *bytes;
	size_t size;
	atomic_bool gone;
};

static struct writing t;
static struct reader reader;

/* As the drain's thread blocks it; what is pending would end whoever comes later. */
static int
begin_group(void **state)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	return pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int
end_group(void **state)
{
	const struct timespec at_once = {0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	while (sigtimedwait(&set, NULL, &at_once) > 0)
		;
	return pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int
end(void **state)
{
	writing_fini(&t);
	free(reader.bytes);
	reader = (struct reader){.fd = -1};
	return 0;
}

static void *
read_all(void *arg)
{
	struct reader *r = arg;
	size_t room = 1 << 20;
	ssize_t n = 1;

	r->bytes = malloc(room);
	while (n > 0 && r->size < r->enough) {
		if (r->size + r->chunk > room)
			r->bytes = realloc(r->bytes, room *= 2);
		n = read(r->fd, r->bytes + r->size, r->chunk);
		if (n > 0)
			r->size += (size_t)n;
		if (r->delay_us != 0)
			usleep(r->delay_us);
	}
	close(r->fd);
	atomic_store(&r->gone, true);
	return NULL;
}

static void
start_reader(int fd, size_t enough, size_t chunk, unsigned int delay_us)
{
	reader = (struct reader){.fd = fd, .enough = enough, .chunk = chunk, .delay_us = delay_us};
	assert_int_equal(pthread_create(&reader.thread, NULL, read_all, &reader), 0);
}

static void
open_pipe(int fds[2], int size)
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	if (size != 0)
		assert_true(fcntl(fds[1], F_SETPIPE_SZ, size) >= size);
	t.opts.path = NULL;
	t.opts.fd = fds[1];
}

/* All that was put has come. */
static void
check_all(uint64_t n)
{
	size_t unpacked;
	bool complete;
	uint8_t *plain;

	writing_finish(&t);
	pthread_join(reader.thread, NULL);
	assert_int_equal(t.written, n);
	writing_read_begin(&t);
	if (t.opts.compress == 0) {
		writing_read_bytes(&t, reader.bytes, reader.size);
	} else {
		plain = writing_unpack(reader.bytes, reader.size, &unpacked, &complete);
		assert_true(complete);
		writing_read_bytes(&t, plain, unpacked);
		free(plain);
	}
	writing_read_end(&t, false);
	if (t.opts.format == &vmirror_writer_pcapng)
		assert_int_equal(t.capture.n_pads, 0);
}

static void
through_pipe(const char *name, int pipe_size, size_t chunk, unsigned int delay_us)
{
	struct vmirror_writer_status status;
	int fds[2];

	writing_init(&t, name);
	t.len = writing_len_any;
	open_pipe(fds, pipe_size);
	start_reader(fds[0], FOREVER, chunk, delay_us);
	writing_open(&t, 2);
	/* Who shares the pipe is not to notice. */
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	close(fds[1]);
	writing_put_n(&t, 200);
	writing_flush(&t);
	writing_put_n(&t, 200);
	vmirror_writer_status(t.writer, &status);
	assert_string_equal(status.how, "a stream");
	assert_string_equal(status.path, "the descriptor");
	assert_int_equal(status.state, VMIRROR_WRITER_WELL);
	assert_false(status.fifo || status.removed || status.direct);
	check_all(400);
	end(NULL);
}

static void
test_pipe(void **state)
{
	through_pipe("c.pcapng", 0, 65536, 0);
	through_pipe("c.pcap", 0, 65536, 0);
	through_pipe("c.pcapng.zst", 0, 65536, 0);
	through_pipe("c.pcap.zst", 4096, 65536, 0);
}

static void
test_slow_reader(void **state)
{
	through_pipe("c.pcapng", 4096, 10000, 20);
	through_pipe("c.pcap", 65536, 65536, 1000);
}

/* Once, before there is a packet; compressed, with the first. */
static void
header_at_once(const char *name, bool at_once)
{
	uint8_t bytes[4096];
	ssize_t first, second;
	int fds[2];

	writing_init(&t, name);
	open_pipe(fds, 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	writing_open(&t, 1);
	close(fds[1]);
	vmirror_writer_poll(t.writer);
	first = read(fds[0], bytes, sizeof(bytes));
	vmirror_writer_poll(t.writer);
	second = read(fds[0], bytes, sizeof(bytes));
	writing_finish(&t);
	assert_true(at_once ? first >= 24 : first < 0);
	assert_true(second < 0);
	close(fds[0]);
	end(NULL);
}

static void
test_header(void **state)
{
	header_at_once("c.pcapng", true);
	header_at_once("c.pcap", true);
	header_at_once("c.pcapng.zst", false);
}

/* More than all blocks hold: whoever puts learns that it is busy, and nothing is lost. */
static void
test_busy(void **state)
{
	uint64_t busy = 0, n = 0;
	int fds[2];

	writing_init(&t, "c.pcapng");
	t.len = writing_len_huge;
	open_pipe(fds, 0);
	writing_open(&t, 1);
	close(fds[1]);
	while (writing_put(&t) == VMIRROR_WRITER_TAKEN)
		n++;
	assert_in_range(n, 16 * 3, 16 * 4);
	assert_int_equal(writing_put(&t), VMIRROR_WRITER_BUSY);
	assert_int_equal(t.written + t.lost, 0);
	assert_false(vmirror_writer_flush(t.writer, 1 * WRITING_MS));
	start_reader(fds[0], FOREVER, 65536, 100);
	for (n = 0; n < 64;) {
		if (writing_put(&t) == VMIRROR_WRITER_TAKEN) {
			n++;
		} else {
			busy++;
			vmirror_writer_wait(t.writer, 10 * WRITING_MS);
		}
	}
	assert_true(busy > 0);
	check_all(t.n);
}

static void
test_socket(void **state)
{
	int fds[2];

	writing_init(&t, "c.pcapng");
	t.len = writing_len_any;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	t.opts.path = NULL;
	t.opts.fd = fds[1];
	start_reader(fds[0], FOREVER, 30000, 50);
	writing_open(&t, 1);
	close(fds[1]);
	writing_put_n(&t, 500);
	check_all(500);
}

/* Of one whose owner gave it next to no room, and which nobody reads, no write() comes back. */
static void
test_socket_stalls(void **state)
{
	const int least = 1;
	int fds[2], i;

	writing_init(&t, "c.pcapng");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	t.opts.path = NULL;
	t.opts.fd = fds[1];
	writing_open(&t, 1);
	close(fds[1]);
	alarm(30);
	for (i = 0; i < 200; i++)
		writing_put(&t);
	vmirror_writer_flush(t.writer, 0);
	vmirror_writer_finish(t.writer, 100000000);
	alarm(0);
	writing_finish(&t);
	assert_int_equal(t.lost, 200);
	close(fds[0]);
}

static void
test_fifo(void **state)
{
	static const char *const names[] = {"c.pcapng", "c.pcap", "c.pcap.zst"};
	struct vmirror_writer_status status;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(names); i++) {
		writing_init(&t, names[i]);
		assert_int_equal(mkfifo(t.path, 0600), 0);
		/* One that reads before anybody writes would see an end. */
		reader.fd = open(t.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		writing_open(&t, 1);
		assert_int_equal(fcntl(reader.fd, F_SETFL, 0), 0);
		start_reader(reader.fd, FOREVER, 5000, 20);
		vmirror_writer_status(t.writer, &status);
		assert_true(status.fifo);
		assert_string_equal(status.path, t.path);
		writing_put_n(&t, 1000);
		check_all(1000);
		/* It is not ours to remove. */
		assert_int_equal(access(t.path, F_OK), 0);
		end(NULL);
	}
}

/* --- readers that go */

static void
goes_away(size_t enough, bool fifo)
{
	struct vmirror_writer_status status;
	int fds[2];
	unsigned int i;

	writing_init(&t, "c.pcapng");
	if (fifo) {
		assert_int_equal(mkfifo(t.path, 0600), 0);
		fds[0] = open(t.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	} else {
		open_pipe(fds, 0);
	}
	writing_open(&t, 1);
	if (!fifo)
		close(fds[1]);
	else
		assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
	start_reader(fds[0], enough, 4096, 0);
	for (i = 0; t.refused == 0 && i < 3000; i++) {
		writing_put_n(&t, 100);
		vmirror_writer_flush(t.writer, 10 * WRITING_MS);
		if (reader.gone)
			vmirror_writer_poll(t.writer);
	}
	assert_true(t.refused > 0);
	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_GONE);
	assert_non_null(strstr(status.reason, "its reader has gone"));
	assert_int_equal(status.fifo, fifo);
	assert_int_equal(t.taken, t.written + t.lost);
	assert_int_equal(writing_put(&t), VMIRROR_WRITER_LOST);
	assert_true(vmirror_writer_flush(t.writer, 0));
	vmirror_writer_poll(t.writer);
	writing_finish(&t);
	assert_true(t.lost > 0);
	pthread_join(reader.thread, NULL);
	writing_read_torn(&t, reader.bytes, reader.size);
	end(NULL);
}

/* What was in the pipe counts as written: nobody can know that it was not read. */
static void
test_reader_goes(void **state)
{
	struct vmirror_writer_status status;
	int fds[2];

	goes_away(1, false);
	goes_away(1, true);
	/* All of a pipe's bytes have been read, so that what was written was read. */
	writing_init(&t, "c.pcapng");
	open_pipe(fds, 0);
	writing_open(&t, 1);
	close(fds[1]);
	start_reader(fds[0], FOREVER, 65536, 0);
	writing_put_n(&t, 3000);
	writing_flush(&t);
	vmirror_writer_status(t.writer, &status);
	assert_int_equal(status.state, VMIRROR_WRITER_WELL);
	check_all(3000);
}

static void
test_reader_was_never_there(void **state)
{
	int fds[2];

	writing_init(&t, "c.pcap");
	open_pipe(fds, 0);
	close(fds[0]);
	writing_open(&t, 1);
	close(fds[1]);
	writing_put_n(&t, 100);
	writing_finish(&t);
	assert_int_equal(t.lost, 100);
}

/* --- readers that stop */

/* The end does not wait for ever, and what the pipe took can be read. */
static void
stops(uint64_t n, bool flushed)
{
	uint64_t began, i;
	int fds[2];

	writing_init(&t, "c.pcapng");
	t.len = writing_len_any;
	open_pipe(fds, 65536);
	writing_open(&t, 1);
	close(fds[1]);
	for (i = 0; i < n && writing_put(&t) != VMIRROR_WRITER_BUSY; i++)
		if (flushed)
			vmirror_writer_flush(t.writer, 0);
	began = writing_now_ms();
	vmirror_writer_wait(t.writer, 30 * WRITING_MS);
	assert_in_range(writing_now_ms() - began, flushed || i < n ? 25 : 0, 3000);
	began = writing_now_ms();
	vmirror_writer_finish(t.writer, 100 * WRITING_MS);
	assert_in_range(writing_now_ms() - began, 90, 3000);
	assert_int_equal(t.written + t.lost, t.taken);
	assert_true(t.lost > 0);
	vmirror_writer_close(t.writer, false);
	t.writer = NULL;
	start_reader(fds[0], FOREVER, 65536, 0);
	pthread_join(reader.thread, NULL);
	assert_in_range(reader.size, 1, 65536);
	writing_read_torn(&t, reader.bytes, reader.size);
	end(NULL);
}

static void
test_reader_stops(void **state)
{
	stops(40, false);
	stops(40, true);
	stops(UINT64_MAX, false);
}

/* As long as it reads at all, however slowly, it is waited for. */
static void
test_patience(void **state)
{
	int fds[2];

	writing_init(&t, "c.pcapng");
	open_pipe(fds, 4096);
	writing_open(&t, 1);
	close(fds[1]);
	writing_put_n(&t, 50);
	start_reader(fds[0], FOREVER, 4096, 300000);
	vmirror_writer_finish(t.writer, 2000 * WRITING_MS);
	assert_int_equal(t.lost, 0);
	check_all(50);
}

/* --- descriptors of files */

/* What stood before it stays, also where the disk takes no more of the capture. */
static void
fills_up(int flags, bool full, enum vmirror_writer_full on_full)
{
	const size_t before = 100000;
	struct vmirror_writer_status status;
	struct rlimit limit, small;
	uint8_t *bytes = malloc(before), *back;
	size_t size, i;

	writing_init(&t, "c.pcapng");
	t.opts.on_full = on_full;
	t.opts.fd = open(t.path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	memset(bytes, 'b', before);
	assert_int_equal(write(t.opts.fd, bytes, before), before);
	t.opts.path = NULL;
	writing_open(&t, 1);
	writing_put_n(&t, 30);
	writing_flush(&t);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){.rlim_cur = before + 100000, .rlim_max = limit.rlim_max};
	if (full)
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	writing_put_n(&t, 1000);
	vmirror_writer_flush(t.writer, 0);
	vmirror_writer_status(t.writer, &status);
	writing_put_n(&t, 10);
	writing_finish(&t);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(status.state, full ? VMIRROR_WRITER_FAILED : VMIRROR_WRITER_WELL);
	assert_int_equal(t.written, full ? 30 : 1040);
	close(t.opts.fd);
	back = writing_slurp(t.path, &size);
	assert_true(size > before);
	for (i = 0; i < before; i++)
		assert_int_equal(back[i], 'b');
	writing_read_torn(&t, back + before, size - before);
	free(bytes);
	free(back);
	end(NULL);
}

static void
test_redirected(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;

	assert_int_equal(sigaction(SIGXFSZ, &ignore, &old), 0);
	fills_up(0, false, VMIRROR_WRITER_STOP);
	fills_up(O_APPEND, false, VMIRROR_WRITER_STOP);
	fills_up(0, true, VMIRROR_WRITER_STOP);
	fills_up(O_APPEND, true, VMIRROR_WRITER_STOP);
	sigaction(SIGXFSZ, &old, NULL);
}

/* A stream that is full stays so: behind what is torn nothing can be read. */
static void
test_full(void **state)
{
	static const enum vmirror_writer_full on_full[] = {VMIRROR_WRITER_STOP,
							   VMIRROR_WRITER_DROP};
	struct vmirror_writer_status status;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(on_full); i++) {
		writing_init(&t, "c.pcapng");
		t.opts.path = "/dev/full";
		t.opts.on_full = on_full[i];
		writing_open(&t, 1);
		writing_put_n(&t, 100);
		vmirror_writer_flush(t.writer, 0);
		vmirror_writer_status(t.writer, &status);
		assert_int_equal(status.state, VMIRROR_WRITER_FAILED);
		assert_string_equal(status.reason, "/dev/full: its disk is full");
		writing_put_n(&t, 100);
		writing_finish(&t);
		assert_int_equal(t.lost, 100);
		assert_int_equal(t.refused, 100);
		end(NULL);
	}
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pipe),        TEST(test_slow_reader),   TEST(test_busy),
		TEST(test_socket),      TEST(test_socket_stalls), TEST(test_fifo),
		TEST(test_reader_goes), TEST(test_reader_stops),  TEST(test_reader_was_never_there),
		TEST(test_patience),    TEST(test_redirected),    TEST(test_full),
		TEST(test_header),
	};

	return cmocka_run_group_tests(tests, begin_group, end_group);
}
