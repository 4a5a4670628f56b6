/* SPDX-License-Identifier: BSD-3-Clause */

/* What a client may ask for. Each is a public function of the library's, or a few. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_version.h>

#include "control/call.h"
#include "control/owners.h"
#include "control/removals.h"
#include "control/rights.h"
#include "control/rpc.h"
#include "control/show.h"
#include "devargs/error.h"
#include "lib/lease.h"
#include "lib/shared.h"
#include "lib/thread.h"
#include "vmirror.h"

/* That are checked at a time, under the lock. */
#define MOST_SPECS 64u

/* That a member of the control group has: each costs the forwarding cores a copy, and memory. */
#define MOST_MIRRORS 8u

#define WATCH_MIN_MS 100
#define WATCH_MAX_MS 60000

const char *
vmirror_call_string(const struct vmirror_call *call, const char *name)
{
	return json_string_value(json_object_get(call->params, name));
}

uint64_t
vmirror_call_integer(const struct vmirror_call *call, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(call->params, name));
}

bool
vmirror_call_boolean(const struct vmirror_call *call, const char *name)
{
	return json_is_true(json_object_get(call->params, name));
}

static void
give(struct vmirror_call *call, const char *name, json_t *value)
{
	json_object_set_new(call->result, name, value);
}

/* The host hears who had what done. */
static void
tell(const struct vmirror_call *call, const char *what, const char *name)
{
	vmirror_shared_tell(VMIRROR_INFO, "control: pid %d, uid %u %s mirror '%s'",
			    (int)call->session->pid, (unsigned int)call->session->uid, what, name);
}

/* --- version */

static json_t *
describe_params(const struct vmirror_param *param)
{
	json_t *params = json_array();

	for (; param != NULL && param->name != NULL; param++)
		json_array_append_new(params,
				      json_pack("{s:s, s:s, s:b, s:s}", "name", param->name, "type",
						vmirror_param_type_name(param->type), "required",
						param->required, "summary", param->summary));
	return params;
}

static json_t *
describe_methods(void)
{
	const struct vmirror_method *method;
	json_t *methods = json_array();

	for (method = vmirror_methods; method->name != NULL; method++)
		json_array_append_new(methods, json_pack("{s:s, s:s, s:b, s:o}", "name",
							 method->name, "summary", method->summary,
							 "descriptors", method->takes_fds, "params",
							 describe_params(method->params)));
	return methods;
}

static int
version(struct vmirror_call *call, struct vmirror_error *err)
{
	const struct vmirror_session *s = call->session;
	uint64_t protocol = vmirror_call_integer(call, "protocol");
	const char *client = vmirror_call_string(call, "client");

	if (protocol != 0 && protocol != VMIRROR_RPC_PROTOCOL)
		return vmirror_error_set(
			err, VMIRROR_RPC_SKEW,
			"%.64s speaks version %" PRIu64 " of the control protocol, "
			"this process, with vmirror %s in it, version %d: use the "
			"vmirrorctl of vmirror %s",
			client != NULL ? client : "the client", protocol, vmirror_version(),
			VMIRROR_RPC_PROTOCOL, vmirror_version());
	give(call, "protocol", json_integer(VMIRROR_RPC_PROTOCOL));
	give(call, "version", json_string(vmirror_version()));
	give(call, "dpdk", json_string(rte_version()));
	give(call, "program", vmirror_show_text(program_invocation_short_name));
	give(call, "pid", json_integer(getpid()));
	give(call, "you",
	     json_pack("{s:i, s:I, s:b}", "pid", (int)s->pid, "uid", (json_int_t)s->uid,
		       "all_rights", s->all_rights));
	give(call, "methods", describe_methods());
	return 0;
}

static const struct vmirror_param version_params[] = {
	{"protocol", VMIRROR_PARAM_INTEGER, false, "version of it that the client speaks"},
	{"client", VMIRROR_PARAM_STRING, false, "the client's name and version, for errors"},
	{NULL},
};

/* --- what there is */

