/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_EAL_TRAFFIC_H
#define TESTS_EAL_TRAFFIC_H

/* A test's second half, for tests that do something many times while packets flow. */

#include <stddef.h>
#include <stdint.h>

/** What a driver, and not vmirror, leaks each time round, at the most: bytes. */
struct traffic_leak {
	size_t dpdk; /**< of DPDK's memory */
	size_t libc; /**< of the C library's */
};

/**
 * Call churn(warm_up), then churn(n), while two threads send and receive on queues 0 and 1 of a
 * net_ring port. The test fails when the host loses a packet or keeps one, and when the second call
 * leaves more memory or files behind than it found.
 *
 * @param leak  of each of the n rounds; NULL: nothing
 */
void
traffic_during(uint16_t port_id, void (*churn)(unsigned int n), unsigned int warm_up,
	       unsigned int n, const struct traffic_leak *leak);

#endif
