/* SPDX-License-Identifier: BSD-3-Clause */

/* Saying in a sentence what a mirror does, for vmirror_mirror_check() and whoever shows plans. */

#include <inttypes.h>
#include <string.h>

#include <rte_mempool.h>

#include "lib/mirror.h"
#include "lib/port.h"
#include "lib/text.h"

static void
append_queues(struct vmirror_text *t, const struct vmirror_spec *spec)
{
	unsigned int i;

	vmirror_text_append(t, spec->n_queues == 0 ? ", all queues" : ", queues ");
	for (i = 0; i < spec->n_queues; i++) {
		vmirror_text_append(t, "%s%u", i > 0 ? "," : "", spec->queues[i].first);
		if (spec->queues[i].last != spec->queues[i].first)
			vmirror_text_append(t, "-%u", spec->queues[i].last);
	}
}

static void
append_limits(struct vmirror_text *t, const struct vmirror_spec *spec)
{
	if (spec->filter != NULL)
		vmirror_text_append(t, ", filter \"%s\"", spec->filter);
	if (spec->snaplen != 0)
		vmirror_text_append(t, ", %" PRIu32 " bytes of each", spec->snaplen);
	if (spec->sample != 0)
		vmirror_text_append(t, ", 1 packet in %" PRIu32, spec->sample);
	if (spec->max_pps != 0)
		vmirror_text_append(t, ", at most %" PRIu64 " packets a second", spec->max_pps);
	if (spec->max_bps != 0)
		vmirror_text_append(t, ", at most %.6g Mbit a second", (double)spec->max_bps / 1e6);
	if (spec->guard != 0)
		vmirror_text_append(t, ", at most %" PRIu32 "%% of a forwarding core's time",
				    spec->guard);
	if (spec->count != 0)
		vmirror_text_append(t, ", until %" PRIu64 " packets", spec->count);
	if (spec->bytes != 0)
		vmirror_text_append(t, ", until %" PRIu64 " bytes", spec->bytes);
	if (spec->duration_ms != 0)
		vmirror_text_append(t, ", for %" PRIu64 " ms", spec->duration_ms);
}

static void
append_trigger(struct vmirror_text *t, const struct vmirror_spec *spec)
{
	if (spec->trigger == NULL)
		return;
	vmirror_text_append(
		t, ", snapshots for packets that match \"%s\", %" PRIu32 " at the most, from ",
		spec->trigger, spec->snapshots != 0 ? spec->snapshots : VMIRROR_SNAPSHOTS);
	if (spec->before_ms != 0)
		vmirror_text_append(t, "%" PRIu64 " ms before", spec->before_ms);
	else
		vmirror_text_append(t, "what there is");
	vmirror_text_append(t, " to %" PRIu64 " ms after",
			    spec->after_ms != 0 ? spec->after_ms : VMIRROR_SNAPSHOT_AFTER_MS);
}

/* How much a ring holds, in the words of who chooses its size. */
static void
append_rings(struct vmirror_text *t, struct vmirror_mirror *mirror)
{
	uint64_t bytes = vmirror_mirror_ring_bytes(mirror);
	unsigned int n = vmirror_mirror_hooks(mirror);

	if (n > 0)
		vmirror_text_append(t, ", %u ring%s of %.1f MB", n, n > 1 ? "s" : "", bytes / 1e6);
	else
		vmirror_text_append(t, ", rings of %.1f MB", bytes / 1e6);
	vmirror_text_append(t, " (each %s %.3g ms of 10 Gbit/s in packets of 1500 bytes)",
			    vmirror_mirror_records(mirror) ? "keeps the last" : "holds",
			    (double)bytes / 1250000);
	append_trigger(t, &mirror->spec);
	if (mirror->spec.reference != 0)
		vmirror_text_append(
			t, ", packets of %" PRIu32 " bytes and more that are sent held, not copied",
			mirror->spec.reference);
}

static void
append_sink(struct vmirror_text *t, const struct vmirror_mirror *mirror)
{
	const struct vmirror_sink_plan *plan = &mirror->sink_plan;
	static const char *const modes[] = {
		[VMIRROR_SPEC_RING] = "ring",
		[VMIRROR_SPEC_INLINE] = "inline",
		[VMIRROR_SPEC_RECORDER] = "recorder",
	};
	const char *mode = modes[mirror->spec.mode];

	if (plan->ops->takes != NULL)
		vmirror_text_append(t, " -> %s, mode=%s", plan->resource, mode);
	if (plan->bytes != 0)
		vmirror_text_append(t, ", %.1f MB of blocks", plan->bytes / 1e6);
	if (plan->ops->takes == NULL)
		vmirror_text_append(t, " -> %s (vdev %s), mode=%s, %.1f MB of DPDK memory",
				    plan->resource, plan->vdev, mode, mirror->pool_bytes / 1e6);
}

void
vmirror_mirror_describe(struct vmirror_mirror *mirror, char *buf, size_t size)
{
	static const char *const dirs[] = {
		[VMIRROR_SPEC_RX] = "rx",
		[VMIRROR_SPEC_TX] = "tx",
		[VMIRROR_SPEC_RXTX] = "rx and tx",
	};
	const struct vmirror_spec *spec = &mirror->spec;
	struct vmirror_text t = {.buf = buf, .size = size};
	const struct vmirror_source *source;
	uint16_t port_id;

	vmirror_text_append(&t, "%s of %s", dirs[spec->dir],
			    spec->all_ports ? "all ports:" : "port");
	TAILQ_FOREACH (source, &mirror->sources, next)
		vmirror_text_append(&t, "%s %s%s",
				    source == TAILQ_FIRST(&mirror->sources) ? "" : ",",
				    source->name,
				    rte_eth_dev_get_port_by_name(source->name, &port_id) == 0
					    ? ""
					    : " (not there yet)");
	append_queues(&t, spec);
	append_limits(&t, spec);
	append_sink(&t, mirror);
	if (vmirror_mirror_has_rings(mirror))
		append_rings(&t, mirror);
}

unsigned int
vmirror_mirror_hooks(struct vmirror_mirror *mirror)
{
	const struct vmirror_source *source;
	unsigned int hooks = 0;
	uint16_t port_id, queue;
	int is_tx;

	TAILQ_FOREACH (source, &mirror->sources, next) {
		if (rte_eth_dev_get_port_by_name(source->name, &port_id) != 0)
			continue;
		for (is_tx = 0; is_tx <= 1; is_tx++) {
			uint16_t n = vmirror_port_queues(port_id, is_tx);

			if (!(mirror->spec.dir & (is_tx ? VMIRROR_SPEC_TX : VMIRROR_SPEC_RX)))
				continue;
			for (queue = 0; queue < n; queue++)
				hooks += vmirror_spec_has_queue(&mirror->spec, queue);
		}
	}
	return hooks;
}
