/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WRITER_OUT_H
#define WRITER_OUT_H

/*
 * Blocks of bytes on their way out: with io_uring (out_uring.c), with pwrite() where that is
 * forbidden (out_pwrite.c), or into what has no places, as a pipe (out_stream.c).
 *
 * writer.c fills blocks, hands them over one after the other and takes them back in the same order,
 * each when it is through or has failed. All on one thread, but that init and fini may be another's.
 */

#include <stdbool.h>
#include <stdint.h>

/** Of a block's memory, its place in a file and its length, where a file is written directly. */
#define VMIRROR_OUT_ALIGN 4096u

struct vmirror_out_file;

struct vmirror_block {
	struct vmirror_block *next; /**< handed over after it */
	uint8_t *data;
	uint32_t room;
	uint32_t used;                 /**< bytes to write */
	uint32_t done;                 /**< of these, bytes that are written */
	uint64_t offset;               /**< place in the file of the first */
	struct vmirror_out_file *file; /**< that it belongs into */
	bool pending;                  /**< to be written, or being so */
	bool sent;                     /**< to the kernel; out_uring.c's */
	int error;                     /**< negative errno; 0: none so far */

	/* writer.c's. */
	uint64_t began_ns; /**< when the first byte came; CLOCK_MONOTONIC */
	uint64_t pkts;
	uint32_t *counts; /**< of these, by source */
	unsigned int n_counts;
};

/** What blocks are written to. */
struct vmirror_out_file {
	int fd;
	bool is_pipe; /**< takes VMIRROR_OUT_ALIGN bytes whenever poll() says that it takes some */
	bool is_prompt; /**< one that does not wait: it takes what it has room for */
	bool is_socket; /**< one that can be told not to wait */
};

struct vmirror_out {
	const struct vmirror_out_ops *ops;
	struct vmirror_block *first; /**< handed over and not taken back; the oldest */
	struct vmirror_block *last;
	void *priv;
};

struct vmirror_out_ops {
	const char *name;

	/** @return 0 or -errno */
	int (*init)(struct vmirror_out *out);

	/** Begin to write a block, which is in the list. Does not wait, unless there is no other way (pwrite). */
	void (*submit)(struct vmirror_out *out, struct vmirror_block *block);

	/** See how far blocks have come; error is set, and pending cleared, where one ended. */
	void (*reap)(struct vmirror_out *out);

	/** Wait until that may have changed, for so long at the most. Something is pending. */
	void (*wait)(struct vmirror_out *out, uint64_t ns);

	/** Kernel threads that work for us keep to where this one runs. NULL: there are none. */
	void (*place)(struct vmirror_out *out);

	void (*fini)(struct vmirror_out *out);
};

extern const struct vmirror_out_ops vmirror_out_uring;
extern const struct vmirror_out_ops vmirror_out_pwrite;
extern const struct vmirror_out_ops vmirror_out_stream;

#endif
