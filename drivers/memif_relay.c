/* SPDX-License-Identifier: BSD-3-Clause */

/* The messages between net_memif's PMD and its server, passed on by hand; for net_memif. */

#include "drivers/memif_relay.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drivers/interrupts.h"

#define CONNECT_MS 1000

/* Of a message the type comes first. [memif.h: memif_msg_type_t, memif_msg_disconnect_t] */
#define TYPE_CONNECTED    7
#define TYPE_DISCONNECT   8
#define DISCONNECT_REASON 6 /* bytes before its text, which ends in 0 or with the message */
#define DISCONNECT_TEXT   96

/* Messages have 128 bytes; one descriptor comes with some. */
#define MAX_MESSAGE     512
#define MAX_DESCRIPTORS 4

struct message {
	uint8_t bytes[MAX_MESSAGE];
	size_t len;
	int fds[MAX_DESCRIPTORS];
	unsigned int n_fds;
};

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
};

static uint16_t
message_type(const struct message *msg)
{
	uint16_t type;

	if (msg->len < sizeof(type))
		return 0;
	memcpy(&type, msg->bytes, sizeof(type));
	return type;
}

static void
take_descriptors(struct message *msg, struct msghdr *mh)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg != NULL; cmsg = CMSG_NXTHDR(mh, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
			msg->n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(msg->fds, CMSG_DATA(cmsg), msg->n_fds * sizeof(int));
		}
}

static void
drop_descriptors(struct message *msg)
{
	while (msg->n_fds > 0)
		close(msg->fds[--msg->n_fds]);
}

/* @return 1; 0: the other side has hung up; -errno, -EAGAIN: nothing is there */
static int
receive(int fd, struct message *msg)
{
	struct iovec iov = {.iov_base = msg->bytes, .iov_len = sizeof(msg->bytes)};
	union control control;
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	msg->n_fds = 0;
	if (len <= 0)
		return len == 0 ? 0 : -errno;
	msg->len = len;
	take_descriptors(msg, &mh);
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return 1;
	drop_descriptors(msg);
	return -EMSGSIZE;
}

/* @return 0, or -errno; the descriptors are closed in any case */
static int
pass_on(int fd, struct message *msg)
{
	struct iovec iov = {.iov_base = msg->bytes, .iov_len = msg->len};
	union control control = {.room = {0}};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	ssize_t len;
	int ret;

	if (msg->n_fds > 0) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(msg->n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(msg->n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), msg->fds, msg->n_fds * sizeof(int));
	}
	len = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	ret = len == (ssize_t)msg->len ? 0 : len < 0 ? -errno : -EMSGSIZE;
	drop_descriptors(msg);
	return ret;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The name is the kernel's choice: five digits that nobody has. */
static int
listen_for_pmd(struct vmirror_memif_relay *relay)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(un);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&un, sizeof(un.sun_family)) != 0 || listen(fd, 8) != 0 ||
	    getsockname(fd, (struct sockaddr *)&un, &len) != 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	len -= offsetof(struct sockaddr_un, sun_path) + 1;
	snprintf(relay->name, sizeof(relay->name), "%.*s", (int)len, un.sun_path + 1);
	relay->listener = fd;
	return 0;
}

int
vmirror_memif_relay_init(struct vmirror_memif_relay *relay, const char *path, bool is_abstract)
{
	int ret;

	memset(relay, 0, sizeof(*relay));
	relay->pmd_fd = -1;
	relay->server.sun_family = AF_UNIX;
	strncpy(relay->server.sun_path + is_abstract, path,
		sizeof(relay->server.sun_path) - 1 - is_abstract);
	relay->server_len = sizeof(relay->server);
	if (is_abstract)
		relay->server_len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(path);
	relay->server_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (relay->server_fd < 0)
		return -errno;
	ret = listen_for_pmd(relay);
	if (ret != 0)
		close_fd(&relay->server_fd);
	strcpy(relay->why, "it is not connected");
	return ret;
}

static bool
is_own_process(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid();
}

/* The PMD has connected when its port was started. */
static int
accept_pmd(struct vmirror_memif_relay *relay)
{
	while (relay->pmd_fd < 0) {
		relay->pmd_fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
		if (relay->pmd_fd < 0)
			break;
		if (!is_own_process(relay->pmd_fd))
			close_fd(&relay->pmd_fd);
	}
	close_fd(&relay->listener);
	return relay->pmd_fd < 0 ? -ENOTCONN : 0;
}

