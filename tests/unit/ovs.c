/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/ovs.c: the commands for Open vSwitch, to the letter, and what they cannot say. */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "devargs/ovs.h"

static const struct vmirror_ovs_place place = {.bridge = "br0", .cwd = "/tmp"};

/* The commands for a text, which are the caller's to free. */
static char *
commands(const char *text, const struct vmirror_ovs_place *where)
{
	struct vmirror_spec spec = {0};
	struct vmirror_error err = {""};
	char *built = NULL;

	if (vmirror_ovs_parse(&spec, text, &err) != 0 ||
	    vmirror_ovs_build(&built, &spec, where, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	assert_string_equal(err.text, "");
	vmirror_spec_fini(&spec);
	return built;
}

static void
says(const char *text, const char *wanted)
{
	char *built = commands(text, &place);

	if (strstr(built, wanted) == NULL)
		fail_msg("%s: '%s' does not say '%s'", text, built, wanted);
	free(built);
}

static void
refuses(const char *text, const char *wanted)
{
	struct vmirror_spec spec = {0};
	struct vmirror_error err = {""};
	char *built = NULL;
	int ret;

	ret = vmirror_ovs_parse(&spec, text, &err);
	if (ret == 0)
		ret = vmirror_ovs_build(&built, &spec, &place, &err);
	assert_int_equal(ret, -EINVAL);
	assert_null(built);
	assert_sentence(&err, wanted);
	vmirror_spec_fini(&spec);
}

static void
whole(void **state)
{
	static const char wanted[] =
		"# a file is emptied whenever Open vSwitch starts or reconfigures the port\n"
		"ovs-vsctl add-port br0 web -- set Interface web type=dpdk \\\n"
		"    'options:dpdk-devargs=\"net_pcap_web,tx_pcap=/tmp/web.pcap\"' \\\n"
		"    -- --id=@out get Port web \\\n"
		"    -- --id=@p0 get Port eth1 \\\n"
		"    -- --id=@p1 get Port eth2 \\\n"
		"    -- --id=@m create Mirror name=web output-port=@out "
		"select-src-port=@p0,@p1 select-dst-port=@p0,@p1 snaplen=128 \\\n"
		"    -- add Bridge br0 mirrors @m\n"
		"ovs-ofctl mod-port br0 web no-flood\n"
		"ovs-vsctl get Interface web error # [] when all is well\n"
		"# undo: ovs-vsctl -- --id=@m get Mirror web -- remove Bridge br0 mirrors @m -- "
		"del-port br0 web\n";
	char *built = commands("name=web,port=[eth1,eth2],snaplen=128,"
			       "sink=[net_pcap,tx_pcap=web.pcap]",
			       &place);

	assert_string_equal(built, wanted);
	free(built);
}

static void
sink_alone(void **state)
{
	static const char wanted[] =
		"ovs-vsctl add-port br0 net_null0 -- set Interface net_null0 type=dpdk \\\n"
		"    'options:dpdk-devargs=\"net_null0\"'\n"
		"ovs-ofctl mod-port br0 net_null0 no-flood\n"
		"ovs-vsctl get Interface net_null0 error # [] when all is well\n"
		"# undo: ovs-vsctl del-port br0 net_null0\n";
	static const char *const texts[] = {"net_null0",      "[net_null0]",      " net_null0 ",
					    "sink=net_null0", "sink=[net_null0]", "net_null",
					    "sink = net_null"};

	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		char *built = commands(texts[i], &place);

		assert_string_equal(built, wanted);
		free(built);
	}
}

static void
names(void **state)
{
	says("[net_pcap,tx_pcap=a]", "add-port br0 net_pcap0 ");
	says("[net_pcap_web,tx_pcap=a]", "\"net_pcap_web,");
	says("[virtio_user,path=/a]", "\"virtio_user0,path=/a\"");
	says("[0000:01:00.0]", "add-port br0 0000:01:00.0 ");
	says("name=w,port=all,sink=net_null", "\"net_null_w\"");
	says("port=all,sink=net_null", "name=net_null0 ");
	says("name=abcdefghijklmnopqrstuvwxyz,port=all,sink=net_null",
	     "add-port br0 abcdefghijklmno ");
	says("name=abcdefghijklmnopqrstuvwxyz,port=all,sink=net_null",
	     "name=abcdefghijklmnopqrstuvwxyz ");
}

static void
selections(void **state)
{
	says("port=all,sink=net_null", "output-port=@out select-all=true \\\n");
	says("port=a,dir=rx,sink=net_null", "output-port=@out select-src-port=@p0 \\\n");
	says("port=a,dir=tx,sink=net_null", "output-port=@out select-dst-port=@p0 \\\n");
	says("port=a,sink=net_null", "select-src-port=@p0 select-dst-port=@p0 \\\n");
}

static void
advice(void **state)
{
	says("[net_tap0,iface=mon0]", " options:n_rxq=\"$n\"\n");
	says("[net_tap,iface=mon0]", "n=$(ovs-appctl ");
	says("[virtio_user0,path=/a]", "--single-file-segments");
}

static void
quoting(void **state)
{
	static const struct {
		const char *value;
		const char *quoted;
	} cases[] = {
		{"/a b", "/a b"},
		{"/it's", "/it'\\''s"},
		{"\"/a\\\"b\"", "/a\\\"b"},
		{"/a\\b", "/a\\\\b"},
		{"/a\tb", "/a\\tb"},
		{"/$HOME`id`;!#*", "/$HOME`id`;!#*"},
		{"/[a,b]", "/[a,b]"},
		{"\"/a]\"", "/a]"},
		{"/\xc3\x96l\xf0\x9f\x90\x9f", "/\xc3\x96l\xf0\x9f\x90\x9f"},
	};
	char text[256], wanted[256];

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		snprintf(text, sizeof(text), "[net_pcap0,tx_pcap=%s]", cases[i].value);
		snprintf(wanted, sizeof(wanted),
			 "'options:dpdk-devargs=\"net_pcap0,tx_pcap=%s\"'\n", cases[i].quoted);
		says(text, wanted);
	}
}

