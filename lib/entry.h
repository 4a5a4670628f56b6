/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_ENTRY_H
#define LIB_ENTRY_H

/* What stands in a ring for a packet: ring_hook.c writes it on a forwarding core, drain.c reads it. */

#include <stdint.h>
#include <string.h>

/** Entries begin at multiples of it. */
#define VMIRROR_ENTRY_ALIGN 16

struct vmirror_entry {
	uint64_t tsc;      /**< when its burst passed the hook */
	uint32_t len;      /**< bytes of the packet that follow, tags in place */
	uint32_t wire_len; /**< bytes that it had */
	uint32_t flags;    /**< as vmirror_packet_flags() has them, and marks */
	uint32_t hash;     /**< RSS, where the flags say that there is one */
	uint32_t type;     /**< the mbuf's packet_type */
	uint16_t port;     /**< the mbuf's */
	uint16_t segsz;    /**< bytes of each segment that it is to be cut into, or was made of */
	uint8_t bytes[];   /**< or where they are */
};

/** What the core has counted of a packet: marks, above all flags of mbufs that are kept. */
enum vmirror_entry_mark {
	VMIRROR_ENTRY_TSO = 1 << 24,
	VMIRROR_ENTRY_CSUM = 1 << 25,
	VMIRROR_ENTRY_LRO = 1 << 26,
	VMIRROR_ENTRY_REPEAT = 1 << 27,
	VMIRROR_ENTRY_HELD = 1 << 28, /**< the bytes are still the packet's (hold.h) */
	VMIRROR_ENTRY_MARKS = 0xff << 24,
};

/** Bytes that an entry of so many of a packet takes. */
static inline uint64_t
vmirror_entry_size(uint32_t len)
{
	uint64_t size = sizeof(struct vmirror_entry) + len;

	return (size + VMIRROR_ENTRY_ALIGN - 1) & ~(uint64_t)(VMIRROR_ENTRY_ALIGN - 1);
}

/** Bytes that an entry takes. */
static inline uint64_t
vmirror_entry_room(const struct vmirror_entry *entry)
{
	return vmirror_entry_size(entry->flags & VMIRROR_ENTRY_HELD ? sizeof(const uint8_t *)
								    : entry->len);
}

/** The bytes of the packet. */
static inline const uint8_t *
vmirror_entry_bytes(const struct vmirror_entry *entry)
{
	const uint8_t *bytes = entry->bytes;

	if (entry->flags & VMIRROR_ENTRY_HELD)
		memcpy(&bytes, entry->bytes, sizeof(bytes));
	return bytes;
}

#endif
