/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The processes that find.c finds and session.c may talk to. All are greeted before the first answer is
 * awaited, so that one that hangs takes its own time and not that of the others.
 */

#include "ctl/peers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/clock.h"
#include "ctl/json.h"
#include "ctl/say.h"

static bool
is_word_byte(char c)
{
	return c != '\0' && (isalnum((unsigned char)c) || strchr("_.:+-", c) != NULL);
}

bool
ctl_peers_is_word(const char *text)
{
	const char *at = text;

	while (is_word_byte(*at))
		at++;
	return at != text && *at == '\0';
}

static const char *
number_of(const struct ctl_peer *peer)
{
	return strrchr(peer->path, '.') + 1;
}

/* FNV-1a, of 32 bits: short, and the same in every run. */
static uint32_t
hash(const char *text)
{
	uint32_t sum = UINT32_C(2166136261);

	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * UINT32_C(16777619);
	return sum;
}

/* Of processes in several containers the numbers may be the same; where their sockets are is not. */
static void
label(struct ctl_peer *peer, bool by_path)
{
	char place[16] = "";

	if (by_path)
		snprintf(place, sizeof(place), "-%08x", hash(peer->path));
	snprintf(peer->label, sizeof(peer->label), "%.20s%s-%.20s",
		 ctl_json_text(peer->session.peer, "program"), place, number_of(peer));
	for (char *at = peer->label; *at != '\0'; at++)
		if (!is_word_byte(*at))
			*at = '_';
}

static bool
has_namesake(const struct ctl_peers *peers, const struct ctl_peer *peer)
{
	for (const struct ctl_peer *p = peers->peers; p < peers->peers + peers->n_peers; p++)
		if (p != peer && strcmp(number_of(p), number_of(peer)) == 0)
			return true;
	return false;
}

static void
add_greeted(struct ctl_peers *peers, struct ctl_socket *s)
{
	struct ctl_peer *peer = &peers->peers[peers->n_peers];
	struct vmirror_error ignored;
	int fd = s->fd;

	s->fd = -1;
	if (ctl_session_greet(&peer->session, fd, &ignored) != 0)
		return;
	snprintf(peer->path, sizeof(peer->path), "%s", s->path);
	peers->n_peers++;
}

static void
drop_silent(struct ctl_peers *peers, int timeout_ms)
{
	int64_t end = ctl_now_ms() + timeout_ms, left;
	struct vmirror_error ignored;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < peers->n_peers; i++) {
		left = end > ctl_now_ms() ? end - ctl_now_ms() : 0;
		if (ctl_session_greeted(&peers->peers[i].session, (int)left, &ignored) == 0)
			peers->peers[kept++] = peers->peers[i];
	}
	peers->n_peers = kept;
}

void
ctl_peers_greet(struct ctl_peers *peers, struct ctl_found *found, int timeout_ms)
{
	*peers = (struct ctl_peers){
		.peers = ctl_must(calloc(found->n_sockets + 1, sizeof(*peers->peers)))};
	for (unsigned int i = 0; i < found->n_sockets; i++)
		if (found->sockets[i].state == CTL_SOCKET_LIVE)
			add_greeted(peers, &found->sockets[i]);
	drop_silent(peers, timeout_ms);
	for (unsigned int i = 0; i < peers->n_peers; i++)
		label(&peers->peers[i], has_namesake(peers, &peers->peers[i]));
}

void
ctl_peers_find(struct ctl_peers *peers, const char *pid, int timeout_ms)
{
	struct ctl_find_dir dirs[CTL_FIND_DIRS];
	unsigned int n_dirs = ctl_find_dirs(dirs);
	struct ctl_found found;

	ctl_find(&found, dirs, n_dirs, pid);
	ctl_peers_greet(peers, &found, timeout_ms);
	ctl_found_fini(&found);
}

void
ctl_peers_fini(struct ctl_peers *peers)
{
	for (unsigned int i = 0; i < peers->n_peers; i++)
		ctl_session_close(&peers->peers[i].session);
	free(peers->peers);
	*peers = (struct ctl_peers){0};
}
