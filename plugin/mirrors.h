/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_MIRRORS_H
#define PLUGIN_MIRRORS_H

/*
 * The mirrors of the configuration file: those that run are the library's, those that cannot yet,
 * because a port is not there or a sink cannot be made, are tried again. The keeper's thread only, but for
 * reload, which is the control server's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "devargs/config.h"
#include "devargs/spec.h"
#include "vmirror.h"

struct plugin_mirror {
	const struct vmirror_config_line *line; /**< the configuration's */
	struct vmirror_spec spec;
	bool added;
	char name[VMIRROR_NAME_SIZE];       /**< that it got then */
	uint64_t serial;                    /**< and its number: another may have the name by now */
	bool kept;                          /**< while a reload looks: the file has it still */
	bool goes;                          /**< the same: it has not */
	uint64_t next_try_ns;               /**< CLOCK_MONOTONIC */
	char told[VMIRROR_ERROR_SIZE + 64]; /**< why it does not run yet, as it was said last */
};

struct plugin_mirrors {
	struct vmirror_config config;
	struct plugin_mirror *mirror;
	unsigned int n;
};

/**
 * Read the configuration.
 *
 * @return 0; -ENOENT when there is no such file; another -errno; err set
 */
int
plugin_mirrors_read(struct plugin_mirrors *mirrors, const char *path, struct vmirror_error *err);

/**
 * At the gate: add all that can be. Not those whose sink may keep the program waiting, for a peer.
 * The engine runs.
 */
void
plugin_mirrors_begin(struct plugin_mirrors *mirrors);

/** Later: add those that could not be, when it is time to try. */
void
plugin_mirrors_try(struct plugin_mirrors *mirrors);

/**
 * Read the configuration again. It is checked as a whole first, and a bad one changes nothing; a mirror whose
 * port is not there is none, and waits for it. Those that say what they said go on and lose nothing. Where one
 * cannot be made all the same, those that were to go are there again, or tried again as if they never had been.
 *
 * @param text  receives a line on what was done
 * @return      0; negative errno with text saying where it is bad
 */
int
plugin_mirrors_reload(struct plugin_mirrors *mirrors, const char *path, struct vmirror_error *text);

/** Whether a vdev of this name is the sink of one that could not be added yet. */
bool
plugin_mirrors_want(const struct plugin_mirrors *mirrors, const char *vdev);

#endif
