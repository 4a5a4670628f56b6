/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The gate and the counts that whoever feeds a mirror's sink (inline.c, drain.c) shares with the
 * control side (feed.c, mirror.c).
 */

#include "lib/path.h"

#include <sched.h>

#include <rte_mbuf.h>

uint32_t
vmirror_path_fit(const struct vmirror_path *path, struct rte_mbuf *own)
{
	const struct vmirror_sink_limits *limits = &path->limits;
	uint32_t kept = own->pkt_len;

	if (limits->max_chain != 0 && own->nb_segs > 1)
		kept = RTE_MIN(kept, limits->max_chain);
	if (limits->claim_len != 0)
		own->pkt_len = RTE_MIN(own->pkt_len, limits->claim_len);
	return kept;
}

static void
add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELEASE);
}

void
vmirror_path_end_feed(struct vmirror_path *path, const struct vmirror_sink_progress *more)
{
	add(&path->fed.accepted_pkts, more->accepted_pkts);
	add(&path->fed.accepted_bytes, more->accepted_bytes);
	add(&path->fed.rejected_pkts, more->rejected_pkts);
	add(&path->fed.too_long_pkts, more->too_long_pkts);
	add(&path->seq, 1);
}

bool
vmirror_path_read_fed(const struct vmirror_path *path, struct vmirror_sink_progress *fed,
		      void (*read)(void *arg), void *arg)
{
	unsigned int tries;

	for (tries = 0; tries < 100; tries++) {
		uint64_t seq = __atomic_load_n(&path->seq, __ATOMIC_ACQUIRE);

		fed->accepted_pkts = __atomic_load_n(&path->fed.accepted_pkts, __ATOMIC_ACQUIRE);
		fed->accepted_bytes = __atomic_load_n(&path->fed.accepted_bytes, __ATOMIC_ACQUIRE);
		fed->rejected_pkts = __atomic_load_n(&path->fed.rejected_pkts, __ATOMIC_ACQUIRE);
		fed->too_long_pkts = __atomic_load_n(&path->fed.too_long_pkts, __ATOMIC_ACQUIRE);
		read(arg);
		if ((seq & 1) == 0 && __atomic_load_n(&path->seq, __ATOMIC_RELAXED) == seq)
			return true;
		sched_yield();
	}
	return false;
}

void
vmirror_path_close_gate(struct vmirror_path *path, enum vmirror_path_gate gate)
{
	enum vmirror_path_gate now = __atomic_load_n(&path->gate, __ATOMIC_RELAXED);

	while (now < gate && !__atomic_compare_exchange_n(&path->gate, &now, gate, false,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void
vmirror_path_open_gate(struct vmirror_path *path)
{
	enum vmirror_path_gate lost = VMIRROR_GATE_SINK_LOST;

	__atomic_compare_exchange_n(&path->gate, &lost, VMIRROR_GATE_OPEN, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

void
vmirror_path_set_max_frame(struct vmirror_path *path, uint32_t max_frame)
{
	__atomic_store_n(&path->limits.max_frame, max_frame, __ATOMIC_RELAXED);
}
