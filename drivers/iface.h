/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_IFACE_H
#define DRIVERS_IFACE_H

/*
 * What sinks on a kernel interface share: its name, whether it is there and fit to be sent on, the
 * longest frame that it takes, and how it is while packets flow. Interfaces are followed by their
 * number: one that is renamed stays the same, one that is made again under its name does not.
 *
 * The control side of sinks, as lib/sink.h has it.
 */

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/sink.h"

/** An existing interface that a sink sends on. */
struct vmirror_iface {
	char name[IFNAMSIZ];
	unsigned int index;
	int fd;           /**< a socket of the network namespace that it is in */
	bool promiscuous; /**< somebody made it so before the sink came */
	uint32_t room;    /**< bytes of the longest frame that the PMD takes */
	uint64_t refused; /**< packets, as of the last look */
};

/** A message of rtnetlink's. */
union vmirror_iface_reply {
	struct nlmsghdr header;
	char bytes[16384];
};

/** What the kernel has to say of an interface: RTM_NEWLINK. @return false: nothing */
bool
vmirror_iface_ask(unsigned int ifindex, union vmirror_iface_reply *reply);

/** Whether a word can name an interface. @return 0, or -EINVAL with err set */
int
vmirror_iface_check_name(const char *driver, const char *key, const char *name,
			 struct vmirror_error *err);

/**
 * Whether frames can be sent on an interface: it is there, an Ethernet's, and up. Fills in the
 * plan.
 *
 * @return 0; -EINVAL, -ENXIO (none of that name), -ENETDOWN, … with err set
 */
int
vmirror_iface_check(const char *driver, const char *key, const char *name,
		    struct vmirror_sink_plan *plan, struct vmirror_error *err);

/**
 * Begin to follow one that was checked: makes sink->priv, zeroed but for the struct vmirror_iface
 * that it begins with, and sets the sink's limits. For open().
 *
 * @param size  bytes of priv
 * @param room  bytes of the longest frame that the PMD takes
 * @return      0, or -errno with err set
 */
int
vmirror_iface_open(struct vmirror_sink *sink, const char *name, size_t size, uint32_t room,
		   struct vmirror_error *err);

/** Lower the PMD's part of the limit, once more is known. For setup(). */
void
vmirror_iface_limit(struct vmirror_sink *sink, uint32_t room);

/**
 * Starting a port sets the interface's promiscuous flag as ethdev has it: let that be as it was.
 * For setup().
 */
void
vmirror_iface_keep_promiscuous(const struct vmirror_sink *sink);

/** An operation of sinks whose priv begins with a struct vmirror_iface; brings limits.max_frame up to date. */
enum vmirror_sink_health
vmirror_iface_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
		     char reason[VMIRROR_SINK_REASON_SIZE]);

/** As above; frees it. */
void
vmirror_iface_close(struct vmirror_sink *sink, enum vmirror_sink_end end);

/**
 * For explain(): which capabilities that the driver needs for its interface the process has not. Leaves
 * the error as it is where none is missing.
 *
 * @param name    of the interface
 * @param wanted  as devargs/capability.h has them
 * @return        error
 */
int
vmirror_iface_explain(const char *driver, const char *name, uint64_t wanted, int error,
		      struct vmirror_error *err);

/** Whether one is there but down, as far as this network namespace shows. */
bool
vmirror_iface_is_down(const char *name);

/** Bytes of the longest frame that one takes, a tag included; 0: cannot be told. */
uint32_t
vmirror_iface_frame(const char *name);

/** A driver's key that is a number, given or not. @return 0, or -EINVAL with err set */
int
vmirror_iface_number(const struct vmirror_spec_sink *spec, const char *key, uint32_t least,
		     uint32_t most, uint32_t *number, struct vmirror_error *err);

#endif
