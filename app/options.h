/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

/* The application's own options: what stands behind `--` on the command line. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "devargs/config.h"
#include "vmirror_error.h"

/** A mirror that was asked for. */
struct option_mirror {
	const char *spec; /**< lives as long as argv and options.config */
	char origin[256]; /**< "--mirror", "web.conf:3": to begin an error with */
};

/** What the command line says; strings point into argv. */
struct options {
	const char **forward; /**< "a:b", not yet resolved */
	unsigned int n_forward;
	struct option_mirror *mirror; /**< of the file, then of the command line */
	unsigned int n_mirror;
	const char *config_path; /**< NULL: none */
	struct vmirror_config config;
	uint64_t stats_ms;         /**< 0: none */
	uint64_t duration_ms;      /**< 0: until a signal */
	uint64_t max_memory;       /**< bytes that mirrors may take; 0: as much as there is */
	uint16_t queues;           /**< per port; 0: as many as there is use for */
	uint16_t mtu;              /**< 0: the ports' own */
	uint16_t rxd, txd;         /**< descriptors per queue; 0: the ports' preference */
	const char *control;       /**< path of the control socket; NULL: where clients look */
	const char *control_group; /**< who may connect besides; NULL: none */
	bool no_control;
	const char *ovs_port; /**< NULL: none */
	const char *ovs_bridge;
	bool check;
	bool busy_poll;
	bool help;
	bool version;
};

/**
 * Read the command line, the configuration file and every spec, before EAL is started: a typing
 * mistake shall cost nothing.
 *
 * @param options  filled on success (options_fini() then frees it)
 * @return         0; negative errno with err set
 */
int
options_parse(struct options *options, int argc, char *argv[], struct vmirror_error *err);

/** Free what options hold and empty them. */
void
options_fini(struct options *options);

/** Write one line per option, for --help. */
void
options_print(FILE *out);

#endif
