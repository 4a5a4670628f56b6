/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMIRROR_H
#define VMIRROR_H

/**
 * @file
 * libvmirror: port mirroring inside the DPDK process that owns the ports.
 *
 * The order of calls: rte_eal_init(), vmirror_engine_init(), ports configured and started (before
 * or after), vmirror_mirror_add(), …, vmirror_engine_fini(), rte_eal_cleanup().
 *
 * Threads: every function here may be called from any thread that may call ethdev's control
 * functions. Calls are serialised by a lock of the library's own and may block (hotplug, file
 * system, waiting until no forwarding core is inside a hook). None may be called from a forwarding
 * core that must not wait, from an rx/tx callback, from an ethdev event callback, from `notify`, or
 * beside rte_eal_cleanup(): EAL's hotplug and its cleanup have no lock between them.
 *
 * One engine lives in a process, because ethdev's callbacks and EAL's hotplug do.
 *
 * A child of fork() has no engine and no mirrors, and cannot start one: what it forwards is not
 * mirrored, calls fail with -EPERM or -ENOENT, and what it closes, or leaves open, does not touch the
 * parent's files and tap interfaces. (Sockets of other sinks are open as long as the child is, unless
 * it calls exec(): peers of virtio_user and memif do not see that the parent went.) A host that goes
 * into the background does so before it calls vmirror_engine_init().
 */

#include <stddef.h>
#include <stdint.h>

#include "vmirror_error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMIRROR_API __attribute__((visibility("default")))

/** Bytes of a mirror's name, terminator included. */
#define VMIRROR_NAME_SIZE 32

/** Bytes of a port's name, terminator included (ethdev's RTE_ETH_NAME_MAX_LEN). */
#define VMIRROR_PORT_NAME_SIZE 64

/** How grave a notice is. */
enum vmirror_level {
	VMIRROR_INFO, /**< something went as it should: a mirror reached its count */
	/** packets are being lost, or will be; or the system's clock jumped */
	VMIRROR_WARNING,
	VMIRROR_ERROR, /**< a mirror has stopped working */
};

/** Options of vmirror_engine_init(); zero them, then set size. */
struct vmirror_engine_opts {
	size_t size; /**< sizeof(struct vmirror_engine_opts) */
	/**
	 * Called with one line for a person whenever a mirror changes its state by itself, when
	 * its sink ails, and in mode=ring when the system's clock jumps (each at most every ten
	 * seconds for each mirror). Runs on the engine's control thread or inside a call of this
	 * library or of rte_eal_cleanup(), with the library's lock held: it must not call vmirror,
	 * nor wait for a thread that does. NULL: the lines go to DPDK's log, type "lib.vmirror".
	 */
	void (*notify)(void *arg, enum vmirror_level level, const char *text);
	void *notify_arg; /**< passed to notify */
	/**
	 * Not 0: the host knows nothing of vmirror, as with a plugin. A spec may name ports that are
	 * not there; they are hooked when a port of that name comes. (Numbers are looked up at once
	 * all the same: they say nothing of a port to come.) The functions here are called on a thread
	 * beside the host's, so the drivers of its ports are asked only while the ports are started.
	 */
	int unaware_host;
	/**
	 * Bytes that all mirrors together may take, of DPDK's memory for mempools and of the system's
	 * for rings. One that would take more is refused. 0: as much as there is.
	 */
	uint64_t max_memory;
};

/**
 * Start the engine: one control thread, two `net_null` vdevs of which one is first to hear of
 * rte_eal_cleanup() and the other keeps its place, callbacks for ports that come and go.
 *
 * Call it in the primary process after rte_eal_init(). Sources plugged before or after are
 * mirrored alike.
 *
 * @param opts  may be NULL
 * @return      0; -EALREADY when it runs; -EPERM before rte_eal_init() and after
 *              an rte_eal_cleanup() during which it ran; -ENOTSUP in a secondary process and on a DPDK built without
 *              RTE_ETHDEV_RXTX_CALLBACKS; -EINVAL for a size of opts that is too small; another
 *              negative errno value; err set
 */
