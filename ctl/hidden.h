/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_HIDDEN_H
#define CTL_HIDDEN_H

/*
 * A file that is written before it has its name: without any, or under a hidden one where the file system
 * has no such files.
 */

#include <limits.h>

#include "vmirror_error.h"

struct ctl_hidden {
	int fd;
	char name[PATH_MAX]; /**< what it is called meanwhile; empty: nothing */
};

/**
 * Make one in the directory of a path, as a file cannot be moved from one file system to another.
 *
 * @param number  tells it from others of this program's
 * @return        0, or -errno with err set
 */
int
ctl_hidden_make(struct ctl_hidden *file, const char *path, unsigned int number,
		struct vmirror_error *err);

/** Close it; it goes. */
void
ctl_hidden_drop(const struct ctl_hidden *file);

/**
 * What has the name already makes room, and there is always something of that name.
 *
 * @param name  receives what it is called; stays empty where that is nothing. It may be another than was
 *              wanted: who had a name and has none gets none again
 * @return      0, or -errno: it has not the name that was wanted
 */
int
ctl_hidden_name(const struct ctl_hidden *file, const char *wanted, char name[PATH_MAX]);

/** The directory of a path. */
void
ctl_hidden_directory(const char *path, char dir[PATH_MAX]);

#endif
