/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_af_xdp, iface=NAME: the PMD copies frames into memory that it shares with the kernel
 * (a umem), and sends them through an AF_XDP socket.
 *
 * - Its rx and tx queues come in pairs, and the umem is the mempool of the rx queue: one of the
 *   sink's own, never polled. It hands the kernel RX_FILL mbufs of it at once, and takes one for
 *   every frame until the kernel has sent that.
 * - It reads pkt_len bytes out of the first segment, into an mbuf of that pool, unchecked; and an
 *   mbuf of the pool, its bookkeeping included, has to fit into a page.
 * - It puts an XDP program on the interface, which gives the socket whatever that queue of the
 *   interface receives: nobody else hears it. The PMD takes the program off at the end.
 * - Its oerrors are the frames that it refused, which the caller knows of.
 * - Copying (force_copy), because without it the NIC reads the mempool by itself, whose mbufs may
 *   lie across pages.
 * [drivers/net/af_xdp/rte_eth_af_xdp.c, 22.11 to 25.11: xdp_umem_configure(), xsk_configure(),
 * af_xdp_tx_zc(), eth_dev_close()]
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "devargs/capability.h"
#include "drivers/descriptors.h"
#include "drivers/iface.h"

/* XSK_RING_CONS__DEFAULT_NUM_DESCS: of each of the rings. */
#define RX_FILL 2048
#define TX_RING 2048

/* With an mbuf and a mempool's header, 61 cache lines: a page's less what mempools may pad. */
#define MOST_ROOM (61 * 64 - 192)

#define DRAIN_MS 200

/* How long the kernel may take to give up a queue whose socket was closed. */
#define RELEASE_MS 100

struct af_xdp_sink {
	struct vmirror_iface iface;
	struct vmirror_descriptors own; /* until it has started, those of before */
	bool has_own;
};

static int
af_xdp_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	     struct vmirror_error *err)
{
	const char *name = vmirror_spec_sink_arg(spec, "iface");
	uint32_t queue = 0, copy = 1;
	int ret;

	if (name == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_af_xdp: no iface=; name the interface to send "
					 "on, as in sink=[net_af_xdp,iface=eth1]");
	ret = vmirror_iface_check("net_af_xdp", "iface", name, plan, err);
	if (ret == 0)
		ret = vmirror_iface_number(spec, "start_queue", 0, RTE_MAX_QUEUES_PER_PORT - 1,
					   &queue, err);
	if (ret == 0)
		ret = vmirror_iface_number(spec, "force_copy", 0, 1, &copy, err);
	/* One socket to a queue; and the first to end would take the other's program along. */
	plan->shareable = false;
	return ret;
}

static int
af_xdp_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	    size_t size, struct vmirror_error *err)
{
	const char *name = vmirror_spec_sink_arg(spec, "iface");
	const char *queue = vmirror_spec_sink_arg(spec, "start_queue");
	const char *copy = vmirror_spec_sink_arg(spec, "force_copy");

	/* busy_budget: no polling of the interface on the core that sends. */
	snprintf(devargs, size, "iface=%s,start_queue=%s,queue_count=1,force_copy=%s,busy_budget=0",
		 name, queue != NULL ? queue : "0", copy != NULL ? copy : "1");
	return vmirror_iface_open(sink, name, sizeof(struct af_xdp_sink),
				  MOST_ROOM - RTE_PKTMBUF_HEADROOM, err);
}

/* A number from a line of what the kernel tells of a descriptor, as "map_id:\t7". */
static bool
read_fdinfo(int fd, const char *key, uint64_t *number)
{
	char path[64], line[128];
	size_t len = strlen(key);
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		found = strncmp(line, key, len) == 0;
		if (found)
			*number = strtoull(line + len, NULL, 10);
	}
	fclose(f);
	return found;
}

/* AF_XDP sockets, BPF maps and programs; each counts from one by itself. */
static bool
identify(int fd, uint64_t *id)
{
	socklen_t len = sizeof(int), id_len = sizeof(*id);
	int domain = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0) {
		if (domain != AF_XDP || getsockopt(fd, SOL_SOCKET, SO_COOKIE, id, &id_len) != 0)
			return false;
		*id = *id * 3;
	} else if (read_fdinfo(fd, "map_id:", id)) {
		*id = *id * 3 + 1;
	} else if (read_fdinfo(fd, "prog_id:", id)) {
		*id = *id * 3 + 2;
	} else {
		return false;
	}
	return true;
}

