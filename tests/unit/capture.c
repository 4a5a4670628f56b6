/* SPDX-License-Identifier: BSD-3-Clause */

/* The tests' reader of capture files, from the formats' descriptions and not from the writer. */

#include "tests/unit/capture.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

static uint16_t
get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t
get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t
get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Times are in two halves. */
static uint64_t
get_time(const uint8_t *at)
{
	return (uint64_t)get32(at) << 32 | get32(at + 4);
}

static bool __attribute__((format(printf, 2, 3))) wrong(struct capture *c, const char *fmt, ...)
{
	va_list ap;

	if (*c->problem != '\0')
		return false;
	va_start(ap, fmt);
	vsnprintf(c->problem, sizeof(c->problem), fmt, ap);
	va_end(ap);
	return false;
}

static bool
take_text(char *to, size_t room, const uint8_t *value, uint16_t len)
{
	if (len == 0 || len >= room || memchr(value, '\0', len) != NULL)
		return false;
	memcpy(to, value, len);
	to[len] = '\0';
	return true;
}

static bool
take_u64(uint64_t *to, const uint8_t *value, uint16_t len)
{
	*to = len == 8 ? get64(value) : 0;
	return len == 8;
}

static bool
take_time(uint64_t *to, const uint8_t *value, uint16_t len)
{
	*to = len == 8 ? get_time(value) : 0;
	return len == 8;
}

typedef bool (*take_option)(struct capture *c, void *to, uint16_t code, const uint8_t *value,
			    uint16_t len);

static bool
read_option(struct capture *c, const uint8_t *at, size_t left, take_option take, void *to)
{
	uint16_t code = get16(at), len = get16(at + 2);
	size_t padded = ((size_t)len + 3) & ~(size_t)3, i;

	if (padded > left - 4)
		return wrong(c, "option %u of %u bytes is longer than its block", code, len);
	for (i = len; i < padded; i++)
		if (at[4 + i] != 0)
			return wrong(c, "behind option %u is no padding", code);
	if (code != 1 && (code >= 32 || (c->seen & 1u << code) != 0))
		return wrong(c, "option %u is unknown or repeated", code);
	c->seen |= 1u << code;
	if (!take(c, to, code, at + 4, len))
		return wrong(c, "option %u of %u bytes is not understood", code, len);
	return true;
}

static bool
read_options(struct capture *c, const uint8_t *at, size_t left, take_option take, void *to)
{
	c->seen = 0;
	while (left >= 4) {
		size_t size = 4 + (((size_t)get16(at + 2) + 3) & ~(size_t)3);

		if (get32(at) == 0)
			return left == 4 || wrong(c, "options go on behind their end");
		if (!read_option(c, at, left, take, to))
			return false;
		at += size;
		left -= size;
	}
	return wrong(c, "options without an end");
}

static bool
take_section(struct capture *c, void *to, uint16_t code, const uint8_t *value, uint16_t len)
{
	switch (code) {
	case 1:
		return c->n_comments < 2 &&
		       take_text(c->comments[c->n_comments++], sizeof(c->comments[0]), value, len);
	case 3:
		return take_text(c->os, sizeof(c->os), value, len);
	case 4:
		return take_text(c->program, sizeof(c->program), value, len);
	default:
		return false;
	}
}

static bool
read_section(struct capture *c, const uint8_t *body, size_t size)
{
	if (size < 20 || get32(body) != 0x1a2b3c4d || get16(body + 4) != 1 || get16(body + 6) != 0)
		return wrong(c, "a section of another byte order or version");
	if (get64(body + 8) != UINT64_MAX)
		return wrong(c, "a section that says how long it is");
	c->n_sections++;
	c->n_ports = c->n_comments = 0;
	*c->os = *c->program = '\0';
	return read_options(c, body + 16, size - 16, take_section, NULL);
}

static bool
take_port(struct capture *c, void *to, uint16_t code, const uint8_t *value, uint16_t len)
{
	struct capture_port *port = to;

	switch (code) {
	case 2:
		return take_text(port->name, sizeof(port->name), value, len);
	case 3:
		return take_text(port->description, sizeof(port->description), value, len);
	case 8:
		return take_u64(&port->speed_bps, value, len);
	case 9:
		port->resolution = *value;
		return len == 1;
	case 11:
		/* The first byte tells that it is a filter's text. */
		if (len < 1 || *value != 0)
			return false;
		return len == 1 ||
		       take_text(port->filter, sizeof(port->filter), value + 1, len - 1);
	default:
		return false;
	}
}

static bool
read_port(struct capture *c, const uint8_t *body, size_t size)
{
	struct capture_port *port = &c->ports[c->n_ports];

	if (c->n_ports == CAPTURE_MAX_PORTS)
		return wrong(c, "too many ports for this reader");
	if (size < 12 || get16(body) != 1 || get16(body + 2) != 0)
		return wrong(c, "port %u is no Ethernet", c->n_ports);
	memset(port, 0, sizeof(*port));
	memset(&c->stats[c->n_ports], 0, sizeof(c->stats[0]));
	c->n_ports++;
	port->snaplen = get32(body + 4);
	return read_options(c, body + 8, size - 8, take_port, port);
}

static bool
take_stats(struct capture *c, void *to, uint16_t code, const uint8_t *value, uint16_t len)
{
	struct capture_stats *stats = to;

	switch (code) {
	case 1:
		return take_text(stats->comment, sizeof(stats->comment), value, len);
	case 2:
		return take_time(&stats->start_ns, value, len);
	case 3:
		return take_time(&stats->end_ns, value, len);
	case 4:
		return take_u64(&stats->received, value, len);
	case 5:
		return take_u64(&stats->dropped, value, len);
	case 6:
		return take_u64(&stats->accepted, value, len);
	case 8:
		return take_u64(&stats->delivered, value, len);
	default:
		return false;
	}
}

