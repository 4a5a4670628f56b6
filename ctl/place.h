/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_PLACE_H
#define CTL_PLACE_H

/*
 * What of a spec means something where the client is: paths, and descriptors. The process is elsewhere.
 */

#include <stdbool.h>

#include "ctl/output.h"
#include "devargs/spec.h"

/** A spec as the process is to read it. */
struct ctl_placed {
	char text[VMIRROR_SPEC_TEXT_SIZE];
	struct ctl_output out; /**< what goes with it; fd is -1: nothing */
};

/**
 * Read a spec, and write it for the process: paths of files from the root; `fd=N`, which is one of ours,
 * as `fd=0`. With open, a file that could be handed over is opened here and is `fd=0`, too: for those
 * who may not have the process open any.
 *
 * @return 0; -EINVAL, -E2BIG (the spec), or -errno with err set; nothing is left behind then
 */
int
ctl_place(struct ctl_placed *placed, const char *spec, bool open, struct vmirror_error *err);

#endif
