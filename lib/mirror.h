/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_MIRROR_H
#define LIB_MIRROR_H

/*
 * A mirror: a spec brought to life. Its control side; the packets' side is inline.[ch], or
 * ring_hook.[ch] and drain.[ch].
 *
 * The life of one is in mirror.c, what ties it to ports in attach.c, to its sink in feed.c:
 *
 *     create   names, sources, filter and mempool; nothing that can be seen from outside
 *     start    the sink is plugged and the hooks are attached, or neither
 *     tick     now and then: new queues and ports, count, duration, the sink's health
 *     stop     detached, the sink's output complete; the counters stay
 *     close    the sink is unplugged
 *     destroy
 *
 * Every function here is called under the control lock, but those that say otherwise.
 */

#include <limits.h>
#include <sys/queue.h>

#include <rte_ethdev.h>

#include "devargs/spec.h"
#include "lib/drain.h"
#include "lib/guard.h"
#include "lib/hold.h"
#include "lib/inline.h"
#include "lib/limit.h"
#include "lib/ring_hook.h"
#include "lib/sink.h"
#include "lib/snapshot.h"
#include "vmirror.h"

/** How often an ailment, or what guard= does, is told at the most. */
#define VMIRROR_NOTICE_INTERVAL_NS UINT64_C(10000000000)

/** One queue of one port in one direction, hooked or not: counters outlive their hook. */
struct vmirror_record {
	TAILQ_ENTRY(vmirror_record) next;
	char port[RTE_ETH_NAME_MAX_LEN];
	uint16_t queue;
	bool is_tx;

	bool hooked;  /**< hook lock, as the next three */
	bool pending; /**< is being hooked */
	uint16_t port_id;
	struct vmirror_dispatcher *dispatcher;

	struct vmirror_dispatch_hook *hook; /**< one of the next two, by the mirror's mode */
	struct vmirror_inline_hook inline_hook;
	struct vmirror_ring_hook ring_hook;
	struct vmirror_limit_hook limit;   /**< where the mirror has one */
	struct vmirror_guard_hook guard;   /**< the same */
	struct vmirror_hold *hold;         /**< tx, where the mirror has reference= */
	struct vmirror_recorder *recorder; /**< mode=recorder; of its ring */
	bool hold_asked; /**< its queue's driver was, and says that it minds them */
	/** mode=ring; its ring lives as long as the record. Not on a line that a core writes to. */
	struct vmirror_merge_ring drained __attribute__((aligned(64)));
	uint64_t well; /**< packets accepted when the sink was last seen well */
	uint64_t well_candidate;
	uint64_t unsent; /**< packets that a sink's driver still held when nobody fed it any more */
	uint64_t unsent_now;       /**< of these, such that the present sink's may still send */
	struct vmirror_tally last; /**< as vmirror_mirror_held() read it; control lock */
	struct vmirror_tally tally __attribute__((aligned(64)));
};

TAILQ_HEAD(vmirror_record_list, vmirror_record);

/** What tx hooks saw, and what the port says it sent. */
struct vmirror_tx {
	uint64_t seen;
	uint64_t sent;
};

/** A port that the mirror was asked to show. */
struct vmirror_source {
	TAILQ_ENTRY(vmirror_source) next;
	char name[RTE_ETH_NAME_MAX_LEN];
	uint64_t imissed_base;     /**< the port's own counter when it was first seen */
	uint64_t imissed;          /**< since then */
	char description[128];     /**< what its driver said, when it was last asked */
	uint64_t speed_bps;        /**< the same; 0: unknown */
	struct vmirror_tx tx;      /**< while it was hooked, as far as both were looked at */
	struct vmirror_tx tx_last; /**< both counters at the last look */
	bool tx_looked;            /**< there was one since it was hooked last; hook lock */
};

TAILQ_HEAD(vmirror_source_list, vmirror_source);

/** What the mirror has heard of jumps of the system's clock. mode=ring */
struct vmirror_mirror_clock {
	struct vmirror_clock_jumps before; /**< it was added */
	struct vmirror_clock_jumps told;   /**< as of the last notice */
	uint64_t n;                        /**< while it ran */
	uint64_t ahead_ns;       /**< of the timeline: as it was then, or the least since */
	uint64_t next_notice_ns; /**< before then none is told */
};

