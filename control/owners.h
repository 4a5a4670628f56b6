/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_OWNERS_H
#define CONTROL_OWNERS_H

/*
 * Whose the mirrors are that were added here: by their numbers, as the host may take one away and give its
 * name to another. The server's thread only.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "control/session.h"
#include "vmirror.h"

struct vmirror_owner {
	TAILQ_ENTRY(vmirror_owner) next;
	char name[VMIRROR_NAME_SIZE];
	uint64_t serial; /**< vmirror_mirror_serial() */
	pid_t pid;       /**< of who added it */
	uid_t uid;
	bool persist; /**< it stays; else it ends with its session */
	/** NULL: it stays, or has gone. */
	const struct vmirror_session *session;
};

/** Note that a mirror is a session's. @return NULL: out of memory */
struct vmirror_owner *
vmirror_owners_add(const char *name, uint64_t serial, const struct vmirror_session *s,
		   bool persist);

/** Of the mirror that has the name now. NULL: it was added elsewhere. */
const struct vmirror_owner *
vmirror_owners_find(const char *name);

/** How many mirrors a user has added that are there still. */
unsigned int
vmirror_owners_count(uid_t uid);

/** Its session has gone, and the mirror is on its way. */
void
vmirror_owners_leave(uint64_t serial);

/** A mirror has gone. */
void
vmirror_owners_forget(uint64_t serial);

/** One of the mirrors that end with a session; NULL: none is left. */
const struct vmirror_owner *
vmirror_owners_first_of(const struct vmirror_session *s);

/** In a child of fork(): there are none. */
void
vmirror_owners_forked(void);

/** All of them, at the end. */
void
vmirror_owners_clear(void);

#endif
