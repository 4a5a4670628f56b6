/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_CALL_H
#define CONTROL_CALL_H

/*
 * The methods that there are: methods.c has the table, from which rpc.c checks a request before it is
 * run, and `version` tells what there is.
 */

#include <stdbool.h>

#include <jansson.h>

#include "control/session.h"
#include "lib/port.h"
#include "vmirror.h"

enum vmirror_param_type {
	VMIRROR_PARAM_STRING,
	VMIRROR_PARAM_INTEGER, /**< not negative */
	VMIRROR_PARAM_BOOLEAN,
	VMIRROR_PARAM_STRINGS, /**< an array */
};

struct vmirror_param {
	const char *name;
	enum vmirror_param_type type;
	bool required;
	const char *summary;
};

/** A request that is being run. */
struct vmirror_call {
	struct vmirror_session *session;
	const struct vmirror_control_opts *host; /**< what the host does for clients */
	const json_t *params;                    /**< an object; as the table wants them */
	json_t *id;                              /**< of the request; NULL: it wants no answer */
	json_t *result;                          /**< an empty object, to be filled */
};

/** A method has begun something, and answers when it is done: vmirror_rpc_answer_later() */
#define VMIRROR_CALL_LATER 1

struct vmirror_method {
	const char *name;
	const char *summary;
	const struct vmirror_param *params; /**< ended by one without a name; NULL: none */
	bool takes_fds;
	bool plugs; /**< vdevs, perhaps */
	/** @return 0; VMIRROR_CALL_LATER; -errno with err set */
	int (*run)(struct vmirror_call *call, struct vmirror_error *err);
};

/** Tell the host that something may be plugged, or that it has been. Meanwhile it keeps off its ports. */
static inline void
vmirror_call_busy(const struct vmirror_control_opts *host, bool busy)
{
	if (!busy)
		vmirror_port_stand_beside(true);
	if (host->busy != NULL)
		host->busy(host->arg, busy);
	if (busy)
		vmirror_port_stand_beside(false);
}

/** Ended by one without a name. */
extern const struct vmirror_method vmirror_methods[];

/** "string", … */
const char *
vmirror_param_type_name(enum vmirror_param_type type);

/** A parameter, or what its absence means. */
const char *
vmirror_call_string(const struct vmirror_call *call, const char *name);
uint64_t
vmirror_call_integer(const struct vmirror_call *call, const char *name);
bool
vmirror_call_boolean(const struct vmirror_call *call, const char *name);

#endif
