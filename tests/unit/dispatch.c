/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The dispatcher raced: threads that run bursts without a pause while hooks come and go. A hook
 * that is run after it was deleted, or freed under a burst, is caught by what it checks itself, by
 * AddressSanitizer, and as far as that can follow by ThreadSanitizer.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/dispatch.h"

#define ALIVE       0x600d600d
#define DEAD        0xdeaddead
#define N_CORES     2
#define N_HOOKS_MAX 8
#define SKIP        77

struct counting_hook {
	struct vmirror_dispatch_hook hook;
	uint32_t state;
	uint64_t runs; /* written by one core, read after it has left */
};

static atomic_bool stop;
static atomic_uint dead_runs;

static void
count_run(struct vmirror_dispatch_hook *hook, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	struct counting_hook *h = (struct counting_hook *)hook;

	if (h->state != ALIVE)
		atomic_fetch_add(&dead_runs, 1);
	h->runs += n_pkts;
}

static struct counting_hook *
counting_hook_create(void)
{
	struct counting_hook *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->hook.run = count_run;
	h->state = ALIVE;
	return h;
}

static uint64_t
counting_hook_destroy(struct counting_hook *h)
{
	uint64_t runs = h->runs;

	h->state = DEAD;
	free(h);
	return runs;
}

static void *
core(void *arg)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		vmirror_dispatch_burst(arg, NULL, 1);
	return NULL;
}

static void
commit_add(struct vmirror_dispatcher *d, struct counting_hook *h)
{
	struct vmirror_dispatch_change change = {0};

	assert_int_equal(vmirror_dispatch_add(&change, d, &h->hook), 0);
	vmirror_dispatch_commit(&change);
}

static void
commit_del(struct vmirror_dispatcher *d, struct counting_hook *h)
{
	struct vmirror_dispatch_change change = {0};

	assert_int_equal(vmirror_dispatch_del(&change, d, &h->hook), 0);
	vmirror_dispatch_commit(&change);
}

static void
test_runs_hooks_in_order(void **state)
{
	struct vmirror_dispatcher *d = vmirror_dispatcher_create();
	struct counting_hook *a = counting_hook_create();
	struct counting_hook *b = counting_hook_create();

	vmirror_dispatch_burst(d, NULL, 3);
	commit_add(d, a);
	vmirror_dispatch_burst(d, NULL, 5);
	commit_add(d, b);
	vmirror_dispatch_burst(d, NULL, 7);
	commit_del(d, a);
	vmirror_dispatch_burst(d, NULL, 11);
	assert_int_equal(counting_hook_destroy(a), 12);
	commit_del(d, b);
	vmirror_dispatch_burst(d, NULL, 13);
	assert_int_equal(counting_hook_destroy(b), 18);
	assert_null(d->hooks);
	free(d);
}

static void
test_abort_changes_nothing(void **state)
{
	struct vmirror_dispatcher *d = vmirror_dispatcher_create();
	struct vmirror_dispatch_change change = {0};
	struct counting_hook *h = counting_hook_create();

	assert_int_equal(vmirror_dispatch_add(&change, d, &h->hook), 0);
	vmirror_dispatch_abort(&change);
	vmirror_dispatch_burst(d, NULL, 1);
	assert_int_equal(counting_hook_destroy(h), 0);

	/* One that is not there is not deleted. */
	h = counting_hook_create();
	commit_del(d, h);
	assert_int_equal(counting_hook_destroy(h), 0);
	free(d);
}

/*
 * Hooks come and go on all dispatchers, in changes of all at once, while cores run through them.
 * midway, if any, is called when a part of it is done.
 */
