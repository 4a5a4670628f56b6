/* SPDX-License-Identifier: BSD-3-Clause */

/* Descriptors behind a PMD's back, from /proc/self/fd; for net_af_packet, net_af_xdp, net_tap. */

#include "drivers/descriptors.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

void
vmirror_descriptors_find(struct vmirror_descriptors *set, vmirror_descriptor_id identify)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	set->n = 0;
	if (dir == NULL)
		return;
	while (set->n < VMIRROR_DESCRIPTORS_MAX && (entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);
		uint64_t id = 0;

		if (isdigit((unsigned char)entry->d_name[0]) && identify(fd, &id)) {
			set->of[set->n].fd = fd;
			set->of[set->n++].id = id;
		}
	}
	closedir(dir);
}

static bool
has(const struct vmirror_descriptors *set, int fd, uint64_t id)
{
	unsigned int i;

	for (i = 0; i < set->n; i++)
		if (set->of[i].fd == fd && set->of[i].id == id)
			return true;
	return false;
}

void
vmirror_descriptors_subtract(struct vmirror_descriptors *set,
			     const struct vmirror_descriptors *before)
{
	unsigned int i, n = 0;

	for (i = 0; i < set->n; i++)
		if (!has(before, set->of[i].fd, set->of[i].id))
			set->of[n++] = set->of[i];
	set->n = n;
}

void
vmirror_descriptors_close(struct vmirror_descriptors *set, vmirror_descriptor_id identify)
{
	struct vmirror_descriptors now;
	unsigned int i, k;

	vmirror_descriptors_find(&now, identify);
	for (i = 0; i < now.n; i++) {
		for (k = 0; k < set->n && set->of[k].id != now.of[i].id; k++)
			;
		if (k < set->n)
			close(now.of[i].fd);
	}
	set->n = 0;
}
