/* SPDX-License-Identifier: BSD-3-Clause */

/* tcpdump, for capture without -w. */

#include "ctl/tcpdump.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ctl/ending.h"
#include "devargs/error.h"

int
ctl_tcpdump_find(char path[PATH_MAX], struct vmirror_error *err)
{
	const char *dirs = getenv("PATH");
	char all[8192];
	size_t len;

	/* Who is not root may not have these, where tcpdump often is. */
	snprintf(all, sizeof(all), "%s:/usr/sbin:/sbin:/usr/bin", dirs != NULL ? dirs : "");
	for (const char *dir = all; *dir != '\0'; dir += len + (dir[len] == ':')) {
		len = strcspn(dir, ":");
		snprintf(path, PATH_MAX, "%.*s/tcpdump", (int)len, dir);
		if (len > 0 && access(path, X_OK) == 0)
			return 0;
	}
	return vmirror_error_set(err, -ENOENT,
				 "tcpdump, which shows packets, is not installed; install it, or "
				 "write them: -w FILE, or -w - | tshark -r -");
}

/* It becomes another user when it begins, and then the kernel does not end it with its parent. */
static pid_t running;

static void
take_along(void *arg)
{
	kill(*(const pid_t *)arg, SIGTERM);
}

/* In the child; what goes wrong is seen by its status. */
static void
become(const char *path, const char *flags, int fd, pid_t parent)
{
	setpgid(0, 0);
	/* It is in the background, and writes to the terminal all the same. */
	signal(SIGTTOU, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || dup2(fd, STDIN_FILENO) < 0)
		_exit(1);
	execl(path, "tcpdump", "-l", "-r", "-", flags, NULL);
	_exit(127);
}

pid_t
ctl_tcpdump_start(const char *path, const char *letters, int fd, struct vmirror_error *err)
{
	char flags[64];
	pid_t parent = getpid(), pid;

	snprintf(flags, sizeof(flags), "-n%s", letters);
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid < 0)
		return vmirror_error_set(err, -errno, "tcpdump cannot be started: %s",
					 strerror(errno));
	if (pid == 0)
		become(path, flags, fd, parent);
	running = pid;
	ctl_ending_takes(take_along, &running);
	return pid;
}

void
ctl_tcpdump_ended(void)
{
	ctl_ending_leaves(&running);
}
