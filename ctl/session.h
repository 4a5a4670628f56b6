/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

/*
 * A conversation with a process that has vmirror in it, as doc/control.md has it: JSON-RPC 2.0, one
 * request at a time. Errors are the other side's sentences.
 */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "ctl/link.h"

/** The version of the protocol that is spoken here. */
#define CTL_PROTOCOL 1

/** Where the process is. */
struct ctl_place {
	const char *pid;     /**< NULL: the only one that there is */
	const char *control; /**< the socket's path; NULL: it is looked for */
};

struct ctl_session {
	struct ctl_link link;
	json_int_t id; /**< of the last request */
	json_t *peer;  /**< what `version` said */
};

/** Find the process, connect, and compare versions. @return 0, or -errno with err set */
int
ctl_session_open(struct ctl_session *session, const struct ctl_place *place,
		 struct vmirror_error *err);

/** Talk on a connected socket, which is taken over. As ctl_session_open(). */
int
ctl_session_on(struct ctl_session *session, int fd, struct vmirror_error *err);

/**
 * The same in two steps, for those who greet several and await all of them: an answer that is there
 * is had with a timeout of 0, too. A session that fails is closed.
 */
int
ctl_session_greet(struct ctl_session *session, int fd, struct vmirror_error *err);
int
ctl_session_greeted(struct ctl_session *session, int timeout_ms, struct vmirror_error *err);

/** Ends what belongs to the connection. Takes one that is zeroed. */
void
ctl_session_close(struct ctl_session *session);

/**
 * Ask.
 *
 * @param params  taken over; NULL: none
 * @param result  for the caller to json_decref(); NULL: not wanted
 * @return        0; the other side's errno value, negative; -ECONNRESET: it has gone; err set
 */
int
ctl_call(struct ctl_session *session, const char *method, json_t *params, json_t **result,
	 struct vmirror_error *err);

/** The same; -ETIMEDOUT: no answer within that time. */
int
ctl_call_within(struct ctl_session *session, const char *method, json_t *params, int timeout_ms,
		json_t **result, struct vmirror_error *err);

/** As ctl_call(), with a descriptor, which stays the caller's. */
int
ctl_call_fd(struct ctl_session *session, const char *method, json_t *params, int fd,
	    json_t **result, struct vmirror_error *err);

/**
 * Wait for the next notification `stats`. Those that come while a request is answered are dropped:
 * each says all.
 *
 * @param params  for the caller to json_decref()
 * @return        1; 0: none came in that time; -errno with err set
 */
int
ctl_notified(struct ctl_session *session, int timeout_ms, json_t **params,
	     struct vmirror_error *err);

#endif