static int
ports(struct vmirror_call *call, struct vmirror_error *err)
{
	give(call, "ports", vmirror_show_ports());
	return 0;
}

static int
list(struct vmirror_call *call, struct vmirror_error *err)
{
	give(call, "mirrors", vmirror_show_mirrors());
	return 0;
}

static int
stats(struct vmirror_call *call, struct vmirror_error *err)
{
	json_t *all = vmirror_show_all_stats(vmirror_call_string(call, "name"),
					     vmirror_call_boolean(call, "queues"), err);

	if (all == NULL)
		return -ENOENT;
	give(call, "mirrors", all);
	return 0;
}

static const struct vmirror_param stats_params[] = {
	{"name", VMIRROR_PARAM_STRING, false, "of one mirror; all without"},
	{"queues", VMIRROR_PARAM_BOOLEAN, false, "of each queue as well"},
	{NULL},
};

static int
watch(struct vmirror_call *call, struct vmirror_error *err)
{
	struct vmirror_session_watch *w = &call->session->watch;
	uint64_t ms = vmirror_call_integer(call, "interval_ms");
	const char *name = vmirror_call_string(call, "name");
	struct vmirror_stats now = {.size = sizeof(now)};

	if (ms != 0 && (ms < WATCH_MIN_MS || ms > WATCH_MAX_MS))
		return vmirror_error_set(err, -EINVAL,
					 "interval_ms=%" PRIu64 " is not between %d and %d", ms,
					 WATCH_MIN_MS, WATCH_MAX_MS);
	/* That there is such a mirror. */
	if (ms != 0 && name != NULL && vmirror_mirror_stats(name, &now, err) != 0)
		return -ENOENT;
	json_decref(w->params);
	w->params = json_copy((json_t *)call->params);
	w->every_ns = ms * 1000000;
	w->next_ns = vmirror_now_ns() + w->every_ns;
	return 0;
}

static const struct vmirror_param watch_params[] = {
	{"interval_ms", VMIRROR_PARAM_INTEGER, true, "100 to 60000; 0: no more"},
	{"name", VMIRROR_PARAM_STRING, false, "of one mirror; all without"},
	{"queues", VMIRROR_PARAM_BOOLEAN, false, "of each queue as well"},
	{NULL},
};

/* --- mirrors made, and taken away */

static int
check_specs(struct vmirror_call *call, const char *specs[], char (*built)[VMIRROR_SPEC_TEXT_SIZE],
	    unsigned int n, struct vmirror_error *err)
{
	struct vmirror_plan *plans = calloc(n + 1, sizeof(*plans));
	json_t *array = json_array();
	unsigned int i, bad = 0;
	int ret = plans == NULL ? vmirror_error_set(err, -ENOMEM, "out of memory") : 0;

	for (i = 0; i < n && ret == 0; i++) {
		ret = vmirror_rights_spec(call->session, specs[i], built[i], err);
		specs[i] = built[i];
		bad = i;
	}
	if (ret == 0)
		ret = vmirror_mirror_check(specs, n, plans, &bad, err);
	for (i = 0; i < n && ret == 0; i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:o, s:i, s:I, s:I}", "name", plans[i].name,
						"text", vmirror_show_text(plans[i].text), "hooks",
						(int)plans[i].hooks, "memory_bytes",
						(json_int_t)plans[i].memory_bytes, "ring_bytes",
						(json_int_t)plans[i].ring_bytes));
	give(call, "plans", array);
	free(plans);
	if (ret != 0 && n > 1)
		vmirror_error_prefix(err, ret, "spec %u of %u: ", bad + 1, n);
	return ret;
}

static int
check(struct vmirror_call *call, struct vmirror_error *err)
{
	const json_t *array = json_object_get(call->params, "specs");
	size_t n = json_array_size(array), i;
	char(*built)[VMIRROR_SPEC_TEXT_SIZE];
	const char **specs;
	int ret = -ENOMEM;

	if (n > MOST_SPECS)
		return vmirror_error_set(err, -E2BIG, "%zu specs are too many; %u at the most", n,
					 MOST_SPECS);
	built = calloc(n + 1, sizeof(*built));
	specs = calloc(n + 1, sizeof(*specs));
	if (built != NULL && specs != NULL) {
		for (i = 0; i < n; i++)
			specs[i] = json_string_value(json_array_get(array, i));
		ret = check_specs(call, specs, built, (unsigned int)n, err);
	} else {
		vmirror_error_set(err, ret, "out of memory");
	}
	free(specs);
	free(built);
	return ret;
}

