/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of counters, which doc/spec.md explains. */

#include "ctl/counters.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/json.h"

const struct ctl_counter ctl_counters[] = {
	{"seen", "seen_packets_total", "Packets that passed a hook.", .always = true},
	{"filtered", "filtered_packets_total", "Packets that did not match the filter.",
	 .always = true},
	{"sampled_out", "sampled_out_packets_total",
	 "Packets left out by sample, max_pps, max_bps or guard.", .always = true, .lost = true},
	{"captured", "captured_packets_total", "Packets taken for the sink.", .always = true},
	{"no_room", "no_room_packets_total",
	 "Packets that found the mempool empty or the ring full.", .always = true, .lost = true},
	{"delivered", "delivered_packets_total", "Packets that the sink accepted and kept.",
	 .always = true},
	{"sink_rejected", "sink_rejected_packets_total", "Packets that the sink refused.",
	 .always = true, .lost = true},
	{"write_error", "write_error_packets_total", "Packets that could not be written.",
	 .always = true, .lost = true},
	{"overwritten", "overwritten_packets_total",
	 "Packets of a recorder that gave way to newer ones."},
	{"unknown", "unknown_packets_total", "Packets of which the sink hides what became of them.",
	 .always = true, .lost = true},
	{"in_flight", "in_flight_packets", "Packets that the sink has not told of yet.",
	 .gauge = true, .always = true},
	{"truncated", "truncated_packets_total", "Packets cut by snaplen or by the sink."},
	{"captured_bytes", "captured_bytes_total", "Lengths on the wire of captured packets."},
	{"tso_pending", "tso_pending_packets_total", "Packets shown before their segmentation."},
	{"csum_pending", "csum_pending_packets_total", "Packets shown before their checksum."},
	{"lro_merged", "lro_merged_packets_total", "Packets that the port made of several."},
	{"tx_repeats", "tx_repeats_packets_total", "Packets that look like offered again."},
	{"late", "late_packets_total", "Packets that the sink got behind later ones."},
	{"tx_seen", "tx_seen_packets_total", "Packets that passed tx hooks."},
	{"tx_sent", "tx_sent_packets_total", "Packets that the ports say they sent meanwhile."},
	{"port_imissed", "port_imissed_packets_total", "Packets that the NIC dropped before.",
	 .always = true, .lost = true},
	{"hooks", "hooks", "Queues times directions hooked now.", .gauge = true},
	{"memory_bytes", "memory_bytes", "Memory that the mirror has.", .gauge = true},
	{"first_packet_ns", "first_packet_ns", "Time of the sink's oldest packet.", .gauge = true},
	{"last_packet_ns", "last_packet_ns", "Time of the sink's newest packet.", .gauge = true},
	{"clock_steps", "clock_steps_total", "Times that the system's clock jumped."},
	{"ring_bytes", "ring_bytes", "Bytes of the rings.", .gauge = true},
	{"ring_used_bytes", "ring_used_bytes", "Bytes of the rings that are in use.", .gauge = true,
	 .beside = "ring_bytes"},
	{"ring_fullest_percent", "ring_fullest_percent",
	 "Per cent in use of the ring that is fullest.", .gauge = true, .beside = "ring_bytes"},
	{"snapshots", "snapshots_total", "Snapshots that have ended."},
	{"snapshots_failed", "snapshots_failed_total", "Snapshots that lost packets."},
	{"snapshots_running", "snapshots_running", "Snapshots being written.", .gauge = true},
	{"snapshot_pkts", "snapshot_packets_total", "Packets of all snapshots."},
	{"snapshot_delivered", "snapshot_delivered_packets_total", "Of these, kept by the sink."},
	{"snapshot_lost", "snapshot_lost_packets_total", "Of these, refused or lost by the sink."},
	{"files", "files_total", "Files begun, but for those of snapshots."},
	{"files_done", "files_done_total", "Of these, such that are whole."},
	{"file_bytes", "file_bytes_total", "Bytes written to them."},
	{NULL},
};

uint64_t
ctl_counters_lost(const json_t *stats, char *reasons, size_t size)
{
	uint64_t lost = 0;
	size_t len = 0;

	if (size > 0)
		reasons[0] = '\0';
	for (const struct ctl_counter *c = ctl_counters; c->key != NULL; c++) {
		uint64_t number = c->lost ? ctl_json_number(stats, c->key) : 0;

		if (number == 0)
			continue;
		if (len < size)
			len += (size_t)snprintf(reasons + len, size - len, "%s%s %" PRIu64,
						lost > 0 ? ", " : "", c->key, number);
		lost += number;
	}
	return lost;
}
