/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Records of capture files: as long as was said, not a byte beyond, and a reader that knows the
 * formats finds in them what was put in. And names of files, and zstd.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/writing.h"
#include "writer/compress.h"
#include "writer/file.h"

#define ROOM   (1u << 20)
#define CANARY 0xa5

static uint8_t *buffer;
static struct capture capture;
static struct capture_packet last;
static uint8_t last_bytes[VMIRROR_WRITER_MAX_PACKET];

static void
remember(void *arg, const struct capture_packet *pkt)
{
	last = *pkt;
	memcpy(last_bytes, pkt->bytes, pkt->len);
}

static int
make(void **state)
{
	buffer = malloc(ROOM);
	memset(buffer, CANARY, ROOM);
	memset(&capture, 0, sizeof(capture));
	capture.packet = remember;
	return buffer == NULL;
}

static int
drop(void **state)
{
	free(buffer);
	return 0;
}

static void
assert_untouched(size_t from)
{
	assert_int_equal(buffer[from], CANARY);
	assert_int_equal(memcmp(buffer + from, buffer + from + 1, ROOM - from - 1), 0);
}

/* Of the record at the beginning, so many bytes. */
static void
read_pcapng(size_t size)
{
	assert_int_equal(size % 4, 0);
	assert_untouched(size);
	if (capture_read_pcapng(&capture, buffer, size) != size || *capture.problem != '\0')
		fail_msg("%zu bytes: %s", size, capture.problem);
	memset(buffer, CANARY, size);
}

static char *
text_of(size_t len)
{
	char *text = malloc(len + 1);
	size_t i;

	for (i = 0; i < len; i++)
		text[i] = (char)('a' + i % 26);
	text[len] = '\0';
	return text;
}

/* Of a text, so much is in a file. */
static void
assert_kept(const char *kept, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(strlen(kept),
			 len < VMIRROR_WRITER_TEXT_SIZE ? len : VMIRROR_WRITER_TEXT_SIZE - 1);
	assert_memory_equal(kept, text, strlen(kept));
}

static const size_t text_lens[] = {1,    2,    3,    4,    5,    7,    8,     255,
				   4604, 4605, 4606, 4607, 4608, 9000, 70000, 200000};

static void
test_section(void **state)
{
	struct vmirror_writer_about about = {.program = NULL};
	unsigned int i;

	read_pcapng(vmirror_writer_pcapng.header(buffer, &about));
	assert_int_equal(capture.n_sections, 1);
	assert_int_equal(capture.n_comments, 0);
	assert_string_equal(capture.os, "Linux");
	assert_string_equal(capture.program, "");
	about = (struct vmirror_writer_about){.program = "", .how = "", .comment = ""};
	read_pcapng(vmirror_writer_pcapng.header(buffer, &about));
	assert_int_equal(capture.n_comments, 0);
	for (i = 0; i < N_ELEMENTS(text_lens); i++) {
		char *text = text_of(text_lens[i]);
		size_t size;

		about.program = "vmirror";
		about.comment = text;
		about.how = text + text_lens[i] / 2;
		size = vmirror_writer_pcapng.header(buffer, &about);
		assert_true(size <= vmirror_writer_pcapng.header_max);
		read_pcapng(size);
		assert_int_equal(capture.n_comments, 2);
		assert_kept(capture.comments[0], text);
		assert_kept(capture.comments[1], text + text_lens[i] / 2);
		assert_string_equal(capture.program, "vmirror");
		free(text);
	}
}

static void
check_port(const struct vmirror_writer_port *port, const struct vmirror_writer_about *about)
{
	const struct capture_port *got = &capture.ports[capture.n_ports];
	size_t size = vmirror_writer_pcapng.port(buffer, port, about);

	assert_true(size <= vmirror_writer_pcapng.header_max);
	read_pcapng(size);
	assert_string_equal(got->name, port->name);
	assert_string_equal(got->description, port->description);
	assert_int_equal(got->speed_bps, port->speed_bps);
	assert_int_equal(got->snaplen, about->snaplen);
	assert_int_equal(got->resolution, 9);
	if (about->filter != NULL)
		assert_kept(got->filter, about->filter);
	else
		assert_string_equal(got->filter, "");
}

static void
test_port(void **state)
{
	struct vmirror_writer_about about = {.snaplen = 128};
	struct vmirror_writer_port port = {.name = "p"};
	unsigned int i;

	read_pcapng(vmirror_writer_pcapng.header(buffer, &about));
	check_port(&port, &about);
	port.speed_bps = UINT64_C(400000000000);
	about.snaplen = 0;
	for (i = 0; i < N_ELEMENTS(text_lens); i++) {
		char *text = text_of(text_lens[i]);

		snprintf(port.name, sizeof(port.name), "%s", text);
		snprintf(port.description, sizeof(port.description), "%s", text);
		about.filter = text;
		check_port(&port, &about);
		free(text);
	}
	about.filter = "";
	port.description[0] = '\0';
	check_port(&port, &about);
	assert_int_equal(capture.n_ports, N_ELEMENTS(text_lens) + 2);
}

