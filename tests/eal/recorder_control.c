/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Snapshots of a recorder that are not to be had, that a packet triggers, and that end otherwise than
 * they were meant to: whatever happens, the recorder goes on, and the next one succeeds.
 */

#include "tests/eal/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>

#define LARGE 1450

static uint16_t port;
static uint32_t serial;
static struct snapshots_file file;

/* The call that is to fail, on the thread that armed it. */
static _Thread_local const char *armed;
static _Thread_local unsigned int countdown;

static bool
fails(const char *what)
{
	return armed != NULL && countdown > 0 && strcmp(armed, what) == 0 && --countdown == 0;
}

static void *
no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* A function in front of another, which fails when its turn has come. */
#define WRAP(type, name, params, args)                                                             \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return fails(#name) ? no_memory() : __real_##name args;                            \
	}

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, (void *old, size_t size), (old, size))
WRAP(char *, strdup, (const char *text), (text))

static void
pass(unsigned int n, uint32_t len)
{
	struct rte_mbuf *pkt;

	for (; n > 0; n--) {
		pkt = host_packet(len, serial++);
		host_tx(port, 0, &pkt, 1);
		assert_int_equal(host_rx_drop(port, 0), 1);
	}
}

/* The file has these packets, one after the other. */
static void
assert_packets(uint32_t first, uint64_t n)
{
	uint64_t i;

	assert_int_equal(file.n, n);
	for (i = 0; i < n; i++)
		assert_int_equal(file.pkts[i].serial, first + i);
}

/* --- what is refused */

/* It goes on: what passes is recorded, and shown to who asks rightly. */
static void
assert_goes_on(uint32_t first)
{
	struct vmirror_snapshot_opts opts = {.size = sizeof(opts), .sink = "[file,path=ok.pcapng]"};

	pass(3, 100);
	assert_int_equal(snapshots_counters("m").no_room, 0);
	snapshots_make("m", &opts);
	snapshots_read("ok.pcapng", &file);
	assert_packets(first, serial - first);
}

static void
assert_refused(const char *name, const struct vmirror_snapshot_opts *opts, int ret,
	       const char *words)
{
	struct host_footprint before = host_footprint();
	struct vmirror_error err = {""};

	if (vmirror_mirror_snapshot(name, opts, &err) != ret)
		fail_msg("%s: not %d: '%s'", words, ret, err.text);
	if (strstr(err.text, words) == NULL || strchr(err.text, '\n') != NULL)
		fail_msg("'%s' does not say '%s'", err.text, words);
	host_assert_footprint(&before);
	/* Nor does it matter who is told. */
	assert_int_equal(vmirror_mirror_snapshot(name, opts, NULL), ret);
}

static const struct {
	const char *text;
	int ret;
	const char *words;
} bad_sinks[] = {
	{"", -EINVAL, "sink"},
	{"[", -EINVAL, ""},
	{"[]", -EINVAL, ""},
	{"[file]", -EINVAL, "path is missing"},
	{"[file,path=x.pcapng", -EINVAL, ""},
	{"[file,path=x.pcapng]]", -EINVAL, ""},
	{"[file,path=x.pcapng,colour=blue]", -EINVAL, "colour"},
	{"[file,path=x.pcapng],count=5", -EINVAL, "sink"},
	{"[file,path=x.pcapng],name=n,mode=recorder", -EINVAL, "sink"},
	{"[file,path=x.pcapng],filter=udp", -EINVAL, "sink"},
	{"[file,path=x.pcapng],port=1", -EINVAL, ""},
	{"[net_nonsense]", -EINVAL, ""},
	{"[net_null]", -EINVAL, "right would be [file,path="},
	{"[net_pcap,tx_pcap=y.pcap]", -EINVAL, "right would be [file,path="},
	{"[file,path=no/x.pcapng]", -ENOENT, "no"},
	{"[file,path=there.pcapng]", -EEXIST, "there.pcapng"},
	{"[file,path=fifo]", -ENXIO, "fifo"},
	{"[file,fd=999]", -EBADF, "999"},
};

