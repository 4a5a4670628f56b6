/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

/*
 * How much memory there is to be had of the system. Asked before rings are made: all of a ring's pages
 * are touched at once, and a process that touches more than its cgroup may have is killed, not told.
 */

#include <stdint.h>

/**
 * Bytes that the process can get: what the system has available, or what the cgroups that it is in
 * leave it, whichever is less. Both versions of cgroups, as mounted in /sys/fs/cgroup.
 *
 * @return UINT64_MAX when nothing is known
 */
uint64_t
vmirror_memory_available(void);

#endif
