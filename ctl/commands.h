/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

/*
 * The table of commands. From it come parsing, the count of arguments, and help; the completion and
 * the manual page are checked against it.
 */

#include "ctl/session.h"
#include "ctl/words.h"

/** A run of the program. */
struct ctl {
	const struct ctl_command *command;
	struct ctl_words words;
	struct ctl_place place;
	bool usage; /**< what failed is how it was called */
};

struct ctl_command {
	const char *name;
	const char *args;      /**< as help shows them; "" for none */
	unsigned int min_args; /**< and fewer are refused */
	unsigned int max_args;
	const char *help;  /**< one line */
	const char *about; /**< lines for help of this one */
	const struct ctl_option *options;
	/** @return 0, or -errno with err set; the program's exit status is 0, 1, or 2 for usage */
	int (*run)(struct ctl *ctl, struct vmirror_error *err);
};

/** In the order of help; ends with one without a name. */
extern const struct ctl_command ctl_commands[];

/** Options that stand before or behind any command. */
extern const struct ctl_option ctl_options[];

/** Find a command. @return it, or NULL with err set, the nearest named */
const struct ctl_command *
ctl_command_find(const char *name, struct vmirror_error *err);

/** Refuse what the command was given too little or too much of. @return 0; -EINVAL with err set */
int
ctl_command_check_args(const struct ctl_command *command, unsigned int n_args,
		       struct vmirror_error *err);

/** Which process the options name. @return 0; -EINVAL with err set */
int
ctl_read_place(struct ctl_place *place, const struct ctl_words *words, struct vmirror_error *err);

/** Mark a failure as one of usage. @return ret */
static inline int
ctl_usage(struct ctl *ctl, int ret)
{
	ctl->usage = ret != 0;
	return ret;
}

/* The commands, each in its file. */
int
ctl_run_ports(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_list(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_add(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_remove(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_stats(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_check(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_snapshot(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_metrics(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_top(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_reload(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_version(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_capture(struct ctl *ctl, struct vmirror_error *err);
int
ctl_run_help(struct ctl *ctl, struct vmirror_error *err);

#endif