static void
directories(void **state)
{
	static const struct vmirror_ovs_place root = {.bridge = "br0", .cwd = "/"};
	static const struct vmirror_ovs_place quoted = {.bridge = "br0", .cwd = "/it's"};
	struct vmirror_ovs_place bad = {.bridge = "br0"};
	struct vmirror_spec spec;
	struct vmirror_error err;
	char *built;

	says("[net_pcap0,tx_pcap=a]", "tx_pcap=/tmp/a\"");
	says("[virtio_user0,path=a]", "path=/tmp/a\"");
	says("[net_tap0,iface=a]", "iface=a\"");
	built = commands("[net_pcap0,tx_pcap=a]", &root);
	assert_non_null(strstr(built, "tx_pcap=/a\""));
	free(built);
	built = commands("[net_pcap0,tx_pcap=a]", &quoted);
	assert_non_null(strstr(built, "tx_pcap=/it'\\''s/a\""));
	free(built);

	assert_int_equal(vmirror_ovs_parse(&spec, "[net_pcap0,tx_pcap=a]", &err), 0);
	assert_int_equal(vmirror_ovs_build(&built, &spec, &bad, &err), -EINVAL);
	assert_sentence(&err, "from / on");
	bad.cwd = "/a,b";
	assert_int_equal(vmirror_ovs_build(&built, &spec, &bad, &err), -EINVAL);
	assert_sentence(&err, "'/a,b'");
	vmirror_spec_fini(&spec);
}

static void
not_for_kvargs(void **state)
{
	refuses("[net_pcap0,tx_pcap=\"a,b\"]", "'a,b' holds a comma");
	refuses("[net_pcap0,tx_pcap=\"a=b\"]", "'a=b' holds");
	refuses("[net_pcap0,tx_pcap=\"a[b\"]", "'a[b' holds");
	refuses("[net_pcap0,tx_pcap=\"[a],b\"]", "'[a],b' holds");
	refuses("[file,path=a.pcapng]", "file is vmirror's own");
	refuses("[virtio_user0,path=/run/v,server=1]", "Open vSwitch stand still");
	refuses("[net_tap0,iface=a,mac=fixed]", "mac='fixed' is refused");
	refuses("[net_tap0,iface=a,mac=02:00:00:00:00:0]", "mac=");
	says("[net_tap0,iface=a,mac=02:00:00:00:00:0f]", "mac=02:00:00:00:00:0f");
}

static void
not_utf8(void **state)
{
	static const char *const values[] = {"\xff",
					     "\x80",
					     "\xc3",
					     "\xc0\xaf",
					     "\xe0\x80\xaf",
					     "\xed\xa0\x80",
					     "\xf4\x90\x80\x80",
					     "\xf8\x88\x80\x80\x80",
					     "a\xe2\x82"};
	char text[64];

	for (size_t i = 0; i < N_ELEMENTS(values); i++) {
		snprintf(text, sizeof(text), "[net_pcap0,tx_pcap=/%s]", values[i]);
		refuses(text, "is not UTF-8");
	}
}

static void
not_for_a_mirror(void **state)
{
	refuses("port=a,filter=tcp,sink=net_null", "filter: ");
	refuses("port=a,sample=10,sink=net_null", "sample: ");
	refuses("port=a,max_pps=10,sink=net_null", "max_pps: ");
	refuses("port=a,max_bps=10,sink=net_null", "max_bps: ");
	refuses("port=a,guard=1%,sink=net_null", "guard: ");
	refuses("port=a,core=1,sink=net_null", "core, ring_bytes and latency: ");
	refuses("port=a,queue=1,sink=net_null", "queue: ");
	refuses("port=a,count=1,sink=net_null", "count: ");
	refuses("port=a,duration=1,sink=net_null", "duration: ");
	refuses("port=a,mbufs=64,sink=net_null", "mbufs: ");
	refuses("port=all,dir=rx,sink=net_null", "dir with port=all: ");
	refuses("port=a,snaplen=13,sink=net_null", "14 to 65535");
	refuses("port=a,snaplen=65536,sink=net_null", "14 to 65535");
	refuses("port=[a,1],sink=net_null", "'1' is a number of DPDK's");
}

static void
not_a_sink(void **state)
{
	refuses("", "port");
	refuses("[]", "sink");
	refuses("[net_null0]x", "follows a closing bracket");
	refuses("[net_null0],", "comma");
	refuses("net_pcap0,tx_pcap=a", "more follows the sink");
	refuses("[net_null0],port=a", "more follows the sink");
	refuses("sink=[net_null0],name=a", "port");
	refuses("[net_null0,a=1,a=2]", "twice");
	refuses("net/null", "'/'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),       cmocka_unit_test(sink_alone),
		cmocka_unit_test(names),       cmocka_unit_test(selections),
		cmocka_unit_test(advice),      cmocka_unit_test(quoting),
		cmocka_unit_test(directories), cmocka_unit_test(not_for_kvargs),
		cmocka_unit_test(not_utf8),    cmocka_unit_test(not_for_a_mirror),
		cmocka_unit_test(not_a_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
