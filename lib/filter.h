/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_FILTER_H
#define LIB_FILTER_H

/*
 * A packet filter: pcap-filter(7) text, compiled by libpcap, run on mbufs by rte_bpf's
 * just-in-time compiled code, segmented mbufs included.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_bpf.h>
#include <rte_mbuf.h>

#include "vmirror_error.h"

/** Immutable once made: any number of cores may run it. */
struct vmirror_filter {
	struct rte_bpf *bpf;
	uint64_t (*jit)(void *mbuf); /* NULL where DPDK has none or it fails: interpreted */
};

/** @return 0; -EINVAL with libpcap's words in err; -ENOMEM */
int
vmirror_filter_create(struct vmirror_filter **filter, const char *text, struct vmirror_error *err);

/**
 * Compile ahead, without any lock, what this thread creates a filter of until it forgets: names of hosts
 * are looked up then, which takes as long as nobody answers.
 *
 * @return 0, also where the text is wrong, which vmirror_filter_create() says; -ENOMEM with err set
 */
int
vmirror_filter_ahead(const char *text, struct vmirror_error *err);

/** What this thread has compiled ahead, if anything. */
void
vmirror_filter_forget(void);

/** Takes NULL. No core may be running it. */
void
vmirror_filter_destroy(struct vmirror_filter *filter);

static inline bool
vmirror_filter_match(const struct vmirror_filter *filter, struct rte_mbuf *mbuf)
{
	if (__builtin_expect(filter->jit != NULL, 1))
		return filter->jit(mbuf) != 0;
	return rte_bpf_exec(filter->bpf, mbuf) != 0;
}

#endif
