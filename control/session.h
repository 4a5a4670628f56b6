/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

/*
 * A client's connection: lines in, with the descriptors that came along, lines out, and who is at the
 * other end. It never blocks, and holds one request and the answers that wait at the most. The server's
 * thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <jansson.h>

/** Bytes of a request, its newline included. */
#define VMIRROR_SESSION_LINE 65536

/** Descriptors that may come with one. */
#define VMIRROR_SESSION_FDS 8

/** Statistics that it wants again and again. */
struct vmirror_session_watch {
	uint64_t every_ns; /**< 0: none */
	uint64_t next_ns;
	json_t *params; /**< as for stats */
};

struct vmirror_session {
	TAILQ_ENTRY(vmirror_session) next;
	int fd;
	pid_t pid; /**< the peer's, as the kernel tells */
	uid_t uid;
	bool all_rights;
	bool ended; /**< nothing more comes: answers are still sent */
	bool broken;
	bool busy;         /**< a request is being run, and those behind it wait */
	uint64_t heard_ns; /**< when something came last */
	struct vmirror_session_watch watch;
	uint64_t refused; /**< requests, for want of rights */
	uint64_t untold;  /**< of these, which the host has not been told of */

	int fds[VMIRROR_SESSION_FDS]; /**< received, of the request that comes next */
	unsigned int n_fds;
	bool fds_lost; /**< there were more */

	char *in;
	size_t in_len;
	size_t in_room;
	char *out;
	size_t out_len;
	size_t out_done;
};

TAILQ_HEAD(vmirror_sessions, vmirror_session);

/** For a connected socket, which is then the session's. @return NULL: out of memory, or no peer */
struct vmirror_session *
vmirror_session_create(int fd);

/** Hang up. */
void
vmirror_session_destroy(struct vmirror_session *s);

/**
 * When descriptors will have come with a request that does not end, and nothing since then for so long, that
 * the session is to end: one of them may be the peer's own end, which then is never seen to hang up.
 *
 * @return UINT64_MAX: there are none
 */
uint64_t
vmirror_session_due_ns(const struct vmirror_session *s);

/** Take what has come, of one request at the most. */
void
vmirror_session_read(struct vmirror_session *s);

/**
 * The request, if it is complete, without its newline.
 *
 * @param line  stays until the next read
 * @return      its length; -EAGAIN: there is none yet; -EMSGSIZE: it is too long, and no more can follow
 */
int
vmirror_session_line(struct vmirror_session *s, const char **line);

/** Descriptors that came with a request and were not used. */
void
vmirror_session_drop_fds(struct vmirror_session *s);

/** Send a message, or as much of it as goes; the rest waits. */
void
vmirror_session_send(struct vmirror_session *s, const json_t *message);

/** Send on what waits. */
void
vmirror_session_flush(struct vmirror_session *s);

/** Whether something waits to be sent. */
static inline bool
vmirror_session_waits(const struct vmirror_session *s)
{
	return s->out_done < s->out_len;
}

#endif
