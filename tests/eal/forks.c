/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A host that forks while its ports are mirrored and traffic flows: the parent goes on as if nothing
 * had happened, its sinks are whole, and the child ends in whatever way it likes. The child has a
 * copy of everything but the threads.
 */

#include "tests/eal/host.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

#define N_QUEUES 2
#define PARENT   200 /* bytes of a packet */
#define CHILD    300
#define N_CHILD  2000
#define MAX_WAIT 10000 /* ms */
#define N_CALLS  5

extern char **environ;

static uint16_t port;
static uint16_t null;
static bool is_child;
static bool has_taps; /* and a network namespace of the test's own */
static atomic_bool stop;
static int released[2];    /* a pipe: what is written lets a child go on */
static unsigned int wrong; /* records that the parent did not send */

static struct forwarder {
	pthread_t thread;
	uint64_t sent;
	uint64_t received;
	uint64_t nowhere;
} forwarders[N_QUEUES];

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer stops all threads that it knows of, and those are the parent's. */
__attribute__((visibility("default"))) int
__lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return is_child;
}
#endif

/* On the port on which a child sends as well: its ring's bytes are both's. */
static void
send_nowhere(struct forwarder *f)
{
	struct rte_mbuf *pkts[8];
	unsigned int i;

	for (i = 0; i < RTE_DIM(pkts); i++)
		pkts[i] = host_packet(PARENT, i);
	f->nowhere += rte_eth_tx_burst(null, 0, pkts, RTE_DIM(pkts));
}

static void *
forward(void *arg)
{
	struct forwarder *f = arg;
	uint16_t queue = (uint16_t)(f - forwarders);
	struct rte_mbuf *pkts[8];
	unsigned int i;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = host_packet(PARENT, i);
		f->sent += rte_eth_tx_burst(port, queue, pkts, RTE_DIM(pkts));
		f->received += host_rx_drop(port, queue);
		if (queue == 0)
			send_nowhere(f);
		sched_yield();
	}
	return NULL;
}

static void
start_traffic(void)
{
	unsigned int q;

	atomic_store(&stop, false);
	for (q = 0; q < N_QUEUES; q++) {
		forwarders[q].sent = 0;
		forwarders[q].received = 0;
		forwarders[q].nowhere = 0;
		assert_int_equal(
			pthread_create(&forwarders[q].thread, NULL, forward, &forwarders[q]), 0);
	}
}

/* @return packets that the mirror's hooks saw, each going out and coming in */
static uint64_t
stop_traffic(void)
{
	uint64_t seen = 0;
	unsigned int q;

	atomic_store(&stop, true);
	for (q = 0; q < N_QUEUES; q++) {
		pthread_join(forwarders[q].thread, NULL);
		assert_int_equal(forwarders[q].sent, forwarders[q].received);
		assert_int_equal(forwarders[q].sent % 8, 0);
		seen += 2 * forwarders[q].sent + forwarders[q].nowhere;
	}
	return seen;
}

/* A child that does not end is one that waits for what it does not have. */
static void
assert_ends_well(pid_t pid)
{
	int status = 0;
	unsigned int ms;
	pid_t got;

	assert_true(pid > 0);
	for (ms = 0; (got = waitpid(pid, &status, WNOHANG)) == 0 && ms < MAX_WAIT; ms++)
		rte_delay_us_sleep(1000);
	if (got == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		fail_msg("the child did not end within ten seconds");
	}
	if (status != 0)
		fail_msg("the child's wait status is 0x%x", status);
}

/* --- what children do */

static void
end_at_once(void)
{
	_exit(0);
}

/* With all that atexit() and destructors bring, and streams flushed. */
static void
end_in_order(void)
{
	exit(0);
}

static void
become_another(void)
{
	execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

/* A port that nothing is taken from, so that the parent's queues are left alone. */
static void
go_on_forwarding(void)
{
	struct rte_mbuf *pkts[8];
	unsigned int at, i;

	for (at = 0; at < N_CHILD; at += RTE_DIM(pkts)) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = host_packet(CHILD, i);
		if (rte_eth_tx_burst(null, 0, pkts, RTE_DIM(pkts)) != RTE_DIM(pkts))
			_exit(1);
	}
	_exit(0);
}

/* Whatever it asks of the library, it is told that there is no engine and no mirror. */
static void
call_the_library(void)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	const char *spec = "port=all,sink=[net_pcap,tx_pcap=/dev/null]";

	if (vmirror_mirror_list(NULL, 0) != 0 || vmirror_mirror_detach("m", NULL) != -ENOENT ||
	    vmirror_mirror_stats("m", &stats, NULL) != -ENOENT ||
	    vmirror_mirror_remove("m", NULL) != -ENOENT || vmirror_engine_tend() != -EPERM ||
	    vmirror_mirror_add(spec, NULL, NULL) != -EPERM)
		_exit(1);
	vmirror_engine_fini();
	exit(0);
}

static void (*const ends[N_CALLS])(void) = {
	end_at_once, end_in_order, become_another, go_on_forwarding, call_the_library,
};

static pid_t
fork_to(void (*child)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		is_child = true;
		child();
	}
	return pid;
}

static void
linger(void)
{
	pause();
	_exit(0);
}

static pid_t
spawn(const char *program, const char *arg)
{
	char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)arg, NULL};
	pid_t pid;

	assert_int_equal(posix_spawnp(&pid, program, NULL, NULL, argv, environ), 0);
	return pid;
}

