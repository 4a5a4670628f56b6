/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Kernel interfaces that sinks send on. What the kernel says of one is asked for at every look,
 * since PMDs do not tell: some go on accepting packets for an interface that was deleted.
 */

#include "drivers/iface.h"

#include <ctype.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_ethdev.h>

#include "devargs/capability.h"

/* As the kernel tells it. */
struct state {
	char name[IFNAMSIZ];
	unsigned int index;
	unsigned short type; /* ARPHRD_… */
	short flags;
	bool linked;
	uint32_t mtu;
};

/*
 * As the kernel's dev_valid_name() has it; '%' would make it a pattern, and ',', '=' and '[' DPDK's
 * devargs cannot carry.
 */
static bool
is_name(const char *word)
{
	const char *c;

	for (c = word; *c != '\0'; c++)
		if (isspace((unsigned char)*c) || strchr("/:%,=[", *c) != NULL)
			return false;
	return word[0] != '\0' && strcmp(word, ".") != 0 && strcmp(word, "..") != 0;
}

int
vmirror_iface_check_name(const char *driver, const char *key, const char *name,
			 struct vmirror_error *err)
{
	if (strlen(name) >= IFNAMSIZ)
		return vmirror_error_set(err, -EINVAL,
					 "sink %s: %s=%.64s is too long; an interface's name has "
					 "at most %d characters",
					 driver, key, name, IFNAMSIZ - 1);
	if (!is_name(name))
		return vmirror_error_set(err, -EINVAL, "sink %s: %s=%s is no name for an interface",
					 driver, key, name);
	return 0;
}

static int
open_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Of the driver, as IFF_RUNNING may be a second late. One that knows of no link always has it. */
static bool
is_linked(int fd, const char *name)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq ifr = {.ifr_data = (void *)&link};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &ifr) != 0 || link.data != 0;
}

/* By its name. @return 0, or -errno */
static int
read_state(int fd, const char *name, struct state *state)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	memcpy(state->name, ifr.ifr_name, sizeof(state->name));
	if (ioctl(fd, SIOCGIFINDEX, &ifr) != 0)
		return -errno;
	state->index = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) != 0)
		return -errno;
	state->type = ifr.ifr_hwaddr.sa_family;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) != 0)
		return -errno;
	state->flags = ifr.ifr_flags;
	if (ioctl(fd, SIOCGIFMTU, &ifr) != 0)
		return -errno;
	state->mtu = ifr.ifr_mtu;
	state->linked = is_linked(fd, name);
	return 0;
}

/* By its number. @return 0; -ENODEV: it is not there any more; another -errno */
static int
find_state(int fd, unsigned int index, struct state *state)
{
	struct ifreq ifr = {.ifr_ifindex = (int)index};

	if (ioctl(fd, SIOCGIFNAME, &ifr) != 0)
		return -errno;
	return read_state(fd, ifr.ifr_name, state);
}

static int
judge(const struct state *state, const char *driver, const char *key, struct vmirror_error *err)
{
	if (state->type != ARPHRD_ETHER && state->type != ARPHRD_LOOPBACK)
		return vmirror_error_set(err, -EINVAL,
					 "sink %s: %s=%s is no Ethernet interface: it would take "
					 "frames for something else",
					 driver, key, state->name);
	if (!(state->flags & IFF_UP))
		return vmirror_error_set(err, -ENETDOWN,
					 "sink %s: interface '%s' is down; ip link set %s up",
					 driver, state->name, state->name);
	return 0;
}

/* What a link message says of the interface beneath one, or at its other end. 0: nothing */
static unsigned int
far_end(const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	int left = (int)IFLA_PAYLOAD(message);
	const struct rtattr *attr;
	unsigned int index = 0;

	for (attr = IFLA_RTA(info); RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		/* Its number is another namespace's. */
		if (attr->rta_type == IFLA_LINK_NETNSID)
			return 0;
		if (attr->rta_type == IFLA_LINK)
			memcpy(&index, RTA_DATA(attr), sizeof(index));
	}
	return index;
}

bool
vmirror_iface_ask(unsigned int ifindex, union vmirror_iface_reply *reply)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_GETLINK,
			   .nlmsg_flags = NLM_F_REQUEST},
		.info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex},
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t len = -1;

	if (fd < 0)
		return false;
	if (send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
		len = recv(fd, reply, sizeof(*reply), 0);
	close(fd);
	return len > 0 && NLMSG_OK(&reply->header, (size_t)len) &&
	       reply->header.nlmsg_type == RTM_NEWLINK;
}

/* The peer of a veth, what a VLAN's interface or a macvlan lies on. 0: there is none, or unknown */
static unsigned int
find_far_end(unsigned int ifindex)
{
	union vmirror_iface_reply reply;

	return vmirror_iface_ask(ifindex, &reply) ? far_end(&reply.header) : 0;
}

int
vmirror_iface_check(const char *driver, const char *key, const char *name,
		    struct vmirror_sink_plan *plan, struct vmirror_error *err)
{
	struct state state = {0};
	int fd, ret;

	ret = vmirror_iface_check_name(driver, key, name, err);
	if (ret != 0)
		return ret;
	fd = open_socket();
	if (fd < 0)
		return vmirror_error_set(err, -errno, "sink %s: socket: %s", driver,
					 strerror(errno));
	ret = read_state(fd, name, &state);
	close(fd);
	if (ret == -ENODEV)
		return vmirror_error_set(err, -ENXIO,
					 "sink %s: no interface '%s' in this network namespace; "
					 "'ip link' shows those there are",
					 driver, name);
	if (ret != 0)
		return vmirror_error_set(err, ret, "sink %s: interface '%s': %s", driver, name,
					 strerror(-ret));
	plan->ifindex = state.index;
	plan->far_ifindex = find_far_end(state.index);
	plan->shareable = true;
	snprintf(plan->resource, sizeof(plan->resource), "interface %s", name);
	return judge(&state, driver, key, err);
}

