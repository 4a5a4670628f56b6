/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl/session.c: its answers are found among whatever else comes, and errors become sentences. The other
 * side is written here line by line; the real one has end-to-end tests.
 */

#include "test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/json.h"
#include "ctl/session.h"

#define VERSION "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1,\"version\":\"0.1.0\"}}\n"

static int far = -1;

static void
put(const char *text)
{
	assert_int_equal(write(far, text, strlen(text)), strlen(text));
}

/* Answers wait in the socket: who asks finds them there. */
static int
begin(struct ctl_session *session, const char *version, struct vmirror_error *err)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	far = ends[1];
	put(version);
	return ctl_session_on(session, ends[0], err);
}

static void
end(struct ctl_session *session)
{
	ctl_session_close(session);
	close(far);
}

static void
asked(const char *wanted)
{
	char text[65536];
	ssize_t n = read(far, text, sizeof(text) - 1);

	assert_true(n > 0);
	text[n] = '\0';
	if (strstr(text, wanted) == NULL)
		fail_msg("'%s' has no '%s'", text, wanted);
	assert_int_equal(text[n - 1], '\n');
}

static void
asks_and_is_answered(void **state)
{
	struct ctl_session session;
	struct vmirror_error err;
	json_t *result;

	assert_int_equal(begin(&session, VERSION, &err), 0);
	asked("\"method\":\"version\",\"params\":{\"protocol\":1,\"client\":\"vmirrorctl ");
	/* What is no answer of ours, then one. */
	put("{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"mirrors\":[]}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"name\":\"old\"}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"name\":\"web\"}}\n");
	assert_int_equal(ctl_call(&session, "add", json_pack("{s:s}", "spec", "x"), &result, &err),
			 0);
	asked("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"add\",\"params\":{\"spec\":\"x\"}}");
	assert_string_equal(ctl_json_text(result, "name"), "web");
	json_decref(result);
	end(&session);
}

/* The other side's sentence and value; what it says beside is of no form that harms a terminal. */
static void
errors(void **state)
{
	static const struct {
		const char *answer;
		int ret;
		const char *wanted;
	} cases[] = {
		{"{\"id\":2,\"error\":{\"code\":19,\"message\":\"port '5' does not exist\"}}\n",
		 -ENODEV, "port '5' does not exist"},
		{"{\"id\":2,\"error\":{\"code\":5,\"message\":\"a\\u001b[2Jb\\u009bc\\n\"}}\n",
		 -EIO, "a?[2Jb??c?"},
		{"{\"id\":2,\"error\":{\"code\":-32601,\"message\":\"no\"}}\n", -ENOSYS,
		 "has no 'list'"},
		{"{\"id\":2,\"error\":{\"code\":-32602,\"message\":\"bad\"}}\n", -EPROTO, "bad"},
		{"{\"id\":null,\"error\":{\"code\":-32700,\"message\":\"no JSON\"}}\n", -EPROTO,
		 "no JSON"},
		{"{\"id\":2,\"error\":{\"code\":99999,\"message\":\"\"}}\n", -EPROTO, "refuses"},
		{"{\"id\":2,\"error\":17}\n", -EPROTO, "refuses"},
		{"{\"id\":2}\n", -EPROTO, "with nothing"},
		{"{\"id\":2,\"result\":3}\n", -EPROTO, "with nothing"},
		{"hello\n", -EPROTO, "is it vmirror?"},
		{"\n", -EPROTO, "is it vmirror?"},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct vmirror_error err = {""};
		struct ctl_session session;
		json_t *result = NULL;

		assert_int_equal(begin(&session, VERSION, &err), 0);
		put(cases[i].answer);
		assert_int_equal(ctl_call(&session, "list", NULL, &result, &err), cases[i].ret);
		assert_null(result);
		assert_sentence(&err, cases[i].wanted);
		end(&session);
	}
}

static void
other_versions(void **state)
{
	struct vmirror_error err = {""};
	struct ctl_session session;

	assert_int_equal(begin(&session,
			       "{\"id\":1,\"result\":{\"protocol\":2,\"version\":\"0.9.0\"}}\n",
			       &err),
			 -EPROTO);
	assert_sentence(&err, "vmirrorctl " CTL_VERSION " speaks version 1");
	assert_sentence(&err, "(vmirror 0.9.0) version 2");
	close(far);
	assert_int_equal(begin(&session,
			       "{\"id\":1,\"error\":{\"code\":-32001,\"message\":\"vmirror 0.9.0 "
			       "speaks 2\"}}\n",
			       &err),
			 -EPROTO);
	assert_sentence(&err, "vmirror 0.9.0 speaks 2");
	close(far);
}

static void
process_ends(void **state)
{
	struct vmirror_error err = {""};
	struct ctl_session session;
	json_t *result;

	assert_int_equal(begin(&session, VERSION, &err), 0);
	close(far);
	assert_int_equal(ctl_call(&session, "list", NULL, &result, &err), -ECONNRESET);
	assert_sentence(&err, "the process has ended");
	ctl_session_close(&session);
}

static void
notifications(void **state)
{
	struct ctl_session session;
	struct vmirror_error err;
	json_t *params;

	assert_int_equal(begin(&session, VERSION, &err), 0);
	assert_int_equal(ctl_notified(&session, 10, &params, &err), 0);
	put("{\"method\":\"other\",\"params\":{}}\n{\"method\":\"stats\"}\n"
	    "{\"method\":\"stats\",\"params\":{\"mirrors\":[{\"name\":\"a\",\"seen\":7}]}}\n");
	assert_int_equal(ctl_notified(&session, 1000, &params, &err), 1);
	assert_int_equal(
		ctl_json_number(ctl_json_named(json_object_get(params, "mirrors"), "a"), "seen"),
		7);
	json_decref(params);
	assert_int_equal(ctl_notified(&session, 0, &params, &err), 0);
	end(&session);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_and_is_answered), cmocka_unit_test(errors),
		cmocka_unit_test(other_versions),       cmocka_unit_test(process_ends),
		cmocka_unit_test(notifications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
