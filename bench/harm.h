/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_HARM_H
#define BENCH_HARM_H

/* How fast a forwarder goes that has work of its own, beside a mirror and beside dpdk-dumpcap. */

/*
 * Measure harm/none-L2, harm/ring-L2 and harm/dumpcap-L2 in turn, and the same of L3, as far as words
 * name one of them, or all without words. Prints a line for each.
 *
 * @param seconds  the measure of how long it takes: some ten times so long
 * @return         0, or -errno that was told
 */
int
harm_measure(double seconds, int n_words, char *words[]);

#endif
