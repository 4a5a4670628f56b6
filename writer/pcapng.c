/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * pcapng [draft-ietf-opsawg-pcapng]: blocks of a type, a length, a body and the length again, all of
 * them multiples of four bytes. Times are nanoseconds.
 */

#include <string.h>

#include "writer/format.h"

enum block {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	/* Of those left to local use: readers pass over what they do not know. */
	BLOCK_PAD = 0x80000001,
};

#define LINKTYPE_ETHERNET 1

enum option {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_OS = 3,
	SECTION_PROGRAM = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_SPEED = 8,
	INTERFACE_TSRESOL = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	PACKET_HASH = 3,
	PACKET_QUEUE = 6,
	STATISTICS_START = 2,
	STATISTICS_END = 3,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
	STATISTICS_ACCEPTED = 6,
	STATISTICS_DELIVERED = 8,
};

#define INBOUND       1
#define OUTBOUND      2
#define HASH_TOEPLITZ 5
#define RESOLUTION_NS 9

/* Type and length before the body, the length again behind it. */
#define FRAME 12

/* Interface, time in two halves, both lengths. */
#define PACKET_FIXED 20

/* Flags and queue, four bytes each, the end of the options; a hash is five. */
#define PACKET_OPTIONS (8 + 8 + 4)
#define PACKET_HASHED  12

static inline size_t
padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static inline uint8_t *
put16(uint8_t *to, uint16_t value)
{
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

static inline uint8_t *
put32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
	return to + sizeof(value);
}

/* The halves of a time stand the upper one first, whatever the byte order. */
static inline uint8_t *
put_time(uint8_t *to, uint64_t ns)
{
	return put32(put32(to, (uint32_t)(ns >> 32)), (uint32_t)ns);
}

static inline uint8_t *
put_padded(uint8_t *to, const void *bytes, size_t len)
{
	uint32_t zero = 0;

	/* First the padding: its bytes may be the last of the packet's. */
	memcpy(to + padded(len) - 4, &zero, len > 0 ? sizeof(zero) : 0);
	memcpy(to, bytes, len);
	return to + padded(len);
}

static uint8_t *
put_option(uint8_t *to, uint16_t code, const void *value, uint16_t len)
{
	return put_padded(put16(put16(to, code), len), value, len);
}

static size_t
text_len(const char *text)
{
	size_t len = strlen(text);

	return len < VMIRROR_WRITER_TEXT_SIZE ? len : VMIRROR_WRITER_TEXT_SIZE - 1;
}

static uint8_t *
put_text(uint8_t *to, uint16_t code, const char *text)
{
	if (text == NULL || *text == '\0')
		return to;
	return put_option(to, code, text, (uint16_t)text_len(text));
}

static uint8_t *
put_u64(uint8_t *to, uint16_t code, uint64_t value)
{
	return put_option(to, code, &value, sizeof(value));
}

static uint8_t *
put_time_option(uint8_t *to, uint16_t code, uint64_t ns)
{
	return put_time(put16(put16(to, code), 8), ns);
}

/* The body of a block begins here, and ends there. @return bytes of the block */
static uint8_t *
begin(uint8_t *block)
{
	return block + 8;
}

static size_t
end(uint8_t *block, uint32_t type, uint8_t *to)
{
	uint32_t size = (uint32_t)(to - block) + 4;

	put32(put32(block, type), size);
	put32(to, size);
	return size;
}

static size_t
pcapng_header(uint8_t *to, const struct vmirror_writer_about *about)
{
	uint8_t *at = begin(to);
	const uint64_t unknown_length = UINT64_MAX;

	at = put32(at, 0x1a2b3c4d);
	at = put16(put16(at, 1), 0);
	memcpy(at, &unknown_length, sizeof(unknown_length));
	at += sizeof(unknown_length);
	at = put_text(at, OPTION_COMMENT, about->comment);
	at = put_text(at, OPTION_COMMENT, about->how);
	at = put_text(at, SECTION_OS, "Linux");
	at = put_text(at, SECTION_PROGRAM, about->program);
	at = put32(at, OPTION_END);
	return end(to, BLOCK_SECTION, at);
}

