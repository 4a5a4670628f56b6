/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_DUMPCAP_H
#define BENCH_DUMPCAP_H

/* DPDK's own dpdk-dumpcap as a subject: a second process, which copies through rte_pdump. */

#include <stdbool.h>

#include "bench/subject.h"

/* Whether this process shares its memory with others, as that needs; then they may attach. */
bool
dumpcap_possible(void);

/* Start one on a port, and wait until it captures. @return 0, or -errno that was told */
int
dumpcap_begin(const struct subject *s);

/* End it, and tell when it did not keep up. */
void
dumpcap_end(void);

/* Until it has taken what a batch left it. */
void
dumpcap_settle(void);

#endif
