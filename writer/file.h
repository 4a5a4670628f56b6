/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WRITER_FILE_H
#define WRITER_FILE_H

/*
 * A file that a capture is written to, or what takes one's place: opened safely, its space reserved
 * ahead, cut to its true length at the end. What goes into it is writer.c's.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmirror_error.h"
#include "writer/out.h"

/** How a file is opened. */
struct vmirror_file_opts {
	bool overwrite; /**< one that is there */
	bool direct;    /**< past the page cache, if the file system does that */
};

struct vmirror_file {
	struct vmirror_out_file out;
	char path[PATH_MAX];
	bool regular; /**< has places; else a stream */
	bool fifo;    /**< by name */
	bool created; /**< was not there before */
	bool direct;
	dev_t dev;
	ino_t ino;
	uint64_t end;      /**< where the next block goes */
	uint64_t reserved; /**< space is there up to here */
	uint64_t step;     /**< reserved at a time; 0: no more */
	int given_fd;      /**< what somebody handed in, where the file was opened anew; -1 */
};

/** What a path leads to, before anything is made. @return 0, or -errno with err set */
int
vmirror_file_check(const char *path, bool overwrite, struct vmirror_error *err);

/**
 * Open a file, or a fifo that somebody reads.
 *
 * @param path  created with mode 0600 when there is none; never reached through a symbolic link
 * @return      0, or -errno with err set and nothing left behind
 */
int
vmirror_file_open(struct vmirror_file *file, const char *path, const struct vmirror_file_opts *opts,
		  struct vmirror_error *err);

/**
 * Take a descriptor that somebody handed in. An empty file that is written from its beginning is one as others
 * are, and opened anew, so that how we write is nobody else's affair; whoever shares the descriptor finds
 * it at the file's end when it is closed. Everything else is a stream.
 *
 * @param fd  stays the caller's
 */
int
vmirror_file_adopt(struct vmirror_file *file, int fd, const char *name, bool direct,
		   struct vmirror_error *err);

/** See that there is space for what is about to be written, if the file system reserves any. */
void
vmirror_file_reserve(struct vmirror_file *file, uint64_t bytes);

/** From here on through the page cache. @return false: it was already */
bool
vmirror_file_undirect(struct vmirror_file *file);

/**
 * Its descriptor leads to /dev/null from now on: what it led to is closed, and its number is still
 * the file's. Async-signal-safe.
 */
void
vmirror_file_divert(const struct vmirror_file *file);

/** Cut off what is behind its end, and close. @return 0, or -errno: what was written may be lost */
int
vmirror_file_close(struct vmirror_file *file);

/** Close, and leave it as it is. */
void
vmirror_file_leave(const struct vmirror_file *file);

/** Close, and remove what was created. */
void
vmirror_file_discard(struct vmirror_file *file);

/** Remove a file by its path, if it is still the one that was meant. @return whether it was */
bool
vmirror_file_remove(const char *path, dev_t dev, ino_t ino);

#endif
