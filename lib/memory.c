/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading /proc/meminfo and the files of cgroups(7). attach.c asks. */

#include "lib/memory.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CGROUPS "/sys/fs/cgroup"

/* The files of a version of cgroups in which a group's limit and use are told. */
static const struct controller {
	const char *roots[2]; /* where it may be mounted */
	const char *limit;
	const char *usage;
	const char *reclaimable; /* in memory.stat: pages of files, which make room */
} controllers[] = {
	{{CGROUPS, CGROUPS "/unified"}, "memory.max", "memory.current", "inactive_file"},
	{{CGROUPS "/memory"},
	 "memory.limit_in_bytes",
	 "memory.usage_in_bytes",
	 "total_inactive_file"},
};

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A file that holds one number, or "max". @return false: it is not there */
static bool
read_number(const char *dir, const char *name, uint64_t *number)
{
	char path[PATH_MAX + 64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fscanf(file, "%" SCNu64, number) != 1)
		*number = UINT64_MAX;
	fclose(file);
	return true;
}

/* A number behind a word at the beginning of a line. */
static bool
read_field(const char *path, const char *word, uint64_t *number)
{
	char line[256];
	FILE *file = fopen(path, "re");
	size_t len = strlen(word);
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
		found = strncmp(line, word, len) == 0 &&
			sscanf(line + len, "%" SCNu64, number) == 1;
	if (file != NULL)
		fclose(file);
	return found;
}

/* What one group leaves. */
static uint64_t
left_in(const struct controller *c, const char *dir)
{
	uint64_t limit, usage, files = 0;
	char stat[PATH_MAX + 64];

	if (!read_number(dir, c->limit, &limit) || limit == UINT64_MAX ||
	    !read_number(dir, c->usage, &usage))
		return UINT64_MAX;
	snprintf(stat, sizeof(stat), "%s/memory.stat", dir);
	read_field(stat, c->reclaimable, &files);
	usage -= less(usage, files);
	return limit - less(limit, usage);
}

/* A group is in every group above it. In a container the path may be one that cannot be seen. */
static uint64_t
left_up_from(const struct controller *c, const char *group)
{
	uint64_t left = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < 2 && c->roots[i] != NULL; i++) {
		char dir[PATH_MAX];
		size_t root = strlen(c->roots[i]);

		snprintf(dir, sizeof(dir), "%s%s", c->roots[i], group);
		for (;;) {
			char *slash;

			left = less(left, left_in(c, dir));
			slash = strrchr(dir, '/');
			if (slash == NULL || (size_t)(slash - dir) < root)
				break;
			*slash = '\0';
		}
	}
	return left;
}

/* "0::/a/b" for version 2, "4:memory:/a/b" for version 1. [cgroups(7)] */
static uint64_t
left_by_cgroups(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t left = UINT64_MAX;
	char line[PATH_MAX + 64];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *names = strchr(line, ':');
		char *group = names == NULL ? NULL : strchr(names + 1, ':');

		if (group == NULL)
			continue;
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		if (names[1] == '\0')
			left = less(left, left_up_from(&controllers[0], group));
		else if (strstr(names, "memory") != NULL)
			left = less(left, left_up_from(&controllers[1], group));
	}
	if (file != NULL)
		fclose(file);
	return left;
}

uint64_t
vmirror_memory_available(void)
{
	uint64_t left = left_by_cgroups();
	uint64_t kib;

	if (read_field("/proc/meminfo", "MemAvailable:", &kib))
		left = less(left, kib * 1024);
	return left;
}
