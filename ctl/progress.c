/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/clock.h"
#include "ctl/counters.h"
#include "ctl/json.h"

#define CHANGE_MS 200
#define LINE_MS   1000

struct ctl_progress_ends
ctl_progress_ends_of(const struct vmirror_spec *spec)
{
	return (struct ctl_progress_ends){
		.pkts = spec->count,
		.bytes = spec->bytes,
		.snaplen = spec->snaplen,
		.duration_ms = spec->duration_ms,
	};
}

void
ctl_progress_begin(struct ctl_progress *progress)
{
	progress->begin_ms = ctl_now_ms();
	progress->line_ms = progress->begin_ms;
	progress->changed_ms = progress->begin_ms;
}

static unsigned int
percent(uint64_t done, uint64_t end)
{
	if (end == 0)
		return 0;
	return done >= end ? 100 : (unsigned int)((double)done * 100 / (double)end);
}

/* Of the packets captured. Nobody counts what is kept where they are cut; it is not more than this. */
static uint64_t
kept_bytes(const json_t *stats, uint64_t snaplen)
{
	uint64_t pkts = ctl_json_number(stats, "captured");
	uint64_t bytes = ctl_json_number(stats, "captured_bytes");

	/* Where all were that long they would have fewer. */
	return snaplen != 0 && pkts < bytes / snaplen ? pkts * snaplen : bytes;
}

/* To the nearest of its ends. */
static unsigned int
way(const struct ctl_progress *progress, const json_t *stats, int64_t now)
{
	const struct ctl_progress_ends *ends = &progress->ends;
	const unsigned int ways[] = {
		percent(ctl_json_number(stats, "captured"), ends->pkts),
		percent(kept_bytes(stats, ends->snaplen), ends->bytes),
		percent(ctl_json_number(stats, "file_bytes"), ends->file_bytes),
		percent((uint64_t)(now - progress->begin_ms), ends->duration_ms),
	};
	unsigned int longest = 0;

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		longest = ways[i] > longest ? ways[i] : longest;
	return longest;
}

static bool
has_end(const struct ctl_progress_ends *ends)
{
	return ends->pkts != 0 || ends->bytes != 0 || ends->file_bytes != 0 ||
	       ends->duration_ms != 0;
}

static void
print_line(struct ctl_progress *progress, const json_t *stats, int64_t now)
{
	uint64_t pkts = ctl_json_number(stats, "delivered");

	fprintf(stderr,
		"%" PRIu64 " packets captured, %" PRIu64 " filtered, %" PRIu64 " dropped; %" PRIu64
		" a second\n",
		pkts, ctl_json_number(stats, "filtered"), ctl_counters_lost(stats, NULL, 0),
		(pkts - progress->before) * 1000 / (uint64_t)(now - progress->line_ms));
	progress->line_ms = now;
	progress->before = pkts;
}

static void
change(struct ctl_progress *progress, const json_t *stats, int64_t now)
{
	fprintf(stderr, "\r%" PRIu64 " packets", ctl_json_number(stats, "delivered"));
	if (has_end(&progress->ends))
		fprintf(stderr, ", %u %%", way(progress, stats, now));
	fputc(' ', stderr);
	progress->changed_ms = now;
	progress->dirty = true;
}

void
ctl_progress_show(struct ctl_progress *progress, const json_t *stats)
{
	int64_t now = ctl_now_ms();

	if (progress->lines && now - progress->line_ms >= LINE_MS)
		print_line(progress, stats, now);
	else if (progress->changing && !progress->lines && now - progress->changed_ms >= CHANGE_MS)
		change(progress, stats, now);
}

void
ctl_progress_wipe(struct ctl_progress *progress)
{
	if (progress->dirty)
		fputs("\r\033[K", stderr);
	progress->dirty = false;
}

void
ctl_progress_conclude(const json_t *stats)
{
	char reasons[256];
	uint64_t lost = ctl_counters_lost(stats, reasons, sizeof(reasons));

	fprintf(stderr, "%" PRIu64 " packets captured\n", ctl_json_number(stats, "delivered"));
	fprintf(stderr, "%" PRIu64 " packets filtered\n", ctl_json_number(stats, "filtered"));
	fprintf(stderr, "%" PRIu64 " packets dropped%s%s\n", lost, lost > 0 ? ": " : "", reasons);
}