static bool
sends(const struct state *state)
{
	return (state->flags & IFF_UP) && state->linked;
}

/*
 * The kernel takes a frame of the MTU and a header, and one of four bytes more that begins with an
 * 802.1Q tag. What is longer it refuses or, behind some PMDs, drops without a word; so it does with
 * every frame where there is no link, and while the interface is down some PMDs keep what they
 * cannot send, to send it when it is old. Then no frame is short enough.
 */
static void
set_limit(const struct vmirror_iface *iface, const struct state *state, struct vmirror_sink *sink)
{
	uint32_t most =
		RTE_MIN(state->mtu + RTE_ETHER_HDR_LEN, iface->room - sink->limits.vlan_room);

	sink->limits.max_frame = sends(state) ? most : 1;
}

int
vmirror_iface_open(struct vmirror_sink *sink, const char *name, size_t size, uint32_t room,
		   struct vmirror_error *err)
{
	struct vmirror_iface *iface = calloc(1, size);
	struct state state = {0};
	int ret;

	if (iface == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink %s: out of memory", sink->ops->driver);
	iface->fd = open_socket();
	ret = iface->fd < 0 ? -errno : read_state(iface->fd, name, &state);
	sink->priv = iface;
	if (ret != 0) {
		vmirror_iface_close(sink, VMIRROR_SINK_ABORT);
		return vmirror_error_set(err, ret, "sink %s: interface '%s': %s", sink->ops->driver,
					 name, strerror(-ret));
	}
	memcpy(iface->name, state.name, sizeof(iface->name));
	iface->index = state.index;
	iface->promiscuous = (state.flags & IFF_PROMISC) != 0;
	iface->room = room;
	sink->limits.vlan_room = RTE_VLAN_HLEN;
	set_limit(iface, &state, sink);
	return 0;
}

void
vmirror_iface_limit(struct vmirror_sink *sink, uint32_t room)
{
	struct vmirror_iface *iface = sink->priv;

	iface->room = RTE_MIN(iface->room, room);
	sink->limits.max_frame =
		RTE_MIN(sink->limits.max_frame, iface->room - sink->limits.vlan_room);
}

void
vmirror_iface_keep_promiscuous(const struct vmirror_sink *sink)
{
	const struct vmirror_iface *iface = sink->priv;

	if (iface->promiscuous)
		rte_eth_promiscuous_enable(sink->port_id);
}

enum vmirror_sink_health
vmirror_iface_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
		     char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct vmirror_iface *iface = sink->priv;
	uint64_t refused = progress->rejected_pkts - progress->too_long_pkts;
	bool refuses = refused != iface->refused;
	struct state state = {0};
	const char *what;
	int ret;

	iface->refused = refused;
	ret = find_state(iface->fd, iface->index, &state);
	if (ret == -ENODEV) {
		snprintf(reason, VMIRROR_SINK_REASON_SIZE,
			 "interface %s is gone, deleted or moved elsewhere; the mirror goes on "
			 "when one of that name is there and up",
			 iface->name);
		return VMIRROR_SINK_LOST;
	}
	if (ret == 0)
		set_limit(iface, &state, sink);
	if (ret == 0 && !(state.flags & IFF_UP))
		what = "is down and sends nothing";
	else if (ret == 0 && !state.linked)
		what = "has no link and sends nothing";
	else if (refuses)
		what = "refuses packets";
	else
		return VMIRROR_SINK_WELL;
	snprintf(reason, VMIRROR_SINK_REASON_SIZE, "interface %s %s", iface->name, what);
	return VMIRROR_SINK_AILS;
}

void
vmirror_iface_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	struct vmirror_iface *iface = sink->priv;

	if (iface->fd >= 0)
		close(iface->fd);
	free(iface);
}

int
vmirror_iface_explain(const char *driver, const char *name, uint64_t wanted, int error,
		      struct vmirror_error *err)
{
	char missing[VMIRROR_CAPABILITY_TEXT_SIZE];

	if (vmirror_capability_missing(wanted, missing) == 0)
		return error;
	return vmirror_error_set(err, error, "sink %s: interface '%s': %s", driver, name, missing);
}

static bool
look(const char *name, struct state *state)
{
	int fd = open_socket();
	bool seen;

	if (fd < 0)
		return false;
	seen = read_state(fd, name, state) == 0;
	close(fd);
	return seen;
}

bool
vmirror_iface_is_down(const char *name)
{
	struct state state = {0};

	return look(name, &state) && !(state.flags & IFF_UP);
}

uint32_t
vmirror_iface_frame(const char *name)
{
	struct state state = {0};

	return look(name, &state) ? state.mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN : 0;
}

int
vmirror_iface_number(const struct vmirror_spec_sink *spec, const char *key, uint32_t least,
		     uint32_t most, uint32_t *number, struct vmirror_error *err)
{
	const char *word = vmirror_spec_sink_arg(spec, key);
	unsigned long value;
	char *end;

	if (word == NULL)
		return 0;
	errno = 0;
	value = strtoul(word, &end, 10);
	if (!isdigit((unsigned char)word[0]) || *end != '\0' || errno != 0 || value < least ||
	    value > most)
		return vmirror_error_set(err, -EINVAL,
					 "sink %s: %s=%.32s is no number from %u to %u", spec->vdev,
					 key, word, least, most);
	*number = (uint32_t)value;
	return 0;
}