static void
begin_ports(unsigned int n)
{
	const struct vmirror_writer_about about = {.program = "test"};
	struct vmirror_writer_port port;
	unsigned int i;

	read_pcapng(vmirror_writer_pcapng.header(buffer, &about));
	for (i = 0; i < n; i++) {
		writing_make_port(&port, i);
		read_pcapng(vmirror_writer_pcapng.port(buffer, &port, &about));
	}
}

static const uint64_t times[] = {0, 1, UINT32_MAX, UINT64_C(1) << 32, WRITING_EPOCH + 999999999};

static void
check_pcapng_packet(const struct vmirror_writer_packet *pkt, uint32_t port)
{
	size_t size = vmirror_writer_pcapng.packet_size(pkt);

	vmirror_writer_pcapng.packet(buffer, pkt, port);
	read_pcapng(size);
	assert_ptr_equal(last.port, &capture.ports[port]);
	assert_int_equal(last.ns, pkt->ns);
	assert_int_equal(last.len, pkt->len);
	assert_int_equal(last.wire_len, pkt->wire_len);
	assert_memory_equal(last_bytes, pkt->bytes, pkt->len);
	assert_int_equal(last.direction, pkt->is_tx ? 2 : 1);
	assert_int_equal(last.queue, pkt->queue);
	assert_int_equal(last.has_hash, pkt->has_hash);
	if (pkt->has_hash)
		assert_int_equal(last.hash, pkt->hash);
}

static void
check_pcap_packet(const struct vmirror_writer_packet *pkt, uint32_t port)
{
	size_t size = vmirror_writer_pcap.packet_size(pkt);

	vmirror_writer_pcap.packet(buffer, pkt, port);
	assert_untouched(size);
	if (capture_read_pcap(&capture, buffer, size) != size || *capture.problem != '\0')
		fail_msg("%zu bytes: %s", size, capture.problem);
	memset(buffer, CANARY, size);
	assert_null(last.port);
	assert_int_equal(last.ns, pkt->ns);
	assert_int_equal(last.len, pkt->len);
	assert_int_equal(last.wire_len, pkt->wire_len);
	assert_memory_equal(last_bytes, pkt->bytes, pkt->len);
}

/* Every length of a short packet, and the longest; each with all that may be said of it. */
static void
each_packet(void (*check)(const struct vmirror_writer_packet *pkt, uint32_t port))
{
	static const uint32_t lens[] = {1514,
					9000,
					65535,
					VMIRROR_WRITER_MAX_PACKET - 3,
					VMIRROR_WRITER_MAX_PACKET - 2,
					VMIRROR_WRITER_MAX_PACKET - 1,
					VMIRROR_WRITER_MAX_PACKET};
	struct vmirror_writer_packet pkt = {.queue = 0};
	uint8_t *bytes = malloc(VMIRROR_WRITER_MAX_PACKET);
	unsigned int i;

	for (i = 0; i < VMIRROR_WRITER_MAX_PACKET; i++)
		bytes[i] = (uint8_t)writing_random(i);
	pkt.bytes = bytes;
	for (i = 0; i < 160 + 2 * N_ELEMENTS(lens); i++) {
		pkt.len = i < 160 ? i / 2 + 1 : lens[(i - 160) / 2];
		pkt.wire_len = pkt.len + (i % 3 == 0 ? 17 : 0);
		pkt.ns = times[i % N_ELEMENTS(times)];
		pkt.has_hash = i % 2 == 0;
		pkt.hash = i % 4 == 0 ? UINT32_MAX : i;
		pkt.is_tx = i % 5 < 2;
		pkt.queue = i % 7 == 0 ? UINT16_MAX : (uint16_t)i;
		check(&pkt, i % 3);
	}
	free(bytes);
}

static void
test_packet(void **state)
{
	begin_ports(3);
	each_packet(check_pcapng_packet);
}

/* Nothing of it: no byte is kept, but that there was one. */
static void
test_empty_packet(void **state)
{
	struct vmirror_writer_packet pkt = {.bytes = (const uint8_t *)"", .wire_len = 60};

	begin_ports(1);
	check_pcapng_packet(&pkt, 0);
	pkt.has_hash = true;
	check_pcapng_packet(&pkt, 0);
}