static int __attribute__((format(printf, 3, 4)))
fails(struct vmirror_memif_relay *relay, int ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(relay->why, sizeof(relay->why), fmt, args);
	va_end(args);
	return ret;
}

/* A server that says goodbye gives a reason, which may be empty, and anything but text. */
static int
sent_away(struct vmirror_memif_relay *relay, const struct message *msg)
{
	char text[DISCONNECT_TEXT + 1] = "";
	size_t i;

	for (i = 0; i < DISCONNECT_TEXT && DISCONNECT_REASON + i < msg->len; i++) {
		char c = (char)msg->bytes[DISCONNECT_REASON + i];

		if (c < ' ' || c > '~')
			break;
		text[i] = c;
	}
	return fails(relay, -ECONNREFUSED, "its server does not want it%s%s",
		     text[0] != '\0' ? ": " : "", text);
}

/* @return 1: that was the last one; 0, -errno */
static int
carry_from_server(struct vmirror_memif_relay *relay)
{
	struct message msg;
	int ret = receive(relay->server_fd, &msg);
	uint16_t type;

	if (ret == -EAGAIN || ret == -EINTR)
		return 0;
	if (ret <= 0)
		return fails(relay, -ECONNRESET, "its server has hung up");
	type = message_type(&msg);
	if (type == TYPE_DISCONNECT) {
		drop_descriptors(&msg);
		return sent_away(relay, &msg);
	}
	ret = pass_on(relay->pmd_fd, &msg);
	if (ret != 0)
		return fails(relay, ret, "its driver has hung up");
	return type == TYPE_CONNECTED;
}

static int
carry_from_pmd(struct vmirror_memif_relay *relay)
{
	struct message msg;
	int ret = receive(relay->pmd_fd, &msg);

	if (ret == -EAGAIN || ret == -EINTR)
		return 0;
	if (ret <= 0)
		return fails(relay, -ECONNABORTED, "its driver has hung up");
	ret = pass_on(relay->server_fd, &msg);
	return ret == 0 ? 0 : fails(relay, ret, "its server has hung up");
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The handshake. @return as vmirror_memif_relay_connect() */
static int
carry(struct vmirror_memif_relay *relay)
{
	struct pollfd ends[] = {
		{.fd = relay->pmd_fd, .events = POLLIN},
		{.fd = relay->server_fd, .events = POLLIN},
	};
	int64_t until = now_ms() + CONNECT_MS;
	int64_t left;
	int ret = 0;

	while (ret == 0 && (left = until - now_ms()) > 0) {
		if (poll(ends, 2, (int)left) <= 0)
			continue;
		if (ends[0].revents != 0)
			ret = carry_from_pmd(relay);
		if (ret == 0 && ends[1].revents != 0)
			ret = carry_from_server(relay);
	}
	if (ret == 0)
		return fails(relay, -ETIMEDOUT, "its server does not answer");
	return ret > 0 ? 0 : ret;
}

int
vmirror_memif_relay_connect(struct vmirror_memif_relay *relay)
{
	int ret = accept_pmd(relay);

	if (ret != 0)
		return fails(relay, ret, "its driver does not connect");
	if (connect(relay->server_fd, (struct sockaddr *)&relay->server, relay->server_len) != 0)
		return fails(relay, -errno, "its server: %s", strerror(errno));
	ret = carry(relay);
	vmirror_interrupts_settle();
	if (ret == 0)
		relay->why[0] = '\0';
	return ret;
}

/* Once they are connected neither has anything to say but that it goes. */
static bool
is_silent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EINTR);
}

bool
vmirror_memif_relay_is_up(struct vmirror_memif_relay *relay)
{
	if (relay->why[0] != '\0')
		return false;
	if (!is_silent(relay->server_fd))
		strcpy(relay->why, "its server has gone");
	else if (!is_silent(relay->pmd_fd))
		strcpy(relay->why, "its driver has hung up");
	return relay->why[0] == '\0';
}

void
vmirror_memif_relay_fini(struct vmirror_memif_relay *relay)
{
	struct message msg;

	while (relay->pmd_fd >= 0 && receive(relay->pmd_fd, &msg) == 1 &&
	       pass_on(relay->server_fd, &msg) == 0)
		;
	close_fd(&relay->listener);
	close_fd(&relay->pmd_fd);
	close_fd(&relay->server_fd);
}
