/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ending.h"
#include "ctl/json.h"
#include "ctl/say.h"
#include "devargs/error.h"
#include "devargs/fileset.h"

/* --- making them */

static void
keep(struct ctl_files *files, const char *name)
{
	files->kept = ctl_must(reallocarray(files->kept, files->n_kept + 1, sizeof(*files->kept)));
	files->kept[files->n_kept++] = ctl_must(strdup(name));
}

int
ctl_files_open(struct ctl_files *files, const struct ctl_rotation *rotation, const char *path,
	       struct ctl_output *out, struct vmirror_error *err)
{
	char name[PATH_MAX];
	int ret;

	*files = (struct ctl_files){.rotation = rotation, .path = path};
	ret = ctl_rotation_name(rotation, &files->names, path, time(NULL), name, err);
	if (ret == 0)
		ret = ctl_output_open(out, name, err);
	if (ret != 0)
		return ret;
	if (!out->regular) {
		ctl_output_discard(out);
		return vmirror_error_set(err, -EINVAL, "%s is no file, and others are to follow it",
					 name);
	}
	files->begun = 1;
	keep(files, name);
	return 0;
}

/* A signal ends us: what was not needed goes, where it has a name. */
static void
take_along(void *arg)
{
	const struct ctl_files *files = arg;
	struct stat st;

	for (unsigned int i = 0; i < files->n_ahead; i++)
		if (files->ahead[i].name[0] != '\0' && fstat(files->ahead[i].fd, &st) == 0 &&
		    st.st_size == 0)
			unlink(files->ahead[i].name);
}

static int
supply_one(struct ctl_files *files, struct ctl_session *session, const char *mirror,
	   struct vmirror_error *err)
{
	struct ctl_hidden *file = &files->ahead[files->n_ahead];
	/* The path may have a time in place of a directory. */
	int ret = ctl_hidden_make(file, ctl_files_last(files), files->n_made, err);

	if (ret != 0)
		return ret;
	ret = ctl_call_fd(session, "next", ctl_must(json_pack("{s:s}", "name", mirror)), file->fd,
			  NULL, err);
	if (ret != 0) {
		ctl_hidden_drop(file);
		return ret;
	}
	files->n_made++;
	files->n_ahead++;
	if (file->name[0] != '\0')
		ctl_ending_takes(take_along, files);
	return 0;
}

/* Where the last has none behind it, it goes on until the capture ends. */
static bool
wants_more(const struct ctl_files *files)
{
	const unsigned int total = files->rotation->total;

	return total == 0 || files->begun + files->n_ahead < total;
}

void
ctl_files_supply(struct ctl_files *files, struct ctl_session *session, const char *mirror)
{
	struct vmirror_error err;
	int ret = 0;

	while (ret == 0 && files->n_ahead < CTL_FILES_AHEAD && wants_more(files)) {
		ret = supply_one(files, session, mirror, &err);
		if (ret == 0)
			files->told = false;
	}
	/* A mirror that is over wants none. */
	if (ret == 0 || ret == -EBUSY || ret == -ENOENT || ret == -ECONNRESET || files->told)
		return;
	ctl_say("%s goes on, as no other follows: %s", ctl_files_last(files), err.text);
	files->told = true;
}

/* --- naming them */

static void
drop_first(struct ctl_files *files)
{
	close(files->ahead[0].fd);
	files->n_ahead--;
	memmove(files->ahead, files->ahead + 1, files->n_ahead * sizeof(files->ahead[0]));
}

/*
 * The oldest goes, unless another has taken its name; and so does what -z has made of it, which would be in
 * the other's way.
 */
static void
remove_oldest(struct ctl_files *files)
{
	char *oldest = files->kept[0];

	if (files->rotation->by_ring)
		unlink(oldest);
	if (files->rotation->command != NULL && *oldest != '\0')
		vmirror_fileset_remove_packed(oldest);
	free(oldest);
	memmove(files->kept, files->kept + 1, --files->n_kept * sizeof(*files->kept));
}

