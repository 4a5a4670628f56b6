/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_DUMPCAP_H
#define BENCH_DUMPCAP_H

/* DPDK's own dpdk-dumpcap as a subject: a second process, which copies through rte_pdump. */

#include <stdbool.h>

#include "bench/subject.h"

/* Whether this process shares its memory with others, as that needs: it is on hugepages. */
bool
dumpcap_shares_memory(void);

/* What the next one writes; NULL: /dev/null. */
void
dumpcap_write(const char *path);

/* Start one on a port, and wait until it captures. @return 0, or -errno that was told */
int
dumpcap_begin(const struct subject *s);

/* End it. @return 0, or -ENOBUFS that was told: it did not keep up */
int
dumpcap_end(void);

/* Until it has taken what a batch left it. */
void
dumpcap_settle(void);

#endif
