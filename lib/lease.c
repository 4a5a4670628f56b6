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
	int ret = vmirror_api_enter(err);

	if (ret != 0)
		return ret;
	ret = vmirror_api_add(spec, name, err);
	if (ret == 0)
		*serial = vmirror_api_find(name, NULL)->serial;
	vmirror_api_leave();
	return ret;
}

uint64_t
vmirror_lease_serial(const char *name)
{
	const struct vmirror_mirror *mirror;
	uint64_t serial;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = vmirror_api_find(name, NULL);
	serial = mirror != NULL ? mirror->serial : 0;
	vmirror_api_leave();
	return serial;
}

void
vmirror_lease_give_up(const char *name, uint64_t serial)
{
	struct vmirror_mirror *mirror;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = vmirror_api_find(name, NULL);
	if (mirror != NULL && mirror->serial == serial)
		vmirror_mirror_leave(mirror);
	vmirror_api_leave();
}

bool
vmirror_lease_is_over(const char *name, uint64_t serial, uint64_t ns)
{
	struct vmirror_mirror *mirror;
	bool over = true;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = vmirror_api_find(name, NULL);
	if (mirror != NULL && mirror->serial == serial)
		over = vmirror_mirror_has_left(mirror, ns);
	vmirror_api_leave();
	return over;
}
