/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * All or nothing: whatever fails while a mirror is made, at whichever call, nothing of it stays,
 * and the mirrors that are there go on. The linker puts the functions below in front of DPDK's
 * and the C library's, so that the n-th call of one can fail.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ring.h>

#include "tests/eal/host.h"

/* The call that is to fail, on the thread that armed it. */
static _Thread_local const char *armed;
static _Thread_local unsigned int countdown;

static bool
fails(const char *what)
{
	return armed != NULL && countdown > 0 && strcmp(armed, what) == 0 && --countdown == 0;
}

static void
arm(const char *what, unsigned int nth)
{
	countdown = nth;
	armed = what;
}

/* @return whether the call came, and failed */
static bool
disarm(void)
{
	armed = NULL;
	return countdown == 0;
}

/* A function in front of another, which fails with `failure` when its turn has come. */
#define WRAP(type, name, params, args, failure)                                                    \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return fails(#name) ? (failure) : __real_##name args;                              \
	}

typedef const struct rte_eth_rxtx_callback *callback_t;

static void *
no_memory(void)
{
	errno = ENOMEM;
	rte_errno = ENOMEM;
	return NULL;
}

WRAP(void *, malloc, (size_t size), (size), no_memory())
WRAP(void *, calloc, (size_t n, size_t size), (n, size), no_memory())
WRAP(void *, realloc, (void *old, size_t size), (old, size), no_memory())
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size), no_memory())
WRAP(int, rte_eal_hotplug_add, (const char *bus, const char *dev, const char *args),
     (bus, dev, args), -EIO)
WRAP(int, rte_eth_dev_configure,
     (uint16_t port, uint16_t n_rxq, uint16_t n_txq, const struct rte_eth_conf *conf),
     (port, n_rxq, n_txq, conf), -EIO)
WRAP(int, rte_eth_rx_queue_setup,
     (uint16_t port, uint16_t queue, uint16_t n, unsigned int socket,
      const struct rte_eth_rxconf *conf, struct rte_mempool *mp),
     (port, queue, n, socket, conf, mp), -EIO)
WRAP(int, rte_eth_tx_queue_setup,
     (uint16_t port, uint16_t queue, uint16_t n, unsigned int socket,
      const struct rte_eth_txconf *conf),
     (port, queue, n, socket, conf), -EIO)
WRAP(int, rte_eth_dev_start, (uint16_t port), (port), -EIO)
WRAP(struct rte_mempool *, rte_pktmbuf_pool_create_by_ops,
     (const char *name, unsigned int n, unsigned int cache, uint16_t priv, uint16_t room,
      int socket, const char *ops),
     (name, n, cache, priv, room, socket, ops), no_memory())
WRAP(callback_t, rte_eth_add_tx_callback,
     (uint16_t port, uint16_t queue, rte_tx_callback_fn fn, void *arg), (port, queue, fn, arg),
     no_memory())
WRAP(callback_t, rte_eth_add_first_rx_callback,
     (uint16_t port, uint16_t queue, rte_rx_callback_fn fn, void *arg), (port, queue, fn, arg),
     no_memory())

static const char *const in_add[] = {
	"malloc",
	"calloc",
	"realloc",
	"aligned_alloc",
	"rte_eal_hotplug_add",
	"rte_eth_dev_configure",
	"rte_eth_tx_queue_setup",
	"rte_eth_dev_start",
	"rte_pktmbuf_pool_create_by_ops",
};

static const char pcap_spec[] = "name=m,port=[net_ring0,net_ring1],filter=udp,snaplen=99,"
				"sink=[net_pcap,tx_pcap=m.pcap]";
static const char tap_spec[] = "name=m,port=[net_ring0,net_ring1],sink=[net_tap,iface=mon0]";

static uint16_t one;
static uint16_t four; /* queues each way */
static bool own_namespace;

static int
setup(void **state)
{
	host_reset();
	return 0;
}

static void
assert_error(const char *what, unsigned int nth, int ret, const struct vmirror_error *err)
{
	if (ret >= 0)
		fail_msg("%s, call %u: failed, and all is said to be well", what, nth);
	if (err->text[0] == '\0' || strchr(err->text, '\n') != NULL)
		fail_msg("%s, call %u: no line: '%s'", what, nth, err->text);
}

/* Traffic passes, and the mirror that was there before sees it, alone. */
static void
assert_others_well(uint64_t *seen)
{
	host_loop(one, 0, 5, 100);
	host_loop(four, 3, 5, 100);
	*seen += 20;
	assert_int_equal(host_stats("witness").total.captured, *seen);
	host_assert_conserved("witness");
	assert_int_equal(vmirror_mirror_list(NULL, 0), 1);
	assert_int_equal(
		vmirror_mirror_stats(
			"m", &(struct vmirror_stats){.size = sizeof(struct vmirror_stats)}, NULL),
		-ENOENT);
}

