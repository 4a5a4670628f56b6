/* SPDX-License-Identifier: BSD-3-Clause */

/* JSON-RPC with the process, over link.c's lines, to whom find.c finds. */

#include "ctl/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/find.h"
#include "ctl/json.h"
#include "ctl/say.h"
#include "devargs/error.h"

/* Whoever does not even say who he is for so long hangs, or is stopped. */
#define VERSION_MS            10000
#define VERSION_OF_SEVERAL_MS 1000

/* What is slow, a peer that somebody waits for, a file that is ended, is so by less. */
#define ANSWER_MS 120000

#define NO_SUCH_METHOD (-32601)

/* Ours and nobody else's: what the other side says is not trusted to be of any form. */
static int
read_message(struct ctl_session *session, int timeout_ms, json_t **message,
	     struct vmirror_error *err)
{
	json_error_t error;
	char *line;
	int len;

	len = ctl_link_receive(&session->link, timeout_ms, &line, err);
	if (len < 0)
		return len;
	*message = json_loadb(line, (size_t)len, 0, &error);
	if (*message == NULL)
		return vmirror_error_set(err, -EPROTO,
					 "the process says what is no JSON (%s); is it vmirror?",
					 error.text);
	ctl_json_clean(*message);
	return 0;
}

/* Of another version of the protocol the sentence tells, which names both. */
static int
refused(const json_t *error, const char *method, struct vmirror_error *err)
{
	json_int_t code = json_integer_value(json_object_get(error, "code"));
	const char *message = ctl_json_text(error, "message");

	if (code == NO_SUCH_METHOD)
		return vmirror_error_set(err, -ENOSYS,
					 "the process's vmirror has no '%s'; it is older than this "
					 "vmirrorctl " CTL_VERSION,
					 method);
	return vmirror_error_set(err, code > 0 && code < 4096 ? -(int)code : -EPROTO, "%s",
				 *message != '\0' ? message
						  : "the process refuses, saying nothing");
}

/* Until the answer to the last request is there. */
static int
await(struct ctl_session *session, const char *method, int timeout_ms, json_t **result,
      struct vmirror_error *err)
{
	json_t *message, *error;
	int ret;

	for (;;) {
		ret = read_message(session, timeout_ms, &message, err);
		if (ret == -EAGAIN)
			return vmirror_error_set(
				err, -ETIMEDOUT,
				"the process did not answer '%s' within %d s; is it "
				"stopped?",
				method, timeout_ms / 1000);
		if (ret < 0)
			return ret;
		error = json_object_get(message, "error");
		/* Who could not read the request does not know its number. */
		if (error != NULL ||
		    json_integer_value(json_object_get(message, "id")) == session->id)
			break;
		json_decref(message);
	}
	if (error != NULL)
		ret = refused(error, method, err);
	else if (!json_is_object(json_object_get(message, "result")))
		ret = vmirror_error_set(err, -EPROTO, "the process answers '%s' with nothing",
					method);
	else if (result != NULL)
		*result = json_incref(json_object_get(message, "result"));
	json_decref(message);
	return ret;
}

static int
ask(struct ctl_session *session, const char *method, json_t *params, int fd,
    struct vmirror_error *err)
{
	json_t *request;
	char *text;
	size_t len;
	int ret;

	session->id++;
	request = ctl_must(json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", session->id,
				     "method", method, "params",
				     params != NULL ? params : ctl_must(json_object())));
	text = ctl_must(json_dumps(request, JSON_COMPACT));
	json_decref(request);
	len = strlen(text);
	text[len++] = '\n'; /* where its end was: it is told by its length */
	ret = ctl_link_send(&session->link, text, len, &fd, fd >= 0 ? 1 : 0, err);
	free(text);
	/* Why it hung up may stand there to be read, and whoever awaits the answer reads it. */
	return ret == -ECONNRESET ? 0 : ret;
}

static int
call(struct ctl_session *session, const char *method, json_t *params, int fd, int timeout_ms,
     json_t **result, struct vmirror_error *err)
{
	int ret = ask(session, method, params, fd, err);

	return ret == 0 ? await(session, method, timeout_ms, result, err) : ret;
}

int
ctl_call_within(struct ctl_session *session, const char *method, json_t *params, int timeout_ms,
		json_t **result, struct vmirror_error *err)
{
	return call(session, method, params, -1, timeout_ms, result, err);
}

int
ctl_call_fd(struct ctl_session *session, const char *method, json_t *params, int fd,
	    json_t **result, struct vmirror_error *err)
{
	return call(session, method, params, fd, ANSWER_MS, result, err);
}

int
ctl_call(struct ctl_session *session, const char *method, json_t *params, json_t **result,
	 struct vmirror_error *err)
{
	return ctl_call_fd(session, method, params, -1, result, err);
}

int
ctl_notified(struct ctl_session *session, int timeout_ms, json_t **params,
	     struct vmirror_error *err)
{
	json_t *message;
	int ret;

