/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Control side of the dispatcher: publishing lists of hooks and waiting until the old ones are
 * out of use. Knows nothing of ethdev (port.c adds the callbacks) nor of what a hook does
 * (inline.c, ring_hook.c), so that it can be tested and raced with plain threads.
 */

#include "lib/dispatch.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct vmirror_dispatch_edit {
	struct vmirror_dispatcher *d;
	struct vmirror_dispatch_list *next; /* to publish */
	struct vmirror_dispatch_list *prev; /* to free */
};

bool vmirror_dispatch_fence;

static int
membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

void
vmirror_dispatch_init(void)
{
	vmirror_dispatch_fence = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0;
}

/* Pairs with the compiler barrier, or the fence, in vmirror_dispatch_enter(). */
static void
barrier(void)
{
	const struct timespec grace = {.tv_nsec = 50 * 1000 * 1000};

	if (!vmirror_dispatch_fence && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
		return;
	/* A seccomp filter may forbid it later. The cores fence from now on; this once, wait. */
	if (!vmirror_dispatch_fence) {
		__atomic_store_n(&vmirror_dispatch_fence, true, __ATOMIC_RELAXED);
		nanosleep(&grace, NULL);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

struct vmirror_dispatcher *
vmirror_dispatcher_create(void)
{
	struct vmirror_dispatcher *d = aligned_alloc(64, sizeof(*d));

	if (d == NULL)
		return NULL;
	memset(d, 0, sizeof(*d));
	pthread_spin_init(&d->lock, PTHREAD_PROCESS_PRIVATE);
	return d;
}

static int
change_append(struct vmirror_dispatch_change *change, struct vmirror_dispatcher *d,
	      struct vmirror_dispatch_list *next)
{
	if (change->n_edits == change->room) {
		unsigned int room = change->room == 0 ? 8 : change->room * 2;
		struct vmirror_dispatch_edit *edits;

		edits = realloc(change->edits, room * sizeof(*edits));
		if (edits == NULL)
			return -ENOMEM;
		change->edits = edits;
		change->room = room;
	}
	change->edits[change->n_edits++] = (struct vmirror_dispatch_edit){
		.d = d,
		.next = next,
		.prev = d->hooks,
	};
	return 0;
}

static struct vmirror_dispatch_list *
list_create(unsigned int n_hooks)
{
	struct vmirror_dispatch_list *list;

	list = malloc(sizeof(*list) + n_hooks * sizeof(list->hooks[0]));
	if (list != NULL)
		list->n_hooks = n_hooks;
	return list;
}

int
vmirror_dispatch_add(struct vmirror_dispatch_change *change, struct vmirror_dispatcher *d,
		     struct vmirror_dispatch_hook *hook)
{
	unsigned int n = d->hooks == NULL ? 0 : d->hooks->n_hooks;
	struct vmirror_dispatch_list *next = list_create(n + 1);
	int ret;

	if (next == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(next->hooks, d->hooks->hooks, n * sizeof(next->hooks[0]));
	next->hooks[n] = hook;

	ret = change_append(change, d, next);
	if (ret != 0)
		free(next);
	return ret;
}

static unsigned int
list_find(const struct vmirror_dispatch_list *list, const struct vmirror_dispatch_hook *hook)
{
	unsigned int i = 0;

	while (i < list->n_hooks && list->hooks[i] != hook)
		i++;
	return i;
}

int
vmirror_dispatch_del(struct vmirror_dispatch_change *change, struct vmirror_dispatcher *d,
		     struct vmirror_dispatch_hook *hook)
{
	struct vmirror_dispatch_list *prev = d->hooks;
	struct vmirror_dispatch_list *next = NULL;
	unsigned int at;
	int ret;

	if (prev == NULL)
		return 0;
	at = list_find(prev, hook);
	if (at == prev->n_hooks)
		return 0;

	if (prev->n_hooks > 1) {
		next = list_create(prev->n_hooks - 1);
		if (next == NULL)
			return -ENOMEM;
		memcpy(next->hooks, prev->hooks, at * sizeof(next->hooks[0]));
		memcpy(next->hooks + at, prev->hooks + at + 1,
		       (next->n_hooks - at) * sizeof(next->hooks[0]));
	}

	ret = change_append(change, d, next);
	if (ret != 0)
		free(next);
	return ret;
}

/* Returns when no core reads a list that this dispatcher had before the last barrier(). */
static void
quiesce(const struct vmirror_dispatcher *d)
{
	const struct timespec nap = {.tv_nsec = 20 * 1000};
	uint64_t seq = __atomic_load_n(&d->seq, __ATOMIC_ACQUIRE);
	unsigned int spins = 0;

	if ((seq & 1) == 0)
		return;
	/* The core may have been preempted inside: let it run, if this is its processor. */
	while (__atomic_load_n(&d->seq, __ATOMIC_ACQUIRE) == seq) {
		if (++spins < 100)
			sched_yield();
		else
			nanosleep(&nap, NULL);
	}
}

void
vmirror_dispatch_silence(struct vmirror_dispatcher *d)
{
	__atomic_store_n(&d->shared, false, __ATOMIC_RELAXED);
	if (d->hooks != NULL)
		d->hooks->n_hooks = 0;
}

void
vmirror_dispatch_sync(const struct vmirror_dispatcher *d)
{
	barrier();
	quiesce(d);
}

void
vmirror_dispatch_commit(struct vmirror_dispatch_change *change)
{
	unsigned int i;

	if (change->n_edits == 0)
		return;
	for (i = 0; i < change->n_edits; i++)
		__atomic_store_n(&change->edits[i].d->hooks, change->edits[i].next,
				 __ATOMIC_RELEASE);
	barrier();
	for (i = 0; i < change->n_edits; i++) {
		quiesce(change->edits[i].d);
		free(change->edits[i].prev);
	}
	free(change->edits);
	*change = (struct vmirror_dispatch_change){0};
}

void
vmirror_dispatch_abort(struct vmirror_dispatch_change *change)
{
	unsigned int i;

	for (i = 0; i < change->n_edits; i++)
		free(change->edits[i].next);
	free(change->edits);
	*change = (struct vmirror_dispatch_change){0};
}
