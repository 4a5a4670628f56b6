/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_virtio_user, path=SOCKET: a vhost-user peer in another process (OVS, testpmd, a
 * virtual switch) takes the packets out of a ring in shared memory. vmirror connects to the peer's
 * socket or, with server=1, makes one that the peer connects to. path=/dev/vhost-net,iface=NAME is
 * the kernel's vhost.
 *
 * The PMD waits for a peer, and for its answers, without a limit; a watch puts one to that. A peer
 * that goes is noticed by the PMD's socket. One that listened is LOST, and when somebody listens
 * again the core plugs another vdev. One that connected leaves a socket on which the PMD still
 * listens: packets wait in the ring, until another peer knocks there. Then the vdev is LOST, too. The
 * PMD could take the next peer by itself, on EAL's interrupt thread, and is never let to: one that
 * hangs up too early leaves it deaf, one that chatters has that thread run in circles.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "drivers/interrupts.h"
#include "drivers/vhost_memory.h"
#include "drivers/vhost_socket.h"
#include "drivers/vhost_spec.h"
#include "lib/sink.h"

/* How long a server waits for its first peer; a client, for the answers of one that is there. */
#define SERVER_WAIT_S  10
#define CLIENT_WAIT_S  5
#define KNOCKED_WAIT_S 4
/* For one answer later on, when the vdev is started or ends. */
#define ANSWER_WAIT_S 2

#define DRAIN_MS 200

/* Where a peer has knocked, for whom a new server is made: it comes again soon. Control lock. */
static char knocked_at[VMIRROR_VHOST_PATH_SIZE];

struct vhost_sink {
	char path[PATH_MAX];
	char real[PATH_MAX]; /* the same, as the peer is likely to call it */
	enum vmirror_vhost_kind kind;
	unsigned int queue_size;
	struct vmirror_vhost_watch watch;
	bool known; /* the PMD's end can be told from others of the process */

	struct vmirror_vhost_memory memory; /* as of the last look */
	bool gone;                          /* the peer is */
	uint64_t rejected;                  /* as of the last look */
	uint64_t accepted;                  /* at the last look at which packets had been refused */
	bool refuses;
};

static enum vmirror_vhost_end
pmd_end(const struct vhost_sink *vhost)
{
	return vhost->kind == VMIRROR_VHOST_SERVER ? VMIRROR_VHOST_ACCEPTED
						   : VMIRROR_VHOST_CONNECTED;
}

static int
open_server(struct vhost_sink *vhost, struct vmirror_error *err)
{
	if (vmirror_vhost_look(vhost->path) == -ECONNREFUSED && unlink(vhost->path) != 0)
		return vmirror_error_set(err, -errno, "sink net_virtio_user: path=%s: %s",
					 vhost->path, strerror(errno));
	vhost->watch.seconds = SERVER_WAIT_S;
	if (strcmp(vhost->path, knocked_at) == 0)
		vhost->watch.seconds = KNOCKED_WAIT_S;
	return 0;
}

