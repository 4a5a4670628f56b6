/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The files of a capture: one, or one after the other, of which the last few are kept and each is
 * handed to a program when it is finished.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devargs/error.h"
#include "devargs/fileset.h"
#include "writer/state.h"

/* --- files that are handed in */

static const char *
name_of(int fd)
{
	return fd == STDOUT_FILENO ? "stdout" : "the descriptor";
}

static bool
writes_direct(const struct vmirror_writer *w)
{
	return w->opts.format->pad_min != 0 && w->opts.compress == 0;
}

/* Whether two are one file. */
static bool
is_same(const struct vmirror_file *a, const struct vmirror_file *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* Put it behind those that wait. */
static int
enqueue(struct vmirror_writer *w, struct vmirror_file *file, struct vmirror_error *err)
{
	bool known = w->dev == file->dev && w->ino == file->ino;
	unsigned int i;

	for (i = 0; i < w->n_next; i++)
		known = known || is_same(w->next[i], file);
	if (!file->regular || known)
		return vmirror_error_set(
			err, -EINVAL,
			known ? "what comes next is a file that was handed in before"
			      : "what comes next is no empty file that is written "
				"from its beginning");
	if (w->n_next == VMIRROR_WRITER_NEXT)
		return vmirror_error_set(err, -EAGAIN, "%u files wait already",
					 VMIRROR_WRITER_NEXT);
	w->next[w->n_next] = file;
	__atomic_store_n(&w->n_next, w->n_next + 1, __ATOMIC_RELAXED);
	return 0;
}

int
vmirror_writer_next(struct vmirror_writer *w, int fd, struct vmirror_error *err)
{
	struct vmirror_file *file;
	int ret;

	if (w->opts.path != NULL || !vmirror_writer_numbers(&w->opts))
		return vmirror_error_set(err, -ENOTSUP,
					 "no file comes next; right would be a sink with fd= and "
					 "rotate_bytes= or rotate_seconds=");
	file = malloc(sizeof(*file));
	if (file == NULL)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	ret = vmirror_file_adopt(file, fd, name_of(fd), writes_direct(w), err);
	if (ret != 0)
		goto free_file;
	pthread_mutex_lock(&w->lock);
	ret = enqueue(w, file, err);
	pthread_mutex_unlock(&w->lock);
	if (ret == 0)
		return 0;
	vmirror_file_leave(file);
free_file:
	free(file);
	return ret;
}

bool
vmirror_set_has_next(const struct vmirror_writer *w)
{
	return w->opts.path != NULL || __atomic_load_n(&w->n_next, __ATOMIC_RELAXED) > 0;
}

static int
take_next(struct vmirror_writer *w, struct vmirror_file *file, struct vmirror_error *err)
{
	struct vmirror_file *next = NULL;

	pthread_mutex_lock(&w->lock);
	if (w->n_next > 0) {
		next = w->next[0];
		memmove(w->next, w->next + 1, (w->n_next - 1) * sizeof(*w->next));
		__atomic_store_n(&w->n_next, w->n_next - 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&w->lock);
	if (next == NULL)
		return vmirror_error_set(err, -ENOENT, "no next file was handed in");
	*file = *next;
	free(next);
	return 0;
}

/* --- */

static int
open_file(struct vmirror_writer *w, struct vmirror_file *file, struct vmirror_error *err)
{
	const struct vmirror_file_opts opts = {
		.overwrite = w->opts.overwrite,
		.direct = writes_direct(w),
	};
	char name[PATH_MAX];
	int ret;

	if (w->opts.path == NULL && w->index > 0)
		return take_next(w, file, err);
	if (w->opts.path == NULL)
		return vmirror_file_adopt(file, w->opts.fd, name_of(w->opts.fd), opts.direct, err);
	if (!vmirror_writer_numbers(&w->opts))
		return vmirror_file_open(file, w->opts.path, &opts, err);
	ret = vmirror_fileset_name(name, w->opts.path, w->index + 1, time(NULL), err);
	return ret != 0 ? ret : vmirror_file_open(file, name, &opts, err);
}

/*
 * There is one. What was run for it may have packed it, or be about to: then it is two files.
 * @return whether anything was removed
 */
static bool
remove_oldest(struct vmirror_writer *w)
{
	const struct vmirror_set_past *oldest = w->past;
	bool removed = vmirror_file_remove(oldest->path, oldest->dev, oldest->ino);

	if (w->opts.exec != NULL && vmirror_fileset_remove_packed(oldest->path))
		removed = true;
	free(oldest->path);
	memmove(w->past, w->past + 1, --w->n_past * sizeof(*w->past));
	return removed;
}

/* Of the files, with so many that are about to come, only the last few stay. */
static void
keep_few(struct vmirror_writer *w, unsigned int more)
{
	more += w->n_ending + (w->file != NULL);
	while (w->opts.files != 0 && w->n_past > 0 && w->n_past + more > w->opts.files)
		remove_oldest(w);
}

int
vmirror_set_open(struct vmirror_writer *w, struct vmirror_error *err)
{
	struct vmirror_set_file *file = calloc(1, sizeof(*file));
	int ret;

	if (file == NULL)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	keep_few(w, 1);
	ret = open_file(w, &file->file, err);
	if (ret == 0 && w->opts.path == NULL && vmirror_writer_numbers(&w->opts) &&
	    !file->file.regular) {
		vmirror_file_leave(&file->file);
		ret = vmirror_error_set(
			err, -EINVAL,
			"rotate_bytes and rotate_seconds: %s is no empty file that is "
			"written from its beginning",
			file->file.path);
	}
	if (ret != 0) {
		free(file);
		return ret;
	}
	if (w->opts.rotate_bytes != 0 && w->opts.rotate_bytes < file->file.step)
		file->file.step = w->opts.rotate_bytes;
	file->linked = w->opts.path != NULL;
	w->file = file;
	w->index++;
	w->headed = false;
	if (w->opts.rotate_ns != 0)
		w->rotate_at = vmirror_writer_now_ns() + w->opts.rotate_ns;
	pthread_mutex_lock(&w->lock);
	snprintf(w->status.path, sizeof(w->status.path), "%.127s", file->file.path);
	w->status.files++;
	w->dev = file->file.dev;
	w->ino = file->file.ino;
	w->status.direct = file->file.direct;
	w->status.fifo = file->file.fifo;
	pthread_mutex_unlock(&w->lock);
	return 0;
}

void
vmirror_set_end(struct vmirror_writer *w)
{
	struct vmirror_set_file *file = w->file;

	w->file = NULL;
	file->ended = true;
	w->n_ending++;
	if (file->blocks == 0)
		vmirror_set_finish(w, file);
}

static void
remember(struct vmirror_writer *w, const struct vmirror_file *file)
{
	struct vmirror_set_past *past = realloc(w->past, (w->n_past + 1) * sizeof(*past));

	if (past == NULL)
		return;
	w->past = past;
	past += w->n_past;
	past->path = strdup(file->path);
	past->dev = file->dev;
	past->ino = file->ino;
	w->n_past += past->path != NULL;
}

bool
vmirror_set_is_hollow(const struct vmirror_set_file *file)
{
	return file->file.regular && file->settled > 0 &&
	       lseek(file->file.out.fd, 0, SEEK_HOLE) == 0;
}

void
vmirror_set_finish(struct vmirror_writer *w, struct vmirror_set_file *file)
{
	w->n_ending--;
	/* One that is stuck is left as it is: whoever closed it would wait, too. */
	if (file->stuck)
		return;
	/* One that was written without a pause was never asked. */
	if (w->status.state == VMIRROR_WRITER_WELL && vmirror_set_is_hollow(file)) {
		file->emptied = true;
		vmirror_writer_say(w, VMIRROR_WRITER_FAILED, VMIRROR_SET_EMPTIED, file->file.path);
	}
	/* What somebody has emptied would have its length again, and nothing in it. */
	if (file->emptied)
		vmirror_file_leave(&file->file);
	else if (vmirror_file_close(&file->file) != 0)
		vmirror_writer_say(w, VMIRROR_WRITER_FAILED, "%.120s: writing failed at the end",
				   file->file.path);
	pthread_mutex_lock(&w->lock);
	w->status.files_done++;
	pthread_mutex_unlock(&w->lock);
	if (w->opts.exec != NULL && file->file.regular && file->file.end > 0 && !file->emptied)
		vmirror_fileset_run(w->opts.exec, file->file.path);
	/* Only who removes files need know which there are. */
	if (w->opts.files != 0 && file->file.regular)
		remember(w, &file->file);
	keep_few(w, 0);
	free(file);
}

bool
vmirror_set_make_room(struct vmirror_writer *w, int error)
{
	bool removed = false;

	if (!vmirror_writer_is_full(error) || w->opts.on_full != VMIRROR_WRITER_DELETE_OLDEST)
		return false;
	/* Somebody else may have removed some. */
	while (!removed && w->n_past > 0)
		removed = remove_oldest(w);
	return removed;
}

void
vmirror_set_fini(struct vmirror_writer *w, bool discard)
{
	struct vmirror_block *b;

	/* Of files that have ended some may have blocks under way, if nobody has finished. */
	for (b = w->stuck ? NULL : w->out.first; b != NULL; b = b->next) {
		struct vmirror_set_file *file = vmirror_set_file_of(b);

		if (--file->blocks > 0 || file == w->file)
			continue;
		vmirror_file_leave(&file->file);
		free(file);
	}
	if (w->file != NULL && discard)
		vmirror_file_discard(&w->file->file);
	else if (w->file != NULL)
		vmirror_file_leave(&w->file->file);
	free(w->file);
	while (w->n_next > 0) {
		vmirror_file_leave(w->next[--w->n_next]);
		free(w->next[w->n_next]);
	}
	while (w->n_past > 0)
		free(w->past[--w->n_past].path);
	free(w->past);
}
