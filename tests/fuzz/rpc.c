/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes from a client of the control socket: what comes back is JSON, a message a line, and every
 * request that is run is one that the table of methods takes. The methods here do nothing but look at
 * that. Run by libFuzzer, or by replay.c over the corpus.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/refusals.h"
#include "control/rpc.h"
#include "control/show.h"
#include "lib/port.h"
#include "lib/thread.h"
#include "tests/fuzz/demand.h"

/* --- what the server has beside the decoder */

void
vmirror_port_stand_beside(bool beside)
{
}

uint64_t
vmirror_now_ns(void)
{
	return 1;
}

json_t *
vmirror_show_text(const char *text)
{
	json_t *string = json_string(text);

	return string != NULL ? string : json_string("?");
}

/* Who is at the other end is ourselves. */
void
vmirror_refusals_tell(struct vmirror_session *s, const char *method,
		      const struct vmirror_error *err)
{
	demand(false, "who has all rights is not refused for want of them");
}

static int
run(struct vmirror_call *call, struct vmirror_error *err)
{
	const char *key;
	json_t *value;

	demand(json_is_string(json_object_get(call->params, "text")), "text is there");
	json_object_foreach ((json_t *)call->params, key, value)
		demand(strcmp(key, "text") == 0 ||
			       (strcmp(key, "n") == 0 && json_is_integer(value)) ||
			       (strcmp(key, "is") == 0 && json_is_boolean(value)) ||
			       (strcmp(key, "all") == 0 && json_is_array(value)),
		       "a parameter is one that is known, of its type");
	json_object_set_new(call->result, "n",
			    json_integer((json_int_t)json_object_size(call->params)));
	snprintf(err->text, sizeof(err->text), "no");
	return json_is_true(json_object_get(call->params, "is")) ? -EINVAL : 0;
}

static const struct vmirror_param params[] = {
	{"text", VMIRROR_PARAM_STRING, true, ""},
	{"n", VMIRROR_PARAM_INTEGER, false, ""},
	{"is", VMIRROR_PARAM_BOOLEAN, false, ""},
	{"all", VMIRROR_PARAM_STRINGS, false, ""},
	{NULL},
};

const struct vmirror_method vmirror_methods[] = {
	{"do", "", params, .run = run},
	{NULL},
};

/* --- a connection */

/* What the client gets; its buffers are emptied, so that nothing waits. */
static void
take(int fd, char *got, size_t *len, size_t room)
{
	ssize_t n;

	while ((n = recv(fd, got + *len, room - *len, MSG_DONTWAIT)) > 0)
		*len += (size_t)n;
}

static void
judge(const char *got, size_t len)
{
	const char *end = got + len, *newline;
	json_t *message;

	for (; got < end; got = newline + 1) {
		newline = memchr(got, '\n', (size_t)(end - got));
		demand(newline != NULL, "a message ends in a newline");
		message = json_loadb(got, (size_t)(newline - got), JSON_REJECT_DUPLICATES, NULL);
		demand(message != NULL, "it is JSON");
		demand((json_object_get(message, "result") == NULL) !=
			       (json_object_get(message, "error") == NULL),
		       "it has a result, or an error");
		json_decref(message);
	}
}

static void
serve(struct vmirror_session *s, int client)
{
	const struct vmirror_control_opts host = {.size = sizeof(host)};
	static char got[1 << 22];
	const char *line;
	size_t len = 0;
	int n;

	while (!s->ended && !s->broken) {
		vmirror_session_read(s);
		n = vmirror_session_line(s, &line);
		if (n >= 0)
			vmirror_rpc_serve(s, line, (size_t)n, &host);
		else if (n == -EMSGSIZE)
			vmirror_rpc_refuse(s, EMSGSIZE, "too long");
		take(client, got, &len, sizeof(got));
		vmirror_session_flush(s);
	}
	take(client, got, &len, sizeof(got));
	judge(got, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmirror_session *s;
	int room = 1 << 20, fds[2];

	/* A socket takes no more at once. */
	if (size > 100000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return 0;
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	demand(size == 0 || send(fds[0], data, size, MSG_DONTWAIT) == (ssize_t)size, "it is sent");
	shutdown(fds[0], SHUT_WR);
	s = vmirror_session_create(fds[1]);
	demand(s != NULL, "there is a session");
	serve(s, fds[0]);
	vmirror_session_destroy(s);
	close(fds[0]);
	return 0;
}
