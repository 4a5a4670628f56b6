/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_MEMIF_RELAY_H
#define DRIVERS_MEMIF_RELAY_H

/*
 * The control channel between net_memif's PMD and its server, with us in the middle.
 *
 * The PMD unmaps the shared memory on EAL's interrupt thread as soon as its server hangs up, while a
 * core may be writing there. So it is told to connect to us, we carry the messages of the handshake
 * to and fro, and the server's end is ours to watch: the PMD never hears that it went, and is stopped
 * on a host's thread when no core feeds it.
 * [drivers/net/memif/memif_socket.c, 22.11 to 25.11: memif_disconnect(); the protocol: memif.h there]
 *
 * Control side, one call at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/** Bytes of what a relay has to say. */
#define VMIRROR_MEMIF_WHY_SIZE 160

struct vmirror_memif_relay {
	char name[8]; /**< abstract socket for the PMD to connect to */
	struct sockaddr_un server;
	socklen_t server_len;
	int listener; /**< -1: closed, as below */
	int pmd_fd;
	int server_fd;
	char why[VMIRROR_MEMIF_WHY_SIZE]; /**< it is not connected; empty: it is */
};

/**
 * Listen for the PMD, in the caller's network namespace, where the server will be looked for as well.
 *
 * @param is_abstract  path is an abstract name
 * @return             0, or -errno and nothing to fini
 */
int
vmirror_memif_relay_init(struct vmirror_memif_relay *relay, const char *path, bool is_abstract);

/**
 * Take the PMD's connection, make ours, and carry messages until both say that they are connected, for
 * 1 s at the most. Nothing reaches the PMD afterwards, and what has reached it is done.
 *
 * @return 0; -errno with why set
 */
int
vmirror_memif_relay_connect(struct vmirror_memif_relay *relay);

/** Whether one of the two has hung up. @return false: why says so, or why it never was connected */
bool
vmirror_memif_relay_is_up(struct vmirror_memif_relay *relay);

/** Tell the server what the PMD has left to say, and hang up. */
void
vmirror_memif_relay_fini(struct vmirror_memif_relay *relay);

#endif
