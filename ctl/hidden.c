/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/hidden.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devargs/error.h"

void
ctl_hidden_directory(const char *path, char dir[PATH_MAX])
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(dir, PATH_MAX, "%s", dirname(copy));
}

int
ctl_hidden_make(struct ctl_hidden *file, const char *path, unsigned int number,
		struct vmirror_error *err)
{
	const int flags = O_WRONLY | O_CLOEXEC;
	char dir[PATH_MAX];

	ctl_hidden_directory(path, dir);
	file->name[0] = '\0';
	file->fd = open(dir, flags | O_TMPFILE, 0600);
	if (file->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return vmirror_error_set(err, -EIO, "no file can be made in %s: %s", dir,
					 strerror(errno));
	if (snprintf(file->name, sizeof(file->name), "%s/.vmirrorctl.%d.%u", dir, (int)getpid(),
		     number) >= (int)sizeof(file->name))
		return vmirror_error_set(err, -ENAMETOOLONG, "%.80s: the name is too long", dir);
	file->fd = open(file->name, flags | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (file->fd < 0)
		return vmirror_error_set(err, -EIO, "%s cannot be made: %s", file->name,
					 strerror(errno));
	return 0;
}

void
ctl_hidden_drop(const struct ctl_hidden *file)
{
	if (file->name[0] != '\0')
		unlink(file->name);
	close(file->fd);
}

/* @return 0, or -errno */
static int
link_to(const struct ctl_hidden *file, const char *name)
{
	char link[64];

	if (file->name[0] != '\0')
		return rename(file->name, name) == 0 ? 0 : -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

int
ctl_hidden_name(const struct ctl_hidden *file, const char *wanted, char name[PATH_MAX])
{
	char other[PATH_MAX];
	int ret = link_to(file, wanted);

	if (ret == -EEXIST && file->name[0] == '\0' &&
	    snprintf(other, sizeof(other), "%s.%d", wanted, (int)getpid()) < (int)sizeof(other) &&
	    link_to(file, other) == 0) {
		ret = rename(other, wanted) == 0 ? 0 : -errno;
		snprintf(name, PATH_MAX, "%s", other);
	}
	if (ret == 0)
		snprintf(name, PATH_MAX, "%s", wanted);
	return ret;
}
