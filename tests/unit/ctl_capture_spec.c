/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/capture_spec.c: tcpdump's flags become a spec that says the same, whatever the filter holds. */

#include "test.h"

#include <errno.h>

#include "ctl/capture_spec.h"
#include "ctl/commands.h"

static int
parse(struct ctl_capture *capture, const char *const argv[], struct vmirror_error *err)
{
	struct vmirror_error ignored;
	const struct ctl_option *const tables[] = {ctl_command_find("capture", &ignored)->options,
						   NULL};
	struct ctl_words words = {0};
	int argc = 0, ret;

	*capture = (struct ctl_capture){0};
	while (argv[argc] != NULL)
		argc++;
	ret = ctl_words_parse(&words, tables, argc, (char *const *)(uintptr_t)argv, CTL_WORDS_ALL,
			      err);
	if (ret >= 0)
		ret = ctl_capture_parse(capture, &words, err);
	ctl_words_fini(&words);
	return ret;
}

#define WORDS(...) ((const char *[]){__VA_ARGS__, NULL})

static void
gives(const char *const argv[], const char *wanted)
{
	char text[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_error err = {""};
	struct ctl_capture capture;

	if (parse(&capture, argv, &err) != 0 ||
	    ctl_capture_build(&capture, "fd", "0", text, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, wanted);
	ctl_capture_fini(&capture);
}

static void
refuses(const char *const argv[], const char *wanted)
{
	char text[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_error err = {""};
	struct ctl_capture capture;
	int ret = parse(&capture, argv, &err);

	if (ret == 0)
		ret = ctl_capture_build(&capture, "fd", "0", text, &err);
	assert_true(ret < 0);
	assert_sentence(&err, wanted);
	ctl_capture_fini(&capture);
}

static void
flags(void **state)
{
	gives(WORDS("-q"), "port=all,sink=[file,fd=0]");
	gives(WORDS("-i", "any"), "port=all,sink=[file,fd=0]");
	gives(WORDS("-i", "0"), "port=0,sink=[file,fd=0]");
	gives(WORDS("-i", "0", "-i", "net_tap1"), "port=[0,net_tap1],sink=[file,fd=0]");
	gives(WORDS("-Q", "in"), "port=all,dir=rx,sink=[file,fd=0]");
	gives(WORDS("-Q", "out"), "port=all,dir=tx,sink=[file,fd=0]");
	gives(WORDS("-Qinout"), "port=all,sink=[file,fd=0]");
	gives(WORDS("-s", "96", "-c10"), "port=all,snaplen=96,count=10,sink=[file,fd=0]");
	gives(WORDS("-s0", "-P"), "port=all,sink=[file,fd=0,format=pcap]");
	gives(WORDS("-a", "duration:10", "-a", "filesize:1000", "-a", "packets:5"),
	      "port=all,count=5,bytes=1000000,duration=10s,sink=[file,fd=0]");
	gives(WORDS("-a", "duration:500ms"), "port=all,duration=500ms,sink=[file,fd=0]");
	gives(WORDS("--capture-comment", "host a, before"),
	      "port=all,sink=[file,fd=0,comment=\"host a, before\"]");
}

static void
filters(void **state)
{
	gives(WORDS("tcp", "port", "80"), "port=all,filter=tcp port 80,sink=[file,fd=0]");
	gives(WORDS("-i", "0", "tcp", "-n", "port", "80", "-w", "f"),
	      "port=0,filter=tcp port 80,sink=[file,fd=0]");
	gives(WORDS("-f", "tcp port 80"), "port=all,filter=tcp port 80,sink=[file,fd=0]");
	gives(WORDS("-f", ""), "port=all,sink=[file,fd=0]");
	gives(WORDS("  "), "port=all,sink=[file,fd=0]");
}

/* What the spec's grammar knows must come out as it went in. */
static void
filters_survive(void **state)
{
	static const char *const cases[] = {
		"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
		"host a, and port 80",
		"\"quoted\"",
		"tcp[13] & 2 != 0 and (port 80",
		"[",
		"a\\b\\",
		"x=1,sink=[file,path=evil]",
		"ether[0] & 1 = 0 # comment",
		"'single'",
		"] , \" [",
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		char text[VMIRROR_SPEC_TEXT_SIZE];
		struct vmirror_spec again = {0};
		struct ctl_capture capture;
		struct vmirror_error err;

		assert_int_equal(parse(&capture, WORDS("-f", cases[i]), &err), 0);
		assert_int_equal(ctl_capture_build(&capture, "path", "/a,b]\".pcap", text, &err),
				 0);
		assert_int_equal(vmirror_spec_parse(&again, text, &err), 0);
		assert_string_equal(again.filter, cases[i]);
		assert_string_equal(vmirror_spec_sink_arg(&again.sink, "path"), "/a,b]\".pcap");
		assert_string_equal(vmirror_spec_sink_arg(&again.sink, "overwrite"), "1");
		vmirror_spec_fini(&again);
		ctl_capture_fini(&capture);
	}
}

static void
for_tcpdump(void **state)
{
	struct ctl_capture capture;
	struct vmirror_error err;

	assert_int_equal(parse(&capture, WORDS("-nvvve", "-tttt", "-lUX", "-xA"), &err), 0);
	assert_string_equal(capture.display, "nvvvettttXxA");
	ctl_capture_fini(&capture);
}

static void
slips(void **state)
{
	static char longest[5000];

	memset(longest, 'a', sizeof(longest) - 1);
	refuses(WORDS("-i", "any", "-i", "0"), "-i any has all ports");
	refuses(WORDS("-i", "0", "-i", "0"), "port");
	refuses(WORDS("-i", "a b"), "port");
	refuses(WORDS("-s", "many"), "-s");
	refuses(WORDS("-s", "262145"), "-s");
	refuses(WORDS("-c", "0"), "the count of packets");
	refuses(WORDS("-c", "5", "-a", "packets:6"), "the count of packets is given twice");
	refuses(WORDS("-a", "duration:1", "-a", "duration:2"), "-a duration is given twice");
	refuses(WORDS("-a", "duration:soon"), "-a duration");
	refuses(WORDS("-a", "files:3"), "-a files: is for files that follow each other");
	refuses(WORDS("-a", "files:0"), "-a files");
	refuses(WORDS("-w", "a", "-a", "files:3", "-b", "filesize:100", "-b", "duration:9"),
		"when the last one is full");
	refuses(WORDS("-w", "a", "-a", "files:3", "-C", "1", "-W", "2"), "and so does -W");
	refuses(WORDS("-w", "a", "-a", "files:3", "-a", "duration:4", "-b", "duration:9"),
		"-a files with a time says how long");
	refuses(WORDS("-a", "10"), "'10' is no condition");
	refuses(WORDS("-Q", "rx"), "-Q");
	refuses(WORDS("-f", "tcp", "udp"), "a filter stands behind -f");
	refuses(WORDS("-f", longest), "longer than 4095 bytes");
	refuses(WORDS("-G", "3"), "-w FILE");
	refuses(WORDS("-w", "%S", "-G", "3", "-W", "2", "-a", "duration:1"), "so does -a duration");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags),           cmocka_unit_test(filters),
		cmocka_unit_test(filters_survive), cmocka_unit_test(for_tcpdump),
		cmocka_unit_test(slips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
