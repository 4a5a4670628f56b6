/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_tap, iface=NAME, where somebody has made the interface before and given it to the user
 * that the process runs as:
 *
 *     ip tuntap add mon0 mode tap user alice && ip link set mon0 up
 *
 * That needs no capability, but for the PMD: it sets the interface's address and MTU, whoever made
 * it. So the frames are written here, each by a system call, on the mirror's own thread; a tap takes a
 * frame at once, or not at all.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "drivers/iface.h"
#include "drivers/net_tap.h"

struct made_sink {
	char iface[IFNAMSIZ];
	int fd;
	struct vmirror_sink_owner owner;
	int error; /* of the last frame; 0: it was taken. Its thread writes, health reads */
};

/* What the kernel says of a tap, also to somebody without any rights. */
struct tap_info {
	bool is_tap;
	bool persists; /* it is there without a process that has it */
	bool has_queues;
};

/* @return that of a type, or NULL */
static const struct rtattr *
find_attr(const struct rtattr *attr, int left, unsigned short type)
{
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			return attr;
	return NULL;
}

static uint8_t
read_byte(const struct rtattr *data, unsigned short type)
{
	const struct rtattr *attr = find_attr(RTA_DATA(data), (int)RTA_PAYLOAD(data), type);

	return attr != NULL && RTA_PAYLOAD(attr) > 0 ? *(const uint8_t *)RTA_DATA(attr) : 0;
}

static void
look_at(const char *iface, struct tap_info *info)
{
	union vmirror_iface_reply reply;
	const struct rtattr *link, *kind, *data;

	*info = (struct tap_info){.is_tap = false};
	if (!vmirror_iface_ask(if_nametoindex(iface), &reply))
		return;
	link = find_attr(IFLA_RTA(NLMSG_DATA(&reply.header)), (int)IFLA_PAYLOAD(&reply.header),
			 IFLA_LINKINFO);
	if (link == NULL)
		return;
	kind = find_attr(RTA_DATA(link), (int)RTA_PAYLOAD(link), IFLA_INFO_KIND);
	data = find_attr(RTA_DATA(link), (int)RTA_PAYLOAD(link), IFLA_INFO_DATA);
	if (kind == NULL || data == NULL || strcmp(RTA_DATA(kind), "tun") != 0)
		return;
	info->is_tap = read_byte(data, IFLA_TUN_TYPE) == IFF_TAP;
	info->persists = read_byte(data, IFLA_TUN_PERSIST) != 0;
	info->has_queues = read_byte(data, IFLA_TUN_MULTI_QUEUE) != 0;
}

static int
refuse(const char *iface, int error, struct vmirror_error *err)
{
	const char *why = strerror(-error);

	if (error == -EPERM)
		why = "belongs to another user";
	else if (error == -EBUSY)
		why = "is in use";
	else if (error == -EINVAL)
		why = "has several queues";
	return vmirror_error_set(
		err, error,
		"sink net_tap: interface '%s' exists already, and %s; right would be "
		"another name, or: ip tuntap add %s mode tap user USER",
		iface, why, iface);
}

static int
made_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	   struct vmirror_error *err)
{
	const char *iface = vmirror_spec_sink_arg(spec, "iface");
	struct tap_info info;

	look_at(iface, &info);
	if (!info.is_tap || !info.persists)
		return vmirror_error_set(err, -EEXIST,
					 "sink net_tap: interface '%s' exists already; choose "
					 "another name",
					 iface);
	if (info.has_queues)
		return refuse(iface, -EINVAL, err);
	if (vmirror_spec_sink_arg(spec, "mac") != NULL)
		return vmirror_error_set(
			err, -EEXIST,
			"sink net_tap: interface '%s' exists already, and mac= is for "
			"one that is to be made",
			iface);
	if (vmirror_iface_is_down(iface))
		return vmirror_error_set(
			err, -ENETDOWN,
			"sink net_tap: interface '%s' exists already, and is down; ip "
			"link set %s up",
			iface, iface);
	/* What is written there comes in: a source on it would show it again. */
	plan->ifindex = if_nametoindex(iface);
	/* Not to be mixed up with one that the PMD makes: what is lost is not found in the other form. */
	snprintf(plan->resource, sizeof(plan->resource), "pre-made interface %s", iface);
	return 0;
}

