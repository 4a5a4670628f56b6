/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_EAL_HOST_H
#define TESTS_EAL_HOST_H

/*
 * A host for tests: a DPDK process of its own (--no-huge, in a runtime directory of its own), with
 * net_ring ports, on which what is transmitted is received again. Everything here ends the test
 * when it fails.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "vmirror.h"

/** EAL, with lcores 0 (and, where there are two processors, 1), and a directory to work in. */
void
host_init(void);

/**
 * Run a test's body in a process of its own, because EAL starts once in a process and namespaces,
 * limits and filters stay. What fails there, fails the test.
 *
 * @return false when it called host_cannot()
 */
bool
host_fork(void (*live)(unsigned int arg), unsigned int arg);

/** In a process of host_fork(): say what is missing, and end. */
void
host_cannot(const char *what) __attribute__((noreturn));

/** Clean EAL up and remove the directory. */
void
host_fini(void);

/** The latter alone. */
void
host_remove_dir(void);

/** The directory that the process works in (and stands in: relative paths end there). */
const char *
host_dir(void);

/**
 * Times a test goes round: few here, many in a soak run (VMIRROR_TEST_SOAK=1), a tenth of them under
 * a sanitizer (but not fewer than few).
 */
unsigned int
host_rounds(unsigned int few, unsigned int many);

/** The same, as many under a sanitizer. */
unsigned int
host_rounds_all(unsigned int few, unsigned int many);

/** Plug, configure and start a vdev with so many queues each way. @return its port number */
uint16_t
host_plug(const char *vdev, const char *devargs, uint16_t n_queues);

void
host_unplug(const char *vdev);

/** The mempool of the host's packets. */
struct rte_mempool *
host_pool(void);

/** Bytes of a packet with a pattern that depends on serial. */
void
host_bytes(uint8_t *data, uint32_t len, uint32_t serial);

/** A packet of len bytes with a pattern that depends on serial: Ethernet, IPv4, UDP port 53. */
struct rte_mbuf *
host_packet(uint32_t len, uint32_t serial);

/** The same, spread over segments of at most seg bytes. */
struct rte_mbuf *
host_packet_segmented(uint32_t len, uint32_t serial, uint16_t seg);

/** Transmit packets on a queue; what the port does not take fails the test. */
void
host_tx(uint16_t port_id, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);

/** Receive and free what is there. @return how many */
unsigned int
host_rx_drop(uint16_t port_id, uint16_t queue);

/** Transmit n packets of len bytes on a net_ring port and receive them. */
void
host_loop(uint16_t port_id, uint16_t queue, unsigned int n, uint32_t len);

/** vmirror_engine_init() with notices kept for host_notice(). */
void
host_engine_init(void);

/** The end of a group of tests: vmirror_engine_fini(), host_fini(). */
int
host_end(void **state);

/**
 * Mirror ports once: ethdev's callbacks, and net_pcap's field in mbufs, are made then and stay, and
 * are to be there before memory is compared. The arguments are as in a spec.
 */
void
host_warm_up(const char *ports, const char *sink);

/** Whether a notice with these words has come. */
bool
host_noticed(const char *words);

/** How many notices with these words have come. */
unsigned int
host_notices(const char *words);

/** Whether VMIRROR_TEST_MODE says that mirrors of host_mirror() are to be in mode=ring. */
bool
host_in_rings(void);

/** vmirror_mirror_add() that must succeed; fmt as for printf. */
void
host_mirror(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** The same for one that may fail. @return what vmirror_mirror_add() does */
int
host_try_mirror(struct vmirror_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** vmirror_mirror_remove() of a mirror that is there, its counters checked before. */
void
host_remove(const char *name);

/** Remove all mirrors and forget what was expected: what a test that failed left to the next. */
void
host_reset(void);

/** Statistics of a mirror that is there; what is in rings is given a moment to arrive. */
struct vmirror_stats
host_stats(const char *name);

/** The same, as they are: for sinks that hold packets for as long as they like. */
struct vmirror_stats
host_stats_now(const char *name);

/** Both equations of struct vmirror_counters, of the total and of every queue; nothing in flight. */
void
host_assert_conserved(const char *name);

/** Wait until a condition holds; fails the test after half a minute. */
#define host_wait(condition)                                                                       \
	do {                                                                                       \
		bool host_met = (condition);                                                       \
		unsigned int host_ms;                                                              \
		for (host_ms = 0; !host_met && host_ms < 30000; host_ms++) {                       \
			rte_delay_us_sleep(1000);                                                  \
			host_met = (condition);                                                    \
		}                                                                                  \
		if (!host_met)                                                                     \
			fail_msg("waited half a minute for: %s", #condition);                      \
	} while (0)

/** A record of a capture file. */
struct host_record {
	uint32_t caplen;
	uint32_t len;
	uint8_t data[65536];
};

/** Records of a pcap file, handed to see one by one (see may be NULL). @return how many */
unsigned int
host_read_pcap(const char *path, void (*see)(const struct host_record *record, unsigned int n));

/** Random numbers begin again, with VMIRROR_TEST_SEED or 1, which is printed. host_init() calls it. */
void
host_random_init(void);

/** A random number from 0 to below - 1; the same ones in every run with one seed. */
uint32_t
host_random(uint32_t below);

/** A packet of these bytes in segments of random lengths, from 1 to max_seg bytes. */
struct rte_mbuf *
host_scatter(const void *bytes, uint32_t len, uint16_t max_seg);

/** Note a record that the next host_assert_pcap() must find; the order counts. */
void
host_expect(const void *bytes, uint32_t caplen, uint32_t len);

/** Forget those noted. */
void
host_forget_expected(void);

/** The file holds the records noted, byte for byte, and no others. Forgets them. */
void
host_assert_pcap(const char *path);

/** What a mirror must not leave behind. */
struct host_footprint {
	unsigned int ports; /**< owned ones included */
	unsigned int mempools;
	unsigned int host_mbufs; /**< those in the host's mempool */
	size_t heap_bytes;       /**< of DPDK's memory */
	unsigned int files;      /**< in host_dir() */
	unsigned int fds;
	unsigned int interfaces; /**< of the network namespace */
};

struct host_footprint
host_footprint(void);

/** All is as it was before. */
void
host_assert_footprint(const struct host_footprint *before);

/**
 * Setup and teardown of a test, for cmocka: no mirror is there, and at the end nothing is that was
 * not there before.
 */
int
host_test_begin(void **state);

int
host_test_end(void **state);

/** A mount namespace of one's own, whose mounts stay in it. @return whether that is allowed */
bool
host_private_mounts(void);

#endif
