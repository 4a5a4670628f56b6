/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_LINK_H
#define CTL_LINK_H

/*
 * A connection that carries lines, and descriptors with the first byte of one. It knows nothing of
 * what is in them.
 */

#include <stddef.h>

#include "vmirror_error.h"

/** Of a line that is received, with its newline; longer ones end the connection. */
#define CTL_LINK_LINE_MAX (16u << 20)

/** Of a line that is sent. */
#define CTL_LINK_REQUEST_MAX 65536u

/** Descriptors that go with one. */
#define CTL_LINK_FDS_MAX 8u

struct ctl_link {
	int fd;
	char *buf;
	size_t size;
	size_t used;   /**< bytes in buf */
	size_t looked; /**< of these, without a newline */
	size_t line;   /**< of these, the line that was handed out last */
};

/** Take over a connected socket. */
void
ctl_link_init(struct ctl_link *link, int fd);

/** Close it and free. Takes one that is zeroed, or was ended. */
void
ctl_link_fini(struct ctl_link *link);

/**
 * Send a line.
 *
 * @param line  with its newline
 * @return      0; -E2BIG, or -errno with err set
 */
int
ctl_link_send(struct ctl_link *link, const char *line, size_t len, const int fds[],
	      unsigned int n_fds, struct vmirror_error *err);

/**
 * Receive a line.
 *
 * @param timeout_ms  -1: for as long as it takes
 * @param line        without its newline; good until the next call
 * @return            its length; -EAGAIN: none came in that time; -ECONNRESET: the other side has gone;
 *                    -EMSGSIZE, or another -errno; err set but for -EAGAIN
 */
int
ctl_link_receive(struct ctl_link *link, int timeout_ms, char **line, struct vmirror_error *err);

#endif
