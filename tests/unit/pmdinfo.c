/* SPDX-License-Identifier: BSD-3-Clause */

/* What PMDs publish: finding it in this very program, its JSON, the keys in parameter strings. */

#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pmdinfo.h"

/* As pmdinfogen.py writes them into an object. */
#define PUBLISH(n, json) __attribute__((used)) const char n##_pmd_info[] = "PMD_INFO_STRING= " json

extern const char first_pmd_info[], second_pmd_info[], nic_pmd_info[], torn_pmd_info[];
PUBLISH(first, "{\"name\": \"net_first\", \"params\": \"a=<int> b=<int>\", \"pci_ids\": []}");
PUBLISH(second, "{\"name\": \"net_second\", \"pci_ids\": []}");
PUBLISH(nic, "{\"name\": \"net_nic\", \"params\": \"a=<int>\", \"pci_ids\": [[1, 2, 3, 4]]}");
PUBLISH(torn, "{\"name\": \"net_torn\", \"para");

static void
test_read(void **state)
{
	struct vmirror_pmdinfo info;

	assert_int_equal(vmirror_pmdinfo_read(&info), 0);
	assert_non_null(vmirror_pmdinfo_find(&info, "net_first"));
	assert_string_equal(vmirror_pmdinfo_find(&info, "net_first")->params, "a=<int> b=<int>");
	assert_non_null(vmirror_pmdinfo_find(&info, "net_second"));
	assert_string_equal(vmirror_pmdinfo_find(&info, "net_second")->params, "");
	assert_null(vmirror_pmdinfo_find(&info, "net_nic"));
	assert_null(vmirror_pmdinfo_find(&info, "net_torn"));
	assert_int_equal(info.n, 2);
	vmirror_pmdinfo_fini(&info);
	assert_null(vmirror_pmdinfo_find(&info, "net_first"));
	vmirror_pmdinfo_fini(&info);
}

static int
parse(const char *json)
{
	struct vmirror_pmd pmd;
	int ret = vmirror_pmdinfo_parse(json, strlen(json), &pmd);

	if (ret == 0) {
		free(pmd.name);
		free(pmd.params);
	}
	return ret;
}

static void
test_parse(void **state)
{
	assert_int_equal(parse("{\"name\": \"net_x\"}"), 0);
	assert_int_equal(parse("{\"name\": \"net_x\", \"pci_ids\": []}"), 0);
	assert_int_equal(parse("{\"params\": \"a=1\", \"name\": \"net_x\", \"new\": [{}]}"), 0);
	assert_int_equal(parse("{\"name\": \"crypto_x\", \"pci_ids\": []}"), -ENODEV);
	assert_int_equal(parse("{\"name\": \"net_x\", \"kmod\": \"* vfio-pci\"}"), -ENODEV);
	assert_int_equal(parse("{\"name\": \"net_x\", \"pci_ids\": [[1, 2, 3, 4]]}"), -ENODEV);
	assert_int_equal(parse(""), -EINVAL);
	assert_int_equal(parse("{"), -EINVAL);
	assert_int_equal(parse("{}"), -EINVAL);
	assert_int_equal(parse("[]"), -EINVAL);
	assert_int_equal(parse("{\"name\": 7}"), -EINVAL);
	assert_int_equal(parse("{\"name\": \"net_x\"} and more"), -EINVAL);
}

static void
assert_keys(const char *params, const char *expected)
{
	char **keys = vmirror_pmdinfo_keys(params);
	char got[1024] = "";
	unsigned int i;

	assert_non_null(keys);
	for (i = 0; keys[i] != NULL; i++) {
		strcat(got, i > 0 ? " " : "");
		strcat(got, keys[i]);
	}
	assert_string_equal(got, expected);
	free(keys);
}

/* Strings of DPDK 22.11 to 25.11, of drivers for virtual ports and of the oddest others. */
static void
test_keys(void **state)
{
	assert_keys("", "");
	assert_keys("iface=<string> ", "iface");
	assert_keys("iface=<string> mac=fixed|xx:xx:xx:xx:xx:xx remote=<string>",
		    "iface mac remote");
	assert_keys("size=<int> copy=<int> no-rx=0|1", "size copy no-rx");
	assert_keys("rx_pcap=<string> tx_iface=<ifc> iface=<ifc> phy_mac=<int>infinite_rx=<0|1>",
		    "rx_pcap tx_iface iface phy_mac infinite_rx");
	assert_keys("nodeaction=name:node:action(ATTACH|CREATE)", "nodeaction");
	assert_keys("id=<int>role=server|clientbsize=<int>rsize=<int>socket=<string>"
		    "socket-abstract=yes|nomac=xx:xx:xx:xx:xx:xxzero-copy=yes|nosecret=<string>",
		    "id role bsize rsize socket socket-abstract mac zero-copy secret");
	assert_keys("socket-abstract=yes|noowner-uid=<int>owner-gid=<int>",
		    "socket-abstract owner-uid owner-gid");
	assert_keys("slave=<ifc> mode=[0-6] xmit_policy=[l2 | l23 | l34] agg_mode=[count | stable]",
		    "slave mode xmit_policy agg_mode");
	assert_keys(
		"dev(<ifc>),exec(<shell command>),fd(<fd number>),mac=mac_addr,hotplug_poll=u64",
		"dev exec fd mac hotplug_poll");
	assert_keys("tx_single=<0|1> vport=[vport_set0,[vport_set1],...] rx_single=<0|1>",
		    "tx_single vport rx_single");
	assert_keys("cq64=0|1disable-overlay=0|1 ig-vlan-rewrite=trunk|untag|priority|pass",
		    "cq64 disable-overlay ig-vlan-rewrite");
	assert_keys("hw_debug_mask=0xXXXproto_xtr=[queue:]<vlan|ipv4>safe-mode-support=<0|1>",
		    "hw_debug_mask proto_xtr safe-mode-support");
	assert_keys("inl_cpt_channel=<1-4095>/<1-4095>nb_meta_bufs=<1-U32_MAX>",
		    "inl_cpt_channel nb_meta_bufs");
	/* Nobody's. */
	assert_keys("=", "");
	assert_keys("a", "");
	assert_keys("a=", "a");
	assert_keys("a=1=2", "a");
	assert_keys("a=<", "a");
	assert_keys("a=>b=]", "a b");
	assert_keys("((((((((", "");
	assert_keys("a(", "a");
	assert_keys("a=b=c=d=", "a b c d");
}

/* Whatever a string holds, keys are words of its, and memory is minded (under a sanitizer). */
static void
test_any_keys(void **state)
{
	static const char letters[] = "ab1x=<>[](), |:no";
	unsigned int round, i;
	uint32_t random = 1;

	for (round = 0; round < 100000; round++) {
		char params[24] = "", **keys;

		for (i = 0; i < sizeof(params) - 1; i++) {
			random = random * 1664525 + 1013904223;
			params[i] = (random >> 24) % 37 == 0
					    ? '\0'
					    : letters[(random >> 16) % (sizeof(letters) - 1)];
		}
		keys = vmirror_pmdinfo_keys(params);
		assert_non_null(keys);
		for (i = 0; keys[i] != NULL; i++) {
			const char *at = strstr(params, keys[i]);

			assert_true(*keys[i] != '\0' && at != NULL);
			assert_int_equal(strspn(keys[i], "ab1xno"), strlen(keys[i]));
		}
		free(keys);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_any_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
