/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

/* A directory of the test's own, in which it runs. */

#include <stdio.h>
#include <unistd.h>

#include "test.h"

static char folder[32];

static int
folder_set_up(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/vmirror_unit.XXXXXX");
	assert_non_null(mkdtemp(folder));
	return chdir(folder);
}

static int
folder_tear_down(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command) + chdir("/");
}

#endif
