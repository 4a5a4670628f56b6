/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_VHOST_SOCKET_H
#define DRIVERS_VHOST_SOCKET_H

/*
 * The socket between virtio_user and its vhost-user peer, as far as the PMD leaves it to others:
 * who is at a path, the PMD's own end of it, and a limit to how long the PMD waits for a peer.
 *
 * Control side, one call at a time.
 */

#include <pthread.h>
#include <stdbool.h>

/** Bytes of a socket's path with its end; the PMD cuts a longer one off. */
#define VMIRROR_VHOST_PATH_SIZE 108

/**
 * Who is at a path, without a connection that a peer would notice.
 *
 * @return 0: a stream socket that somebody has bound; -ENOENT: nothing; -ECONNREFUSED: a socket
 *         that nobody has any more; -ENOTSOCK, -EPROTOTYPE (datagrams), or another -errno
 */
int
vmirror_vhost_look(const char *path);

/** Which end of a socket of this process is meant. */
enum vmirror_vhost_end {
	VMIRROR_VHOST_LISTENING, /**< bound to the path, for peers to connect to */
	VMIRROR_VHOST_ACCEPTED,  /**< of a peer that has done so */
	VMIRROR_VHOST_CONNECTED, /**< connected to a socket of that name */
};

/** @return a descriptor of one's own for it, or -ENOENT */
int
vmirror_vhost_find(const char *path, enum vmirror_vhost_end end);

/** Close those that a PMD has left open, which in a failed probe some versions do. */
void
vmirror_vhost_close(const char *path, enum vmirror_vhost_end end);

/**
 * The PMD reads a peer's answers without a limit: from now on it gives up after seconds.
 *
 * @return 0, or -ENOENT
 */
int
vmirror_vhost_limit(const char *path, enum vmirror_vhost_end end, unsigned int seconds);

/** Whether the far end is gone. @return 0: no; 1: yes; -ENOENT */
int
vmirror_vhost_is_gone(const char *path, enum vmirror_vhost_end end);

/**
 * Take whoever has connected to the PMD's socket meanwhile, ask what every vhost-user peer is asked
 * first, and hang up: peers that connect come again. Takes 200 ms at the most.
 *
 * @return whether it was a peer
 */
bool
vmirror_vhost_greet(const char *path);

/** Shut it down, so that a thread which waits there returns. @return whether there was one */
bool
vmirror_vhost_shutdown(const char *path, enum vmirror_vhost_end end);

/** What became of a watch. */
enum vmirror_vhost_watched {
	VMIRROR_VHOST_IN_TIME,
	VMIRROR_VHOST_NOBODY, /**< no peer had connected */
	VMIRROR_VHOST_SILENT, /**< one had, and did not answer */
};

/** A thread that ends the PMD's waiting. */
struct vmirror_vhost_watch {
	const char *path; /**< the caller's */
	bool server;
	unsigned int seconds;
	enum vmirror_vhost_watched result; /**< of the thread, once it is stopped */

	bool runs;
	bool stop; /**< under the lock */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

/** Start watching, with path, server and seconds set. @return 0, or -errno */
int
vmirror_vhost_watch_start(struct vmirror_vhost_watch *watch);

/** Stop, if it runs. result holds afterwards. */
void
vmirror_vhost_watch_stop(struct vmirror_vhost_watch *watch);

#endif
