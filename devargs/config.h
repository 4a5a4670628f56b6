/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_CONFIG_H
#define DEVARGS_CONFIG_H

/*
 * The configuration file: one mirror spec a line. Outside double quotes and brackets `#` begins a
 * comment, which ends with its line. A backslash at the end of a line joins it with the next.
 */

#include <stddef.h>

#include "vmirror_error.h"

/** One spec of the file, with the line (from 1) that it begins on. */
struct vmirror_config_line {
	char *spec;
	unsigned int line;
};

struct vmirror_config {
	struct vmirror_config_line *lines;
	unsigned int n_lines;
};

/**
 * Read a configuration file and parse every spec in it.
 *
 * @param config  filled on success (vmirror_config_fini() then frees it)
 * @param path    the file; errors name it and the line: "web.conf:3: …"
 * @return        0; negative errno (of opening, reading, parsing) with err set
 */
int
vmirror_config_read(struct vmirror_config *config, const char *path, struct vmirror_error *err);

/** Free what a configuration holds and empty it. */
void
vmirror_config_fini(struct vmirror_config *config);

#endif
