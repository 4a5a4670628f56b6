/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What ties a mirror to its sink: plugging it, asking how it is, what to count when it does not
 * say, and a successor for one that was lost. mirror.c decides when, sink.c knows drivers, inline.c
 * or drain.c feeds it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "devargs/error.h"
#include "lib/mirror.h"
#include "lib/port.h"
#include "lib/shared.h"
#include "lib/spool.h"
#include "lib/thread.h"

/* How often a successor of a sink is tried at the most. */
#define REVIVE_INTERVAL_NS UINT64_C(300000000)

/* What is sent on the interface would be received, and mirrored, again and again. */
int
vmirror_mirror_check_interface(const struct vmirror_mirror *sender,
			       const struct vmirror_mirror *receiver, struct vmirror_error *err)
{
	const struct vmirror_sink_plan *plan = &sender->sink_plan;
	const char *where = "";
	const char *source;

	source = plan->ifindex != 0 ? vmirror_mirror_source_on(receiver, plan->ifindex) : NULL;
	if (source == NULL && plan->far_ifindex != 0) {
		source = vmirror_mirror_source_on(receiver, plan->far_ifindex);
		where = "the other end of ";
	}
	if (source == NULL)
		return 0;
	return vmirror_error_set(err, -EINVAL,
				 "sink: port '%s', a source of mirror '%s', sits on %s%s, the sink "
				 "of mirror '%s'; a mirror would see its own packets",
				 source, receiver->spec.name, where, plan->resource,
				 sender->spec.name);
}

/* The longest frame that the driver may be given: its own limit, and what a single segment holds. */
static uint32_t
max_frame(const struct vmirror_mirror *mirror, const struct vmirror_sink *sink)
{
	const struct vmirror_sink_limits *limits = &sink->limits;
	uint32_t room;

	if (!sink->ops->linear)
		return limits->max_frame;
	room = rte_pktmbuf_data_room_size(mirror->path.pool) - RTE_PKTMBUF_HEADROOM;
	if (limits->max_frame != 0 && limits->max_frame + limits->vlan_room <= room)
		return limits->max_frame;
	return room - limits->vlan_room;
}

static void
ask_port(struct vmirror_source *source)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;
	uint16_t port_id;

	if (!vmirror_port_present(source->name, &port_id) || !vmirror_port_may_ask(port_id))
		return;
	if (rte_eth_dev_info_get(port_id, &info) == 0)
		snprintf(source->description, sizeof(source->description), "DPDK port %u, %s",
			 port_id, info.driver_name);
	if (rte_eth_link_get_nowait(port_id, &link) == 0 &&
	    link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		source->speed_bps = (uint64_t)link.link_speed * 1000000;
}

void
vmirror_mirror_ask_ports(struct vmirror_mirror *mirror)
{
	struct vmirror_source *source;

	TAILQ_FOREACH (source, &mirror->sources, next)
		ask_port(source);
}

/* What a file says of ports. */
static unsigned int
describe_ports(const struct vmirror_mirror *mirror, struct vmirror_sink_port ports[])
{
	const struct vmirror_source *source;
	unsigned int n = 0;

	TAILQ_FOREACH (source, &mirror->sources, next)
		if (n < RTE_MAX_ETHPORTS)
			ports[n++] = (struct vmirror_sink_port){
				.name = source->name,
				.description = source->description,
				.speed_bps = source->speed_bps,
			};
	return n;
}

int
vmirror_mirror_make_sink(const struct vmirror_mirror *mirror, struct vmirror_sink **sink,
			 const struct vmirror_spec_sink *spec, const struct vmirror_sink_plan *plan,
			 struct vmirror_error *err)
{
	struct vmirror_sink_port ports[RTE_MAX_ETHPORTS];
	struct vmirror_sink_needs needs = {
		.mtu = vmirror_mirror_source_mtu(mirror),
		.pool = mirror->path.pool,
		.socket = SOCKET_ID_ANY,
		.mirror = &mirror->spec,
		.ports = ports,
		.owner = {vmirror_spool_settled, vmirror_spool_count_port,
			  (void *)(uintptr_t)&mirror->drain},
		.number = plan->number,
	};

	if (needs.pool != NULL)
		needs.data_room = rte_pktmbuf_data_room_size(needs.pool);
	if (plan->ops->takes != NULL)
		needs.n_ports = describe_ports(mirror, ports);
	return vmirror_sink_create(sink, spec, plan, &needs, err);
}

