/* SPDX-License-Identifier: BSD-3-Clause */

/* pcap with nanoseconds [pcap-savefile(5)]: nothing but times, lengths and bytes. */

#include <string.h>

#include "writer/format.h"

#define MAGIC_NS          0xa1b23c4d
#define LINKTYPE_ETHERNET 1
#define NS_PER_S          UINT64_C(1000000000)

static size_t
pcap_header(uint8_t *to, const struct vmirror_writer_about *about)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, snaplen, linktype;
	} header = {
		.magic = MAGIC_NS,
		.major = 2,
		.minor = 4,
		.snaplen = about->snaplen != 0 ? about->snaplen : VMIRROR_WRITER_MAX_PACKET,
		.linktype = LINKTYPE_ETHERNET,
	};

	memcpy(to, &header, sizeof(header));
	return sizeof(header);
}

static size_t
pcap_packet_size(const struct vmirror_writer_packet *pkt)
{
	return 4 * sizeof(uint32_t) + pkt->len;
}

static void
pcap_packet(uint8_t *to, const struct vmirror_writer_packet *pkt, uint32_t port)
{
	const uint32_t header[4] = {
		(uint32_t)(pkt->ns / NS_PER_S),
		(uint32_t)(pkt->ns % NS_PER_S),
		pkt->len,
		pkt->wire_len,
	};

	memcpy(to, header, sizeof(header));
	memcpy(to + sizeof(header), pkt->bytes, pkt->len);
}

const struct vmirror_writer_format vmirror_writer_pcap = {
	.name = "pcap",
	.extension = ".pcap",
	.header_max = 24,
	.header = pcap_header,
	.packet_size = pcap_packet_size,
	.packet = pcap_packet,
};
