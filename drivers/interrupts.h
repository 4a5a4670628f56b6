/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_INTERRUPTS_H
#define DRIVERS_INTERRUPTS_H

/* EAL's interrupt thread, on which PMDs do work of their own; for net_memif, net_virtio_user. */

/**
 * Wait, for a second at the most, until it has done what was due. Where nothing new becomes due, it
 * does not touch a vdev afterwards that is then unplugged. Any other thread.
 */
void
vmirror_interrupts_settle(void);

#endif