static const struct vmirror_param check_params[] = {
	{"specs", VMIRROR_PARAM_STRINGS, true, "mirror specs, checked as if added one by one"},
	{NULL},
};

static int
check_share(const struct vmirror_session *s, struct vmirror_error *err)
{
	if (s->all_rights || vmirror_owners_count(s->uid) < MOST_MIRRORS)
		return 0;
	return vmirror_error_set(err, -EPERM,
				 "uid %u has %u mirrors here, and may have no more; right would be "
				 "to end one of these",
				 (unsigned int)s->uid, MOST_MIRRORS);
}

static int
add(struct vmirror_call *call, struct vmirror_error *err)
{
	char spec[VMIRROR_SPEC_TEXT_SIZE], name[VMIRROR_NAME_SIZE];
	bool persist = vmirror_call_boolean(call, "persist");
	uint64_t serial;
	int ret = check_share(call->session, err);

	if (ret == 0)
		ret = vmirror_rights_spec(call->session, vmirror_call_string(call, "spec"), spec,
					  err);
	if (ret == 0)
		ret = vmirror_lease_take(spec, name, &serial, err);
	if (ret != 0)
		return ret;
	if (vmirror_owners_add(name, serial, call->session, persist) == NULL) {
		vmirror_mirror_remove(name, NULL);
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	}
	tell(call, "added", name);
	give(call, "name", json_string(name));
	give(call, "serial", json_integer((json_int_t)serial));
	return 0;
}

static const struct vmirror_param add_params[] = {
	{"spec", VMIRROR_PARAM_STRING, true,
	 "the mirror; fd=N is the Nth descriptor that came along"},
	{"persist", VMIRROR_PARAM_BOOLEAN, false, "it stays when this connection ends"},
	{NULL},
};

static int
check_owner(const struct vmirror_call *call, const char *name, struct vmirror_error *err)
{
	const struct vmirror_owner *owner = vmirror_owners_find(name);
	const struct vmirror_session *s = call->session;

	if (s->all_rights || (owner != NULL && owner->uid == s->uid))
		return 0;
	return vmirror_error_set(err, -EPERM,
				 "mirror '%s' is not uid %u's: it is its owner's, this process's "
				 "user's and root's",
				 name, (unsigned int)s->uid);
}

/* The answer comes when its sink has all of it. */
static int
remove_one(struct vmirror_call *call, struct vmirror_error *err)
{
	const char *name = vmirror_call_string(call, "name");
	uint64_t meant = vmirror_call_integer(call, "serial");
	int ret = 0;

	if (meant != 0 && vmirror_mirror_serial(name) != meant)
		ret = vmirror_error_set(err, -ENOENT, "mirror '%s' was removed by somebody else",
					name);
	if (ret == 0)
		ret = check_owner(call, name, err);
	if (ret == 0)
		ret = vmirror_removals_begin(name, call->session, call->id, err);
	return ret == 0 ? VMIRROR_CALL_LATER : ret;
}

static const struct vmirror_param remove_params[] = {
	{"name", VMIRROR_PARAM_STRING, true, "the mirror's"},
	{"serial", VMIRROR_PARAM_INTEGER, false,
	 "of the one of that name that is meant; any without"},
	{NULL},
};

