/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_CAPTURE_SPEC_H
#define CTL_CAPTURE_SPEC_H

/* From capture's flags to a mirror's spec. Pure. */

#include "ctl/rotation.h"
#include "ctl/words.h"
#include "devargs/spec.h"

/** Flags that are passed on to tcpdump: "-n", its terminator included. */
#define CTL_CAPTURE_DISPLAY_MAX 32

/** Of a packet that is kept. */
#define CTL_CAPTURE_SNAPLEN_MAX 262144

struct ctl_capture {
	struct vmirror_spec spec; /**< without a sink */
	const char *file;         /**< -w; NULL: none */
	const char *comment;
	const char *user; /**< -Z; NULL: whoever called */
	struct ctl_rotation rotation;
	bool pcap;
	bool quiet;
	bool statistics;
	bool list;
	bool dump;
	char display[CTL_CAPTURE_DISPLAY_MAX]; /**< the letters */
};

/**
 * Read the flags.
 *
 * @param capture  filled; ctl_capture_fini() frees it, after a failure, too
 * @return         0; -EINVAL with err set
 */
int
ctl_capture_parse(struct ctl_capture *capture, const struct ctl_words *words,
		  struct vmirror_error *err);

/** Of this port, whatever ports the flags have. */
void
ctl_capture_set_port(struct ctl_capture *capture, const char *port);

/**
 * Write the spec with a sink of files: vmirror_spec_parse() takes it.
 *
 * @param key, value  where to: "fd" and "0", "path" and a file
 * @return            0; -EINVAL, -E2BIG with err set
 */
int
ctl_capture_build(const struct ctl_capture *capture, const char *key, const char *value,
		  char text[VMIRROR_SPEC_TEXT_SIZE], struct vmirror_error *err);

void
ctl_capture_fini(struct ctl_capture *capture);

#endif
