/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which drivers and keys pass: those of the table, those that the PMDs in this process publish, no
 * others. Each refusal is one line that says what would be right, and leaves nothing behind.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ring.h>

#include "tests/eal/host.h"

#define RING "name=m,port=net_ring0,"

/*
 * What a newer net_ring might publish, and a driver for a bus that has no such device here: as
 * DPDK's build writes it into an object, this program's being looked at first.
 */
extern const char newer_pmd_info[], elsewhere_pmd_info[];
__attribute__((used)) const char newer_pmd_info[] =
	"PMD_INFO_STRING= {\"name\": \"net_ring\", \"params\": \"nodeaction=<string> "
	"newer=<int>\", "
	"\"pci_ids\": []}";
__attribute__((used)) const char elsewhere_pmd_info[] =
	"PMD_INFO_STRING= {\"name\": \"net_elsewhere\", \"params\": \"a=<int>\", \"pci_ids\": []}";

static const struct bad {
	const char *sink;
	int error;
	const char *words[4]; /* all of which the line holds */
} bads[] = {
	/* drivers */
	{"net_nul0", -EINVAL, {"unknown driver 'net_nul0'", "did you mean 'net_null'"}},
	{"net_pcapng0", -EINVAL, {"unknown driver 'net_pcapng0'", "net_pcap", "net_ring"}},
	{"net_nullify", -EINVAL, {"unknown driver 'net_nullify'"}},
	{"crypto_null0", -EINVAL, {"unknown driver 'crypto_null0'"}},
	{"net_ixgbe0", -EINVAL, {"unknown driver 'net_ixgbe0'"}},
	{"eth_nul0", -EINVAL, {"unknown driver 'eth_nul0'"}},
	{"net_bonding0", -EINVAL, {"net_bonding", "refused", "ports"}},
	{"net_failsafe0", -EINVAL, {"net_failsafe", "refused", "commands"}},
	{"net_vdev_netvsc0", -EINVAL, {"net_vdev_netvsc", "refused"}},
	{"net_softnic0", -EINVAL, {"net_softnic", "refused", "pipeline"}},
	{"net_tun0", -EINVAL, {"net_tun", "refused", "net_tap"}},
	/* published, and not for vdevs */
	{"net_elsewhere0,a=1", -ENXIO, {"net_elsewhere0", "a=1", "no driver for such a vdev"}},
	/* keys */
	{"net_null,sise=64", -EINVAL, {"sink net_null", "'sise'", "copy", "did you mean 'size'"}},
	{"net_null0,size=64,b=1", -EINVAL, {"sink net_null", "unknown key 'b'"}},
	{"net_tap,remote=lo,iface=mon0",
	 -EINVAL,
	 {"sink net_tap", "'remote'", "refused", "it would"}},
	{"net_pcap,rx_pcap=x", -EINVAL, {"sink net_pcap", "'rx_pcap'", "refused", "it would read"}},
	{"net_ring,nodeaction=r0:0:CREATE", -EINVAL, {"sink net_ring", "'nodeaction'", "refused"}},
	{"eth_ring1,size=1", -EINVAL, {"sink eth_ring", "unknown key 'size'", "newer"}},
	{"net_ring,newr=1", -EINVAL, {"unknown key 'newr'", "it knows: newer", "'newer'"}},
	{"net_memif,zero-copy=yes", -EINVAL, {"'zero-copy'", "refused", "memory"}},
	{"net_memif,sockt=x", -EINVAL, {"net_memif", "'sockt'", "did you mean 'socket'"}},
	{"net_null0,size=\"1,2\"", -EINVAL, {"size=1,2", "comma"}},
	/* values and names */
	{"net_null_x,size=lots", 0, {"could not set up the queues", "net_null_x"}},
	{"net_ring_12345678x", -ENAMETOOLONG, {"net_ring_12345678x", "too long", "by 1"}},
	{"net_ring0", -EEXIST, {"net_ring0", "exists already"}},
	{"net_memif,role=boss", -EINVAL, {"role=boss", "client"}},
	{"net_memif,id=x", -EINVAL, {"id=x", "number"}},
	{"net_memif,bsize=70000", -EINVAL, {"bsize=70000", "65535"}},
	{"net_memif,rsize=15", -EINVAL, {"rsize=15", "14"}},
	{"net_memif,socket=no-dir,socket-abstract=no", -EINVAL, {"no-dir", "./no-dir"}},
	{"net_memif,socket-abstract=maybe", -EINVAL, {"socket-abstract=maybe"}},
	{"net_memif,socket=gone/s,role=server", -EINVAL, {"role=server", "refused", "other side"}},
	{"net_memif,socket=vmirror-nobody", -ECONNREFUSED, {"vmirror-nobody", "no server listens"}},
	{"net_memif,socket=./nobody,socket-abstract=no", -ENOENT, {"./nobody", "no server"}},
};

