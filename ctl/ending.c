/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/ending.h"

#include <signal.h>
#include <stddef.h>

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};

#define N_ENDINGS (sizeof(endings) / sizeof(endings[0]))

static void (*volatile taking)(void *); /* NULL: there is nothing to take along */
static void *volatile taken;

static void
on_ending(int number)
{
	if (taking != NULL)
		taking(taken);
	raise(number);
}

void
ctl_ending_takes(void (*take)(void *arg), void *arg)
{
	const struct sigaction action = {.sa_handler = on_ending, .sa_flags = (int)SA_RESETHAND};
	struct sigaction before;

	taken = arg;
	taking = take;
	for (size_t i = 0; i < N_ENDINGS; i++)
		if (sigaction(endings[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(endings[i], &action, NULL);
}

void
ctl_ending_leaves(const void *arg)
{
	struct sigaction now;

	if (taken != arg)
		return;
	taking = NULL;
	for (size_t i = 0; i < N_ENDINGS; i++)
		if (sigaction(endings[i], NULL, &now) == 0 && now.sa_handler == on_ending)
			signal(endings[i], SIG_DFL);
	taken = NULL;
}
