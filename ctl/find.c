/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Finding the process. A name says nothing, only connect() does: the number in it may be of another
 * container, and who was killed leaves the socket behind.
 */

#include "ctl/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "ctl/say.h"
#include "devargs/error.h"
#include "devargs/value.h"

#define PREFIX "vmirror."

/* Whoever has so many waiting that he does not take one more. */
#define CONNECT_S 2

/* So many of a kind are named. */
#define NAMED 3u

unsigned int
ctl_find_dirs(struct ctl_find_dir dirs[CTL_FIND_DIRS])
{
	static const char *const variables[] = {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"};
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2; i++) {
		const char *dir = getenv(variables[i]);

		if (dir != NULL && *dir != '\0')
			dirs[n++] = (struct ctl_find_dir){.path = dir};
	}
	dirs[n++] = (struct ctl_find_dir){.path = "/var/run"};
	dirs[n++] = (struct ctl_find_dir){.path = "/run"};
	dirs[n++] = (struct ctl_find_dir){.path = "/tmp", .anybodys = true};
	return n;
}

/* @return its descriptor, or -errno */
static int
try_connect(const char *path)
{
	const struct timeval patience = {.tv_sec = CONNECT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int
ctl_connect(const char *path, struct vmirror_error *err)
{
	int fd = try_connect(path);

	switch (fd) {
	case -ENOENT:
		return vmirror_error_set(err, fd, "%s is not there; is the process running?", path);
	case -ECONNREFUSED:
		return vmirror_error_set(err, fd, "%s: nobody is behind it; its process has ended",
					 path);
	case -EACCES:
	case -EPERM:
		return vmirror_error_set(err, fd,
					 "%s: not permitted; its process's user, root or its group "
					 "may",
					 path);
	case -ENAMETOOLONG:
		return vmirror_error_set(err, fd,
					 "the path of the socket is longer than %zu bytes; name it "
					 "relative to where you are",
					 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	case -EAGAIN:
		return vmirror_error_set(err, fd, "%s: its process takes nobody; does it hang?",
					 path);
	default:
		if (fd < 0)
			vmirror_error_set(err, fd, "%s: %s", path, strerror(-fd));
		return fd;
	}
}

static struct ctl_socket *
append(struct ctl_found *found, const char *path)
{
	struct ctl_socket *s;

	found->sockets = ctl_must(
		reallocarray(found->sockets, found->n_sockets + 1, sizeof(*found->sockets)));
	s = &found->sockets[found->n_sockets++];
	*s = (struct ctl_socket){.fd = -1};
	snprintf(s->path, sizeof(s->path), "%s", path);
	return s;
}

/* /var/run is /run on most machines. */
static bool
is_known(const struct ctl_found *found, const char *path)
{
	struct stat known, st;

	if (stat(path, &st) != 0)
		return false;
	for (unsigned int i = 0; i < found->n_sockets; i++)
		if (stat(found->sockets[i].path, &known) == 0 && known.st_dev == st.st_dev &&
		    known.st_ino == st.st_ino)
			return true;
	return false;
}

static enum ctl_socket_state
judge(int ret)
{
	switch (ret) {
	case -ECONNREFUSED:
		return CTL_SOCKET_DEAD;
	case -EACCES:
	case -EPERM:
		return CTL_SOCKET_DENIED;
	default:
		return ret < 0 ? CTL_SOCKET_ODD : CTL_SOCKET_LIVE;
	}
}

/* Somebody's whom we need not trust: what he says would be printed, and what we write be his. */
static bool
is_foreign(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
	       (peer.uid != 0 && peer.uid != geteuid());
}

static void
try_socket(struct ctl_found *found, const char *path, bool anybodys)
{
	struct ctl_socket *s;
	int ret;

	if (is_known(found, path))
		return;
	ret = try_connect(path);
	if (ret == -ENOENT) /* it went meanwhile */
		return;
	s = append(found, path);
	s->state = judge(ret);
	s->error = ret < 0 ? -ret : 0;
	s->fd = ret < 0 ? -1 : ret;
	if (s->state == CTL_SOCKET_LIVE && anybodys && is_foreign(s->fd)) {
		s->state = CTL_SOCKET_FOREIGN;
		close(s->fd);
		s->fd = -1;
	}
}

static DIR *
open_dir(struct ctl_found *found, const char *path)
{
	DIR *dir = opendir(path);

	if (dir == NULL && (errno == EACCES || errno == EPERM) && !is_known(found, path))
		append(found, path)->state = CTL_SOCKET_DENIED;
	return dir;
}

static void
look_in(struct ctl_found *found, const char *path, bool anybodys, const char *pid)
{
	DIR *dir = open_dir(found, path);
	struct dirent *entry;
	char name[3072];

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		const char *number = entry->d_name + strlen(PREFIX);

		/* While it is made it has another name. */
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    !vmirror_value_is_digits(number) || (pid != NULL && strcmp(pid, number) != 0))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		try_socket(found, name, anybodys);
	}
	closedir(dir);
}

void
ctl_find(struct ctl_found *found, const struct ctl_find_dir dirs[], unsigned int n_dirs,
	 const char *pid)
{
	char top[2048], path[2560];
	struct dirent *entry;
	DIR *dir;

	*found = (struct ctl_found){0};
	for (unsigned int i = 0; i < n_dirs; i++) {
		snprintf(top, sizeof(top), "%s/dpdk", dirs[i].path);
		dir = open_dir(found, top);
		if (dir == NULL)
			continue;
		while ((entry = readdir(dir)) != NULL) {
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", top, entry->d_name);
			look_in(found, path, dirs[i].anybodys, pid);
		}
		closedir(dir);
	}
}

unsigned int
ctl_found_live(struct ctl_found *found, struct ctl_socket **live)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < found->n_sockets; i++) {
		if (found->sockets[i].state != CTL_SOCKET_LIVE)
			continue;
		n++;
		if (live != NULL)
			*live = &found->sockets[i];
	}
	return n;
}

