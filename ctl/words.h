/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_WORDS_H
#define CTL_WORDS_H

/*
 * The command line, read by tables of options. Options and arguments may stand in any order, letters
 * together (-nw FILE), values behind their letter or in the next word, `--` ends the options.
 */

#include <stdbool.h>

#include "vmirror_error.h"

/** What an option means; the same in all tables. */
enum ctl_key {
	CTL_KEY_NONE, /**< ends a table */
	CTL_KEY_PID,
	CTL_KEY_CONTROL,
	CTL_KEY_HELP,
	CTL_KEY_VERSION,
	CTL_KEY_PERSIST,
	CTL_KEY_FOREGROUND,
	CTL_KEY_QUEUES,
	CTL_KEY_JSON,
	CTL_KEY_LIVE,
	CTL_KEY_LAST,
	CTL_KEY_LAST_BYTES,
	CTL_KEY_WRITE,
	CTL_KEY_INTERVAL,
	CTL_KEY_PORT,
	CTL_KEY_FILTER,
	CTL_KEY_SNAPLEN,
	CTL_KEY_COUNT,
	CTL_KEY_PCAP,
	CTL_KEY_AUTOSTOP,
	CTL_KEY_DIRECTION,
	CTL_KEY_LIST,
	CTL_KEY_DUMP,
	CTL_KEY_QUIET,
	CTL_KEY_STATISTICS,
	CTL_KEY_COMMENT,
	CTL_KEY_RING,
	CTL_KEY_SIZE,
	CTL_KEY_SECONDS,
	CTL_KEY_FILES,
	CTL_KEY_COMMAND,
	CTL_KEY_USER,
	CTL_KEY_INTERFACE, /**< this and those to FIFO: Wireshark's */
	CTL_KEY_INTERFACES,
	CTL_KEY_DLTS,
	CTL_KEY_CONFIG,
	CTL_KEY_RELOAD,
	CTL_KEY_ASKED_VERSION,
	CTL_KEY_CAPTURE,
	CTL_KEY_FIFO,
	CTL_KEY_DISPLAY, /**< passed on to tcpdump */
	CTL_KEY_ALWAYS,  /**< asks for what is always so */
};

struct ctl_option {
	enum ctl_key key;
	char letter;       /**< 0: it has none */
	const char *name;  /**< behind "--"; NULL: it has none */
	const char *value; /**< what help calls it; NULL: the option takes none */
	const char *help;
	bool repeatable;
	/** The value may be left out: it is behind '=', or the next word when that is a number. */
	bool optional;
};

/** What an option is called where it is typed. */
#define CTL_OPTION_SHOW_SIZE 64

/** As it is typed: --name where it has one, else -l. @return buf */
const char *
ctl_option_show(char buf[CTL_OPTION_SHOW_SIZE], const struct ctl_option *option);

struct ctl_given {
	const struct ctl_option *option;
	const char *value; /**< NULL: none */
};

/** What was found; the words are argv's. */
struct ctl_words {
	struct ctl_given *given;
	unsigned int n_given;
	const char **args;
	unsigned int n_args;
};

/** How much of the line is read. */
enum ctl_words_extent {
	CTL_WORDS_ALL,
	CTL_WORDS_BEFORE_ARGS, /**< to the first word that belongs to no option */
};

/**
 * Read words, behind what words has already.
 *
 * @param tables  NULL-terminated; an option is looked for in one after the other
 * @return        how many words were read; -EINVAL with err set
 */
int
ctl_words_parse(struct ctl_words *words, const struct ctl_option *const tables[], int argc,
		char *const argv[], enum ctl_words_extent extent, struct vmirror_error *err);

/** Free what was made; not the words. */
void
ctl_words_fini(struct ctl_words *words);

/** Whether the option was given. */
bool
ctl_words_has(const struct ctl_words *words, enum ctl_key key);

/** Its value; NULL: it was not given, or has none. */
const char *
ctl_words_value(const struct ctl_words *words, enum ctl_key key);

#endif
