/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_FILESET_H
#define DEVARGS_FILESET_H

/* Files that follow each other: what they are called, and what is run for each. */

#include <limits.h>
#include <stdbool.h>
#include <time.h>

#include "vmirror_error.h"

/** Bytes of a command, terminator included, that can be run for a file. */
#define VMIRROR_FILESET_COMMAND_SIZE 4096

/**
 * The name of one, as readers of captures know them: "report_00001_20261122031500.pcapng".
 *
 * @param path  "report.pcapng"
 * @param now   its time, which is told in local time
 * @return      0, or -ENAMETOOLONG with err set
 */
int
vmirror_fileset_name(char name[PATH_MAX], const char *path, unsigned int index, time_t now,
		     struct vmirror_error *err);

/**
 * Run a command, which may have words of its own, with a file's name as its last. It runs in the background
 * of a shell that ends at once, so that nobody has to wait for it: it may outlive the process, whose
 * descriptors and blocked signals it does not get.
 */
void
vmirror_fileset_run(const char *command, const char *path);

/**
 * Remove what a compressor has made of a file, or is about to: the same name with its ending, as ".gz".
 *
 * @return whether there was any
 */
bool
vmirror_fileset_remove_packed(const char *path);

#endif