/* Without the flag for several queues: one that a DPDK program has would take another. */
static int
take_hold(int fd, const char *iface, struct vmirror_error *err)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", iface);
	if (ioctl(fd, TUNSETIFF, &ifr) != 0)
		return refuse(iface, -errno, err);
	/* It went meanwhile, and the kernel has made another. */
	if (ioctl(fd, TUNGETIFF, &ifr) != 0 || !(ifr.ifr_flags & IFF_PERSIST))
		return vmirror_error_set(err, -ENXIO, "sink net_tap: interface '%s' is gone",
					 iface);
	return 0;
}

static int
made_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	  size_t size, struct vmirror_error *err)
{
	struct made_sink *made = calloc(1, sizeof(*made));
	int ret;

	if (made == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink net_tap: out of memory");
	snprintf(made->iface, sizeof(made->iface), "%s", vmirror_spec_sink_arg(spec, "iface"));
	made->owner = sink->needs->owner;
	made->fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (made->fd < 0) {
		ret = vmirror_error_set(err, -errno, "sink net_tap: " TUN_PATH ": %s",
					strerror(errno));
		goto free_made;
	}
	ret = take_hold(made->fd, made->iface, err);
	if (ret != 0)
		goto close_fd;
	sink->priv = made;
	return 0;

close_fd:
	close(made->fd);
free_made:
	free(made);
	return ret;
}

static enum vmirror_sink_answer
made_put(struct vmirror_sink *sink, const struct vmirror_sink_packet *pkt)
{
	struct made_sink *made = sink->priv;
	ssize_t len = write(made->fd, pkt->bytes, pkt->len);
	int error = len >= 0 ? 0 : errno;

	if (error == EAGAIN || error == EINTR)
		return VMIRROR_SINK_BUSY;
	__atomic_store_n(&made->error, error, __ATOMIC_RELAXED);
	if (error != 0)
		return VMIRROR_SINK_LOSES;
	made->owner.settled(made->owner.arg, pkt->source->index, 1, true);
	return VMIRROR_SINK_TAKEN;
}

/* What the kernel itself sends there waits for a reader, who is not there: up to its queue's length. */
static void
made_poll(struct vmirror_sink *sink)
{
}

static void
made_wait(struct vmirror_sink *sink, uint64_t ns)
{
	const struct timespec time = {.tv_nsec = (long)(ns % UINT64_C(1000000000))};

	nanosleep(&time, NULL);
}

static bool
made_flush(struct vmirror_sink *sink)
{
	return true;
}

static void
made_name(struct vmirror_sink *sink, char *buf, size_t size)
{
	const struct made_sink *made = sink->priv;

	snprintf(buf, size, "interface %s", made->iface);
}

static enum vmirror_sink_health
made_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
	    char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct made_sink *made = sink->priv;
	struct ifreq ifr = {0};
	int error;

	/* By the descriptor, wherever it was moved. */
	if (ioctl(made->fd, TUNGETIFF, &ifr) != 0 && errno == EBADFD) {
		snprintf(reason, VMIRROR_SINK_REASON_SIZE, "interface %s was deleted", made->iface);
		return VMIRROR_SINK_FAILED;
	}
	error = __atomic_load_n(&made->error, __ATOMIC_RELAXED);
	if (error == 0)
		return VMIRROR_SINK_WELL;
	snprintf(reason, VMIRROR_SINK_REASON_SIZE, "interface %s refuses packets: %s", made->iface,
		 error == EIO ? "it is down" : strerror(error));
	return VMIRROR_SINK_AILS;
}

/* The interface is there without it; somebody else may take it when the parent has gone. */
static void
made_forked(struct vmirror_sink *sink)
{
	const struct made_sink *made = sink->priv;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* The number stays taken: whoever closes the sink knows it. */
	if (null >= 0) {
		dup3(null, made->fd, O_CLOEXEC);
		close(null);
	}
}

static void
made_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	struct made_sink *made = sink->priv;

	close(made->fd);
	free(made);
}

static const struct vmirror_sink_takes made_takes = {
	.put = made_put,
	.poll = made_poll,
	.wait = made_wait,
	.flush = made_flush,
	.finish = made_poll,
	.name = made_name,
};

const struct vmirror_sink_ops vmirror_sink_net_tap_made = {
	.driver = "net_tap",
	.takes = &made_takes,
	.check = made_check,
	.open = made_open,
	.health = made_health,
	.forked = made_forked,
	.close = made_close,
};
