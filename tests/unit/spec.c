/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * devargs/spec.c, spec_sink.c, spec_build.c: what each key takes and refuses, what is built from
 * it, and that what is built reads back.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "devargs/spec.h"

static void
parse(struct vmirror_spec *spec, const char *text)
{
	struct vmirror_error err = {""};

	if (vmirror_spec_parse(spec, text, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	assert_string_equal(err.text, "");
}

static void
absence_means(void **state)
{
	struct vmirror_spec spec;

	parse(&spec, "port=0,sink=net_null");
	assert_string_equal(spec.name, "");
	assert_false(spec.all_ports);
	assert_int_equal(spec.n_ports, 1);
	assert_string_equal(spec.ports[0], "0");
	assert_int_equal(spec.n_queues, 0);
	assert_int_equal(spec.dir, VMIRROR_SPEC_RXTX);
	assert_null(spec.filter);
	assert_int_equal(spec.snaplen, 0);
	assert_int_equal(spec.mode, VMIRROR_SPEC_RING);
	assert_int_equal(spec.count, 0);
	assert_int_equal(spec.duration_ms, 0);
	assert_int_equal(spec.mbufs, 0);
	assert_string_equal(spec.sink.vdev, "net_null");
	assert_int_equal(spec.sink.n_args, 0);
	vmirror_spec_fini(&spec);
}

static void
every_key(void **state)
{
	struct vmirror_spec spec;

	parse(&spec, "name=web,port=[0,net_tap0],queue=[7,0-3],dir=rx,filter=\"tcp port 80\","
		     "snaplen=128,mode=inline,count=10k,duration=5m,mbufs=8192,"
		     "sink=[net_pcap_web,tx_pcap=report.pcap,infinite_rx]");
	assert_string_equal(spec.name, "web");
	assert_int_equal(spec.n_ports, 2);
	assert_string_equal(spec.ports[0], "0");
	assert_string_equal(spec.ports[1], "net_tap0");
	assert_int_equal(spec.n_queues, 2);
	assert_int_equal(spec.queues[0].first, 0);
	assert_int_equal(spec.queues[0].last, 3);
	assert_int_equal(spec.queues[1].first, 7);
	assert_int_equal(spec.queues[1].last, 7);
	assert_int_equal(spec.dir, VMIRROR_SPEC_RX);
	assert_string_equal(spec.filter, "tcp port 80");
	assert_int_equal(spec.snaplen, 128);
	assert_int_equal(spec.count, 10000);
	assert_int_equal(spec.duration_ms, 300000);
	assert_int_equal(spec.mbufs, 8192);
	assert_string_equal(spec.sink.vdev, "net_pcap_web");
	assert_int_equal(spec.sink.n_args, 2);
	assert_string_equal(spec.sink.args[0].key, "tx_pcap");
	assert_string_equal(spec.sink.args[0].value, "report.pcap");
	assert_string_equal(spec.sink.args[1].key, "infinite_rx");
	assert_null(spec.sink.args[1].value);
	vmirror_spec_fini(&spec);
}

/* The text that a spec is built to; left out: the text itself. */
static const struct {
	const char *text;
	const char *built;
} builds[] = {
	{"port=0,sink=net_null", NULL},
	{"port=all,sink=net_null", NULL},
	{"port=[0000:00:03.0,1],sink=net_null", NULL},
	{"port=[0],queue=[3],sink=[net_null]", "port=0,queue=3,sink=net_null"},
	{"name=w,port=0,queue=[0-3,7],dir=tx,filter=tcp port 80,snaplen=64,count=5,duration=90s,"
	 "mbufs=32,sink=[net_tap0,iface=mon0,persist]",
	 NULL},
	{"sink=net_null,mbufs=67108864,duration=10,count=1k,mode=inline,snaplen=262144,filter=ip,"
	 "dir=rxtx,queue=0,port=0,name=w",
	 "name=w,port=0,queue=0,filter=ip,snaplen=262144,count=1000,duration=10s,mbufs=67108864,"
	 "mode=inline,sink=net_null"},
	{"core=0,latency=20ms,sink=net_null,port=0,ring_bytes=1M,mode=ring",
	 "port=0,ring_bytes=1000000,latency=20ms,core=0,sink=net_null"},
	{"port=0,mode=recorder,ring_bytes=64M,core=1,sink=[file,path=a]",
	 "port=0,mode=recorder,ring_bytes=64000000,core=1,sink=[file,path=a]"},
	{"snapshots=3,after=500ms,before=60s,trigger=\"icmp[0] = "
	 "3\",mode=recorder,port=0,sink=net_null",
	 "port=0,mode=recorder,trigger=icmp[0] = "
	 "3,before=1m,after=500ms,snapshots=3,sink=net_null"},
	{"guard=5,max_bps=1G,max_pps=10k,sample=100,port=0,sink=net_null",
	 "port=0,sample=100,max_pps=10000,max_bps=1000000000,guard=5%,sink=net_null"},
	{"bytes=2G,count=1k,port=0,sink=net_null",
	 "port=0,count=1000,bytes=2000000000,sink=net_null"},
	{"port=0,sample=1,guard=99%,sink=net_null", "port=0,guard=99%,sink=net_null"},
	{" name = w ,\n\tport = [ 0 , 1 ] , sink = [ net_x , a = b c , d ] ",
	 "name=w,port=[0,1],sink=[net_x,a=b c,d]"},
	{"name=\"w\",port=\"0\",dir=\"rx\",sink=[\"net_x\",a=\"b\"]",
	 "name=w,port=0,dir=rx,sink=[net_x,a=b]"},
	/* queues: sorted, overlapping and touching ones merged */
	{"port=0,queue=[9,5-7,4,0-2,1-2,65535],sink=net_null",
	 "port=0,queue=[0-2,4-7,9,65535],sink=net_null"},
	{"port=0,queue=[0-65535,7],sink=net_null", "port=0,queue=0-65535,sink=net_null"},
	{"port=0,queue=[0,1,1],sink=net_null", "port=0,queue=0-1,sink=net_null"},
	/* filters: their own brackets are content, the outer quotes are not */
	{"port=0,filter=tcp[13] & 2 != 0 and (port 80 or port 443),sink=net_null", NULL},
	{"port=0,filter=[a,b],sink=net_null", NULL},
	{"port=0,filter=[a] or b,sink=net_null", "port=0,filter=\"[a] or b\",sink=net_null"},
	{"port=0,filter=\"a,b\",sink=net_null", NULL},
	{"port=0,filter=\"(a\",sink=net_null", NULL},
	{"port=0,filter=\" a\",sink=net_null", NULL},
	{"port=0,filter=\"a \\\"b\\\" \\c \\\\\",sink=net_null", NULL},
	{"port=0,filter=\"\\\\c\",sink=net_null", "port=0,filter=\\c,sink=net_null"},
	{"port=0,filter=a # b,sink=net_null", "port=0,filter=\"a # b\",sink=net_null"},
	{"port=0,filter=\"tcp\n or udp\",sink=net_null", "port=0,filter=tcp  or udp,sink=net_null"},
	/* sink values: brackets stay, quotes go and come back where they must */
	{"port=0,sink=[net_x,a=[1,[2]],b=(c,d)]", NULL},
	{"port=0,sink=[net_x,a=\"[1]\",b=\"[1]2\",c=\"d,e\",f=\"g]\",h=\"i\"]",
	 "port=0,sink=[net_x,a=[1],b=\"[1]2\",c=\"d,e\",f=\"g]\",h=i]"},
	{"port=0,sink=[net_x,a=\"b\\\"\\\\\"]", NULL},
	{"port=0,sink=[net_x,a=b=c#d]", NULL},
	{"port=0,sink=[a:b.c-d_e,K-1_a]", NULL},
	/* limits */
	{"port=0,count=18446744073709551615,duration=18446744073709551615ms,sink=net_null", NULL},
	{"name=nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn,"
	 "port=ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp,"
	 "sink=sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
	 NULL},
	{"port=0,duration=3600s,sink=net_null", "port=0,duration=1h,sink=net_null"},
};

static void
build_is_canonical_and_reads_back(void **state)
{
	for (size_t i = 0; i < N_ELEMENTS(builds); i++) {
		char text[VMIRROR_SPEC_TEXT_SIZE];
		struct vmirror_spec spec, again;
		int len;

		parse(&spec, builds[i].text);
		len = vmirror_spec_build(&spec, text, sizeof(text));
		assert_string_equal(text,
				    builds[i].built != NULL ? builds[i].built : builds[i].text);
		assert_int_equal(len, strlen(text));
		parse(&again, text);
		assert_true(vmirror_spec_equal(&spec, &again));
		vmirror_spec_fini(&spec);
		vmirror_spec_fini(&again);
	}
}

static void
build_fits_any_buffer(void **state)
{
	static const char text[] = "name=w,port=[0,1],queue=[0-3,7],filter=\"a,\\\"b\\\"\","
				   "duration=1h,sink=[net_x,a=\"b,c\",d]";
	struct vmirror_spec spec;
	char buf[sizeof(text) + 8];

	parse(&spec, text);
	assert_int_equal(vmirror_spec_build(&spec, NULL, 0), strlen(text));
	for (size_t size = 1; size < sizeof(buf); size++) {
		memset(buf, '!', sizeof(buf));
		assert_int_equal(vmirror_spec_build(&spec, buf, size), strlen(text));
		assert_int_equal(strlen(buf), size <= strlen(text) ? size - 1 : strlen(text));
		assert_memory_equal(buf, text, strlen(buf));
		assert_int_equal(buf[size], '!');
	}
	vmirror_spec_fini(&spec);
}

static const struct {
	const char *text;
	const char *sentence;
} refusals[] = {
	/* what must be there */
	{"", "no port is given; right would be port=0,"},
	{"sink=net_null", "or port=all"},
	{"port=0", "no sink is given; right would be, say, sink=[net_pcap,tx_pcap=report.pcap]"},
	/* keys */
	{"prot=0,sink=net_null",
	 "the key 'prot' is unknown; known: name, port, queue, dir, filter, snaplen, sample, "
	 "max_pps, max_bps, guard, mode, count, bytes, duration, mbufs, ring_bytes, latency, core, "
	 "reference, trigger, before, after, snapshots, sink; "
	 "did you mean 'port'?"},
	{"PORT=0,sink=net_null", "did you mean 'port'?"},
	{"po\nrt=0", "the key 'po\\x0art' is unknown"},
	{"port=0,sink=net_pcap,tx_pcap=a", "stand in its brackets: sink=[vdev,key=value]"},
	{"port=0,sink=net_pcap,snaplne=1", "did you mean 'snaplen'?"},
	{"port=0,port=1,sink=net_null", "'port' is given twice; right would be a list"},
	{"port=0,sink=net_null,sink=net_null", "'sink' is given twice; right would be one sink"},
	{"web,port=0,sink=net_null", "'web' is no key=value"},
	{"=0", "has no key"},
	/* items */
	{"port=0,sink=net_null,", "nothing follows the last comma"},
	{"port=0,,sink=net_null", "nothing stands at column 8"},
	{"port=,sink=net_null", "'port' has an empty value at column 6"},
	{"port=\"\",sink=net_null", "'port' has an empty value"},
	{"port=[0]1,sink=net_null", "'1' at column 9 follows a closing bracket"},
	{"port=\"0\"1,sink=net_null", "at column 9 follows a closing quote"},
	{"port=0,sink=[net_null]x", "'x' at column 23 follows a closing bracket"},
	{"port=0,sink=[net_x,a=[1]2]", "'2' at column 25 follows a closing bracket"},
	{"port=0,sink=[net_null", "'[' at column 13 is never closed"},
	{"port=0,filter=(tcp],sink=net_null", "']' at column 19 does not close the '('"},
	/* name */
	{"name=nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn,port=0,sink=net_null",
	 "has 32 characters; right would be at most 31"},
	{"name=.web,port=0,sink=net_null", "'.web' begins with '.'"},
	{"name=w b,port=0,sink=net_null", "name: 'w b' holds ' '"},
	{"name=[web],port=0,sink=net_null", "name: '[web]' holds '['"},
	/* port */
	{"port=[all,0],sink=net_null", "port: all stands in a list"},
	{"port=[all],sink=net_null", "right would be port=all"},
	{"port=[],sink=net_null", "port: the list is empty; right would be port=[0,1]"},
	{"port=[0,1,0],sink=net_null", "port: 0 stands twice"},
	{"port=[net_tap0,net_tap0],sink=net_null", "port: net_tap0 stands twice"},
	{"port=[0,],sink=net_null", "nothing follows the last comma (column 9)"},
	{"port=[0,00],sink=net_null", "00 begins with a zero; right would be 0"},
	{"port=65536,sink=net_null", "right would be 0 to 65535"},
	{"port=a=b,sink=net_null", "port: 'a=b' holds '='"},
	{"port=[a=b],sink=net_null", "port: 'a=b' holds '='"},
	{"port=\"[0,1]\",sink=net_null", "port: '[0,1]' holds '['"},
	{"port=pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp,sink=net_null",
	 "has 64 characters; right would be at most 63"},
	/* queue */
	{"port=0,queue=3-0,sink=net_null", "'3-0' runs backwards; right would be 0-3"},
	{"port=0,queue=[],sink=net_null", "queue: the list is empty"},
	{"port=0,queue=65536,sink=net_null", "of 0 to 65535"},
	{"port=0,queue=[0,x],sink=net_null", "'x' is neither a queue nor a range"},
	{"port=0,queue=all,sink=net_null", "all queues: leave the key out"},
	/* the rest */
	{"port=0,dir=rx,reference=512,sink=net_null", "right would be dir=tx or rxtx"},
	{"port=0,reference=512,snaplen=511,sink=net_null", "reference: snaplen=511 keeps less"},
	{"port=0,mode=inline,reference=512,sink=net_null", "reference: there are no rings"},
	{"port=0,reference=65536,sink=net_null", "reference"},
	{"port=0,dir=both,sink=net_null", "dir: 'both' is unknown; known: rx, tx, rxtx"},
	{"port=0,mode=recorder,latency=1ms,sink=net_null", "latency: a recorder passes nothing on"},
	{"port=0,mode=recorder,reference=512,sink=net_null", "reference: a recorder would keep"},
	{"port=0,mode=recorder,bytes=10,sink=net_null", "bytes: a recorder keeps the last packets"},
	{"port=0,mode=recorder,count=10,sink=net_null", "count: a recorder keeps the last packets"},
	{"port=0,trigger=icmp,sink=net_null", "trigger: snapshots are made in mode=recorder alone"},
	{"port=0,mode=inline,snapshots=1,sink=net_null", "snapshots: snapshots are made in"},
	{"port=0,mode=recorder,before=1s,sink=net_null",
	 "are a trigger's; right would be, say, trig"},
	{"port=0,mode=recorder,trigger=\" \",sink=net_null",
	 "trigger: it is blank; right would be trigger=\"tcp port 80\", or no trigger at all for "},
	{"port=0,mode=recorder,trigger=icmp,after=x,sink=net_null", "after: 'x'"},
	{"port=0,mode=recorder,trigger=icmp,snapshots=0,sink=net_null", "snapshots: '0'"},
	{"port=0,mode=rnig,sink=net_null",
	 "mode: 'rnig' is unknown; known: ring, inline, recorder"},
	{"port=0,mode=ring,ring_bytes=4k,sink=net_null", "ring_bytes: '4k'"},
	{"port=0,mode=ring,latency=2s,sink=net_null", "latency: 2s is more than a second"},
	{"port=0,mode=inline,ring_bytes=1M,sink=net_null",
	 "ring_bytes: there are no rings in mode=inline"},
	{"latency=1ms,port=0,mode=inline,sink=net_null", "right would be mode=ring"},
	{"core=1,port=0,mode=inline,sink=net_null", "core: there are no rings in mode=inline"},
	{"core=x,port=0,mode=ring,sink=net_null", "core: 'x' is not a number"},
	{"port=0,sample=0,sink=net_null", "sample: '0' is not a number that it takes"},
	{"port=0,max_pps=0,sink=net_null", "max_pps: '0'"},
	{"port=0,max_bps=1T,sink=net_null", "max_bps: '1T'"},
	{"port=0,guard=100%,sink=net_null", "guard: '100%' is no share of a core's time"},
	{"port=0,guard=0,sink=net_null", "guard: '0' is no share"},
	{"port=0,guard=%,sink=net_null", "guard: '%' is no share"},
	{"port=0,guard=5%%,sink=net_null", "right would be 1% to 99%"},
	{"port=0,filter=\" \n\",sink=net_null", "filter: it is blank"},
	{"port=0,filter=a\001,sink=net_null", "filter: 'a\\x01' holds the control byte '\\x01'"},
	{"port=0,snaplen=0,sink=net_null", "snaplen: '0'"},
	{"port=0,snaplen=262145,sink=net_null", "right would be 1 to 262144"},
	{"port=0,snaplen=1k,sink=net_null", "snaplen: '1k'"},
	{"port=0,count=0,sink=net_null", "count: '0'"},
	{"port=0,count=18446744073709551616,sink=net_null", "count: '18446744073709551616'"},
	{"port=0,duration=0s,sink=net_null", "duration: '0s'"},
	{"port=0,duration=5124095576031h,sink=net_null", "duration: '5124095576031h'"},
	{"port=0,mbufs=31,sink=net_null", "right would be 32 to 67108864"},
	{"port=0,mbufs=67108865,sink=net_null", "mbufs: '67108865'"},
	/* sink */
	{"port=0,sink=[]", "sink: the list is empty"},
	{"port=0,sink=[tx_pcap=a]", "it begins with the argument 'tx_pcap'"},
	{"port=0,sink=net/pcap", "sink: 'net/pcap' holds '/'"},
	{"port=0,sink=[net_pcap,tx_pcap=]", "'tx_pcap' has an empty value at column 31"},
	{"port=0,sink=[net_pcap,iface=a,iface=b]", "the argument 'iface' is given twice"},
	{"port=0,sink=[net_pcap,iface,iface=b]", "the argument 'iface' is given twice"},
	{"port=0,sink=[net_pcap,tx pcap=b]", "sink argument: 'tx pcap' holds ' '"},
	{"port=0,sink=[net_pcap,a=\"b\nc\"]", "sink argument: 'b\\x0ac' holds the control byte"},
	{"port=0,sink=ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
	 "sink: 'ssssssssssssssssssssssssssssssssssssssssssssssssssssssssss...' has 64 characters"},
};

static void
refused_with_a_sentence(void **state)
{
	for (size_t i = 0; i < N_ELEMENTS(refusals); i++) {
		struct vmirror_spec spec;
		struct vmirror_error err = {""};

		if (vmirror_spec_parse(&spec, refusals[i].text, &err) != -EINVAL)
			fail_msg("'%s' is not refused", refusals[i].text);
		assert_sentence(&err, refusals[i].sentence);
		assert_int_equal(vmirror_spec_parse(&spec, refusals[i].text, NULL), -EINVAL);
	}
}

static void
too_long(void **state)
{
	char text[VMIRROR_SPEC_TEXT_SIZE + 1];
	struct vmirror_spec spec;
	struct vmirror_error err;
	int head;

	head = snprintf(text, sizeof(text), "port=0,sink=net_null,count=1G,filter=");
	memset(text + head, 'x', sizeof(text) - (size_t)head);
	text[VMIRROR_SPEC_TEXT_SIZE] = '\0';
	assert_int_equal(vmirror_spec_parse(&spec, text, &err), -E2BIG);
	assert_sentence(&err, "4095 bytes");

	/* Short enough as written, but 8 bytes longer when built. */
	text[VMIRROR_SPEC_TEXT_SIZE - 1] = '\0';
	assert_int_equal(vmirror_spec_parse(&spec, text, &err), -E2BIG);
	assert_sentence(&err, "has 4103 bytes; right would be at most 4095");
	text[VMIRROR_SPEC_TEXT_SIZE - 9] = '\0';
	parse(&spec, text);
	assert_int_equal(vmirror_spec_build(&spec, text, sizeof(text)), VMIRROR_SPEC_TEXT_SIZE - 1);
	vmirror_spec_fini(&spec);
}

static void
failure_leaves_spec_untouched(void **state)
{
	struct vmirror_spec spec, before;

	memset(&spec, 0x5a, sizeof(spec));
	memset(&before, 0x5a, sizeof(before));
	assert_int_equal(vmirror_spec_parse(&spec, "port=[0,1],filter=ip,sink=[a,b,c=]", NULL),
			 -EINVAL);
	assert_memory_equal(&spec, &before, sizeof(spec));
}

static void
fini_empties(void **state)
{
	static const struct vmirror_spec empty;
	struct vmirror_spec spec;

	parse(&spec, "name=a,port=[0,1],queue=1,filter=ip,sink=[a,b,c=d]");
	vmirror_spec_fini(&spec);
	assert_memory_equal(&spec, &empty, sizeof(spec));
	vmirror_spec_fini(&spec);
	vmirror_spec_fini(NULL);
}

static void
equal_sees_every_key(void **state)
{
	static const char *const texts[] = {
		"port=0,sink=a",
		"name=a,port=0,sink=a",
		"port=all,sink=a",
		"port=1,sink=a",
		"port=[0,1],sink=a",
		"port=[0,2],sink=a",
		"port=0,queue=1,sink=a",
		"port=0,queue=2,sink=a",
		"port=0,queue=1-2,sink=a",
		"port=0,queue=[1,3],sink=a",
		"port=0,dir=rx,sink=a",
		"port=0,filter=ip,sink=a",
		"port=0,filter=ip6,sink=a",
		"port=0,snaplen=1,sink=a",
		"port=0,count=1,sink=a",
		"port=0,bytes=1,sink=a",
		"port=0,duration=1,sink=a",
		"port=0,mbufs=64,sink=a",
		"port=0,reference=512,sink=a",
		"port=0,mode=inline,sink=a",
		"port=0,mode=recorder,sink=a",
		"port=0,mode=recorder,trigger=ip,sink=a",
		"port=0,mode=recorder,trigger=ip,before=1s,sink=a",
		"port=0,mode=recorder,trigger=ip,after=1s,sink=a",
		"port=0,mode=recorder,trigger=ip,snapshots=1,sink=a",
		"port=0,sink=b",
		"port=0,sink=[a,b]",
		"port=0,sink=[a,c]",
		"port=0,sink=[a,b=c]",
		"port=0,sink=[a,b=d]",
		"port=0,sink=[a,b,c]",
		"port=0,sink=[a,c,b]",
	};
	struct vmirror_spec left, right;

	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		parse(&left, texts[i]);
		for (size_t j = 0; j < N_ELEMENTS(texts); j++) {
			parse(&right, texts[j]);
			if (vmirror_spec_equal(&left, &right) != (i == j))
				fail_msg("%s, %s", texts[i], texts[j]);
			vmirror_spec_fini(&right);
		}
		vmirror_spec_fini(&left);
	}
	parse(&left, "port=[0,1,a],sink=a");
	parse(&right, "port=[a,0,1],sink=a");
	assert_true(vmirror_spec_equal(&left, &right));
	vmirror_spec_fini(&left);
	vmirror_spec_fini(&right);
}

static void
has_queue(void **state)
{
	struct vmirror_spec spec;

	parse(&spec, "port=0,queue=[2-4,7],sink=a");
	assert_false(vmirror_spec_has_queue(&spec, 1));
	assert_true(vmirror_spec_has_queue(&spec, 2));
	assert_true(vmirror_spec_has_queue(&spec, 4));
	assert_false(vmirror_spec_has_queue(&spec, 5));
	assert_true(vmirror_spec_has_queue(&spec, 7));
	assert_false(vmirror_spec_has_queue(&spec, 65535));
	vmirror_spec_fini(&spec);
	parse(&spec, "port=0,sink=a");
	assert_true(vmirror_spec_has_queue(&spec, 0));
	assert_true(vmirror_spec_has_queue(&spec, 65535));
	vmirror_spec_fini(&spec);
}

static void
sink_arg(void **state)
{
	struct vmirror_spec spec;

	parse(&spec, "port=0,sink=[net_pcap,infinite_rx,tx_pcap=a.pcap]");
	assert_string_equal(vmirror_spec_sink_arg(&spec.sink, "tx_pcap"), "a.pcap");
	assert_null(vmirror_spec_sink_arg(&spec.sink, "infinite_rx"));
	assert_null(vmirror_spec_sink_arg(&spec.sink, "iface"));
	vmirror_spec_fini(&spec);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absence_means),
		cmocka_unit_test(every_key),
		cmocka_unit_test(build_is_canonical_and_reads_back),
		cmocka_unit_test(build_fits_any_buffer),
		cmocka_unit_test(refused_with_a_sentence),
		cmocka_unit_test(too_long),
		cmocka_unit_test(failure_leaves_spec_untouched),
		cmocka_unit_test(fini_empties),
		cmocka_unit_test(equal_sees_every_key),
		cmocka_unit_test(has_queue),
		cmocka_unit_test(sink_arg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
