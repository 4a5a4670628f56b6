/* SPDX-License-Identifier: BSD-3-Clause */

#include "fileset.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"

extern char **environ;

/* Where a name's extension begins: the last, or the two of "report.pcapng.zst". */
static const char *
extension(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	const char *end = base + strlen(base);
	const char *last = strrchr(base, '.');

	if (last == NULL || last == base)
		return end;
	if (strcmp(last, ".zst") == 0) {
		const char *at = last - 1;

		while (at > base && *at != '.')
			at--;
		if (at > base)
			last = at;
	}
	return last;
}

int
vmirror_fileset_name(char name[PATH_MAX], const char *path, unsigned int index, time_t now,
		     struct vmirror_error *err)
{
	const char *dot = extension(path);
	char when[32];
	struct tm tm;
	int len;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d%H%M%S", &tm);
	len = snprintf(name, PATH_MAX, "%.*s_%05u_%s%s", (int)(dot - path), path, index, when, dot);
	if (len < PATH_MAX)
		return 0;
	return vmirror_error_set(err, -ENAMETOOLONG, "path=%.80s: the name is too long", path);
}

void
vmirror_fileset_run(const char *command, const char *path)
{
	char script[VMIRROR_FILESET_COMMAND_SIZE + 16];
	char word[PATH_MAX + 2];
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, (char[]){"sh"}, word, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	pid_t pid;

	/* An option is what it is not. */
	snprintf(word, sizeof(word), "%s%s", *path == '-' ? "./" : "", path);
	snprintf(script, sizeof(script), "{ %s \"$1\"\n} &", command);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ) == 0)
		waitpid(pid, NULL, 0);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
}

bool
vmirror_fileset_remove_packed(const char *path)
{
	static const char *const endings[] = {"gz",  "bz2", "xz",  "zst", "lzma",
					      "lz4", "lz",  "lzo", "Z"};
	bool removed = false;
	char packed[PATH_MAX];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (snprintf(packed, sizeof(packed), "%s.%s", path, endings[i]) <
			    (int)sizeof(packed) &&
		    lstat(packed, &st) == 0 && S_ISREG(st.st_mode) && unlink(packed) == 0)
			removed = true;
	return removed;
}