struct vmirror_mirror {
	TAILQ_ENTRY(vmirror_mirror) next;
	struct vmirror_spec spec; /**< name filled in */
	uint64_t serial; /**< no other has it, and the list is by it; 0: it is only being checked */

	enum vmirror_state state;
	char reason[VMIRROR_SINK_REASON_SIZE];
	uint64_t deadline_ns; /**< CLOCK_MONOTONIC; 0: none */

	struct vmirror_source_list sources;
	struct vmirror_record_list records;

	struct vmirror_filter *filter;
	struct vmirror_path path;
	uint64_t pool_bytes; /**< of DPDK's memory, for its mempool */
	struct vmirror_limit limit;
	struct vmirror_guard guard;
	uint64_t next_guard_notice_ns; /**< before then no change of it is told */
	bool guard_told;               /**< that packets are left out */
	struct vmirror_mirror_clock clock;
	struct vmirror_drain drain;       /**< mode=ring */
	unsigned int n_rings;             /**< that queues have */
	struct vmirror_ring *spare_rings; /**< that wait for their queues; control lock */
	unsigned int rings_missing;       /**< as of the last try to hook */
	unsigned int rings_wanted;        /**< of these, those of the next node */
	int rings_node;                   /**< that NUMA node */
	struct vmirror_snapshot snapshot; /**< mode=recorder */
	struct vmirror_sink_plan sink_plan;
	struct vmirror_sink *sink; /**< NULL when it never ran or was closed; hook lock as well */
	bool sink_gone; /**< somebody else removed the vdev; set under the hook lock, atomic */
	bool planned;   /**< it is only being checked, and is never started */
	bool leaves;    /**< others are being checked that are to replace it */
	bool lost;      /**< the sink was, and may get a successor */
	bool settled;   /**< what the sink's driver holds counts as unsent */
	struct vmirror_sink_files files;         /**< of sinks that were closed */
	uint64_t next_try_ns;                    /**< before then none is tried */
	uint64_t revived_ns;                     /**< when it got one last */
	struct vmirror_sink_progress fed_before; /**< what the sinks before this one were fed */
	uint64_t too_long;                       /**< as of the last look at the sink */
	uint64_t too_long_well;                  /**< of these, such that came while it was well */
	bool ailed;                              /**< at the last look */
	bool over;                               /**< stopped */
	uint64_t left_ns;                        /**< since when it is being ended; 0: it is not */
	uint64_t next_notice_ns;                 /**< before then no ailment is told */
	bool told;                               /**< what ails it was, and not that it is well */
	bool untold;                             /**< the reason is one that was not told yet */
	bool asks;                               /**< drivers, while it hooks */
	bool fast_free;                          /**< reference=: of a port, at the last look */
	char copied_port[RTE_ETH_NAME_MAX_LEN];  /**< for whose sake packets are copied */
	bool copied_told;
	unsigned int sync_errors; /**< so that an error which repeats is told once */
};

/** Parse and prepare. @return 0, or -errno with err set */
int
vmirror_mirror_create(struct vmirror_mirror **mirror, const char *text, struct vmirror_error *err);

/**
 * Plug the sink and attach, or neither. The mirror is in the engine's list.
 *
 * @param attach  false: it is detached, to be attached later
 */
int
vmirror_mirror_start(struct vmirror_mirror *mirror, bool attach, struct vmirror_error *err);

/** Free one that is closed or never started, and is in no list. Takes NULL. */
void
vmirror_mirror_destroy(struct vmirror_mirror *mirror);

/** What stats tell as the reason. */
void
vmirror_mirror_set_reason(struct vmirror_mirror *mirror, const char *reason);

/** Say which of its count= and bytes= it has used up. */
void
vmirror_mirror_say_spent(const struct vmirror_mirror *mirror, char *buf, size_t size);

/** Whether its time is up, which is said then. */
bool
vmirror_mirror_is_late(const struct vmirror_mirror *mirror, uint64_t now, char *buf, size_t size);

/** Whether packets go through rings. */
static inline bool
vmirror_mirror_has_rings(const struct vmirror_mirror *mirror)
{
	return mirror->spec.mode != VMIRROR_SPEC_INLINE;
}

