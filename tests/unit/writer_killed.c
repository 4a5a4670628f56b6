/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is counted as written is in the file, at that moment: for a reader that follows it, and when
 * the process is killed at any point.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/writing.h"

#define MIB (UINT64_C(1) << 20)

/* So far a writer may be ahead of its reader, or of its end by a signal. */
#define AHEAD_PKTS 6000

struct io_uring;

int
__real_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int
__wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);

static struct writing t;
static bool with_pwrite;

int
__wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags)
{
	return with_pwrite ? -EPERM : __real_io_uring_queue_init(entries, ring, flags);
}

/* --- killed */

/* Outlives the child. */
struct shared {
	_Atomic uint64_t written;
	_Atomic uint64_t lost;
	atomic_bool began;
};

static struct shared *shared;

static void
count(void *arg, unsigned int source, uint64_t pkts, bool written)
{
	atomic_fetch_add(written ? &shared->written : &shared->lost, pkts);
}

/* How a child writes. */
struct way {
	const char *name;
	uint64_t rotate_bytes;
	bool with_pwrite;
	bool flushes;
};

static const struct way ways[] = {
	{"c.pcapng", 0, false, false},     {"c.pcap", 0, false, false},
	{"c.pcapng", 0, true, true},       {"c.pcapng", 3 * MIB, false, false},
	{"c.pcapng", 0, false, true},      {"c.pcapng.zst", 0, false, false},
	{"c.pcap", MIB, false, true},      {"c.pcap", 0, true, false},
	{"c.pcapng.zst", 0, false, true},  {"c.pcapng", MIB, false, false},
	{"c.pcap.zst", MIB, false, false},
};

static void
write_until_killed(const struct way *way)
{
	writing_open(&t, 3);
	while (t.n < AHEAD_PKTS) {
		atomic_store(&shared->began, true);
		if (writing_put(&t) == VMIRROR_WRITER_BUSY)
			vmirror_writer_wait(t.writer, WRITING_MS);
		if (t.n % 256 == 0)
			vmirror_writer_poll(t.writer);
		if (way->flushes && writing_random(t.n) % 16 == 0)
			vmirror_writer_flush(t.writer, 0);
	}
	for (;;) {
		vmirror_writer_poll(t.writer);
		usleep(1000);
	}
}

static void
kill_it(const struct way *way, unsigned int after_us)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		write_until_killed(way);
		_exit(1);
	}
	while (!atomic_load(&shared->began))
		usleep(100);
	usleep(after_us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* It failed by itself otherwise. */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(shared->lost, 0);
}

static struct {
	unsigned int rounds, clean, torn, zeroes, holes;
	uint64_t written, found, most_zeroes;
} sum;

/* What is behind the last whole record. */
static void
look_behind(const uint8_t *bytes, size_t size)
{
	size_t i;

	for (i = 0; i < size && bytes[i] == 0; i++)
		;
	if (size == 0)
		sum.clean++;
	else if (i == size)
		sum.zeroes++;
	else if (i >= 512)
		sum.holes++;
	else
		sum.torn++;
	if (i > sum.most_zeroes)
		sum.most_zeroes = i;
}

/*
 * Packets come consecutively as far as was counted. Blocks that were under way may have come in any
 * order, and in part.
 */
static void
take(void *arg, const struct capture_packet *got)
{
	uint64_t number = writing_number_of(got);
	const char *wrong = "another number";

	if (t.torn)
		return;
	if (number == t.next_read)
		wrong = writing_compare(&t, got, writing_port_of(&t, number));
	if (wrong == NULL)
		t.next_read++;
	else if (t.next_read < shared->written || t.opts.rotate_bytes == 0)
		fail_msg("packet %llu of %llu: %s", (unsigned long long)t.next_read,
			 (unsigned long long)shared->written, wrong);
	else
		t.torn = true;
}

