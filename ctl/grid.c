/* SPDX-License-Identifier: BSD-3-Clause */

/* Tables on a terminal. */

#include "ctl/grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/say.h"

#define MAX_COLUMNS 32

void
ctl_grid_init(struct ctl_grid *grid, const char *align)
{
	*grid = (struct ctl_grid){.align = align};
}

static void
append(struct ctl_grid *grid, char *cell)
{
	grid->cells = ctl_must(reallocarray(grid->cells, grid->n_cells + 1, sizeof(*grid->cells)));
	grid->cells[grid->n_cells++] = cell;
}

void
ctl_grid_add(struct ctl_grid *grid, const char *fmt, ...)
{
	char *cell;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&cell, fmt, ap) < 0)
		cell = NULL;
	va_end(ap);
	append(grid, ctl_must(cell));
}

void
ctl_grid_head(struct ctl_grid *grid, const char *words)
{
	size_t len;

	for (; *words != '\0'; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		append(grid, ctl_must(strndup(words, len)));
	}
}

void
ctl_grid_print(struct ctl_grid *grid, const char *indent, FILE *out)
{
	size_t n = strlen(grid->align), widths[MAX_COLUMNS] = {0};

	for (size_t i = 0; i < grid->n_cells; i++)
		if (strlen(grid->cells[i]) > widths[i % n])
			widths[i % n] = strlen(grid->cells[i]);
	for (size_t i = 0; i < grid->n_cells; i++) {
		size_t column = i % n;
		int width = (int)widths[column];

		fputs(column == 0 ? indent : "  ", out);
		if (grid->align[column] == 'r')
			fprintf(out, "%*s", width, grid->cells[i]);
		else /* nothing is behind the last */
			fprintf(out, "%-*s", column + 1 < n ? width : 0, grid->cells[i]);
		if (column + 1 == n)
			fputc('\n', out);
		free(grid->cells[i]);
	}
	free(grid->cells);
	*grid = (struct ctl_grid){0};
}
