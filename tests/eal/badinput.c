/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Wrong specs: each is refused, by adding and by checking alike, with one line that names what is
 * wrong, and leaves nothing behind. In a network and a mount namespace of the test's own.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_dev.h>

#include "tests/eal/host.h"

#define SKIP 77
#define SINK "sink=[net_pcap,tx_pcap=x.pcap]"
#define RING "name=m,port=net_ring0,"

static const struct bad {
	const char *spec;
	int error;
	const char *words[3]; /* all of which the line holds */
} bads[] = {
	/* the spec itself */
	{"", -EINVAL, {NULL}},
	{"nonsense", -EINVAL, {"nonsense"}},
	{RING "sink=[]", -EINVAL, {"sink"}},
	{"name=m,port=net_ring0", -EINVAL, {"no sink"}},
	{"name=m," SINK, -EINVAL, {"no port"}},
	{RING "filtre=udp," SINK, -EINVAL, {"filtre", "did you mean 'filter'"}},
	{RING "tx_pcap=x.pcap," SINK, -EINVAL, {"tx_pcap", "known"}},
	{RING "dir=rx,dir=tx," SINK, -EINVAL, {"dir", "twice"}},
	{RING SINK "," SINK, -EINVAL, {"sink", "twice"}},
	{RING "dir=sideways," SINK, -EINVAL, {"dir", "sideways", "rxtx"}},
	{RING "mode=rnig," SINK, -EINVAL, {"mode", "rnig"}},
	{RING "snaplen=lots," SINK, -EINVAL, {"snaplen", "lots"}},
	{RING "snaplen=-1," SINK, -EINVAL, {"snaplen", "-1"}},
	{RING "count=1x," SINK, -EINVAL, {"count", "1x"}},
	{RING "count=99999999999999999999," SINK, -EINVAL, {"count", "99999999999999999999"}},
	{RING "duration=soon," SINK, -EINVAL, {"duration", "soon"}},
	{RING "mbufs=few," SINK, -EINVAL, {"mbufs", "few"}},
	{RING "queue=[0-3," SINK, -EINVAL, {"["}},
	{RING "queue=3-1," SINK, -EINVAL, {"queue", "3-1"}},
	{RING "queue=one," SINK, -EINVAL, {"queue", "one"}},
	{RING "sink=[net_pcap,tx_pcap=x.pcap", -EINVAL, {"["}},
	{RING "filter=\"udp," SINK, -EINVAL, {"\""}},
	{"name=a b,port=net_ring0," SINK, -EINVAL, {"name", "a b"}},
	{"name=mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm,port=net_ring0," SINK, -EINVAL, {"name", "31"}},
	/* ports */
	{"name=m,port=99," SINK, -ENODEV, {"port '99' does not exist", "net_ring0"}},
	{"name=m,port=net_rong0," SINK, -ENODEV, {"net_rong0", "did you mean 'net_ring0'"}},
	{"name=m,port=[net_ring0,0]," SINK, -EINVAL, {"net_ring0", "twice"}},
	{"name=m,port=net_pcap_used," SINK, -EINVAL, {"net_pcap_used", "a sink is no source"}},
	{"name=m,port=[net_ring0,net_pcap_used]," SINK, -EINVAL, {"a sink is no source"}},
	{RING "queue=5," SINK, -EINVAL, {"queue 5", "net_ring0", "1 rx and 1 tx"}},
	{RING "queue=[0,65535]," SINK, -EINVAL, {"queue"}},
	{RING "queue=[0-1023]," SINK, -EINVAL, {"queue"}},
	/* filters */
	{RING "filter=\"tcp prt 80\"," SINK, -EINVAL, {"tcp prt 80", "syntax error"}},
	{RING "filter=\"vlan 5000\"," SINK, -EINVAL, {"vlan 5000"}},
	{RING "filter=\"tcp and udp port\"," SINK, -EINVAL, {"tcp and udp port"}},
	{RING "filter=\"ip6 protochain 17\"," SINK, 0, {"ip6 protochain 17", "cannot run"}},
	/* sinks */
	{RING "sink=[net_nul0]", -EINVAL, {"unknown driver 'net_nul0'", "net_pcap", "net_tap"}},
	{RING "sink=[net_pcapng0,tx_pcap=x.pcap]", -EINVAL, {"unknown driver 'net_pcapng0'"}},
	{RING "sink=[net_pcpa,tx_pcap=x.pcap]", -EINVAL, {"did you mean 'net_pcap'"}},
	{RING "sink=[net_pcap,tx_pcp=x.pcap]",
	 -EINVAL,
	 {"net_pcap", "'tx_pcp'", "did you mean 'tx_pcap'"}},
	{RING "sink=[net_pcap,rx_pcap=x.pcap]", -EINVAL, {"net_pcap", "'rx_pcap'", "refused"}},
	{RING "sink=[net_tap,ifcae=mon0]", -EINVAL, {"net_tap", "'ifcae'", "'iface'"}},
	{RING "sink=[net_pcap]", -EINVAL, {"net_pcap", "tx_pcap="}},
	{RING "sink=[net_tap]", -EINVAL, {"net_tap", "iface="}},
	{RING "sink=[net_tap,iface]", -EINVAL, {"net_tap", "iface"}},
	{RING "sink=[net_ring0,tx_pcap=x.pcap]", -EINVAL, {"net_ring", "tx_pcap"}},
	{RING "sink=[net_pcap_used,tx_pcap=x.pcap]", -EEXIST, {"net_pcap_used"}},
	{RING "sink=[net_pcap_host,tx_pcap=x.pcap]", -EEXIST, {"net_pcap_host", "exists already"}},
	{RING "sink=[net_pcap_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,"
	      "tx_pcap=x.pcap]",
	 -EINVAL,
	 {"aaaa", "63"}},
	/* files */
	{RING "sink=[net_pcap,tx_pcap=missing/x.pcap]", -ENOENT, {"missing", "No such file"}},
	{RING "sink=[net_pcap,tx_pcap=ro/x.pcap]", -EROFS, {"ro", "Read-only"}},
	{RING "sink=[net_pcap,tx_pcap=ro/there.pcap]", -EROFS, {"there.pcap", "Read-only"}},
	{RING "sink=[net_pcap,tx_pcap=used.pcap/x.pcap]", 0, {"used.pcap", "irectory"}},
	{RING "sink=[net_pcap,tx_pcap=link.pcap]", -ELOOP, {"link.pcap", "symbolic link"}},
	{RING "sink=[net_pcap,tx_pcap=dangling.pcap]", -ELOOP, {"dangling.pcap"}},
	{RING "sink=[net_pcap,tx_pcap=ro]", -EINVAL, {"ro", "not a regular file"}},
	{RING "sink=[net_pcap,tx_pcap=x/]", -EINVAL, {"x/"}},
	{RING "sink=[net_pcap,tx_pcap=fifo]", -EINVAL, {"fifo", "not a regular file"}},
	{RING "sink=[net_pcap,tx_pcap=used.pcap]", -EEXIST, {"used.pcap", "mirror 'used'"}},
	{RING "sink=[net_pcap,tx_pcap=./used.pcap]", -EEXIST, {"used.pcap", "mirror 'used'"}},
	{RING "sink=[net_pcap,tx_pcap=ro/../used.pcap]", -EEXIST, {"mirror 'used'"}},
	/* interfaces */
	{RING "sink=[net_tap,iface=abcdefghijklmnop]", -EINVAL, {"abcdefghijklmnop", "15"}},
	{RING "sink=[net_tap,iface=lo]", -EEXIST, {"'lo'", "exists already"}},
	{RING "sink=[net_tap,iface=usedtap]", -EEXIST, {"usedtap"}},
	{RING "sink=[net_tap,iface=a/b]", -EINVAL, {"a/b"}},
	{RING "sink=[net_tap,iface=a:b]", -EINVAL, {"a:b"}},
	{RING "sink=[net_tap,iface=mon%d]", -EINVAL, {"mon%d"}},
	{RING "sink=[net_tap,iface=..]", -EINVAL, {".."}},
	/* what is taken, or not there */
	{"name=used,port=net_ring0," SINK, -EEXIST, {"name 'used' is in use"}},
	{RING "mbufs=10000000," SINK, -ENOMEM, {"mbufs=10000000", "free"}},
};

