/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_PEERS_H
#define CTL_PEERS_H

/* All processes at once that answer, each under a name that is its own as long as it lives. */

#include "ctl/find.h"
#include "ctl/session.h"

/** Of a label, terminator included. */
#define CTL_PEER_LABEL_SIZE 64

struct ctl_peer {
	struct ctl_session session;
	char path[sizeof(((struct ctl_socket *)0)->path)];
	char label
		[CTL_PEER_LABEL_SIZE]; /**< "ovs-vswitchd-4711": word characters, the number last */
};

struct ctl_peers {
	struct ctl_peer *peers;
	unsigned int n_peers;
};

/**
 * Find processes as find.c does, and greet them. Who may not be asked, has ended, speaks another version
 * or does not answer in time is passed over.
 *
 * @param pid         only of this number; NULL: any
 * @param timeout_ms  for all of them together, behind connecting
 */
void
ctl_peers_find(struct ctl_peers *peers, const char *pid, int timeout_ms);

/** The same with sockets that are found. */
void
ctl_peers_greet(struct ctl_peers *peers, struct ctl_found *found, int timeout_ms);

/** End all conversations, and free. */
void
ctl_peers_fini(struct ctl_peers *peers);

/** Whether a text can be part of an interface's name: of letters, digits and _ . : + - alone. */
bool
ctl_peers_is_word(const char *text);

#endif
