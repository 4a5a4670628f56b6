/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dpdk-dumpcap, attached to this process. Its ring has 2048 packets: batches are shorter, and pauses
 * follow until it is empty, so that all is copied and nothing is dropped.
 */

#include "bench/dumpcap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_pdump.h>
#include <rte_ring.h>

#define START_MS 10000
#define PAUSE_US 50
#define LONG_US  1000000 /* that its ring may take to be emptied: it has died otherwise */

static const char *output = "/dev/null";
static pid_t child;
static struct rte_ring *ring; /* the child's, in the memory that both share; NULL: it has died */

bool
dumpcap_shares_memory(void)
{
	return rte_eal_has_hugepages();
}

/* Whether one can be started. The first call lets it attach. */
static bool
possible(void)
{
	static int state; /* 0: not asked yet */

	if (state == 0)
		state = dumpcap_shares_memory() && access("/usr/bin/dpdk-dumpcap", X_OK) == 0 &&
					rte_pdump_init() == 0
				? 1
				: -1;
	return state > 0;
}

void
dumpcap_write(const char *path)
{
	output = path != NULL ? path : "/dev/null";
}

/* A thread of EAL's is bound to its core, and so would be what it starts. */
static void
leave_core(void)
{
	unsigned int core = rte_lcore_to_cpu_id(-1), i;
	cpu_set_t others;

	CPU_ZERO(&others);
	for (i = 0; i < CPU_SETSIZE; i++)
		if (i != core)
			CPU_SET(i, &others);
	/* Those that there are not the kernel passes over; where there is no other it refuses. */
	sched_setaffinity(0, sizeof(others), &others);
}

static void
run(const char *port, const char *log)
{
	const char *prefix = strrchr(rte_eal_get_runtime_dir(), '/') + 1;
	char option[64];
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	leave_core();
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	snprintf(option, sizeof(option), "--file-prefix=%s", prefix);
	execlp("dpdk-dumpcap", "dpdk-dumpcap", option, "-P", "-i", port, "-w", output, NULL);
	_exit(127);
}

/* It says so when it is at work. */
static bool
says_file(const char *log)
{
	char text[4096];
	FILE *file = fopen(log, "re");
	size_t n = file == NULL ? 0 : fread(text, 1, sizeof(text) - 1, file);

	if (file != NULL)
		fclose(file);
	text[n] = '\0';
	return strstr(text, "File:") != NULL;
}

static int
find_ring(void)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "dumpcap-%d", child);
	ring = rte_ring_lookup(name);
	if (ring != NULL)
		return 0;
	dumpcap_end();
	return bed_fail(name, -ENOENT);
}

int
dumpcap_begin(const struct subject *s)
{
	char port[RTE_ETH_NAME_MAX_LEN], log[256];
	unsigned int ms;

	if (!possible())
		return bed_fail("dpdk-dumpcap", -ENOENT);
	snprintf(log, sizeof(log), "%s/dumpcap.log", bed.dir);
	unlink(log); /* of the one before */
	rte_eth_dev_get_name_by_port(s->with, port);
	child = fork();
	if (child < 0)
		return bed_fail("dpdk-dumpcap", -errno);
	if (child == 0)
		run(port, log);
	for (ms = 0; ms < START_MS; ms += 10) {
		if (says_file(log)) {
			rte_delay_us_sleep(500000); /* callbacks on every queue */
			return find_ring();
		}
		if (waitpid(child, NULL, WNOHANG) == child)
			break;
		rte_delay_us_sleep(10000);
	}
	kill(child, SIGKILL);
	return bed_fail("dpdk-dumpcap does not start", -ECHILD);
}

int
dumpcap_end(void)
{
	struct rte_pdump_stats stats = {0};
	int ret = 0;

	rte_pdump_stats(BED_CALLBACK, &stats);
	if (stats.ringfull + stats.nombuf > stats.accepted / 100 || stats.accepted == 0) {
		ret = -ENOBUFS;
		fprintf(stderr, "cost: dpdk-dumpcap: %" PRIu64 " copied, %" PRIu64 " dropped\n",
			stats.accepted, stats.ringfull + stats.nombuf);
	}
	kill(child, SIGINT);
	waitpid(child, NULL, 0);
	return ret;
}

void
dumpcap_settle(void)
{
	unsigned int us;

	for (us = 0; ring != NULL && rte_ring_count(ring) > 0; us += PAUSE_US) {
		if (us == LONG_US)
			ring = NULL; /* dumpcap_end() tells what was dropped */
		rte_delay_us_sleep(PAUSE_US);
	}
	/* What it took last it is still writing. */
	rte_delay_us_sleep(2 * PAUSE_US);
}