static struct host_footprint before;

static void
assert_bad(const struct bad *bad, int ret, const struct vmirror_error *err, const char *how)
{
	unsigned int i;

	if (ret >= 0 || (bad->error != 0 && ret != bad->error))
		fail_msg("%s of '%s': %d, not %d (%s)", how, bad->spec, ret, bad->error, err->text);
	if (err->text[0] == '\0' || strchr(err->text, '\n') != NULL)
		fail_msg("%s of '%s': not a line: '%s'", how, bad->spec, err->text);
	for (i = 0; i < RTE_DIM(bad->words) && bad->words[i] != NULL; i++)
		if (strstr(err->text, bad->words[i]) == NULL)
			fail_msg("%s of '%s': '%s' does not say '%s'", how, bad->spec, err->text,
				 bad->words[i]);
}

/* A right spec with the names of the wrong ones. */
static void
assert_right_works(void)
{
	host_mirror(RING SINK);
	host_loop(0, 0, 3, 100);
	assert_int_equal(host_stats("m").total.delivered, 6);
	host_remove("m");
	assert_int_equal(host_read_pcap("x.pcap", NULL), 6);
	assert_int_equal(unlink("x.pcap"), 0);
	host_assert_footprint(&before);
}

static void
refuse(const struct bad *bad)
{
	char name[VMIRROR_NAME_SIZE] = "untouched";
	struct vmirror_error err = {0};
	unsigned int which = 99;

	assert_bad(bad, vmirror_mirror_check(&bad->spec, 1, NULL, &which, &err), &err, "check");
	assert_int_equal(which, 0);
	host_assert_footprint(&before);
	memset(&err, 0, sizeof(err));
	assert_bad(bad, vmirror_mirror_add(bad->spec, name, &err), &err, "add");
	assert_string_equal(name, "untouched");
	assert_true(vmirror_mirror_add(bad->spec, NULL, NULL) < 0);
	host_assert_footprint(&before);
	assert_right_works();
}

