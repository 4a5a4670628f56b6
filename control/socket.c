/* SPDX-License-Identifier: BSD-3-Clause */

/* Where clients knock. server.c accepts. */

#include "control/socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devargs/error.h"
#include "devargs/value.h"

/* Until it is ready. */
#define NEW ".new"

/* Connections that the kernel keeps until they are accepted. */
#define BACKLOG 128

static int
set_address(struct sockaddr_un *address, const char *path, const char *suffix,
	    struct vmirror_error *err)
{
	int len = snprintf(address->sun_path, sizeof(address->sun_path), "%s%s", path, suffix);

	address->sun_family = AF_UNIX;
	if (len >= 0 && (size_t)len < sizeof(address->sun_path))
		return 0;
	return vmirror_error_set(err, -ENAMETOOLONG,
				 "control socket %s: the path is too long, a socket's has %zu "
				 "bytes at the most",
				 path, sizeof(address->sun_path) - sizeof(NEW));
}

/* Whether somebody listens there. @return 0; ECONNREFUSED: it is a dead process's; another errno value */
static int
knock(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return errno;
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
	close(fd);
	return error == EAGAIN ? 0 : error;
}

/* One of another kind is somebody's all the same. */
static int
check_free(const struct sockaddr_un *address, struct vmirror_error *err)
{
	const char *path = address->sun_path;
	struct stat st;
	int error;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return vmirror_error_set(err, -EEXIST,
					 "control socket %s: exists, and is no socket", path);
	error = knock(address);
	if (error == ECONNREFUSED || error == ENOENT)
		return 0;
	if (error != 0)
		return vmirror_error_set(err, -error,
					 "control socket %s: is somebody else's socket (%s); name "
					 "another path",
					 path, strerror(error));
	return vmirror_error_set(err, -EADDRINUSE,
				 "control socket %s: another process, or another server of this "
				 "one, listens there",
				 path);
}

void
vmirror_socket_sweep(const char *dir, const char *prefix)
{
	DIR *entries = opendir(dir);
	struct sockaddr_un address;
	struct dirent *entry;
	char path[PATH_MAX];
	struct stat st;

	if (entries == NULL)
		return;
	while ((entry = readdir(entries)) != NULL) {
		/* One that is being made has another name, and does not listen yet. */
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
		    !vmirror_value_is_digits(entry->d_name + strlen(prefix)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		    set_address(&address, path, "", NULL) == 0 && knock(&address) == ECONNREFUSED)
			unlink(path);
	}
	closedir(entries);
}

static int
find_group(const char *group, gid_t *gid, struct vmirror_error *err)
{
	struct group entry, *found = NULL;
	char buf[16384];
	int ret;

	ret = getgrnam_r(group, &entry, buf, sizeof(buf), &found);
	if (found == NULL)
		return vmirror_error_set(err, ret != 0 ? -ret : -ENOENT, "control group '%s': %s",
					 group,
					 ret != 0 ? strerror(ret) : "there is none of that name");
	*gid = found->gr_gid;
	return 0;
}

/* A directory on the way that the group may not pass leaves it outside: EAL's are the user's alone. */
static int
check_way(const char *path, const char *group, gid_t gid, struct vmirror_error *err)
{
	char dir[PATH_MAX], *slash;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
		*slash = '\0';
		if (stat(dir, &st) != 0 || (st.st_mode & S_IXOTH) != 0 ||
		    (st.st_gid == gid && (st.st_mode & S_IXGRP) != 0))
			continue;
		return vmirror_error_set(
			err, -EACCES,
			"control group '%s': its members cannot get into %s; right "
			"would be a socket elsewhere, as --control /run/vmirror.sock",
			group, dir);
	}
	return 0;
}

/*
 * Of what was bound, and of nothing that somebody has put in its place: a link is not followed. The
 * socket was given its mode before it had a name.
 */
static int
give_to_group(const char *path, const char *group, struct vmirror_error *err)
{
	gid_t gid;
	int ret;

	ret = find_group(group, &gid, err);
	if (ret == 0)
		ret = check_way(path, group, gid, err);
	if (ret != 0)
		return ret;
	if (fchownat(AT_FDCWD, path, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fchmodat(AT_FDCWD, path, 0660, AT_SYMLINK_NOFOLLOW) != 0)
		return vmirror_error_set(err, -errno, "control group '%s': %s: %s", group, path,
					 strerror(errno));
	return 0;
}

/* Under a name that no client looks for, until all is as it is to be. */
static int
prepare(struct vmirror_socket *s, const struct sockaddr_un *fresh, const char *group,
	struct vmirror_error *err)
{
	struct stat st;
	int ret = 0;

	unlink(fresh->sun_path);
	/* The name gets the mode that the socket has now. [Linux, net/unix/af_unix.c: unix_bind_bsd()] */
	if (fchmod(s->fd, 0600) != 0 ||
	    bind(s->fd, (const struct sockaddr *)fresh, sizeof(*fresh)) != 0)
		return vmirror_error_set(err, -errno, "control socket %s: %s", s->address.sun_path,
					 strerror(errno));
	if (group != NULL)
		ret = give_to_group(fresh->sun_path, group, err);
	if (ret == 0 && (listen(s->fd, BACKLOG) != 0 || lstat(fresh->sun_path, &st) != 0 ||
			 rename(fresh->sun_path, s->address.sun_path) != 0))
		ret = vmirror_error_set(err, -errno, "control socket %s: %s", s->address.sun_path,
					strerror(errno));
	if (ret != 0) {
		unlink(fresh->sun_path);
		return ret;
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

int
vmirror_socket_open(struct vmirror_socket *s, const char *path, const char *group,
		    struct vmirror_error *err)
{
	struct sockaddr_un fresh;
	int ret;

	*s = (struct vmirror_socket){.fd = -1};
	ret = set_address(&s->address, path, "", err);
	if (ret == 0)
		ret = set_address(&fresh, path, NEW, err);
	if (ret == 0)
		ret = check_free(&s->address, err);
	if (ret != 0)
		return ret;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return vmirror_error_set(err, -errno, "control socket: %s", strerror(errno));
	ret = prepare(s, &fresh, group, err);
	if (ret != 0)
		vmirror_socket_forked(s);
	return ret;
}

void
vmirror_socket_close(struct vmirror_socket *s)
{
	struct stat st;

	if (s->fd < 0)
		return;
	if (lstat(s->address.sun_path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->address.sun_path);
	vmirror_socket_forked(s);
}

void
vmirror_socket_forked(struct vmirror_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
