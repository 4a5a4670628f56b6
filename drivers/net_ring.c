/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_ring: packets for a thread of the process itself, which takes them from the ring
 * ETH_RXTX0_<vdev> and frees them.
 *
 * The PMD makes sixteen rings, or, where the host has made all of them before, takes those. Rings
 * of the PMD's go with the vdev: the reader must be done with them by then. Rings of the host's
 * stay, with what is in them. Either way a reader may keep mbufs for as long as it likes
 * (lib/pool.h).
 * [drivers/net/ring/rte_eth_ring.c, 22.11 to 25.11: eth_dev_ring_create(), eth_dev_close()]
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "drivers/other.h"

#define N_RINGS  16 /* RTE_PMD_RING_MAX_RX_RINGS */
#define LAST     (N_RINGS - 1)
#define RING_FMT "ETH_RXTX%u_%s"

/* How long a reader may take for what is left, and how long one is waited for that does not read. */
#define DRAIN_MS 200
#define STALL_MS 20

struct ring_sink {
	struct vmirror_other other;
	struct rte_ring *ring; /* NULL: not known yet */
	bool is_hosts;
};

static struct rte_ring *
lookup(const char *vdev, unsigned int number)
{
	char name[sizeof(RING_FMT) + RTE_DEV_NAME_MAX_LEN];

	snprintf(name, sizeof(name), RING_FMT, number, vdev);
	return rte_ring_lookup(name);
}

static unsigned int
count_rings(const char *vdev)
{
	unsigned int i, n = 0;

	for (i = 0; i < N_RINGS; i++)
		n += lookup(vdev, i) != NULL;
	return n;
}

static int
ring_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	   struct vmirror_error *err)
{
	int over = snprintf(NULL, 0, RING_FMT, LAST, plan->vdev) - ((int)RTE_RING_NAMESIZE - 1);
	unsigned int n;

	if (over > 0)
		return vmirror_error_set(err, -ENAMETOOLONG,
					 "sink %s: '%s' is too long for names of rings by %d; give "
					 "the sink a shorter one, as in sink=[net_ring0]",
					 plan->driver, plan->vdev, over);
	n = count_rings(plan->vdev);
	if (n != 0 && n != N_RINGS)
		return vmirror_error_set(err, -EEXIST,
					 "sink %s: there are %u rings ETH_RXTX0_%s and so on; the "
					 "driver takes all %u, or makes them",
					 plan->driver, n, plan->vdev, N_RINGS);
	snprintf(plan->resource, sizeof(plan->resource), "ring ETH_RXTX0_%s", plan->vdev);
	return 0;
}

static int
ring_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	  size_t size, struct vmirror_error *err)
{
	struct ring_sink *ring;
	int ret = vmirror_sink_devargs(spec, devargs, size, err);

	if (ret != 0)
		return ret;
	ring = calloc(1, sizeof(*ring));
	if (ring == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink net_ring: out of memory");
	ring->is_hosts = lookup(sink->vdev, 0) != NULL;
	sink->priv = ring;
	return 0;
}

static int
ring_setup(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
	   struct vmirror_error *err)
{
	struct ring_sink *ring = sink->priv;

	ring->ring = lookup(sink->vdev, 0);
	if (ring->ring == NULL)
		return vmirror_error_set(err, -ENOENT, "sink net_ring: there is no ETH_RXTX0_%s",
					 sink->vdev);
	return 0;
}

static enum vmirror_sink_health
ring_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
	    char reason[VMIRROR_SINK_REASON_SIZE])
{
	enum vmirror_sink_health health = vmirror_other_health(sink, progress, reason);

	if (health == VMIRROR_SINK_AILS)
		snprintf(reason, VMIRROR_SINK_REASON_SIZE,
			 "ring ETH_RXTX0_%s is full and refuses packets", sink->vdev);
	return health;
}

/* The reader may be at it: its side of the ring is left alone. */
static uint32_t
ring_drain(struct vmirror_sink *sink, struct rte_mempool *pool)
{
	const struct ring_sink *ring = sink->priv;
	uint32_t left = rte_ring_count(ring->ring);
	unsigned int ms, still = 0;

	for (ms = 0; left > 0 && ms < DRAIN_MS && still < STALL_MS; ms++) {
		uint32_t before = left;

		rte_delay_us_sleep(1000);
		/* The host may have removed the vdev, and the ring with it. */
		if (lookup(sink->vdev, 0) != ring->ring)
			return left;
		left = rte_ring_count(ring->ring);
		still = left < before ? 0 : still + 1;
	}
	/* From the host's own it can still be taken. */
	return ring->is_hosts ? 0 : left;
}

/* The ring goes next, and the reader has left it. */
static void
ring_reclaim(struct vmirror_sink *sink)
{
	const struct ring_sink *ring = sink->priv;
	void *pkt;

	while (ring->ring != NULL && !ring->is_hosts && rte_ring_dequeue(ring->ring, &pkt) == 0)
		rte_pktmbuf_free(pkt);
}

static const char *const ring_keys[] = {NULL};

static const struct vmirror_sink_refusal ring_refused[] = {
	{"nodeaction", "the port would go by another name than the vdev; rings that are to be "
		       "used are found by theirs, ETH_RXTX0_<vdev>"},
	{"internal", "it is an address in memory"},
	{NULL, NULL},
};

extern const struct vmirror_sink_ops vmirror_sink_net_ring;

const struct vmirror_sink_ops vmirror_sink_net_ring = {
	.driver = "net_ring",
	.alias = "eth_ring",
	.keys = ring_keys,
	.refused = ring_refused,
	/* It frees the rings of queues that are set up, and no others. */
	.n_rxq = UINT16_MAX,
	.holds = true,
	.check = ring_check,
	.open = ring_open,
	.setup = ring_setup,
	.health = ring_health,
	.drain = ring_drain,
	.reclaim = ring_reclaim,
	.close = vmirror_other_close,
};