/* @return whether it is whole to its end */
static bool
read_killed(const char *path)
{
	bool packed = strstr(path, ".zst") != NULL;
	size_t size, plain_size, whole;
	uint8_t *bytes = writing_slurp(path, &size), *plain = bytes;

	plain_size = size;
	if (packed)
		plain = writing_unpack(bytes, size, &plain_size, NULL);
	memset(&t.capture, 0, sizeof(t.capture));
	t.capture.packet = take;
	whole = t.opts.format == &vmirror_writer_pcap
			? capture_read_pcap(&t.capture, plain, plain_size)
			: capture_read_pcapng(&t.capture, plain, plain_size);
	if (!packed && !t.torn)
		look_behind(plain + whole, plain_size - whole);
	if (packed)
		free(plain);
	free(bytes);
	return whole == plain_size && !t.torn;
}

static void
survive(const struct way *way, unsigned int after_us)
{
	static char names[512][256];
	unsigned int n, i;

	memset(shared, 0, sizeof(*shared));
	with_pwrite = way->with_pwrite;
	writing_init(&t, way->name);
	t.opts.rotate_bytes = way->rotate_bytes;
	t.opts.settled = count;
	t.len = writing_len_any;
	t.n_ports = 3;
	kill_it(way, after_us);
	n = writing_list(&t, names, 512);
	for (i = 0; i < n && read_killed(names[i]); i++)
		;
	sum.rounds++;
	sum.written += shared->written;
	sum.found += t.next_read;
	if (t.next_read < shared->written)
		fail_msg("%s: %llu packets were written, %llu can be read: %s", way->name,
			 (unsigned long long)shared->written, (unsigned long long)t.next_read,
			 t.capture.problem);
	writing_fini(&t);
}

static void
test_killed(void **state)
{
	unsigned int rounds = (unsigned int)test_rounds(22, 100), i;
	uint64_t seed = (uint64_t)time(NULL);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(shared != MAP_FAILED);
	for (i = 0; i < rounds; i++)
		survive(&ways[i % N_ELEMENTS(ways)],
			(unsigned int)(writing_random(seed + i) % 40000));
	munmap(shared, sizeof(*shared));
	print_message(
		"%u times killed: %llu packets counted, %llu found; the files ended %u times "
		"with a record, %u within one, %u with zeroes, %u with zeroes and more behind "
		"them; %llu zeroes at the most\n",
		sum.rounds, (unsigned long long)sum.written, (unsigned long long)sum.found,
		sum.clean, sum.torn, sum.zeroes, sum.holes, (unsigned long long)sum.most_zeroes);
}

/* --- followed */

static _Atomic uint64_t settled, followed;
static atomic_bool stop;
static pthread_t writer_thread;
static bool writes;

static void
count_settled(void *arg, unsigned int source, uint64_t pkts, bool written)
{
	atomic_fetch_add(&settled, written ? pkts : 0);
}

/* At full rate, but for a disk that has an end. */
static void *
write_on(void *arg)
{
	struct vmirror_writer_packet pkt;
	uint64_t n = 0;

	while (!atomic_load(&stop)) {
		if (n % 64 == 0)
			vmirror_writer_poll(t.writer);
		if (n - atomic_load(&followed) > AHEAD_PKTS) {
			vmirror_writer_flush(t.writer, WRITING_MS);
			continue;
		}
		writing_make_packet(&t, n, &pkt);
		if (vmirror_writer_put(t.writer, 0, writing_port_of(&t, n), &pkt) ==
		    VMIRROR_WRITER_TAKEN)
			n++;
		else
			vmirror_writer_wait(t.writer, WRITING_MS);
	}
	vmirror_writer_finish(t.writer, 5000 * WRITING_MS);
	return (void *)(uintptr_t)n;
}

struct follower {
	int fd;
	uint64_t at;    /* in the file, of the first byte here */
	uint8_t *bytes; /* read and not understood yet */
	size_t from, to, room;
};

/* So many bytes of the file, from where it has been understood. */
static bool
have(struct follower *f, size_t size)
{
	ssize_t n;

	if (f->to - f->from >= size)
		return true;
	memmove(f->bytes, f->bytes + f->from, f->to - f->from);
	f->to -= f->from;
	f->at += f->from;
	f->from = 0;
	assert_true(size <= f->room);
	n = pread(f->fd, f->bytes + f->to, f->room - f->to, (off_t)(f->at + f->to));
	assert_true(n >= 0);
	f->to += (size_t)n;
	/* What has been read need not stay on the disk; but without its header a file is taken for emptied. */
	if (f->at > MIB)
		fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB,
			  (off_t)(f->at & ~(MIB - 1)) - MIB + 1);
	return f->to - f->from >= size;
}

