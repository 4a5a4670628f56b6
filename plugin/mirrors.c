/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From the file's lines to mirrors. Those that name their ports can be made before there are any;
 * numbers say nothing of a port to come.
 */

#include "plugin/mirrors.h"

#include <errno.h>
#include <pthread.h>
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

/* The keeper's tries, against a reload. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

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
		ret = vmirror_mirror_add(spec, mirror->name, err);
	if (ret != 0)
		return ret;
	mirror->added = true;
	mirror->serial = vmirror_mirror_serial(mirror->name);
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

	pthread_mutex_lock(&lock);
	for (i = 0; i < mirrors->n; i++) {
		mirror = &mirrors->mirror[i];
		if (mirror->added || vmirror_now_ns() < mirror->next_try_ns)
			continue;
		plugin_host_wait_quiet();
		try_one(mirror);
	}
	pthread_mutex_unlock(&lock);
}

/* --- read again */

/* One that was removed elsewhere is not there, whoever has its name. */
static bool
is_there(const struct plugin_mirror *mirror)
{
	return mirror->added && mirror->serial != 0 &&
	       vmirror_mirror_serial(mirror->name) == mirror->serial;
}

/* What a reload has to do; the arrays have room for all. */
struct changes {
	const char **old;          /* names of those that go */
	const char **come;         /* specs of those that come */
	struct plugin_mirror **at; /* and those themselves */
	char (*names)[VMIRROR_NAME_SIZE];
	unsigned int n_old, n_come, n_wait;
	bool over; /* one of those that stay captures no more */
};

/* It captures no more, and is not begun again: it may have done what it was asked for. */
static bool
is_over(const char *name)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};

	return vmirror_mirror_stats(name, &stats, NULL) == 0 &&
	       (stats.state == VMIRROR_ENDED || stats.state == VMIRROR_FAILED);
}

/* One that says the same, is there still, and is nobody else's yet. */
static void
keep(struct changes *c, struct plugin_mirrors *before, struct plugin_mirror *mirror)
{
	struct plugin_mirror *old;
	unsigned int i;

	for (i = 0; i < before->n && !mirror->added; i++) {
		old = &before->mirror[i];
		if (old->kept || !vmirror_spec_equal(&old->spec, &mirror->spec) || !is_there(old))
			continue;
		old->kept = mirror->added = true;
		mirror->serial = old->serial;
		memcpy(mirror->name, old->name, sizeof(mirror->name));
		c->over = c->over || is_over(mirror->name);
	}
}

/* One that says the same, and waits: it goes on with that, and nobody's change depends on it. */
static bool
goes_on_waiting(struct plugin_mirrors *before, struct plugin_mirror *mirror)
{
	struct plugin_mirror *old;
	unsigned int i;

	for (i = 0; i < before->n; i++) {
		old = &before->mirror[i];
		if (old->kept || old->added || !vmirror_spec_equal(&old->spec, &mirror->spec))
			continue;
		old->kept = true;
		mirror->next_try_ns = old->next_try_ns;
		memcpy(mirror->told, old->told, sizeof(mirror->told));
		return true;
	}
	return false;
}

static int
find_changes(struct changes *c, struct plugin_mirrors *before, struct plugin_mirrors *after)
{
	unsigned int i;

	c->old = calloc(before->n + 1, sizeof(*c->old));
	c->come = calloc(after->n + 1, sizeof(*c->come));
	c->at = calloc(after->n + 1, sizeof(*c->at));
	c->names = calloc(after->n + 1, sizeof(*c->names));
	if (c->old == NULL || c->come == NULL || c->at == NULL || c->names == NULL)
		return -ENOMEM;
	for (i = 0; i < after->n; i++) {
		keep(c, before, &after->mirror[i]);
		if (after->mirror[i].added)
			continue;
		if (goes_on_waiting(before, &after->mirror[i])) {
			c->n_wait++;
			continue;
		}
		c->come[c->n_come] = after->mirror[i].line->spec;
		c->at[c->n_come++] = &after->mirror[i];
	}
	for (i = 0; i < before->n; i++) {
		before->mirror[i].goes = !before->mirror[i].kept && is_there(&before->mirror[i]);
		if (before->mirror[i].goes)
			c->old[c->n_old++] = before->mirror[i].name;
	}
	return 0;
}

/* One whose port's number is none yet is tried later, as at the start. */
static void
leave_waiting(struct changes *c, unsigned int i)
{
	c->n_come--;
	c->n_wait++;
	memmove(&c->come[i], &c->come[i + 1], (c->n_come - i) * sizeof(*c->come));
	memmove(&c->at[i], &c->at[i + 1], (c->n_come - i) * sizeof(*c->at));
}

static int
make_changes(struct changes *c, const char *path, struct vmirror_error *err)
{
	unsigned int bad = 0, i;
	int ret;

	while ((ret = vmirror_mirror_replace(c->old, c->n_old, c->come, c->n_come, c->names, &bad,
					     err)) == -ENODEV &&
	       bad < c->n_come)
		leave_waiting(c, bad);
	if (ret != 0)
		return vmirror_error_prefix(err, ret, "%s:%u: ", path,
					    bad < c->n_come ? c->at[bad]->line->line : 0);
	for (i = 0; i < c->n_come; i++) {
		c->at[i]->added = true;
		memcpy(c->at[i]->name, c->names[i], VMIRROR_NAME_SIZE);
		c->at[i]->serial = vmirror_mirror_serial(c->names[i]);
	}
	return 0;
}

/* What was to go and could not be brought back is to be tried again. */
static void
end_changes(struct changes *c, struct plugin_mirrors *before, bool done)
{
	struct plugin_mirror *mirror;
	unsigned int i;

	for (i = 0; i < before->n; i++) {
		mirror = &before->mirror[i];
		if (!done && mirror->goes && !is_there(mirror))
			mirror->added = false;
		mirror->kept = mirror->goes = false;
	}
	free(c->old);
	free(c->come);
	free(c->at);
	free(c->names);
}

static int
reload(struct plugin_mirrors *mirrors, struct plugin_mirrors *after, const char *path,
       struct vmirror_error *text)
{
	struct plugin_mirrors before = *mirrors;
	struct changes c = {.n_old = 0};
	int ret = find_changes(&c, &before, after);

	if (ret != 0)
		vmirror_error_set(text, ret, "%s: out of memory", path);
	else
		ret = make_changes(&c, path, text);
	if (ret == 0) {
		vmirror_error_set(text, 0,
				  "%s: %u mirrors taken away, %u added, %u as they were, %u wait "
				  "and are tried again%s",
				  path, c.n_old, c.n_come, after->n - c.n_come - c.n_wait, c.n_wait,
				  c.over ? "; some are over: vmirrorctl list says why" : "");
		*mirrors = *after;
		*after = before;
	}
	end_changes(&c, &before, ret == 0);
	return ret;
}

int
plugin_mirrors_reload(struct plugin_mirrors *mirrors, const char *path, struct vmirror_error *text)
{
	struct plugin_mirrors after;
	int ret = plugin_mirrors_read(&after, path, text);

	if (ret != 0)
		return ret;
	pthread_mutex_lock(&lock);
	ret = reload(mirrors, &after, path, text);
	pthread_mutex_unlock(&lock);
	/* Those that there were, or that were not taken. */
	forget(&after);
	plugin_log(ret == 0 ? VMIRROR_INFO : VMIRROR_WARNING, "%s%s",
		   ret == 0 ? "" : "not reloaded: ", text->text);
	return ret;
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