/* Make the sink and show it to the path, which no core is using. */
int
vmirror_mirror_plug_sink(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	struct vmirror_record *record;
	struct vmirror_sink *sink;
	int ret;

	ret = vmirror_mirror_make_sink(mirror, &sink, &mirror->spec.sink, &mirror->sink_plan, err);
	if (ret != 0)
		return ret;
	mirror->path.sink = sink;
	mirror->path.sink_port = sink->port_id;
	mirror->path.limits = sink->limits;
	mirror->path.limits.max_frame = max_frame(mirror, sink);
	mirror->fed_before = mirror->path.fed;
	mirror->too_long = 0;
	mirror->too_long_well = 0;
	mirror->ailed = false;
	pthread_mutex_lock(&vmirror_shared.hooks);
	mirror->sink = sink;
	TAILQ_FOREACH (record, &mirror->records, next)
		record->unsent_now = 0;
	mirror->settled = false;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	return 0;
}

/* The event that tells of the vdev's end must not find it any more. */
void
vmirror_mirror_unplug_sink(struct vmirror_mirror *mirror, enum vmirror_sink_end end)
{
	struct vmirror_record *record;
	struct vmirror_sink *sink;
	bool vdev_gone;

	/* Also of one that is closed it can be asked. */
	vmirror_mirror_files(mirror, &mirror->files);
	pthread_mutex_lock(&vmirror_shared.hooks);
	sink = mirror->sink;
	mirror->sink = NULL;
	mirror->path.sink = NULL;
	/* What it held is sent by nobody any more, whoever attaches. */
	TAILQ_FOREACH (record, &mirror->records, next)
		record->unsent_now = 0;
	vdev_gone = mirror->sink_gone || vmirror_shared.eal_gone;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	vmirror_sink_destroy(sink, end, vdev_gone);
}

void
vmirror_mirror_files(const struct vmirror_mirror *mirror, struct vmirror_sink_files *files)
{
	struct vmirror_sink_files now = {0};

	if (mirror->sink != NULL && mirror->sink->ops->takes != NULL &&
	    mirror->sink->ops->takes->files != NULL)
		mirror->sink->ops->takes->files(mirror->sink, &now);
	files->begun = mirror->files.begun + now.begun;
	files->done = mirror->files.done + now.done;
	files->bytes = mirror->files.bytes + now.bytes;
}

static void
read_candidates(void *arg)
{
	struct vmirror_mirror *mirror = arg;
	struct vmirror_record *record;

	TAILQ_FOREACH (record, &mirror->records, next)
		record->well_candidate =
			__atomic_load_n(&record->tally.accepted, __ATOMIC_ACQUIRE) +
			__atomic_load_n(&record->drained.drained.accepted, __ATOMIC_ACQUIRE);
}

static void
since(struct vmirror_sink_progress *fed, const struct vmirror_sink_progress *before)
{
	fed->accepted_pkts -= before->accepted_pkts;
	fed->accepted_bytes -= before->accepted_bytes;
	fed->rejected_pkts -= before->rejected_pkts;
	fed->too_long_pkts -= before->too_long_pkts;
}

/* Ask the sink how it is; its word on packets that it hides the loss of is kept per queue. */
static enum vmirror_sink_health
look_at_sink(struct vmirror_mirror *mirror, char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct vmirror_sink *sink = mirror->sink;
	struct vmirror_sink_progress fed;
	struct vmirror_record *record;
	enum vmirror_sink_health health;
	uint64_t more;

	if (!vmirror_path_read_fed(&mirror->path, &fed, read_candidates, mirror))
		return VMIRROR_SINK_UNSEEN;

	since(&fed, &mirror->fed_before);
	health = sink->ops->health == NULL ? VMIRROR_SINK_WELL
					   : sink->ops->health(sink, &fed, reason);
	vmirror_path_set_max_frame(&mirror->path, max_frame(mirror, sink));
	/* One that sends nothing takes no frame of any length. */
	more = health == VMIRROR_SINK_WELL && !mirror->ailed ? fed.too_long_pkts - mirror->too_long
							     : 0;
	mirror->ailed = health != VMIRROR_SINK_WELL;
	mirror->too_long_well += more;
	if (more > 0) {
		health = VMIRROR_SINK_AILS;
		snprintf(reason, VMIRROR_SINK_REASON_SIZE,
			 "%" PRIu64 " frames were longer than the %" PRIu32
			 " bytes that %.100s takes",
			 mirror->too_long_well, max_frame(mirror, sink),
			 mirror->sink_plan.resource);
	}
	mirror->too_long = fed.too_long_pkts;
	if (health != VMIRROR_SINK_FAILED)
		TAILQ_FOREACH (record, &mirror->records, next)
			record->well = record->well_candidate;
	return health;
}

