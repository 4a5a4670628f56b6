/* SPDX-License-Identifier: BSD-3-Clause */

/* Help, from the table of commands. */

#include "ctl/help.h"

#include <errno.h>
#include <stdio.h>

#include "ctl/grid.h"

static void
print_options(const struct ctl_option *options)
{
	const struct ctl_option *o;
	struct ctl_grid grid;

	ctl_grid_init(&grid, "ll");
	for (o = options; o->key != CTL_KEY_NONE; o++) {
		char letter[4] = "", word[64] = "";

		if (o->letter != 0)
			snprintf(letter, sizeof(letter), "-%c", o->letter);
		if (o->name != NULL)
			snprintf(word, sizeof(word), "%s--%s", o->letter != 0 ? ", " : "    ",
				 o->name);
		ctl_grid_add(&grid, o->optional ? "%s%s%s[%s]" : "%s%s%s%s", letter, word,
			     o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
		ctl_grid_add(&grid, "%s", o->help);
	}
	ctl_grid_print(&grid, "  ", stdout);
}

void
ctl_help_all(void)
{
	struct ctl_grid grid;

	puts("usage: vmirrorctl [-p PID | --control PATH] COMMAND ...\n"
	     "\n"
	     "Captures, and makes and looks after mirrors, in a DPDK process that has vmirror in "
	     "it: the\n"
	     "application vmirror, or a program with its library or its plugin.\n"
	     "\n"
	     "commands:");
	ctl_grid_init(&grid, "ll");
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		ctl_grid_add(&grid, "%s %s", c->name, c->args);
		ctl_grid_add(&grid, "%s", c->help);
	}
	ctl_grid_print(&grid, "  ", stdout);
	puts("\noptions:");
	print_options(ctl_options);
	puts("\n"
	     "vmirrorctl help COMMAND has a command's options. Exit status: 0, 1 when something "
	     "failed,\n"
	     "2 for bad usage. In Wireshark's extcap folder it has Wireshark capture.");
}

void
ctl_help_command(const struct ctl_command *command)
{
	bool has_options = command->options->key != CTL_KEY_NONE;

	printf("usage: vmirrorctl %s%s%s%s\n\n%s.\n", command->name,
	       has_options ? " [options]" : "", *command->args != '\0' ? " " : "", command->args,
	       command->help);
	if (*command->about != '\0')
		printf("\n%s", command->about);
	if (has_options) {
		puts("\noptions:");
		print_options(command->options);
	}
	puts("\noptions of all commands:");
	print_options(ctl_options);
}

int
ctl_run_help(struct ctl *ctl, struct vmirror_error *err)
{
	const struct ctl_command *command;

	if (ctl->words.n_args == 0) {
		ctl_help_all();
		return 0;
	}
	command = ctl_command_find(ctl->words.args[0], err);
	if (command == NULL)
		return ctl_usage(ctl, -EINVAL);
	ctl_help_command(command);
	return 0;
}
