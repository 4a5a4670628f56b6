/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The mirror's way as a whole: bursts come at an even pace, the mirror feeds its sink, and a reader
 * (reader.c) counts on the interface. A rate holds when all bursts were on time, which an inline
 * sink may prevent, and the reader had every packet soon after the last: what only waits in a ring
 * or a socket is behind, and would be lost in the long run. The highest rate that holds is searched
 * by bisection of the logarithm.
 *
 * The sender has the measuring core. The drain, the kernel's work behind it and the reader share the
 * others, so that the rates are of the machine as much as of the sink.
 */

#include "bench/kernel.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#include "bench/mirrors.h"
#include "bench/reader.h"
#include "bench/search.h"

#define TRIAL_S     0.2
#define LATE_S      0.01 /* after which the reader has the last packet */
#define LOWEST_PPS  50e3
#define HIGHEST_PPS 3.2e6
#define STEPS       6 /* of the bisection: to 64^(1/64), 7 % */
#define TRIES       3 /* before a rate is one that does not hold */
#define QUIET_MS    10

#define RING   "mode=ring,latency=1ms,"
#define INLINE "mode=inline,"

#define WAY(name_, mode, devargs, iface)                                                           \
	{                                                                                          \
		{.name = name_, .with = BED_MIRRORED, .sink = devargs, .keys = mode}, iface        \
	}
#define BOTH_MODES(of, devargs, iface)                                                             \
	WAY("kernel/" of "-ring", RING, devargs, iface),                                           \
		WAY("kernel/" of "-inline", INLINE, devargs, iface)

static const struct way {
	struct subject mirror;
	const char *iface; /* on which the packets are to be seen */
} ways[] = {
	BOTH_MODES("tap", "[net_tap,iface=bench0]", "bench0"),
	BOTH_MODES("af_packet", "[net_af_packet,iface=bench1]", "bench2"),
	BOTH_MODES("af_xdp", "[net_af_xdp,iface=bench1]", "bench2"),
	BOTH_MODES("pcap-iface", "[net_pcap,tx_iface=bench1]", "bench2"),
};

/* Until what is still on its way has come, or is lost. */
static void
wait_until_quiet(void)
{
	uint64_t before;

	mirrors_settle();
	do {
		before = reader_count();
		rte_delay_us_sleep(QUIET_MS * 1000);
	} while (reader_count() != before);
}

static bool
try_once(const void *arg, double pps)
{
	uint64_t before = reader_count();
	uint64_t begin = rte_rdtsc();
	uint64_t deadline = begin + (TRIAL_S + LATE_S) * rte_get_tsc_hz();
	uint64_t sent = bed_pace(BED_MIRRORED, pps, TRIAL_S, begin, deadline);
	bool holds;

	while (reader_count() - before < sent && rte_rdtsc() < deadline)
		rte_delay_us_sleep(200);
	holds = sent > 0 && reader_count() - before == sent;
	wait_until_quiet();
	return holds;
}

/*
 * Beyond what the two cores can do the kernel takes the sender's for its own work, so that a sender
 * which was held up tells of the rate, and not of the machine's other work. That is what the tries are for.
 */
static int
search(const struct way *way)
{
	const struct search rates = {
		.name = way->mirror.name,
		.lowest_pps = LOWEST_PPS,
		.highest_pps = HIGHEST_PPS,
		.steps = STEPS,
		.tries = TRIES,
		.try_once = try_once,
	};

	return search_rate(&rates);
}

static int
measure(const struct way *way)
{
	int ret = mirrors_begin(&way->mirror);

	if (ret != 0)
		return ret;
	ret = reader_open(way->iface);
	if (ret == 0)
		ret = search(way);
	reader_close();
	mirrors_remove();
	return ret;
}

int
kernel_measure(int n_words, char *words[])
{
	unsigned int i;
	int word, ret = 0;

	bed.queues = 1;
	for (i = 0; i < RTE_DIM(ways); i++)
		for (word = 0; word < n_words; word++)
			if (strcmp(words[word], ways[i].mirror.name) == 0 &&
			    measure(&ways[i]) != 0) {
				fprintf(stderr, "cost: %s at %u bytes left out\n",
					ways[i].mirror.name, bed.bytes);
				ret = -EIO;
			}
	return ret;
}
