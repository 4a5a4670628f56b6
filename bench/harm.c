/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The forwarder of bed.c with a table of its own, which it wants in its cache: half of the second
 * level, and half of the third. What copies packets drives lines of it out, which costs where it
 * cannot be seen beside the copy.
 *
 * Mirror and dpdk-dumpcap hang on ports of one process at the same time, so that a round has all
 * three, one after the other. Each forwards until the caches hold what they hold in the long run,
 * before it is timed. It is timed in batches no longer than what dpdk-dumpcap's ring has room for;
 * after each the core waits until the ring is empty.
 */

#include "bench/harm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "bench/dumpcap.h"
#include "bench/mirrors.h"

#define BATCH      32  /* bursts: with a warm-up of 16, 1536 of the 2048 packets that fit */
#define PAUSE_US   500 /* without anything to wait for: as long as with */
#define MAX_ROUNDS 1000

static void
pause_alike(void)
{
	rte_delay_us_sleep(PAUSE_US);
}

static const struct subject sides[] = {
	{.name = "none", .with = BED_BARE, .settle = pause_alike},
	{
		.name = "ring",
		.with = BED_MIRRORED,
		.begin = mirrors_begin,
		.end = mirrors_end,
		.settle = mirrors_settle,
		.sink = "[net_null]",
		.keys = "mode=ring,latency=1ms,",
	},
	{
		.name = "dumpcap",
		.with = BED_CALLBACK,
		.begin = dumpcap_begin,
		.end = dumpcap_end,
		.settle = dumpcap_settle,
	},
};

#define SIDES RTE_DIM(sides)

static const struct table {
	const char *name;
	unsigned int level; /* of the caches: it has half of one */
	double warm_up;     /* packets before those that are timed, for each entry */
	double timed;       /* packets, for each entry */
	double seconds;     /* of rounds, for each second of the caller's measure */
} tables[] = {{"L2", 2, 2, 0.5, 6}, {"L3", 3, 1, 0.25, 12}};

/* Of one table: in millions of packets a second, each round's. */
static struct {
	bool up[SIDES];
	double mpps[SIDES][MAX_ROUNDS];
	unsigned int rounds;
	unsigned int discarded;
} found;

static bool
wanted(const struct table *table, int n_words, char *words[])
{
	char name[32];
	unsigned int i;
	int word;

	for (i = 0; i < SIDES; i++) {
		snprintf(name, sizeof(name), "harm/%s-%s", sides[i].name, table->name);
		for (word = 0; word < n_words; word++)
			if (strcmp(words[word], name) == 0)
				return true;
	}
	return n_words == 0;
}

/* @return millions of packets a second; 0 when the core was lost most of the time */
static double
rate(const struct table *table, const struct subject *s)
{
	/* Of a packet for each entry. */
	double batches = (double)bed.table_entries / (BATCH * BED_BURST);
	unsigned int all = table->timed * batches + 1, n, undisturbed = 0;
	double ns = 0, batch_ns;
	uint64_t disturbed;

	for (n = 0; n < table->warm_up * batches; n++) {
		bed_batch(s->with, BATCH);
		s->settle();
	}
	for (n = 0; n < all; n++) {
		disturbed = bed_disturbances();
		batch_ns = bed_batch(s->with, BATCH);
		if (bed_disturbances() == disturbed) {
			ns += batch_ns;
			undisturbed++;
		}
		s->settle();
	}
	return undisturbed < (all + 1) / 2 ? 0 : 1e3 * undisturbed / ns;
}

static void
one_round(const struct table *table)
{
	double mpps[SIDES] = {0};
	unsigned int i;

	for (i = 0; i < SIDES; i++) {
		if (!found.up[i])
			continue;
		mpps[i] = rate(table, &sides[i]);
		if (mpps[i] == 0) {
			found.discarded++;
			return;
		}
	}
	for (i = 0; i < SIDES; i++)
		found.mpps[i][found.rounds] = mpps[i];
	found.rounds++;
}

static void
print_found(const struct table *table)
{
	unsigned int i, n;

	for (i = 0; i < SIDES; i++) {
		if (!found.up[i])
			continue;
		printf("{\"name\": \"harm/%s-%s\", \"bytes\": %u, \"unit\": \"Mpps\", \"rounds\": "
		       "[",
		       sides[i].name, table->name, bed.bytes);
		for (n = 0; n < found.rounds; n++)
			printf("%s%.4f", n > 0 ? ", " : "", found.mpps[i][n]);
		printf("], \"discarded\": %u}\n", found.discarded);
	}
	fflush(stdout);
}

static int
measure(const struct table *table, double seconds)
{
	uint64_t begin, hz = rte_get_tsc_hz();

	bed.table_entries = bed_cache_size(table->level) / 2 / sizeof(*bed.table);
	bed.table = rte_zmalloc("bench", bed.table_entries * sizeof(*bed.table), 0);
	if (bed.table == NULL)
		return bed_fail("table", -ENOMEM);
	found.rounds = found.discarded = 0;
	for (begin = rte_rdtsc();
	     rte_rdtsc() - begin < seconds * table->seconds * hz && found.rounds < MAX_ROUNDS;)
		one_round(table);
	print_found(table);
	rte_free(bed.table);
	bed.table = NULL;
	return 0;
}

/* What cannot be had is told of, and the others are measured. */
static int
begin_sides(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < SIDES; i++) {
		found.up[i] = sides[i].begin == NULL || sides[i].begin(&sides[i]) == 0;
		if (!found.up[i]) {
			fprintf(stderr, "cost: harm/%s at %u bytes left out\n", sides[i].name,
				bed.bytes);
			ret = -EIO;
		}
	}
	return ret;
}

static void
print_lost(const struct subject *s, int n_words, char *words[])
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(tables); i++)
		if (wanted(&tables[i], n_words, words))
			printf("{\"name\": \"harm/%s-%s\", \"bytes\": %u, \"lost\": true}\n",
			       s->name, tables[i].name, bed.bytes);
}

int
harm_measure(double seconds, int n_words, char *words[])
{
	bool any = false;
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(tables); i++)
		any = any || wanted(&tables[i], n_words, words);
	if (!any)
		return 0;
	bed.queues = 1;
	ret = begin_sides();
	for (i = 0; i < RTE_DIM(tables); i++)
		if (wanted(&tables[i], n_words, words) && measure(&tables[i], seconds) != 0)
			ret = -EIO;
	for (i = 0; i < SIDES; i++)
		if (found.up[i] && sides[i].end != NULL && sides[i].end() != 0) {
			print_lost(&sides[i], n_words, words);
			ret = -EIO;
		}
	return ret;
}
