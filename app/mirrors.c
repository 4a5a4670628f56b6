/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From the specs that were asked for to the library's mirrors, and back at the end. All that is
 * known of a mirror here is its text; what it means is the library's.
 */

#include "mirrors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devargs/error.h"
#include "devargs/spec.h"

#include "options.h"
#include "reload.h"
#include "say.h"

int
mirrors_check(struct mirrors *mirrors, const struct options *options, struct vmirror_error *err)
{
	const char **specs;
	unsigned int bad = 0;
	int ret;

	*mirrors = (struct mirrors){.n = options->n_mirror};
	if (mirrors->n == 0)
		return 0;
	mirrors->plan = calloc(mirrors->n, sizeof(*mirrors->plan));
	specs = calloc(mirrors->n, sizeof(*specs));
	if (mirrors->plan == NULL || specs == NULL) {
		ret = vmirror_error_set(err, -ENOMEM, "out of memory");
		goto free_all;
	}
	for (unsigned int i = 0; i < mirrors->n; i++)
		specs[i] = options->mirror[i].spec;
	ret = vmirror_mirror_check(specs, mirrors->n, mirrors->plan, &bad, err);
	if (ret < 0) {
		vmirror_error_prefix(err, ret, "%s: ", options->mirror[bad].origin);
		goto free_all;
	}
	for (unsigned int i = 0; i < mirrors->n; i++) {
		mirrors->memory_bytes += mirrors->plan[i].memory_bytes;
		mirrors->ring_bytes += mirrors->plan[i].ring_bytes;
	}
	free(specs);
	return 0;

free_all:
	free(specs);
	mirrors_fini(mirrors);
	return ret;
}

int
mirrors_add(const struct mirrors *mirrors, const struct options *options, struct reload *reload,
	    const atomic_bool *stop, struct vmirror_error *err)
{
	char name[VMIRROR_NAME_SIZE];

	for (unsigned int i = 0; i < mirrors->n && !atomic_load(stop); i++) {
		int ret = vmirror_mirror_add(options->mirror[i].spec, name, err);

		if (ret == 0 && options->mirror[i].of_config)
			ret = reload_note(reload, options->mirror[i].spec, name, err);
		if (ret < 0)
			return vmirror_error_prefix(err, ret, "%s: ", options->mirror[i].origin);
		say("mirror %s: %s", mirrors->plan[i].name, mirrors->plan[i].text);
	}
	return 0;
}

static bool
takes_stdout(const struct vmirror_spec_sink *sink)
{
	const char *path = vmirror_spec_sink_arg(sink, "path");
	const char *fd = vmirror_spec_sink_arg(sink, "fd");

	return vmirror_spec_is_driver(sink->vdev, "file") &&
	       ((path != NULL && strcmp(path, "-") == 0) || (fd != NULL && strcmp(fd, "1") == 0));
}

bool
mirrors_take_stdout(const struct options *options)
{
	struct vmirror_spec spec;
	bool takes = false;

	for (unsigned int i = 0; i < options->n_mirror && !takes; i++) {
		if (vmirror_spec_parse(&spec, options->mirror[i].spec, NULL) != 0)
			continue;
		takes = takes_stdout(&spec.sink);
		vmirror_spec_fini(&spec);
	}
	return takes;
}

/* Do something with each mirror that the engine has. */
static void
for_each(void (*run)(const char *name))
{
	char(*names)[VMIRROR_NAME_SIZE];
	int n = vmirror_mirror_list(NULL, 0);

	if (n <= 0)
		return;
	names = calloc((size_t)n, sizeof(*names));
	if (names == NULL)
		return;
	if (vmirror_mirror_list(names, (unsigned int)n) < n)
		n = 0;
	for (int i = 0; i < n; i++)
		run(names[i]);
	free(names);
}

static void
detach(const char *name)
{
	vmirror_mirror_detach(name, NULL);
}

void
mirrors_detach(void)
{
	for_each(detach);
}

static unsigned int recorders;

static void
snapshot(const char *name)
{
	struct vmirror_error err;
	int ret = vmirror_mirror_snapshot(name, NULL, &err);

	recorders += ret != -ENOTSUP;
	if (ret == 0)
		say("SIGUSR1: a snapshot of mirror '%s' is being written", name);
	else if (ret != -ENOTSUP)
		say("%s", err.text);
}

void
mirrors_snapshot(void *arg)
{
	recorders = 0;
	for_each(snapshot);
	if (recorders == 0)
		say("SIGUSR1: no mirror has mode=recorder, nothing to make a snapshot of");
}

void
mirrors_fini(struct mirrors *mirrors)
{
	free(mirrors->plan);
	*mirrors = (struct mirrors){0};
}