VMIRROR_API int
vmirror_engine_init(const struct vmirror_engine_opts *opts, struct vmirror_error *err);

/**
 * Remove all mirrors (their sinks are flushed and unplugged), then stop the engine.
 *
 * The rx/tx callbacks stay on their queues, inert, because ethdev cannot say when one may be
 * freed. Safe after rte_eal_cleanup(), which ended the mirrors, though not beside it, and without
 * an engine. Where there is a choice, call it first: DPDK up to 25.03 walks vdevs in its cleanup
 * that it has freed.
 */
VMIRROR_API void
vmirror_engine_fini(void);

/**
 * Make a mirror and attach it to its ports: all of them, or on failure none, with nothing left
 * behind. (An existing capture file is truncated when its driver opens it, late in the making: a
 * failure after that cannot bring the old contents back.)
 *
 * @param spec  mirror spec, as in doc/spec.md; the library keeps no reference to it
 * @param name  receives the mirror's name when it is not NULL
 * @return      0; -EINVAL, -E2BIG (the spec), -ENODEV (no such port), -ENXIO (nor such an interface
 *              of a sink, nor a driver of its vdev), -EEXIST, -EBUSY (name,
 *              interface or file in use), -ENOTSUP (DPDK's BPF cannot run the filter), -ENOMEM,
 *              -ENOSPC (no port number left), -EPERM (no engine runs), or what the system or the
 *              sink's driver said; err set
 */
VMIRROR_API int
vmirror_mirror_add(const char *spec, char name[VMIRROR_NAME_SIZE], struct vmirror_error *err);

/**
 * Detach a mirror, unplug its sink and forget it. When this returns no forwarding core is inside
 * its hooks and its output is complete.
 *
 * @return 0; -ENOENT with err set
 */
VMIRROR_API int
vmirror_mirror_remove(const char *name, struct vmirror_error *err);

/**
 * Detach a mirror from its ports and keep it, with its sink and its counters. When this returns
 * no forwarding core is inside its hooks. What is left on a queue that no mirror looks at is the
 * call of an empty callback. The mirror's duration runs on.
 *
 * @return 0, also when it was detached; -ENOENT; err set
 */
VMIRROR_API int
vmirror_mirror_detach(const char *name, struct vmirror_error *err);

/**
 * Attach a detached mirror again.
 *
 * @return 0, also when it was attached; -ENOENT; -EBUSY when the mirror has ended; -ESTALE when its
 *         sink has gone; -ENOMEM; -EPERM when no engine runs; err set
 */
VMIRROR_API int
vmirror_mirror_attach(const char *name, struct vmirror_error *err);

/**
 * Give mirrors whose sink was lost a new one: an interface that was deleted and is there again, a
 * vhost peer that died and listens again. To be called now and then, twice a second, say, from a
 * thread of the host that may plug vdevs; the engine's own thread must not, as EAL's list of
 * devargs has no lock. Without it such a mirror stays as it is, its packets counted as
 * sink_rejected. A peer that is there and does not answer may block a call for some seconds; the next
 * tries are then made the more rarely.
 *
 * @return 0; -EPERM when no engine runs, or EAL has been cleaned up: there is nothing more to tend
 */
VMIRROR_API int
vmirror_engine_tend(void);

/** Options of vmirror_mirror_snapshot(); zero them, then set size. */
struct vmirror_snapshot_opts {
	size_t size;      /**< sizeof(struct vmirror_snapshot_opts) */
	uint64_t last_ms; /**< packets of the last so many milliseconds; 0: of any age */
	/**
	 * Of those the last, of all queues together, so many bytes of the rings, or a little more:
	 * whole parts of them. 0: all.
	 */
	uint64_t last_bytes;
	/**
	 * Where to, as behind a spec's `sink=`: one that takes packets itself, "[file,path=a.pcapng]",
	 * which is made for this one. NULL: the mirror's own. A file of that is named after `path` and
	 * the snapshot's number and time.
	 */
	const char *sink;
};

