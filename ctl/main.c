/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * vmirrorctl, the client of the control socket: no EAL, no DPDK. Each command is in a file named
 * after it or its kind; what they share, beside. This reads the line and calls one; a line of Wireshark's goes to extcap.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/extcap.h"
#include "ctl/extcap_line.h"
#include "ctl/help.h"
#include "ctl/say.h"
#include "devargs/error.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A descriptor that is opened later must not be taken for one of these. */
static void
open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* @return whether that was all */
static bool
answer_questions(const struct ctl *ctl)
{
	if (ctl_words_has(&ctl->words, CTL_KEY_VERSION)) {
		puts("vmirrorctl " CTL_VERSION);
		return true;
	}
	if (!ctl_words_has(&ctl->words, CTL_KEY_HELP))
		return false;
	if (ctl->command != NULL)
		ctl_help_command(ctl->command);
	else
		ctl_help_all();
	return true;
}

static int
read_command(struct ctl *ctl, int argc, char *argv[], struct vmirror_error *err)
{
	const struct ctl_option *tables[] = {NULL, ctl_options, NULL};
	int ret;

	ctl->command = ctl_command_find(argv[0], err);
	if (ctl->command == NULL)
		return -EINVAL;
	tables[0] = ctl->command->options;
	ret = ctl_words_parse(&ctl->words, tables, argc - 1, argv + 1, CTL_WORDS_ALL, err);
	/* Whoever asks for help need not be right. */
	if (ret >= 0 && !ctl_words_has(&ctl->words, CTL_KEY_HELP))
		ret = ctl_command_check_args(ctl->command, ctl->words.n_args, err);
	if (ret < 0)
		return vmirror_error_prefix(err, ret, "%s: ", ctl->command->name);
	return 0;
}

static int
run(struct ctl *ctl, int argc, char *argv[], struct vmirror_error *err)
{
	static const struct ctl_option *const tables[] = {ctl_options, NULL};
	int ret, at;

	if (ctl_extcap_is_meant(argc, argv))
		return ctl_run_extcap(ctl, argc, argv, err);
	ret = ctl_words_parse(&ctl->words, tables, argc - 1, argv + 1, CTL_WORDS_BEFORE_ARGS, err);
	if (ret < 0)
		return ctl_usage(ctl, ret);
	at = 1 + ret;
	ret = at < argc ? read_command(ctl, argc - at, argv + at, err) : 0;
	if (ret < 0)
		return ctl_usage(ctl, ret);
	if (answer_questions(ctl))
		return 0;
	if (ctl->command == NULL) {
		return ctl_usage(ctl,
				 vmirror_error_set(err, -EINVAL,
						   "no command; 'vmirrorctl --help' lists "
						   "them, 'vmirrorctl capture' shows packets"));
	}
	ret = ctl_read_place(&ctl->place, &ctl->words, err);
	if (ret < 0)
		return ctl_usage(ctl, ret);
	return ctl->command->run(ctl, err);
}

int
main(int argc, char *argv[])
{
	struct vmirror_error err = {""};
	struct ctl ctl = {0};
	int ret;

	open_standard();
	ret = run(&ctl, argc, argv, &err);
	ctl_words_fini(&ctl.words);
	if ((fflush(stdout) != 0 || ferror(stdout)) && ret == 0)
		ret = vmirror_error_set(&err, -EIO, "cannot write to stdout");
	if (ret == 0)
		return EXIT_DONE;
	ctl_say("%s", err.text);
	return ctl.usage ? EXIT_USAGE : EXIT_FAILED;
}
