/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_DISK_H
#define TESTS_UNIT_DISK_H

/*
 * A disk that fails. The linker puts it under a test's writer, for both ways to write: pwrite64,
 * io_uring_queue_init, io_uring_submit, ftruncate64, close and clock_gettime are wrapped.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/writing.h"

#define DISK_UNIT UINT64_C(4096)
#define DISK_ANY  UINT64_MAX

struct disk {
	const struct writing *writing; /* whose files are on it */
	bool pwrite;                   /* io_uring is forbidden */
	bool no_enter;                 /* one may be made, and that is all */
	uint64_t capacity;             /* bytes that fit; DISK_ANY: any */
	uint64_t unit;                 /* of a write that fits in part, so many bytes or none */
	uint64_t at;                   /* this write fails, the first is 0; DISK_ANY: none does */
	uint64_t until;                /* and those up to here */
	uint64_t cut;    /* of the one that fails, so many bytes are written: the next one fails */
	uint64_t most;   /* bytes that a write takes; DISK_ANY: all */
	int error;       /* positive */
	bool interrupts; /* every second write */
	bool swallows;   /* writes never end */
	bool no_cut;     /* no file becomes shorter */
	bool no_close;   /* nor is closed without an error */
	uint64_t writes; /* there were */
	uint64_t ahead_ns; /* CLOCK_MONOTONIC is */
};

extern struct disk disk;

/** One that is well, and full at no size. */
void
disk_new(const struct writing *writing, bool with_pwrite);

/** Bytes of all files on it. */
uint64_t
disk_used(void);

#endif