/**
 * mode=recorder: begin to write what is recorded, in the order of time. All that has passed when this
 * is called is in it, as far as the rings still have it, and nothing that passes later. Returns when
 * it has begun. While it is written recording goes on: into what it has written already, and what had
 * been left free; where the sink is slower than the traffic, no_room counts.
 *
 * Its end is told by notify, and in the statistics. Packets stay recorded: another may show them again.
 *
 * @param opts  may be NULL: all that is recorded, to the mirror's own sink
 * @return      0; -ENOENT; -ENOTSUP when the mirror is no recorder; -EINVAL (the options); -EBUSY
 *              while another snapshot of the mirror is written, or it is over; -EIO when its sink is
 *              lost or has failed; -EPERM when no engine runs; or what making the file said; err set
 */
VMIRROR_API int
vmirror_mirror_snapshot(const char *name, const struct vmirror_snapshot_opts *opts,
			struct vmirror_error *err);

/**
 * Hand in the file that a mirror writes to next, of one whose sink is [file,fd=N,rotate_bytes=…] or
 * rotate_seconds=: an empty regular file that is open for writing. When the one before is long or old enough
 * the next packet goes there; where none was handed in by then, when one is. Nothing is lost or cut in
 * between. vmirror_stats has how many were begun, and how many of these are whole: they follow each other
 * in the order in which they came. What a file is called, or whether it has a name yet, is its giver's affair.
 *
 * @param fd  stays the caller's, who may close it at once
 * @return    0; -ENOENT; -ENOTSUP when the mirror's sink takes none; -EINVAL when it is no such file;
 *            -EAGAIN when eight wait already; -EBUSY when the mirror is over, or another capture writes to
 *            it; err set
 */
VMIRROR_API int
vmirror_mirror_next_file(const char *name, int fd, struct vmirror_error *err);

/** What a mirror would do, from vmirror_mirror_check(). */
struct vmirror_plan {
	char name[VMIRROR_NAME_SIZE];
	char text[1024];       /**< one line for a person */
	unsigned int hooks;    /**< queues times directions that it would hook now */
	uint64_t memory_bytes; /**< what it would allocate of DPDK's memory, its mempool foremost */
	uint64_t ring_bytes;   /**< and of the system's, for its rings; mode=ring */
};

/**
 * Check specs as if they were added one after the other: everything up to the point where
 * something would be seen from outside. Mempools are taken and given back.
 *
 * @param specs, n  the specs
 * @param plans     array of n that receives what each would do; NULL: not wanted
 * @param bad       receives the index of the first bad spec on failure; may be NULL
 * @return          0; as vmirror_mirror_add()
 */
VMIRROR_API int
vmirror_mirror_check(const char *const specs[], unsigned int n, struct vmirror_plan *plans,
		     unsigned int *bad, struct vmirror_error *err);

/**
 * Put mirrors in the place of others, as a changed configuration asks for. First all that are to come are
 * checked, as if those that go were not there; when one is bad nothing changes. Then those that go are taken
 * away, and the others made. Mirrors that are named in neither lose nothing.
 *
 * Should one fail all the same, those made are taken away again, and those that went come back, each with its
 * name, its vmirror_mirror_serial() (a client's is the client's still) and its place in vmirror_mirror_list():
 *
 * - One that had ended or failed, or was being taken away, is there as it ended, with its counters.
 * - Any other is made again, and attached if it was. It has what is left of its count, bytes and duration and
 *   of its trigger's snapshots, and numbers its snapshots on. It begins anew with all else: its counters, what
 *   a recorder recorded, sampling, rates and guard, and its output: a file that its sink may overwrite is
 *   overwritten, and files that follow each other are numbered from 1 again, with another time.
 * - One that cannot be made again is gone, which err says, and notify with the reason: its file, which is not
 *   to be overwritten, is there; its fifo's reader has gone; its descriptor was closed; it waited for an
 *   interface or a port, and that is not there yet; its port's number is another port's now.
 *
 * Until the others run, those that go keep their rings and mempools: there is memory for both, or the check
 * refuses.
 *
 * @param old, n_old  names of those that go; one that is not there is passed over
 * @param specs, n    those that come
 * @param names       array of n that receives their names; on failure it means nothing
 * @param bad         receives the index of the first bad spec on failure; may be NULL
 * @return            0; as vmirror_mirror_add()
 */