void
vmirror_mirror_tell_reason(struct vmirror_mirror *mirror)
{
	uint64_t now = vmirror_now_ns();

	if (!mirror->untold || now < mirror->next_notice_ns)
		return;
	vmirror_shared_notify(VMIRROR_WARNING, "mirror '%s': %s", mirror->spec.name,
			      mirror->reason);
	mirror->untold = false;
	mirror->told = true;
	mirror->next_notice_ns = now + VMIRROR_NOTICE_INTERVAL_NS;
}

/* Told at once, and then at most so often: packets that come and go must not flood a log. */
static void
tell_ailment(struct vmirror_mirror *mirror, const char *reason)
{
	mirror->untold = mirror->untold || strcmp(mirror->reason, reason) != 0;
	vmirror_mirror_set_reason(mirror, reason);
	vmirror_mirror_tell_reason(mirror);
}

void
vmirror_mirror_check_sink(struct vmirror_mirror *mirror)
{
	char reason[VMIRROR_SINK_REASON_SIZE];

	switch (look_at_sink(mirror, reason)) {
	case VMIRROR_SINK_FAILED:
		mirror->state = VMIRROR_FAILED;
		vmirror_path_close_gate(&mirror->path, VMIRROR_GATE_SINK_FAILED);
		vmirror_mirror_set_reason(mirror, reason);
		vmirror_shared_notify(VMIRROR_ERROR, "mirror '%s' failed: %s", mirror->spec.name,
				      reason);
		break;
	case VMIRROR_SINK_LOST:
		mirror->lost = true;
		/* At once, unless it comes and goes. */
		if (vmirror_now_ns() - mirror->revived_ns > VMIRROR_NOTICE_INTERVAL_NS)
			mirror->next_notice_ns = 0;
		vmirror_path_close_gate(&mirror->path, VMIRROR_GATE_SINK_LOST);
		tell_ailment(mirror, reason);
		break;
	case VMIRROR_SINK_AILS:
		tell_ailment(mirror, reason);
		break;
	case VMIRROR_SINK_WELL:
		if (mirror->told)
			vmirror_shared_notify(VMIRROR_INFO, "mirror '%s' is well again",
					      mirror->spec.name);
		mirror->told = false;
		mirror->untold = false;
		vmirror_mirror_set_reason(mirror, "");
		break;
	case VMIRROR_SINK_UNSEEN:
		break;
	}
}

/* Packets of a record that count as delivered. Of a recorder's the drain alone knows. */
static uint64_t
delivered(const struct vmirror_mirror *mirror, struct vmirror_record *record)
{
	struct vmirror_counters counters;
	struct vmirror_tally tally;
	uint64_t none = 0;

	if (vmirror_mirror_records(mirror)) {
		vmirror_tally_read(&record->drained.drained, &tally);
		return tally.accepted - RTE_MIN(record->unsent, tally.accepted);
	}
	vmirror_record_read(record, &record->last);
	vmirror_mirror_counters(mirror, record, &none, &counters);
	return counters.delivered;
}

/*
 * What the sink's driver has accepted and did not get rid of counts as unknown. No core feeds it any
 * more, and its vdev is there.
 */
void
vmirror_mirror_settle_sink(struct vmirror_mirror *mirror)
{
	struct vmirror_sink *sink = mirror->sink;
	struct vmirror_record *record;
	uint64_t held;

	if (sink->ops->takes != NULL)
		mirror->settled = true; /* and what it has under way still is unknown */
	if (sink->ops->drain == NULL || mirror->state == VMIRROR_FAILED)
		return;
	vmirror_mirror_unsettle_sink(mirror);
	held = 0;
	if (!__atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED))
		held = sink->ops->drain(sink, mirror->path.pool);
	/* It may have been removed meanwhile, and what it held with it. */
	if (__atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED))
		held = rte_mempool_in_use_count(mirror->path.pool);
	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (record, &mirror->records, next) {
		uint64_t share = RTE_MIN(held, delivered(mirror, record));

		record->unsent += share;
		record->unsent_now = share;
		held -= share;
	}
	mirror->settled = true;
	pthread_mutex_unlock(&vmirror_shared.hooks);
}

void
vmirror_mirror_unsettle_sink(struct vmirror_mirror *mirror)
{
	struct vmirror_record *record;

	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (record, &mirror->records, next) {
		record->unsent -= record->unsent_now;
		record->unsent_now = 0;
	}
	mirror->settled = false;
	pthread_mutex_unlock(&vmirror_shared.hooks);
}

