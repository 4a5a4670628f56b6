/* SPDX-License-Identifier: BSD-3-Clause */

/* Mirrors as subjects of cost.c, harm.c and kernel.c. */

#include "bench/mirrors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "vmirror.h"

#define SHARED (128 << 20) /* bytes of all rings together, where a subject says their size */

static struct {
	char name[MIRRORS_MAX][VMIRROR_NAME_SIZE];
	unsigned int n;
} mirrors;

const char *
mirrors_name(unsigned int i)
{
	return mirrors.name[i];
}

void
mirrors_remove(void)
{
	char path[256];
	unsigned int i;

	for (i = 0; i < mirrors.n; i++)
		vmirror_mirror_remove(mirrors.name[i], NULL);
	mirrors.n = 0;
	snprintf(path, sizeof(path), "%s/bench.pcap", bed.dir);
	unlink(path);
}

/*
 * What was taken was delivered, or is recorded: else it was not what it says that was measured. A peer that has to
 * share its core with the drain may miss a little.
 */
int
mirrors_end(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < mirrors.n; i++) {
		struct vmirror_stats stats = {.size = sizeof(stats)};

		vmirror_mirror_detach(mirrors.name[i], NULL);
		if (vmirror_mirror_stats(mirrors.name[i], &stats, NULL) != 0 ||
		    stats.total.delivered + stats.total.overwritten + stats.total.in_flight <
			    (stats.total.seen - stats.total.filtered) / 10 * 9) {
			ret = -ENOBUFS;
			fprintf(stderr,
				"cost: %s: %" PRIu64 " of %" PRIu64 " packets delivered %s\n",
				mirrors.name[i], stats.total.delivered,
				stats.total.seen - stats.total.filtered, stats.reason);
		}
	}
	mirrors_remove();
	return ret;
}

int
mirrors_begin(const struct subject *s)
{
	unsigned int n = RTE_MAX(s->mirrors, 1U);
	size_t ring_bytes = SHARED / n / bed.queues;
	struct vmirror_error err = {""};
	char spec[512], keys[128], sink[256];

	snprintf(keys, sizeof(keys), s->keys != NULL ? s->keys : "", ring_bytes);
	snprintf(sink, sizeof(sink), s->sink, bed.dir);
	while (mirrors.n < n) {
		snprintf(spec, sizeof(spec), "port=%d,queue=0-%u,dir=%s,%ssink=%s", s->with,
			 bed.queues - 1, s->sent ? "tx" : "rx", keys, sink);
		if (vmirror_mirror_add(spec, mirrors.name[mirrors.n], &err) != 0) {
			fprintf(stderr, "cost: %s\n", err.text);
			mirrors_remove();
			return -EIO;
		}
		mirrors.n++;
	}
	return 0;
}

/*
 * A sink is slower than the core that fills its ring. What its driver holds until it is fed again
 * stays in flight, and no more becomes of it.
 */
void
mirrors_settle(void)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	unsigned int i, same;
	uint64_t before;

	for (i = 0; i < mirrors.n; i++) {
		stats.total.in_flight = 0;
		same = 0;
		do {
			before = stats.total.in_flight;
			rte_delay_us_sleep(100);
			if (vmirror_mirror_stats(mirrors.name[i], &stats, NULL) != 0)
				break;
			same = stats.total.in_flight == before ? same + 1 : 0;
		} while (stats.total.in_flight > BED_BURST && same < 30);
	}
}