VMIRROR_API int
vmirror_mirror_replace(const char *const old[], unsigned int n_old, const char *const specs[],
		       unsigned int n, char (*names)[VMIRROR_NAME_SIZE], unsigned int *bad,
		       struct vmirror_error *err);

/**
 * Packet counters. They conserve: exactly once a mirror is detached or has ended, and with
 * in_flight making up the difference before. (What a sink's driver then still holds, for a far end
 * that fetches its packets, is unknown; attached again, it is in flight again.)
 *
 *     seen     = filtered + sampled_out + captured + no_room
 *     captured = delivered + sink_rejected + write_error + overwritten + unknown + in_flight
 */
struct vmirror_counters {
	uint64_t seen;          /**< packets that passed a hook while the mirror took packets */
	uint64_t filtered;      /**< did not match the filter */
	uint64_t sampled_out;   /**< left out by sample=, max_pps=, max_bps= or guard= */
	uint64_t captured;      /**< taken for the sink */
	uint64_t no_room;       /**< matched, but the mempool was empty or the ring full */
	uint64_t delivered;     /**< accepted by the sink, and as far as can be known kept by it */
	uint64_t sink_rejected; /**< refused by the sink */
	uint64_t write_error;   /**< accepted by the sink, and reported lost by it */
	uint64_t overwritten;   /**< captured, then replaced by newer packets */
	/**
	 * Accepted by a sink that hides its losses, after it began to lose; or still held by its
	 * driver when the far end went.
	 */
	uint64_t unknown;
	/** Captured, not yet told of by the sink; where its driver holds packets, at the most. */
	uint64_t in_flight;
	uint64_t truncated;      /**< of those captured: cut by snaplen or by the sink's limit */
	uint64_t captured_bytes; /**< wire lengths of the captured packets, added up */
	/*
	 * Of those captured, how many are shown as they passed the hook and not as they are on
	 * the wire. In a sink that hands mbufs on, they are marked as virtual devices mark theirs.
	 */
	uint64_t tso_pending; /**< tx: the port is to segment it. RTE_MBUF_F_RX_LRO, tso_segsz */
	uint64_t
		csum_pending; /**< tx: the port is to fill in a checksum. RTE_MBUF_F_RX_*_CKSUM_NONE */
	uint64_t lro_merged; /**< rx: the port made it of several. RTE_MBUF_F_RX_LRO */
	/**
	 * tx, of those seen: in a burst that looks like the rest of the one before, as a host offers
	 * it again whose driver took a part. Whoever sends one mbuf twice in a row, with the same
	 * bytes in front, looks alike; no packet is left out for it.
	 */
	uint64_t tx_repeats;
	/** mode=ring: offered to the sink after others that passed later, as their core was slow. */
	uint64_t late;
};

enum vmirror_state {
	VMIRROR_ATTACHED, /**< hooked to its ports, as far as they are there */
	VMIRROR_DETACHED, /**< kept, hooked to nothing */
	/**
	 * Reached its count or duration, or EAL was cleaned up. Its output is complete; its vdev
	 * is unplugged by the next call that adds, removes, attaches, detaches or checks.
	 */
	VMIRROR_ENDED,
	VMIRROR_FAILED, /**< its sink stopped working; see reason */
};