static void
test_table(void **state)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(bads); i++)
		refuse(&bads[i]);
	assert_int_equal(vmirror_mirror_list(NULL, 0), 2);
}

/* A spec that is longer than any may be. */
static void
test_endless(void **state)
{
	static char spec[100000];
	struct vmirror_error err = {0};

	memset(spec, 'x', sizeof(spec) - 1);
	assert_true(vmirror_mirror_add(spec, NULL, &err) < 0);
	assert_null(strchr(err.text, '\n'));
	assert_string_not_equal(err.text, "");
	host_assert_footprint(&before);
}

static void
capability(int cap, bool have)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint32_t bit = CAP_TO_MASK(cap);

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective = have ? data[0].effective | bit : data[0].effective & ~bit;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

/* Bytes of DPDK's memory that net_tap itself leaves behind when it may not make an interface. */
static size_t
leak_of_net_tap(void)
{
	assert_true(rte_eal_hotplug_add("vdev", "net_tap_m", "iface=mon0") < 0);
	return host_footprint().heap_bytes - before.heap_bytes;
}

/* What checking cannot know: the kernel refuses the interface. Once it is allowed, it works. */
static void
test_no_privilege(void **state)
{
	const struct bad bad = {
		.spec = RING "sink=[net_tap,iface=mon0]",
		.words = {"mirror 'm'", "'mon0'", "CAP_NET_ADMIN is missing"},
	};
	struct vmirror_error err = {0};
	size_t leak;
	int ret;

	capability(CAP_NET_ADMIN, false);
	leak = leak_of_net_tap();
	before.heap_bytes += 2 * leak;
	ret = vmirror_mirror_add(bad.spec, NULL, &err);
	capability(CAP_NET_ADMIN, true);
	assert_bad(&bad, ret, &err, "add without privilege");
	host_assert_footprint(&before);
	assert_right_works();
	host_mirror("%s", bad.spec);
	assert_int_not_equal(if_nametoindex("mon0"), 0);
	host_remove("m");
	host_assert_footprint(&before);
}