static void
test_refused(void **state)
{
	struct vmirror_snapshot_opts opts = {.size = sizeof(opts)};
	static char text[5000] = "[file,path=";
	uint32_t first = serial;
	unsigned int i;
	FILE *f;

	host_mirror("name=other,port=%u,sink=[net_pcap,tx_pcap=/dev/null]", port);
	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=1M,sink=[file,path=s.pcapng]", port);
	f = fopen("there.pcapng", "w");
	fputs("precious", f);
	fclose(f);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	pass(10, 100);

	assert_refused("none", NULL, -ENOENT, "none");
	assert_refused("other", NULL, -ENOTSUP, "mode=recorder");
	opts.size--;
	assert_refused("m", &opts, -EINVAL, "size");
	opts.size++;
	for (i = 0; i < RTE_DIM(bad_sinks); i++) {
		opts.sink = bad_sinks[i].text;
		assert_refused("m", &opts, bad_sinks[i].ret, bad_sinks[i].words);
		assert_goes_on(first);
	}
	memset(text + strlen(text), 'x', sizeof(text) - strlen(text) - 2);
	text[sizeof(text) - 2] = ']';
	opts.sink = text;
	assert_refused("m", &opts, -E2BIG, "long");
	assert_goes_on(first);
	assert_int_equal(host_stats_now("m").snapshots_failed, 0);
	f = fopen("there.pcapng", "r");
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, "precious");
	fclose(f);
	assert_int_equal(unlink("there.pcapng"), 0);
	assert_int_equal(unlink("fifo"), 0);
	snapshots_remove("m");
	host_remove("other");
}

/* Where the files of a series go is gone, and is there again: the next has the next number. */
static void
test_directory(void **state)
{
	uint32_t first = serial;

	assert_int_equal(mkdir("d", 0700), 0);
	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=1M,sink=[file,path=%s/d/s.pcapng]", port,
			 host_dir());
	pass(10, 100);
	assert_int_equal(rename("d", "e"), 0);
	assert_refused("m", NULL, -ENOENT, "d");
	assert_goes_on(first);
	assert_int_equal(rename("e", "d"), 0);
	snapshots_make("m", NULL);
	assert_int_equal(chdir("d"), 0);
	snapshots_read_number("s", 1, &file);
	assert_packets(first, serial - first);
	assert_int_equal(chdir(".."), 0);
	snapshots_remove("m");
	assert_int_equal(rmdir("d"), 0);
}

/* At its end a recorder has nothing more to show. What it had counts as overwritten. */
static void
test_over(void **state)
{
	struct vmirror_counters c;

	snapshots_record("name=m,dir=tx,port=%u,duration=2s,ring_bytes=1M,"
			 "sink=[file,path=s.pcapng]",
			 port);
	pass(10, 100);
	snapshots_make("m", NULL);
	snapshots_read_number("s", 1, &file);
	host_wait(host_stats_now("m").state == VMIRROR_ENDED);
	assert_refused("m", NULL, -EBUSY, "over");
	c = snapshots_counters("m");
	assert_int_equal(c.captured, c.overwritten);
	assert_int_equal(host_stats_now("m").snapshot_pkts, file.n);
	host_remove("m");
}

/* Whichever allocation fails, nothing of the snapshot stays, and the next succeeds. */
static void
test_no_memory(void **state)
{
	static const char *const functions[] = {"malloc", "calloc", "realloc", "strdup"};
	struct vmirror_snapshot_opts opts = {.size = sizeof(opts), .last_bytes = 100};
	uint32_t first = serial;
	unsigned int i, nth, failed, with;
	struct host_footprint before;
	struct vmirror_error err;
	int ret;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=1M,sink=[file,path=s.pcapng]", port);
	pass(10, 100);
	assert_goes_on(first);
	before = host_footprint();
	for (with = 0; with < 2; with++) {
		opts.sink = with ? "[file,path=x.pcapng]" : NULL;
		for (i = 0; i < RTE_DIM(functions); i++) {
			for (nth = 1, failed = 1; failed; nth++) {
				err.text[0] = '\0';
				countdown = nth;
				armed = functions[i];
				ret = vmirror_mirror_snapshot("m", &opts, &err);
				armed = NULL;
				failed = countdown == 0;
				snapshots_wait("m");
				if (!failed && ret != 0)
					fail_msg("%s did not fail, and still: %s", functions[i],
						 err.text);
				assert_true(ret == 0 || err.text[0] != '\0');
				if (ret == 0 && with)
					snapshots_read("x.pcapng", &file);
				else if (ret == 0)
					snapshots_read_number(
						"s", host_stats_now("m").snapshots - 1, &file);
				host_assert_footprint(&before);
			}
			printf("%s: %u calls\n", functions[i], nth - 2);
		}
	}
	assert_goes_on(first);
	snapshots_remove("m");
}

/* --- triggers */

/* @return the first serial of what the next snapshot is to show */
static uint32_t
pull_trigger(unsigned int number, uint32_t len)
{
	uint32_t first;

	pass(10, 100);
	rte_delay_us_sleep(1800000);
	first = serial;
	pass(10, 100);
	pass(3, len);
	pass(10, 100);
	host_wait(host_stats_now("m").snapshots == number);
	return first;
}