/** A mirror's statistics; zero it, then set size. */
struct vmirror_stats {
	size_t size; /**< sizeof(struct vmirror_stats) */
	char name[VMIRROR_NAME_SIZE];
	enum vmirror_state state;
	char reason[256]; /**< why it ended or failed, or what ails it; else empty */
	/**
	 * Queues times directions hooked now. A queue that its port gave up keeps its hook: back
	 * again, it is seen from its first packet on.
	 */
	unsigned int hooks;
	uint64_t port_imissed; /**< what the source ports' own counters say the NIC dropped since
			            the mirror was added; no callback saw those packets */
	/**
	 * A tx hook sees what is offered to a driver, also what that then refuses. So the two stand
	 * side by side: what the hooks saw, and what the ports' own counters (opackets) say they sent,
	 * from the same moment on, while they were hooked. The difference was refused, or is in the
	 * driver's hands just now. 0 both: nothing was sent, or the mirror shows no tx or not all queues.
	 */
	uint64_t tx_seen;
	uint64_t tx_sent;
	uint64_t memory_bytes; /**< that the mirror has: its mempool, and its rings */
	struct vmirror_counters total;
	/**
	 * mode=ring: CLOCK_REALTIME, in nanoseconds, of the oldest and of the newest packet that the
	 * sink has taken, as they passed the hook. 0: there was none yet. Within a mirror times do not
	 * go back where the system's clock does: they go on, ahead of it by as much, until it jumps
	 * forward. A packet that is late has its own time. 0 in mode=inline: the forwarding core
	 * would have to read a clock for it.
	 */
	uint64_t first_packet_ns;
	uint64_t last_packet_ns;
	/** mode=ring: times that the system's clock jumped, forward or back, while the mirror ran. */
	uint64_t clock_steps;
	/*
	 * mode=recorder. The counters above are of what is recorded: in_flight is what the rings have
	 * now. A packet may be in several snapshots; those have a law of their own, exact while none
	 * runs and the sink's driver holds no packet for a far end that fetches them:
	 * snapshot_pkts = snapshot_delivered + snapshot_lost.
	 */
	uint64_t snapshots; /**< that have ended */
	uint64_t
		snapshots_failed; /**< such that lost packets, or could not be begun by a trigger */
	uint64_t snapshots_running; /**< 1 while one is being written */
	uint64_t snapshot_pkts;     /**< packets of all snapshots, added up */
	uint64_t
		snapshot_delivered; /**< of these: accepted by the sink and, as far as can be known, kept */
	uint64_t snapshot_lost; /**< of these: refused or lost by the sink, or unknown */
	/* Of a sink that writes files, but for those of snapshots. */
	uint64_t files;      /**< begun */
	uint64_t files_done; /**< of these: have ended, and are whole */
	uint64_t file_bytes; /**< written to all of them */
	/*
	 * mode=ring and mode=recorder, 0 in mode=inline: the rings of all queues that the mirror was ever
	 * hooked to, and what is in them at the moment. In mode=ring that waits for the sink; what a ring
	 * that is full has no room for counts as no_room. In mode=recorder it is what is kept, which
	 * nearly fills them once they have been full.
	 */
	uint64_t ring_bytes;      /**< of all rings */
	uint64_t ring_used_bytes; /**< of these: in use */
	/** Of the ring that is fullest: what is in use, in per cent. One that is not empty has 1. */
	uint64_t ring_fullest_percent;
};

/** The counters of one hook: one queue of one port in one direction. */
struct vmirror_queue_stats {
	char port[VMIRROR_PORT_NAME_SIZE];
	uint16_t queue;
	uint16_t is_tx; /**< 0: rx, 1: tx */
	struct vmirror_counters counters;
};

/**
 * Read a mirror's statistics.
 *
 * @return 0; -ENOENT; -EINVAL when stats->size is none that this library knows; err set
 */
VMIRROR_API int
vmirror_mirror_stats(const char *name, struct vmirror_stats *stats, struct vmirror_error *err);

