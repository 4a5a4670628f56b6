/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WRITER_FORMAT_H
#define WRITER_FORMAT_H

/*
 * What a capture file looks like: records written into memory, by pcapng.c and pcap.c. writer.c
 * decides what is written when, and sees that there is room.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A longer packet is cut: readers take no more. [Wireshark, WTAP_MAX_PACKET_SIZE_STANDARD] */
#define VMIRROR_WRITER_MAX_PACKET 262144u

/** No text in a file is longer, terminator included. */
#define VMIRROR_WRITER_TEXT_SIZE 4608

/** What is said at the beginning of a file. NULL: nothing. */
struct vmirror_writer_about {
	const char *program; /**< that writes it */
	const char *how;     /**< the capture was made: a comment, as the next one is */
	const char *comment;
	const char *filter; /**< pcap-filter(7) text */
	uint32_t snaplen;   /**< 0: all bytes are kept */
};

/** A port, which is an interface to readers. */
struct vmirror_writer_port {
	char name[64];
	char description[128];
	uint64_t speed_bps; /**< 0: unknown */
};

/** What became of a port's packets. */
struct vmirror_writer_stats {
	uint64_t start_ns; /**< CLOCK_REALTIME, as the next two */
	uint64_t end_ns;
	uint64_t now_ns;
	uint64_t received; /**< packets seen */
	uint64_t accepted; /**< of these, by filter and limits */
	uint64_t dropped;  /**< of those, not in a file */
	uint64_t written;
	char comment[320]; /**< why they were dropped; empty: nothing to say */
};

/** A packet and where it is from. */
struct vmirror_writer_packet {
	uint64_t ns; /**< CLOCK_REALTIME */
	const uint8_t *bytes;
	uint32_t len;      /**< bytes to write, VMIRROR_WRITER_MAX_PACKET at the most */
	uint32_t wire_len; /**< bytes that it had */
	uint32_t hash;     /**< RSS, if has_hash */
	uint16_t queue;
	bool is_tx;
	bool has_hash;
};

/**
 * Sizes are exact: as many bytes are written as was said. Everything is in the byte order of the
 * machine, as readers expect.
 */
struct vmirror_writer_format {
	const char *name;
	const char *extension;
	bool has_ports;      /**< packets tell which port they are of */
	uint32_t pad_min;    /**< bytes of the least pad, a multiple of 4; 0: it knows none */
	uint32_t header_max; /**< no header is longer, nor a port, nor statistics */

	/** What a file begins with. @return bytes written */
	size_t (*header)(uint8_t *to, const struct vmirror_writer_about *about);

	/** The next port of a file: the first one is 0. NULL where there are none. */
	size_t (*port)(uint8_t *to, const struct vmirror_writer_port *port,
		       const struct vmirror_writer_about *about);

	size_t (*packet_size)(const struct vmirror_writer_packet *pkt);
	void (*packet)(uint8_t *to, const struct vmirror_writer_packet *pkt, uint32_t port);

	/** What became of a port's packets. NULL where there is none. */
	size_t (*stats)(uint8_t *to, uint32_t port, const struct vmirror_writer_stats *stats);

	/** So many bytes that readers pass over. NULL where there are none. */
	void (*pad)(uint8_t *to, uint32_t size);
};

extern const struct vmirror_writer_format vmirror_writer_pcapng;
extern const struct vmirror_writer_format vmirror_writer_pcap;

#endif
