/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The control server: one thread that accepts, reads, has requests run (rpc.c, methods.c) and sends
 * answers, and takes mirrors away whose client has gone. It sits beside the forwarding cores and has
 * nothing of theirs. doc/control.md is what a client is told of it.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "control/owners.h"
#include "control/refusals.h"
#include "control/removals.h"
#include "control/rpc.h"
#include "control/session.h"
#include "control/show.h"
#include "control/socket.h"
#include "devargs/error.h"
#include "lib/port.h"
#include "lib/shared.h"
#include "lib/thread.h"
#include "vmirror.h"

/* What clients look for; the rest is the process's number. */
#define PREFIX "vmirror."

/* That may be connected. */
#define MOST_SESSIONS 64

/* Of these, for the process's user and root alone. */
#define KEPT_SESSIONS 8

/* How often those mirrors are looked at that are going. */
#define GOING_NS UINT64_C(2000000)

/* Who cannot be accepted now is looked at again so much later. */
#define DEAF_NS UINT64_C(100000000)

/* One that leaves is not waited for. */
#define NO_ROOM                                                                                    \
	"as many clients are connected as there may be, 64, and none makes place; try again later"

static struct {
	bool running;
	vmirror_thread_t thread;
	int wake_fd; /* written: the thread is to end */
	struct vmirror_socket socket;
	struct vmirror_sessions sessions; /* the thread's, as what follows */
	unsigned int n_sessions;
	unsigned int n_going;   /* mirrors on their way out */
	uint64_t deaf_until_ns; /* nobody is accepted before */
	struct vmirror_control_opts opts;
} server = {.sessions = TAILQ_HEAD_INITIALIZER(server.sessions)};

/* Starting and stopping. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The list of sessions, against a fork() that would copy it half changed. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- sessions */

static void
end_session(struct vmirror_session *s)
{
	const struct vmirror_owner *owner;

	pthread_mutex_lock(&list_lock);
	TAILQ_REMOVE(&server.sessions, s, next);
	pthread_mutex_unlock(&list_lock);
	server.n_sessions--;
	vmirror_removals_forget(s);
	while ((owner = vmirror_owners_first_of(s)) != NULL) {
		vmirror_removals_begin_orphan(owner);
		vmirror_owners_leave(owner->serial);
	}
	vmirror_refusals_conclude(s);
	vmirror_session_destroy(s);
}

/* Whether one more may stay: the last places are for those who may do anything here. */
static bool
is_full(const struct vmirror_session *s)
{
	return server.n_sessions >= MOST_SESSIONS - (s->all_rights ? 0 : KEPT_SESSIONS);
}

/* Whoever has been silent for longest, would lose nothing, and has no rights that the newcomer lacks. */
static struct vmirror_session *
most_idle(bool all_rights)
{
	struct vmirror_session *s, *idle = NULL;

	TAILQ_FOREACH (s, &server.sessions, next)
		if ((all_rights || !s->all_rights) && s->watch.every_ns == 0 && !s->busy &&
		    vmirror_owners_first_of(s) == NULL &&
		    (idle == NULL || s->heard_ns < idle->heard_ns))
			idle = s;
	return idle;
}

static void
take_in(int fd)
{
	struct vmirror_session *s = vmirror_session_create(fd), *idle = NULL;

	if (s == NULL)
		return;
	if (is_full(s))
		idle = most_idle(s->all_rights);
	if (is_full(s) && idle == NULL) {
		vmirror_rpc_refuse(s, EAGAIN, NO_ROOM);
		vmirror_session_destroy(s);
		return;
	}
	if (idle != NULL)
		end_session(idle);
	pthread_mutex_lock(&list_lock);
	TAILQ_INSERT_TAIL(&server.sessions, s, next);
	pthread_mutex_unlock(&list_lock);
	server.n_sessions++;
}

/*
 * Nobody can be accepted, though somebody knocks: the process has no descriptor left, say. An idle one
 * gives its own; else poll() would tell of the knocking again at once, and for ever.
 */
static void
make_place(void)
{
	struct vmirror_session *idle = most_idle(true); /* whoever it is */

	if (idle != NULL)
		end_session(idle);
	else
		server.deaf_until_ns = vmirror_now_ns() + DEAF_NS;
}

/*
 * A crowd does not keep those waiting who are in. Without a descriptor accept() fails also where nobody
 * knocks: only the first is known to be there.
 */
