/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_COMPAT_H
#define LIB_COMPAT_H

/* Differences between the DPDK versions that vmirror builds on (22.11 to 25.11), all of them. */

#include <pthread.h>
#include <sched.h>

#include <rte_lcore.h>
#include <rte_telemetry.h>
#include <rte_thread.h>
#include <rte_version.h>

/* Renamed in 23.03, and the old name deprecated since. */
static inline void
vmirror_tel_add_u64(struct rte_tel_data *d, const char *name, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
	rte_tel_data_add_dict_uint(d, name, value);
#else
	rte_tel_data_add_dict_u64(d, name, value);
#endif
}

#if RTE_VERSION >= RTE_VERSION_NUM(23, 7, 0, 0)

typedef rte_thread_t vmirror_thread_t;
typedef uint32_t vmirror_thread_ret_t;
#define VMIRROR_THREAD_RETURN 0

static inline int
vmirror_thread_create(vmirror_thread_t *thread, const char *name, rte_thread_func run, void *arg)
{
	int ret = rte_thread_create_control(thread, name, run, arg);

	return ret > 0 ? -ret : ret;
}

static inline int
vmirror_thread_set_affinity(vmirror_thread_t thread, const cpu_set_t *cpus)
{
	return -rte_thread_set_affinity_by_id(thread, cpus);
}

static inline void
vmirror_thread_join(vmirror_thread_t thread)
{
	rte_thread_join(thread, NULL);
}

static inline pthread_t
vmirror_thread_pthread(vmirror_thread_t thread)
{
	return (pthread_t)thread.opaque_id;
}

#else

typedef pthread_t vmirror_thread_t;
typedef void *vmirror_thread_ret_t;
#define VMIRROR_THREAD_RETURN NULL

static inline int
vmirror_thread_create(vmirror_thread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
	return rte_ctrl_thread_create(thread, name, NULL, run, arg);
}

static inline int
vmirror_thread_set_affinity(vmirror_thread_t thread, const cpu_set_t *cpus)
{
	return -pthread_setaffinity_np(thread, sizeof(*cpus), cpus);
}

static inline void
vmirror_thread_join(vmirror_thread_t thread)
{
	pthread_join(thread, NULL);
}

static inline pthread_t
vmirror_thread_pthread(vmirror_thread_t thread)
{
	return thread;
}

#endif

#endif
