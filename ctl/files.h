/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_FILES_H
#define CTL_FILES_H

/*
 * Files that follow each other. They are made here, with our rights and where we are, and handed over
 * ahead of time, so that the process always has one to go on with: without a name, or under a hidden one
 * where the file system has no such files. A file gets its name when the process says that it has begun it.
 */

#include <jansson.h>

#include "ctl/hidden.h"
#include "ctl/output.h"
#include "ctl/rotation.h"
#include "ctl/session.h"

/** That the process has, beside the one that it writes to: as many as it takes. */
#define CTL_FILES_AHEAD 8

struct ctl_files {
	const struct ctl_rotation *rotation;
	const char *path; /**< -w */
	struct ctl_rotation_names names;
	struct ctl_hidden ahead[CTL_FILES_AHEAD]; /**< handed over, not begun; oldest first */
	unsigned int n_ahead;
	unsigned int n_made; /**< ever */
	uint64_t begun;      /**< that have their names */
	uint64_t done;       /**< of these: are whole */
	char **kept;         /**< names of the last of them; oldest first */
	unsigned int n_kept;
	uint64_t before_last; /**< bytes written when the last of all began; 0: it has not */
	bool told;            /**< that no next one could be made */
};

/** Make the first, as ctl_output_open() does. @return 0, or -errno with err set */
int
ctl_files_open(struct ctl_files *files, const struct ctl_rotation *rotation, const char *path,
	       struct ctl_output *out, struct vmirror_error *err);

/** See that the process has enough of them. What cannot be had now is told once, and tried again. */
void
ctl_files_supply(struct ctl_files *files, struct ctl_session *session, const char *mirror);

/** The mirror's statistics are here: name what was begun, and run what is to be run. */
void
ctl_files_follow(struct ctl_files *files, const json_t *stats);

/** Whether, of so many that there are to be by their size, the last is full. After ctl_files_follow() */
bool
ctl_files_are_full(const struct ctl_files *files, const json_t *stats);

/** No more comes: what has something in it gets its name, and what was not needed goes. */
void
ctl_files_end(struct ctl_files *files);

/** The name of the last that has one; else -w. */
const char *
ctl_files_last(const struct ctl_files *files);

void
ctl_files_fini(struct ctl_files *files);

#endif
