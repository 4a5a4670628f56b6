/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/removals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "control/call.h"
#include "control/rpc.h"
#include "control/show.h"
#include "devargs/error.h"
#include "lib/lease.h"
#include "lib/shared.h"
#include "lib/thread.h"

/* Most are through in a moment, which spares them another round. */
#define MOMENT_NS UINT64_C(1000000)

/* A reader that has stopped has three seconds for what is in the rings, and as many for the file's end. */
#define TOGETHER_NS UINT64_C(12000000000)

struct removal {
	TAILQ_ENTRY(removal) next;
	char name[VMIRROR_NAME_SIZE];
	uint64_t serial;
	pid_t pid; /* who asked, or whose it was */
	uid_t uid;
	bool orphan;               /* nobody asked: its client has gone */
	struct vmirror_session *s; /* who waits; NULL: nobody */
	json_t *id;                /* of the request; NULL: it wants no answer */
};

TAILQ_HEAD(removal_list, removal);

static struct removal_list removals = TAILQ_HEAD_INITIALIZER(removals);

static struct removal *
find(uint64_t serial)
{
	struct removal *r;

	TAILQ_FOREACH (r, &removals, next)
		if (r->serial == serial)
			return r;
	return NULL;
}

/* @return NULL: out of memory */
static struct removal *
begin(const char *name, uint64_t serial)
{
	struct removal *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->serial = serial;
	TAILQ_INSERT_TAIL(&removals, r, next);
	vmirror_lease_give_up(serial);
	return r;
}

int
vmirror_removals_begin(const char *name, struct vmirror_session *s, json_t *id,
		       struct vmirror_error *err)
{
	uint64_t serial = vmirror_mirror_serial(name);
	struct removal *r;

	if (serial == 0)
		return vmirror_error_set(err, -ENOENT, "there is no mirror '%s'", name);
	if (find(serial) != NULL)
		return vmirror_error_set(err, -EALREADY, "mirror '%s' is being taken away", name);
	r = begin(name, serial);
	if (r == NULL)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	r->pid = s->pid;
	r->uid = s->uid;
	r->s = s;
	r->id = json_incref(id);
	s->busy = true;
	return 0;
}

void
vmirror_removals_begin_orphan(const struct vmirror_owner *owner)
{
	struct removal *r = find(owner->serial);

	/* One that somebody takes away is going. */
	if (r == NULL)
		r = begin(owner->name, owner->serial);
	if (r == NULL) {
		vmirror_mirror_remove(owner->name, NULL);
		return;
	}
	/* Who asked is who did it, also where its client goes meanwhile. */
	if (r->s != NULL)
		return;
	r->pid = owner->pid;
	r->uid = owner->uid;
	r->orphan = true;
}

static void
tell(const struct removal *r)
{
	if (r->orphan)
		vmirror_shared_tell(
			VMIRROR_INFO,
			"control: mirror '%s' removed: its client, pid %d, uid %u, has gone",
			r->name, (int)r->pid, (unsigned int)r->uid);
	else
		vmirror_shared_tell(VMIRROR_INFO, "control: pid %d, uid %u removed mirror '%s'",
				    (int)r->pid, (unsigned int)r->uid, r->name);
}

/* Detached, its figures are exact; removed, it has none. @return them; NULL: it is gone, err set */
static json_t *
take_away(const struct removal *r, struct vmirror_error *err)
{
	json_t *last = NULL;

	if (vmirror_mirror_serial(r->name) != r->serial) {
		vmirror_error_set(err, -ENOENT, "mirror '%s' was taken away by somebody else",
				  r->name);
		return NULL;
	}
	if (vmirror_mirror_detach(r->name, err) == 0)
		last = vmirror_show_stats(r->name, false, err);
	if (last != NULL && vmirror_mirror_remove(r->name, err) == 0)
		return last;
	json_decref(last);
	return NULL;
}

static void
finish(struct removal *r, const struct vmirror_control_opts *host)
{
	struct vmirror_error err = {.text = ""};
	json_t *last;

	vmirror_call_busy(host, true);
	last = take_away(r, &err);
	vmirror_call_busy(host, false);
	if (last != NULL)
		tell(r);
	vmirror_owners_forget(r->serial);
	if (r->s != NULL) {
		r->s->busy = false;
		vmirror_rpc_answer_later(r->s, r->id, ENOENT, &err,
					 last == NULL ? NULL : json_pack("{s:O}", "stats", last));
	}
	json_decref(last);
	json_decref(r->id);
	TAILQ_REMOVE(&removals, r, next);
	free(r);
}

unsigned int
vmirror_removals_poll(const struct vmirror_control_opts *host)
{
	struct removal *r, *next;
	unsigned int n = 0;

	/* Many do not keep others waiting for longer than one. */
	for (r = TAILQ_FIRST(&removals); r != NULL; r = next) {
		next = TAILQ_NEXT(r, next);
		if (vmirror_lease_is_over(r->serial, n == 0 ? MOMENT_NS : 0))
			finish(r, host);
		else
			n++;
	}
	return n;
}

void
vmirror_removals_forget(const struct vmirror_session *s)
{
	struct removal *r;

	TAILQ_FOREACH (r, &removals, next)
		if (r->s == s)
			r->s = NULL;
}

void
vmirror_removals_forked(void)
{
	TAILQ_INIT(&removals);
}

void
vmirror_removals_finish(const struct vmirror_control_opts *host)
{
	const struct timespec nap = {.tv_nsec = 10 * MOMENT_NS};
	const uint64_t until = vmirror_now_ns() + TOGETHER_NS;

	/* Each is given its time, and all of them at once. */
	while (vmirror_removals_poll(host) > 0 && vmirror_now_ns() < until)
		nanosleep(&nap, NULL);
	while (!TAILQ_EMPTY(&removals))
		finish(TAILQ_FIRST(&removals), host);
}
