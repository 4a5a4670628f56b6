/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_RELOAD_H
#define APP_RELOAD_H

/*
 * The configuration file read again, on SIGHUP and when a client of the control socket asks: which of its
 * mirrors are there, and what makes them those that the file has now. Two threads may ask.
 */

#include <pthread.h>

#include "vmirror.h"

/* One that the file has, or had. */
struct reload_mirror {
	char *spec; /* as built from what was read: the same says the same */
	char name[VMIRROR_NAME_SIZE];
	uint64_t serial; /* another may have the name by now */
};

struct reload {
	const char *path; /* NULL: there is no file */
	pthread_mutex_t lock;
	struct reload_mirror *mirror;
	unsigned int n;
};

/** @param path  stays */
void
reload_init(struct reload *reload, const char *path);

/** A mirror of the file was added. @return 0; -ENOMEM with err set */
int
reload_note(struct reload *reload, const char *spec, const char *name, struct vmirror_error *err);

/**
 * Read the file again. It is checked as a whole first, and a bad one changes nothing. Mirrors that say what
 * one of the file said before, or whose name alone was made up, go on and lose nothing; others go and
 * come.
 *
 * @param text  receives a line on what was done
 * @return      0; negative errno with text saying where it is bad
 */
int
reload_now(struct reload *reload, struct vmirror_error *text);

void
reload_fini(struct reload *reload);

#endif
