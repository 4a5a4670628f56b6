/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/refusals.h"
#include "control/show.h"
#include "devargs/error.h"
#include "devargs/nearest.h"

/* JSON-RPC's codes. [jsonrpc.org/specification, 5.1] */
#define PARSE_ERROR     (-32700)
#define INVALID_REQUEST (-32600)
#define NO_METHOD       (-32601)
#define INVALID_PARAMS  (-32602)

#define MOST_WORDS 32

struct outcome {
	int code; /* 0, one of the above, or an errno value */
	bool later;
	struct vmirror_error err;
};

static int __attribute__((format(printf, 3, 4)))
refuse(struct outcome *outcome, int code, const char *fmt, ...)
{
	char text[VMIRROR_ERROR_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	outcome->code = code;
	/* Kept to one line. */
	return vmirror_error_set(&outcome->err, code, "%s", text);
}

static void
answer(struct vmirror_session *s, json_t *id, const struct outcome *outcome, json_t *result)
{
	json_t *message = json_pack("{s:s, s:O}", "jsonrpc", "2.0", "id", id);
	json_t *error;

	if (outcome->code == 0) {
		json_object_set_new(message, "result", result);
	} else {
		json_decref(result);
		error = json_pack("{s:i, s:o}", "code", outcome->code, "message",
				  vmirror_show_text(outcome->err.text));
		if (outcome->code > 0 && strerrorname_np(outcome->code) != NULL)
			json_object_set_new(
				error, "data",
				json_pack("{s:s}", "errno", strerrorname_np(outcome->code)));
		json_object_set_new(message, "error", error);
	}
	vmirror_session_send(s, message);
	json_decref(message);
}

void
vmirror_rpc_refuse(struct vmirror_session *s, int code, const char *message)
{
	struct outcome outcome = {.code = code};
	json_t *id = json_null();

	snprintf(outcome.err.text, sizeof(outcome.err.text), "%s", message);
	answer(s, id, &outcome, NULL);
	s->ended = true;
}

void
vmirror_rpc_answer_later(struct vmirror_session *s, json_t *id, int code,
			 const struct vmirror_error *err, json_t *result)
{
	struct outcome outcome = {.code = result != NULL ? 0 : code, .err = *err};

	if (id != NULL)
		answer(s, id, &outcome, result);
	else
		json_decref(result);
}

/* --- what was asked for */

static const struct vmirror_method *
find_method(const char *name, struct outcome *outcome)
{
	const char *known[MOST_WORDS + 1] = {NULL};
	char hint[512];
	unsigned int i;

	for (i = 0; vmirror_methods[i].name != NULL; i++) {
		if (strcmp(vmirror_methods[i].name, name) == 0)
			return &vmirror_methods[i];
		if (i < MOST_WORDS)
			known[i] = vmirror_methods[i].name;
	}
	refuse(outcome, NO_METHOD, "there is no method '%.64s'; there are: %s", name,
	       vmirror_nearest_hint(hint, sizeof(hint), name, known));
	return NULL;
}

const char *
vmirror_param_type_name(enum vmirror_param_type type)
{
	static const char *const names[] = {
		[VMIRROR_PARAM_STRING] = "string",
		[VMIRROR_PARAM_INTEGER] = "integer",
		[VMIRROR_PARAM_BOOLEAN] = "boolean",
		[VMIRROR_PARAM_STRINGS] = "array of strings",
	};

	return names[type];
}

static bool
is_of_type(const json_t *value, enum vmirror_param_type type)
{
	size_t i;

	switch (type) {
	case VMIRROR_PARAM_STRING:
		return json_is_string(value);
	case VMIRROR_PARAM_INTEGER:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case VMIRROR_PARAM_BOOLEAN:
		return json_is_boolean(value);
	case VMIRROR_PARAM_STRINGS:
		for (i = 0; i < json_array_size(value); i++)
			if (!json_is_string(json_array_get(value, i)))
				return false;
		return json_is_array(value);
	}
	return false;
}

static int
refuse_param(const struct vmirror_method *method, const char *name, struct outcome *outcome)
{
	const char *known[MOST_WORDS + 1] = {NULL};
	char hint[512];
	unsigned int i;

	for (i = 0; method->params != NULL && method->params[i].name != NULL && i < MOST_WORDS; i++)
		known[i] = method->params[i].name;
	if (i == 0)
		return refuse(outcome, INVALID_PARAMS, "%s: '%.64s' is not known; it takes none",
			      method->name, name);
	return refuse(outcome, INVALID_PARAMS, "%s: '%.64s' is not known; it takes: %s",
		      method->name, name, vmirror_nearest_hint(hint, sizeof(hint), name, known));
}

static const struct vmirror_param *
find_param(const struct vmirror_method *method, const char *name)
{
	const struct vmirror_param *param = method->params;

	for (; param != NULL && param->name != NULL; param++)
		if (strcmp(param->name, name) == 0)
			return param;
	return NULL;
}

static int
check_params(const struct vmirror_method *method, json_t *params, struct outcome *outcome)
{
	const struct vmirror_param *param;
	const char *name;
	json_t *value;

	json_object_foreach (params, name, value) {
		param = find_param(method, name);
		if (param == NULL)
			return refuse_param(method, name, outcome);
		if (!is_of_type(value, param->type))
			return refuse(outcome, INVALID_PARAMS, "%s: %s is no %s", method->name,
				      name, vmirror_param_type_name(param->type));
	}
	for (param = method->params; param != NULL && param->name != NULL; param++)
		if (param->required && json_object_get(params, param->name) == NULL)
			return refuse(outcome, INVALID_PARAMS, "%s: %s is missing: %s",
				      method->name, param->name, param->summary);
	return 0;
}

/* Of those that came, and may be for nothing. */
static int
check_fds(const struct vmirror_method *method, const struct vmirror_session *s,
	  struct outcome *outcome)
{
	if (s->fds_lost)
		return refuse(outcome, INVALID_PARAMS,
			      "%s: more than %d descriptors came with the request, or more than "
			      "this process may have",
			      method->name, VMIRROR_SESSION_FDS);
	if (s->n_fds > 0 && !method->takes_fds)
		return refuse(outcome, INVALID_PARAMS,
			      "%s: descriptors came with the request, and it takes none",
			      method->name);
	return 0;
}

/* --- requests */

/* Or none. */
static bool
is_id(const json_t *id)
{
	return id == NULL || json_is_string(id) || json_is_integer(id) || json_is_null(id);
}

/* A request's members, and no others. */
static int
check_request(const json_t *request, struct outcome *outcome)
{
	static const char *const known[] = {"jsonrpc", "id", "method", "params", NULL};
	json_t *id, *params, *value;
	const char *version, *name;
	unsigned int i;

	if (!json_is_object(request))
		return refuse(outcome, INVALID_REQUEST,
			      "a request is one object; batches are not taken");
	version = json_string_value(json_object_get(request, "jsonrpc"));
	id = json_object_get(request, "id");
	params = json_object_get(request, "params");
	if (version == NULL || strcmp(version, "2.0") != 0)
		return refuse(outcome, INVALID_REQUEST, "jsonrpc is not \"2.0\"");
	if (!json_is_string(json_object_get(request, "method")))
		return refuse(outcome, INVALID_REQUEST, "method is missing, or no string");
	if (!is_id(id))
		return refuse(outcome, INVALID_REQUEST, "id is no string and no integer");
	if (params != NULL && !json_is_object(params))
		return refuse(outcome, INVALID_PARAMS, "params is no object: they go by name");
	json_object_foreach ((json_t *)request, name, value) {
		for (i = 0; known[i] != NULL && strcmp(known[i], name) != 0; i++)
			;
		if (known[i] == NULL)
			return refuse(outcome, INVALID_REQUEST, "'%.64s' is no member of a request",
				      name);
	}
	return 0;
}

static int
run_method(const struct vmirror_method *method, struct vmirror_call *call,
	   struct vmirror_error *err)
{
	int ret;

	if (!method->plugs)
		return method->run(call, err);
	vmirror_call_busy(call->host, true);
	ret = method->run(call, err);
	vmirror_call_busy(call->host, false);
	return ret;
}

static void
run(struct vmirror_call *call, const json_t *request, struct outcome *outcome)
{
	json_t *params = json_object_get(request, "params"), *none = NULL;
	const struct vmirror_method *method;
	int ret;

	if (check_request(request, outcome) != 0)
		return;
	method = find_method(json_string_value(json_object_get(request, "method")), outcome);
	if (method == NULL)
		return;
	if (params == NULL)
		params = none = json_object();
	if (check_params(method, params, outcome) == 0 &&
	    check_fds(method, call->session, outcome) == 0) {
		call->params = params;
		ret = run_method(method, call, &outcome->err);
		outcome->later = ret == VMIRROR_CALL_LATER;
		outcome->code = outcome->later ? 0 : ret == VMIRROR_RPC_SKEW ? ret : -ret;
		if (outcome->code == EPERM && !call->session->all_rights)
			vmirror_refusals_tell(call->session, method->name, &outcome->err);
	}
	json_decref(none);
}

void
vmirror_rpc_serve(struct vmirror_session *s, const char *line, size_t len,
		  const struct vmirror_control_opts *host)
{
	struct vmirror_call call = {
		.session = s,
		.host = host,
		.result = json_object(),
	};
	struct outcome outcome = {.code = 0};
	json_t *request, *id;
	json_error_t error;

	request = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (request == NULL) {
		refuse(&outcome, PARSE_ERROR, "no JSON: %.160s", error.text);
		vmirror_rpc_refuse(s, PARSE_ERROR, outcome.err.text);
		json_decref(call.result);
		vmirror_session_drop_fds(s);
		return;
	}
	call.id = id = json_object_get(request, "id");
	run(&call, request, &outcome);
	/* A request without an id wants no answer, unless it is none. */
	if (outcome.later)
		json_decref(call.result);
	else if (id != NULL && is_id(id))
		answer(s, id, &outcome, call.result);
	else if (outcome.code == INVALID_REQUEST)
		answer(s, json_null(), &outcome, call.result);
	else
		json_decref(call.result);
	json_decref(request);
	vmirror_session_drop_fds(s);
}
