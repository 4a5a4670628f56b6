/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A DPDK that was built without RTE_ETHDEV_RXTX_CALLBACKS: the linker puts the functions below in
 * front of ethdev's, and they do what such a DPDK's do.
 */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "tests/eal/host.h"

static bool built_with = true;

typedef const struct rte_eth_rxtx_callback *callback_t;

callback_t
__real_rte_eth_add_rx_callback(uint16_t port_id, uint16_t queue, rte_rx_callback_fn fn, void *arg);
callback_t
__wrap_rte_eth_add_rx_callback(uint16_t port_id, uint16_t queue, rte_rx_callback_fn fn, void *arg);
callback_t
__real_rte_eth_add_first_rx_callback(uint16_t port_id, uint16_t queue, rte_rx_callback_fn fn,
				     void *arg);
callback_t
__wrap_rte_eth_add_first_rx_callback(uint16_t port_id, uint16_t queue, rte_rx_callback_fn fn,
				     void *arg);
callback_t
__real_rte_eth_add_tx_callback(uint16_t port_id, uint16_t queue, rte_tx_callback_fn fn, void *arg);
callback_t
__wrap_rte_eth_add_tx_callback(uint16_t port_id, uint16_t queue, rte_tx_callback_fn fn, void *arg);

static callback_t
not_built(void)
{
	rte_errno = ENOTSUP;
	return NULL;
}

callback_t
__wrap_rte_eth_add_rx_callback(uint16_t port_id, uint16_t queue, rte_rx_callback_fn fn, void *arg)
{
	return built_with ? __real_rte_eth_add_rx_callback(port_id, queue, fn, arg) : not_built();
}

callback_t
__wrap_rte_eth_add_first_rx_callback(uint16_t port_id, uint16_t queue, rte_rx_callback_fn fn,
				     void *arg)
{
	return built_with ? __real_rte_eth_add_first_rx_callback(port_id, queue, fn, arg)
			  : not_built();
}

callback_t
__wrap_rte_eth_add_tx_callback(uint16_t port_id, uint16_t queue, rte_tx_callback_fn fn, void *arg)
{
	return built_with ? __real_rte_eth_add_tx_callback(port_id, queue, fn, arg) : not_built();
}

static void
test_refused(void **state)
{
	struct vmirror_engine_opts opts = {.size = sizeof(opts)};
	struct host_footprint before = host_footprint();
	struct vmirror_error err = {0};

	built_with = false;
	assert_int_equal(vmirror_engine_init(&opts, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "RTE_ETHDEV_RXTX_CALLBACKS"));
	assert_null(strchr(err.text, '\n'));
	assert_int_equal(vmirror_engine_init(NULL, NULL), -ENOTSUP);
	host_assert_footprint(&before);

	/* No engine, no mirror; and nothing to end. */
	assert_int_equal(vmirror_mirror_add("port=0,sink=[net_pcap,tx_pcap=a]", NULL, &err),
			 -EPERM);
	assert_non_null(strstr(err.text, "vmirror_engine_init()"));
	vmirror_engine_fini();
	host_assert_footprint(&before);
	host_loop(0, 0, 32, 60);
}

static void
test_works_with_callbacks(void **state)
{
	built_with = true;
	host_engine_init();
	host_mirror("name=m,port=0,sink=[net_pcap,tx_pcap=m.pcap]");
	host_loop(0, 0, 32, 60);
	assert_int_equal(host_stats("m").total.captured, 64);
	host_remove("m");
	vmirror_engine_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_works_with_callbacks),
	};
	int failed;

	host_init();
	host_plug("net_ring0", "", 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	host_fini();
	return failed;
}
