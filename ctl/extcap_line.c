/* SPDX-License-Identifier: BSD-3-Clause */

/* Wireshark's questions, read by a table of options as commands are; extcap.c answers them. */

#include "ctl/extcap_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/peers.h"
#include "devargs/error.h"
#include "devargs/value.h"

const struct ctl_option ctl_extcap_options[] = {
	{CTL_KEY_INTERFACES, 0, "extcap-interfaces", NULL, ""},
	{CTL_KEY_ASKED_VERSION, 0, "extcap-version", "VERSION", "", false, true},
	{CTL_KEY_INTERFACE, 0, "extcap-interface", "INTERFACE", ""},
	{CTL_KEY_DLTS, 0, "extcap-dlts", NULL, ""},
	{CTL_KEY_CONFIG, 0, "extcap-config", NULL, ""},
	{CTL_KEY_RELOAD, 0, "extcap-reload-option", "OPTION", ""},
	{CTL_KEY_FILTER, 0, "extcap-capture-filter", "FILTER", ""},
	{CTL_KEY_CAPTURE, 0, "capture", NULL, ""},
	{CTL_KEY_FIFO, 0, "fifo", "FIFO", ""},
	{CTL_KEY_PID, 'p', "pid", "PID", ""},
	{CTL_KEY_CONTROL, 0, "control", "PATH", ""},
	{CTL_KEY_PORT, 0, "port", "PORT", ""},
	{CTL_KEY_SNAPLEN, 0, "snaplen", "BYTES", ""},
	{CTL_KEY_DIRECTION, 0, "direction", "DIR", ""},
	{.key = CTL_KEY_NONE},
};

bool
ctl_extcap_is_meant(int argc, char *const argv[])
{
	/* A command stands in front of its own options. */
	for (int i = 1; i < argc && argv[1][0] == '-'; i++)
		if (strncmp(argv[i], "--extcap-", strlen("--extcap-")) == 0 ||
		    strcmp(argv[i], "--capture") == 0 || strcmp(argv[i], "--fifo") == 0)
			return true;
	return false;
}

/* What a field in the dialog holds when it was emptied. */
static void
drop_empty(struct ctl_words *words)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < words->n_given; i++)
		if (words->given[i].value == NULL || *words->given[i].value != '\0')
			words->given[kept++] = words->given[i];
	words->n_given = kept;
}

static int
read_question(struct ctl_extcap *extcap, const struct ctl_words *words, struct vmirror_error *err)
{
	static const struct {
		enum ctl_key key;
		enum ctl_extcap_question question;
	} asked[] = {
		{CTL_KEY_INTERFACES, CTL_EXTCAP_INTERFACES}, {CTL_KEY_DLTS, CTL_EXTCAP_DLTS},
		{CTL_KEY_RELOAD, CTL_EXTCAP_RELOAD},         {CTL_KEY_CONFIG, CTL_EXTCAP_CONFIG},
		{CTL_KEY_CAPTURE, CTL_EXTCAP_CAPTURE},       {CTL_KEY_FILTER, CTL_EXTCAP_CHECK},
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		if (!ctl_words_has(words, asked[i].key))
			continue;
		extcap->question = asked[i].question;
		return 0;
	}
	return vmirror_error_set(err, -EINVAL,
				 "nothing is asked for; there are --extcap-interfaces, "
				 "--extcap-dlts, --extcap-config, --extcap-capture-filter and "
				 "--capture");
}

/* net_tap0@vmirror-4711: the last number is the process's. */
static int
read_interface(struct ctl_extcap *extcap, struct vmirror_error *err)
{
	const char *at = strrchr(extcap->interface, CTL_EXTCAP_AT), *dash;
	size_t len = at != NULL ? (size_t)(at - extcap->interface) : 0;

	if (strcmp(extcap->interface, CTL_EXTCAP_ANY) == 0)
		return 0;
	dash = at != NULL ? strrchr(at, '-') : NULL;
	if (len > 0 && len < sizeof(extcap->port))
		memcpy(extcap->port, extcap->interface, len);
	if (!ctl_peers_is_word(extcap->port) || dash == NULL || !ctl_peers_is_word(at + 1) ||
	    !vmirror_value_is_digits(dash + 1))
		return vmirror_error_set(
			err, -EINVAL,
			"'%.128s' is no interface of vmirror's; they are " CTL_EXTCAP_ANY
			", and those like net_tap0@vmirror-4711",
			extcap->interface);
	extcap->label = at + 1;
	extcap->place.pid = dash + 1;
	return 0;
}

/* The interface's own is not to be contradicted. */
static int
read_process(struct ctl_extcap *extcap, const struct ctl_words *words, struct vmirror_error *err)
{
	static const enum ctl_key keys[] = {CTL_KEY_PID, CTL_KEY_CONTROL, CTL_KEY_PORT};

	if (extcap->label == NULL)
		return ctl_read_place(&extcap->place, words, err);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (ctl_words_has(words, keys[i]))
			return vmirror_error_set(err, -EINVAL,
						 "--pid, --control and --port are of the "
						 "interface " CTL_EXTCAP_ANY
						 "; this one has its own");
	return 0;
}

static int
check_needs(const struct ctl_extcap *extcap, const struct ctl_words *words,
	    struct vmirror_error *err)
{
	if (words->n_args > 0)
		return vmirror_error_set(err, -EINVAL, "'%.64s' belongs to no option",
					 words->args[0]);
	if (extcap->question != CTL_EXTCAP_INTERFACES && extcap->interface == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "--extcap-interface INTERFACE is missing; "
					 "--extcap-interfaces lists them");
	if (extcap->question == CTL_EXTCAP_CAPTURE && extcap->fifo == NULL)
		return vmirror_error_set(err, -EINVAL, "--fifo FIFO is missing");
	return 0;
}

int
ctl_extcap_parse(struct ctl_extcap *extcap, struct ctl_words *words, int argc, char *const argv[],
		 struct vmirror_error *err)
{
	static const struct ctl_option *const tables[] = {ctl_extcap_options, NULL};
	int ret;

	*extcap = (struct ctl_extcap){0};
	ret = ctl_words_parse(words, tables, argc - 1, argv + 1, CTL_WORDS_ALL, err);
	if (ret < 0)
		return ret;
	/* An empty filter is one that is right. */
	ret = read_question(extcap, words, err);
	drop_empty(words);
	extcap->interface = ctl_words_value(words, CTL_KEY_INTERFACE);
	extcap->fifo = ctl_words_value(words, CTL_KEY_FIFO);
	if (ret == 0)
		ret = check_needs(extcap, words, err);
	if (ret == 0 && extcap->interface != NULL)
		ret = read_interface(extcap, err);
	return ret == 0 ? read_process(extcap, words, err) : ret;
}
