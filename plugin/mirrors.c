/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From the file's lines to mirrors. Those that name their ports can be made before there are any;
 * numbers say nothing of a port to come.
 */

#include "plugin/mirrors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_dev.h>

#include "devargs/error.h"
#include "lib/thread.h"
#include "plugin/gate.h"
#include "plugin/host.h"
#include "plugin/log.h"
#include "vmirror.h"

/* How soon what could not be made is tried again, and how soon a port is looked for. */
#define RETRY_NS UINT64_C(5000000000)
#define LOOK_NS  UINT64_C(1000000000)

static void
forget(struct plugin_mirrors *mirrors)
{
	while (mirrors->n > 0)
		vmirror_spec_fini(&mirrors->mirror[--mirrors->n].spec);
	free(mirrors->mirror);
	vmirror_config_fini(&mirrors->config);
	mirrors->mirror = NULL;
}

int
plugin_mirrors_read(struct plugin_mirrors *mirrors, const char *path, struct vmirror_error *err)
{
	struct stat st;
	unsigned int i;
	int ret;

	*mirrors = (struct plugin_mirrors){.n = 0};
	/* Whoever writes into a fifo may take his time. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return vmirror_error_set(err, -EINVAL, "%s: it is no regular file", path);
	ret = vmirror_config_read(&mirrors->config, path, err);
	if (ret != 0)
		return ret;
	mirrors->mirror = calloc(mirrors->config.n_lines + 1, sizeof(*mirrors->mirror));
	if (mirrors->mirror == NULL)
		ret = vmirror_error_set(err, -ENOMEM, "%s: out of memory", path);
	for (i = 0; i < mirrors->config.n_lines && ret == 0; i++) {
		mirrors->mirror[i].line = &mirrors->config.lines[i];
		ret = vmirror_spec_parse(&mirrors->mirror[i].spec, mirrors->config.lines[i].spec,
					 err);
		mirrors->n += ret == 0;
	}
	if (ret != 0)
		forget(mirrors);
	return ret;
}

/* What a mirror waits for is said when it changes. */
static void
tell(struct plugin_mirror *mirror, enum vmirror_level level, const char *text)
{
	if (strcmp(mirror->told, text) == 0)
		return;
	snprintf(mirror->told, sizeof(mirror->told), "%.560s", text);
	plugin_log(level, "line %u: %s", mirror->line->line, text);
}

/* @return 0, or -errno with err set */
static int
add(struct plugin_mirror *mirror, struct vmirror_error *err)
{
	const char *spec = mirror->line->spec;
	struct vmirror_plan plan;
	int ret = vmirror_mirror_check(&spec, 1, &plan, NULL, err);

	if (ret == 0)
		ret = vmirror_mirror_add(spec, NULL, err);
	if (ret != 0)
		return ret;
	mirror->added = true;
	plugin_log(VMIRROR_INFO, "mirror '%s': %s", plan.name, plan.text);
	return 0;
}

static void
try_one(struct plugin_mirror *mirror)
{
	char text[VMIRROR_ERROR_SIZE + 32];
	struct vmirror_error err;
	int ret = add(mirror, &err);

	if (ret == 0)
		return;
	/* A number may be that of a port to come. */
	mirror->next_try_ns = vmirror_now_ns() + (ret == -ENODEV ? LOOK_NS : RETRY_NS);
	snprintf(text, sizeof(text), "%s; it is tried again", err.text);
	tell(mirror, ret == -ENODEV ? VMIRROR_INFO : VMIRROR_WARNING, text);
}

/* A peer may be there and not answer. */
static bool
may_wait(const struct vmirror_spec *spec)
{
	return strstr(spec->sink.vdev, "virtio_user") != NULL ||
	       strstr(spec->sink.vdev, "memif") != NULL;
}

void
plugin_mirrors_begin(struct plugin_mirrors *mirrors)
{
	unsigned int i;

	/* A signal may have taken the program away from the gate. */
	for (i = 0; i < mirrors->n && plugin_gate_holds(); i++)
		if (!may_wait(&mirrors->mirror[i].spec))
			try_one(&mirrors->mirror[i]);
}

void
plugin_mirrors_try(struct plugin_mirrors *mirrors)
{
	struct plugin_mirror *mirror;
	unsigned int i;

	for (i = 0; i < mirrors->n; i++) {
		mirror = &mirrors->mirror[i];
		if (mirror->added || vmirror_now_ns() < mirror->next_try_ns)
			continue;
		plugin_host_wait_quiet();
		try_one(mirror);
	}
}

bool
plugin_mirrors_want(const struct plugin_mirrors *mirrors, const char *vdev)
{
	const struct vmirror_spec *spec;
	char name[RTE_DEV_NAME_MAX_LEN];
	unsigned int i;

	for (i = 0; i < mirrors->n; i++) {
		spec = &mirrors->mirror[i].spec;
		/* A bare driver's name is made a vdev's with the mirror's. */
		snprintf(name, sizeof(name), "%.30s_%s", spec->sink.vdev, spec->name);
		if (!mirrors->mirror[i].added &&
		    (strcmp(spec->sink.vdev, vdev) == 0 || strcmp(name, vdev) == 0))
			return true;
	}
	return false;
}
