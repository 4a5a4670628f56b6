/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

/* A file that is opened here and written by the process: with our rights, and where we are. */

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ctl/hidden.h"
#include "vmirror_error.h"

struct ctl_output {
	int fd; /**< -1: none */
	char path[PATH_MAX];
	bool created;
	bool regular;
	dev_t dev;
	ino_t ino;
	bool renewed;              /**< fd is that of */
	struct ctl_hidden renewal; /**< what is to be in the path's place, */
	int old_fd;                /**< and this the one that was, which stays locked */
};

/**
 * Open a file, a fifo that somebody reads, or stdout ("-"). A new file is its owner's alone. What is in
 * one that is there stays for now. A signal that ends this program takes a new file along until it is
 * closed here: of these there is one at a time.
 *
 * @return 0, or -errno with err set
 */
int
ctl_output_open(struct ctl_output *out, const char *path, struct vmirror_error *err);

/**
 * Open a fifo that somebody made who is about to read it, and wait until he does, so long at the most.
 *
 * @return 0, or -errno with err set
 */
int
ctl_output_open_fifo(struct ctl_output *out, const char *path, int timeout_ms,
		     struct vmirror_error *err);

/** Whether a fifo has a reader. */
bool
ctl_output_has_reader(const char *fifo);

/** Whether there is something in it. */
bool
ctl_output_is_filled(const struct ctl_output *out);

/** Empty it. @return 0, or -errno with err set */
int
ctl_output_empty(struct ctl_output *out, struct vmirror_error *err);

/**
 * The same of one that has something in it, which it keeps until ctl_output_take_over(): what is written
 * goes into another file meanwhile, or is not, and the old one is there still. Where no other can be made
 * beside it it is emptied now.
 *
 * @return 0, or -errno with err set
 */
int
ctl_output_renew(struct ctl_output *out, struct vmirror_error *err);

/** What is written is in the path's place from now on. @return 0, or -errno with err set */
int
ctl_output_take_over(struct ctl_output *out, struct vmirror_error *err);

/** Close our descriptor. Takes one without. */
void
ctl_output_close(struct ctl_output *out);

/** Close it, and remove what was made for it: it is not written to. */
void
ctl_output_discard(struct ctl_output *out);

/** A path as others see it: from the root. @return 0, or -errno with err set */
int
ctl_output_absolute(char absolute[PATH_MAX], const char *path, struct vmirror_error *err);

#endif
