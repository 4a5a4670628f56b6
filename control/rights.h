/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_RIGHTS_H
#define CONTROL_RIGHTS_H

/*
 * What a client may have a sink do, and which descriptor it means: fd=N is the Nth of those that came
 * with the request, never a number of this process.
 */

#include "control/session.h"
#include "devargs/spec.h"

/**
 * A spec as the library is to have it: descriptors by this process's numbers.
 *
 * @param text  as the client gave it
 * @param spec  receives it, VMIRROR_SPEC_TEXT_SIZE bytes
 * @return      0; -EPERM: not with this client's rights; -EINVAL: a descriptor is missing or left over;
 *              as vmirror_spec_parse(); err set
 */
int
vmirror_rights_spec(const struct vmirror_session *s, const char *text, char *spec,
		    struct vmirror_error *err);

/** The same of a snapshot's sink alone, "[file,fd=0]". */
int
vmirror_rights_sink(const struct vmirror_session *s, const char *text, char *sink,
		    struct vmirror_error *err);

#endif
