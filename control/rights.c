/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/rights.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devargs/error.h"
#include "devargs/value.h"

/* A sink stands in a spec; one that is given alone is put into this. */
#define AROUND "port=0,sink="

static struct vmirror_spec_arg *
descriptor(const struct vmirror_spec_sink *sink)
{
	unsigned int i;

	for (i = 0; vmirror_spec_is_driver(sink->vdev, "file") && i < sink->n_args; i++)
		if (strcmp(sink->args[i].key, "fd") == 0 && sink->args[i].value != NULL)
			return &sink->args[i];
	return NULL;
}

/* What of a spec takes from the process more than looking at its packets does. */
static int
check_keys(const struct vmirror_session *s, const struct vmirror_spec *spec,
	   struct vmirror_error *err)
{
	const struct {
		const char *key;
		bool given;
	} keys[] = {
		{"core=", spec->has_core},
		{"mbufs=", spec->mbufs != 0},
		{"ring_bytes=", spec->ring_bytes != 0},
		{"reference=", spec->reference != 0},
		{"mode=inline", spec->mode == VMIRROR_SPEC_INLINE},
	};
	unsigned int i;

	for (i = 0; !s->all_rights && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].given)
			return vmirror_error_set(err, -EPERM,
						 "%s is for this process's user and root, and not "
						 "for uid %u: leave it out",
						 keys[i].key, (unsigned int)s->uid);
	return 0;
}

/* That the driver refuses some of these beside fd= is its affair, and not what rights rest on. */
static bool
acts_for_itself(const struct vmirror_spec_sink *sink)
{
	unsigned int i;

	for (i = 0; i < sink->n_args; i++)
		if (strcmp(sink->args[i].key, "exec") == 0 ||
		    strcmp(sink->args[i].key, "path") == 0)
			return true;
	return descriptor(sink) == NULL;
}

static int
check_rights(const struct vmirror_session *s, const struct vmirror_spec_sink *sink,
	     struct vmirror_error *err)
{
	if (s->all_rights || !acts_for_itself(sink))
		return 0;
	return vmirror_error_set(err, -EPERM,
				 "sink=[%s,…] would act with the rights of this process, which uid "
				 "%u has not; right would be a descriptor that comes with the "
				 "request, sink=[file,fd=0]",
				 sink->vdev, (unsigned int)s->uid);
}

/* A sink names one descriptor at the most. */
static int
check_left_over(const struct vmirror_session *s, unsigned int used, struct vmirror_error *err)
{
	if (s->n_fds <= used)
		return 0;
	return vmirror_error_set(err, -EINVAL,
				 "%u descriptor%s came with the request, and its sink uses %s",
				 s->n_fds, s->n_fds == 1 ? "" : "s", used == 0 ? "none" : "one");
}

/* With its own end in this process a connection would never end. */
static int
check_not_ours(int fd, struct vmirror_error *err)
{
	socklen_t len = sizeof(struct ucred);
	struct ucred peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid != getpid())
		return 0;
	return vmirror_error_set(
		err, -EINVAL,
		"sink file: fd is a connection to this process itself; right would "
		"be a file, a pipe or another socket");
}

static int
translate(const struct vmirror_session *s, struct vmirror_spec_sink *sink,
	  struct vmirror_error *err)
{
	const struct vmirror_value_limits limits = {.min = 0, .max = VMIRROR_SESSION_FDS - 1};
	struct vmirror_spec_arg *arg = descriptor(sink);
	uint64_t n;
	char *number;
	int ret;

	ret = check_rights(s, sink, err);
	if (ret == 0)
		ret = check_left_over(s, arg != NULL, err);
	if (ret != 0 || arg == NULL)
		return ret;
	ret = vmirror_value_number(&n, arg->value, &limits, "sink file: fd", err);
	if (ret != 0)
		return ret;
	if (n >= s->n_fds)
		return vmirror_error_set(err, -EINVAL,
					 "sink file: fd=%" PRIu64 ": %u descriptors came with the "
					 "request, counted from 0",
					 n, s->n_fds);
	ret = check_not_ours(s->fds[n], err);
	if (ret != 0)
		return ret;
	if (asprintf(&number, "%d", s->fds[n]) < 0)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	free(arg->value);
	arg->value = number;
	return 0;
}

int
vmirror_rights_spec(const struct vmirror_session *s, const char *text, char *spec,
		    struct vmirror_error *err)
{
	struct vmirror_spec parsed;
	int ret = vmirror_spec_parse(&parsed, text, err);

	if (ret != 0)
		return ret;
	ret = check_keys(s, &parsed, err);
	if (ret == 0)
		ret = translate(s, &parsed.sink, err);
	if (ret == 0 &&
	    vmirror_spec_build(&parsed, spec, VMIRROR_SPEC_TEXT_SIZE) >= VMIRROR_SPEC_TEXT_SIZE)
		ret = vmirror_error_set(err, -E2BIG, "the spec is too long");
	vmirror_spec_fini(&parsed);
	return ret;
}

int
vmirror_rights_sink(const struct vmirror_session *s, const char *text, char *sink,
		    struct vmirror_error *err)
{
	char spec[VMIRROR_SPEC_TEXT_SIZE], built[VMIRROR_SPEC_TEXT_SIZE];
	int ret;

	if ((size_t)snprintf(spec, sizeof(spec), AROUND "%s", text) >= sizeof(spec))
		return vmirror_error_set(err, -E2BIG, "the sink is too long");
	ret = vmirror_rights_spec(s, spec, built, err);
	if (ret != 0)
		return ret;
	/* Nothing but the sink: other keys would stand before it. */
	if (strncmp(built, AROUND, strlen(AROUND)) != 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink='%.80s' is more than a sink; right would be "
					 "[file,fd=0]",
					 text);
	snprintf(sink, VMIRROR_SPEC_TEXT_SIZE, "%s", built + strlen(AROUND));
	return 0;
}
