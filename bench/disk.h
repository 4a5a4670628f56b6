/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_DISK_H
#define BENCH_DISK_H

/* How fast packets may come for every one of them to be in a file. */

/*
 * Search the highest rate for each disk/… that words name: none without words, as they take a second
 * core and write gigabytes. Prints a line for each.
 *
 * @return 0, or -errno that was told
 */
int
disk_measure(int n_words, char *words[]);

#endif
