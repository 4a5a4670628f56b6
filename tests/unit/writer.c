/* SPDX-License-Identifier: BSD-3-Clause */

/* The whole writer, on a file: what is put comes back. */

#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/writing.h"

static struct writing t;

static int
end(void **state)
{
	writing_fini(&t);
	return 0;
}

static const char *const formats[] = {"c.pcapng", "c.pcap", "c.pcapng.zst", "c.pcap.zst"};

static void
check_about(void)
{
	const struct capture *c = &t.capture;

	assert_int_equal(c->n_comments, 2);
	assert_string_equal(c->comments[0], "a comment");
	assert_string_equal(c->comments[1], "by hand");
	assert_string_equal(c->program, "test");
	assert_string_equal(c->os, "Linux");
}

/* What was said of each port stands at the end. */
static void
check_stats(void)
{
	unsigned int i;

	assert_int_equal(t.capture.n_ports, t.n_ports);
	for (i = 0; i < t.n_ports; i++) {
		const struct capture_stats *got = &t.capture.stats[i];
		const struct vmirror_writer_stats *given = &t.given[i];

		assert_int_equal(got->received, given->received);
		assert_int_equal(got->accepted, given->accepted);
		assert_int_equal(got->dropped, given->dropped);
		assert_int_equal(got->delivered, given->written);
		assert_int_equal(got->now_ns, given->now_ns);
		assert_int_equal(got->start_ns, given->start_ns);
		assert_int_equal(got->end_ns, given->end_ns);
		assert_true(got->start_ns <= got->end_ns && got->end_ns <= got->now_ns);
		assert_string_equal(got->comment, given->comment);
	}
}

/* One file, in each format. */
static void
round_trips(uint32_t (*len)(uint64_t number), uint64_t n, uint32_t snaplen)
{
	struct vmirror_writer_status status;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(formats); i++) {
		writing_init(&t, formats[i]);
		t.len = len;
		t.opts.about.snaplen = snaplen;
		t.opts.about.filter = "tcp port 80";
		writing_open(&t, 3);
		writing_put_n(&t, n);
		vmirror_writer_status(t.writer, &status);
		writing_finish(&t);
		assert_int_equal(t.written, n);
		writing_read_back(&t);
		assert_int_equal(t.n_files, 1);
		assert_int_equal(t.capture.n_sections, 1);
		/* Only what is written past the page cache has reason to end at a page. */
		assert_int_equal(t.capture.n_pads > 0, status.direct);
		if (t.opts.format == &vmirror_writer_pcapng) {
			check_about();
			check_stats();
			assert_int_equal(t.capture.n_stats, 3);
			assert_int_equal(t.capture.ports[2].snaplen, snaplen);
			assert_string_equal(t.capture.ports[2].filter, "tcp port 80");
		} else {
			assert_int_equal(t.capture.snaplen,
					 snaplen != 0 ? snaplen : VMIRROR_WRITER_MAX_PACKET);
		}
		writing_fini(&t);
	}
}

static void
test_no_packets(void **state)
{
	round_trips(writing_len_small, 0, 0);
}

static void
test_few_packets(void **state)
{
	round_trips(writing_len_small, 1, 0);
	round_trips(writing_len_small, 100, 0);
}

/* More than all blocks hold. */
static void
test_all_sizes(void **state)
{
	round_trips(writing_len_any, 3700, 0);
}

static void
test_longest(void **state)
{
	round_trips(writing_len_huge, 80, 0);
}

static void
test_cut(void **state)
{
	round_trips(writing_len_any, 3000, 96);
	round_trips(writing_len_any, 100, 1);
}

/* What is compressed is what would stand in a file, to the byte. */
static void
test_compressed_alike(void **state)
{
	size_t size, packed_size, unpacked;
	uint8_t *plain = NULL, *packed, *back;
	bool complete;
	int i;

	writing_init(&t, "c.pcap");
	t.len = writing_len_any;
	for (i = 0; i < 2; i++) {
		t.opts.compress = i;
		t.opts.overwrite = true;
		writing_forget(&t);
		writing_open(&t, 1);
		writing_put_n(&t, 300);
		writing_flush(&t);
		writing_put_n(&t, 300);
		writing_finish(&t);
		if (i == 0)
			plain = writing_slurp(t.path, &size);
	}
	packed = writing_slurp(t.path, &packed_size);
	back = writing_unpack(packed, packed_size, &unpacked, &complete);
	assert_true(complete);
	assert_true(packed_size < size);
	assert_int_equal(unpacked, size);
	assert_memory_equal(back, plain, size);
	free(plain);
	free(packed);
	free(back);
}