static void
race(bool fence, bool shared, void (*midway)(void))
{
	struct vmirror_dispatcher *d[N_CORES];
	struct counting_hook *hooks[N_CORES][N_HOOKS_MAX] = {0};
	struct vmirror_dispatch_change change = {0};
	/* Two cores that spin for a lock, and one that waits for them, crawl on two processors. */
	uint64_t n_rounds = shared ? test_rounds(500, 10000) : test_rounds(3000, 100000);
	pthread_t cores[N_CORES];
	uint64_t runs = 0;
	unsigned int i, round;

	vmirror_dispatch_init();
	vmirror_dispatch_fence |= fence;
	atomic_store(&stop, false);
	for (i = 0; i < N_CORES; i++) {
		if (!shared || i == 0) {
			d[i] = vmirror_dispatcher_create();
			d[i]->shared = shared;
		} else {
			d[i] = d[0];
		}
		pthread_create(&cores[i], NULL, core, d[i]);
	}
	/* On a busy machine the cores may need a while to come to life. */
	for (round = 0; round < n_rounds || runs == 0; round++) {
		struct counting_hook **slot;

		if (round == n_rounds / 4 && midway != NULL)
			midway();
		/* A shared dispatcher stands in a change once. */
		for (i = 0; i < (shared ? 1 : N_CORES); i++) {
			slot = &hooks[i][(round * 5 + i) % N_HOOKS_MAX];
			if (*slot == NULL) {
				*slot = counting_hook_create();
				vmirror_dispatch_add(&change, d[i], &(*slot)->hook);
			} else {
				vmirror_dispatch_del(&change, d[i], &(*slot)->hook);
			}
		}
		vmirror_dispatch_commit(&change);
		if (round % (2 * N_HOOKS_MAX) < N_HOOKS_MAX)
			continue;
		for (i = 0; i < (shared ? 1 : N_CORES); i++) {
			slot = &hooks[i][(round * 5 + i) % N_HOOKS_MAX];
			runs += counting_hook_destroy(*slot);
			*slot = NULL;
		}
	}
	atomic_store(&stop, true);
	for (i = 0; i < N_CORES; i++)
		pthread_join(cores[i], NULL);
	assert_int_equal(atomic_load(&dead_runs), 0);
	for (i = 0; i < (shared ? 1 : N_CORES) * N_HOOKS_MAX; i++)
		free(hooks[i / N_HOOKS_MAX][i % N_HOOKS_MAX]);
	for (i = 0; i < (shared ? 1 : N_CORES); i++) {
		free(d[i]->hooks);
		free(d[i]);
	}
}

static void
test_race_membarrier(void **state)
{
	race(false, false, NULL);
}

static void
test_race_fence(void **state)
{
	race(true, false, NULL);
}

static void
test_race_shared_queue(void **state)
{
	race(false, true, NULL);
}

/* A core that sleeps inside a hook is waited for. */
static void
sleep_run(struct vmirror_dispatch_hook *hook, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	usleep(50000);
	count_run(hook, pkts, n_pkts);
}

static void *
one_burst(void *arg)
{
	vmirror_dispatch_burst(arg, NULL, 1);
	return NULL;
}

static void
test_waits_for_a_core_inside(void **state)
{
	struct vmirror_dispatcher *d = vmirror_dispatcher_create();
	struct counting_hook *h = counting_hook_create();
	pthread_t thread;

	h->hook.run = sleep_run;
	commit_add(d, h);
	pthread_create(&thread, NULL, one_burst, d);
	while ((__atomic_load_n(&d->seq, __ATOMIC_ACQUIRE) & 1) == 0)
		sched_yield();
	commit_del(d, h);
	assert_int_equal(counting_hook_destroy(h), 1);
	pthread_join(thread, NULL);
	free(d);
}

/* Have the kernel refuse membarrier(2) from now on, as a sandbox may that closes late. */
static void
forbid_membarrier(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = filter};

	assert_false(vmirror_dispatch_fence);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(SKIP);
}

/* In a process of its own, for a filter stays. */
static void
test_membarrier_forbidden(void **state)
{
	int status;
	pid_t pid;

	vmirror_dispatch_init();
	if (vmirror_dispatch_fence)
		skip();
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* What fails here must not go on with the next test. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		race(false, false, forbid_membarrier);
		assert_true(vmirror_dispatch_fence);
		test_waits_for_a_core_inside(state);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP)
		skip();
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_hooks_in_order),
		cmocka_unit_test(test_abort_changes_nothing),
		cmocka_unit_test(test_waits_for_a_core_inside),
		cmocka_unit_test(test_race_membarrier),
		cmocka_unit_test(test_race_fence),
		cmocka_unit_test(test_race_shared_queue),
		cmocka_unit_test(test_membarrier_forbidden),
	};

	vmirror_dispatch_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