static void
test_trigger(void **state)
{
	uint32_t first, end;
	unsigned int i;

	snapshots_record("name=m,dir=tx,port=%u,trigger=greater 1400,before=1500ms,after=1s,"
			 "snapshots=2,ring_bytes=1M,sink=[file,path=s.pcapng]",
			 port);
	pass(20, 100);
	rte_delay_us_sleep(100000);
	assert_int_equal(host_stats_now("m").snapshots, 0);
	for (i = 1; i <= 2; i++) {
		first = pull_trigger(i, LARGE);
		end = serial;
		pass(5, 100);
		snapshots_read_number("s", i, &file);
		assert_packets(first, end - first);
	}
	/* No more, and that is told once. */
	pull_trigger(2, LARGE);
	host_wait(host_noticed("makes no more"));
	pass(1, LARGE);
	rte_delay_us_sleep(200000);
	assert_int_equal(host_notices("makes no more"), 1);
	assert_int_equal(host_stats_now("m").snapshots, 2);
	assert_int_equal(host_stats_now("m").snapshots_failed, 0);
	/* Who asks gets one all the same. */
	snapshots_make("m", NULL);
	snapshots_read_number("s", 3, &file);
	snapshots_remove("m");
}

/* Nothing passes for longer than a sink that is stuck would be waited for; and then something does. */
static void
test_trigger_quiet(void **state)
{
	uint32_t first = serial;

	snapshots_record("name=m,dir=tx,port=%u,trigger=greater 1400,after=8s,ring_bytes=1M,"
			 "sink=[file,path=s.pcapng]",
			 port);
	pass(10, 100);
	pass(1, LARGE);
	rte_delay_us_sleep(3500000);
	pass(10, 100);
	host_wait(host_stats_now("m").snapshots == 1);
	assert_int_equal(host_stats_now("m").snapshots_failed, 0);
	snapshots_read_number("s", 1, &file);
	assert_packets(first, 21);
	snapshots_remove("m");
}

/* Ten packets are recorded, and then a trigger's that is not; but its snapshot cannot be begun. */
static void
pull_in_vain(void)
{
	assert_int_equal(mkdir("d", 0700), 0);
	snapshots_record("name=m,dir=tx,port=%u,filter=less 1000,trigger=greater 1400,after=1ms,"
			 "ring_bytes=1M,sink=[file,path=d/s.pcapng]",
			 port);
	pass(10, 100);
	assert_int_equal(rmdir("d"), 0);
	pass(1, LARGE);
	host_wait(host_stats_now("m").snapshots_failed == 1);
}

/* One that is not recorded is a trigger as well. One that cannot be had is counted, and told. */
static void
test_trigger_fails(void **state)
{
	unsigned int i;

	pull_in_vain();
	assert_true(host_noticed("no snapshot for its trigger"));
	assert_int_equal(host_stats_now("m").snapshots, 0);
	/* It is tried again, and that is no other failure; and so is another queue's, which it does not show. */
	rte_delay_us_sleep(1500000);
	host_loop(port, 1, 1, LARGE);
	assert_int_equal(mkdir("d", 0700), 0);
	host_wait(host_stats_now("m").snapshots == 2);
	assert_int_equal(host_stats_now("m").snapshots_failed, 1);
	assert_int_equal(chdir("d"), 0);
	for (i = 1; i <= 2; i++) {
		snapshots_read_number("s", i, &file);
		assert_packets(serial - 11, 10);
	}
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(rmdir("d"), 0);
	snapshots_remove("m");
}

/* What it was to show has given way meanwhile: it is not tried any more, and others are. */
static void
test_trigger_too_late(void **state)
{
	uint32_t first;

	pull_in_vain();
	rte_delay_us_sleep(10000);
	first = serial;
	pass(2 * (1 << 20) / snapshots_entry(100), 100);
	assert_int_equal(mkdir("d", 0700), 0);
	rte_delay_us_sleep(2500000);
	assert_int_equal(host_stats_now("m").snapshots, 0);
	assert_int_equal(host_stats_now("m").snapshots_failed, 1);
	pass(1, LARGE);
	host_wait(host_stats_now("m").snapshots == 1);
	assert_int_equal(chdir("d"), 0);
	snapshots_read_number("s", 1, &file);
	assert_true(file.n > 0 && file.pkts[0].serial >= first);
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(rmdir("d"), 0);
	snapshots_remove("m");
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_refused),       test(test_directory),        test(test_over),
		test(test_no_memory),     test(test_trigger),          test(test_trigger_quiet),
		test(test_trigger_fails), test(test_trigger_too_late),
	};
	int failed;

	host_init();
	port = host_plug("net_ring0", "", 2);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snapshots_forget(&file);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