/* The mempool for the rx queue comes after this, with the same room, up to MOST_ROOM. */
static int
af_xdp_setup(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
	     struct vmirror_error *err)
{
	uint32_t room = RTE_MIN(needs->data_room, (uint16_t)MOST_ROOM) - RTE_PKTMBUF_HEADROOM;
	struct af_xdp_sink *xdp = sink->priv;

	vmirror_iface_keep_promiscuous(sink);
	vmirror_iface_limit(sink, room);
	vmirror_descriptors_find(&xdp->own, identify);
	return 0;
}

static void
af_xdp_started(struct vmirror_sink *sink)
{
	struct af_xdp_sink *xdp = sink->priv;
	struct vmirror_descriptors before = xdp->own;

	vmirror_descriptors_find(&xdp->own, identify);
	vmirror_descriptors_subtract(&xdp->own, &before);
	xdp->has_own = true;
}

/* Every burst, the empty one too, collects what the kernel has sent and asks it to go on. */
static uint32_t
af_xdp_drain(struct vmirror_sink *sink, struct rte_mempool *pool)
{
	unsigned int ms, held = 0;

	for (ms = 0; ms < DRAIN_MS; ms++) {
		rte_eth_tx_burst(sink->port_id, 0, NULL, 0);
		held = rte_mempool_in_use_count(sink->rx_pool);
		if (held <= RX_FILL)
			return 0;
		rte_delay_us_sleep(1000);
	}
	return held - RX_FILL;
}

/*
 * Some versions of the PMD (22.11.9 and its likes) leave the socket open, and with it the queue
 * taken, so that no other sink could begin on it; libxdp leaves a map and a program.
 */
static void
af_xdp_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	struct af_xdp_sink *xdp = sink->priv;

	if (xdp->has_own) {
		vmirror_descriptors_close(&xdp->own, identify);
		rte_delay_us_sleep(RELEASE_MS * 1000);
	}
	vmirror_iface_close(sink, end);
}

/*
 * Its program is loaded, and found again by its number, which the kernel has only SYS_ADMIN do; the memory
 * is locked.
 */
static uint64_t
wanted(void)
{
	const uint64_t always = VMIRROR_CAP_NET_ADMIN | VMIRROR_CAP_NET_RAW | VMIRROR_CAP_SYS_ADMIN;
	struct rlimit limit = {0};

	getrlimit(RLIMIT_MEMLOCK, &limit);
	return limit.rlim_cur == RLIM_INFINITY ? always : always | VMIRROR_CAP_IPC_LOCK;
}

/* libxdp's reasons are on stderr; they come to one error here. */
static int
af_xdp_explain(struct vmirror_sink *sink, int error, struct vmirror_error *err)
{
	const struct vmirror_iface *iface = sink->priv;
	char missing[VMIRROR_CAPABILITY_TEXT_SIZE];

	if (vmirror_capability_missing(wanted(), missing) != 0)
		return vmirror_iface_explain("net_af_xdp", iface->name, wanted(), error, err);
	return vmirror_error_set(err, error,
				 "sink net_af_xdp: no AF_XDP socket on interface '%s': its driver "
				 "has no XDP, or somebody uses that queue; net_af_packet sends on "
				 "any interface",
				 iface->name);
}

static const char *const af_xdp_keys[] = {"iface", "start_queue", "force_copy", NULL};

static const struct vmirror_sink_refusal af_xdp_refused[] = {
	{"queue_count", "it would make queues that nobody feeds"},
	{"shared_umem", "it would share memory with ports that are not the mirror's"},
	{"xdp_prog", "it would leave a file descriptor behind each time"},
	{"busy_budget", "it would have the forwarding core poll the interface"},
	{NULL, NULL},
};

extern const struct vmirror_sink_ops vmirror_sink_net_af_xdp;

const struct vmirror_sink_ops vmirror_sink_net_af_xdp = {
	.driver = "net_af_xdp",
	.keys = af_xdp_keys,
	.refused = af_xdp_refused,
	.n_rxq = 1,
	.rx_mbufs = RX_FILL + TX_RING,
	.rx_room = MOST_ROOM,
	.linear = true,
	.check = af_xdp_check,
	.open = af_xdp_open,
	.explain = af_xdp_explain,
	.setup = af_xdp_setup,
	.started = af_xdp_started,
	.health = vmirror_iface_health,
	.drain = af_xdp_drain,
	.close = af_xdp_close,
};
