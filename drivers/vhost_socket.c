/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * net_virtio_user.c's view of sockets. The PMD keeps its own to itself: they are found among the
 * process's descriptors by the name that the kernel knows them under.
 */

#include "drivers/vhost_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* How often a PMD that has been given up is told so: it may be between two waits. */
#define INSIST_NS (50 * 1000 * 1000)

int
vmirror_vhost_look(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, ret;

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	if (stat(path, &st) != 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A stream socket refuses the type, and before that the kernel has looked for its owner. */
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		ret = -EPROTOTYPE;
	else
		ret = errno == EPROTOTYPE ? 0 : -errno;
	close(fd);
	return ret;
}

static bool
has_name(const struct sockaddr_un *un, socklen_t len, const char *path, bool base_only)
{
	size_t room = len > offsetof(struct sockaddr_un, sun_path)
			      ? len - offsetof(struct sockaddr_un, sun_path)
			      : 0;
	char name[sizeof(un->sun_path) + 1] = "";
	char wanted[VMIRROR_VHOST_PATH_SIZE];

	if (un->sun_family != AF_UNIX || room == 0 || strlen(path) >= sizeof(wanted))
		return false;
	memcpy(name, un->sun_path, room < sizeof(un->sun_path) ? room : sizeof(un->sun_path));
	strcpy(wanted, path);
	if (base_only)
		return strcmp(basename(name), basename(wanted)) == 0;
	return strcmp(name, wanted) == 0;
}

/*
 * A server's socket has the path as its name; a client's peer has the name that the server gave
 * itself, relative to a directory of its own perhaps.
 */
static bool
is_wanted(int fd, const char *path, enum vmirror_vhost_end end)
{
	struct sockaddr_un own = {0}, peer = {0};
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);
	bool connected;
	int type;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM ||
	    getsockname(fd, (struct sockaddr *)&own, &own_len) != 0 || own.sun_family != AF_UNIX)
		return false;
	connected = getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0;
	switch (end) {
	case VMIRROR_VHOST_LISTENING:
		return !connected && has_name(&own, own_len, path, false);
	case VMIRROR_VHOST_ACCEPTED:
		return connected && has_name(&own, own_len, path, false);
	case VMIRROR_VHOST_CONNECTED:
		return connected && own_len <= offsetof(struct sockaddr_un, sun_path) &&
		       has_name(&peer, peer_len, path, true);
	}
	return false;
}

/* The next of the process's descriptors that is wanted; -1: no more. */
static int
next_wanted(DIR *dir, const char *path, enum vmirror_vhost_end end)
{
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir) && is_wanted(fd, path, end))
			return fd;
	}
	return -1;
}

int
vmirror_vhost_find(const char *path, enum vmirror_vhost_end end)
{
	DIR *dir = opendir("/proc/self/fd");
	int fd, own = -ENOENT;

	if (dir == NULL)
		return -ENOENT;
	while (own < 0 && (fd = next_wanted(dir, path, end)) >= 0) {
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		/* The number may have gone to another file meanwhile. */
		if (own >= 0 && !is_wanted(own, path, end)) {
			close(own);
			own = -ENOENT;
		}
	}
	closedir(dir);
	return own < 0 ? -ENOENT : own;
}

void
vmirror_vhost_close(const char *path, enum vmirror_vhost_end end)
{
	DIR *dir = opendir("/proc/self/fd");
	int fd;

	if (dir == NULL)
		return;
	while ((fd = next_wanted(dir, path, end)) >= 0)
		close(fd);
	closedir(dir);
}

