/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMIRROR_ERROR_H
#define VMIRROR_ERROR_H

/**
 * @file
 * The sentence that comes with an error code.
 *
 * Functions of vmirror return 0 (or a count) on success and a negative errno
 * value on failure. Those that take a `struct vmirror_error *` also leave one
 * line there for a person: the thing, what was wrong with it, what would be
 * right. The line has no newline and is cut to fit.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of an error's text, terminator included. */
#define VMIRROR_ERROR_SIZE 512

/** Owned by the caller; may be NULL wherever a function takes one. */
struct vmirror_error {
	char text[VMIRROR_ERROR_SIZE];
};

#ifdef __cplusplus
}
#endif

#endif
