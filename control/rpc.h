/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_RPC_H
#define CONTROL_RPC_H

/* JSON-RPC 2.0: a line becomes a call of a method, its outcome an answer. */

#include <stddef.h>

#include "control/call.h"

/** Of the protocol that doc/control.md describes. */
#define VMIRROR_RPC_PROTOCOL 1

/** The other side speaks another version of it. */
#define VMIRROR_RPC_SKEW (-32001)

/**
 * Run a request and answer it. One that is no JSON leaves the session ended.
 *
 * @param line, len  without its newline
 * @param host       is told before and after what may plug, and does some of it
 */
void
vmirror_rpc_serve(struct vmirror_session *s, const char *line, size_t len,
		  const struct vmirror_control_opts *host);

/**
 * Answer a request whose method left that for later.
 *
 * @param id      the request's; NULL: it wants no answer
 * @param result  taken over; NULL: it failed, with code, an errno value, and err
 */
void
vmirror_rpc_answer_later(struct vmirror_session *s, json_t *id, int code,
			 const struct vmirror_error *err, json_t *result);

/** Refuse what came, before there is a request, and end the session. */
void
vmirror_rpc_refuse(struct vmirror_session *s, int code, const char *message);

#endif
