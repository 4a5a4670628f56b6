/* SPDX-License-Identifier: BSD-3-Clause */

/* Capture files that the EAL tests read, and what is to be in them. */

#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "tests/eal/host.h"

/* Records that the next host_assert_pcap() is to find, one after the other. */
static struct {
	uint8_t *bytes;
	size_t size;
	size_t room;
	unsigned int n;
} expected;

/* Where host_assert_pcap() stands in them. */
static struct {
	const char *path;
	size_t at;
} compared;

unsigned int
host_read_pcap(const char *path, void (*see)(const struct host_record *record, unsigned int n))
{
	static struct host_record record;
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *data;
	unsigned int n = 0;
	pcap_t *pcap;
	int ret;

	pcap = pcap_open_offline(path, error);
	if (pcap == NULL)
		fail_msg("%s: %s", path, error);
	while ((ret = pcap_next_ex(pcap, &header, &data)) == 1) {
		record.caplen = header->caplen;
		record.len = header->len;
		memcpy(record.data, data, RTE_MIN(header->caplen, sizeof(record.data)));
		if (see != NULL)
			see(&record, n);
		n++;
	}
	if (ret == PCAP_ERROR)
		fail_msg("%s: %s", path, pcap_geterr(pcap));
	pcap_close(pcap);
	return n;
}

void
host_expect(const void *bytes, uint32_t caplen, uint32_t len)
{
	const uint32_t lengths[2] = {caplen, len};
	size_t size = expected.size + sizeof(lengths) + caplen;

	if (size > expected.room) {
		expected.room = RTE_MAX(size, 2 * expected.room);
		expected.bytes = realloc(expected.bytes, expected.room);
		assert_non_null(expected.bytes);
	}
	memcpy(expected.bytes + expected.size, lengths, sizeof(lengths));
	memcpy(expected.bytes + expected.size + sizeof(lengths), bytes, caplen);
	expected.size = size;
	expected.n++;
}

void
host_forget_expected(void)
{
	free(expected.bytes);
	memset(&expected, 0, sizeof(expected));
}

static void
compare_record(const struct host_record *record, unsigned int n)
{
	uint32_t lengths[2];

	if (n >= expected.n)
		fail_msg("%s: more than the %u records expected", compared.path, expected.n);
	memcpy(lengths, expected.bytes + compared.at, sizeof(lengths));
	compared.at += sizeof(lengths);
	if (record->caplen != lengths[0] || record->len != lengths[1])
		fail_msg("%s, record %u: %u bytes of %u, not %u of %u", compared.path, n,
			 record->caplen, record->len, lengths[0], lengths[1]);
	if (memcmp(record->data, expected.bytes + compared.at, lengths[0]) != 0)
		fail_msg("%s, record %u of %u bytes differs", compared.path, n, record->len);
	compared.at += lengths[0];
}

void
host_assert_pcap(const char *path)
{
	unsigned int n;

	compared.path = path;
	compared.at = 0;
	n = host_read_pcap(path, compare_record);
	if (n != expected.n)
		fail_msg("%s: %u records, not %u", path, n, expected.n);
	host_forget_expected();
}