	for (;;) {
		ret = read_message(session, timeout_ms, &message, err);
		if (ret < 0)
			return ret == -EAGAIN ? 0 : ret;
		*params = json_object_get(message, "params");
		if (strcmp(ctl_json_text(message, "method"), "stats") == 0 && *params != NULL)
			break;
		json_decref(message);
	}
	json_incref(*params);
	json_decref(message);
	return 1;
}

int
ctl_session_greet(struct ctl_session *session, int fd, struct vmirror_error *err)
{
	int ret;

	*session = (struct ctl_session){0};
	ctl_link_init(&session->link, fd);
	ret = ask(session, "version",
		  ctl_must(json_pack("{s:i, s:s}", "protocol", CTL_PROTOCOL, "client",
				     "vmirrorctl " CTL_VERSION)),
		  -1, err);
	if (ret != 0)
		ctl_session_close(session);
	return ret;
}

static int
check_protocol(const struct ctl_session *session, struct vmirror_error *err)
{
	json_int_t protocol = json_integer_value(json_object_get(session->peer, "protocol"));

	if (protocol == CTL_PROTOCOL)
		return 0;
	return vmirror_error_set(err, -EPROTO,
				 "vmirrorctl " CTL_VERSION
				 " speaks version %d of the protocol, the process (vmirror %s) "
				 "version %d; take the vmirrorctl that came with it",
				 CTL_PROTOCOL, ctl_json_text(session->peer, "version"),
				 (int)protocol);
}

int
ctl_session_greeted(struct ctl_session *session, int timeout_ms, struct vmirror_error *err)
{
	int ret = await(session, "version", timeout_ms, &session->peer, err);

	if (ret == 0)
		ret = check_protocol(session, err);
	if (ret != 0)
		ctl_session_close(session);
	return ret;
}

static int
begin(struct ctl_session *session, int fd, int timeout_ms, struct vmirror_error *err)
{
	int ret = ctl_session_greet(session, fd, err);

	return ret == 0 ? ctl_session_greeted(session, timeout_ms, err) : ret;
}

int
ctl_session_on(struct ctl_session *session, int fd, struct vmirror_error *err)
{
	return begin(session, fd, VERSION_MS, err);
}

/* "4711 (ovs-vswitchd)", or the path, when a number is there twice, or nothing is known. */
static void
name_socket(struct ctl_socket *s, bool by_path, char *buf, size_t size)
{
	const char *pid = strrchr(s->path, '.') + 1;
	struct ctl_session session;
	struct vmirror_error ignored;
	int fd = s->fd;

	s->fd = -1;
	if (begin(&session, fd, VERSION_OF_SEVERAL_MS, &ignored) != 0) {
		snprintf(buf, size, "%s (does not answer)", by_path ? s->path : pid);
		return;
	}
	snprintf(buf, size, "%s (%s)", by_path ? s->path : pid,
		 ctl_json_text(session.peer, "program"));
	ctl_session_close(&session);
}

static int
several(struct ctl_found *found, const char *pid, struct vmirror_error *err)
{
	char names[VMIRROR_ERROR_SIZE] = "", name[256];
	size_t len = 0;

	for (unsigned int i = 0; i < found->n_sockets && len < sizeof(names); i++) {
		if (found->sockets[i].state != CTL_SOCKET_LIVE)
			continue;
		name_socket(&found->sockets[i], pid != NULL, name, sizeof(name));
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
					len > 0 ? ", " : "", name);
	}
	return vmirror_error_set(err, -EEXIST, "several processes %s: say %s, of %s",
				 pid != NULL ? "have this number, each in a container of its own"
					     : "have vmirror",
				 pid != NULL ? "--control PATH" : "-p PID", names);
}

static int
search(const char *pid, struct vmirror_error *err)
{
	struct ctl_find_dir dirs[CTL_FIND_DIRS];
	unsigned int n_dirs = ctl_find_dirs(dirs), n_live;
	struct ctl_socket *live = NULL;
	struct ctl_found found;
	int ret;

	ctl_find(&found, dirs, n_dirs, pid);
	n_live = ctl_found_live(&found, &live);
	if (n_live == 0) {
		ret = ctl_found_none(&found, dirs, n_dirs, pid, err);
	} else if (n_live > 1) {
		ret = several(&found, pid, err);
	} else {
		ret = live->fd;
		live->fd = -1;
	}
	ctl_found_fini(&found);
	return ret;
}

int
ctl_session_open(struct ctl_session *session, const struct ctl_place *place,
		 struct vmirror_error *err)
{
	int fd;

	*session = (struct ctl_session){0};
	fd = place->control != NULL ? ctl_connect(place->control, err) : search(place->pid, err);
	return fd < 0 ? fd : ctl_session_on(session, fd, err);
}

void
ctl_session_close(struct ctl_session *session)
{
	ctl_link_fini(&session->link);
	json_decref(session->peer);
	*session = (struct ctl_session){0};
}
