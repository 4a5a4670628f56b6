/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_OVS_H
#define DEVARGS_OVS_H

/*
 * A sink as a port of Open vSwitch: the shell commands that add it, its devargs quoted for
 * everybody who reads them on their way, which are the shell, ovs-vsctl, and DPDK's kvargs.
 */

#include "spec.h"
#include "vmirror_error.h"

/** What the commands say that no spec does. */
struct vmirror_ovs_place {
	const char *bridge;
	const char *cwd; /**< where relative file names begin; NULL: they are refused */
};

/**
 * Read what the commands are for: a mirror spec, or its sink alone (`[vdev,key=value,…]`, a bare
 * vdev, or sink=…), which leaves the rest of the spec empty.
 *
 * @param spec  filled on success (vmirror_spec_fini() then frees it)
 * @return      0; -EINVAL, -E2BIG, -ENOMEM with err set
 */
int
vmirror_ovs_parse(struct vmirror_spec *spec, const char *text, struct vmirror_error *err);

/**
 * Write the commands, one a line: of a spec with ports a port and a Mirror in one transaction, of
 * a sink alone the port. Lines that begin with '#' explain, and undo.
 *
 * @param commands  set on success, for the caller to free()
 * @return          0; -EINVAL with err set: Open vSwitch or DPDK's kvargs cannot express it;
 *                  -ENOMEM with err set
 */
int
vmirror_ovs_build(char **commands, const struct vmirror_spec *spec,
		  const struct vmirror_ovs_place *place, struct vmirror_error *err);

#endif
