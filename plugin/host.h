/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

/*
 * The program that the plugin is in: whether it is far enough for the plugin to begin, and whether
 * it is plugging devices just now, which the plugin must not do at the same time.
 */

#include <stdbool.h>
#include <stdint.h>

/** This thread's devices are ours, not the program's. */
void
plugin_host_is_us(void);

/** Watch the program's devices come and go. EAL has memory. @return 0, or -errno */
int
plugin_host_watch(void);

/**
 * Wait until the program has plugged and unplugged nothing for a while; it may never stop to do so,
 * then for some seconds.
 */
void
plugin_host_wait_quiet(void);

/** Whether the program has started a port: rte_eal_init() is over. */
bool
plugin_host_has_begun(void);

#endif