/**
 * Write statistics as text: "seen=12 … state=attached", and reason="…" when there is one; what is said
 * of rings where there are some, and so of snapshots and files. Keys may be
 * added, but none changes its name. Pure.
 *
 * @param buf, size  where to; terminated unless size is 0
 * @return           length of the whole text as snprintf() counts it
 */
VMIRROR_API int
vmirror_stats_build(const struct vmirror_stats *stats, char *buf, size_t size);

/**
 * Read a mirror's statistics per queue, of every queue that it was ever hooked to.
 *
 * @param stats  array of n; may be NULL when n is 0
 * @return       how many there are (more than n: the rest was left out); -ENOENT with err set
 */
VMIRROR_API int
vmirror_mirror_queue_stats(const char *name, struct vmirror_queue_stats *stats, unsigned int n,
			   struct vmirror_error *err);

/**
 * Names of all mirrors, in the order in which they were added.
 *
 * @param names  array of n; may be NULL when n is 0
 * @return       how many there are (more than n: the rest was left out)
 */
VMIRROR_API int
vmirror_mirror_list(char (*names)[VMIRROR_NAME_SIZE], unsigned int n);

/**
 * The number of the mirror that has a name now: no other of this process ever has it, so that whoever keeps
 * it knows a mirror from another of its name. One that vmirror_mirror_replace() has brought back is the same.
 *
 * @return  0: there is none of that name
 */
VMIRROR_API uint64_t
vmirror_mirror_serial(const char *name);

/**
 * The spec that a mirror was made of, as text: what stands in it, in one order, with the name that it got.
 *
 * @param buf, size  where to; terminated unless size is 0
 * @return           length of the whole text as snprintf() counts it; -ENOENT with err set
 */
VMIRROR_API int
vmirror_mirror_spec(const char *name, char *buf, size_t size, struct vmirror_error *err);

/** Options of vmirror_control_start(); zero them, then set size. */
struct vmirror_control_opts {
	size_t size; /**< sizeof(struct vmirror_control_opts) */
	/** Of the socket. NULL: vmirror.PID in rte_eal_get_runtime_dir(), where clients look. */
	const char *path;
	/** Its members may connect as well as the process's user and root, with less rights. NULL: none. */
	const char *group;
	/**
	 * Called on the server's thread before something that may plug a vdev, with busy not 0, and
	 * after it with 0. A host that plugs vdevs itself, or configures or closes ports, waits here until it
	 * does not: EAL's list of devargs has no lock, and ports' drivers are asked meanwhile. At other times
	 * they are asked while their ports are started. NULL: not called.
	 */
	void (*busy)(void *arg, int busy);
	/**
	 * Read the host's configuration again, on the server's thread; err receives what is wrong with
	 * it, or else a line on what was done. NULL: it has none.
	 */
	int (*reload)(void *arg, struct vmirror_error *err);
	void *arg; /**< passed to both */
};

/**
 * Start the control server: a thread that takes requests from a Unix socket (doc/control.md) and calls
 * the functions above, so that mirrors are made, shown and taken away in a running process. What clients
 * have done, and what they had no right to, is told by the engine's notify.
 *
 * Call it after vmirror_engine_init(). It copies opts; the strings need not stay.
 *
 * @param opts  may be NULL
 * @return      0; -EALREADY; -EADDRINUSE, -ENAMETOOLONG, or what the system said of the socket; err set
 */
VMIRROR_API int
vmirror_control_start(const struct vmirror_control_opts *opts, struct vmirror_error *err);

/**
 * Where the server listens.
 *
 * @return  length of the path, as snprintf() counts it; -ENOENT: there is no server
 */
VMIRROR_API int
vmirror_control_path(char *buf, size_t size);

/**
 * End it: mirrors that belong to a client are taken away, as when the client ends. Call it before
 * vmirror_engine_fini(). Takes none.
 */
VMIRROR_API void
vmirror_control_stop(void);

/** Version of the library, "MAJOR.MINOR.PATCH". */
VMIRROR_API const char *
vmirror_version(void);

#ifdef __cplusplus
}
#endif

#endif
