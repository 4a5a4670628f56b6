/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Mirrors in the place of others, where one that comes cannot be started when those that go have gone: these
 * come back, and are the same to whoever knows them by their numbers. The linker puts functions in front of
 * others, so that a port does not start, and time passes, when a test wants it.
 */

#include "tests/eal/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/eal/snapshots.h"

static unsigned int fails_at; /* the port that is started then does not; 0: all do */
static _Atomic uint64_t passed_ns;

int
__real_rte_eth_dev_start(uint16_t port_id);
int
__wrap_rte_eth_dev_start(uint16_t port_id);
uint64_t
__real_vmirror_now_ns(void);
uint64_t
__wrap_vmirror_now_ns(void);

int
__wrap_rte_eth_dev_start(uint16_t port_id)
{
	return fails_at > 0 && --fails_at == 0 ? -EIO : __real_rte_eth_dev_start(port_id);
}

uint64_t
__wrap_vmirror_now_ns(void)
{
	return __real_vmirror_now_ns() + passed_ns;
}

static uint16_t port;

/* In the mode of this run, as host_mirror() has them. */
static const char *
in_mode(const char *text)
{
	static char specs[4][256];
	static unsigned int n;
	char *spec = specs[n++ % RTE_DIM(specs)];

	snprintf(spec, sizeof(specs[0]), "%s%s",
		 host_in_rings() ? "mode=ring,ring_bytes=1M," : "mode=inline,", text);
	return spec;
}

static int
replace(const char *old, const char *spec, struct vmirror_error *err)
{
	char names[1][VMIRROR_NAME_SIZE];

	return vmirror_mirror_replace(&old, 1, &spec, 1, names, NULL, err);
}

/* By one whose sink does not start. */
static void
replace_badly(const char *old, struct vmirror_error *err)
{
	fails_at = 1;
	assert_int_equal(
		replace(old, in_mode("name=x,port=net_ring0,sink=[net_pcap,tx_pcap=x.pcap]"), err),
		-EIO);
	assert_int_equal(fails_at, 0);
	assert_non_null(strstr(err->text, "mirror 'x': sink: could not start vdev"));
	assert_int_equal(vmirror_mirror_serial("x"), 0);
	assert_int_equal(access("x.pcap", F_OK), -1);
}

static void
assert_list(const char *const wanted[], int n)
{
	char names[8][VMIRROR_NAME_SIZE];
	int i;

	assert_int_equal(vmirror_mirror_list(names, RTE_DIM(names)), n);
	for (i = 0; i < n; i++)
		assert_string_equal(names[i], wanted[i]);
}

/* Of a mirror in whatever mode. */
static void
assert_captures(const char *name, uint64_t before, unsigned int n)
{
	host_loop(port, 0, n, 100);
	host_wait(host_stats_now(name).total.captured == before + 2 * n);
}

static void
assert_file(const char *path, unsigned int n)
{
	assert_int_equal(host_read_pcap(path, NULL), n);
	assert_int_equal(unlink(path), 0);
}

static void
test_same(void **state)
{
	const char *old[] = {"m", "not-there", "l"};
	const char *specs[] = {
		in_mode("name=n,port=net_ring0,sink=[net_pcap,tx_pcap=n.pcap]"),
		in_mode("name=m,port=net_ring0,filter=udp,sink=[net_pcap,tx_pcap=m.pcap]"),
	};
	char names[RTE_DIM(specs)][VMIRROR_NAME_SIZE];
	struct vmirror_error err;
	unsigned int bad = 99;
	uint64_t l, m;

	host_mirror("name=a,port=net_ring0,sink=[net_pcap,tx_pcap=a.pcap]");
	host_mirror("name=l,port=net_ring0,sink=[net_pcap,tx_pcap=l.pcap]");
	host_mirror("name=m,port=net_ring0,sink=[net_pcap,tx_pcap=m.pcap]");
	host_mirror("name=z,port=net_ring0,sink=[net_pcap,tx_pcap=z.pcap]");
	l = vmirror_mirror_serial("l");
	m = vmirror_mirror_serial("m");
	host_loop(port, 0, 5, 100);

	fails_at = 2;
	assert_int_equal(
		vmirror_mirror_replace(old, RTE_DIM(old), specs, RTE_DIM(specs), names, &bad, &err),
		-EIO);
	assert_int_equal(bad, 1);
	assert_non_null(strstr(err.text, "mirror 'm': sink: could not start vdev"));
	assert_null(strstr(err.text, "brought back"));
	assert_int_equal(access("n.pcap", F_OK), -1);
	assert_list((const char *const[]){"a", "l", "m", "z"}, 4);
	assert_int_equal(vmirror_mirror_serial("l"), l);
	assert_int_equal(vmirror_mirror_serial("m"), m);
	assert_captures("m", 0, 5);
	assert_captures("l", 10, 5);
	assert_int_equal(host_stats("a").total.captured, 30);

	/* With what is right now it is done. */
	assert_int_equal(
		vmirror_mirror_replace(old, RTE_DIM(old), specs, RTE_DIM(specs), names, &bad, &err),
		0);
	assert_string_equal(names[0], "n");
	assert_string_equal(names[1], "m");
	assert_list((const char *const[]){"a", "z", "n", "m"}, 4);
	assert_true(vmirror_mirror_serial("m") > m);
	assert_captures("m", 0, 5);
	host_remove("a");
	host_remove("m");
	host_remove("n");
	host_remove("z");
	assert_file("a.pcap", 40);
	assert_file("z.pcap", 40);
	assert_file("m.pcap", 10);
	assert_file("n.pcap", 10);
	assert_file("l.pcap", 20);
}

