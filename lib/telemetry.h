/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_TELEMETRY_H
#define LIB_TELEMETRY_H

/*
 * /vmirror/list, /stats, /queue_stats and /info in DPDK's telemetry, which dpdk-telemetry.py shows:
 * read-only, the same names as everywhere. doc/spec.md has what they answer.
 */

/** Register the commands, once in a process: they cannot be taken back. Control side. */
void
vmirror_telemetry_init(void);

#endif