/** Whether rings are not emptied, but keep the last packets. */
static inline bool
vmirror_mirror_records(const struct vmirror_mirror *mirror)
{
	return mirror->spec.mode == VMIRROR_SPEC_RECORDER;
}

/** Whether each snapshot has a sink of its own, and the mirror has none. */
static inline bool
vmirror_mirror_makes_sinks(const struct vmirror_mirror *mirror)
{
	return vmirror_mirror_records(mirror) && mirror->sink_plan.ops->takes != NULL;
}

/** Whether it has what it takes to be attached: a sink, or hope for one. */
static inline bool
vmirror_mirror_is_fed(const struct vmirror_mirror *mirror)
{
	return mirror->sink != NULL || mirror->lost || vmirror_mirror_makes_sinks(mirror);
}

/** Bytes of each ring. rings.c */
uint64_t
vmirror_mirror_ring_bytes(const struct vmirror_mirror *mirror);

/**
 * Make the rings that hooking found missing, to be taken one by one. That takes long, for memory is
 * touched, and so without the hook lock. rings.c
 *
 * @return 0, or -errno with err set
 */
int
vmirror_mirror_make_rings(struct vmirror_mirror *mirror, struct vmirror_error *err);

/** One of them, which is the caller's then; NULL when there is none for that node. rings.c */
struct vmirror_ring *
vmirror_mirror_take_ring(struct vmirror_mirror *mirror, int node);

#define VMIRROR_ANY_NODE INT_MIN

/**
 * Whether there is memory for so many rings more, and for the mempool if there is none yet: within
 * max_memory, and of the system. rings.c
 */
int
vmirror_mirror_check_memory(struct vmirror_mirror *mirror, unsigned int n_rings,
			    struct vmirror_error *err);

/** Bytes that the mirror has, or would have: mempool and rings. rings.c */
uint64_t
vmirror_mirror_bytes(struct vmirror_mirror *mirror);

/** Fill in the sources from the spec: ports that exist, none of them a sink. attach.c */
int
vmirror_mirror_find_sources(struct vmirror_mirror *mirror, struct vmirror_error *err);

/** Largest MTU of the sources that are there. attach.c */
uint16_t
vmirror_mirror_source_mtu(const struct vmirror_mirror *mirror);

/** Whether a source sits on a kernel interface; its name, or NULL. attach.c */
const char *
vmirror_mirror_source_on(const struct vmirror_mirror *mirror, unsigned int ifindex);

/** Read what was counted of a record's packets, by its core and by the drain. attach.c */
void
vmirror_record_read(const struct vmirror_record *record, struct vmirror_tally *out);

/** Wait until no core is inside a hook, and no drain, that has not seen what was stored before.
 * attach.c */
void
vmirror_mirror_sync(struct vmirror_mirror *mirror);

/** The same of cores alone. attach.c */
void
vmirror_mirror_sync_cores(struct vmirror_mirror *mirror);

/** Read the sources' own counters, of those that may be asked. Not the control thread. attach.c */
void
vmirror_mirror_read_ports(struct vmirror_mirror *mirror);

/** Free sources and records. attach.c */
void
vmirror_mirror_forget_sources(struct vmirror_mirror *mirror);

/** Whether one mirror's sink sends on an interface that another's, or its own, source sits on. feed.c */
int
vmirror_mirror_check_interface(const struct vmirror_mirror *sender,
			       const struct vmirror_mirror *receiver, struct vmirror_error *err);

/** Ask the sources' drivers what a file says of ports. A host's thread only. feed.c */
void
vmirror_mirror_ask_ports(struct vmirror_mirror *mirror);

/** Make a sink for packets of the mirror. Where it has a vdev, a host's thread only. feed.c */
int
vmirror_mirror_make_sink(const struct vmirror_mirror *mirror, struct vmirror_sink **sink,
			 const struct vmirror_spec_sink *spec, const struct vmirror_sink_plan *plan,
			 struct vmirror_error *err);

/** Make the sink that was planned; no core is feeding one. A host's thread only. feed.c */
int
vmirror_mirror_plug_sink(struct vmirror_mirror *mirror, struct vmirror_error *err);

