/* SPDX-License-Identifier: BSD-3-Clause */

/* net_virtio_user.c's look at DPDK's memory, counted as the PMD counts it. */

#include "drivers/vhost_memory.h"

#include <errno.h>
#include <stddef.h>

#include <rte_memory.h>

#include "devargs/error.h"

/* The PMD's VHOST_MEMORY_MAX_NREGIONS. [vhost_user.c, 22.11 to 25.11: update_memory_region()] */
#define MAX_FILES 8

struct files {
	int fds[MAX_FILES];
	unsigned int n;
};

/* @return 0: go on; 1: too many; -1: one that has no file */
static int
count_file(const struct rte_memseg_list *list, const struct rte_memseg *segment, void *arg)
{
	struct files *files = arg;
	int fd = rte_memseg_get_fd_thread_unsafe(segment);
	unsigned int i;
	size_t offset;

	if (fd < 0 || rte_memseg_get_fd_offset_thread_unsafe(segment, &offset) < 0)
		return -1;
	for (i = 0; i < files->n; i++)
		if (files->fds[i] == fd)
			return 0;
	if (files->n == MAX_FILES)
		return 1;
	files->fds[files->n++] = fd;
	return 0;
}

int
vmirror_vhost_memory_check(struct vmirror_error *err)
{
	struct files files = {.n = 0};
	int ret = rte_memseg_walk(count_file, &files);

	if (ret == 0)
		return 0;
	if (ret > 0)
		return vmirror_error_set(
			err, -E2BIG,
			"vhost-user: DPDK's memory lies in more than %d files, and no more are "
			"shown to a peer; start with EAL's --single-file-segments, or with "
			"fewer and larger hugepages",
			MAX_FILES);
	return vmirror_error_set(err, -ENOTSUP,
				 "vhost-user: part of DPDK's memory is in no file that could be "
				 "shown to a peer (external memory, or a kernel without memfd)");
}

static int
add_pages(const struct rte_memseg_list *list, void *arg)
{
	*(uint64_t *)arg += list->memseg_arr.count;
	return 0;
}

bool
vmirror_vhost_memory_changed(struct vmirror_vhost_memory *memory)
{
	uint64_t pages = 0;
	bool changed;

	rte_memseg_list_walk(add_pages, &pages);
	changed = pages != memory->pages;
	memory->pages = pages;
	return changed;
}
