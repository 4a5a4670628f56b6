/* SPDX-License-Identifier: BSD-3-Clause */

/* Specs of add and check, as the process is to read them. */

#include "ctl/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/say.h"
#include "devargs/error.h"
#include "devargs/value.h"

static struct vmirror_spec_arg *
find(struct vmirror_spec_sink *sink, const char *key)
{
	for (unsigned int i = 0; i < sink->n_args; i++)
		if (strcmp(sink->args[i].key, key) == 0 && sink->args[i].value != NULL)
			return &sink->args[i];
	return NULL;
}

static void
set(char **text, const char *value)
{
	free(*text);
	*text = ctl_must(strdup(value));
}

static int
from_root(struct vmirror_spec_arg *arg, struct vmirror_error *err)
{
	char path[PATH_MAX];
	int ret = ctl_output_absolute(path, arg->value, err);

	if (ret == 0)
		set(&arg->value, path);
	return ret;
}

/* One of ours, as a shell's "7>FILE" makes it. */
static int
hand_over(struct ctl_placed *placed, struct vmirror_spec_arg *arg, struct vmirror_error *err)
{
	static const struct vmirror_value_limits limits = {.min = 0, .max = INT32_MAX};
	uint64_t number;
	int ret;

	ret = vmirror_value_number(&number, arg->value, &limits, "fd", err);
	if (ret != 0)
		return ret;
	placed->out.fd = fcntl((int)number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (placed->out.fd < 0)
		return vmirror_error_set(err, -errno, "fd=%d: %s; open it here, as in %d>FILE",
					 (int)number, strerror(errno), (int)number);
	set(&arg->value, "0");
	return 0;
}

/* Of a set of files, or with a command for each, only the process can take care. */
static bool
is_one_file(const struct vmirror_spec *spec)
{
	static const char *const several[] = {"rotate_bytes", "rotate_seconds", "files", "exec"};

	for (unsigned int i = 0; i < sizeof(several) / sizeof(several[0]); i++)
		if (vmirror_spec_sink_arg(&spec->sink, several[i]) != NULL)
			return false;
	return spec->mode != VMIRROR_SPEC_RECORDER;
}

static void
drop(struct vmirror_spec_sink *sink, struct vmirror_spec_arg *arg)
{
	free(arg->key);
	free(arg->value);
	sink->n_args--;
	memmove(arg, arg + 1, (size_t)(&sink->args[sink->n_args] - arg) * sizeof(*arg));
}

static int
open_here(struct ctl_placed *placed, struct vmirror_spec *spec, struct vmirror_spec_arg *path,
	  struct vmirror_error *err)
{
	struct vmirror_spec_arg *overwrite = find(&spec->sink, "overwrite");
	int ret;

	ret = ctl_output_open(&placed->out, path->value, err);
	if (ret != 0)
		return ret;
	if (ctl_output_is_filled(&placed->out) &&
	    (overwrite == NULL || strcmp(overwrite->value, "1") != 0))
		return vmirror_error_set(err, -EEXIST,
					 "%s exists already; name another file, or say overwrite=1",
					 path->value);
	set(&path->key, "fd");
	set(&path->value, "0");
	if (overwrite != NULL) /* what is said of paths alone */
		drop(&spec->sink, overwrite);
	return ctl_output_renew(&placed->out, err);
}

static int
place_file(struct ctl_placed *placed, struct vmirror_spec *spec, bool open,
	   struct vmirror_error *err)
{
	struct vmirror_spec_arg *path = find(&spec->sink, "path");
	struct vmirror_spec_arg *fd = find(&spec->sink, "fd");

	if (fd != NULL && path == NULL)
		return hand_over(placed, fd, err);
	if (path == NULL)
		return 0;
	if (strcmp(path->value, "-") == 0)
		return vmirror_error_set(err, -EINVAL,
					 "path=- would be the process's stdout; right would be: "
					 "vmirrorctl capture -w -");
	return open && is_one_file(spec) ? open_here(placed, spec, path, err)
					 : from_root(path, err);
}

static bool
is_driver(const struct vmirror_spec_sink *sink, const char *driver)
{
	return vmirror_spec_is_driver(sink->vdev, driver);
}

/* What names a file or a socket, of the drivers that have such. @return NULL: nothing does */
static struct vmirror_spec_arg *
find_path(struct vmirror_spec_sink *sink)
{
	const struct vmirror_spec_arg *abstract = find(sink, "socket-abstract");

	if (is_driver(sink, "net_pcap") || is_driver(sink, "eth_pcap"))
		return find(sink, "tx_pcap");
	if (is_driver(sink, "virtio_user") || is_driver(sink, "net_virtio_user"))
		return find(sink, "path");
	if ((is_driver(sink, "net_memif") || is_driver(sink, "eth_memif")) && abstract != NULL &&
	    strcmp(abstract->value, "no") == 0)
		return find(sink, "socket");
	return NULL;
}

static int
place(struct ctl_placed *placed, struct vmirror_spec *spec, bool open, struct vmirror_error *err)
{
	struct vmirror_spec_arg *path = find_path(&spec->sink);
	int ret = 0;

	if (vmirror_spec_is_driver(spec->sink.vdev, "file"))
		ret = place_file(placed, spec, open, err);
	else if (path != NULL && strcmp(path->value, "-") != 0)
		ret = from_root(path, err);
	if (ret == 0 && vmirror_spec_build(spec, placed->text, sizeof(placed->text)) >=
				(int)sizeof(placed->text))
		ret = vmirror_error_set(err, -E2BIG,
					"the spec, with its path from the root, is longer than %zu "
					"bytes",
					sizeof(placed->text) - 1);
	return ret;
}

int
ctl_place(struct ctl_placed *placed, const char *spec, bool open, struct vmirror_error *err)
{
	struct vmirror_spec parsed = {0};
	int ret;

	*placed = (struct ctl_placed){.out.fd = -1};
	ret = vmirror_spec_parse(&parsed, spec, err);
	if (ret != 0)
		return ret;
	ret = place(placed, &parsed, open, err);
	if (ret != 0)
		ctl_output_discard(&placed->out);
	vmirror_spec_fini(&parsed);
	return ret;
}
