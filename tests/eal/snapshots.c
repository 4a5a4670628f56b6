/* SPDX-License-Identifier: BSD-3-Clause */

/* What the tests of recorders have in common. */

#include "tests/eal/snapshots.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/entry.h"
#include "tests/unit/capture.h"

/* Where the serial of host_bytes() stands. */
#define SERIAL_AT 42

uint64_t
snapshots_entry(uint32_t len)
{
	return vmirror_entry_size(len);
}

void
snapshots_record(const char *fmt, ...)
{
	struct vmirror_error err = {0};
	char spec[1024] = "mode=recorder,";
	size_t n = strlen(spec);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(spec + n, sizeof(spec) - n, fmt, ap);
	va_end(ap);
	if (vmirror_mirror_add(spec, NULL, &err) != 0)
		fail_msg("%s: %s", spec, err.text);
}

static void
assert_counters(const struct vmirror_counters *c)
{
	assert_int_equal(c->seen, c->filtered + c->sampled_out + c->captured + c->no_room);
	assert_int_equal(c->captured, c->overwritten + c->in_flight);
	assert_int_equal(c->delivered + c->sink_rejected + c->write_error + c->unknown, 0);
}

struct vmirror_counters
snapshots_counters(const char *name)
{
	struct vmirror_stats stats = host_stats_now(name);
	struct vmirror_queue_stats queues[64];
	int n, i;

	assert_counters(&stats.total);
	n = vmirror_mirror_queue_stats(name, queues, RTE_DIM(queues), NULL);
	assert_in_range(n, 0, RTE_DIM(queues));
	for (i = 0; i < n; i++)
		assert_counters(&queues[i].counters);
	return stats.total;
}

void
snapshots_remove(const char *name)
{
	struct vmirror_error err = {0};

	snapshots_counters(name);
	if (vmirror_mirror_remove(name, &err) != 0)
		fail_msg("%s", err.text);
}

void
snapshots_begin(const char *name, const struct vmirror_snapshot_opts *opts)
{
	struct vmirror_error err = {0};

	if (vmirror_mirror_snapshot(name, opts, &err) != 0)
		fail_msg("%s", err.text);
}

struct vmirror_stats
snapshots_wait(const char *name)
{
	struct vmirror_stats stats;

	host_wait(host_stats_now(name).snapshots_running == 0);
	stats = host_stats_now(name);
	assert_int_equal(stats.snapshot_pkts, stats.snapshot_delivered + stats.snapshot_lost);
	return stats;
}

void
snapshots_make(const char *name, const struct vmirror_snapshot_opts *opts)
{
	struct vmirror_stats before = host_stats_now(name), after;

	snapshots_begin(name, opts);
	after = snapshots_wait(name);
	assert_int_equal(after.snapshots, before.snapshots + 1);
	assert_int_equal(after.snapshots_failed, before.snapshots_failed);
	assert_int_equal(after.snapshot_lost, before.snapshot_lost);
}

/* --- files */

static void
see(void *arg, const struct capture_packet *pkt)
{
	static uint8_t bytes[65536];
	struct snapshots_file *file = arg;
	struct snapshots_packet *p;
	uint32_t serial;

	if (file->n == file->room) {
		file->room = 2 * file->room + 1024;
		file->pkts = realloc(file->pkts, file->room * sizeof(*file->pkts));
		assert_non_null(file->pkts);
	}
	assert_in_range(pkt->len, SERIAL_AT + sizeof(serial), sizeof(bytes));
	memcpy(&serial, pkt->bytes + SERIAL_AT, sizeof(serial));
	host_bytes(bytes, pkt->wire_len, serial);
	if (memcmp(bytes, pkt->bytes, pkt->len) != 0)
		fail_msg("packet %llu, serial %u, differs", (unsigned long long)file->n, serial);
	p = &file->pkts[file->n++];
	*p = (struct snapshots_packet){pkt->ns, serial, pkt->len, pkt->queue, pkt->direction == 2};
	if (file->n > 1 && p->ns < p[-1].ns)
		fail_msg("packet %llu: its time is earlier than the one before",
			 (unsigned long long)file->n);
}

static uint8_t *
load(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes;
	long end;

	if (f == NULL)
		fail_msg("%s: there is no such file", path);
	fseek(f, 0, SEEK_END);
	end = ftell(f);
	assert_true(end > 0);
	rewind(f);
	bytes = malloc((size_t)end);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, (size_t)end, f), end);
	fclose(f);
	*size = (size_t)end;
	return bytes;
}

void
snapshots_read(const char *path, struct snapshots_file *file)
{
	struct capture *c = calloc(1, sizeof(*c));
	uint8_t *bytes;
	size_t size, whole;
	unsigned int i;

	assert_non_null(c);
	file->n = file->dropped = file->delivered = 0;
	c->packet = see;
	c->arg = file;
	bytes = load(path, &size);
	whole = capture_read_pcapng(c, bytes, size);
	if (c->problem[0] != '\0' || whole != size)
		fail_msg("%s, byte %zu of %zu: %s", path, whole, size, c->problem);
	assert_int_equal(c->n_sections, 1);
	assert_in_range(c->n_stats, 1, c->n_ports);
	for (i = 0; i < c->n_ports; i++) {
		file->dropped += c->stats[i].dropped;
		file->delivered += c->stats[i].delivered;
	}
	assert_int_equal(file->delivered, file->n);
	free(bytes);
	free(c);
	assert_int_equal(unlink(path), 0);
}

void
snapshots_forget(struct snapshots_file *file)
{
	free(file->pkts);
	*file = (struct snapshots_file){0};
}

void
snapshots_read_number(const char *stem, unsigned int number, struct snapshots_file *file)
{
	const struct dirent *entry;
	char prefix[64], path[256] = "";
	DIR *dir = opendir(".");

	assert_non_null(dir);
	snprintf(prefix, sizeof(prefix), "%s_%05u_", stem, number);
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		assert_int_equal(path[0], 0);
		snprintf(path, sizeof(path), "%s", entry->d_name);
	}
	closedir(dir);
	snapshots_read(path, file);
}