static void
test_no_permission(void **state)
{
	const struct bad dir = {RING "sink=[net_pcap,tx_pcap=locked/x.pcap]",
				-EACCES,
				{"locked", "Permission denied"}};
	const struct bad file = {RING "sink=[net_pcap,tx_pcap=mine.pcap]",
				 -EACCES,
				 {"mine.pcap", "Permission denied"}};

	assert_int_equal(mkdir("locked", 0555), 0);
	close(open("mine.pcap", O_CREAT | O_WRONLY | O_CLOEXEC, 0444));
	before = host_footprint();
	capability(CAP_DAC_OVERRIDE, false);
	refuse(&dir);
	refuse(&file);
	capability(CAP_DAC_OVERRIDE, true);
	assert_int_equal(rmdir("locked"), 0);
	assert_int_equal(unlink("mine.pcap"), 0);
}

/* Under another name, the file is found out only when it is opened. */
static void
test_hard_link(void **state)
{
	const struct bad bad = {RING "sink=[net_pcap,tx_pcap=hard.pcap]", -EBUSY, {"hard.pcap"}};
	struct vmirror_error err = {0};

	assert_int_equal(link("used.pcap", "hard.pcap"), 0);
	before = host_footprint();
	assert_bad(&bad, vmirror_mirror_add(bad.spec, NULL, &err), &err, "add");
	host_assert_footprint(&before);
	host_loop(0, 0, 3, 100);
	host_assert_conserved("used");
	assert_int_equal(unlink("hard.pcap"), 0);
	assert_int_equal(host_read_pcap("used.pcap", NULL), host_stats("used").total.delivered);
}

/* Specs that are right one by one, of which the last is in the way of an earlier one. */
static void
conflict(const char *const specs[], unsigned int n, int error, const char *words)
{
	const struct bad bad = {specs[n - 1], error, {words}};
	struct vmirror_plan plans[3];
	struct vmirror_error err = {0};
	unsigned int which = 99;

	assert_bad(&bad, vmirror_mirror_check(specs, n, plans, &which, &err), &err, "check");
	assert_int_equal(which, n - 1);
	host_assert_footprint(&before);
	assert_int_equal(vmirror_mirror_check(specs, n - 1, plans, &which, &err), 0);
	assert_int_equal(plans[0].hooks, 2);
	assert_true(plans[0].memory_bytes > 1 << 20);
	assert_non_null(strstr(plans[0].text, "net_ring0"));
	host_assert_footprint(&before);
	assert_right_works();
}

#define CONFLICT(error, words, ...)                                                                \
	conflict((const char *const[]){__VA_ARGS__},                                               \
		 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), error, words)

