/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/extcap_line.c: what Wireshark asks, as its versions write it. */

#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "ctl/extcap_line.h"

#define PORT "net_tap0@vmirror-4711"

static struct ctl_extcap line;
static struct ctl_words words;

/* Words of a line, with single blanks between; "''" is an empty one. */
static int
split(char *argv[32], const char *text)
{
	static char copy[512];
	char *save;
	int argc = 1;

	argv[0] = (char[]){"vmirrorctl"};
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		argv[argc++] = w;
		if (strcmp(w, "''") == 0)
			*w = '\0';
	}
	return argc;
}

static bool
is_meant(const char *text)
{
	char *argv[32];
	int argc = split(argv, text);

	return ctl_extcap_is_meant(argc, argv);
}

static int
parse(const char *text, struct vmirror_error *err)
{
	char *argv[32];
	int argc = split(argv, text);

	ctl_words_fini(&words);
	return ctl_extcap_parse(&line, &words, argc, argv, err);
}

static void
asks(const char *text, enum ctl_extcap_question question)
{
	struct vmirror_error err = {""};

	assert_true(is_meant(text));
	if (parse(text, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	assert_int_equal(line.question, question);
}

static void
refuses(const char *text, const char *wanted)
{
	struct vmirror_error err = {""};

	assert_int_equal(parse(text, &err), -EINVAL);
	assert_sentence(&err, wanted);
}

static int
tear_down(void **state)
{
	ctl_words_fini(&words);
	return 0;
}

static void
whose_line_it_is(void **state)
{
	assert_true(is_meant("--extcap-interfaces"));
	assert_true(is_meant("--capture"));
	assert_true(is_meant("--fifo f --capture"));
	assert_true(is_meant("--pid 1 --extcap-interface " PORT));
	assert_false(is_meant(""));
	assert_false(is_meant("capture -f --capture"));
	assert_false(is_meant("-p 1 capture --capture-comment text"));
	assert_false(is_meant("--control path list"));
}

static void
questions(void **state)
{
	asks("--extcap-interfaces", CTL_EXTCAP_INTERFACES);
	asks("--extcap-interfaces --extcap-version=4.0", CTL_EXTCAP_INTERFACES);
	asks("--extcap-interfaces --extcap-version 4.0", CTL_EXTCAP_INTERFACES);
	assert_null(line.interface);
	asks("--extcap-dlts --extcap-interface " PORT, CTL_EXTCAP_DLTS);
	asks("--extcap-config --extcap-interface=" PORT, CTL_EXTCAP_CONFIG);
	asks("--extcap-config --extcap-interface " PORT " --extcap-reload-option port",
	     CTL_EXTCAP_RELOAD);
	asks("--extcap-capture-filter tcp --extcap-interface " PORT, CTL_EXTCAP_CHECK);
	assert_string_equal(ctl_words_value(&words, CTL_KEY_FILTER), "tcp");
	asks("--extcap-capture-filter= --extcap-interface=" PORT, CTL_EXTCAP_CHECK);
	asks("--capture --extcap-interface " PORT " --extcap-capture-filter tcp --fifo f --snaplen "
	     "96 --direction in",
	     CTL_EXTCAP_CAPTURE);
	assert_string_equal(line.fifo, "f");
	assert_string_equal(ctl_words_value(&words, CTL_KEY_SNAPLEN), "96");
	assert_string_equal(ctl_words_value(&words, CTL_KEY_DIRECTION), "in");
}

static void
interfaces(void **state)
{
	asks("--extcap-dlts --extcap-interface " PORT, CTL_EXTCAP_DLTS);
	assert_string_equal(line.port, "net_tap0");
	assert_string_equal(line.label, "vmirror-4711");
	assert_string_equal(line.place.pid, "4711");
	assert_null(line.place.control);
	asks("--extcap-dlts --extcap-interface 0000:01:00.0@ovs-vswitchd-1a2b3c4d-7",
	     CTL_EXTCAP_DLTS);
	assert_string_equal(line.port, "0000:01:00.0");
	assert_string_equal(line.label, "ovs-vswitchd-1a2b3c4d-7");
	assert_string_equal(line.place.pid, "7");
	asks("--extcap-dlts --extcap-interface vmirror", CTL_EXTCAP_DLTS);
	assert_string_equal(line.port, "");
	assert_null(line.label);
	assert_null(line.place.pid);
}

/* A field that was emptied says nothing. */
static void
processes(void **state)
{
	asks("--capture --extcap-interface vmirror --fifo f --pid 12 --control '' --port ''",
	     CTL_EXTCAP_CAPTURE);
	assert_string_equal(line.place.pid, "12");
	assert_null(line.place.control);
	assert_false(ctl_words_has(&words, CTL_KEY_PORT));
	asks("--capture --extcap-interface vmirror --fifo f --control a/b --port 3",
	     CTL_EXTCAP_CAPTURE);
	assert_null(line.place.pid);
	assert_string_equal(line.place.control, "a/b");
	asks("--capture --extcap-interface " PORT " --fifo f --pid '' --snaplen ''",
	     CTL_EXTCAP_CAPTURE);
	assert_false(ctl_words_has(&words, CTL_KEY_SNAPLEN));
}

static void
slips(void **state)
{
	refuses("--extcap-interface " PORT, "nothing is asked for");
	refuses("--fifo f", "nothing is asked for");
	refuses("--extcap-dlts", "--extcap-interface INTERFACE is missing");
	refuses("--extcap-dlts --extcap-interface ''", "--extcap-interface INTERFACE is missing");
	refuses("--capture --extcap-interface " PORT, "--fifo FIFO is missing");
	refuses("--capture --extcap-interface " PORT " --fifo f tcp", "'tcp' belongs to no option");
	refuses("--capture --extcap-interface " PORT " --fifo f --snaplne 3",
		"did you mean '--snaplen'?");
	refuses("--capture --extcap-interface " PORT " --fifo f --port 3", "this one has its own");
	refuses("--capture --extcap-interface " PORT " --fifo f --pid 3", "this one has its own");
	refuses("--capture --extcap-interface vmirror --fifo f --pid x",
		"-p: 'x' is no number of a process");
	refuses("--capture --extcap-interface vmirror --fifo f --pid 3 --control x",
		"both name the process");
}

static void
no_interfaces(void **state)
{
	static const char *const names[] = {
		"eth0",
		"@vmirror-1",
		"net_tap0@",
		"net_tap0@vmirror",
		"net_tap0@-",
		"a/b@vmirror-1",
		"a,b@vmirror-1",
		"a@b@vmirror-1",
		"a@vmirror-1x",
		"a@vmirror/1-1",
		"{a}@vmirror-1",
		"vmirror-1",
		"a@vmirror-",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@vmirror-1",
	};
	char text[256];

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		snprintf(text, sizeof(text), "--extcap-dlts --extcap-interface %s", names[i]);
		refuses(text, "is no interface of vmirror's");
	}
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whose_line_it_is), TEST(questions), TEST(interfaces),
		TEST(processes),        TEST(slips),     TEST(no_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