static void
dismiss(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- tests */

static void
see(const struct host_record *record, unsigned int n)
{
	uint8_t bytes[PARENT];

	if (record->len == PARENT && record->caplen == PARENT) {
		host_bytes(bytes, PARENT, record->data[42]);
		if (memcmp(bytes, record->data, PARENT) == 0)
			return;
	}
	wrong++;
}

static void
assert_file_is_whole(const char *path, uint64_t records)
{
	wrong = 0;
	assert_int_equal(host_read_pcap(path, see), records);
	assert_int_equal(wrong, 0);
	assert_int_equal(unlink(path), 0);
}

static void
check_beside_traffic(void (*child)(void), unsigned int rounds)
{
	struct vmirror_counters total;
	uint64_t seen;
	unsigned int i;

	host_mirror("name=m,port=[%u,%u],ring_bytes=1M,sink=[net_pcap,tx_pcap=m.pcap]", port, null);
	start_traffic();
	for (i = 0; i < rounds; i++)
		assert_ends_well(child != NULL ? fork_to(child) : spawn("true", NULL));
	seen = stop_traffic();
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	total = host_stats("m").total;
	assert_int_equal(total.seen, seen);
	assert_int_equal(total.delivered + total.no_room, seen);
	host_remove("m");
	assert_file_is_whole("m.pcap", total.delivered);
}

static void
test_beside_traffic(void **state)
{
	unsigned int i;

	for (i = 0; i < N_CALLS; i++)
		check_beside_traffic(ends[i], host_rounds(10, 500));
	check_beside_traffic(NULL, host_rounds(10, 500));
}

static void
wait_and_forward(void)
{
	char word;

	if (read(released[0], &word, 1) != 1)
		_exit(1);
	go_on_forwarding();
}

/* What the parent has in its ring is not to be written over: the drain sleeps long. */
static void
test_child_forwards(void **state)
{
	struct forwarder parent = {.nowhere = 0};
	unsigned int i;
	pid_t pid;

	assert_int_equal(pipe(released), 0);
	host_mirror("name=m,dir=tx,port=%u,latency=1s,sink=[net_pcap,tx_pcap=m.pcap]", null);
	for (i = 0; i < host_rounds(3, 20); i++) {
		pid = fork_to(wait_and_forward);
		send_nowhere(&parent);
		assert_int_equal(write(released[1], "", 1), 1);
		assert_ends_well(pid);
	}
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(host_stats("m").total.delivered, parent.nowhere);
	host_remove("m");
	close(released[0]);
	close(released[1]);
	assert_file_is_whole("m.pcap", parent.nowhere);
}

/* The file's header is still in the stream's buffer, of which the child has a copy. */
static void
test_before_traffic(void **state)
{
	host_mirror("name=m,dir=tx,port=%u,sink=[net_pcap,tx_pcap=m.pcap]", port);
	assert_ends_well(fork_to(end_in_order));
	host_loop(port, 0, 100, PARENT);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(host_stats("m").total.delivered, 100);
	host_remove("m");
	assert_int_equal(host_read_pcap("m.pcap", NULL), 100);
	assert_int_equal(unlink("m.pcap"), 0);
}

/* Of a file that the mirror gave up, a child that lives on holds neither the lock nor a writer. */
static void
check_file_given_up(pid_t child)
{
	static const char *const spec = "name=m,dir=tx,port=%u,sink=[net_pcap,tx_pcap=m.pcap]";

	host_remove("m");
	/* The child may not be through fork(), or the kernel through exec(). */
	host_wait(host_try_mirror(NULL, spec, port) == 0);
	host_loop(port, 0, 10, PARENT);
	host_remove("m");
	dismiss(child);
	assert_int_equal(host_read_pcap("m.pcap", NULL), 10);
	assert_int_equal(unlink("m.pcap"), 0);
}

static void
test_child_lives_on(void **state)
{
	host_mirror("name=m,dir=tx,port=%u,sink=[net_pcap,tx_pcap=m.pcap]", port);
	check_file_given_up(fork_to(linger));
	host_mirror("name=m,dir=tx,port=%u,sink=[net_pcap,tx_pcap=m.pcap]", port);
	check_file_given_up(spawn("sleep", "100"));
}

/* An interface is there as long as somebody has it open. */
static void
check_interface(pid_t child)
{
	assert_int_not_equal(if_nametoindex("mon0"), 0);
	host_loop(port, 0, 100, PARENT);
	assert_int_equal(host_stats("m").total.delivered, 100);
	host_remove("m");
	host_wait(if_nametoindex("mon0") == 0);
	if (child > 0)
		dismiss(child);
}

static void
test_interface(void **state)
{
	static const char *const spec = "name=m,dir=tx,port=%u,sink=[net_tap,iface=mon0]";
	unsigned int i;

	if (!has_taps)
		skip();
	for (i = 0; i < N_CALLS; i++) {
		host_mirror(spec, port);
		assert_ends_well(fork_to(ends[i]));
		check_interface(0);
	}
	host_mirror(spec, port);
	check_interface(fork_to(linger));
	host_mirror(spec, port);
	check_interface(spawn("sleep", "100"));
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_before_traffic), test(test_child_forwards), test(test_beside_traffic),
		test(test_child_lives_on), test(test_interface),
	};
	int failed;

	has_taps = access("/dev/net/tun", W_OK) == 0 && unshare(CLONE_NEWNET) == 0;
	setenv("VMIRROR_TEST_MODE", "ring", 1);
	host_init();
	port = host_plug("net_ring0", "", N_QUEUES);
	null = host_plug("net_null0", "", 1);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