static int
vhost_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	   size_t size, struct vmirror_error *err)
{
	struct vhost_sink *vhost = calloc(1, sizeof(*vhost));
	int ret;

	if (vhost == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink net_virtio_user: out of memory");
	snprintf(vhost->path, sizeof(vhost->path), "%s", vmirror_spec_sink_arg(spec, "path"));
	vhost->kind = vmirror_vhost_spec_kind(spec);
	vhost->watch.seconds = CLIENT_WAIT_S;
	ret = vmirror_vhost_spec_queue_size(spec, &vhost->queue_size, err);
	if (ret == 0 && vmirror_spec_sink_arg(spec, "queue_size") == NULL)
		snprintf(devargs, size, "queue_size=%u", vhost->queue_size);
	if (ret == 0)
		ret = vmirror_sink_devargs(spec, devargs, size, err);
	if (ret == 0 && vhost->kind == VMIRROR_VHOST_SERVER)
		ret = open_server(vhost, err);
	if (ret != 0)
		goto free_sink;

	if (vhost->kind == VMIRROR_VHOST_SERVER || realpath(vhost->path, vhost->real) == NULL)
		strcpy(vhost->real, vhost->path);
	ret = vmirror_vhost_find(vhost->real, pmd_end(vhost));
	vhost->known = ret < 0 && vhost->kind != VMIRROR_VHOST_KERNEL;
	if (ret >= 0)
		close(ret);
	vhost->watch.path = vhost->real;
	vhost->watch.server = vhost->kind == VMIRROR_VHOST_SERVER;
	ret = vhost->known ? vmirror_vhost_watch_start(&vhost->watch) : 0;
	if (ret != 0) {
		vmirror_error_set(err, ret, "sink net_virtio_user: thread: %s", strerror(-ret));
		goto free_sink;
	}
	sink->n_txd = vhost->queue_size;
	sink->priv = vhost;
	return 0;

free_sink:
	free(vhost);
	return ret;
}

static int
vhost_explain(struct vmirror_sink *sink, int error, struct vmirror_error *err)
{
	struct vhost_sink *vhost = sink->priv;

	vmirror_vhost_watch_stop(&vhost->watch);
	if (vhost->watch.result == VMIRROR_VHOST_SILENT)
		return vmirror_error_set(err, -ETIMEDOUT,
					 "sink net_virtio_user: the peer at %s did not answer "
					 "within %u s; is it a vhost-user peer?",
					 vhost->path, vhost->watch.seconds);
	if (vhost->watch.result == VMIRROR_VHOST_NOBODY)
		return vmirror_error_set(err, -ETIMEDOUT,
					 "sink net_virtio_user: no vhost-user peer connected to "
					 "%s within %u s",
					 vhost->path, vhost->watch.seconds);
	if (vhost->kind == VMIRROR_VHOST_CLIENT && vmirror_vhost_spec_peer(vhost->path, err) != 0)
		return error;
	return vmirror_error_set(err, error,
				 "sink net_virtio_user: the peer at %s and the driver did not come "
				 "to terms; --log-level=pmd.net.virtio.*:debug shows how far they "
				 "got",
				 vhost->path);
}

static int
vhost_setup(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
	    struct vmirror_error *err)
{
	struct vhost_sink *vhost = sink->priv;

	vmirror_vhost_watch_stop(&vhost->watch);
	if (vhost->watch.result != VMIRROR_VHOST_IN_TIME)
		return vhost_explain(sink, -ETIMEDOUT, err);
	if (vhost->kind == VMIRROR_VHOST_KERNEL)
		return 0;
	if (vhost->known)
		vhost->known = vmirror_vhost_limit(vhost->real, pmd_end(vhost), ANSWER_WAIT_S) == 0;
	if (vhost->kind == VMIRROR_VHOST_SERVER) {
		if (!vhost->known)
			return vmirror_error_set(
				err, -ENOENT,
				"sink net_virtio_user: the socket of the peer at %s "
				"is not to be found in /proc/self/fd",
				vhost->path);
		knocked_at[0] = '\0';
	}
	/* The vdev took memory of its own. */
	return vmirror_vhost_memory_check(err);
}

/* The PMD is asked only where its socket is not known: it leaves work behind when a peer is gone. */
static bool
is_gone(const struct vmirror_sink *sink)
{
	const struct vhost_sink *vhost = sink->priv;
	struct rte_eth_link link;

	if (vhost->known)
		return vmirror_vhost_is_gone(vhost->real, pmd_end(vhost)) != 0;
	return rte_eth_link_get_nowait(sink->port_id, &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_DOWN;
}

static enum vmirror_sink_health
look_at_peer(struct vmirror_sink *sink, char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct vhost_sink *vhost = sink->priv;

	if (!vhost->gone || vhost->kind == VMIRROR_VHOST_KERNEL)
		vhost->gone = is_gone(sink);
	if (!vhost->gone)
		return VMIRROR_SINK_WELL;
	if (vhost->kind == VMIRROR_VHOST_KERNEL) {
		snprintf(reason, VMIRROR_SINK_REASON_SIZE, "the interface of %.120s is down",
			 vhost->path);
		return VMIRROR_SINK_AILS;
	}
	snprintf(reason, VMIRROR_SINK_REASON_SIZE,
		 "the vhost-user peer at %.120s is gone; it goes on when one is there again",
		 vhost->path);
	if (vhost->kind == VMIRROR_VHOST_CLIENT)
		return VMIRROR_SINK_LOST;
	if (!vmirror_vhost_greet(vhost->path))
		return VMIRROR_SINK_AILS;
	strcpy(knocked_at, vhost->path);
	return VMIRROR_SINK_LOST;
}

static enum vmirror_sink_health
vhost_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
	     char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct vhost_sink *vhost = sink->priv;
	enum vmirror_sink_health health = look_at_peer(sink, reason);
	struct vmirror_error err;

	if (vhost->kind != VMIRROR_VHOST_KERNEL && vmirror_vhost_memory_changed(&vhost->memory) &&
	    vmirror_vhost_memory_check(&err) != 0) {
		snprintf(reason, VMIRROR_SINK_REASON_SIZE, "%.250s", err.text);
		return VMIRROR_SINK_FAILED;
	}
	if (progress->rejected_pkts != vhost->rejected) {
		vhost->refuses = true;
		vhost->accepted = progress->accepted_pkts;
		vhost->rejected = progress->rejected_pkts;
	} else if (progress->accepted_pkts != vhost->accepted) {
		vhost->refuses = false;
	}
	if (health != VMIRROR_SINK_WELL || !vhost->refuses)
		return health;
	snprintf(reason, VMIRROR_SINK_REASON_SIZE,
		 "the vhost peer at %.120s does not keep up: its ring of %u was full", vhost->path,
		 vhost->queue_size);
	return VMIRROR_SINK_AILS;
}

/*
 * The PMD takes back what its peer has used when it is short of descriptors, and at no other time.
 * A packet that wants more of them than there are makes it take back all that it can, and is then
 * refused before it is looked at. The sum with the ring's free ones must fit 16 bits.
 * [virtio_rxtx.c, 22.11 to 25.11: virtio_xmit_pkts(), _inorder()]
 */
static void
take_back(const struct vmirror_sink *sink)
{
	uint8_t room[RTE_PKTMBUF_HEADROOM * 2] = {0};
	struct rte_mbuf huge = {
		.buf_addr = room,
		.buf_len = sizeof(room),
		.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 30000,
		.port = RTE_MBUF_PORT_INVALID,
	};
	struct rte_mbuf *pkts[] = {&huge};

	RTE_BUILD_BUG_ON(30001 + VMIRROR_VHOST_MAX_QUEUE_SIZE > UINT16_MAX);
	rte_eth_tx_burst(sink->port_id, 0, pkts, 1);
}

/* Segments of a packet but the last one have a successor; an mbuf in the pool has none. */
static void
count_successor(struct rte_mempool *pool, void *arg, void *obj, unsigned int index)
{
	*(uint32_t *)arg += ((struct rte_mbuf *)obj)->next != NULL;
}

static uint32_t
packets_out(struct rte_mempool *pool)
{
	uint32_t mbufs = rte_mempool_in_use_count(pool);
	uint32_t successors = 0;

	if (mbufs > 0)
		rte_mempool_obj_iter(pool, count_successor, &successors);
	return mbufs - RTE_MIN(successors, mbufs);
}

static uint32_t
vhost_drain(struct vmirror_sink *sink, struct rte_mempool *pool)
{
	struct vhost_sink *vhost = sink->priv;
	unsigned int ms;

	take_back(sink);
	for (ms = 0; ms < DRAIN_MS && !vhost->gone && rte_mempool_in_use_count(pool) > 0; ms++) {
		rte_delay_us_sleep(1000);
		take_back(sink);
	}
	return packets_out(pool);
}

static void
vhost_reclaim(struct vmirror_sink *sink)
{
	/* A peer that went while the vdev was started or looked at leaves work there. */
	vmirror_interrupts_settle();
}

static void
vhost_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	struct vhost_sink *vhost = sink->priv;

	vmirror_vhost_watch_stop(&vhost->watch);
	if (end == VMIRROR_SINK_ABORT && vhost->known) {
		vmirror_vhost_close(vhost->real, pmd_end(vhost));
		if (vhost->kind == VMIRROR_VHOST_SERVER) {
			vmirror_vhost_close(vhost->path, VMIRROR_VHOST_LISTENING);
			if (vmirror_vhost_look(vhost->path) == -ECONNREFUSED)
				unlink(vhost->path);
		}
	}
	free(vhost);
}