/* One block of pcapng, or record of pcap. @return false: it is not there */
static bool
follow_record(struct follower *f)
{
	bool pcap = t.opts.format == &vmirror_writer_pcap;
	size_t size = pcap ? t.capture.n_sections == 0 ? 24 : 16 : 12, done;
	uint32_t len;

	if (!have(f, size))
		return false;
	memcpy(&len, f->bytes + f->from + (pcap ? 8 : 4), sizeof(len));
	if (pcap && size == 16)
		size += len;
	else if (!pcap)
		size = len;
	if (size > 2 * VMIRROR_WRITER_MAX_PACKET || !have(f, size))
		return false;
	done = pcap ? capture_read_pcap(&t.capture, f->bytes + f->from, size)
		    : capture_read_pcapng(&t.capture, f->bytes + f->from, size);
	f->from += done;
	return done == size && done > 0;
}

static void
follow_packet(void *arg, const struct capture_packet *got)
{
	const char *wrong = writing_number_of(got) == t.next_read
				    ? writing_compare(&t, got, writing_port_of(&t, t.next_read))
				    : "number";

	if (wrong != NULL)
		fail_msg("packet %llu: %s", (unsigned long long)t.next_read, wrong);
	atomic_store(&followed, ++t.next_read);
}

/* All that is counted is there already, whole. */
static void
follow(const char *name, uint64_t ms)
{
	struct follower f = {.room = 4 * MIB};
	uint64_t until = writing_now_ms() + ms, rounds = 0, n;
	struct vmirror_writer_status status;
	void *put;

	writing_init(&t, name);
	t.opts.settled = count_settled;
	t.len = writing_len_any;
	t.capture.packet = follow_packet;
	atomic_store(&settled, 0);
	atomic_store(&followed, 0);
	atomic_store(&stop, false);
	writing_open(&t, 3);
	f.fd = open(t.path, O_RDWR | O_CLOEXEC);
	f.bytes = malloc(f.room);
	assert_true(f.fd >= 0 && f.bytes != NULL);
	assert_int_equal(pthread_create(&writer_thread, NULL, write_on, NULL), 0);
	writes = true;
	for (n = 0; writing_now_ms() < until || n < atomic_load(&settled); rounds++) {
		atomic_store(&stop, writing_now_ms() >= until);
		/* What was behind the last that counted had perhaps not come yet. */
		f.to = f.from;
		vmirror_writer_status(t.writer, &status);
		assert_int_equal(status.state, VMIRROR_WRITER_WELL);
		for (n = atomic_load(&settled); t.next_read < n;)
			if (!follow_record(&f))
				fail_msg("%llu packets were written, after %llu comes %s",
					 (unsigned long long)n, (unsigned long long)t.next_read,
					 *t.capture.problem != '\0' ? t.capture.problem
								    : "nothing");
	}
	atomic_store(&stop, true);
	pthread_join(writer_thread, &put);
	writes = false;
	f.to = f.from;
	while (follow_record(&f))
		;
	assert_string_equal(t.capture.problem, "");
	assert_int_equal(f.from, f.to);
	assert_int_equal(t.next_read, (uintptr_t)put);
	assert_int_equal(t.next_read, atomic_load(&settled));
	print_message("%s: %llu packets in %llu MiB, followed in %llu steps\n", name,
		      (unsigned long long)t.next_read, (unsigned long long)(f.at / MIB),
		      (unsigned long long)rounds);
	close(f.fd);
	free(f.bytes);
	writing_fini(&t);
}

/* Ten minutes in all; what a sanitizer would find it finds in one. */
static void
test_followed(void **state)
{
	uint64_t ms = test_rounds(500, 200000);

	with_pwrite = false;
	follow("c.pcapng", ms);
	follow("c.pcap", ms);
	with_pwrite = true;
	follow("c.pcapng", ms);
}

static int
end(void **state)
{
	/* After a failure. */
	atomic_store(&stop, true);
	if (writes)
		pthread_join(writer_thread, NULL);
	writes = false;
	writing_fini(&t);
	return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_killed),
		TEST(test_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