/* What was made for those that came before the bad one is gone: it would be in the way of the next try. */
static void
test_undone(void **state)
{
	const char *specs[] = {
		"name=f,mode=ring,ring_bytes=1M,port=net_ring0,sink=[file,path=f.pcapng]",
		in_mode("name=x,port=net_ring0,sink=[net_pcap,tx_pcap=x.pcap]"),
	};
	char names[RTE_DIM(specs)][VMIRROR_NAME_SIZE];
	struct vmirror_error err;
	unsigned int bad = 99, i;

	for (i = 0; i < 2; i++) {
		fails_at = 1;
		assert_int_equal(
			vmirror_mirror_replace(NULL, 0, specs, RTE_DIM(specs), names, &bad, &err),
			-EIO);
		assert_int_equal(bad, 1);
		assert_int_equal(access("f.pcapng", F_OK), -1);
		assert_int_equal(access("x.pcap", F_OK), -1);
		assert_list(NULL, 0);
		host_loop(port, 0, 5, 100);
	}
	assert_int_equal(vmirror_mirror_replace(NULL, 0, specs, RTE_DIM(specs), names, &bad, &err),
			 0);
	assert_captures("f", 0, 5);
	host_wait(host_stats_now("f").total.in_flight == 0);
	host_remove("f");
	host_remove("x");
	assert_int_equal(unlink("f.pcapng"), 0);
	assert_file("x.pcap", 10);
}

/* It does not begin again, and what it has written stays. */
static void
test_ended(void **state)
{
	struct vmirror_stats stats;
	struct vmirror_error err;
	uint64_t serial;

	host_mirror("name=c,port=net_ring0,count=6,sink=[net_pcap,tx_pcap=c.pcap]");
	host_mirror("name=z,port=net_ring0,sink=[net_pcap,tx_pcap=z.pcap]");
	serial = vmirror_mirror_serial("c");
	host_loop(port, 0, 5, 100);
	host_wait(host_stats("c").state == VMIRROR_ENDED);
	replace_badly("c", &err);
	assert_list((const char *const[]){"c", "z"}, 2);
	assert_int_equal(vmirror_mirror_serial("c"), serial);
	host_loop(port, 0, 5, 100);
	stats = host_stats("c");
	assert_int_equal(stats.state, VMIRROR_ENDED);
	assert_int_equal(stats.total.captured, 6);
	assert_string_equal(stats.reason, "reached its count of 6");
	host_remove("c");
	host_remove("z");
	assert_file("c.pcap", 6);
	assert_file("z.pcap", 20);
}

static void
test_rest_of_count(void **state)
{
	struct vmirror_stats stats;
	struct vmirror_error err;

	host_mirror("name=c,port=net_ring0,count=30,sink=[net_pcap,tx_pcap=c.pcap]");
	host_loop(port, 0, 5, 100);
	assert_int_equal(host_stats("c").total.delivered, 10);
	replace_badly("c", &err);
	assert_int_equal(host_stats("c").state, VMIRROR_ATTACHED);
	host_loop(port, 0, 15, 100);
	host_wait(host_stats("c").state == VMIRROR_ENDED);
	stats = host_stats("c");
	assert_int_equal(stats.total.captured, 20);
	assert_string_equal(stats.reason, "reached its count of 30");
	host_remove("c");
	assert_file("c.pcap", 20);
}

static void
test_rest_of_duration(void **state)
{
	struct vmirror_error err;

	host_mirror("name=t,port=net_ring0,duration=1000s,sink=[net_pcap,tx_pcap=t.pcap]");
	passed_ns += UINT64_C(600) * NS_PER_S;
	replace_badly("t", &err);
	assert_int_equal(host_stats("t").state, VMIRROR_ATTACHED);
	passed_ns += UINT64_C(600) * NS_PER_S;
	host_wait(host_stats("t").state == VMIRROR_ENDED);
	assert_string_equal(host_stats("t").reason, "reached its duration of 1000000 ms");
	host_remove("t");
	assert_file("t.pcap", 0);
}

