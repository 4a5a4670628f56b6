/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_SPEC_H
#define DEVARGS_SPEC_H

/*
 * The mirror spec: the one text form in which a mirror is described, on the command line, in a
 * configuration file, and wherever else a mirror is asked for.
 *
 *     name=web,port=0,dir=rxtx,queue=[0-3,7],filter="tcp port 80",snaplen=128,
 *     sink=[net_pcap_web,tx_pcap=report.pcap]
 *
 * Parsing is pure: no EAL, no files, no logging. What can only be known with ports and drivers at
 * hand (does the port exist, does the driver know the key, does the filter compile) is checked by
 * those who have them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmirror_error.h"

/** Bytes of a mirror's name, terminator included. */
#define VMIRROR_SPEC_NAME_SIZE 32

/** Bytes of the longest spec text, terminator included. */
#define VMIRROR_SPEC_TEXT_SIZE 4096

enum vmirror_spec_dir {
	VMIRROR_SPEC_RX = 1,
	VMIRROR_SPEC_TX = 2,
	VMIRROR_SPEC_RXTX = VMIRROR_SPEC_RX | VMIRROR_SPEC_TX,
};

enum vmirror_spec_mode {
	VMIRROR_SPEC_RING,   /**< the forwarding core fills rings, a thread feeds the sink */
	VMIRROR_SPEC_INLINE, /**< the forwarding core feeds the sink */
	/** rings keep the last packets; the sink is fed when a snapshot is asked for */
	VMIRROR_SPEC_RECORDER,
};

/** Queues first to last, both included. */
struct vmirror_spec_range {
	uint16_t first;
	uint16_t last;
};

/** One driver argument of a sink; value is NULL for a key that stands alone. */
struct vmirror_spec_arg {
	char *key;
	char *value;
};

/** The part in sink=[…]: the vdev's name, which begins with its driver's, and its arguments. */
struct vmirror_spec_sink {
	char *vdev;
	struct vmirror_spec_arg *args;
	unsigned int n_args;
};

/** A parsed spec. What a key's absence means stands beside it. */
struct vmirror_spec {
	char name[VMIRROR_SPEC_NAME_SIZE]; /**< empty: the engine makes one up */
	bool all_ports;                    /**< port=all; ports is then empty */
	char **ports;                      /**< device names or numbers, as written; required */
	unsigned int n_ports;
	struct vmirror_spec_range *queues; /**< sorted, disjoint, not adjacent; none: all */
	unsigned int n_queues;
	enum vmirror_spec_dir dir; /**< rxtx */
	char *filter;              /**< pcap-filter(7) text; NULL: every packet */
	uint32_t snaplen;          /**< bytes kept of a packet; 0: all */
	uint32_t sample;           /**< one in so many is taken; 0: every one */
	uint64_t max_pps;          /**< packets a second at the most; 0: no limit */
	uint64_t max_bps;          /**< bits a second at the most, of the bytes kept; 0: no limit */
	uint32_t guard;            /**< per cent of a forwarding core's time; 0: no limit */
	uint32_t reference;        /**< bytes from which on a sent packet is held; 0: none is */
	enum vmirror_spec_mode mode; /**< ring */
	uint64_t count;              /**< packets after which the mirror ends; 0: never */
	uint64_t bytes;              /**< kept bytes of packets after which it ends; 0: never */
	uint64_t duration_ms;        /**< time after which the mirror ends; 0: never */
	uint32_t mbufs;              /**< size of the mirror's own mempool; 0: the default */
	uint64_t ring_bytes;         /**< of each ring, at the least; 0: the default */
	uint64_t latency_ms;         /**< from the core to the sink; 0: the default */
	char *trigger;               /**< a filter whose packets make a snapshot; NULL: none do */
	uint64_t before_ms;          /**< of it, this long before such a packet; 0: all there is */
	uint64_t after_ms;           /**< and so long after it; 0: the default */
	uint32_t snapshots;          /**< that the trigger makes; 0: the default */
	bool has_core; /**< the drain's thread runs on the next; else where it likes */
	uint32_t core;
	struct vmirror_spec_sink sink; /**< required */
};

/**
 * Read a spec.
 *
 * Unknown, repeated, empty and trailing input is refused.
 *
 * @param spec  filled on success (vmirror_spec_fini() then frees it), untouched on failure
 * @param text  the spec
 * @return      0; -EINVAL, -E2BIG (it, or its canonical form, does not fit into
 *              VMIRROR_SPEC_TEXT_SIZE) or -ENOMEM with err set
 */
int
vmirror_spec_parse(struct vmirror_spec *spec, const char *text, struct vmirror_error *err);

/**
 * Write a spec as text: vmirror_spec_parse() of it gives an equal spec. Keys stand in one order,
 * those that say what their absence says are left out, and a value is quoted only where it must
 * be. What vmirror_spec_parse() gave makes one line and fits into VMIRROR_SPEC_TEXT_SIZE.
 *
 * @param buf, size  where to; terminated unless size is 0
 * @return           length of the whole text as snprintf() counts it (≥ size: it was cut)
 */
int
vmirror_spec_build(const struct vmirror_spec *spec, char *buf, size_t size);

/** Free what a spec holds and empty it. Takes an empty (zeroed) one, too. */
void
vmirror_spec_fini(struct vmirror_spec *spec);

/** Whether two specs say the same; ports may stand in any order. */
bool
vmirror_spec_equal(const struct vmirror_spec *a, const struct vmirror_spec *b);

/**
 * Whether a vdev is a driver's, by its name. The vdev bus matches by prefix and would give net_pcapng0 to
 * net_pcap; here a driver's name may be followed by anything but a letter.
 */
bool
vmirror_spec_is_driver(const char *vdev, const char *driver);

/** Whether two sinks are the same vdev with the same arguments. */
bool
vmirror_spec_sink_equal(const struct vmirror_spec_sink *a, const struct vmirror_spec_sink *b);

/** Whether the spec takes this queue. */
bool
vmirror_spec_has_queue(const struct vmirror_spec *spec, uint16_t queue);

/** The value of a sink argument; NULL when the key is not there or stands alone. */
const char *
vmirror_spec_sink_arg(const struct vmirror_spec_sink *sink, const char *key);

#endif
