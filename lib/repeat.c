/* SPDX-License-Identifier: BSD-3-Clause */

/* Telling a burst that is offered again. Runs on the forwarding core (inline.c, ring_hook.c). */

#include "lib/repeat.h"

#include <string.h>

#include <rte_mbuf.h>

/* Of a packet's length and the headers that tell it from its neighbours: numbers, checksums. */
static uint64_t
fingerprint(const struct rte_mbuf *pkt)
{
	uint64_t words[8] = {0};
	uint64_t print = pkt->pkt_len;
	unsigned int i;

	memcpy(words, rte_pktmbuf_mtod(pkt, const void *),
	       RTE_MIN((size_t)pkt->data_len, sizeof(words)));
	for (i = 0; i < RTE_DIM(words); i++)
		print = (print ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return print;
}

uint16_t
vmirror_repeat_count(struct vmirror_repeat *last, struct rte_mbuf *const *pkts, uint16_t n)
{
	const struct vmirror_repeat now = {
		.pkt = pkts[n - 1],
		.print = fingerprint(pkts[n - 1]),
		.n_pkts = n,
	};
	const struct vmirror_repeat before = *last;

	*last = now;
	return now.pkt == before.pkt && now.print == before.print && n <= before.n_pkts ? n : 0;
}
