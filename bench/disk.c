/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Capturing into a file. Bursts come at an even pace for a while; a rate holds when all of them were
 * on time and the file then has every packet: it is opened and they are counted. The highest rate that
 * holds is searched by bisection of the logarithm. In the closed loop bursts come as fast as what was
 * taken is written: what the writer could do if nobody had to be waited for.
 *
 * The sender has the measuring core; the drain, dpdk-dumpcap and the kernel's work share the others.
 */

#include "bench/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "bench/dumpcap.h"
#include "bench/mirrors.h"
#include "bench/search.h"
#include "vmirror.h"

#define TRIAL_S     8.0 /* the page cache takes what the first few seconds bring */
#define LATE_S      0.01
#define LOWEST_PPS  20e3
#define HIGHEST_PPS 16e6
#define STEPS       7     /* of the bisection: to 600^(1/128), 5 % */
#define TRIES       2     /* before a rate is one that does not hold */
#define AHEAD_BYTES 100e6 /* that may wait, in the closed loop */

#define RING "latency=2ms,ring_bytes=256M,"

static const struct way {
	struct subject subject;
	bool closed;
} ways[] = {
	{{.name = "disk/file",
	  .with = BED_MIRRORED,
	  .keys = RING,
	  .sink = "[file,path=%s/bench.cap]"},
	 false},
	{{.name = "disk/file-closed",
	  .with = BED_MIRRORED,
	  .keys = RING,
	  .sink = "[file,path=%s/bench.cap]"},
	 true},
	{{.name = "disk/pcap",
	  .with = BED_MIRRORED,
	  .keys = RING,
	  .sink = "[net_pcap,tx_pcap=%s/bench.cap]"},
	 false},
	{{.name = "disk/dumpcap", .with = BED_CALLBACK}, false},
};

static char path[256];

/* --- what is in the file */

static uint32_t
word_at(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static uint64_t
count_pcapng(const uint8_t *at, const uint8_t *end)
{
	uint64_t n = 0;

	for (; end - at >= 12 && word_at(at + 4) >= 12 && word_at(at + 4) <= (uint64_t)(end - at);
	     at += word_at(at + 4))
		n += word_at(at) == 6;
	return n;
}

static uint64_t
count_pcap(const uint8_t *at, const uint8_t *end)
{
	uint64_t n = 0;

	for (at += 24; end - at >= 16; at += 16 + word_at(at + 8))
		n++;
	return n;
}

static uint64_t
count_packets(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t n = 0;
	struct stat st;
	uint8_t *map;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < 24)
		goto close;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		goto close;
	n = word_at(map) == 0x0a0d0d0a ? count_pcapng(map, map + st.st_size)
				       : count_pcap(map, map + st.st_size);
	munmap(map, (size_t)st.st_size);
close:
	if (fd >= 0)
		close(fd);
	return n;
}

/* --- trials */

static int
begin(const struct way *way)
{
	unlink(path);
	if (way->subject.with == BED_MIRRORED)
		return mirrors_begin(&way->subject);
	dumpcap_write(path);
	return dumpcap_begin(&way->subject);
}

static void
end(const struct way *way)
{
	if (way->subject.with == BED_MIRRORED) {
		mirrors_remove();
		return;
	}
	dumpcap_settle();
	dumpcap_end();
	dumpcap_write(NULL);
}

static uint64_t
in_flight(void)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};

	vmirror_mirror_stats(mirrors_name(0), &stats, NULL);
	return stats.total.in_flight;
}

static uint64_t
send_closed(uint64_t until)
{
	const unsigned int bursts = AHEAD_BYTES / 4 / BED_BURST / (bed.bytes + 32);
	uint64_t sent = 0;

	while (rte_rdtsc() < until) {
		if (in_flight() > 3 * bursts * BED_BURST)
			continue;
		bed_forward(BED_MIRRORED, bursts);
		sent += (uint64_t)bursts * BED_BURST;
	}
	while (in_flight() > 0 && rte_rdtsc() < until + rte_get_tsc_hz())
		rte_delay_us_sleep(1000);
	return sent;
}

/* @return whether the file has what was sent, if anything was in time; the rate that it came to */
static bool
try_once(const struct way *way, double pps, double *rate)
{
	uint64_t start, sent, took, got;

	if (begin(way) != 0)
		return false;
	start = rte_rdtsc();
	if (way->closed)
		sent = send_closed(start + (uint64_t)(TRIAL_S * rte_get_tsc_hz()));
	else
		sent = bed_pace(way->subject.with, pps, TRIAL_S, start,
				start + (uint64_t)((TRIAL_S + LATE_S) * rte_get_tsc_hz()));
	took = rte_rdtsc() - start;
	end(way);
	got = count_packets();
	unlink(path);
	*rate = sent / ((double)took / rte_get_tsc_hz());
	return sent > 0 && got == sent;
}

static bool
holds(const void *arg, double pps)
{
	double rate;

	return try_once(arg, pps, &rate);
}

static int
search(const struct way *way)
{
	const struct search rates = {
		.name = way->subject.name,
		.lowest_pps = LOWEST_PPS,
		.highest_pps = HIGHEST_PPS,
		.steps = STEPS,
		.tries = TRIES,
		.try_once = holds,
		.arg = way,
	};

	return search_rate(&rates);
}

static int
measure(const struct way *way)
{
	double rate;

	if (!way->closed)
		return search(way);
	if (!try_once(way, 0, &rate))
		return search_tell(way->subject.name, "not all of", rate);
	search_print(way->subject.name, rate, rate);
	return 0;
}

int
disk_measure(int n_words, char *words[])
{
	const char *dir = getenv("BENCH_DISK");
	unsigned int i;
	int word, ret = 0;

	bed.queues = 1;
	for (i = 0; i < RTE_DIM(ways); i++)
		for (word = 0; word < n_words; word++) {
			if (strcmp(words[word], ways[i].subject.name) != 0)
				continue;
			if (dir != NULL)
				bed.dir = dir;
			snprintf(path, sizeof(path), "%s/bench.cap", bed.dir);
			if (measure(&ways[i]) != 0) {
				fprintf(stderr, "cost: %s at %u bytes left out\n",
					ways[i].subject.name, bed.bytes);
				ret = -EIO;
			}
		}
	return ret;
}
