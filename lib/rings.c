/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The rings of a mirror: how large they are, making them, and whether there is memory for them, and
 * for the mirror at all. attach.c hangs them on queues.
 */

#include <errno.h>
#include <string.h>

#include "devargs/error.h"
#include "lib/memory.h"
#include "lib/mirror.h"
#include "lib/shared.h"

/* What 10 Gbit/s of small packets are in the 5 ms for which a drain sleeps at the most, and more. */
#define DEFAULT_RING_BYTES UINT64_C(8388608)

/* Half a second of 1 Gbit/s, and of less that much longer. */
#define DEFAULT_RECORDER_BYTES UINT64_C(67108864)

uint64_t
vmirror_mirror_ring_bytes(const struct vmirror_mirror *mirror)
{
	uint64_t bytes =
		vmirror_mirror_records(mirror) ? DEFAULT_RECORDER_BYTES : DEFAULT_RING_BYTES;

	return vmirror_ring_bytes(mirror->spec.ring_bytes != 0 ? mirror->spec.ring_bytes : bytes);
}

/* Left to the process when its rings are made. */
#define HEADROOM UINT64_C(8000000)

/* Those that it has, or, while it is only planned, those that it would. */
static unsigned int
count_rings(struct vmirror_mirror *mirror)
{
	const struct vmirror_record *record;
	const struct vmirror_ring *ring;
	unsigned int n = 0;

	if (!vmirror_mirror_has_rings(mirror))
		return 0;
	if (mirror->planned)
		return vmirror_mirror_hooks(mirror);
	TAILQ_FOREACH (record, &mirror->records, next)
		n += record->drained.ring != NULL;
	for (ring = mirror->spare_rings; ring != NULL; ring = ring->spare)
		n++;
	return n;
}

uint64_t
vmirror_mirror_bytes(struct vmirror_mirror *mirror)
{
	return mirror->pool_bytes + mirror->sink_plan.bytes +
	       count_rings(mirror) * vmirror_mirror_ring_bytes(mirror);
}

/* What all mirrors have, and those before this one would have that are being checked with it. */
static uint64_t
bytes_of_all(void)
{
	struct vmirror_mirror *mirror;
	uint64_t bytes = 0;

	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
		if (!mirror->leaves)
			bytes += vmirror_mirror_bytes(mirror);
	return bytes;
}

/* And of those only what they have not taken yet. */
static uint64_t
rings_planned(void)
{
	struct vmirror_mirror *mirror;
	uint64_t bytes = 0;

	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
		if (mirror->planned)
			bytes += count_rings(mirror) * vmirror_mirror_ring_bytes(mirror);
	return bytes;
}

int
vmirror_mirror_check_memory(struct vmirror_mirror *mirror, unsigned int n_rings,
			    struct vmirror_error *err)
{
	uint64_t rings = n_rings * vmirror_mirror_ring_bytes(mirror);
	uint64_t pool = mirror->path.pool == NULL ? mirror->pool_bytes : 0;
	uint64_t blocks = mirror->sink == NULL ? mirror->sink_plan.bytes : 0;
	uint64_t taken = bytes_of_all();
	uint64_t left;

	if (rings + pool + blocks >
	    vmirror_shared.max_memory - RTE_MIN(taken, vmirror_shared.max_memory))
		return vmirror_error_set(
			err, -ENOMEM,
			"memory: %u rings of %.1f MB and %.1f MB of %s are more "
			"than is left of max_memory, %.1f MB, of which mirrors have "
			"%.1f MB; use a smaller ring_bytes=%s, or raise it",
			n_rings, vmirror_mirror_ring_bytes(mirror) / 1e6, (pool + blocks) / 1e6,
			blocks > 0 ? "blocks" : "mbufs", vmirror_shared.max_memory / 1e6,
			taken / 1e6, blocks > 0 ? "" : " or mbufs=");
	if (rings + blocks == 0)
		return 0;
	left = vmirror_memory_available();
	left -= RTE_MIN(left, rings_planned());
	/* Pages have tables, and the process needs a little more than its rings. */
	if (rings + rings / 128 + blocks + HEADROOM > left)
		return vmirror_error_set(
			err, -ENOMEM,
			"ring_bytes: %u rings of %.1f MB are more than the %.1f MB "
			"that the system, or the process's cgroup, has left; use a "
			"smaller ring_bytes=",
			n_rings, vmirror_mirror_ring_bytes(mirror) / 1e6, left / 1e6);
	return 0;
}

int
vmirror_mirror_make_rings(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	uint64_t bytes = vmirror_mirror_ring_bytes(mirror);
	int ret = vmirror_mirror_check_memory(mirror, mirror->rings_missing, err);

	for (; ret == 0 && mirror->rings_wanted > 0; mirror->rings_wanted--) {
		struct vmirror_ring *ring = vmirror_ring_create(bytes, mirror->rings_node);

		if (ring == NULL)
			return vmirror_error_set(err, -errno,
						 "ring_bytes: no ring of %.1f MB: %s; use a "
						 "smaller ring_bytes=",
						 bytes / 1e6, strerror(errno));
		ring->node = mirror->rings_node;
		ring->spare = mirror->spare_rings;
		mirror->spare_rings = ring;
	}
	return ret;
}

struct vmirror_ring *
vmirror_mirror_take_ring(struct vmirror_mirror *mirror, int node)
{
	struct vmirror_ring **at = &mirror->spare_rings;
	struct vmirror_ring *ring;

	while (*at != NULL && node != VMIRROR_ANY_NODE && (*at)->node != node)
		at = &(*at)->spare;
	ring = *at;
	if (ring != NULL)
		*at = ring->spare;
	return ring;
}
