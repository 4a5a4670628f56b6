/* SPDX-License-Identifier: BSD-3-Clause */

/* What a client says and is told, as bytes; what they mean is rpc.c's. */

#include "control/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/thread.h"

#define FIRST_ROOM 2048

/* A request is sent in one go. */
#define HOARD_NS UINT64_C(10000000000)

struct vmirror_session *
vmirror_session_create(int fd)
{
	struct vmirror_session *s = calloc(1, sizeof(*s));
	socklen_t len = sizeof(struct ucred);
	struct ucred peer;

	if (s == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
		free(s);
		close(fd);
		return NULL;
	}
	s->fd = fd;
	s->pid = peer.pid;
	s->uid = peer.uid;
	s->all_rights = peer.uid == 0 || peer.uid == geteuid();
	s->heard_ns = vmirror_now_ns();
	return s;
}

void
vmirror_session_destroy(struct vmirror_session *s)
{
	vmirror_session_drop_fds(s);
	json_decref(s->watch.params);
	close(s->fd);
	free(s->in);
	free(s->out);
	free(s);
}

void
vmirror_session_drop_fds(struct vmirror_session *s)
{
	while (s->n_fds > 0)
		close(s->fds[--s->n_fds]);
	s->fds_lost = false;
}

uint64_t
vmirror_session_due_ns(const struct vmirror_session *s)
{
	/* What comes behind a request that is being run waits. */
	return s->n_fds == 0 || s->busy ? UINT64_MAX : s->heard_ns + HOARD_NS;
}

/* What the kernel has put into our table, whether it is wanted or not. */
static void
take_fds(struct vmirror_session *s, struct msghdr *msg)
{
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	if ((msg->msg_flags & MSG_CTRUNC) != 0)
		s->fds_lost = true;
	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (s->n_fds < VMIRROR_SESSION_FDS) {
				s->fds[s->n_fds++] = fd;
			} else {
				s->fds_lost = true;
				close(fd);
			}
		}
	}
}

/* Room for more of the line. */
static bool
make_room(struct vmirror_session *s)
{
	size_t room = s->in_room == 0 ? FIRST_ROOM : 2 * s->in_room;
	char *more;

	if (s->in_len < s->in_room)
		return true;
	if (s->in_room >= VMIRROR_SESSION_LINE)
		return false;
	more = realloc(s->in, room);
	if (more == NULL)
		return false;
	s->in = more;
	s->in_room = room;
	return true;
}

/* @return bytes to take so that no more than one line is had; 0: nothing comes any more; -errno */
static ssize_t
look_ahead(struct vmirror_session *s)
{
	char *at = s->in + s->in_len;
	ssize_t n = recv(s->fd, at, s->in_room - s->in_len, MSG_DONTWAIT | MSG_PEEK);
	const char *newline = n > 0 ? memchr(at, '\n', (size_t)n) : NULL;

	if (n < 0)
		return -errno;
	return newline != NULL ? newline + 1 - at : n;
}

/*
 * Descriptors come with the first byte of what they were sent with; the kernel tells which read that
 * was in, and not which byte. So that they are of the request that they came with, a read takes no more
 * than one.
 */
void
vmirror_session_read(struct vmirror_session *s)
{
	union {
		char bytes[CMSG_SPACE(VMIRROR_SESSION_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	if (!make_room(s)) {
		s->broken = s->in_len < VMIRROR_SESSION_LINE; /* no memory */
		return;
	}
	n = look_ahead(s);
	if (n > 0) {
		iov.iov_base = s->in + s->in_len;
		iov.iov_len = (size_t)n;
		n = recvmsg(s->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		n = n < 0 ? -errno : n;
	}
	if (n > 0) {
		take_fds(s, &msg);
		s->in_len += (size_t)n;
		s->heard_ns = vmirror_now_ns();
	} else if (n == 0) {
		s->ended = true;
	} else if (n != -EAGAIN && n != -EINTR) {
		s->broken = true;
	}
}

int
vmirror_session_line(struct vmirror_session *s, const char **line)
{
	size_t len = s->in_len;

	if (len == 0)
		return -EAGAIN;
	if (s->in[len - 1] != '\n')
		return len < VMIRROR_SESSION_LINE ? -EAGAIN : -EMSGSIZE;
	*line = s->in;
	s->in_len = 0;
	return (int)len - 1;
}

void
vmirror_session_flush(struct vmirror_session *s)
{
	ssize_t n = 0;

	while (n >= 0 && vmirror_session_waits(s)) {
		n = send(s->fd, s->out + s->out_done, s->out_len - s->out_done,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			s->out_done += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			s->broken = true;
	}
	if (vmirror_session_waits(s))
		return;
	free(s->out);
	s->out = NULL;
	s->out_len = 0;
	s->out_done = 0;
}

void
vmirror_session_send(struct vmirror_session *s, const json_t *message)
{
	size_t len = json_dumpb(message, NULL, 0, JSON_COMPACT);
	char *out = len == 0 ? NULL : realloc(s->out, s->out_len + len + 1);

	if (out == NULL) {
		s->broken = true;
		return;
	}
	s->out = out;
	json_dumpb(message, out + s->out_len, len, JSON_COMPACT);
	out[s->out_len + len] = '\n';
	s->out_len += len + 1;
	vmirror_session_flush(s);
}