static struct host_footprint before;

static void
assert_bad(const struct bad *bad, int ret, const struct vmirror_error *err, const char *how)
{
	unsigned int i;

	if (ret >= 0 || (bad->error != 0 && ret != bad->error))
		fail_msg("%s of '%s': %d, not %d (%s)", how, bad->sink, ret, bad->error, err->text);
	if (err->text[0] == '\0' || strchr(err->text, '\n') != NULL)
		fail_msg("%s of '%s': not a line: '%s'", how, bad->sink, err->text);
	for (i = 0; i < RTE_DIM(bad->words) && bad->words[i] != NULL; i++)
		if (strstr(err->text, bad->words[i]) == NULL)
			fail_msg("%s of '%s': '%s' does not say '%s'", how, bad->sink, err->text,
				 bad->words[i]);
}

static void
test_bad(void **state)
{
	struct vmirror_error err;
	char spec[256];
	unsigned int i;

	for (i = 0; i < RTE_DIM(bads); i++) {
		snprintf(spec, sizeof(spec), RING "sink=[%s]", bads[i].sink);
		memset(&err, 0, sizeof(err));
		assert_bad(&bads[i], vmirror_mirror_add(spec, NULL, &err), &err, "add");
		host_assert_footprint(&before);
		assert_true(vmirror_mirror_add(spec, NULL, NULL) < 0);
		/* A right one of that name. */
		host_mirror(RING "sink=[net_null_x]");
		host_loop(0, 0, 3, 100);
		host_remove("m");
		host_assert_footprint(&before);
	}
}

/* The devargs that a vdev's driver was given. */
static const char *
devargs_of(const char *vdev)
{
	struct rte_eth_dev_info info;
	uint16_t port_id;

	assert_int_equal(rte_eth_dev_get_port_by_name(vdev, &port_id), 0);
	assert_int_equal(rte_eth_dev_info_get(port_id, &info), 0);
	assert_non_null(rte_dev_devargs(info.device));
	return rte_dev_devargs(info.device)->args;
}

static void
assert_passes(const char *sink, const char *vdev, const char *devargs)
{
	host_mirror(RING "sink=[%s]", sink);
	assert_string_equal(devargs_of(vdev), devargs);
	host_loop(0, 0, 3, 100);
	assert_int_equal(host_stats("m").total.captured, 6);
	assert_int_equal(host_stats("m").total.sink_rejected, 0);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	host_assert_footprint(&before);
}

static void
test_right(void **state)
{
	assert_passes("net_null", "net_null_m", "");
	assert_passes("net_null0,size=100,copy=1", "net_null0", "size=100,copy=1");
	assert_passes("net_null_,no-rx=1", "net_null_", "no-rx=1");
	assert_passes("net_ring", "net_ring_m", "");
	assert_passes("eth_ring", "eth_ring_m", "");
	assert_passes("eth_null", "eth_null_m", "");
	/* Only the driver could know what it is. */
	assert_passes("net_ring1,newer=1", "net_ring1", "newer=1");
}

/* Of rings that are there the driver takes all or none. */
static void
test_some_rings(void **state)
{
	struct rte_ring *ring = rte_ring_create("ETH_RXTX3_net_ring_m", 64, 0, 0);
	const struct bad bad = {"net_ring", -EEXIST, {"there are 1 rings", "net_ring_m", "16"}};
	struct vmirror_error err;

	assert_non_null(ring);
	assert_bad(&bad, vmirror_mirror_add(RING "sink=[net_ring]", NULL, &err), &err, "add");
	rte_ring_free(ring);
	host_assert_footprint(&before);
}

static int
setup(void **state)
{
	host_reset();
	before = host_footprint();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bad, setup),
		cmocka_unit_test_setup(test_right, setup),
		cmocka_unit_test_setup(test_some_rings, setup),
	};
	int failed;

	host_init();
	host_plug("net_ring0", "", 1);
	host_engine_init();
	/* ethdev's callbacks are made once and stay: have them there before memory is compared. */
	host_mirror(RING "sink=[net_null]");
	host_remove("m");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