static void
accept_some(void)
{
	unsigned int i;
	int fd;

	for (i = 0; i < MOST_SESSIONS; i++) {
		fd = accept4(server.socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			take_in(fd);
		else if (errno == EAGAIN || i > 0)
			return;
		else if (errno != EINTR && errno != ECONNABORTED)
			make_place();
		if (server.deaf_until_ns != 0)
			return;
	}
}

/* @return its descriptor, where it may be looked at; what knocks meanwhile is heard later */
static int
listens(void)
{
	if (server.deaf_until_ns > vmirror_now_ns())
		return -1;
	server.deaf_until_ns = 0;
	return server.socket.fd;
}

/* What came, and what it asks for: one request, as others wait. */
static void
serve(struct vmirror_session *s)
{
	const char *line;
	int len;

	vmirror_session_read(s);
	len = vmirror_session_line(s, &line);
	if (len >= 0)
		vmirror_rpc_serve(s, line, (size_t)len, &server.opts);
	else if (len == -EMSGSIZE)
		vmirror_rpc_refuse(s, EMSGSIZE,
				   "a request has 65536 bytes at the most, its newline included");
}

/* --- watching */

static void
notify(struct vmirror_session *s)
{
	const char *name = json_string_value(json_object_get(s->watch.params, "name"));
	bool queues = json_is_true(json_object_get(s->watch.params, "queues"));
	json_t *all = vmirror_show_all_stats(name, queues, NULL), *message;

	/* The one that was watched has gone. */
	if (all == NULL)
		all = json_array();
	message = json_pack("{s:s, s:s, s:{s:o}}", "jsonrpc", "2.0", "method", "stats", "params",
			    "mirrors", all);
	vmirror_session_send(s, message);
	json_decref(message);
}

/* Who does not read is left out, and told the newest later. @return when the next is due */
static uint64_t
notify_all(uint64_t now)
{
	struct vmirror_session *s;
	uint64_t next = UINT64_MAX;

	TAILQ_FOREACH (s, &server.sessions, next) {
		struct vmirror_session_watch *w = &s->watch;

		if (w->every_ns == 0)
			continue;
		if (now >= w->next_ns) {
			if (!vmirror_session_waits(s))
				notify(s);
			w->next_ns += w->every_ns;
			if (w->next_ns <= now)
				w->next_ns = now + w->every_ns;
		}
		next = w->next_ns < next ? w->next_ns : next;
	}
	return next;
}

/* --- the thread */

/* @return when the first session is due to end */
static uint64_t
first_due(void)
{
	const struct vmirror_session *s;
	uint64_t first = UINT64_MAX;

	TAILQ_FOREACH (s, &server.sessions, next)
		first = RTE_MIN(first, vmirror_session_due_ns(s));
	return first;
}

/* How long until the next watch, or until somebody is accepted again, in ms, rounded up; -1: for ever. */
static int
timeout(void)
{
	uint64_t now = vmirror_now_ns(), next = RTE_MIN(notify_all(now), first_due());

	if (server.deaf_until_ns != 0 && server.deaf_until_ns < next)
		next = server.deaf_until_ns;
	if (server.n_going > 0 && now + GOING_NS < next)
		next = now + GOING_NS;
	if (next == UINT64_MAX)
		return -1;
	now = vmirror_now_ns();
	return next <= now ? 0 : (int)((next - now + 999999) / 1000000);
}

static void
take_events(struct vmirror_session *s, short events)
{
	if ((events & POLLOUT) != 0)
		vmirror_session_flush(s);
	else if ((events & POLLIN) != 0)
		serve(s);
	else if ((events & (POLLHUP | POLLERR)) != 0)
		s->broken = true;
}

/*
 * While answers wait, or one is to come, nothing more is taken. One that takes no more gets what waits, and
 * then goes.
 */
static short
wanted_events(const struct vmirror_session *s)
{
	if (vmirror_session_waits(s))
		return POLLOUT;
	return s->busy ? 0 : POLLIN;
}

/* Nothing more comes of it, or nothing more can be said to it. */
static bool
has_gone(const struct vmirror_session *s)
{
	return s->broken || (s->ended && !s->busy && !vmirror_session_waits(s));
}

static void
round_of(struct pollfd *fds)
{
	struct vmirror_session *s, *next;
	nfds_t n = 2, i = 2;

	fds[0] = (struct pollfd){.fd = server.wake_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = listens(), .events = POLLIN};
	TAILQ_FOREACH (s, &server.sessions, next)
		fds[n++] = (struct pollfd){.fd = s->fd, .events = wanted_events(s)};
	if (poll(fds, n, timeout()) < 0)
		return;
	for (s = TAILQ_FIRST(&server.sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, next);
		take_events(s, fds[i++].revents);
		/* Now that it was heard, if there was anything. */
		if (has_gone(s) || vmirror_session_due_ns(s) <= vmirror_now_ns())
			end_session(s);
	}
	server.n_going = vmirror_removals_poll(&server.opts);
	if (fds[1].revents != 0)
		accept_some();
}

static vmirror_thread_ret_t
run(void *arg)
{
	struct pollfd fds[MOST_SESSIONS + 2];

	vmirror_port_stand_beside(true);
	vmirror_refusals_begin();
	do
		round_of(fds);
	while (fds[0].revents == 0);
	while (!TAILQ_EMPTY(&server.sessions))
		end_session(TAILQ_FIRST(&server.sessions));
	vmirror_removals_finish(&server.opts);
	vmirror_refusals_finish();
	vmirror_owners_clear();
	return VMIRROR_THREAD_RETURN;
}

/* --- start and stop */

static void
before_fork(void)
{
	pthread_mutex_lock(&list_lock);
}

static void
after_fork(void)
{
	pthread_mutex_unlock(&list_lock);
}

/* A child serves nobody: clients are to see it when the parent goes. */
static void
forked(void)
{
	struct vmirror_session *s;

	after_fork();
	if (!server.running)
		return;
	server.running = false;
	vmirror_socket_forked(&server.socket);
	TAILQ_FOREACH (s, &server.sessions, next)
		close(s->fd);
	close(server.wake_fd);
	/* What they hold is left: a server of the child's own begins with nobody. */
	TAILQ_INIT(&server.sessions);
	server.n_sessions = 0;
	server.n_going = 0;
	vmirror_owners_forked();
	vmirror_removals_forked();
}

static int
start(const char *path, struct vmirror_error *err)
{
	static bool watched;
	int ret = vmirror_socket_open(&server.socket, path, server.opts.group, err);

	if (ret != 0)
		return ret;
	server.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = server.wake_fd < 0 ? -errno : 0;
	if (ret == 0 && !watched) {
		ret = -pthread_atfork(before_fork, after_fork, forked);
		watched = ret == 0;
	}
	server.running = ret == 0;
	if (ret == 0)
		ret = vmirror_thread_start(&server.thread, "vmirror-sock", run, NULL);
	if (ret == 0)
		return 0;
	server.running = false;
	if (server.wake_fd >= 0)
		close(server.wake_fd);
	vmirror_socket_close(&server.socket);
	return vmirror_error_set(err, ret, "control socket: thread: %s", strerror(-ret));
}

int
vmirror_control_start(const struct vmirror_control_opts *opts, struct vmirror_error *err)
{
	const struct vmirror_control_opts none = {.size = sizeof(none)};
	char path[PATH_MAX];
	int ret;

	if (opts == NULL)
		opts = &none;
	if (opts->size < sizeof(*opts))
		return vmirror_error_set(err, -EINVAL, "vmirror_control_opts: size %zu is not %zu",
					 opts->size, sizeof(*opts));
	if (opts->path != NULL)
		snprintf(path, sizeof(path), "%s", opts->path);
	else
		snprintf(path, sizeof(path), "%s/" PREFIX "%d", rte_eal_get_runtime_dir(),
			 (int)getpid());
	pthread_mutex_lock(&lock);
	if (server.running) {
		ret = vmirror_error_set(err, -EALREADY, "the control server runs, at %s",
					server.socket.address.sun_path);
	} else {
		server.opts = *opts;
		if (opts->path == NULL)
			vmirror_socket_sweep(rte_eal_get_runtime_dir(), PREFIX);
		ret = start(path, err);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

int
vmirror_control_path(char *buf, size_t size)
{
	int len;

	pthread_mutex_lock(&lock);
	len = server.running ? snprintf(buf, size, "%s", server.socket.address.sun_path) : -ENOENT;
	pthread_mutex_unlock(&lock);
	return len;
}

void
vmirror_control_stop(void)
{
	pthread_mutex_lock(&lock);
	if (server.running) {
		eventfd_write(server.wake_fd, 1);
		vmirror_thread_join(server.thread);
		vmirror_socket_close(&server.socket);
		close(server.wake_fd);
		server.running = false;
	}
	pthread_mutex_unlock(&lock);
}
