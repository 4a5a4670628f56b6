/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WRITER_WRITER_H
#define WRITER_WRITER_H

/*
 * The file writer: packets in, capture files out, at the speed of the disk. It knows no DPDK; the sink
 * drivers/file.c is what stands between it and a mirror.
 *
 *     put ─▶ block being filled ─▶ blocks under way ─▶ settled: written, or lost
 *            (format.h: records)    (out.h: the disk)
 *
 * A block holds whole records. Blocks are settled in the order in which they were filled: what is
 * counted as written can be read from the file's beginning. When one fails, it and those behind it
 * are lost and the file is cut where it began.
 *
 * Who calls what:
 *   open, finish's last call, close   whoever owns the writer, while no other thread uses it
 *   put, poll, wait, flush, finish    the one thread that writes
 *   next, status                      any thread
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmirror_error.h"
#include "writer/format.h"

struct vmirror_writer;

/** What is done when the disk is full. */
enum vmirror_writer_full {
	VMIRROR_WRITER_STOP,          /**< the file ends; nothing more is written */
	VMIRROR_WRITER_DROP,          /**< packets are lost until there is room again */
	VMIRROR_WRITER_DELETE_OLDEST, /**< of the files that were written, as long as there is one */
};

struct vmirror_writer_opts {
	const char *path; /**< NULL: fd is written to */
	int fd;           /**< duplicated */
	bool overwrite;
	const struct vmirror_writer_format *format;
	int compress;          /**< level of zstd; 0: none */
	uint64_t rotate_bytes; /**< no file is longer; 0: any length */
	uint64_t rotate_ns;    /**< nor covers more time; 0: any time */
	unsigned int files;    /**< that are kept; 0: all */
	/** The first file's, which is named after the path and that, as those of a set; 0: no set */
	unsigned int number;
	enum vmirror_writer_full on_full;
	const char *exec; /**< run for each file that is finished, with its name; NULL: nothing */
	struct vmirror_writer_about about;

	/**
	 * Packets of a source were written, or lost. On the thread that writes.
	 */
	void (*settled)(void *arg, unsigned int source, uint64_t pkts, bool written);
	/** What has become of a port's packets. The same thread. */
	void (*stats)(void *arg, const char *port, struct vmirror_writer_stats *stats);
	void *arg;
};

enum vmirror_writer_answer {
	VMIRROR_WRITER_TAKEN,
	VMIRROR_WRITER_BUSY, /**< all blocks are under way: later */
	VMIRROR_WRITER_LOST, /**< nothing can be written now; the packet is not settled */
};

enum vmirror_writer_state {
	VMIRROR_WRITER_WELL,
	VMIRROR_WRITER_FULL,   /**< the disk is; packets are lost */
	VMIRROR_WRITER_GONE,   /**< who read the stream */
	VMIRROR_WRITER_FAILED, /**< nothing is written any more */
};

struct vmirror_writer_status {
	enum vmirror_writer_state state;
	char reason[256];    /**< unless it is well */
	char path[128];      /**< file being written, cut to fit */
	uint64_t files;      /**< begun */
	uint64_t files_done; /**< of these, those that have ended and are whole */
	uint64_t bytes;      /**< written to all of them */
	const char *how;     /**< blocks are written: "io_uring" */
	bool direct;         /**< past the page cache */
	bool removed;        /**< the file, by somebody else */
	bool fifo;           /**< another reader may come */
};

/** Bytes that a writer takes. */
uint64_t
vmirror_writer_bytes(bool compress);

/** Look whether it could be opened. @return 0, or -errno with err set */
int
vmirror_writer_check(const struct vmirror_writer_opts *opts, struct vmirror_error *err);

/**
 * Open the first file. Texts are copied.
 *
 * @return 0, or -errno with err set and nothing left behind
 */
int
vmirror_writer_open(struct vmirror_writer **writer, const struct vmirror_writer_opts *opts,
		    struct vmirror_error *err);

/** Files that may wait for their turn. */
#define VMIRROR_WRITER_NEXT 8u

/**
 * Hand in the file that comes next, of a writer to a descriptor that rotates. Where none is at hand
 * when it would be time the present one goes on.
 *
 * @param fd  of an empty file; stays the caller's
 * @return    0, or -errno with err set; -EAGAIN: so many wait
 */
int
vmirror_writer_next(struct vmirror_writer *writer, int fd, struct vmirror_error *err);

/** Make a port known before its first packet. @return its number, or -ENOMEM */
int
vmirror_writer_add_port(struct vmirror_writer *writer, const struct vmirror_writer_port *port);

/** Which port, by its name. @return its number, or -ENOENT */
int
vmirror_writer_find_port(const struct vmirror_writer *writer, const char *name);

/**
 * Write a packet.
 *
 * @param source  small number, by which it is settled
 * @param port    its port's number
 */
enum vmirror_writer_answer
vmirror_writer_put(struct vmirror_writer *writer, unsigned int source, unsigned int port,
		   const struct vmirror_writer_packet *pkt);

/** Look after what is under way. To be called ten times a second and more. */
void
vmirror_writer_poll(struct vmirror_writer *writer);

/** Have all settled, waiting for so long at the most. @return false: not yet */
bool
vmirror_writer_flush(struct vmirror_writer *writer, uint64_t ns);

/** Wait until a block is through, for so long at the most. */
void
vmirror_writer_wait(struct vmirror_writer *writer, uint64_t ns);

/**
 * End the last file: statistics, all blocks, its true length. No packet comes any more.
 *
 * @param patience_ns  for how long the file may take nothing before what is left is lost
 */
void
vmirror_writer_finish(struct vmirror_writer *writer, uint64_t patience_ns);

void
vmirror_writer_status(struct vmirror_writer *writer, struct vmirror_writer_status *status);

/**
 * Free. One that was not finished leaves its file as it is. Takes NULL.
 *
 * @param discard  remove what was created: it never ran
 */
void
vmirror_writer_close(struct vmirror_writer *writer, bool discard);

/** In a child of fork(): its copies of descriptors lead nowhere. Async-signal-safe. */
void
vmirror_writer_forked(struct vmirror_writer *writer);

#endif
