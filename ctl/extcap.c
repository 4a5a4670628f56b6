/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Wireshark's capture program, extcap(4): in its extcap folder vmirrorctl is asked for interfaces, for
 * what they take, whether a filter is right, and to capture into a fifo. capture does the capturing.
 */

#include "ctl/extcap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/capture.h"
#include "ctl/capture_spec.h"
#include "ctl/extcap_line.h"
#include "ctl/follow.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/peers.h"
#include "ctl/plan.h"
#include "ctl/say.h"
#include "devargs/error.h"

/* Wireshark shows nothing before all its programs have answered. */
#define LIST_MS 1000

/* Who begins to capture can wait. */
#define ANSWER_MS 10000

/* Wireshark makes the fifo, calls us, and then dumpcap, which opens it. */
#define READER_MS 30000

struct run {
	struct ctl_extcap line;
	struct ctl_capture capture;
	struct ctl_session session;
	struct ctl_output out;
	struct ctl_follow follow;
	char spec[VMIRROR_SPEC_TEXT_SIZE];
	json_t *added;
};

/* A value ends at the first brace that is followed by one, or by a blank. */
static void
print_value(const char *key, const char *text)
{
	printf("{%s=", key);
	for (; *text != '\0'; text++)
		putchar(*text == '{' ? '(' : *text == '}' ? ')' : *text);
	putchar('}');
}

static void
print_interface(const struct ctl_peer *peer, const json_t *port)
{
	const char *name = ctl_json_text(port, "name"), *pid = strrchr(peer->label, '-') + 1;
	uint64_t number = ctl_json_number(port, "number");
	char value[CTL_EXTCAP_PORT_SIZE + CTL_PEER_LABEL_SIZE], display[512];

	if (ctl_peers_is_word(name) && strlen(name) < CTL_EXTCAP_PORT_SIZE)
		snprintf(value, sizeof(value), "%s%c%s", name, CTL_EXTCAP_AT, peer->label);
	else
		snprintf(value, sizeof(value), "%" PRIu64 "%c%s", number, CTL_EXTCAP_AT,
			 peer->label);
	snprintf(display, sizeof(display), "%.100s, port %" PRIu64 " of %.100s (pid %s)", name,
		 number, ctl_json_text(peer->session.peer, "program"), pid);
	fputs("interface ", stdout);
	print_value("value", value);
	print_value("display", display);
	putchar('\n');
}

/* Of one that fell silent since it was greeted there is nothing to say. */
static void
print_ports(struct ctl_peer *peer)
{
	struct vmirror_error ignored;
	json_t *result, *port;
	size_t i;

	if (ctl_call_within(&peer->session, "ports", NULL, LIST_MS, &result, &ignored) != 0)
		return;
	json_array_foreach (json_object_get(result, "ports"), i, port)
		print_interface(peer, port);
	json_decref(result);
}

static void
print_interfaces(void)
{
	struct ctl_peers peers;

	puts("extcap {version=" CTL_VERSION "}{display=vmirror}");
	puts("interface {value=" CTL_EXTCAP_ANY "}{display=DPDK ports of a process, by number or "
	     "control socket}");
	ctl_peers_find(&peers, NULL, LIST_MS);
	for (unsigned int i = 0; i < peers.n_peers; i++)
		print_ports(&peers.peers[i]);
	ctl_peers_fini(&peers);
}

static void
print_config(const struct ctl_extcap *line)
{
	printf("arg {number=0}{call=--snaplen}{display=Bytes of each packet}"
	       "{tooltip=Keep so much of each packet; 0 is all of it}"
	       "{type=unsigned}{range=0,%d}{default=0}\n",
	       CTL_CAPTURE_SNAPLEN_MAX);
	puts("arg {number=1}{call=--direction}{display=Direction}"
	     "{tooltip=As the port sees it}{type=selector}\n"
	     "value {arg=1}{value=inout}{display=in and out}{default=true}\n"
	     "value {arg=1}{value=in}{display=in: received}{default=false}\n"
	     "value {arg=1}{value=out}{display=out: sent}{default=false}");
	if (line->label != NULL)
		return;
	puts("arg {number=2}{call=--pid}{display=Process (-p)}"
	     "{tooltip=Its number; needed where several have vmirror}{type=string}\n"
	     "arg {number=3}{call=--control}{display=or its control socket (--control)}"
	     "{tooltip=The path, in place of looking for it}{type=string}\n"
	     "arg {number=4}{call=--port}{display=Port}"
	     "{tooltip=Name or number, or any}{type=string}{placeholder=any}");
}