/** Unplug the sink, if there is one; it is stopped. A host's thread only. feed.c */
void
vmirror_mirror_unplug_sink(struct vmirror_mirror *mirror, enum vmirror_sink_end end);

/** Ask the sink how it is, and tell and do what follows. feed.c */
void
vmirror_mirror_check_sink(struct vmirror_mirror *mirror);

/** Tell what ails the mirror, if that is still to be told and it is not too soon. feed.c */
void
vmirror_mirror_tell_reason(struct vmirror_mirror *mirror);

/**
 * What the sink's driver has accepted and did not get rid of counts as unknown. No core feeds it
 * any more, and its vdev is there. feed.c
 */
void
vmirror_mirror_settle_sink(struct vmirror_mirror *mirror);

/** The sink will be fed again: what it holds is on its way again. feed.c */
void
vmirror_mirror_unsettle_sink(struct vmirror_mirror *mirror);

/**
 * Give a mirror that lost its sink another, if that can be had now. A host's thread only. The sink
 * that was lost is unplugged first. feed.c
 */
void
vmirror_mirror_revive(struct vmirror_mirror *mirror);

/**
 * The counters of a record.
 *
 * @param held  packets that the sink's driver holds; what this record's are is taken off. The
 *              driver does not say whose they are: the first records' come first. feed.c
 */
void
vmirror_mirror_counters(const struct vmirror_mirror *mirror, const struct vmirror_record *record,
			uint64_t *held, struct vmirror_counters *out);

/** Files of all its sinks, but for those of snapshots. feed.c */
void
vmirror_mirror_files(const struct vmirror_mirror *mirror, struct vmirror_sink_files *files);

/** Packets that the sink's driver has accepted and not sent, at the most. feed.c */
uint64_t
vmirror_mirror_held(struct vmirror_mirror *mirror);

/**
 * Hook what is to be hooked and is not yet: all of it, or on failure nothing more.
 *
 * @param asks  on a host's thread, where drivers may be asked
 */
int
vmirror_mirror_hook(struct vmirror_mirror *mirror, bool asks, struct vmirror_error *err);

/**
 * Unhook; on return no core is inside. Hook lock only.
 *
 * @param port_id  RTE_MAX_ETHPORTS: from all ports
 */
void
vmirror_mirror_unhook(struct vmirror_mirror *mirror, uint16_t port_id);

/** See how ports are configured, before packets of any are held. Hook lock. references.c */
void
vmirror_mirror_look_at_ports(struct vmirror_mirror *mirror);

/** Whether packets of a record's queue may be held, by that and its own port. Hook lock.
 * references.c */
void
vmirror_mirror_allow_hold(struct vmirror_mirror *mirror, struct vmirror_record *record,
			  uint16_t port_id);

/** Tell, once, of a port whose packets may not. references.c */
void
vmirror_mirror_tell_copied_port(struct vmirror_mirror *mirror);

/**
 * Return packets that are held of queues which are not hooked, as far as the drain has read them.
 * Hook lock. references.c
 *
 * @param wait  until it has, within bounds
 */
void
vmirror_mirror_give_back(struct vmirror_mirror *mirror, bool wait);

/**
 * Detach, and stop the sink so that its output is complete; keep the counters. Hotplug is left to
 * vmirror_mirror_close(), so that the control thread, which calls this one as well, never plugs:
 * EAL's list of devargs has no lock against a host that does.
 */
void
vmirror_mirror_stop(struct vmirror_mirror *mirror, enum vmirror_state state, const char *reason);

/** Look how the sink is: with no hook attached, that is the last word on what it kept. */
void
vmirror_mirror_look(struct vmirror_mirror *mirror);

/** Unplug the sink of a stopped mirror, if that is still to be done. A host's thread only. */
void
vmirror_mirror_close(struct vmirror_mirror *mirror);

/** Look after a mirror. */
void
vmirror_mirror_tick(struct vmirror_mirror *mirror, uint64_t now_ns);

/** Hooks that the mirror has or, before it is started, would have. */
unsigned int
vmirror_mirror_hooks(struct vmirror_mirror *mirror);

/** A sentence on what the mirror does. */
void
vmirror_mirror_describe(struct vmirror_mirror *mirror, char *buf, size_t size);

#endif
