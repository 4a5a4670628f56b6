/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Snapshots into a fifo, whose reader is slow, or stopped: what else is wanted meanwhile, and what ends
 * them before they are through. What was written is whole, and nothing waits for ever.
 */

#include "tests/eal/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#define BURST   32
#define LEN     1400
#define TO_FIFO "[file,path=fifo]"

/* More than the sink has blocks for, so that some of it has to wait in the ring. */
#define RECORDER                                                                                   \
	"name=m,dir=tx,port=%u,ring_bytes=32M,"                                                    \
	"sink=[file,path=s.pcapng]"
#define N_PKTS (28 * 1024 * 1024 / (LEN + 48))

static uint16_t port;
static uint32_t serial;
static struct snapshots_file file;

static void
pass(unsigned int n)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i, burst;

	for (; n > 0; n -= burst) {
		burst = RTE_MIN(n, (unsigned int)BURST);
		for (i = 0; i < burst; i++)
			pkts[i] = host_packet(LEN, serial++);
		host_tx(port, 0, pkts, (uint16_t)burst);
		assert_int_equal(host_rx_drop(port, 0), burst);
	}
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- the reader: to a file, which is read then */

static struct {
	pthread_t thread;
	int fd;
	unsigned int nap_us; /* for each 64 kB */
} reader;

