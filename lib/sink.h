/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_SINK_H
#define LIB_SINK_H

/*
 * Sinks: where a mirror's packets go. A sink is a vdev port that this library plugs, owns and
 * feeds, or takes packets itself. What differs from driver to driver is a table of operations, one
 * file in drivers/ each and a line in drivers/table.c.
 *
 * The life of a sink, and what runs after each failure:
 *
 *     check    looks only: arguments, file system, interfaces          nothing to undo
 *     open     makes what must exist before the vdev (a file)          fails: undoes its own work
 *       plug the vdev, configure one tx queue                          fails: unplug, close(ABORT)
 *     setup    vdev configured and not started (MTU, silence)          fails: unplug, close(ABORT)
 *       queues set up, vdev started                                    fails: unplug, close(ABORT)
 *     started  what only the running vdev has
 *     health   now and then, while packets flow on other cores
 *       no core feeds it any more
 *     drain    what it accepted and has not sent yet
 *       vdev stopped
 *     reclaim  mbufs that would be lost with the vdev
 *       vdev unplugged
 *     close    ABORT or DONE
 *
 * One that takes packets itself (vmirror_sink_takes) has no vdev, and of the above only check, open,
 * health, forked and close. The drain's thread feeds it; finish comes in the place of drain.
 *
 * A sink whose far end has gone and may come back (an interface, a vhost peer) is LOST: it is fed
 * no more, is ended as above, and when check succeeds again a new one begins in its place.
 *
 * All of it runs on the control side, one call at a time (the engine's control lock); packets go
 * to the vdev behind its back (inline.c, drain.c). check, health and drain may run on the control
 * thread, the others run on a host's thread. Operations that a driver has no use for are NULL, but
 * check. None prints, exits or keeps a pointer to the spec.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "devargs/error.h"
#include "devargs/spec.h"

struct rte_mempool;

/** Bytes of the text that names what a sink writes to, as "interface mon0". */
#define VMIRROR_SINK_RESOURCE_SIZE (PATH_MAX + 16)

/** Bytes of a sentence on a sink's health. */
#define VMIRROR_SINK_REASON_SIZE 256

/** What a driver does with frames; zero means no limit. Read by the forwarding cores. */
struct vmirror_sink_limits {
	/** A longer frame is not passed to the driver, and counts as rejected. health may change it. */
	uint32_t max_frame;
	uint32_t vlan_room; /**< so much longer a frame may be that begins with an 802.1Q tag */
	uint32_t max_chain; /**< of a segmented frame, the driver keeps so many bytes */
	/**
	 * The driver compares pkt_len with its MTU and then sends the segments whole: a longer
	 * frame passes when its pkt_len says so much.
	 */
	uint32_t claim_len;
};

/** What a sink has been fed so far; consistent with itself. */
struct vmirror_sink_progress {
	uint64_t accepted_pkts;
	uint64_t accepted_bytes; /**< bytes kept of them, max_chain considered */
	uint64_t rejected_pkts;  /**< those longer than max_frame included */
	uint64_t too_long_pkts;
};

/** Where packets come from: a queue of a port, in one direction. It lives as long as the mirror. */
struct vmirror_sink_source {
	const char *port; /**< device name */
	uint16_t queue;
	bool is_tx;
	unsigned int index; /**< among those of the mirror, from 0 on */
};

struct vmirror_sink_packet {
	const struct vmirror_sink_source *source;
	uint64_t ns; /**< CLOCK_REALTIME */
	const uint8_t *bytes;
	uint32_t len;
	uint32_t wire_len; /**< bytes that it had */
	uint32_t hash;     /**< RSS, where there is one */
	bool has_hash;
};

/** What became of a port's packets. */
struct vmirror_sink_port_stats {
	uint64_t seen;
	uint64_t left_out; /**< by filter and limits */
	uint64_t no_room;
	uint64_t overwritten; /**< in a recorder, by newer ones */
	uint64_t rejected;
	uint64_t write_error;
	uint64_t written;
	uint64_t imissed; /**< by the port itself: no hook ever saw them */
};

/** A port whose packets a sink will get; there may be others later. */
struct vmirror_sink_port {
	const char *name;
	const char *description; /**< maybe empty */
	uint64_t speed_bps;      /**< 0: unknown */
};

/** To whom a sink that takes packets itself tells what became of them, on the thread that feeds it. */
struct vmirror_sink_owner {
	void (*settled)(void *arg, unsigned int source, uint64_t pkts, bool written);
	void (*count_port)(void *arg, const char *port, struct vmirror_sink_port_stats *stats);
	void *arg;
};