static void
keep_few(struct ctl_files *files)
{
	const unsigned int most = files->rotation->files;

	while (most != 0 && files->n_kept > most)
		remove_oldest(files);
}

/* What it was to be called cannot be: it has packets, and where the one before it is there is room. */
static void
give_other_name(const struct ctl_files *files, char name[PATH_MAX])
{
	char dir[PATH_MAX], other[PATH_MAX];

	ctl_hidden_directory(ctl_files_last(files), dir);
	if (snprintf(other, sizeof(other), "%s/vmirrorctl.%d.%llu", dir, (int)getpid(),
		     (unsigned long long)files->begun + 1) < (int)sizeof(other))
		ctl_hidden_name(&files->ahead[0], other, name);
}

/* The process writes to the next one now. */
static void
begin_next(struct ctl_files *files)
{
	char wanted[PATH_MAX], name[PATH_MAX] = "";
	struct vmirror_error err;
	int ret = ctl_rotation_name(files->rotation, &files->names, files->path, time(NULL), wanted,
				    &err);

	if (ret == 0) {
		ret = ctl_hidden_name(&files->ahead[0], wanted, name);
		vmirror_error_set(&err, ret, "%s: %s", wanted, strerror(-ret));
	}
	if (name[0] == '\0')
		give_other_name(files, name);
	if (name[0] == '\0')
		ctl_say("packets are lost with a file that got no name: %s", err.text);
	else if (ret != 0)
		ctl_say("%s; it is called %s instead", err.text, name);
	/* One without a name has its place among those that are counted. */
	keep(files, name);
	drop_first(files);
	files->begun++;
	keep_few(files);
}

/* Of the names that are kept the last belongs to the last one that was begun. */
static void
finish_next(struct ctl_files *files)
{
	uint64_t behind = files->begun - ++files->done;
	const char *name;

	if (files->rotation->command == NULL || behind >= files->n_kept)
		return;
	name = files->kept[files->n_kept - 1 - behind];
	if (*name != '\0')
		vmirror_fileset_run(files->rotation->command, name);
}

void
ctl_files_follow(struct ctl_files *files, const json_t *stats)
{
	uint64_t begun = ctl_json_number(stats, "files"),
		 done = ctl_json_number(stats, "files_done");

	while (files->begun < begun && files->n_ahead > 0)
		begin_next(files);
	while (files->done < done && files->done < files->begun)
		finish_next(files);
	if (files->before_last == 0 && files->begun == files->rotation->total)
		files->before_last = ctl_json_number(stats, "file_bytes");
}

bool
ctl_files_are_full(const struct ctl_files *files, const json_t *stats)
{
	const struct ctl_rotation *rotation = files->rotation;
	uint64_t bytes = ctl_json_number(stats, "file_bytes");

	if (rotation->total == 0 || rotation->bytes == 0)
		return false;
	/* Where there were fewer, one of them has gone on. */
	if (files->begun < rotation->total)
		return bytes / rotation->total >= rotation->bytes;
	return bytes - files->before_last >= rotation->bytes;
}

/* Where the process went before it could say so, what it has begun tells of itself. */
void
ctl_files_end(struct ctl_files *files)
{
	struct stat st;

	while (files->n_ahead > 0 && fstat(files->ahead[0].fd, &st) == 0 && st.st_size > 0)
		begin_next(files);
	while (files->done < files->begun)
		finish_next(files);
	while (files->n_ahead > 0)
		ctl_hidden_drop(&files->ahead[--files->n_ahead]);
	ctl_ending_leaves(files);
}

const char *
ctl_files_last(const struct ctl_files *files)
{
	unsigned int i = files->n_kept;

	while (i > 0 && *files->kept[i - 1] == '\0')
		i--;
	return i > 0 ? files->kept[i - 1] : files->path;
}

void
ctl_files_fini(struct ctl_files *files)
{
	while (files->n_ahead > 0)
		ctl_hidden_drop(&files->ahead[--files->n_ahead]);
	while (files->n_kept > 0)
		free(files->kept[--files->n_kept]);
	free(files->kept);
}
