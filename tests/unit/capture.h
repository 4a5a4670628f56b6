/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_CAPTURE_H
#define TESTS_UNIT_CAPTURE_H

/*
 * A reader of capture files, of the tests' own: strict, so that it accepts what the writer is meant
 * to write and nothing else. It asserts nothing, for it also runs in threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_TEXT_SIZE 4608
#define CAPTURE_MAX_PORTS 250

struct capture_port {
	char name[64];
	char description[128];
	char filter[CAPTURE_TEXT_SIZE];
	uint64_t speed_bps; /**< 0: not said */
	uint32_t snaplen;
	uint8_t resolution;
};

struct capture_stats {
	uint64_t now_ns, start_ns, end_ns;
	uint64_t received, dropped, accepted, delivered;
	char comment[320];
};

struct capture_packet {
	const struct capture_port *port; /**< NULL: pcap */
	uint64_t ns;
	const uint8_t *bytes;
	uint32_t len, wire_len;
	uint32_t direction; /**< 1: inbound, 2: outbound */
	uint32_t queue;
	uint32_t hash;
	bool has_hash;
};

struct capture {
	void (*packet)(void *arg, const struct capture_packet *pkt); /**< NULL: they are counted */
	void *arg;

	/** Empty: nothing is wrong with what was read. */
	char problem[160];

	/* Of the present section. */
	char comments[2][CAPTURE_TEXT_SIZE];
	unsigned int n_comments;
	char os[32];
	char program[CAPTURE_TEXT_SIZE];
	struct capture_port ports[CAPTURE_MAX_PORTS];
	struct capture_stats stats[CAPTURE_MAX_PORTS];
	unsigned int n_ports;

	/* Of all. */
	uint32_t snaplen; /**< pcap's */
	uint64_t n_sections, n_packets, n_stats, n_pads;
	uint32_t seen; /**< options of the block, while it is read */
};

/**
 * Read whole records. What comes later may be read by another call.
 *
 * @return  bytes of them; fewer than size: what follows is torn, or problem says what is wrong
 */
size_t
capture_read_pcapng(struct capture *c, const uint8_t *bytes, size_t size);

size_t
capture_read_pcap(struct capture *c, const uint8_t *bytes, size_t size);

#endif
