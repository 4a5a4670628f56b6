/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_TELEMETRY_H
#define LIB_TELEMETRY_H

/*
 * /vmirror/list and /vmirror/stats,NAME in DPDK's telemetry, which dpdk-telemetry.py shows: read-only,
 * the same names as everywhere.
 */

/** Register the commands, once in a process: they cannot be taken back. Control side. */
void
vmirror_telemetry_init(void);

#endif