static int
snapshot(struct vmirror_call *call, struct vmirror_error *err)
{
	const char *name = vmirror_call_string(call, "name");
	const char *text = vmirror_call_string(call, "sink");
	char sink[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_snapshot_opts opts = {
		.size = sizeof(opts),
		.last_ms = vmirror_call_integer(call, "last_ms"),
		.last_bytes = vmirror_call_integer(call, "last_bytes"),
	};
	int ret = 0;

	if (text == NULL && call->session->n_fds > 0)
		return vmirror_error_set(err, -EINVAL,
					 "descriptors came with the request, and no sink that uses "
					 "them; right would be sink=[file,fd=0]");
	if (text != NULL)
		ret = vmirror_rights_sink(call->session, text, sink, err);
	if (ret == 0)
		ret = check_owner(call, name, err);
	opts.sink = text == NULL ? NULL : sink;
	if (ret == 0)
		ret = vmirror_mirror_snapshot(name, &opts, err);
	if (ret == 0)
		tell(call, "asked for a snapshot of", name);
	return ret;
}

static const struct vmirror_param snapshot_params[] = {
	{"name", VMIRROR_PARAM_STRING, true, "a mirror's with mode=recorder"},
	{"last_ms", VMIRROR_PARAM_INTEGER, false, "so much of it; all without"},
	{"last_bytes", VMIRROR_PARAM_INTEGER, false, "so many bytes of the rings; all without"},
	{"sink", VMIRROR_PARAM_STRING, false,
	 "as in a spec, [file,fd=0]; the mirror's own without"},
	{NULL},
};

static int
next(struct vmirror_call *call, struct vmirror_error *err)
{
	const char *name = vmirror_call_string(call, "name");
	const struct vmirror_session *s = call->session;
	unsigned int i;
	int ret = check_owner(call, name, err);

	if (ret == 0 && s->n_fds == 0)
		ret = vmirror_error_set(err, -EINVAL,
					"no descriptor came with the request; right would be those "
					"of the files that come next");
	for (i = 0; ret == 0 && i < s->n_fds; i++) {
		ret = vmirror_mirror_next_file(name, s->fds[i], err);
		/* Of several the first may have been taken. */
		if (ret != 0 && i > 0)
			vmirror_error_prefix(err, ret, "of %u files %u were taken: ", s->n_fds, i);
	}
	return ret;
}

static const struct vmirror_param next_params[] = {
	{"name", VMIRROR_PARAM_STRING, true, "a mirror's with sink=[file,fd=…,rotate_bytes=…]"},
	{NULL},
};

static int
reload(struct vmirror_call *call, struct vmirror_error *err)
{
	const struct vmirror_session *s = call->session;
	int ret;

	if (!s->all_rights)
		return vmirror_error_set(err, -EPERM,
					 "uid %u may not have the configuration read again; this "
					 "process's user and root may",
					 (unsigned int)s->uid);
	if (call->host->reload == NULL)
		return vmirror_error_set(
			err, -ENOTSUP,
			"this program has no configuration that it could read again");
	/* The host says itself what became of it. */
	vmirror_shared_tell(VMIRROR_INFO,
			    "control: pid %d, uid %u asked for the configuration to be read again",
			    (int)s->pid, (unsigned int)s->uid);
	ret = call->host->reload(call->host->arg, err);
	if (ret == 0)
		give(call, "text", vmirror_show_text(err->text));
	return ret;
}

const struct vmirror_method vmirror_methods[] = {
	{"version", "who is there, and what it can be asked", version_params, .run = version},
	{"ports", "ports that can be mirrored", NULL, .run = ports},
	{"check", "what mirrors would do", check_params, .takes_fds = true, .plugs = true,
	 .run = check},
	{"add", "make a mirror", add_params, .takes_fds = true, .plugs = true, .run = add},
	{"remove", "take a mirror away", remove_params, .run = remove_one},
	{"list", "mirrors that there are", NULL, .run = list},
	{"stats", "counters", stats_params, .run = stats},
	{"snapshot", "write what a mirror with mode=recorder has", snapshot_params,
	 .takes_fds = true, .plugs = true, .run = snapshot},
	{"next", "hand over the files that come next", next_params, .takes_fds = true,
	 .plugs = true, .run = next},
	{"watch", "counters, again and again", watch_params, .run = watch},
	{"reload", "read the configuration again", NULL, .plugs = true, .run = reload},
	{NULL},
};