/* The trigger has had its snapshot, and the next one's file is called after that. */
static void
test_rest_of_snapshots(void **state)
{
	struct snapshots_file file = {0};
	struct vmirror_error err;

	snapshots_record("name=r,port=net_ring0,dir=tx,ring_bytes=1M,trigger=udp,after=10ms,"
			 "snapshots=1,sink=[file,path=r.pcapng]");
	host_loop(port, 0, 1, 100);
	host_wait(host_stats_now("r").snapshots == 1);
	snapshots_read_number("r", 1, &file);
	assert_int_equal(file.n, 1);
	replace_badly("r", &err);
	assert_int_equal(snapshots_counters("r").captured, 0);
	host_loop(port, 0, 1, 100);
	host_wait(host_noticed("mirror 'r': its trigger has made its 1 snapshots"));
	snapshots_make("r", NULL);
	snapshots_read_number("r", 2, &file);
	assert_int_equal(file.n, 1);
	assert_int_equal(host_stats_now("r").snapshots, 1);
	snapshots_forget(&file);
	snapshots_remove("r");
}

static void
test_detached(void **state)
{
	struct vmirror_error err;

	host_mirror("name=d,port=net_ring0,sink=[net_pcap,tx_pcap=d.pcap]");
	assert_int_equal(vmirror_mirror_detach("d", &err), 0);
	replace_badly("d", &err);
	assert_int_equal(host_stats("d").state, VMIRROR_DETACHED);
	assert_int_equal(host_stats("d").hooks, 0);
	host_loop(port, 0, 5, 100);
	assert_int_equal(host_stats("d").total.seen, 0);
	assert_int_equal(vmirror_mirror_attach("d", &err), 0);
	assert_captures("d", 0, 5);
	host_remove("d");
	assert_file("d.pcap", 10);
}

#define FILE_SPEC "ring_bytes=1M,port=net_ring0,"

static void
add(const char *spec)
{
	struct vmirror_error err;

	if (vmirror_mirror_add(spec, NULL, &err) != 0)
		fail_msg("%s: %s", spec, err.text);
}

/* Who may overwrite it does, though who leaves writes it still. */
static void
test_same_file(void **state)
{
	struct vmirror_error err;
	uint64_t serial;

	add("name=f," FILE_SPEC "sink=[file,path=f.pcapng]");
	serial = vmirror_mirror_serial("f");
	assert_captures("f", 0, 5);
	assert_int_equal(
		replace("f", "name=f," FILE_SPEC "filter=udp,sink=[file,path=f.pcapng]", &err),
		-EEXIST);
	assert_non_null(strstr(err.text, "mirror 'f': sink file: path=f.pcapng exists already; "));
	assert_non_null(strstr(err.text, "overwrite=1"));
	assert_non_null(strstr(err.text, "rotate_seconds="));
	assert_int_equal(vmirror_mirror_serial("f"), serial);
	assert_captures("f", 10, 5);
	assert_int_equal(
		replace("f", "name=f," FILE_SPEC "filter=udp,sink=[file,path=f.pcapng,overwrite=1]",
			&err),
		0);
	assert_captures("f", 0, 5);
	assert_int_equal(vmirror_mirror_remove("f", &err), 0);
	assert_file("f.pcapng", 10);
}

/* What cannot be brought back is told, and can be made anew. */
static void
test_lost(void **state)
{
	struct vmirror_error err;

	add("name=f," FILE_SPEC "sink=[file,path=f.pcapng]");
	assert_captures("f", 0, 5);
	replace_badly("f", &err);
	assert_non_null(strstr(err.text, "; what could not be brought back: 'f'"));
	assert_true(
		host_noticed("it is not there again: mirror 'f': sink file: path=f.pcapng exists "
			     "already"));
	assert_int_equal(vmirror_mirror_list(NULL, 0), 0);
	assert_int_equal(replace("f", "name=f," FILE_SPEC "sink=[file,path=g.pcapng]", &err), 0);
	assert_captures("f", 0, 5);
	assert_int_equal(vmirror_mirror_remove("f", &err), 0);
	assert_file("f.pcapng", 10);
	assert_file("g.pcapng", 10);
}

/* A descriptor's number says nothing of the file that has it by now. */
static void
test_other_file(void **state)
{
	struct vmirror_error err;
	struct stat st;
	int ends[2], other;
	char spec[128];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(spec, sizeof(spec), "name=p," FILE_SPEC "sink=[file,fd=%d]", ends[1]);
	add(spec);
	other = open("other", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(other >= 0);
	assert_int_equal(dup3(other, ends[1], O_CLOEXEC), ends[1]);
	replace_badly("p", &err);
	assert_non_null(strstr(err.text, "; what could not be brought back: 'p'"));
	assert_true(host_noticed("mirror 'p': sink: what was pipe:["));
	assert_int_equal(vmirror_mirror_serial("p"), 0);
	assert_int_equal(fstat(other, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(other);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(unlink("other"), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_same),          test(test_undone),           test(test_ended),
		test(test_rest_of_count), test(test_rest_of_duration), test(test_rest_of_snapshots),
		test(test_detached),      test(test_same_file),        test(test_lost),
		test(test_other_file),
	};
	int failed;

	host_init();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("net_ring0", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
