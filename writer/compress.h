/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WRITER_COMPRESS_H
#define WRITER_COMPRESS_H

/*
 * zstd: a file is one frame, for Wireshark reads no further than the first. What is flushed can be
 * read before its end comes. [wiretap/file_wrappers.c, 4.0]
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmirror_compress;

/** @return NULL: out of memory */
struct vmirror_compress *
vmirror_compress_create(int level);

/** Takes NULL. */
void
vmirror_compress_destroy(struct vmirror_compress *compress);

/** Bytes that so many may become. */
size_t
vmirror_compress_bound(size_t size);

/** Begin a frame: what comes next refers to nothing before it. */
void
vmirror_compress_begin(struct vmirror_compress *compress);

/**
 * Compress a piece, and flush it.
 *
 * @param room  vmirror_compress_bound() of the size
 * @param last  the frame ends with it
 * @return      bytes written; 0: out of memory
 */
size_t
vmirror_compress_flush(struct vmirror_compress *compress, void *to, size_t room, const void *from,
		       size_t size, bool last);

#endif
