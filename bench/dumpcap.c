/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dpdk-dumpcap, attached to this process. Its ring has 2048 packets: batches are shorter, and pauses
 * follow, so that all is copied and nothing is dropped.
 */

#include "bench/dumpcap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_pdump.h>

#define START_MS 10000
#define PAUSE_US 5000

static pid_t child;

bool
dumpcap_possible(void)
{
	static int state; /* 0: not asked yet */

	if (state == 0)
		state = rte_eal_has_hugepages() && access("/usr/bin/dpdk-dumpcap", X_OK) == 0 &&
					rte_pdump_init() == 0
				? 1
				: -1;
	return state > 0;
}

static void
run(const char *port, const char *log)
{
	const char *prefix = strrchr(rte_eal_get_runtime_dir(), '/') + 1;
	char option[64];
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	snprintf(option, sizeof(option), "--file-prefix=%s", prefix);
	execlp("dpdk-dumpcap", "dpdk-dumpcap", option, "-P", "-i", port, "-w", "/dev/null", NULL);
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

int
dumpcap_begin(const struct subject *s)
{
	char port[RTE_ETH_NAME_MAX_LEN], log[256];
	unsigned int ms;

	snprintf(log, sizeof(log), "%s/dumpcap.log", bed.dir);
	rte_eth_dev_get_name_by_port(s->with, port);
	child = fork();
	if (child < 0)
		return bed_fail("dpdk-dumpcap", -errno);
	if (child == 0)
		run(port, log);
	for (ms = 0; ms < START_MS; ms += 10) {
		if (says_file(log)) {
			rte_delay_us_sleep(500000); /* callbacks on every queue */
			return 0;
		}
		if (waitpid(child, NULL, WNOHANG) == child)
			break;
		rte_delay_us_sleep(10000);
	}
	kill(child, SIGKILL);
	return bed_fail("dpdk-dumpcap does not start", -ECHILD);
}

void
dumpcap_end(void)
{
	struct rte_pdump_stats stats = {0};

	rte_pdump_stats(BED_CALLBACK, &stats);
	if (stats.ringfull + stats.nombuf > stats.accepted / 100 || stats.accepted == 0)
		fprintf(stderr, "cost: dpdk-dumpcap: %" PRIu64 " copied, %" PRIu64 " dropped\n",
			stats.accepted, stats.ringfull + stats.nombuf);
	kill(child, SIGINT);
	waitpid(child, NULL, 0);
}

void
dumpcap_settle(void)
{
	rte_delay_us_sleep(PAUSE_US);
}