static void
test_stats(void **state)
{
	struct vmirror_writer_stats stats = {
		.start_ns = WRITING_EPOCH,
		.end_ns = WRITING_EPOCH + UINT64_C(0x123456789),
		.now_ns = UINT64_MAX,
		.received = UINT64_MAX,
		.accepted = UINT64_C(1) << 40,
		.dropped = 3,
	};
	const struct capture_stats *got = &capture.stats[1];
	char *text = text_of(sizeof(stats.comment) - 1);
	unsigned int i;

	begin_ports(2);
	for (i = 0; i < sizeof(stats.comment); i++) {
		size_t size;

		snprintf(stats.comment, sizeof(stats.comment), "%.*s", (int)i, text);
		stats.written = i;
		size = vmirror_writer_pcapng.stats(buffer, 1, &stats);
		/* writer.c keeps so much free for each port. */
		assert_true(size <= 1024);
		read_pcapng(size);
		assert_int_equal(got->now_ns, stats.now_ns);
		assert_int_equal(got->start_ns, stats.start_ns);
		assert_int_equal(got->end_ns, stats.end_ns);
		assert_int_equal(got->received, stats.received);
		assert_int_equal(got->accepted, stats.accepted);
		assert_int_equal(got->dropped, stats.dropped);
		assert_int_equal(got->delivered, i);
		assert_string_equal(got->comment, stats.comment);
	}
	assert_int_equal(capture.n_stats, sizeof(stats.comment));
	free(text);
}

static void
test_pad(void **state)
{
	uint32_t size;

	begin_ports(0);
	assert_int_equal(vmirror_writer_pcapng.pad_min, 12);
	for (size = vmirror_writer_pcapng.pad_min; size < 2 * 4096 + 12; size += 4) {
		vmirror_writer_pcapng.pad(buffer, size);
		read_pcapng(size);
	}
	assert_int_equal(capture.n_pads, 2 * 4096 / 4);
}

static void
test_pcap(void **state)
{
	struct vmirror_writer_about about = {.snaplen = 96, .comment = "has no place"};
	size_t size = vmirror_writer_pcap.header(buffer, &about);

	assert_int_equal(size, vmirror_writer_pcap.header_max);
	assert_untouched(size);
	assert_int_equal(capture_read_pcap(&capture, buffer, size), size);
	assert_int_equal(capture.snaplen, 96);
	about.snaplen = 0;
	memset(&capture, 0, sizeof(capture));
	capture.packet = remember;
	assert_int_equal(vmirror_writer_pcap.header(buffer, &about), size);
	assert_int_equal(capture_read_pcap(&capture, buffer, size), size);
	assert_int_equal(capture.snaplen, VMIRROR_WRITER_MAX_PACKET);
	memset(buffer, CANARY, size);
	each_packet(check_pcap_packet);
}

static void
test_what_they_know(void **state)
{
	assert_true(vmirror_writer_pcapng.has_ports);
	assert_false(vmirror_writer_pcap.has_ports);
	assert_int_equal(vmirror_writer_pcap.pad_min, 0);
	assert_string_equal(vmirror_writer_pcapng.extension, ".pcapng");
	assert_string_equal(vmirror_writer_pcap.extension, ".pcap");
	assert_string_equal(vmirror_writer_pcapng.name, "pcapng");
	assert_string_equal(vmirror_writer_pcap.name, "pcap");
}

/* What is flushed can be read before the frame ends; no piece takes more room than was said. */
static void
test_zstd(void **state)
{
	static const uint32_t sizes[] = {1, 100, 4096, 1u << 17, (1u << 17) + 1, 1u << 20, 0};
	struct vmirror_compress *compress = vmirror_compress_create(1);
	size_t used = 0, put = 0, got, bound, n;
	uint8_t *from = malloc(1u << 20), *to = malloc(4u << 20), *back;
	uint8_t *all = malloc(4u << 20);
	unsigned int i, round;
	bool complete;

	assert_non_null(compress);
	for (i = 0; i < 1u << 20; i++)
		from[i] = (uint8_t)writing_random(i);
	for (round = 0; round < 2; round++) {
		vmirror_compress_begin(compress);
		used = put = 0;
		for (i = 0; i < N_ELEMENTS(sizes); i++) {
			bool end = i == N_ELEMENTS(sizes) - 1;

			bound = vmirror_compress_bound(sizes[i]);
			n = vmirror_compress_flush(compress, to + used, bound, from, sizes[i], end);
			assert_true(n > 0 && n <= bound);
			memcpy(all + put, from, sizes[i]);
			put += sizes[i];
			used += n;
			back = writing_unpack(to, used, &got, &complete);
			assert_int_equal(got, put);
			assert_int_equal(complete, end);
			assert_memory_equal(back, all, put);
			free(back);
		}
	}
	vmirror_compress_begin(compress);
	assert_int_equal(vmirror_compress_flush(compress, to, 10, from, 4096, false), 0);
	vmirror_compress_destroy(compress);
	vmirror_compress_destroy(NULL);
	free(from);
	free(to);
	free(all);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_section),      TEST(test_port),           TEST(test_packet),
		TEST(test_empty_packet), TEST(test_stats),          TEST(test_pad),
		TEST(test_pcap),         TEST(test_what_they_know), TEST(test_zstd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
