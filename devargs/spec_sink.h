/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_SPEC_SINK_H
#define DEVARGS_SPEC_SINK_H

/* spec.c's helper for the key sink. */

#include "spec.h"
#include "token.h"

/**
 * Read a sink.
 *
 * @param sink   empty; vmirror_spec_sink_fini() frees it, after a failure, too
 * @param outer  the scan that token is from
 * @param text   token's value with its escapes undone
 * @return       0; -EINVAL, -ENOMEM with err set
 */
int
vmirror_spec_sink_parse(struct vmirror_spec_sink *sink, const struct vmirror_token_scan *outer,
			const struct vmirror_token *token, const char *text,
			struct vmirror_error *err);

/** Free what a sink holds. */
void
vmirror_spec_sink_fini(struct vmirror_spec_sink *sink);

#endif
