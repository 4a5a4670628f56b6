/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_CLOCK_H
#define CTL_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds of a clock that nobody sets. */
static inline uint64_t
ctl_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/** The same in milliseconds, for differences and timeouts. */
static inline int64_t
ctl_now_ms(void)
{
	return (int64_t)(ctl_now_ns() / 1000000);
}

#endif
