/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_READER_H
#define BENCH_READER_H

/* One who listens on an interface of the kernel's, on a thread beside the forwarding core. */

#include <stdint.h>

/*
 * Count the bed's packets on an interface from now on. One at a time.
 *
 * @return 0, or -errno that was told
 */
int
reader_open(const char *iface);

/* Stop counting. Nothing without one. */
void
reader_close(void);

/* Packets of the bed's that were read. Any thread. */
uint64_t
reader_count(void);

#endif
