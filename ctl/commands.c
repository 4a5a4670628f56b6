/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of commands; see commands.h. */

#include "ctl/commands.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "devargs/error.h"
#include "devargs/nearest.h"
#include "devargs/value.h"

#define MAX_COMMANDS 32

#define END                                                                                        \
	{                                                                                          \
		.key = CTL_KEY_NONE                                                                \
	}

const struct ctl_option ctl_options[] = {
	{CTL_KEY_PID, 'p', NULL, "PID", "the process; needed where several have vmirror"},
	{CTL_KEY_CONTROL, 0, "control", "PATH", "its control socket, in place of looking for it"},
	{CTL_KEY_HELP, 'h', "help", NULL, "print help, of a command when one is named", true},
	{CTL_KEY_VERSION, 'V', "version", NULL, "print the version of vmirrorctl", true},
	END,
};

static const struct ctl_option none[] = {END};

static const struct ctl_option add_options[] = {
	{CTL_KEY_PERSIST, 0, "persist", NULL,
	 "the mirror stays when vmirrorctl ends; it always does"},
	{CTL_KEY_FOREGROUND, 0, "foreground", NULL,
	 "stay until Ctrl-C or the mirror's end, and take it away then"},
	END,
};

static const struct ctl_option stats_options[] = {
	{CTL_KEY_QUEUES, 0, "queues", NULL, "of each queue and direction"},
	{CTL_KEY_JSON, 0, "json", NULL, "as JSON"},
	{CTL_KEY_LIVE, 0, "live", "SECONDS", "packets a second, again and again (1)", false, true},
	END,
};

static const struct ctl_option snapshot_options[] = {
	{CTL_KEY_LAST, 0, "last", "TIME", "of the last so long: 500ms, 30s, 5m (all there is)"},
	{CTL_KEY_LAST_BYTES, 0, "last-bytes", "BYTES", "of these the last so many: 10M (all)"},
	{CTL_KEY_WRITE, 'w', NULL, "FILE", "into this file (to the mirror's own sink)"},
	END,
};

static const struct ctl_option top_options[] = {
	{CTL_KEY_INTERVAL, 0, "interval", "SECONDS", "between two looks, from 0.1 on (1)"},
	END,
};

static const struct ctl_option capture_options[] = {
	{CTL_KEY_PORT, 'i', NULL, "PORT", "name or number; several, or any, which is the default",
	 true},
	{CTL_KEY_FILTER, 'f', NULL, "FILTER", "as trailing words: a filter as tcpdump's"},
	{CTL_KEY_WRITE, 'w', NULL, "FILE", "write there, - for stdout (show them with tcpdump)"},
	{CTL_KEY_PCAP, 'P', NULL, NULL, "pcap with nanoseconds in place of pcapng"},
	{CTL_KEY_SNAPLEN, 's', NULL, "BYTES", "keep so much of each packet (0: all of it)"},
	{CTL_KEY_COUNT, 'c', NULL, "COUNT", "end after so many packets"},
	{CTL_KEY_AUTOSTOP, 'a', NULL, "COND",
	 "end after duration:SECONDS, filesize:KB of packets, packets:COUNT, files:COUNT of -b",
	 true},
	{CTL_KEY_DIRECTION, 'Q', NULL, "DIR", "in, out or inout (inout)"},
	{CTL_KEY_COMMENT, 0, "capture-comment", "TEXT", "put into the file's header"},
	{CTL_KEY_LIST, 'D', NULL, NULL, "list the ports, and end"},
	{CTL_KEY_DUMP, 'd', NULL, NULL, "say what would be done, as check does, and end"},
	{CTL_KEY_QUIET, 'q', NULL, NULL, "no counts, neither meanwhile nor at the end"},
	{CTL_KEY_STATISTICS, 'S', NULL, NULL, "counts every second, a line each"},
	{CTL_KEY_DISPLAY, 'n', NULL, NULL,
	 "passed on to tcpdump, which shows packets: numbers, "
	 "no names; always so",
	 true},
	{CTL_KEY_DISPLAY, 't', NULL, NULL, "passed on: no time; -tttt with the date", true},
	{CTL_KEY_DISPLAY, 'v', NULL, NULL, "passed on: more of each packet", true},
	{CTL_KEY_DISPLAY, 'e', NULL, NULL, "passed on: the Ethernet header", true},
	{CTL_KEY_DISPLAY, 'x', NULL, NULL, "passed on: bytes in hexadecimal", true},
	{CTL_KEY_DISPLAY, 'X', NULL, NULL, "passed on: and in ASCII", true},
	{CTL_KEY_DISPLAY, 'A', NULL, NULL, "passed on: in ASCII alone", true},
	{CTL_KEY_ALWAYS, 'l', NULL, NULL, "taken for tcpdump's sake: lines are shown at once",
	 true},
	{CTL_KEY_ALWAYS, 'U', NULL, NULL, "taken for tcpdump's sake: packets are written soon",
	 true},
	{CTL_KEY_RING, 'b', NULL, "COND",
	 "begin another file after filesize:KB or duration:SECONDS; keep the last files:COUNT",
	 true},
	{CTL_KEY_SIZE, 'C', NULL, "MB",
	 "begin another file before one is longer than so many million bytes"},
	{CTL_KEY_SECONDS, 'G', NULL, "SECONDS",
	 "begin another file after so long; -w FILE has the time in it, as strftime() does"},
	{CTL_KEY_FILES, 'W', NULL, "COUNT", "with -C, keep so many; with -G, end after so many"},
	{CTL_KEY_COMMAND, 'z', NULL, "COMMAND",
	 "run it with the name of each file that is finished"},
	{CTL_KEY_USER, 'Z', NULL, "USER",
	 "go on as this user once the process is reached: files are his, and so is what -z runs"},
	END,
};