static const char *const vhost_keys[] = {"path",       "server",   "iface",     "mac",
					 "queue_size", "in_order", "mrg_rxbuf", NULL};

static const struct vmirror_sink_refusal vhost_refused[] = {
	{"queues", "a sink is one queue"},
	{"cq", "it is for several queues, and a sink is one"},
	/* DPDK's vhost keeps the word on it for itself until it is almost once around. */
	{"packed_vq", "of a packed ring, peers do not tell what they have taken until much later"},
	{"vectorized", "it is for receiving, and nobody does on a sink"},
	{"speed", "nobody looks at the speed of a sink"},
	{NULL, NULL},
};

extern const struct vmirror_sink_ops vmirror_sink_net_virtio_user;

const struct vmirror_sink_ops vmirror_sink_net_virtio_user = {
	.driver = "net_virtio_user",
	.alias = "virtio_user",
	.keys = vhost_keys,
	.refused = vhost_refused,
	.noisy_log = "pmd.net.virtio.driver", /* that it makes up a MAC address */
	.n_rxq = 1,
	.rx_mbufs = 64, /* the peer finds 32 to fill, which nobody empties */
	.rx_room = RTE_MBUF_DEFAULT_BUF_SIZE,
	.holds = true,
	.check = vmirror_vhost_spec_check,
	.open = vhost_open,
	.explain = vhost_explain,
	.setup = vhost_setup,
	.health = vhost_health,
	.drain = vhost_drain,
	.reclaim = vhost_reclaim,
	.close = vhost_close,
};
