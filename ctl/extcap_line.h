/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_EXTCAP_LINE_H
#define CTL_EXTCAP_LINE_H

/* What Wireshark asks of its extcap programs, extcap(4). Pure. */

#include "ctl/session.h"
#include "ctl/words.h"

/** The interface that is always there, whose process is named by an option. */
#define CTL_EXTCAP_ANY "vmirror"

/** Between a port and the process that has it: net_tap0@vmirror-4711. */
#define CTL_EXTCAP_AT '@'

/** Of a port's name, terminator included. */
#define CTL_EXTCAP_PORT_SIZE 64

enum ctl_extcap_question {
	CTL_EXTCAP_INTERFACES,
	CTL_EXTCAP_DLTS,
	CTL_EXTCAP_CONFIG,
	CTL_EXTCAP_RELOAD, /**< of an option's values */
	CTL_EXTCAP_CHECK,  /**< whether the filter is right */
	CTL_EXTCAP_CAPTURE,
};

struct ctl_extcap {
	enum ctl_extcap_question question;
	const char *interface; /**< NULL with CTL_EXTCAP_INTERFACES alone */
	const char *fifo;
	struct ctl_place place;          /**< the process, as far as the line names it */
	const char *label;               /**< its label; NULL: the interface is CTL_EXTCAP_ANY */
	char port[CTL_EXTCAP_PORT_SIZE]; /**< of the interface; "": an option may name it */
};

/** Options that have a value in the dialog, and Wireshark's own. */
extern const struct ctl_option ctl_extcap_options[];

/** Whether it is Wireshark that calls: then no command is on the line. */
bool
ctl_extcap_is_meant(int argc, char *const argv[]);

/**
 * Read the line.
 *
 * @param words  filled with what capture's spec is made of; ctl_words_fini() frees it
 * @return       0; -EINVAL with err set
 */
int
ctl_extcap_parse(struct ctl_extcap *extcap, struct ctl_words *words, int argc, char *const argv[],
		 struct vmirror_error *err);

#endif