/* The reader of a mirror into a ring. */
static void
read_ring(void)
{
	struct rte_ring *ring = rte_ring_lookup("ETH_RXTX0_net_ring_m");
	void *pkt;

	while (ring != NULL && rte_ring_dequeue(ring, &pkt) == 0)
		rte_pktmbuf_free(pkt);
}

/* Add a mirror with the first call of a function failing, then with the second, and so on. */
static void
check_add(const char *spec, const char *what, unsigned int least)
{
	struct host_footprint before = host_footprint();
	struct vmirror_error err;
	unsigned int nth;
	uint64_t seen = host_stats("witness").total.captured;
	int ret;

	for (nth = 1;; nth++) {
		memset(&err, 0, sizeof(err));
		arm(what, nth);
		ret = host_try_mirror(&err, "%s", spec);
		if (!disarm())
			break;
		assert_error(what, nth, ret, &err);
		host_assert_footprint(&before);
		assert_others_well(&seen);
	}
	if (ret != 0)
		fail_msg("%s did not fail, and still: %s", what, err.text);
	printf("%s: %u calls\n", what, nth - 1);
	assert_in_range(nth - 1, least, 1000);
	host_loop(one, 0, 5, 100);
	assert_int_equal(host_stats("m").total.captured, 10);
	read_ring();
	host_remove("m");
	unlink("m.pcap");
	host_assert_footprint(&before);
}

static void
start_witness(void)
{
	host_mirror("name=witness,port=[%u,%u],sink=[net_pcap,tx_pcap=witness.pcap]", one, four);
	/* What ethdev and the drivers make once and keep is there before memory is compared. */
	host_mirror("%s", pcap_spec);
	host_remove("m");
	unlink("m.pcap");
}

static void
test_add_pcap(void **state)
{
	unsigned int i;

	start_witness();
	for (i = 0; i < RTE_DIM(in_add); i++)
		check_add(pcap_spec, in_add[i], 1);
	host_remove("witness");
	unlink("witness.pcap");
}

static void
test_add_tap(void **state)
{
	unsigned int i;

	if (!own_namespace)
		skip();
	start_witness();
	host_mirror("%s", tap_spec);
	host_remove("m");
	for (i = 0; i < RTE_DIM(in_add); i++)
		check_add(tap_spec, in_add[i], 1);
	check_add(tap_spec, "rte_eth_rx_queue_setup", 1);
	host_remove("witness");
	unlink("witness.pcap");
}

/* Keys of which only the driver knows, and rings in the process's own memory. */
static void
test_add_others(void **state)
{
	static const char *const specs[] = {
		"name=m,port=[net_ring0,net_ring1],sink=[net_null,size=99]",
		"name=m,port=[net_ring0,net_ring1],sink=[net_ring]",
	};
	unsigned int i, k;

	for (i = 0; i < RTE_DIM(specs); i++) {
		start_witness();
		for (k = 0; k < RTE_DIM(in_add); k++)
			check_add(specs[i], in_add[k], 1);
		check_add(specs[i], "rte_eth_rx_queue_setup", 1);
		host_remove("witness");
		unlink("witness.pcap");
	}
}

/*
 * Callbacks are added once: every round has a port that was never hooked. It has four queues, and
 * a fifth call looks whether there is another.
 */
static void
check_callbacks(const char *what)
{
	static unsigned int serial = 2;
	struct host_footprint before;
	struct vmirror_error err = {0};
	char vdev[32], spec[128];
	unsigned int nth;
	uint16_t port;
	bool failed = true;
	int ret;

	for (nth = 1; failed; nth++) {
		snprintf(vdev, sizeof(vdev), "net_ring%u", serial++);
		port = host_plug(vdev, "", 4);
		snprintf(spec, sizeof(spec), "name=m,port=%s,sink=[net_pcap,tx_pcap=m.pcap]", vdev);
		before = host_footprint();
		arm(what, nth);
		ret = host_try_mirror(&err, "%s", spec);
		failed = disarm();
		if (failed) {
			assert_error(what, nth, ret, &err);
			assert_non_null(strstr(err.text, "no callback on"));
			/* Callbacks that were added stay, empty, as ethdev's memory. */
			before.heap_bytes = host_footprint().heap_bytes;
			host_assert_footprint(&before);
			host_loop(port, RTE_MIN(nth, 4U) - 1, 5, 100);
			assert_int_equal(access("m.pcap", F_OK), -1);
			host_mirror("%s", spec);
		}
		host_loop(port, nth % 4, 5, 100);
		host_loop(port, (nth + 1) % 4, 5, 100);
		assert_int_equal(host_stats("m").total.captured, 20);
		assert_int_equal(host_stats("m").hooks, 8);
		host_remove("m");
		assert_int_equal(host_read_pcap("m.pcap", NULL), 20);
		unlink("m.pcap");
	}
	/* Where the queues end is asked again when their rings are there, and again for tx. */
	assert_in_range(nth - 1, 6, host_in_rings() ? 8 : 6);
}

