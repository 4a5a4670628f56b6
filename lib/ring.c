/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The memory of a ring. attach.c makes one for every queue of a mirror in mode=ring; what goes
 * through it is entry.h's. Knows no DPDK, so that plain threads can race it.
 */

#include "lib/ring.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

/* Linux 5.14; older libcs do not know it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

uint64_t
vmirror_ring_bytes(uint64_t bytes)
{
	uint64_t size = VMIRROR_RING_MIN;

	while (size < bytes && size < VMIRROR_RING_MAX)
		size *= 2;
	return size;
}

/* Where the node has no memory left, or the kernel knows no nodes, any memory will do. */
static void
prefer_node(void *base, uint64_t size, int node)
{
	unsigned long mask = 0;

	if (node < 0 || node >= (int)(8 * sizeof(mask)))
		return;
	mask = 1UL << node;
	syscall(SYS_mbind, base, size, MPOL_PREFERRED, &mask, 8 * sizeof(mask), 0);
}

/* So that no forwarding core touches a page for the first time. @return 0, or -1: errno */
static int
populate(uint8_t *base, uint64_t size)
{
	uint64_t at;

	if (madvise(base, size, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	for (at = 0; at < size; at += PAGE)
		__atomic_store_n(base + at, 0, __ATOMIC_RELAXED);
	return 0;
}

/*
 * No file, not even one in memory: a limit on files' sizes (ulimit -f) would hold for it, and kill
 * the host that passes it. The kernel maps shared memory twice when it is asked to move none of it.
 * [mremap(2), old_size]
 * @return 0, or -1 with errno set
 */
static int
map_twice(struct vmirror_ring *ring, int node)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int shared = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED;
	uint64_t size = ring->size;
	int error;

	ring->base = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring->base == MAP_FAILED)
		return -1;
	if (mmap(ring->base, size, prot, shared, -1, 0) == MAP_FAILED)
		goto unmap;
	/* Best effort: large pages where the system has them for shared memory. */
	madvise(ring->base, size, MADV_HUGEPAGE);
	prefer_node(ring->base, size, node);
	if (populate(ring->base, size) != 0)
		goto unmap;
	if (mremap(ring->base, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, ring->base + size) ==
		    MAP_FAILED ||
	    populate(ring->base + size, size) != 0)
		goto unmap;
	return 0;

unmap:
	error = errno;
	munmap(ring->base, 2 * size);
	errno = error;
	return -1;
}

struct vmirror_ring *
vmirror_ring_create(uint64_t bytes, int node)
{
	struct vmirror_ring *ring = aligned_alloc(64, sizeof(*ring));
	int error;

	if (ring == NULL)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->size = vmirror_ring_bytes(bytes);
	ring->cpu = -1;
	if (map_twice(ring, node) == 0)
		return ring;
	error = errno;
	free(ring);
	errno = error;
	return NULL;
}

void
vmirror_ring_destroy(struct vmirror_ring *ring)
{
	if (ring == NULL)
		return;
	munmap(ring->base, 2 * ring->size);
	free(ring);
}