static int
find_peer(struct run *run, struct vmirror_error *err)
{
	struct ctl_peers peers;
	int ret = -ENODEV;

	ctl_peers_find(&peers, run->line.place.pid, ANSWER_MS);
	for (unsigned int i = 0; i < peers.n_peers && ret != 0; i++) {
		struct ctl_peer *peer = &peers.peers[i];

		if (strcmp(peer->label, run->line.label) != 0)
			continue;
		run->session = peer->session;
		peer->session = (struct ctl_session){0};
		ret = 0;
	}
	ctl_peers_fini(&peers);
	if (ret == 0)
		return 0;
	/* Why it cannot be had is known where one process is looked for. */
	ret = ctl_session_open(&run->session, &run->line.place, err);
	if (ret != 0)
		return ret;
	return vmirror_error_set(err, -ENODEV,
				 "process %s is another one by now, %s; list the interfaces again",
				 run->line.place.pid, ctl_json_text(run->session.peer, "program"));
}

static int
open_session(struct run *run, struct vmirror_error *err)
{
	return run->line.label != NULL ? find_peer(run, err)
				       : ctl_session_open(&run->session, &run->line.place, err);
}

static int
build(struct run *run, const struct ctl_words *words, struct vmirror_error *err)
{
	int ret = ctl_capture_parse(&run->capture, words, err);

	if (ret != 0)
		return ret;
	if (run->line.label != NULL)
		ctl_capture_set_port(&run->capture, run->line.port);
	return ctl_capture_build(&run->capture, "fd", "0", run->spec, err);
}

static int
ask_check(struct run *run, struct vmirror_error *err)
{
	const char *specs[] = {run->spec};
	int ret;

	ret = ctl_output_open(&run->out, "/dev/null", err);
	if (ret == 0)
		ret = open_session(run, err);
	if (ret == 0)
		ret = ctl_plan_check(&run->session, specs, 1, run->out.fd, NULL, err);
	return ctl_capture_without_name(ret, err);
}

/* What is wrong with the filter is the answer; all else is a failure to tell. */
static int
check_filter(struct run *run, const struct ctl_words *words, struct vmirror_error *err)
{
	int ret = build(run, words, err);

	if (ret == 0)
		ret = ask_check(run, err);
	if (ret != -EINVAL && ret != -E2BIG)
		return ret;
	puts(err->text);
	return 0;
}

/* The fifo is opened first: only when it is closed again does dumpcap know that nothing comes. */
static int
capture(struct run *run, const struct ctl_words *words, struct vmirror_error *err)
{
	int ret;

	run->follow = (struct ctl_follow){
		.session = &run->session,
		.parent = getppid(),
		.fifo = run->line.fifo,
		.losses = run->line.interface,
	};
	ctl_follow_heed();
	ret = ctl_output_open_fifo(&run->out, run->line.fifo, READER_MS, err);
	if (ret == 0)
		ret = build(run, words, err);
	if (ret == 0)
		ret = open_session(run, err);
	if (ret == 0)
		ret = ctl_capture_add(&run->session, run->spec, &run->out, &run->added, err);
	if (ret != 0)
		return ret;
	run->follow.name = ctl_json_text(run->added, "name");
	run->follow.serial = ctl_json_number(run->added, "serial");
	return ctl_follow(&run->follow, err);
}

static int
answer(struct run *run, const struct ctl_words *words, struct vmirror_error *err)
{
	switch (run->line.question) {
	case CTL_EXTCAP_INTERFACES:
		print_interfaces();
		return 0;
	case CTL_EXTCAP_DLTS:
		puts("dlt {number=1}{name=EN10MB}{display=Ethernet}");
		return 0;
	case CTL_EXTCAP_CONFIG:
		print_config(&run->line);
		return 0;
	case CTL_EXTCAP_RELOAD: /* no option asks for it */
		return 0;
	case CTL_EXTCAP_CHECK:
		return check_filter(run, words, err);
	case CTL_EXTCAP_CAPTURE:
		return capture(run, words, err);
	}
	return 0;
}

int
ctl_run_extcap(struct ctl *ctl, int argc, char *const argv[], struct vmirror_error *err)
{
	struct run run = {.out.fd = -1};
	int ret;

	ret = ctl_extcap_parse(&run.line, &ctl->words, argc, argv, err);
	if (ret == 0)
		ret = answer(&run, &ctl->words, err);
	else
		ctl_usage(ctl, ret);
	if (ret != 0 && run.line.interface != NULL)
		vmirror_error_prefix(err, ret, "%.128s: ", run.line.interface);
	/* A fifo that failed is open until it has been said why: Wireshark ends us when it is closed. */
	if (ret == 0)
		ctl_output_close(&run.out);
	json_decref(run.added);
	ctl_session_close(&run.session);
	ctl_capture_fini(&run.capture);
	return ret;
}