static bool
read_stats(struct capture *c, const uint8_t *body, size_t size)
{
	if (size < 16 || get32(body) >= c->n_ports)
		return wrong(c, "statistics of a port that is not there");
	c->n_stats++;
	c->stats[get32(body)] = (struct capture_stats){.now_ns = get_time(body + 4)};
	return read_options(c, body + 12, size - 12, take_stats, &c->stats[get32(body)]);
}

static bool
take_packet(struct capture *c, void *to, uint16_t code, const uint8_t *value, uint16_t len)
{
	struct capture_packet *pkt = to;

	switch (code) {
	case 2:
		pkt->direction = len == 4 ? get32(value) : 0;
		return len == 4;
	case 3:
		/* Of 5 bytes, the first names Toeplitz. */
		if (len != 5 || *value != 5)
			return false;
		pkt->hash = get32(value + 1);
		pkt->has_hash = true;
		return true;
	case 6:
		pkt->queue = len == 4 ? get32(value) : UINT32_MAX;
		return len == 4;
	default:
		return false;
	}
}

static bool
hand_over(struct capture *c, const struct capture_packet *pkt, uint32_t snaplen)
{
	if (pkt->len > pkt->wire_len || (snaplen != 0 && pkt->len > snaplen))
		return wrong(c, "packet %llu is longer than it was", (unsigned long long)pkt->ns);
	c->n_packets++;
	if (c->packet != NULL)
		c->packet(c->arg, pkt);
	return true;
}

static bool
read_packet(struct capture *c, const uint8_t *body, size_t size)
{
	struct capture_packet pkt = {.queue = UINT32_MAX};
	size_t padded, i;

	if (size < 24 || get32(body) >= c->n_ports)
		return wrong(c, "a packet of a port that is not there");
	pkt.port = &c->ports[get32(body)];
	pkt.ns = get_time(body + 4);
	pkt.len = get32(body + 12);
	pkt.wire_len = get32(body + 16);
	pkt.bytes = body + 20;
	padded = ((size_t)pkt.len + 3) & ~(size_t)3;
	if (padded > size - 24)
		return wrong(c, "a packet of %u bytes in a block of %zu", pkt.len, size);
	for (i = pkt.len; i < padded; i++)
		if (pkt.bytes[i] != 0)
			return wrong(c, "behind a packet is no padding");
	if (!read_options(c, body + 20 + padded, size - 20 - padded, take_packet, &pkt))
		return false;
	return hand_over(c, &pkt, pkt.port->snaplen);
}

static bool
read_pad(struct capture *c, const uint8_t *body, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (body[i] != 0)
			return wrong(c, "a pad that is not of zeroes");
	c->n_pads++;
	return true;
}

static bool
read_block(struct capture *c, uint32_t type, const uint8_t *body, size_t size)
{
	if (c->n_sections == 0 && type != 0x0a0d0d0a)
		return wrong(c, "block %#x stands before the section", type);
	switch (type) {
	case 0x0a0d0d0a:
		return read_section(c, body, size);
	case 1:
		return read_port(c, body, size);
	case 5:
		return read_stats(c, body, size);
	case 6:
		return read_packet(c, body, size);
	case 0x80000001:
		return read_pad(c, body, size);
	default:
		return wrong(c, "block %#x is not known", type);
	}
}

size_t
capture_read_pcapng(struct capture *c, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= 12) {
		uint32_t len = get32(bytes + at + 4);

		if (len < 12 || len % 4 != 0)
			wrong(c, "block %#x of %u bytes", get32(bytes + at), len);
		else if (len > size - at)
			break;
		else if (get32(bytes + at + len - 4) != len)
			wrong(c, "block %#x of %u bytes ends with %u", get32(bytes + at), len,
			      get32(bytes + at + len - 4));
		else
			read_block(c, get32(bytes + at), bytes + at + 8, len - 12);
		if (*c->problem != '\0')
			break;
		at += len;
	}
	return at;
}

static bool
read_pcap_header(struct capture *c, const uint8_t *at)
{
	if (get32(at) != 0xa1b23c4d || get16(at + 4) != 2 || get16(at + 6) != 4 ||
	    get64(at + 8) != 0 || get32(at + 20) != 1)
		return wrong(c, "no header of pcap with nanoseconds and Ethernet");
	c->n_sections = 1;
	c->snaplen = get32(at + 16);
	return true;
}

static bool
read_pcap_packet(struct capture *c, const uint8_t *at)
{
	const struct capture_packet pkt = {
		.ns = get32(at) * NS_PER_S + get32(at + 4),
		.bytes = at + 16,
		.len = get32(at + 8),
		.wire_len = get32(at + 12),
	};

	if (get32(at + 4) >= NS_PER_S)
		return wrong(c, "a second of %u nanoseconds", get32(at + 4));
	return hand_over(c, &pkt, c->snaplen);
}

size_t
capture_read_pcap(struct capture *c, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	if (c->n_sections == 0) {
		if (size < 24 || !read_pcap_header(c, bytes))
			return 0;
		at = 24;
	}
	while (size - at >= 16) {
		uint32_t len = get32(bytes + at + 8);

		if (len == 0 || len > c->snaplen)
			wrong(c, "a packet of %u bytes", len);
		else if (len > size - at - 16)
			break;
		else
			read_pcap_packet(c, bytes + at);
		if (*c->problem != '\0')
			break;
		at += 16 + len;
	}
	return at;
}
