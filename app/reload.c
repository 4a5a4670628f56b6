/* SPDX-License-Identifier: BSD-3-Clause */

#include "reload.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "devargs/config.h"
#include "devargs/error.h"
#include "devargs/spec.h"

/* What a reload has to do. The arrays have room for all. */
struct plan {
	struct vmirror_config config;
	struct reload_mirror *mirror; /* as they are to be, in the file's order */
	unsigned int n;
	bool *kept;        /* of those that there were, by their place */
	const char **old;  /* names of those that go */
	const char **come; /* specs of those that come */
	unsigned int *at;  /* which of mirror each of these is */
	char (*names)[VMIRROR_NAME_SIZE];
	unsigned int n_old, n_come;
	bool over; /* one of those that stay captures no more */
};

void
reload_init(struct reload *reload, const char *path)
{
	*reload = (struct reload){.path = path};
	pthread_mutex_init(&reload->lock, NULL);
}

static void
free_mirrors(struct reload_mirror *mirror, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		free(mirror[i].spec);
	free(mirror);
}

void
reload_fini(struct reload *reload)
{
	free_mirrors(reload->mirror, reload->n);
	pthread_mutex_destroy(&reload->lock);
}

/* @return a text to be freed; NULL: out of memory. It was read before. */
static char *
normalise(const char *text)
{
	char built[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_spec spec;

	if (vmirror_spec_parse(&spec, text, NULL) != 0)
		return NULL;
	vmirror_spec_build(&spec, built, sizeof(built));
	vmirror_spec_fini(&spec);
	return strdup(built);
}

int
reload_note(struct reload *reload, const char *spec, const char *name, struct vmirror_error *err)
{
	struct reload_mirror *more =
		reallocarray(reload->mirror, reload->n + 1, sizeof(*reload->mirror));
	char *built = normalise(spec);

	if (more != NULL)
		reload->mirror = more;
	if (more == NULL || built == NULL) {
		free(built);
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	}
	more[reload->n] =
		(struct reload_mirror){.spec = built, .serial = vmirror_mirror_serial(name)};
	memcpy(more[reload->n].name, name, VMIRROR_NAME_SIZE);
	reload->n++;
	return 0;
}

/* --- what is to be done */

/* One that was removed elsewhere is not there, whoever has its name. */
static bool
is_there(const struct reload_mirror *mirror)
{
	return mirror->serial != 0 && vmirror_mirror_serial(mirror->name) == mirror->serial;
}

/* It captures no more, and is not begun again: it may have done what it was asked for. */
static bool
is_over(const char *name)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};

	return vmirror_mirror_stats(name, &stats, NULL) == 0 &&
	       (stats.state == VMIRROR_ENDED || stats.state == VMIRROR_FAILED);
}

/* One that says the same, is there still, and is nobody else's yet. */
static bool
keep(struct plan *plan, const struct reload *reload, struct reload_mirror *mirror)
{
	unsigned int i;

	for (i = 0; i < reload->n; i++)
		if (!plan->kept[i] && strcmp(reload->mirror[i].spec, mirror->spec) == 0 &&
		    is_there(&reload->mirror[i])) {
			memcpy(mirror->name, reload->mirror[i].name, sizeof(mirror->name));
			mirror->serial = reload->mirror[i].serial;
			plan->kept[i] = true;
			plan->over = plan->over || is_over(mirror->name);
			return true;
		}
	return false;
}

static int
allocate(struct plan *plan, unsigned int n_before)
{
	unsigned int n = plan->config.n_lines + 1;

	plan->mirror = calloc(n, sizeof(*plan->mirror));
	plan->kept = calloc(n_before + 1, sizeof(*plan->kept));
	plan->old = calloc(n_before + 1, sizeof(*plan->old));
	plan->come = calloc(n, sizeof(*plan->come));
	plan->at = calloc(n, sizeof(*plan->at));
	plan->names = calloc(n, sizeof(*plan->names));
	return plan->mirror == NULL || plan->kept == NULL || plan->old == NULL ||
			       plan->come == NULL || plan->at == NULL || plan->names == NULL
		       ? -ENOMEM
		       : 0;
}

static void
free_plan(struct plan *plan)
{
	free_mirrors(plan->mirror, plan->n);
	free(plan->kept);
	free(plan->old);
	free(plan->come);
	free(plan->at);
	free(plan->names);
	vmirror_config_fini(&plan->config);
}

static int
make_plan(struct plan *plan, const struct reload *reload, struct vmirror_error *err)
{
	int ret = vmirror_config_read(&plan->config, reload->path, err);
	unsigned int i;

	if (ret != 0)
		return ret;
	ret = allocate(plan, reload->n);
	for (i = 0; i < plan->config.n_lines && ret == 0; i++) {
		plan->mirror[i].spec = normalise(plan->config.lines[i].spec);
		plan->n++;
		if (plan->mirror[i].spec == NULL)
			ret = -ENOMEM;
		else if (!keep(plan, reload, &plan->mirror[i])) {
			plan->come[plan->n_come] = plan->config.lines[i].spec;
			plan->at[plan->n_come++] = i;
		}
	}
	if (ret != 0)
		return vmirror_error_set(err, ret, "out of memory");
	for (i = 0; i < reload->n; i++)
		if (!plan->kept[i] && is_there(&reload->mirror[i]))
			plan->old[plan->n_old++] = reload->mirror[i].name;
	return 0;
}

static int
carry_out(struct plan *plan, const struct reload *reload, struct vmirror_error *err)
{
	unsigned int bad = 0, i;
	int ret = vmirror_mirror_replace(plan->old, plan->n_old, plan->come, plan->n_come,
					 plan->names, &bad, err);

	if (ret != 0)
		return plan->n_come == 0
			       ? ret
			       : vmirror_error_prefix(err, ret, "%s:%u: ", reload->path,
						      plan->config.lines[plan->at[bad]].line);
	for (i = 0; i < plan->n_come; i++) {
		memcpy(plan->mirror[plan->at[i]].name, plan->names[i], VMIRROR_NAME_SIZE);
		plan->mirror[plan->at[i]].serial = vmirror_mirror_serial(plan->names[i]);
	}
	return 0;
}

int
reload_now(struct reload *reload, struct vmirror_error *text)
{
	struct plan plan = {.n = 0};
	int ret;

	if (reload->path == NULL)
		return vmirror_error_set(text, -ENOENT,
					 "there is no configuration to read again: vmirror was "
					 "started without --config");
	pthread_mutex_lock(&reload->lock);
	ret = make_plan(&plan, reload, text);
	if (ret == 0)
		ret = carry_out(&plan, reload, text);
	if (ret == 0) {
		struct reload_mirror *before = reload->mirror;
		unsigned int n_before = reload->n;

		vmirror_error_set(text, 0, "%s: %u mirrors taken away, %u added, %u as they were%s",
				  reload->path, plan.n_old, plan.n_come, plan.n - plan.n_come,
				  plan.over ? ", some of them over: vmirrorctl list says why" : "");
		reload->mirror = plan.mirror;
		reload->n = plan.n;
		plan.mirror = before;
		plan.n = n_before;
	}
	free_plan(&plan);
	pthread_mutex_unlock(&reload->lock);
	return ret;
}
