/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_ROTATION_H
#define CTL_ROTATION_H

/*
 * capture's flags for files that follow each other, dumpcap's (-b) and tcpdump's (-C, -G, -W, -z), and
 * what such files are called. Pure.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "ctl/words.h"

/** What the flags say. */
struct ctl_rotation {
	uint64_t bytes;      /**< no file is longer; 0: any length */
	uint64_t seconds;    /**< nor covers more time; 0: any time */
	unsigned int files;  /**< that are kept; 0: all */
	unsigned int total;  /**< files after which it ends; 0: it does not */
	const char *command; /**< run for each that is finished; NULL: nothing */
	bool by_ring;        /**< -b: dumpcap's names; else tcpdump's */
	bool by_size;        /**< -C */
	bool by_time;        /**< -G */
	unsigned int count;  /**< -W */
};

/** Whether there is more than one file. */
static inline bool
ctl_rotation_is_set(const struct ctl_rotation *rotation)
{
	return rotation->bytes != 0 || rotation->seconds != 0;
}

/** Read one of the flags, if it is one. @return 0; -EINVAL with err set */
int
ctl_rotation_read(struct ctl_rotation *rotation, const struct ctl_given *given,
		  struct vmirror_error *err);

/** Of -a files:COUNT, the count. @return 0; -EINVAL with err set */
int
ctl_rotation_read_total(struct ctl_rotation *rotation, const char *value,
			struct vmirror_error *err);

/**
 * Whether the flags go together.
 *
 * @param path  -w; NULL: none
 * @return      0; -EINVAL with err set
 */
int
ctl_rotation_check(struct ctl_rotation *rotation, const char *path, struct vmirror_error *err);

/** What the next file's name is made of. */
struct ctl_rotation_names {
	unsigned int index;  /**< of the last one, from 1 on; 0: there was none */
	unsigned int suffix; /**< tcpdump's, behind the name */
	char base[PATH_MAX]; /**< that this belongs to */
};

/**
 * The next file's name.
 *
 * @param now  when it begins
 * @return     0; -ENAMETOOLONG with err set
 */
int
ctl_rotation_name(const struct ctl_rotation *rotation, struct ctl_rotation_names *names,
		  const char *path, time_t now, char name[PATH_MAX], struct vmirror_error *err);

#endif
