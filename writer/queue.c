/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks from when they are full until they are settled, and what is done when one cannot be written.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "writer/state.h"

static size_t
block_room(bool compress)
{
	size_t room = VMIRROR_BLOCK_BYTES;

	if (compress)
		room = vmirror_compress_bound(room);
	return (room + VMIRROR_OUT_ALIGN - 1) & ~(size_t)(VMIRROR_OUT_ALIGN - 1);
}

/* What is to be compressed has a place of its own, behind them. */
size_t
vmirror_queue_bytes(bool compress)
{
	return VMIRROR_N_BLOCKS * block_room(compress) + (compress ? VMIRROR_BLOCK_BYTES : 0);
}

/* A child of fork() does not get them: the kernel may be reading from them just then. */
static int
map_blocks(struct vmirror_writer *w)
{
	const size_t room = block_room(w->compress != NULL);
	unsigned int i;

	w->memory_size = vmirror_queue_bytes(w->compress != NULL);
	w->memory = mmap(NULL, w->memory_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (w->memory == MAP_FAILED) {
		w->memory = NULL;
		return -errno;
	}
	madvise(w->memory, w->memory_size, MADV_DONTFORK);
	for (i = 0; i < VMIRROR_N_BLOCKS; i++) {
		w->blocks[i].data = w->memory + i * room;
		w->blocks[i].room = (uint32_t)room;
		w->blocks[i].next = w->free;
		w->free = &w->blocks[i];
	}
	return 0;
}

static int
open_out(struct vmirror_writer *w)
{
	w->out.ops = w->file->file.regular ? &vmirror_out_uring : &vmirror_out_stream;
	if (w->out.ops->init(&w->out) == 0)
		return 0;
	/* Forbidden, by a seccomp filter or the system's administrator. */
	w->out.ops = &vmirror_out_pwrite;
	return w->out.ops->init(&w->out);
}

int
vmirror_queue_init(struct vmirror_writer *w)
{
	int ret;

	if (w->opts.compress != 0) {
		w->compress = vmirror_compress_create(w->opts.compress);
		if (w->compress == NULL)
			return -ENOMEM;
	}
	ret = map_blocks(w);
	if (ret == 0)
		ret = open_out(w);
	w->status.how = w->out.ops != NULL ? w->out.ops->name : NULL;
	return ret;
}

void
vmirror_queue_fini(struct vmirror_writer *w)
{
	unsigned int i;

	/* The kernel may still read from them: better lost than somebody else's. */
	if (w->stuck)
		return;
	if (w->out.ops != NULL)
		w->out.ops->fini(&w->out);
	if (w->memory != NULL)
		munmap(w->memory, w->memory_size);
	for (i = 0; i < VMIRROR_N_BLOCKS; i++)
		free(w->blocks[i].counts);
	vmirror_compress_destroy(w->compress);
}

bool
vmirror_queue_begin(struct vmirror_writer *w)
{
	struct vmirror_block *b = w->free;

	if (b == NULL)
		return false;
	w->free = b->next;
	b->next = NULL;
	b->used = b->done = 0;
	b->error = 0;
	b->pkts = 0;
	b->began_ns = w->now_ns;
	if (b->n_counts > 0)
		memset(b->counts, 0, b->n_counts * sizeof(*b->counts));
	w->block = b;
	w->fill = w->compress != NULL ? w->memory + w->memory_size - VMIRROR_BLOCK_BYTES : b->data;
	w->used = 0;
	return true;
}

bool
vmirror_queue_count(struct vmirror_writer *w, unsigned int source)
{
	struct vmirror_block *b = w->block;

	if (source >= b->n_counts) {
		unsigned int n = source + 16;
		uint32_t *counts = realloc(b->counts, n * sizeof(*counts));

		if (counts == NULL)
			return false;
		memset(counts + b->n_counts, 0, (n - b->n_counts) * sizeof(*counts));
		b->counts = counts;
		b->n_counts = n;
	}
	b->counts[source]++;
	b->pkts++;
	return true;
}

static void
settle_packets(struct vmirror_writer *w, const struct vmirror_block *b, bool written)
{
	unsigned int i;

	for (i = 0; b->pkts > 0 && i < b->n_counts; i++)
		if (b->counts[i] > 0)
			vmirror_writer_settle(w, i, b->counts[i], written);
}

static void
release(struct vmirror_writer *w, struct vmirror_block *b)
{
	b->next = w->free;
	w->free = b;
}

void
vmirror_queue_lose_filled(struct vmirror_writer *w)
{
	if (w->block == NULL)
		return;
	settle_packets(w, w->block, false);
	release(w, w->block);
	w->block = NULL;
}

/* Directly written blocks end at a page, with something that readers pass over. */
static void
pad(struct vmirror_writer *w)
{
	uint32_t gap = -w->used & (VMIRROR_OUT_ALIGN - 1);

	if (gap == 0)
		return;
	if (gap < w->opts.format->pad_min)
		gap += VMIRROR_OUT_ALIGN;
	w->opts.format->pad(w->fill + w->used, gap);
	w->used += gap;
}

void
vmirror_queue_send(struct vmirror_writer *w, bool last)
{
	struct vmirror_block *b = w->block;
	struct vmirror_set_file *file = w->file;

	if (b == NULL || vmirror_writer_is_over(w))
		return;
	/* What ends a frame is more than nothing. */
	if (w->used == 0 && (w->compress == NULL || !last)) {
		vmirror_queue_lose_filled(w);
		return;
	}
	if (w->compress != NULL) {
		b->used = (uint32_t)vmirror_compress_flush(w->compress, b->data, b->room, w->fill,
							   w->used, last);
		if (b->used == 0) {
			vmirror_writer_say(w, VMIRROR_WRITER_FAILED, "%.120s: compressing failed",
					   file->file.path);
			return;
		}
	} else {
		if (file->file.direct)
			pad(w);
		b->used = w->used;
	}
	b->file = &file->file.out;
	b->offset = file->file.end;
	vmirror_file_reserve(&file->file, b->used);
	file->file.end += b->used;
	file->blocks++;
	w->block = NULL;
	if (w->out.first == NULL)
		w->out.first = b;
	else
		w->out.last->next = b;
	w->out.last = b;
	w->out.ops->submit(&w->out, b);
}

/* --- settling */

/* The oldest block is settled, one way or the other. */
static void
settle_first(struct vmirror_writer *w, bool written)
{
	struct vmirror_block *b = w->out.first;
	struct vmirror_set_file *file = vmirror_set_file_of(b);

	w->out.first = b->next;
	settle_packets(w, b, written);
	if (written) {
		file->settled = b->offset + b->used;
		pthread_mutex_lock(&w->lock);
		w->status.bytes += b->used;
		if (w->status.state == VMIRROR_WRITER_FULL)
			w->status.state = VMIRROR_WRITER_WELL;
		pthread_mutex_unlock(&w->lock);
	}
	release(w, b);
	if (--file->blocks == 0 && file->ended)
		vmirror_set_finish(w, file);
}

bool
vmirror_queue_pending(const struct vmirror_writer *w)
{
	const struct vmirror_block *b;

	for (b = w->out.first; b != NULL; b = b->next)
		if (b->pending)
			return true;
	return false;
}

static void
submit_again(struct vmirror_writer *w)
{
	struct vmirror_block *b;

	for (b = w->out.first; b != NULL; b = b->next) {
		if (b->error == 0)
			continue;
		b->error = 0;
		w->out.ops->submit(&w->out, b);
	}
}

/* Cut the file where what cannot be read begins. */
static void
cut(struct vmirror_writer *w, struct vmirror_set_file *file)
{
	file->broken = false;
	if (file != w->file)
		return;
	/* What came next would refer to what was lost: it begins anew. */
	w->headed = false;
	/* Of a descriptor's file it is not known where the capture began. */
	if (file->file.regular && ftruncate(file->file.out.fd, (off_t)file->file.end) == 0)
		file->file.reserved = file->file.end;
}

/* Another one that comes must not find a writer that is about to leave, and take that for the end. */
static void
lose_reader(struct vmirror_writer *w, const struct vmirror_file *file)
{
	vmirror_file_divert(file);
	vmirror_writer_say(w, VMIRROR_WRITER_GONE, "%.120s: its reader has gone", file->path);
}

static void
tell(struct vmirror_writer *w, const struct vmirror_block *b)
{
	const char *path = vmirror_set_file_of(b)->file.path;
	bool stream = !vmirror_set_file_of(b)->file.regular;
	/* Only what can be cut goes on behind a loss. */
	bool ends = w->opts.on_full == VMIRROR_WRITER_STOP || w->compress != NULL || stream;

	if (vmirror_writer_is_full(b->error) && !ends)
		vmirror_writer_say(w, VMIRROR_WRITER_FULL, "%.120s: its disk is full", path);
	else if (vmirror_writer_is_full(b->error))
		vmirror_writer_say(w, VMIRROR_WRITER_FAILED, "%.120s: its disk is full", path);
	else if (stream && b->error == -EPIPE)
		lose_reader(w, &vmirror_set_file_of(b)->file);
	else
		vmirror_writer_say(w, VMIRROR_WRITER_FAILED, "%.120s: writing failed: %s", path,
				   strerror(-b->error));
}

/* The oldest block failed, and none is under way. @return false: it was sent off again */
static bool
lose_first(struct vmirror_writer *w)
{
	struct vmirror_block *b = w->out.first;
	struct vmirror_set_file *file = vmirror_set_file_of(b);

	if (b->error == -EINVAL && vmirror_file_undirect(&file->file)) {
		pthread_mutex_lock(&w->lock);
		w->status.direct = false;
		pthread_mutex_unlock(&w->lock);
		submit_again(w);
		return false;
	}
	if (vmirror_set_make_room(w, b->error)) {
		submit_again(w);
		return false;
	}
	tell(w, b);
	w->again_ns = w->now_ns + VMIRROR_WRITER_AGAIN_NS;
	file->broken = true;
	file->file.end = b->offset;
	if (file == w->file)
		vmirror_queue_lose_filled(w);
	return true;
}

void
vmirror_queue_settle(struct vmirror_writer *w)
{
	struct vmirror_block *b;

	w->out.ops->reap(&w->out);
	while ((b = w->out.first) != NULL && !b->pending) {
		struct vmirror_set_file *file = vmirror_set_file_of(b);
		bool last = file->blocks == 1;

		if (b->error != 0 && !file->broken) {
			if (vmirror_queue_pending(w) || !lose_first(w))
				return;
		}
		/* Before it is settled, and perhaps finished. */
		if (file->broken && last) {
			cut(w, file);
			settle_first(w, false);
		} else {
			settle_first(w, !file->broken);
		}
	}
	/* In its turn, so that packets are settled in their order. */
	if (b == NULL && vmirror_writer_is_over(w))
		vmirror_queue_lose_filled(w);
}

void
vmirror_queue_give_up(struct vmirror_writer *w)
{
	struct vmirror_block *b;

	vmirror_queue_lose_filled(w);
	w->stuck = vmirror_queue_pending(w) && w->out.ops != &vmirror_out_stream;
	if (w->stuck && !vmirror_writer_is_over(w))
		vmirror_writer_say(
			w, VMIRROR_WRITER_FAILED,
			"%.120s: its disk does not answer; what it was given last may be lost",
			vmirror_set_file_of(w->out.first)->file.path);
	for (b = w->out.first; b != NULL; b = b->next) {
		struct vmirror_set_file *file = vmirror_set_file_of(b);

		file->stuck = w->stuck;
		if (!file->broken)
			file->file.end = b->offset;
		file->broken = true;
	}
	while (w->out.first != NULL)
		settle_first(w, false);
}
