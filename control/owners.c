/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/owners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static TAILQ_HEAD(, vmirror_owner) owners = TAILQ_HEAD_INITIALIZER(owners);

static struct vmirror_owner *
find(uint64_t serial)
{
	struct vmirror_owner *owner;

	TAILQ_FOREACH (owner, &owners, next)
		if (owner->serial == serial)
			return owner;
	return NULL;
}

/* Of a name there is one: those that had it before were taken away elsewhere. */
static void
forget_name(const char *name)
{
	struct vmirror_owner *owner, *next;

	for (owner = TAILQ_FIRST(&owners); owner != NULL; owner = next) {
		next = TAILQ_NEXT(owner, next);
		if (strcmp(owner->name, name) == 0)
			vmirror_owners_forget(owner->serial);
	}
}

struct vmirror_owner *
vmirror_owners_add(const char *name, uint64_t serial, const struct vmirror_session *s, bool persist)
{
	struct vmirror_owner *owner = calloc(1, sizeof(*owner));

	if (owner == NULL)
		return NULL;
	forget_name(name);
	snprintf(owner->name, sizeof(owner->name), "%s", name);
	owner->serial = serial;
	owner->pid = s->pid;
	owner->uid = s->uid;
	owner->persist = persist;
	owner->session = persist ? NULL : s;
	TAILQ_INSERT_TAIL(&owners, owner, next);
	return owner;
}

const struct vmirror_owner *
vmirror_owners_find(const char *name)
{
	return find(vmirror_mirror_serial(name));
}

unsigned int
vmirror_owners_count(uid_t uid)
{
	const struct vmirror_owner *owner;
	unsigned int n = 0;

	/* One that was taken away elsewhere is none. */
	TAILQ_FOREACH (owner, &owners, next)
		n += owner->uid == uid && vmirror_mirror_serial(owner->name) == owner->serial;
	return n;
}

void
vmirror_owners_leave(uint64_t serial)
{
	struct vmirror_owner *owner = find(serial);

	if (owner != NULL)
		owner->session = NULL;
}

void
vmirror_owners_forget(uint64_t serial)
{
	struct vmirror_owner *owner = find(serial);

	if (owner == NULL)
		return;
	TAILQ_REMOVE(&owners, owner, next);
	free(owner);
}

const struct vmirror_owner *
vmirror_owners_first_of(const struct vmirror_session *s)
{
	const struct vmirror_owner *owner;

	TAILQ_FOREACH (owner, &owners, next)
		if (owner->session == s)
			return owner;
	return NULL;
}

void
vmirror_owners_forked(void)
{
	TAILQ_INIT(&owners);
}

void
vmirror_owners_clear(void)
{
	struct vmirror_owner *owner;

	while ((owner = TAILQ_FIRST(&owners)) != NULL)
		vmirror_owners_forget(owner->serial);
}