/* Nothing more is put after what was flushed: the end of the frame comes nonetheless. */
static void
test_flushed_end(void **state)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(formats); i++) {
		uint8_t *packed, *back;
		size_t size, unpacked;
		bool complete;

		writing_init(&t, formats[i]);
		writing_open(&t, 1);
		writing_put_n(&t, 50);
		writing_flush(&t);
		writing_finish(&t);
		writing_read_back(&t);
		if (t.opts.compress != 0) {
			packed = writing_slurp(t.path, &size);
			back = writing_unpack(packed, size, &unpacked, &complete);
			assert_true(complete);
			free(packed);
			free(back);
		}
		writing_fini(&t);
	}
}

/* What is flushed can be read while the writer goes on. */
static void
test_flush(void **state)
{
	unsigned int i, round;

	for (i = 0; i < N_ELEMENTS(formats); i++) {
		writing_init(&t, formats[i]);
		t.len = writing_len_any;
		writing_open(&t, 2);
		for (round = 0; round < 20; round++) {
			writing_put_n(&t, writing_random(round) % 40);
			writing_flush(&t);
			assert_int_equal(t.written, t.n);
			if (t.n > 0)
				writing_read_back(&t);
		}
		writing_finish(&t);
		writing_read_back(&t);
		assert_int_equal(t.n_files, 1);
		writing_fini(&t);
	}
}

/* Without a flush it is on its way within half a second. */
static void
test_poll(void **state)
{
	uint64_t began, took = 0;

	writing_init(&t, "c.pcapng");
	writing_open(&t, 1);
	vmirror_writer_poll(t.writer);
	began = writing_now_ms();
	writing_put_n(&t, 1);
	while (t.written == 0 && took < 30000) {
		usleep(10000);
		vmirror_writer_poll(t.writer);
		took = writing_now_ms() - began;
	}
	assert_int_equal(t.written, 1);
	assert_in_range(took, 300, 30000);
	writing_read_back(&t);
	writing_finish(&t);
	writing_read_back(&t);
}

/* Ports that come after the file has begun, and one that never has a packet. */
static void
test_late_ports(void **state)
{
	unsigned int i;

	writing_init(&t, "c.pcapng");
	writing_open(&t, 0);
	writing_flush(&t);
	writing_add_port(&t);
	writing_put_n(&t, 10);
	for (i = 0; i < 20; i++) {
		writing_add_port(&t);
		writing_put_n(&t, 100);
		if (i % 3 == 0)
			writing_flush(&t);
	}
	writing_add_port(&t);
	writing_finish(&t);
	writing_read_back(&t);
	assert_int_equal(t.capture.n_sections, 1);
	/* Ports stand in the file in the order of their first packets. */
	assert_int_equal(t.capture.n_ports, 21);
	assert_int_equal(t.capture.n_stats, 21);
}

/* A block holds what many ports say of themselves, the longest packet and statistics. */
static void
test_many_ports(void **state)
{
	static char filter[9000];
	unsigned int i;

	memset(filter, 'f', sizeof(filter) - 1);
	for (i = 0; i < 2; i++) {
		writing_init(&t, "c.pcapng");
		t.len = writing_len_huge;
		t.opts.about.filter = filter;
		t.opts.about.comment = filter;
		t.opts.about.how = filter;
		t.opts.about.program = filter;
		t.opts.rotate_bytes = i == 0 ? 0 : 65536;
		writing_open(&t, 0);
		while (t.n_ports < 32) {
			writing_add_port(&t);
			writing_put_n(&t, 1 + t.n_ports % 2);
		}
		writing_put_n(&t, 20);
		writing_finish(&t);
		writing_read_back(&t);
		assert_int_equal(t.n_files, i == 0 ? 1 : t.n);
		writing_fini(&t);
	}
}

/* More than a file's beginning, and a block's end, has room for: each stands before its first packet. */
static void
test_more_ports(void **state)
{
	static char filter[9000];

	memset(filter, 'f', sizeof(filter) - 1);
	writing_init(&t, "c.pcapng");
	t.len = writing_len_huge;
	t.opts.about.filter = filter;
	t.opts.about.comment = filter;
	t.opts.about.how = filter;
	writing_open(&t, 64);
	while (t.n_ports < CAPTURE_MAX_PORTS) {
		writing_add_port(&t);
		writing_put_n(&t, 1 + t.n_ports % 2);
	}
	writing_put_n(&t, 20);
	writing_finish(&t);
	writing_read_back(&t);
	assert_true(t.capture.n_ports > 100);
	assert_int_equal(t.capture.n_stats, t.capture.n_ports);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_packets),  TEST(test_few_packets), TEST(test_all_sizes),
		TEST(test_longest),     TEST(test_cut),         TEST(test_compressed_alike),
		TEST(test_flushed_end), TEST(test_flush),       TEST(test_poll),
		TEST(test_late_ports),  TEST(test_many_ports),  TEST(test_more_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