int
vmirror_vhost_limit(const char *path, enum vmirror_vhost_end end, unsigned int seconds)
{
	const struct timeval limit = {.tv_sec = seconds};
	int fd = vmirror_vhost_find(path, end);
	int ret = 0;

	if (fd < 0)
		return fd;
	/* Options are the socket's, whichever descriptor they are set through. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
		ret = -errno;
	close(fd);
	return ret;
}

int
vmirror_vhost_is_gone(const char *path, enum vmirror_vhost_end end)
{
	int fd = vmirror_vhost_find(path, end);
	ssize_t n;
	char byte;

	if (fd < 0)
		return fd;
	n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	n = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	close(fd);
	return n;
}

/* A vhost-user message: GET_FEATURES and its answer. [DPDK's vhost-user protocol; docs/interop of QEMU] */
struct greeting {
	uint32_t request;
	uint32_t flags; /* version 1; 4: an answer */
	uint32_t size;
	uint64_t features;
} __attribute__((packed));

static bool
answers(int fd)
{
	const struct timeval limit = {.tv_usec = 200000};
	struct greeting hello = {.request = 1, .flags = 1};
	struct greeting answer;

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	       send(fd, &hello, offsetof(struct greeting, features), MSG_NOSIGNAL) > 0 &&
	       recv(fd, &answer, sizeof(answer), 0) == sizeof(answer) && answer.request == 1 &&
	       answer.flags == 5 && answer.size == sizeof(answer.features);
}

bool
vmirror_vhost_greet(const char *path)
{
	struct pollfd listening = {
		.fd = vmirror_vhost_find(path, VMIRROR_VHOST_LISTENING),
		.events = POLLIN,
	};
	bool is_peer = false;
	int fd;

	if (listening.fd < 0)
		return false;
	if (poll(&listening, 1, 0) == 1 && (listening.revents & POLLIN) != 0) {
		/* Nobody else takes anybody there: the PMD does so once, when it is plugged. */
		fd = accept4(listening.fd, NULL, NULL, SOCK_CLOEXEC);
		is_peer = fd >= 0 && answers(fd);
		if (fd >= 0)
			close(fd);
	}
	close(listening.fd);
	return is_peer;
}

bool
vmirror_vhost_shutdown(const char *path, enum vmirror_vhost_end end)
{
	int fd = vmirror_vhost_find(path, end);

	if (fd < 0)
		return false;
	shutdown(fd, SHUT_RDWR);
	close(fd);
	return true;
}

static void
give_up(struct vmirror_vhost_watch *watch)
{
	bool silent;

	if (watch->server) {
		silent = vmirror_vhost_shutdown(watch->path, VMIRROR_VHOST_ACCEPTED);
		vmirror_vhost_shutdown(watch->path, VMIRROR_VHOST_LISTENING);
	} else {
		silent = vmirror_vhost_shutdown(watch->path, VMIRROR_VHOST_CONNECTED);
	}
	if (watch->result != VMIRROR_VHOST_SILENT)
		watch->result = silent ? VMIRROR_VHOST_SILENT : VMIRROR_VHOST_NOBODY;
}

static void *
watch_run(void *arg)
{
	struct vmirror_vhost_watch *watch = arg;
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += watch->seconds;
	pthread_mutex_lock(&watch->lock);
	while (!watch->stop) {
		if (pthread_cond_timedwait(&watch->wake, &watch->lock, &at) != ETIMEDOUT)
			continue;
		give_up(watch);
		at.tv_nsec += INSIST_NS;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
	}
	pthread_mutex_unlock(&watch->lock);
	return NULL;
}

/* The thread inherits a mask that leaves all signals to the host's threads. */
int
vmirror_vhost_watch_start(struct vmirror_vhost_watch *watch)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int ret;

	watch->stop = false;
	watch->result = VMIRROR_VHOST_IN_TIME;
	pthread_mutex_init(&watch->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&watch->wake, &attr);
	pthread_condattr_destroy(&attr);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&watch->thread, NULL, watch_run, watch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watch->runs = ret == 0;
	return -ret;
}

void
vmirror_vhost_watch_stop(struct vmirror_vhost_watch *watch)
{
	if (!watch->runs)
		return;
	pthread_mutex_lock(&watch->lock);
	watch->stop = true;
	pthread_cond_signal(&watch->wake);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
	pthread_cond_destroy(&watch->wake);
	pthread_mutex_destroy(&watch->lock);
	watch->runs = false;
}
