/* SPDX-License-Identifier: BSD-3-Clause */

/* Lines on a socket, for session.c. */

#include "ctl/link.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/clock.h"
#include "ctl/say.h"
#include "devargs/error.h"

#define FIRST_SIZE 65536u

void
ctl_link_init(struct ctl_link *link, int fd)
{
	*link = (struct ctl_link){.fd = fd};
}

void
ctl_link_fini(struct ctl_link *link)
{
	if (link->fd > 0)
		close(link->fd);
	free(link->buf);
	*link = (struct ctl_link){0};
}

static int
has_gone(struct vmirror_error *err)
{
	return vmirror_error_set(err, -ECONNRESET,
				 "the process has ended, or has closed the connection");
}

static int
send_some(int fd, const char *text, size_t len, const int fds[], unsigned int n_fds, size_t *sent)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(CTL_LINK_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *head;
	ssize_t n;

	if (n_fds > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(head), fds, n_fds * sizeof(int));
	}
	n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	*sent = (size_t)n;
	return 0;
}

int
ctl_link_send(struct ctl_link *link, const char *line, size_t len, const int fds[],
	      unsigned int n_fds, struct vmirror_error *err)
{
	size_t at = 0, sent = 0;
	int ret;

	if (len > CTL_LINK_REQUEST_MAX)
		return vmirror_error_set(err, -E2BIG,
					 "the request has %zu bytes, more than the %u that are "
					 "taken; ask for less at a time",
					 len, CTL_LINK_REQUEST_MAX);
	while (at < len) {
		ret = send_some(link->fd, line + at, len - at, fds, n_fds, &sent);
		if (ret == -EINTR)
			continue;
		if (ret == -EPIPE || ret == -ECONNRESET)
			return has_gone(err);
		if (ret != 0)
			return vmirror_error_set(err, ret, "cannot send to the process: %s",
						 strerror(-ret));
		at += sent;
		n_fds = 0; /* they went with the first byte */
	}
	return 0;
}

/* The line that was handed out makes room for what is behind it. */
static void
drop_line(struct ctl_link *link)
{
	if (link->line == 0)
		return;
	link->used -= link->line;
	memmove(link->buf, link->buf + link->line, link->used);
	link->line = 0;
	link->looked = 0;
}

/* @return whether there is one */
static bool
find_line(struct ctl_link *link)
{
	char *newline = NULL;

	if (link->used > link->looked)
		newline = memchr(link->buf + link->looked, '\n', link->used - link->looked);
	link->looked = link->used;
	if (newline == NULL)
		return false;
	*newline = '\0';
	link->line = (size_t)(newline - link->buf) + 1;
	return true;
}

static int
read_some(struct ctl_link *link, struct vmirror_error *err)
{
	ssize_t n;

	if (link->used == link->size) {
		link->size = link->size == 0 ? FIRST_SIZE : 2 * link->size;
		link->buf = ctl_must(realloc(link->buf, link->size));
	}
	n = recv(link->fd, link->buf + link->used, link->size - link->used, MSG_DONTWAIT);
	if (n > 0) {
		link->used += (size_t)n;
		return 0;
	}
	if (n == 0 || errno == ECONNRESET)
		return has_gone(err);
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return vmirror_error_set(err, -errno, "cannot read from the process: %s", strerror(errno));
}

int
ctl_link_receive(struct ctl_link *link, int timeout_ms, char **line, struct vmirror_error *err)
{
	struct pollfd ready = {.fd = link->fd, .events = POLLIN};
	int64_t end = ctl_now_ms() + timeout_ms, left = timeout_ms;
	int ret;

	drop_line(link);
	while (!find_line(link)) {
		if (link->used == CTL_LINK_LINE_MAX)
			return vmirror_error_set(
				err, -EMSGSIZE,
				"the process sends a line of more than %u bytes; is it "
				"vmirror?",
				CTL_LINK_LINE_MAX);
		ret = poll(&ready, 1, (int)left);
		if (ret < 0 && errno != EINTR)
			return vmirror_error_set(err, -errno, "cannot wait: %s", strerror(errno));
		if (ret == 0)
			return -EAGAIN;
		ret = ret > 0 ? read_some(link, err) : 0;
		if (ret < 0)
			return ret;
		if (timeout_ms >= 0)
			left = end > ctl_now_ms() ? end - ctl_now_ms() : 0;
	}
	*line = link->buf;
	return (int)link->line - 1;
}