enum vmirror_sink_answer {
	VMIRROR_SINK_TAKEN, /**< is settled later */
	VMIRROR_SINK_BUSY,  /**< later */
	VMIRROR_SINK_LOSES, /**< this one, and is not going to settle it */
};

struct vmirror_sink;

/** Files of a sink that writes some. */
struct vmirror_sink_files {
	uint64_t begun;
	uint64_t done;  /**< of these: have ended, and are whole */
	uint64_t bytes; /**< written to all of them */
};

/** A sink that takes packets itself. All on the thread that feeds it. */
struct vmirror_sink_takes {
	/** The bytes are the caller's and stay no longer than the call. */
	enum vmirror_sink_answer (*put)(struct vmirror_sink *sink,
					const struct vmirror_sink_packet *pkt);
	/** Look after what is under way: at least every half latency. */
	void (*poll)(struct vmirror_sink *sink);
	/** It is busy: wait until it may not be any more, for so long at the most. */
	void (*wait)(struct vmirror_sink *sink, uint64_t ns);
	/** Have all settled, within 10 ms or so. @return false: not yet */
	bool (*flush)(struct vmirror_sink *sink);
	/** No packet comes any more: settle all and complete the output. */
	void (*finish)(struct vmirror_sink *sink);
	/** Where to, in the words of a person who looks for it. Any thread. */
	void (*name)(struct vmirror_sink *sink, char *buf, size_t size);
	/** The file that comes next. @return 0, or -errno with err set. Any thread. NULL: no file */
	int (*next)(struct vmirror_sink *sink, int fd, struct vmirror_error *err);
	/** Any thread. NULL: it writes no files */
	void (*files)(struct vmirror_sink *sink, struct vmirror_sink_files *files);
};

/** What a sink must be ready for. */
struct vmirror_sink_needs {
	uint16_t mtu;             /**< largest of the sources' */
	struct rte_mempool *pool; /**< the mirror's */
	uint16_t data_room;       /**< bytes of its mbufs, headroom included */
	int socket;               /**< NUMA node of memory */

	/* Of one that takes packets itself. */
	const struct vmirror_spec *mirror; /**< the whole of it */
	const struct vmirror_sink_port *ports;
	unsigned int n_ports;
	struct vmirror_sink_owner owner;
	unsigned int
		number; /**< of a series of sinks that are made of one spec; 0: it is no series */
};

enum vmirror_sink_health {
	VMIRROR_SINK_UNSEEN, /**< could not be looked at just now; not for drivers to say */
	VMIRROR_SINK_WELL,
	VMIRROR_SINK_AILS,   /**< refuses packets and may recover */
	VMIRROR_SINK_LOST,   /**< is to be fed no more; another may take its place later */
	VMIRROR_SINK_FAILED, /**< is to be fed no more */
};

enum vmirror_sink_end {
	VMIRROR_SINK_ABORT, /**< it never ran: leave nothing behind */
	VMIRROR_SINK_DONE,
};

struct vmirror_sink_plan;

/** A key that the PMD knows and that a sink must not have. */
struct vmirror_sink_refusal {
	const char *key;
	const char *why; /**< as "it would …" */
};

struct vmirror_sink_ops {
	const char *driver;      /**< the PMD's name, which the vdev's name begins with */
	const char *alias;       /**< another name that the PMD goes by; NULL: none */
	const char *const *keys; /**< devargs keys that are passed on, NULL-terminated */
	/** Ended by one without a key; NULL: none. */
	const struct vmirror_sink_refusal *refused;
	/**
	 * Log type of a PMD that reports as errors, while it is plugged, what does no harm. It is
	 * silenced for as long, unless somebody raised its level to have its word.
	 */
	const char *noisy_log;
	/** Rx queues that the PMD wants set up, never polled; UINT16_MAX: all that it has. */
	uint16_t n_rxq;
	/** Of a mempool for those queues, where the PMD takes mbufs for them; 0: it takes none. */
	uint32_t rx_mbufs;
	uint16_t
		rx_room; /**< bytes of each, headroom included, at the most; the mirror's are more */

	/* How the PMD treats what it is given. */
	bool holds;  /**< it keeps mbufs after tx_burst has returned: it is given copies */
	bool linear; /**< it reads the first segment alone: it is given packets of one segment */

	/** Takes packets itself, and has no vdev. NULL: it has one */
	const struct vmirror_sink_takes *takes;

	/** Fills in the plan's resource. @return 0, or -errno with err set */
	int (*check)(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
		     struct vmirror_error *err);

	/** Sets sink->priv and limits; writes the vdev's devargs, if there is to be one. */
	int (*open)(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
		    size_t size, struct vmirror_error *err);

