/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_WRITING_H
#define TESTS_UNIT_WRITING_H

/*
 * A writer that is tested, in a directory of its own. Packets are made from their numbers, and what
 * became of each is kept: what comes back is compared with both.
 */

#include "test.h"

#include <stdbool.h>

#include "tests/unit/capture.h"
#include "writer/writer.h"

#define WRITING_SOURCES 7u
#define WRITING_MAX     (UINT64_C(1) << 18) /* packets */
#define WRITING_EPOCH   (UINT64_C(1700000000) * UINT64_C(1000000000))
#define WRITING_MS      UINT64_C(1000000)

enum writing_fate {
	FATE_NONE,
	FATE_REFUSED, /* by put */
	FATE_TAKEN,
	FATE_WRITTEN,
	FATE_LOST,
	FATE_READ, /* written, and found in a file */
};

struct writing {
	char dir[80];
	char path[128];
	struct vmirror_writer_opts opts; /* to be changed before writing_open */
	struct vmirror_writer *writer;
	uint32_t (*len)(uint64_t number); /* bytes that packets have */
	unsigned int n_ports;             /* packets are of the first so many */

	uint64_t n; /* packets put */
	uint64_t taken, refused, written, lost;
	uint8_t *fates;
	uint8_t *ports; /* which port a packet was of */
	uint64_t cursors[WRITING_SOURCES];
	struct vmirror_writer_stats given[CAPTURE_MAX_PORTS]; /* last said of a port */

	/* What was read back. */
	uint64_t n_read, first_read, next_read;
	unsigned int n_files;
	bool torn;              /* packets that count as lost may be there */
	struct capture capture; /* of the last file */
};

/** A directory and options: pcapng, uncompressed, one file of that name. */
void
writing_init(struct writing *t, const char *name);

/** Remove the directory. */
void
writing_fini(struct writing *t);

/** Open with so many ports that are known. Fails the test where that fails. */
void
writing_open(struct writing *t, unsigned int n_ports);

/** One port more. */
void
writing_add_port(struct writing *t);

/** The port of a number, as it was made known. */
void
writing_make_port(struct vmirror_writer_port *port, unsigned int number);

/** The packet of a number. Its bytes are nobody's to free. */
void
writing_make_packet(const struct writing *t, uint64_t number, struct vmirror_writer_packet *pkt);

/** The port of a packet, and whose number it is; UINT64_MAX: it is none of ours. */
unsigned int
writing_port_of(const struct writing *t, uint64_t number);
uint64_t
writing_number_of(const struct capture_packet *got);

/** As it was put? @return NULL, or what is wrong with it. Any thread */
const char *
writing_compare(const struct writing *t, const struct capture_packet *got, unsigned int port);

/** Put the next packet: the same one again after BUSY. */
enum vmirror_writer_answer
writing_put(struct writing *t);

/** Put so many, waiting where the writer is busy. */
void
writing_put_n(struct writing *t, uint64_t n);

/** Have all settled. */
void
writing_flush(struct writing *t);

/** Descriptors that the process has. */
unsigned int
writing_descriptors(void);

/** What time it is, in milliseconds since some moment. */
uint64_t
writing_now_ms(void);

/** Finish and close; each packet that was taken must be settled. */
void
writing_finish(struct writing *t);

/** Let go of what was counted: the same directory is written to by another writer. */
void
writing_forget(struct writing *t);

/**
 * Read all files of the directory in their order: each packet as it was put, in order, and written;
 * each that was written must be there, but for those of files that were removed.
 */
void
writing_read_back(struct writing *t);

/** The same of bytes that came through a stream: uncompressed, or what a frame holds. */
void
writing_read_bytes(struct writing *t, const uint8_t *bytes, size_t size);

/**
 * Of a stream that broke off: what is whole is in order and not mutilated, and all that was written is
 * among it. Packets behind that may be there and count as lost.
 */
void
writing_read_torn(struct writing *t, const uint8_t *bytes, size_t size);

/** Begin to read anew, and see at the end that nothing is missing. */
void
writing_read_begin(struct writing *t);
void
writing_read_end(struct writing *t, bool some_removed);

/** Names of the files in the directory, sorted; with their directory. @return how many */
unsigned int
writing_list(const struct writing *t, char names[][256], unsigned int max);

/** All of a file. The caller frees it. */
uint8_t *
writing_slurp(const char *path, size_t *size);

/**
 * What a zstd frame holds, complete or not. Fails the test if anything is behind it; where complete
 * is NULL it ends where it cannot be read.
 */
uint8_t *
writing_unpack(const uint8_t *bytes, size_t size, size_t *unpacked, bool *complete);

/** Bytes of a packet: small, one to 9000, or now and then the longest. */
uint32_t
writing_len_small(uint64_t number);
uint32_t
writing_len_any(uint64_t number);
uint32_t
writing_len_huge(uint64_t number);

/** The same random number for the same number. */
uint64_t
writing_random(uint64_t number);

#endif
