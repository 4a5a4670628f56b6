/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

/* How fast packets may come for a listener on the kernel's side of a sink to see each of them. */

/*
 * Search the highest rate for each kernel/… that words name: none without words, as they take three
 * seconds each and a second core. Needs the veth bench1, bench2. Prints a line for each.
 *
 * @return 0, or -errno that was told
 */
int
kernel_measure(int n_words, char *words[]);

#endif
