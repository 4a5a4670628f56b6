/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes from a process, for vmirrorctl: whoever asks gets a result or a sentence, never waits for what
 * cannot come any more, and is handed nothing that a terminal would take for a command. The process is the
 * other end of a socketpair, which has said all before it is asked. Run by libFuzzer, or by replay.c over
 * the corpus.
 */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/json.h"
#include "ctl/session.h"
#include "tests/fuzz/demand.h"

static bool
is_printable(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; *at != '\0'; at++)
		if (*at < ' ' || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f))
			return false;
	return true;
}

static void
check_sentence(const struct vmirror_error *err)
{
	size_t len = strnlen(err->text, sizeof(err->text));

	demand(len > 0 && len < sizeof(err->text), "a failure comes with a sentence");
	demand(is_printable(err->text), "the sentence is printable");
}

static void
check_clean(const json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	demand(!json_is_string(value) || is_printable(json_string_value(value)),
	       "a string is printable");
	json_array_foreach (value, i, member)
		check_clean(member);
	if (json_is_object(value)) {
		json_object_foreach ((json_t *)value, key, member)
			check_clean(member);
	}
}

/* What callers make of it: they know no form, either. */
static void
look_at(const json_t *result)
{
	const json_t *one;

	check_clean(result);
	one = ctl_json_named(json_object_get(result, "mirrors"), "a");
	demand(one == NULL || strcmp(ctl_json_text(one, "name"), "a") == 0, "its name is that");
	demand(ctl_json_number(one, "seen") <= INT64_MAX, "a number is not negative");
	ctl_json_flag(one, "started");
}

static void
ask(struct ctl_session *session)
{
	struct vmirror_error err = {""};
	json_t *result = NULL;
	int ret, i;

	check_clean(session->peer);
	demand(ctl_json_number(session->peer, "protocol") == CTL_PROTOCOL, "it speaks as we do");
	for (i = 0, ret = 0; i < 3 && ret == 0; i++) {
		ret = ctl_call(session, "list", NULL, &result, &err);
		if (ret == 0) {
			demand(json_is_object(result), "a result is an object");
			look_at(result);
			json_decref(result);
		}
	}
	if (ret != 0)
		check_sentence(&err);
	/* All that is left, to its end. */
	while ((ret = ctl_notified(session, -1, &result, &err)) == 1) {
		look_at(result);
		json_decref(result);
	}
	demand(ret < 0, "who has gone is not waited for");
	check_sentence(&err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmirror_error err = {""};
	struct ctl_session session;
	int room = 1 << 20, ends[2];

	/* A socket takes no more at once. */
	if (size > 100000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return 0;
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	demand(size == 0 || send(ends[1], data, size, MSG_DONTWAIT) == (ssize_t)size, "it is sent");
	shutdown(ends[1], SHUT_WR);
	if (ctl_session_on(&session, ends[0], &err) == 0) {
		ask(&session);
		ctl_session_close(&session);
	} else {
		check_sentence(&err);
	}
	close(ends[1]);
	return 0;
}
