/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_FIND_H
#define CTL_FIND_H

/* Where the control sockets are, and behind which of them somebody is. */

#include <stdbool.h>
#include <sys/un.h>

#include "vmirror_error.h"

enum ctl_socket_state {
	CTL_SOCKET_LIVE,
	CTL_SOCKET_DEAD,    /**< the process that made it has ended */
	CTL_SOCKET_DENIED,  /**< we may not connect, or look into the directory */
	CTL_SOCKET_FOREIGN, /**< another user's, where everybody may make one */
	CTL_SOCKET_ODD,     /**< something else; error says what */
};

struct ctl_socket {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	enum ctl_socket_state state;
	int error; /**< positive errno value of connecting */
	int fd;    /**< connected, or -1 */
};

struct ctl_found {
	struct ctl_socket *sockets;
	unsigned int n_sockets;
};

/** One directory to look in. */
struct ctl_find_dir {
	const char *path;
	bool anybodys; /**< users make sockets there for others to fall for */
};

#define CTL_FIND_DIRS 5

/** Those of doc/control.md, as far as the environment has them. @return how many */
unsigned int
ctl_find_dirs(struct ctl_find_dir dirs[CTL_FIND_DIRS]);

/**
 * Connect to every socket DIR/dpdk/ANY/vmirror.PID; those that are the same are looked at once.
 *
 * @param pid  only that of this process; NULL: any
 */
void
ctl_find(struct ctl_found *found, const struct ctl_find_dir dirs[], unsigned int n_dirs,
	 const char *pid);

/** How many are live; one of them goes to *live (may be NULL). */
unsigned int
ctl_found_live(struct ctl_found *found, struct ctl_socket **live);

/** Close what is still connected, and free. */
void
ctl_found_fini(struct ctl_found *found);

/** Say why none is there: where it was looked, and what was found. @return -ENOENT */
int
ctl_found_none(const struct ctl_found *found, const struct ctl_find_dir dirs[], unsigned int n_dirs,
	       const char *pid, struct vmirror_error *err);

/** Connect to a socket. @return its descriptor, or -errno with err set */
int
ctl_connect(const char *path, struct vmirror_error *err);

#endif
