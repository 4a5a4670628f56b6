/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_PMDINFO_H
#define LIB_PMDINFO_H

/*
 * What the drivers that are loaded into this process say of themselves. Every PMD carries a string
 * for dpdk-pmdinfo.py in its read-only data, with its name, the keys that it takes and the devices
 * that it drives: drivers and keys are known that were not when this library was written.
 *
 * Any thread of the control side. Nothing of it points into a driver.
 */

#include <stddef.h>

/** A driver for virtual devices. */
struct vmirror_pmd {
	char *name;
	char *params; /**< what it publishes of its keys, for people to read; "": nothing */
};

struct vmirror_pmdinfo {
	struct vmirror_pmd *pmds;
	unsigned int n;
};

/**
 * Find the drivers for virtual ports, net_*, in this process. Takes a few milliseconds.
 *
 * @return 0, and vmirror_pmdinfo_fini() frees what was found; -ENOMEM
 */
int
vmirror_pmdinfo_read(struct vmirror_pmdinfo *info);

/** Takes an empty (zeroed) one, too. */
void
vmirror_pmdinfo_fini(struct vmirror_pmdinfo *info);

/** A driver by its name; NULL: it is not there. */
const struct vmirror_pmd *
vmirror_pmdinfo_find(const struct vmirror_pmdinfo *info, const char *name);

/**
 * Read what one driver publishes, JSON of len bytes. Pure.
 *
 * @return 0 with pmd's strings the caller's to free; -ENODEV: it does not drive virtual ports;
 *         -EINVAL: it makes no sense; -ENOMEM
 */
int
vmirror_pmdinfo_parse(const char *json, size_t len, struct vmirror_pmd *pmd);

/**
 * The keys in a parameter string, as far as they can be told from what surrounds them. Pure.
 *
 * @return NULL-terminated, in one piece that the caller frees; NULL: out of memory
 */
char **
vmirror_pmdinfo_keys(const char *params);

#endif
