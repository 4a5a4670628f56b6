/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Printing of counters: of ports from forward.c and ethdev, of mirrors from the library. Scripts
 * read these lines: keys may be added at their ends, none may change.
 */

#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "vmirror.h"

#include "forward.h"
#include "out.h"
#include "port.h"
#include "say.h"

/* How long to wait for somebody who does not read. */
#define NOW_WAIT_MS   0
#define FINAL_WAIT_MS 5000

static uint64_t
now_ms(void)
{
	return rte_get_tsc_cycles() / (rte_get_tsc_hz() / 1000);
}

int
report_init(struct report *report, const struct ports *ports, const struct forward *forward, int fd)
{
	*report = (struct report){
		.fd = fd,
		.ports = ports,
		.forward = forward,
		.begin_ms = now_ms(),
		.last_ms = now_ms(),
		.last_rx = calloc(ports->n, sizeof(uint64_t)),
		.last_tx = calloc(ports->n, sizeof(uint64_t)),
	};
	if (report->last_rx != NULL && report->last_tx != NULL)
		return 0;
	report_fini(report);
	return -ENOMEM;
}

void
report_fini(struct report *report)
{
	free(report->last_rx);
	free(report->last_tx);
	*report = (struct report){0};
}

/* Without the newline. */
static struct unit_counters
print_port(FILE *out, const struct report *report, const struct port *port)
{
	struct unit_counters c = forward_counters(report->forward, port->id);
	struct rte_eth_stats eth = {0};

	rte_eth_stats_get(port->id, &eth);
	fprintf(out,
		"port %s: rx=%" PRIu64 " tx=%" PRIu64 " tx_dropped=%" PRIu64 " imissed=%" PRIu64,
		port->name, c.rx, c.tx, c.tx_dropped, eth.imissed);
	return c;
}

/* For a person: local time, to the microsecond. */
static void
print_time(FILE *out, const char *key, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm local;
	char day[32], zone[8];

	if (ns == 0 || localtime_r(&seconds, &local) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &local) == 0 ||
	    strftime(zone, sizeof(zone), "%z", &local) == 0)
		return;
	fprintf(out, " %s=%s.%06" PRIu64 "%s", key, day, ns % 1000000000 / 1000, zone);
}

static void
print_mirror(FILE *out, const char *name)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	char text[2048];

	if (vmirror_mirror_stats(name, &stats, NULL) < 0)
		return;
	vmirror_stats_build(&stats, text, sizeof(text));
	fprintf(out, "mirror %s: %s", name, text);
	print_time(out, "last_packet", stats.last_packet_ns);
	putc('\n', out);
}

static void
print_mirrors(FILE *out)
{
	char(*names)[VMIRROR_NAME_SIZE];
	int n, room = vmirror_mirror_list(NULL, 0);

	if (room <= 0)
		return;
	names = calloc((size_t)room, sizeof(*names));
	if (names == NULL)
		return;
	n = vmirror_mirror_list(names, (unsigned int)room);
	for (int i = 0; i < RTE_MIN(n, room); i++)
		print_mirror(out, names[i]);
	free(names);
}

static void
print_now(FILE *out, struct report *report)
{
	uint64_t now = now_ms(), ms = RTE_MAX(now - report->last_ms, UINT64_C(1));

	fprintf(out, "stats: seconds=%.1f\n", (double)(now - report->begin_ms) / 1000);
	for (unsigned int i = 0; i < report->ports->n; i++) {
		struct unit_counters c = print_port(out, report, &report->ports->port[i]);

		fprintf(out, " rx_pps=%" PRIu64 " tx_pps=%" PRIu64 "\n",
			(c.rx - report->last_rx[i]) * 1000 / ms,
			(c.tx - report->last_tx[i]) * 1000 / ms);
		report->last_rx[i] = c.rx;
		report->last_tx[i] = c.tx;
	}
	report->last_ms = now;
	print_mirrors(out);
}

static void
print_final(FILE *out, struct report *report)
{
	print_mirrors(out);
	for (unsigned int i = 0; i < report->ports->n; i++) {
		print_port(out, report, &report->ports->port[i]);
		putc('\n', out);
	}
}

/* In one piece, for a reader who may not be reading. */
static void
emit(struct report *report, void (*print)(FILE *out, struct report *report), int wait_ms)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return;
	print(out, report);
	if (fclose(out) == 0 && !out_write(report->fd, text, len, wait_ms) && !report->unread) {
		report->unread = true;
		say("nobody reads %s: counters are being left out",
		    report->fd == STDOUT_FILENO ? "stdout" : "stderr");
	}
	free(text);
}

void
report_now(struct report *report)
{
	emit(report, print_now, NOW_WAIT_MS);
}

void
report_final(struct report *report)
{
	emit(report, print_final, FINAL_WAIT_MS);
}
