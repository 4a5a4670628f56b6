/* SPDX-License-Identifier: BSD-3-Clause */

/* Mirrors that control/ has made for its clients. */

#include "lib/lease.h"

#include <pthread.h>

#include "lib/api.h"
#include "lib/leave.h"
#include "lib/mirror.h"
#include "lib/shared.h"

int
vmirror_lease_take(const char *spec, char name[VMIRROR_NAME_SIZE], uint64_t *serial,
		   struct vmirror_error *err)
{
	int ret = vmirror_api_enter_for(&spec, 1, err);

	if (ret != 0)
		return ret;
	ret = vmirror_api_add(spec, name, err);
	if (ret == 0)
		*serial = vmirror_api_find(name, NULL)->serial;
	vmirror_api_leave();
	return ret;
}

/* Control lock. */
static struct vmirror_mirror *
find(uint64_t serial)
{
	struct vmirror_mirror *mirror;

	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
		if (mirror->serial == serial)
			return mirror;
	return NULL;
}

void
vmirror_lease_give_up(uint64_t serial)
{
	struct vmirror_mirror *mirror;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = find(serial);
	if (mirror != NULL)
		vmirror_mirror_leave(mirror);
	vmirror_api_leave();
}

bool
vmirror_lease_is_over(uint64_t serial, uint64_t ns)
{
	struct vmirror_mirror *mirror;
	bool over;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = find(serial);
	over = mirror == NULL || vmirror_mirror_has_left(mirror, ns);
	vmirror_api_leave();
	return over;
}