/* End a sink that was lost. The gate is shut; cores may still be on their way out. */
static void
end_lost_sink(struct vmirror_mirror *mirror)
{
	vmirror_mirror_sync(mirror);
	vmirror_mirror_settle_sink(mirror);
	vmirror_sink_stop(mirror->sink);
	vmirror_mirror_unplug_sink(mirror, VMIRROR_SINK_DONE);
}

/* Sources came while the sink was lost, and its interface may be another than it was. */
static bool
may_send(const struct vmirror_mirror *mirror)
{
	const struct vmirror_mirror *other;

	TAILQ_FOREACH (other, &vmirror_shared.mirrors, next)
		if (!other->over && vmirror_mirror_check_interface(mirror, other, NULL) != 0)
			return false;
	return true;
}

void
vmirror_mirror_revive(struct vmirror_mirror *mirror)
{
	struct vmirror_sink_plan plan;
	struct vmirror_error err;
	uint64_t now = vmirror_now_ns();
	uint64_t took;

	if (!mirror->lost || mirror->over || mirror->left_ns != 0 || now < mirror->next_try_ns ||
	    __atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED))
		return;
	mirror->next_try_ns = now + REVIVE_INTERVAL_NS;
	if (mirror->sink != NULL)
		end_lost_sink(mirror);
	if (__atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED))
		return;
	/* Whatever fails now may succeed later; that the sink is lost has been told. */
	if (vmirror_sink_check(&mirror->spec.sink, mirror->spec.name, 0, NULL, &plan, &err) != 0 ||
	    strcmp(plan.resource, mirror->sink_plan.resource) != 0)
		return;
	mirror->sink_plan = plan;
	if (!may_send(mirror) || vmirror_mirror_plug_sink(mirror, &err) != 0) {
		/* A peer that does not answer takes seconds, under the lock: others get more. */
		took = vmirror_now_ns() - now;
		mirror->next_try_ns = now + took + RTE_MAX(REVIVE_INTERVAL_NS, 10 * took);
		return;
	}
	mirror->lost = false;
	if (now - mirror->revived_ns > VMIRROR_NOTICE_INTERVAL_NS)
		mirror->next_notice_ns = 0;
	mirror->revived_ns = now;
	vmirror_mirror_set_reason(mirror, "");
	vmirror_path_open_gate(&mirror->path);
	if (!mirror->untold)
		vmirror_shared_notify(VMIRROR_INFO, "mirror '%s': %.200s is back",
				      mirror->spec.name, plan.resource);
	mirror->untold = false;
	mirror->told = false;
}

uint64_t
vmirror_mirror_held(struct vmirror_mirror *mirror)
{
	struct vmirror_record *record;

	/* First what was accepted, then what is out: what comes in between is held at the most. */
	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (record, &mirror->records, next)
		vmirror_record_read(record, &record->last);
	pthread_mutex_unlock(&vmirror_shared.hooks);
	if (mirror->sink == NULL || mirror->over || mirror->settled || vmirror_shared.eal_gone ||
	    mirror->sink_plan.ops->drain == NULL)
		return 0;
	return rte_mempool_in_use_count(mirror->path.pool);
}

void
vmirror_mirror_counters(const struct vmirror_mirror *mirror, const struct vmirror_record *record,
			uint64_t *held, struct vmirror_counters *out)
{
	struct vmirror_tally tally = record->last;
	uint64_t doubtful = record->unsent;
	uint64_t share;

	/* A recorder's packets wait until newer ones take their place, or it ends. */
	if (vmirror_mirror_records(mirror)) {
		vmirror_tally_counters(&tally, 0, 0, out);
		if (mirror->over) {
			out->overwritten += out->in_flight;
			out->in_flight = 0;
		}
		return;
	}
	/* One that takes packets itself tells of each what became of it. */
	if (mirror->state == VMIRROR_FAILED && mirror->sink_plan.ops->takes == NULL)
		doubtful += tally.accepted - RTE_MIN(record->well, tally.accepted);
	doubtful = RTE_MIN(doubtful, tally.accepted);
	share = RTE_MIN(*held, tally.accepted - doubtful);
	*held -= share;
	vmirror_tally_counters(&tally, doubtful, share, out);
	if (mirror->settled && mirror->sink_plan.ops->takes != NULL) {
		out->unknown += out->in_flight;
		out->in_flight = 0;
	}
}
