/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_tap, iface=NAME: the PMD makes a kernel interface, on which tcpdump and Wireshark
 * see the mirrored packets. One that somebody has made before is net_tap_made.c's.
 *
 * The interface is for looking only. It is set up so that the kernel sends nothing of its own
 * into it (no ARP, no IPv6, no multicast): the PMD's receiving side is never polled.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "devargs/capability.h"
#include "drivers/descriptors.h"
#include "drivers/iface.h"
#include "drivers/net_tap.h"

/* The kernel's limit for a tap: 65535 less the Ethernet header. [tun_net_init()] */
#define TAP_MAX_MTU 65521

#define DEVARGS_SIZE 256

/* Descriptors that the PMD has of an interface with one queue; versions differ. */
#define MAX_FDS 8

struct tap_sink {
	char iface[IFNAMSIZ];
	int fds[MAX_FDS]; /* the PMD's, as long as the vdev is there */
	unsigned int n_fds;
	uint64_t rejected; /* as of the last look */
	uint64_t accepted; /* at the last look at which packets had been refused */
	char reason[VMIRROR_SINK_REASON_SIZE]; /* empty: well */
};

static int
tap_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	  struct vmirror_error *err)
{
	const char *iface = vmirror_spec_sink_arg(spec, "iface");
	char devargs[DEVARGS_SIZE] = "";
	int ret;

	if (iface == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_tap: no iface=; name the interface to make, as "
					 "in sink=[net_tap,iface=mon0]");
	ret = vmirror_iface_check_name("net_tap", "iface", iface, err);
	if (ret != 0)
		return ret;
	if (if_nametoindex(iface) != 0) {
		plan->ops = &vmirror_sink_net_tap_made;
		return plan->ops->check(spec, plan, err);
	}
	snprintf(plan->resource, sizeof(plan->resource), "interface %s", iface);
	return vmirror_sink_devargs(spec, devargs, sizeof(devargs), err);
}

static int
tap_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	 size_t size, struct vmirror_error *err)
{
	struct tap_sink *tap = calloc(1, sizeof(*tap));
	int ret;

	if (tap == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink net_tap: out of memory");
	ret = vmirror_sink_devargs(spec, devargs, size, err);
	if (ret != 0) {
		free(tap);
		return ret;
	}
	snprintf(tap->iface, sizeof(tap->iface), "%s", vmirror_spec_sink_arg(spec, "iface"));
	sink->priv = tap;
	return 0;
}

static int
tap_explain(struct vmirror_sink *sink, int error, struct vmirror_error *err)
{
	const struct tap_sink *tap = sink->priv;
	int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return vmirror_error_set(err, error,
					 "sink net_tap: interface '%s': " TUN_PATH ": %s",
					 tap->iface, strerror(errno));
	close(fd);
	return vmirror_iface_explain("net_tap", tap->iface, VMIRROR_CAP_NET_ADMIN, error, err);
}

static int
change_flags(int fd, struct ifreq *ifr, short set, short clear)
{
	if (ioctl(fd, SIOCGIFFLAGS, ifr) != 0)
		return -errno;
	ifr->ifr_flags = (ifr->ifr_flags | set) & ~clear;
	return ioctl(fd, SIOCSIFFLAGS, ifr) == 0 ? 0 : -errno;
}

/* Where the kernel has no IPv6 there is nothing to silence. */
static void
disable_ipv6(const char *iface)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", iface);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		errno = 0; /* a read-only /proc: some chatter on the interface, and no harm */
	close(fd);
}

/*
 * The PMD refuses what is longer than the MTU that ethdev knows. Some versions (22.11) let ethdev
 * raise it to 1504 only; but they compare pkt_len, and write the segments whole, so a longer frame
 * passes under a shorter pkt_len. The kernel takes up to its own limit whatever the MTU.
 * [drivers/net/tap/rte_eth_tap.c, 22.11 to 25.11: tap_dev_info(), pmd_tx_burst()]
 */
static int
set_mtu(struct vmirror_sink *sink, uint16_t wanted, int fd, struct ifreq *ifr)
{
	struct rte_eth_dev_info info;
	uint32_t most;
	uint16_t mtu;

	if (rte_eth_dev_info_get(sink->port_id, &info) != 0)
		return -ENODEV;
	most = info.max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;
	most = RTE_MIN(most, (uint32_t)info.max_mtu);
	mtu = RTE_MIN((uint32_t)wanted, most);
	if (rte_eth_dev_set_mtu(sink->port_id, mtu) != 0)
		mtu = RTE_ETHER_MTU;
	sink->limits.claim_len = mtu + RTE_ETHER_HDR_LEN;

	ifr->ifr_mtu = RTE_MIN(wanted, (uint16_t)TAP_MAX_MTU);
	return ioctl(fd, SIOCSIFMTU, ifr) == 0 ? 0 : -errno;
}

