/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WRITER_STATE_H
#define WRITER_STATE_H

/*
 * What the parts of the writer share: writer.c fills blocks, queue.c sends them off and settles them,
 * set.c has the files. Nobody else includes this.
 */

#include <errno.h>
#include <pthread.h>

#include "writer/compress.h"
#include "writer/file.h"
#include "writer/out.h"
#include "writer/writer.h"

/** Bytes of a block, and how many there are: what a disk needs to be busy all the time. */
#define VMIRROR_BLOCK_BYTES (1u << 20)
#define VMIRROR_N_BLOCKS    16u

/** How long a full disk is left alone. */
#define VMIRROR_WRITER_AGAIN_NS UINT64_C(1000000000)

/** A file of the set. It lives until its last block is settled. */
struct vmirror_set_file {
	struct vmirror_file file; /**< first: blocks point to it */
	unsigned int blocks;      /**< under way */
	bool ended;               /**< no more blocks come */
	bool broken;              /**< what comes behind its end is lost */
	bool stuck;               /**< the kernel does not let go of its blocks */
	bool emptied;             /**< by somebody else */
	bool linked;              /**< it was seen with a name */
	uint64_t settled;         /**< bytes that were written */
};

/** A file that is finished. */
struct vmirror_set_past {
	char *path;
	dev_t dev;
	ino_t ino;
};

struct vmirror_writer {
	struct vmirror_writer_opts opts; /**< strings are its own */
	uint64_t start_ns;               /**< CLOCK_REALTIME */

	/* Ports, and those that the present section of the file knows. */
	struct vmirror_writer_port *ports;
	unsigned int n_ports;
	uint32_t *port_ids; /**< UINT32_MAX: none yet */
	uint32_t next_port_id;
	bool headed; /**< the file, or what is left of it, has a header */

	/* Blocks. */
	struct vmirror_out out;
	uint8_t *memory;
	size_t memory_size;
	struct vmirror_block blocks[VMIRROR_N_BLOCKS];
	struct vmirror_block *free;
	struct vmirror_block *block; /**< being filled */
	uint8_t *fill;               /**< its memory, or what is compressed into it */
	uint32_t used;               /**< bytes of it */
	struct vmirror_compress *compress;

	/* Files. */
	struct vmirror_set_file *file; /**< NULL: the next packet begins one */
	struct vmirror_set_past *past; /**< oldest first */
	unsigned int n_past;
	unsigned int n_ending; /**< files that have ended, with blocks under way */
	unsigned int index;    /**< of the file, from 1 on */
	uint64_t rotate_at;    /**< CLOCK_MONOTONIC; 0: never */

	uint64_t now_ns; /**< CLOCK_MONOTONIC, at the last poll */
	uint64_t placed_ns;
	uint64_t again_ns; /**< before then a full disk is not tried again */
	bool stuck;        /**< the kernel has blocks that it does not give back */

	pthread_mutex_t lock; /**< of what follows, which is any thread's; a leaf */
	struct vmirror_writer_status status;
	dev_t dev; /**< of the file being written */
	ino_t ino;
	struct vmirror_file *next[VMIRROR_WRITER_NEXT]; /**< handed in, oldest first */
	unsigned int n_next; /**< changed under the lock, and read without */
};

/** CLOCK_MONOTONIC. writer.c */
uint64_t
vmirror_writer_now_ns(void);

/** Say how the writer is. writer.c */
void
vmirror_writer_say(struct vmirror_writer *w, enum vmirror_writer_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Whether nothing more is ever written. */
static inline bool
vmirror_writer_is_over(const struct vmirror_writer *w)
{
	return w->status.state == VMIRROR_WRITER_GONE || w->status.state == VMIRROR_WRITER_FAILED;
}

/** Whether files are named as those of a set are: one by one, or each by a writer of its own. */
static inline bool
vmirror_writer_numbers(const struct vmirror_writer_opts *opts)
{
	return opts->rotate_bytes != 0 || opts->rotate_ns != 0 || opts->number != 0;
}

/** Whether an error is that of a full disk. */
static inline bool
vmirror_writer_is_full(int error)
{
	return error == -ENOSPC || error == -EDQUOT;
}

/** The file that a block belongs into. */
static inline struct vmirror_set_file *
vmirror_set_file_of(const struct vmirror_block *block)
{
	return (struct vmirror_set_file *)block->file;
}

/** Count packets of a source that were written or lost. */
static inline void
vmirror_writer_settle(struct vmirror_writer *w, unsigned int source, uint64_t pkts, bool written)
{
	w->opts.settled(w->opts.arg, source, pkts, written);
}

/* --- queue.c */

/** @return 0 or -errno */
int
vmirror_queue_init(struct vmirror_writer *w);

void
vmirror_queue_fini(struct vmirror_writer *w);

/** Bytes that the blocks take. */
size_t
vmirror_queue_bytes(bool compress);

/** Begin a block; none is begun. @return false: all are under way */
bool
vmirror_queue_begin(struct vmirror_writer *w);

/** Count a packet in the block that is begun. @return false: out of memory */
bool
vmirror_queue_count(struct vmirror_writer *w, unsigned int source);

/** Send off what was filled, if anything was. @param last  the file ends with it */
void
vmirror_queue_send(struct vmirror_writer *w, bool last);

/** What was filled and not sent is lost. */
void
vmirror_queue_lose_filled(struct vmirror_writer *w);

/** Settle what is through, or has failed. */
void
vmirror_queue_settle(struct vmirror_writer *w);

/** Whether any block is with the kernel, or waits for a reader. */
bool
vmirror_queue_pending(const struct vmirror_writer *w);

/** All that is left is lost; what the kernel has stays its. */
void
vmirror_queue_give_up(struct vmirror_writer *w);

/* --- set.c */

/** Open the next file. @return 0, or -errno with err set */
int
vmirror_set_open(struct vmirror_writer *w, struct vmirror_error *err);

/** Whether a file can follow: they are named after a path, or the next was handed in. */
bool
vmirror_set_has_next(const struct vmirror_writer *w);

/** No more blocks come for the file, which may have some under way. */
void
vmirror_set_end(struct vmirror_writer *w);

/** What is said of a file, by its path, when somebody has emptied it. */
#define VMIRROR_SET_EMPTIED "%.120s was truncated or overwritten by somebody else"

/** Whether there is nothing where a file's header was. No block of it may be under way: that is waited for. */
bool
vmirror_set_is_hollow(const struct vmirror_set_file *file);

/** A file's last block has been settled: close it, keep the set small, run what is to be run. */
void
vmirror_set_finish(struct vmirror_writer *w, struct vmirror_set_file *file);

/**
 * Where a full disk is an error, and files may be removed for it: remove the oldest that is finished.
 *
 * @return false: the error stays, as there was none
 */
bool
vmirror_set_make_room(struct vmirror_writer *w, int error);

void
vmirror_set_fini(struct vmirror_writer *w, bool discard);

#endif