static void
test_callbacks(void **state)
{
	check_callbacks("rte_eth_add_first_rx_callback");
	check_callbacks("rte_eth_add_tx_callback");
}

/* Attaching again, on 5 queues of two ports: all of them or none. */
static void
test_attach(void **state)
{
	static const char *const in_attach[] = {"malloc", "realloc"};
	struct vmirror_error err;
	unsigned int i, nth;
	uint64_t seen = 0;
	int ret;

	host_mirror("%s", pcap_spec);
	for (i = 0; i < RTE_DIM(in_attach); i++) {
		for (nth = 1;; nth++) {
			assert_int_equal(vmirror_mirror_detach("m", &err), 0);
			memset(&err, 0, sizeof(err));
			arm(in_attach[i], nth);
			ret = vmirror_mirror_attach("m", &err);
			if (!disarm())
				break;
			assert_error(in_attach[i], nth, ret, &err);
			assert_int_equal(host_stats("m").state, VMIRROR_DETACHED);
			assert_int_equal(host_stats("m").hooks, 0);
			host_loop(one, 0, 5, 100);
			host_loop(four, 2, 5, 100);
			assert_int_equal(host_stats("m").total.seen, seen);
		}
		assert_int_equal(ret, 0);
		assert_in_range(nth, 2, 100);
		assert_int_equal(host_stats("m").hooks, 10);
		host_loop(four, 2, 5, 100);
		seen += 10;
		assert_int_equal(host_stats("m").total.seen, seen);
	}
	host_remove("m");
	unlink("m.pcap");
}

/* A file that was there before, and whose turn did not come, is as it was. */
static void
test_file_untouched(void **state)
{
	struct vmirror_error err;
	char text[16] = "";
	int fd = open("m.pcap", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "precious", 8), 8);
	arm("rte_eal_hotplug_add", 1);
	assert_int_equal(host_try_mirror(&err, "%s", pcap_spec), -EIO);
	assert_true(disarm());
	assert_int_equal(pread(fd, text, sizeof(text), 0), 8);
	assert_string_equal(text, "precious");
	close(fd);
	assert_int_equal(unlink("m.pcap"), 0);
}

/* Checking plugs, opens and hooks nothing. */
static void
test_check(void **state)
{
	const char *const specs[] = {pcap_spec};
	struct host_footprint before = host_footprint();
	unsigned int i, nth;
	struct vmirror_error err;
	int ret;

	for (i = 0; i < RTE_DIM(in_add); i++) {
		for (nth = 1;; nth++) {
			arm(in_add[i], nth);
			ret = vmirror_mirror_check(specs, 1, NULL, NULL, &err);
			if (!disarm())
				break;
			assert_error(in_add[i], nth, ret, &err);
			host_assert_footprint(&before);
		}
		assert_int_equal(ret, 0);
		assert_true(nth == 1 || strstr(in_add[i], "_eth_") == NULL);
		assert_true(nth == 1 || strstr(in_add[i], "hotplug") == NULL);
		host_assert_footprint(&before);
	}
}

static void
test_engine(void **state)
{
	struct vmirror_error err = {0};
	struct host_footprint before;

	vmirror_engine_fini();
	before = host_footprint();
	arm("rte_eal_hotplug_add", 1);
	assert_int_equal(vmirror_engine_init(NULL, &err), -EIO);
	assert_true(disarm());
	assert_error("rte_eal_hotplug_add", 1, -EIO, &err);
	host_assert_footprint(&before);
	host_engine_init();
	host_mirror("%s", pcap_spec);
	host_remove("m");
	unlink("m.pcap");
}

#define test(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_add_pcap),  test(test_add_tap), test(test_add_others),
		test(test_callbacks), test(test_attach),  test(test_file_untouched),
		test(test_check),     test(test_engine),
	};
	int failed;

	own_namespace = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
	host_init();
	one = host_plug("net_ring0", "", 1);
	four = host_plug("net_ring1", "", 4);
	host_engine_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