/* Those of taps; which one is not told apart. */
static bool
is_tun(int fd, uint64_t *id)
{
	char path[64], target[64] = "";

	*id = 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 && strcmp(target, TUN_PATH) == 0;
}

static bool
is_of(int fd, const char *iface)
{
	struct ifreq ifr = {0};

	return ioctl(fd, TUNGETIFF, &ifr) == 0 && strcmp(ifr.ifr_name, iface) == 0;
}

/*
 * The interface is there as long as any process has it open. A program that the host runs must not,
 * nor a child of its fork().
 */
static void
tap_started(struct vmirror_sink *sink)
{
	struct tap_sink *tap = sink->priv;
	struct vmirror_descriptors taps;
	unsigned int i;

	vmirror_descriptors_find(&taps, is_tun);
	for (i = 0; i < taps.n && tap->n_fds < MAX_FDS; i++)
		if (is_of(taps.of[i].fd, tap->iface) &&
		    fcntl(taps.of[i].fd, F_SETFD, FD_CLOEXEC) == 0)
			tap->fds[tap->n_fds++] = taps.of[i].fd;
}

static void
tap_forked(struct vmirror_sink *sink)
{
	const struct tap_sink *tap = sink->priv;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned int i;

	/* The numbers stay taken: the PMD's copy in the child knows them. */
	for (i = 0; null >= 0 && i < tap->n_fds; i++)
		if (is_of(tap->fds[i], tap->iface))
			dup3(null, tap->fds[i], O_CLOEXEC);
	if (null >= 0)
		close(null);
}

static int
tap_setup(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
	  struct vmirror_error *err)
{
	struct tap_sink *tap = sink->priv;
	struct ifreq ifr = {0};
	int fd, ret;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return vmirror_error_set(err, -errno, "sink net_tap: socket: %s", strerror(errno));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", tap->iface);

	disable_ipv6(tap->iface);
	ret = change_flags(fd, &ifr, IFF_NOARP, IFF_MULTICAST);
	if (ret == 0)
		ret = set_mtu(sink, needs->mtu, fd, &ifr);
	close(fd);
	if (ret != 0)
		return vmirror_error_set(err, ret, "sink net_tap: interface '%s': %s", tap->iface,
					 strerror(-ret));
	return 0;
}

/* Deleted, and not only moved to another network namespace. */
static bool
is_deleted(const struct tap_sink *tap)
{
	struct ifreq ifr = {0};

	/* By any of the descriptors the interface can be asked for wherever it is. */
	return tap->n_fds > 0 && ioctl(tap->fds[0], TUNGETIFF, &ifr) != 0 && errno == EBADFD;
}

static enum vmirror_sink_health
tap_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
	   char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct tap_sink *tap = sink->priv;

	if (is_deleted(tap)) {
		snprintf(reason, VMIRROR_SINK_REASON_SIZE,
			 "interface %s was deleted; the mirror makes it anew", tap->iface);
		return VMIRROR_SINK_LOST;
	}
	/* Somebody may have moved it to another namespace: only refusals tell that it ails. */
	if (progress->rejected_pkts != tap->rejected) {
		tap->rejected = progress->rejected_pkts;
		tap->accepted = progress->accepted_pkts;
		snprintf(tap->reason, sizeof(tap->reason), "interface %s%s refuses packets",
			 tap->iface, vmirror_iface_is_down(tap->iface) ? " is down and" : "");
	} else if (progress->accepted_pkts != tap->accepted) {
		tap->reason[0] = '\0';
	}
	memcpy(reason, tap->reason, sizeof(tap->reason));
	return tap->reason[0] != '\0' ? VMIRROR_SINK_AILS : VMIRROR_SINK_WELL;
}

static void
tap_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	free(sink->priv);
}

static const char *const tap_keys[] = {"iface", "mac", NULL};

static const struct vmirror_sink_refusal tap_refused[] = {
	{"remote", "it would take all that the kernel receives on that interface away from it"},
	{"persist", "it would leave the interface behind, and the next mirror would find it taken"},
	{NULL, NULL},
};

extern const struct vmirror_sink_ops vmirror_sink_net_tap;

const struct vmirror_sink_ops vmirror_sink_net_tap = {
	.driver = "net_tap",
	.alias = "eth_tap",
	.keys = tap_keys,
	.refused = tap_refused,
	.noisy_log = "pmd.net.tap", /* where the kernel has no multiq qdisc */
	.n_rxq = 1,
	.check = tap_check,
	.open = tap_open,
	.explain = tap_explain,
	.setup = tap_setup,
	.started = tap_started,
	.health = tap_health,
	.forked = tap_forked,
	.close = tap_close,
};