#define ABOUT_SPEC                                                                                 \
	"SPEC is key=value with commas between, in single quotes for the shell:\n"                 \
	"  'name=web,port=0,filter=\"tcp port 80\",sink=[file,path=web.pcapng]'\n"                 \
	"Of sinks there are file, net_tap (an interface), virtio_user and others: vmirror(1),\n"   \
	"and spec.md in doc or /usr/share/doc/vmirror.\n"

const struct ctl_command ctl_commands[] = {
	{"capture", "[FILTER...]", 0, UINT_MAX, "show packets of a port, or write them to a file",
	 "The flags are tcpdump's and dumpcap's. Without -w tcpdump shows the packets as they "
	 "come.\n"
	 "Ctrl-C ends it, the file complete; twice: at once.\n"
	 "  vmirrorctl capture -i 0 tcp port 80\n"
	 "  vmirrorctl capture -i any -c 1000 -w report.pcapng\n"
	 "  vmirrorctl capture -i 0 -w - | tshark -r -\n",
	 capture_options, ctl_run_capture},
	{"ports", "", 0, 0, "list the ports that the process has", "", none, ctl_run_ports},
	{"list", "", 0, 0, "list the mirrors", "", none, ctl_run_list},
	{"stats", "[NAME...]", 0, UINT_MAX, "print the mirrors' counters",
	 "Of all mirrors where none is named. What each counter counts is in spec.md, in doc or "
	 "/usr/share/doc/vmirror.\n",
	 stats_options, ctl_run_stats},
	{"top", "", 0, 0, "watch the mirrors: rates, and what is lost and why",
	 "q or Ctrl-C ends it.\n", top_options, ctl_run_top},
	{"add", "SPEC", 1, 1, "add a mirror, which stays",
	 ABOUT_SPEC "Paths are taken from where you are.\n", add_options, ctl_run_add},
	{"remove", "NAME...", 1, UINT_MAX, "take mirrors away; their output is complete then", "",
	 none, ctl_run_remove},
	{"check", "SPEC...", 1, UINT_MAX, "say what mirrors would do, and do nothing", ABOUT_SPEC,
	 none, ctl_run_check},
	{"snapshot", "NAME", 1, 1, "have a recorder's last packets written",
	 "Of a mirror with mode=recorder. It goes on recording.\n"
	 "  vmirrorctl snapshot rec --last 30s -w incident.pcapng\n",
	 snapshot_options, ctl_run_snapshot},
	{"metrics", "", 0, 0, "print all counters for Prometheus", "", none, ctl_run_metrics},
	{"reload", "", 0, 0, "have vmirror read its configuration file again",
	 "Mirrors that are as the file has them go on. A bad file changes nothing.\n", none,
	 ctl_run_reload},
	{"version", "", 0, 0, "print versions, of vmirrorctl and of the process", "", none,
	 ctl_run_version},
	{"help", "[COMMAND]", 0, 1, "print help, of a command when one is named", "", none,
	 ctl_run_help},
	{NULL},
};

const struct ctl_command *
ctl_command_find(const char *name, struct vmirror_error *err)
{
	const char *known[MAX_COMMANDS + 1] = {NULL};
	char hint[VMIRROR_ERROR_SIZE];
	unsigned int i;

	for (i = 0; ctl_commands[i].name != NULL && i < MAX_COMMANDS; i++) {
		if (strcmp(ctl_commands[i].name, name) == 0)
			return &ctl_commands[i];
		known[i] = ctl_commands[i].name;
	}
	vmirror_error_set(err, -EINVAL, "unknown command '%.64s'; there are %s", name,
			  vmirror_nearest_hint(hint, sizeof(hint), name, known));
	return NULL;
}

int
ctl_command_check_args(const struct ctl_command *command, unsigned int n_args,
		       struct vmirror_error *err)
{
	if (n_args >= command->min_args && n_args <= command->max_args)
		return 0;
	return vmirror_error_set(err, -EINVAL, "%s; right would be: vmirrorctl %s%s%s",
				 n_args < command->min_args ? "something is missing"
							    : "that is too much",
				 command->name, *command->args != '\0' ? " " : "", command->args);
}

int
ctl_read_place(struct ctl_place *place, const struct ctl_words *words, struct vmirror_error *err)
{
	place->pid = ctl_words_value(words, CTL_KEY_PID);
	place->control = ctl_words_value(words, CTL_KEY_CONTROL);
	if (place->pid != NULL && place->control != NULL)
		return vmirror_error_set(err, -EINVAL,
					 "-p and --control both name the process; right would be "
					 "one of them");
	if (place->pid != NULL && !vmirror_value_is_digits(place->pid))
		return vmirror_error_set(err, -EINVAL,
					 "-p: '%.64s' is no number of a process; as in -p 4711",
					 place->pid);
	return 0;
}