/* A filter's first byte tells its kind: text. */
static uint8_t *
put_filter(uint8_t *to, const char *filter)
{
	char value[VMIRROR_WRITER_TEXT_SIZE + 1] = {0};
	size_t len;

	if (filter == NULL)
		return to;
	len = text_len(filter);
	memcpy(value + 1, filter, len);
	return put_option(to, INTERFACE_FILTER, value, (uint16_t)(len + 1));
}

static size_t
pcapng_port(uint8_t *to, const struct vmirror_writer_port *port,
	    const struct vmirror_writer_about *about)
{
	const uint8_t resolution = RESOLUTION_NS;
	uint8_t *at = begin(to);

	at = put16(put16(at, LINKTYPE_ETHERNET), 0);
	at = put32(at, about->snaplen);
	at = put_text(at, INTERFACE_NAME, port->name);
	at = put_text(at, INTERFACE_DESCRIPTION, port->description);
	if (port->speed_bps != 0)
		at = put_u64(at, INTERFACE_SPEED, port->speed_bps);
	at = put_option(at, INTERFACE_TSRESOL, &resolution, sizeof(resolution));
	at = put_filter(at, about->filter);
	at = put32(at, OPTION_END);
	return end(to, BLOCK_INTERFACE, at);
}

static size_t
pcapng_packet_size(const struct vmirror_writer_packet *pkt)
{
	return FRAME + PACKET_FIXED + padded(pkt->len) + PACKET_OPTIONS +
	       (pkt->has_hash ? PACKET_HASHED : 0);
}

static void
pcapng_packet(uint8_t *to, const struct vmirror_writer_packet *pkt, uint32_t port)
{
	uint8_t *at = put_time(put32(begin(to), port), pkt->ns);

	at = put32(put32(at, pkt->len), pkt->wire_len);
	at = put_padded(at, pkt->bytes, pkt->len);
	at = put16(put16(at, PACKET_FLAGS), 4);
	at = put32(at, pkt->is_tx ? OUTBOUND : INBOUND);
	at = put16(put16(at, PACKET_QUEUE), 4);
	at = put32(at, pkt->queue);
	if (pkt->has_hash) {
		at = put16(put16(at, PACKET_HASH), 5);
		*at = HASH_TOEPLITZ;
		memcpy(at + 1, &pkt->hash, sizeof(pkt->hash));
		memset(at + 5, 0, 3);
		at += 8;
	}
	at = put32(at, OPTION_END);
	end(to, BLOCK_PACKET, at);
}

static size_t
pcapng_stats(uint8_t *to, uint32_t port, const struct vmirror_writer_stats *stats)
{
	uint8_t *at = put_time(put32(begin(to), port), stats->now_ns);

	at = put_text(at, OPTION_COMMENT, stats->comment);
	at = put_time_option(at, STATISTICS_START, stats->start_ns);
	at = put_time_option(at, STATISTICS_END, stats->end_ns);
	at = put_u64(at, STATISTICS_RECEIVED, stats->received);
	at = put_u64(at, STATISTICS_DROPPED, stats->dropped);
	at = put_u64(at, STATISTICS_ACCEPTED, stats->accepted);
	at = put_u64(at, STATISTICS_DELIVERED, stats->written);
	at = put32(at, OPTION_END);
	return end(to, BLOCK_STATISTICS, at);
}

static void
pcapng_pad(uint8_t *to, uint32_t size)
{
	memset(to + 8, 0, size - FRAME);
	end(to, BLOCK_PAD, to + size - 4);
}

const struct vmirror_writer_format vmirror_writer_pcapng = {
	.name = "pcapng",
	.extension = ".pcapng",
	.has_ports = true,
	.pad_min = FRAME,
	.header_max = 3 * VMIRROR_WRITER_TEXT_SIZE,
	.header = pcapng_header,
	.port = pcapng_port,
	.packet_size = pcapng_packet_size,
	.packet = pcapng_packet,
	.stats = pcapng_stats,
	.pad = pcapng_pad,
};