void
ctl_found_fini(struct ctl_found *found)
{
	for (unsigned int i = 0; i < found->n_sockets; i++)
		if (found->sockets[i].fd >= 0)
			close(found->sockets[i].fd);
	free(found->sockets);
	*found = (struct ctl_found){0};
}

static void __attribute__((format(printf, 2, 3)))
add_words(struct vmirror_error *err, const char *fmt, ...)
{
	size_t len = strlen(err->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text + len, sizeof(err->text) - len, fmt, ap);
	va_end(ap);
}

/* "; ended: A, B, and 2 more" */
static void
add_kind(const struct ctl_found *found, enum ctl_socket_state state, const char *what,
	 struct vmirror_error *err)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < found->n_sockets; i++) {
		const struct ctl_socket *s = &found->sockets[i];

		if (s->state != state)
			continue;
		if (n < NAMED)
			add_words(err, n == 0 ? "; %s: %s" : "%.0s, %s", what, s->path);
		if (n < NAMED && state == CTL_SOCKET_ODD)
			add_words(err, " (%s)", strerror(s->error));
		n++;
	}
	if (n > NAMED)
		add_words(err, ", and %u more", n - NAMED);
}

int
ctl_found_none(const struct ctl_found *found, const struct ctl_find_dir dirs[], unsigned int n_dirs,
	       const char *pid, struct vmirror_error *err)
{
	if (pid != NULL)
		vmirror_error_set(err, -ENOENT,
				  "process %.20s has no control socket of vmirror's that answers",
				  pid);
	else
		vmirror_error_set(err, -ENOENT,
				  "no process with vmirror was found; is one running? Its socket "
				  "elsewhere: --control PATH");
	add_kind(found, CTL_SOCKET_DENIED, "not permitted, be root, or of its group", err);
	add_kind(found, CTL_SOCKET_DEAD, "left by processes that have ended", err);
	add_kind(found, CTL_SOCKET_FOREIGN, "another user's, --control takes it all the same", err);
	add_kind(found, CTL_SOCKET_ODD, "do not answer", err);
	add_words(err, "; looked for " PREFIX "%.20s in", pid != NULL ? pid : "PID");
	for (unsigned int i = 0; i < n_dirs; i++)
		add_words(err, "%s %.100s/dpdk/*/", i == 0 ? "" : ",", dirs[i].path);
	return -ENOENT;
}
