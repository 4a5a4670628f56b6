/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_VDEV_H
#define LIB_VDEV_H

/*
 * Plugging vdevs and owning them. A vdev is given to an ethdev owner of ours while it is being
 * probed, before any other part of the process can take it for one of its ports.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmirror_error.h"

/** Take an ethdev owner id. Once, before the first plug. @return 0 or -errno */
int
vmirror_vdev_init(struct vmirror_error *err);

/**
 * Plug a vdev and own it.
 *
 * @param name     the vdev's name; a port or vdev of that name must not exist
 * @param devargs  as for EAL's --vdev, without the name; may be empty
 * @return         0; -errno with err set and nothing plugged
 */
int
vmirror_vdev_plug(const char *name, const char *devargs, uint16_t *port_id,
		  struct vmirror_error *err);

/** Remove a vdev that was plugged; its port must be stopped. */
void
vmirror_vdev_unplug(const char *name);

/** Whether a port is one that we plugged. */
bool
vmirror_vdev_is_own(uint16_t port_id);

/** To be called in RTE_ETH_EVENT_NEW: takes the port if it is the one being plugged. */
bool
vmirror_vdev_adopt(uint16_t port_id);

#endif
