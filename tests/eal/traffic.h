/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_EAL_TRAFFIC_H
#define TESTS_EAL_TRAFFIC_H

/* A test's second half, for tests that do something many times while packets flow. */

#include <stdint.h>

/**
 * Call churn(warm_up), then churn(n), while two threads send and receive on queues 0 and 1 of a
 * net_ring port. The test fails when the host loses a packet or keeps one, and when the second call
 * leaves more memory or files behind than it found.
 */
void
traffic_during(uint16_t port_id, void (*churn)(unsigned int n), unsigned int warm_up,
	       unsigned int n);

#endif
