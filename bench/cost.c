/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a hook costs the forwarding core: time per packet of a forwarder with it, less the time
 * without. bench/run starts this, several times over, and makes statistics of what it prints.
 *
 *     cost [EAL options] -- BYTES SECONDS DIRECTORY [NAME…]
 *
 * EAL gives three net_null ports of size=BYTES, which differ in nothing but what hangs on them:
 * nothing ever, a plain rx callback, or libvmirror. The forwarder takes 32 packets from a port,
 * rewrites an address in each and transmits them. The packets come from a mempool that is used in
 * turn and is larger than the last-level cache, so every packet is cold when it arrives. Two more
 * ports, of no-rx=1, never have a packet: what costs a nanosecond a burst is measured by polling
 * those, because beside 32 cold packets it could not be seen.
 *
 * A round is A, B, A: without, with, without, a few milliseconds each. A round in which the thread
 * lost the core, to another thread or to another guest of the machine, does not count.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "bench/bed.h"
#include "bench/disk.h"
#include "bench/dumpcap.h"
#include "bench/harm.h"
#include "bench/kernel.h"
#include "bench/subject.h"
#include "vmirror.h"

#define BATCH_S    0.001  /* how long the timed part of a batch is to take */
#define MAX_ROUNDS 100000 /* of all measurements of a process: a bound, never reached */
#define PATIENCE   3      /* how many times its seconds a measurement may take when disturbed */

static unsigned int
bursts_for(const struct subject *s, uint16_t port)
{
	double ns = RTE_MIN(bed_batch(port, 8), bed_batch(port, 8));
	unsigned int n = BATCH_S * 1e9 / BED_BURST / ns;

	if (s->max_bursts != 0 && n > s->max_bursts)
		n = s->max_bursts;
	return RTE_MAX(n, 8u);
}

static double
one_round(const struct subject *s, unsigned int n_without, unsigned int n_with)
{
	double before, with, after;

	before = bed_batch(s->without, n_without);
	if (s->with == s->without)
		return before;
	with = bed_batch(s->with, n_with);
	if (s->settle != NULL)
		s->settle();
	after = bed_batch(s->without, n_without);
	return (with - (before + after) / 2) * RTE_MAX(s->per, 1U);
}

static void
measure(const struct subject *s, double seconds)
{
	unsigned int n_without = bursts_for(s, s->without);
	unsigned int n_with = bursts_for(s, s->with);
	uint64_t begin = rte_rdtsc(), hz = rte_get_tsc_hz();
	unsigned int n = 0, discarded = 0;
	double counted_s = 0;

	if (s->settle != NULL)
		s->settle();
	printf("{\"name\": \"%s\", \"bytes\": %u, \"unit\": \"%s\", \"rounds\": [", s->name,
	       bed.bytes, s->unit);
	while (counted_s < seconds && n < MAX_ROUNDS &&
	       rte_rdtsc() - begin < PATIENCE * seconds * hz) {
		uint64_t disturbed = bed_disturbances();
		uint64_t start = rte_rdtsc();
		double value = one_round(s, n_without, n_with);

		if (bed_disturbances() != disturbed) {
			discarded++;
			continue;
		}
		counted_s += (double)(rte_rdtsc() - start) / hz;
		printf("%s%.3f", n++ > 0 ? ", " : "", value);
	}
	printf("], \"discarded\": %u}\n", discarded);
	fflush(stdout);
}

/* A peer that polls is measured with, and nothing else beside it; on hugepages dpdk-dumpcap is, and harm. */
static bool
wanted(const struct subject *s, int n_words, char *words[])
{
	bool with_peer = s->sink != NULL && strstr(s->sink, SUBJECT_PEER) != NULL;
	bool with_dumpcap = s->begin == dumpcap_begin;
	char path[256];
	int i;

	snprintf(path, sizeof(path), "%s/" SUBJECT_PEER, bed.dir);
	if (with_peer != (access(path, F_OK) == 0) || with_dumpcap != dumpcap_shares_memory())
		return false;
	for (i = 0; i < n_words; i++)
		if (strcmp(words[i], s->name) == 0)
			return true;
	return n_words == 0;
}

static bool
wants_idle(int n_words, char *words[])
{
	char path[256];
	int i;

	snprintf(path, sizeof(path), "%s/" SUBJECT_PEER, bed.dir);
	for (i = 0; i < n_words; i++)
		if (strcmp(words[i], "cpu/idle") == 0 || strcmp(words[i], "memory/mirror") == 0)
			return true;
	return n_words == 0 && access(path, F_OK) != 0 && !dumpcap_shares_memory();
}

static int
measure_all(double seconds, int n_words, char *words[])
{
	const struct subject *s;
	int failed = 0;

	for (s = subjects; s->name != NULL; s++) {
		if (!wanted(s, n_words, words))
			continue;
		bed.queues = RTE_MAX(s->queues, 1U);
		bed.sends = s->sent;
		if (s->begin != NULL && s->begin(s) != 0) {
			fprintf(stderr, "cost: %s at %u bytes left out\n", s->name, bed.bytes);
			failed = -EIO;
			continue;
		}
		measure(s, seconds);
		if (s->end != NULL && s->end() != 0) {
			printf("{\"name\": \"%s\", \"bytes\": %u, \"lost\": true}\n", s->name,
			       bed.bytes);
			failed = -EIO;
		}
	}
	if (wants_idle(n_words, words) && subject_idle() != 0)
		failed = -EIO;
	if (dumpcap_shares_memory() && harm_measure(seconds, n_words, words) != 0)
		failed = -EIO;
	if (kernel_measure(n_words, words) != 0)
		failed = -EIO;
	if (disk_measure(n_words, words) != 0)
		failed = -EIO;
	return failed;
}

static int
run(uint16_t bytes, double seconds, const char *dir, int n_words, char *words[])
{
	struct vmirror_error err = {""};
	int ret = bed_open(bytes, dir);

	if (ret != 0)
		return ret;
	ret = vmirror_engine_init(NULL, &err);
	if (ret != 0) {
		fprintf(stderr, "cost: %s\n", err.text);
		return ret;
	}
	ret = measure_all(seconds, n_words, words);
	vmirror_engine_fini();
	return ret;
}

int
main(int argc, char *argv[])
{
	int n_args = rte_eal_init(argc, argv);
	int ret = -EINVAL;

	if (n_args < 0)
		return EXIT_FAILURE;
	argc -= n_args;
	argv += n_args;
	if (argc < 4)
		fprintf(stderr, "usage: cost [EAL options] -- BYTES SECONDS DIRECTORY [NAME...]\n");
	else
		ret = run(strtoul(argv[1], NULL, 10), strtod(argv[2], NULL), argv[3], argc - 4,
			  argv + 4);
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