static void *
read_fifo(void *arg)
{
	static char bytes[65536];
	int to = open("read.pcapng", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	assert_true(to >= 0);
	while ((n = read(reader.fd, bytes, sizeof(bytes))) > 0) {
		assert_int_equal(write(to, bytes, (size_t)n), n);
		if (reader.nap_us > 0)
			rte_delay_us_sleep(reader.nap_us);
	}
	assert_int_equal(n, 0);
	close(to);
	return NULL;
}

/* A fifo with a reader, that does not read as yet. */
static void
open_fifo(void)
{
	assert_int_equal(mkfifo("fifo", 0600), 0);
	reader.fd = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_true(reader.fd >= 0);
	assert_int_equal(fcntl(reader.fd, F_SETFL, 0), 0);
}

static void
start_reader(unsigned int nap_us)
{
	reader.nap_us = nap_us;
	assert_int_equal(pthread_create(&reader.thread, NULL, read_fifo, NULL), 0);
}

static void
close_fifo(void)
{
	close(reader.fd);
	assert_int_equal(unlink("fifo"), 0);
}

/* What the reader got is whole, but for what never was written; and closed. */
static void
end_reader(uint32_t first)
{
	uint64_t i;

	pthread_join(reader.thread, NULL);
	close_fifo();
	snapshots_read("read.pcapng", &file);
	for (i = 0; i < file.n; i++)
		assert_int_equal(file.pkts[i].serial, first + i);
}

/* A recorder with much in it, and a snapshot that nobody reads as yet. @return its first packet */
static uint32_t
begin(const char *more)
{
	struct vmirror_snapshot_opts opts = {.size = sizeof(opts), .sink = TO_FIFO};
	uint32_t first = serial;

	open_fifo();
	snapshots_record(RECORDER "%s", port, more);
	pass(N_PKTS);
	assert_int_equal(snapshots_counters("m").in_flight, N_PKTS);
	snapshots_begin("m", &opts);
	return first;
}

/* --- while it runs */

/*
 * Recording goes on as far as there is room; another snapshot is refused. Then the reader reads, and gets
 * all of it, for which who detaches waits.
 */
static void
test_meanwhile(void **state)
{
	uint32_t first = begin("");
	struct vmirror_error err = {""};
	struct vmirror_stats stats;

	assert_int_equal(vmirror_mirror_snapshot("m", NULL, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another snapshot"));
	assert_int_equal(host_stats_now("m").snapshots_running, 1);
	pass(1000);
	assert_int_equal(snapshots_counters("m").no_room, 0);
	pass(N_PKTS);
	assert_true(snapshots_counters("m").no_room > 0);
	start_reader(100);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	stats = host_stats_now("m");
	assert_int_equal(stats.snapshots_running, 0);
	assert_int_equal(stats.snapshots, 1);
	assert_int_equal(stats.snapshots_failed, 0);
	assert_int_equal(stats.snapshot_delivered, N_PKTS);
	end_reader(first);
	assert_int_equal(file.n, N_PKTS);
	/* And on. */
	stats.total = snapshots_counters("m");
	pass(100);
	assert_int_equal(snapshots_counters("m").no_room, stats.total.no_room);
	snapshots_make("m", NULL);
	snapshots_read_number("s", 1, &file);
	assert_int_equal(file.pkts[file.n - 1].serial, serial - 1);
	snapshots_remove("m");
}

/* A child has none of it: neither its end nor its exit reaches the fifo. */
static void
test_fork(void **state)
{
	uint32_t first = begin("");
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (vmirror_mirror_snapshot("m", NULL, NULL) != -EPERM)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* One that lives on does not keep the fifo from its end. */
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	start_reader(0);
	assert_int_equal(snapshots_wait("m").snapshot_delivered, N_PKTS);
	end_reader(first);
	assert_int_equal(file.n, N_PKTS);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snapshots_remove("m");
}

/* Who read it goes: that snapshot is lost, for the rest of it, and the recorder is not. */
static void
test_reader_goes(void **state)
{
	struct vmirror_stats stats;

	begin("");
	rte_delay_us_sleep(20000);
	close_fifo();
	stats = snapshots_wait("m");
	assert_int_equal(stats.snapshots, 1);
	assert_int_equal(stats.snapshots_failed, 1);
	assert_int_equal(stats.snapshot_pkts, N_PKTS);
	assert_true(stats.snapshot_lost > 0);
	assert_int_equal(stats.state, VMIRROR_ATTACHED);
	snapshots_make("m", NULL);
	snapshots_read_number("s", 1, &file);
	assert_int_equal(file.n, N_PKTS);
	snapshots_remove("m");
}

/* --- what ends it */

static void
end_by_removal(void)
{
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
}

static void
end_by_duration(void)
{
	host_wait(host_stats_now("m").state == VMIRROR_ENDED);
	host_remove("m");
}

static void
end_by_fini(void)
{
	vmirror_engine_fini();
	host_engine_init();
}

static const struct {
	const char *more;
	void (*end)(void);
} ends[] = {
	{"", end_by_removal},
	{",duration=4s", end_by_duration},
	{"", end_by_fini},
};

/* A reader that reads, slowly: it has all in time. */
static void
test_ends_slow(void **state)
{
	unsigned int i;
	uint32_t first;

	for (i = 0; i < RTE_DIM(ends); i++) {
		first = begin(ends[i].more);
		start_reader(1000);
		ends[i].end();
		end_reader(first);
		assert_int_equal(file.n, N_PKTS);
	}
}

/* One that does not is waited for a while, and gets what it can get. */
static void
test_ends_stopped(void **state)
{
	unsigned int i, n = host_rounds(1, RTE_DIM(ends));
	uint32_t first;
	uint64_t since;

	for (i = 0; i < n; i++) {
		first = begin(ends[i].more);
		since = now_ms();
		ends[i].end();
		assert_in_range(now_ms() - since, 2000, 10000);
		/* Of what is still in the pipe the last packet may be torn. */
		close_fifo();
		assert_true(first < serial);
	}
}

/* EAL goes, in a process of its own; the reader is slow, or reads nothing. */
static void
live_with_cleanup(unsigned int reads)
{
	uint32_t first;
	uint64_t since;

	host_init();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	first = begin("");
	if (reads)
		start_reader(1000);
	since = now_ms();
	assert_int_equal(rte_eal_cleanup(), 0);
	assert_in_range(now_ms() - since, 0, 10000);
	assert_int_equal(host_stats_now("m").state, VMIRROR_ENDED);
	assert_int_equal(host_stats_now("m").snapshots_running, 0);
	assert_int_equal(host_stats_now("m").snapshot_pkts, N_PKTS);
	assert_int_equal(host_stats_now("m").snapshots_failed, !reads);
	if (reads) {
		end_reader(first);
		assert_int_equal(file.n, N_PKTS);
	} else {
		close_fifo();
	}
	vmirror_engine_fini();
	host_remove_dir();
}

static void
test_cleanup(void **state)
{
	host_fork(live_with_cleanup, 1);
	if (host_rounds(0, 1) > 0)
		host_fork(live_with_cleanup, 0);
}

static int
setup(void **state)
{
	host_init();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	return 0;
}

static int
teardown(void **state)
{
	snapshots_forget(&file);
	return host_end(state);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest cleanup[] = {
		cmocka_unit_test(test_cleanup),
	};
	const struct CMUnitTest tests[] = {
		test(test_meanwhile), test(test_fork),         test(test_reader_goes),
		test(test_ends_slow), test(test_ends_stopped),
	};
	/* Before EAL is there. */
	int failed = cmocka_run_group_tests(cleanup, NULL, NULL);

	return failed + cmocka_run_group_tests(tests, setup, teardown);
}