	/** The vdev could not be plugged or started: say why, if more can be said. @return the error */
	int (*explain)(struct vmirror_sink *sink, int error, struct vmirror_error *err);

	int (*setup)(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
		     struct vmirror_error *err);

	/** The vdev has been started: the last step. Cannot fail. */
	void (*started)(struct vmirror_sink *sink);

	/** With a sentence in reason unless all is well. */
	enum vmirror_sink_health (*health)(struct vmirror_sink *sink,
					   const struct vmirror_sink_progress *progress,
					   char reason[VMIRROR_SINK_REASON_SIZE]);

	/**
	 * Give the far end a moment, 200 ms at the most, to take what the PMD has accepted.
	 * @return packets that it has not taken
	 */
	uint32_t (*drain)(struct vmirror_sink *sink, struct rte_mempool *pool);

	/**
	 * In a child of fork(), where nobody feeds the sink: what the child does, or the C library
	 * at its exit, must not reach the parent's output. Only what a signal handler may call.
	 */
	void (*forked)(struct vmirror_sink *sink);

	/** Take back mbufs that would be lost with the vdev. It is stopped; a host's thread. */
	void (*reclaim)(struct vmirror_sink *sink);

	void (*close)(struct vmirror_sink *sink, enum vmirror_sink_end end);
};

struct vmirror_sink {
	const struct vmirror_sink_ops *ops;
	const struct vmirror_sink_needs *needs; /**< while it is being opened */
	struct vmirror_sink_limits limits;
	char vdev[64];
	uint16_t port_id; /**< of the vdev; RTE_MAX_ETHPORTS: there is none */
	uint16_t n_txd;   /**< tx descriptors, where open asks for another number than usual */
	struct rte_mempool *rx_pool; /**< of rx_mbufs */
	void *priv;                  /**< the driver's */
};

/** NULL-terminated; defined in drivers/table.c. */
extern const struct vmirror_sink_ops *const vmirror_sinks[];

/** For drivers that are in the process and not in the table; its own driver is NULL. */
extern const struct vmirror_sink_ops vmirror_sink_other;

/** What check() finds out about a sink spec. */
struct vmirror_sink_plan {
	const struct vmirror_sink_ops *ops;
	char driver[64]; /**< the name that the vdev's begins with */
	char vdev[64];
	char resource[VMIRROR_SINK_RESOURCE_SIZE];
	unsigned int number; /**< of a series that is made of the spec; 0: none; set before check */
	bool shareable;      /**< other sinks may use the resource as well */
	dev_t dev;           /**< of a file that is there, whatever the resource calls it */
	ino_t ino;           /**< 0: it is none */
	uint64_t bytes;      /**< of the system's memory, that one which takes packets has */
	unsigned int ifindex;     /**< interface that it sends on and did not make; 0: none */
	unsigned int far_ifindex; /**< where what is sent there comes in, or goes out; 0: unknown */
};

/**
 * Check a sink spec against the table, the system and the ports that exist.
 *
 * @param mirror  name of the mirror, which names the vdev when the spec gives a bare driver
 * @param number  of a series of such as take packets themselves, one after the other; 0: it is none
 * @param goes    whether a vdev that is there goes before this one comes; NULL: none does
 * @return        0; -EINVAL, -EEXIST, -ENOENT, … with err set
 */
int
vmirror_sink_check(const struct vmirror_spec_sink *spec, const char *mirror, unsigned int number,
		   bool (*goes)(const char *vdev), struct vmirror_sink_plan *plan,
		   struct vmirror_error *err);

/** Make and start a sink from a plan. @return 0, or -errno with err set and nothing left behind */
int
vmirror_sink_create(struct vmirror_sink **sink, const struct vmirror_spec_sink *spec,
		    const struct vmirror_sink_plan *plan, const struct vmirror_sink_needs *needs,
		    struct vmirror_error *err);

/** Stop the vdev, so that what it was fed is out. No core may be feeding it. */
void
vmirror_sink_stop(struct vmirror_sink *sink);

/**
 * Unplug, close, free one that is stopped. Takes NULL.
 *
 * @param end        ABORT: leave nothing behind
 * @param vdev_gone  EAL has removed the vdev already
 */
void
vmirror_sink_destroy(struct vmirror_sink *sink, enum vmirror_sink_end end, bool vdev_gone);

/** Helper for drivers: write "key=value,…" of the spec's arguments behind what buf holds. */
int
vmirror_sink_devargs(const struct vmirror_spec_sink *spec, char *buf, size_t size,
		     struct vmirror_error *err);

#endif
