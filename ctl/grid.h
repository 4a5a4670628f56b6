/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_GRID_H
#define CTL_GRID_H

/* Tables for people: columns as wide as their widest cell. */

#include <stdio.h>

struct ctl_grid {
	const char *align; /**< 'l' or 'r' for each column */
	char **cells;
	size_t n_cells;
};

/** Begin one; align is kept. */
void
ctl_grid_init(struct ctl_grid *grid, const char *align);

/** The next cell, from left to right and top to bottom. */
void
ctl_grid_add(struct ctl_grid *grid, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** A cell for each word. */
void
ctl_grid_head(struct ctl_grid *grid, const char *words);

/** Print it, each line behind `indent`, and free it. */
void
ctl_grid_print(struct ctl_grid *grid, const char *indent, FILE *out);

#endif