static void
test_conflicts(void **state)
{
	CONFLICT(-EEXIST, "name 'm' is in use", RING SINK, RING "sink=[net_pcap_y,tx_pcap=y.pcap]");
	CONFLICT(-EEXIST, "x.pcap is in use by mirror 'm'", RING SINK, "name=n,port=0," SINK);
	CONFLICT(-EEXIST, "in use by mirror 'm'", RING SINK,
		 "name=n,port=0,sink=[net_pcap,tx_pcap=./x.pcap]");
	CONFLICT(-EEXIST, "interface mon0 is in use", RING "sink=[net_tap,iface=mon0]",
		 "name=n,port=0,sink=[net_tap,iface=mon0]");
	CONFLICT(-EEXIST, "vdev 'net_pcap_z' is the sink of mirror 'm'",
		 RING "sink=[net_pcap_z,tx_pcap=z.pcap]",
		 "name=n,port=0,sink=[net_pcap_z,tx_pcap=y.pcap]");
	CONFLICT(-EINVAL, "a sink is no source", RING SINK,
		 "name=n,port=net_pcap_m,sink=[net_pcap,tx_pcap=y.pcap]");
	CONFLICT(-ENOMEM, "mbufs=30000", RING "mbufs=30000," SINK,
		 "name=n,port=0,mbufs=30000,sink=[net_pcap,tx_pcap=y.pcap]");
}

/* A check that finds nothing wrong leaves nothing, either, and what it tells comes true. */
static void
test_right_check(void **state)
{
	const char *const specs[] = {RING SINK, "port=net_ring0,dir=rx,sink=[net_tap,iface=mon0]"};
	struct vmirror_plan plans[2];
	struct vmirror_error err;
	unsigned int which = 99;

	assert_int_equal(vmirror_mirror_check(specs, 2, plans, &which, &err), 0);
	assert_int_equal(which, 99);
	assert_string_equal(plans[0].name, "m");
	assert_string_equal(plans[1].name, "mirror0");
	assert_int_equal(plans[1].hooks, 1);
	assert_non_null(strstr(plans[1].text, "interface mon0"));
	assert_int_equal(vmirror_mirror_check(specs, 0, NULL, NULL, &err), 0);
	host_assert_footprint(&before);
	host_mirror("%s", specs[0]);
	host_mirror("%s", specs[1]);
	assert_int_equal(host_stats("mirror0").hooks, 1);
	host_remove("m");
	host_remove("mirror0");
	unlink("x.pcap");
	host_assert_footprint(&before);
}

static int
setup(void **state)
{
	before = host_footprint();
	return 0;
}

static bool
own_namespaces(void)
{
	return unshare(CLONE_NEWNET) == 0 && host_private_mounts() &&
	       access("/dev/net/tun", R_OK | W_OK) == 0;
}

/* What the wrong specs run into. */
static void
make_obstacles(void)
{
	assert_int_equal(mkdir("ro", 0700), 0);
	assert_int_equal(mount("tmpfs", "ro", "tmpfs", 0, "size=64k"), 0);
	close(open("ro/there.pcap", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(mount(NULL, "ro", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	close(open("target", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(symlink("target", "link.pcap"), 0);
	assert_int_equal(symlink("nowhere", "dangling.pcap"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	host_mirror("name=used,port=net_ring0,sink=[net_pcap,tx_pcap=used.pcap]");
	host_mirror("name=usedtap,port=net_ring0,sink=[net_tap,iface=usedtap]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_table, setup),
		cmocka_unit_test_setup(test_endless, setup),
		cmocka_unit_test_setup(test_no_privilege, setup),
		cmocka_unit_test_setup(test_no_permission, setup),
		cmocka_unit_test_setup(test_hard_link, setup),
		cmocka_unit_test_setup(test_conflicts, setup),
		cmocka_unit_test_setup(test_right_check, setup),
	};
	int failed;

	if (!own_namespaces()) {
		printf("skipped: needs namespaces of its own and /dev/net/tun: %s\n",
		       strerror(errno));
		return SKIP;
	}
	host_init();
	host_plug("net_ring0", "", 1);
	host_plug("net_pcap_host", "tx_pcap=/dev/null", 1);
	host_engine_init();
	make_obstacles();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	umount("ro");
	rmdir("ro");
	host_fini();
	return failed;
}
