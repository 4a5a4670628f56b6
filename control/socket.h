/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_SOCKET_H
#define CONTROL_SOCKET_H

/*
 * The listening Unix socket: made under its name at once with the rights that it is to have, and taken
 * away again, unless somebody else has put theirs in its place.
 */

#include <sys/types.h>
#include <sys/un.h>

#include "vmirror_error.h"

struct vmirror_socket {
	int fd; /**< listens, non-blocking */
	struct sockaddr_un address;
	dev_t dev;
	ino_t ino;
};

/**
 * Listen.
 *
 * @param path   one that a dead process left is replaced
 * @param group  whose members may connect; NULL: the user alone
 * @return       0; -ENAMETOOLONG, -EADDRINUSE (somebody listens there), -EEXIST (no socket), -ENOENT
 *               (no such group) or what the system said; err set, and nothing left behind
 */
int
vmirror_socket_open(struct vmirror_socket *s, const char *path, const char *group,
		    struct vmirror_error *err);

/**
 * Remove what processes left in a directory that were killed: sockets whose names are so and a
 * number, and that nobody listens on.
 */
void
vmirror_socket_sweep(const char *dir, const char *prefix);

void
vmirror_socket_close(struct vmirror_socket *s);

/** In a child of fork(): its copy is closed, the parent's stays. Async-signal-safe. */
void
vmirror_socket_forked(struct vmirror_socket *s);

#endif
