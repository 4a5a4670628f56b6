/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The writer's front: packets become records in the block that is being filled, a file begins with a
 * header and ends with statistics. The block's way from there is queue.c's, the files are set.c's.
 */

#include "writer/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "devargs/error.h"
#include "devargs/fileset.h"
#include "writer/state.h"

/* What was put is on its way so soon; where somebody reads along, a person may be waiting. */
#define FLUSH_NS      UINT64_C(500000000)
#define FLUSH_PIPE_NS UINT64_C(20000000)

/* How often it is looked where this thread runs, and who has ended. */
#define PLACE_NS UINT64_C(100000000)

/* Statistics of a port are shorter. */
#define STATS_ROOM 1024u

/* Of more there are none: a block has to hold them. */
#define MAX_TOLD 256u

#define NO_PORT UINT32_MAX

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

uint64_t
vmirror_writer_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void
vmirror_writer_say(struct vmirror_writer *w, enum vmirror_writer_state state, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&w->lock);
	w->status.state = state;
	va_start(ap, fmt);
	vsnprintf(w->status.reason, sizeof(w->status.reason), fmt, ap);
	va_end(ap);
	pthread_mutex_unlock(&w->lock);
}

/* --- making one */

uint64_t
vmirror_writer_bytes(bool compress)
{
	return vmirror_queue_bytes(compress);
}

int
vmirror_writer_check(const struct vmirror_writer_opts *opts, struct vmirror_error *err)
{
	char name[PATH_MAX];
	struct stat st;
	int ret;

	if (opts->path == NULL)
		return fcntl(opts->fd, F_GETFD) >= 0
			       ? 0
			       : vmirror_error_set(err, -EBADF, "descriptor %d is not open",
						   opts->fd);
	if (!vmirror_writer_numbers(opts))
		return vmirror_file_check(opts->path, opts->overwrite, err);
	ret = vmirror_fileset_name(name, opts->path, opts->number != 0 ? opts->number : 1,
				   time(NULL), err);
	if (ret != 0)
		return ret;
	if (lstat(opts->path, &st) == 0 && !S_ISREG(st.st_mode))
		return vmirror_error_set(err, -EINVAL,
					 "path=%s is no file, and a set of files, or of snapshots, "
					 "is named after one",
					 opts->path);
	return vmirror_file_check(name, opts->overwrite, err);
}

static char *
copy(const char *text, bool *failed)
{
	char *copied = text != NULL ? strdup(text) : NULL;

	*failed = *failed || (text != NULL && copied == NULL);
	return copied;
}

static int
copy_opts(struct vmirror_writer *w, const struct vmirror_writer_opts *opts)
{
	bool failed = false;

	w->opts = *opts;
	w->opts.path = copy(opts->path, &failed);
	w->opts.exec = copy(opts->exec, &failed);
	w->opts.about.program = copy(opts->about.program, &failed);
	w->opts.about.how = copy(opts->about.how, &failed);
	w->opts.about.comment = copy(opts->about.comment, &failed);
	w->opts.about.filter = copy(opts->about.filter, &failed);
	return failed ? -ENOMEM : 0;
}

int
vmirror_writer_open(struct vmirror_writer **writer, const struct vmirror_writer_opts *opts,
		    struct vmirror_error *err)
{
	struct vmirror_writer *w = calloc(1, sizeof(*w));
	int ret;

	if (w == NULL)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&w->lock, NULL);
	w->start_ns = clock_ns(CLOCK_REALTIME);
	w->now_ns = vmirror_writer_now_ns();
	w->index = opts->number != 0 ? opts->number - 1 : 0;
	ret = copy_opts(w, opts);
	if (ret != 0) {
		vmirror_error_set(err, ret, "out of memory");
		goto close;
	}
	ret = vmirror_set_open(w, err);
	if (ret != 0)
		goto close;
	ret = vmirror_queue_init(w);
	if (ret != 0) {
		vmirror_error_set(err, ret, "%u blocks of %u bytes: %s", VMIRROR_N_BLOCKS,
				  VMIRROR_BLOCK_BYTES, strerror(-ret));
		goto close;
	}
	*writer = w;
	return 0;

close:
	vmirror_writer_close(w, true);
	return ret;
}

void
vmirror_writer_close(struct vmirror_writer *w, bool discard)
{
	if (w == NULL)
		return;
	vmirror_queue_fini(w);
	vmirror_set_fini(w, discard);
	pthread_mutex_destroy(&w->lock);
	free((char *)w->opts.path);
	free((char *)w->opts.exec);
	free((char *)w->opts.about.program);
	free((char *)w->opts.about.how);
	free((char *)w->opts.about.comment);
	free((char *)w->opts.about.filter);
	free(w->ports);
	free(w->port_ids);
	if (!w->stuck)
		free(w);
}

/* --- ports */

int
vmirror_writer_find_port(const struct vmirror_writer *w, const char *name)
{
	unsigned int i;

	for (i = 0; i < w->n_ports; i++)
		if (strcmp(w->ports[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

int
vmirror_writer_add_port(struct vmirror_writer *w, const struct vmirror_writer_port *port)
{
	struct vmirror_writer_port *ports;
	uint32_t *ids;

	ports = realloc(w->ports, (w->n_ports + 1) * sizeof(*ports));
	if (ports == NULL)
		return -ENOMEM;
	w->ports = ports;
	ids = realloc(w->port_ids, (w->n_ports + 1) * sizeof(*ids));
	if (ids == NULL)
		return -ENOMEM;
	w->port_ids = ids;
	ports[w->n_ports] = *port;
	ids[w->n_ports] = NO_PORT;
	return (int)w->n_ports++;
}

/* The file learns of a port. */
static void
write_port(struct vmirror_writer *w, unsigned int port)
{
	const struct vmirror_writer_format *format = w->opts.format;

	w->port_ids[port] = w->next_port_id++;
	if (format->port != NULL)
		w->used += format->port(w->fill + w->used, &w->ports[port], &w->opts.about);
}

static void
write_header(struct vmirror_writer *w)
{
	unsigned int i;

	w->headed = true;
	w->next_port_id = 0;
	if (w->compress != NULL)
		vmirror_compress_begin(w->compress);
	/* Only pcapng has sections, each with a header of its own. */
	if (w->opts.format->has_ports || w->file->file.end == 0)
		w->used += w->opts.format->header(w->fill + w->used, &w->opts.about);
	/* The others when they have a packet. */
	for (i = 0; i < w->n_ports; i++)
		w->port_ids[i] = NO_PORT;
	for (i = 0; i < w->n_ports && w->used < VMIRROR_BLOCK_BYTES / 4; i++)
		write_port(w, i);
}

/* Of so many ports there are statistics. */
static unsigned int
n_told(const struct vmirror_writer *w)
{
	return w->n_ports < MAX_TOLD ? w->n_ports : MAX_TOLD;
}

static void
write_stats(struct vmirror_writer *w)
{
	const struct vmirror_writer_format *format = w->opts.format;
	unsigned int i;

	for (i = 0; format->stats != NULL && i < n_told(w); i++) {
		struct vmirror_writer_stats stats = {.start_ns = w->start_ns};

		if (w->port_ids[i] == NO_PORT)
			continue;
		stats.end_ns = stats.now_ns = clock_ns(CLOCK_REALTIME);
		w->opts.stats(w->opts.arg, w->ports[i].name, &stats);
		w->used += format->stats(w->fill + w->used, w->port_ids[i], &stats);
	}
}

/* --- packets */

/* Whether what is written now is lost. */
static bool
loses(const struct vmirror_writer *w)
{
	switch (w->status.state) {
	case VMIRROR_WRITER_WELL:
		return false;
	case VMIRROR_WRITER_FULL:
		return w->now_ns < w->again_ns || (w->file != NULL && w->file->broken);
	default:
		return true;
	}
}

/* Whether what was wrong may be well again in a moment. */
static bool
passes(const struct vmirror_writer *w, int error)
{
	if (error == -EMFILE || error == -ENFILE)
		return true;
	return vmirror_writer_is_full(error) && w->opts.on_full != VMIRROR_WRITER_STOP;
}

/* The next file of a set. */
static bool
open_next(struct vmirror_writer *w)
{
	struct vmirror_error err;
	int ret;

	do
		ret = vmirror_set_open(w, &err);
	while (vmirror_set_make_room(w, ret));
	if (ret == 0)
		return true;
	w->again_ns = w->now_ns + VMIRROR_WRITER_AGAIN_NS;
	vmirror_writer_say(w, passes(w, ret) ? VMIRROR_WRITER_FULL : VMIRROR_WRITER_FAILED,
			   "%.250s", err.text);
	return false;
}

/* A block that has a file, whose header is there. */
static enum vmirror_writer_answer
begin(struct vmirror_writer *w)
{
	if (vmirror_writer_is_over(w))
		return VMIRROR_WRITER_LOST;
	if (w->block != NULL)
		return VMIRROR_WRITER_TAKEN;
	if (w->free == NULL)
		vmirror_queue_settle(w);
	if (loses(w))
		return VMIRROR_WRITER_LOST;
	if (w->file == NULL && !open_next(w))
		return VMIRROR_WRITER_LOST;
	if (!vmirror_queue_begin(w))
		return VMIRROR_WRITER_BUSY;
	if (!w->headed)
		write_header(w);
	return VMIRROR_WRITER_TAKEN;
}

/* The file ends here. @return false: not now, as all blocks are under way */
static bool
end_file(struct vmirror_writer *w)
{
	if (begin(w) != VMIRROR_WRITER_TAKEN)
		return false;
	write_stats(w);
	vmirror_queue_send(w, true);
	vmirror_set_end(w);
	return true;
}

/* Bytes that must stay free behind a record: statistics, and what a block ends with. */
static uint32_t
tail_room(const struct vmirror_writer *w)
{
	return n_told(w) * STATS_ROOM + VMIRROR_OUT_ALIGN + w->opts.format->pad_min;
}

/* Of the block, so many bytes can still be used. */
static bool
fits(const struct vmirror_writer *w, size_t size)
{
	return w->used + size + tail_room(w) <= VMIRROR_BLOCK_BYTES;
}

/* Whether the file would become too long. */
static bool
is_too_long(const struct vmirror_writer *w, size_t size)
{
	uint64_t end;

	if (w->opts.rotate_bytes == 0 || w->file == NULL || !w->headed)
		return false;
	end = w->file->file.end + w->used + size + tail_room(w);
	/* Sent off before the statistics come, the block ends at a page, and then theirs does. */
	if (w->file->file.direct)
		end += VMIRROR_OUT_ALIGN + w->opts.format->pad_min;
	return end > w->opts.rotate_bytes && vmirror_set_has_next(w);
}

/* Make room for a record, and for what must stand before it. */
static enum vmirror_writer_answer
make_room(struct vmirror_writer *w, size_t size)
{
	enum vmirror_writer_answer answer;

	if (w->block != NULL && !fits(w, size))
		vmirror_queue_send(w, false);
	answer = begin(w);
	if (answer != VMIRROR_WRITER_TAKEN || !is_too_long(w, size))
		return answer;
	/* A file that would hold nothing but this packet is as long as that. */
	if (w->file->file.end == 0 && w->block->pkts == 0)
		return answer;
	if (!end_file(w))
		return VMIRROR_WRITER_BUSY;
	return begin(w);
}

enum vmirror_writer_answer
vmirror_writer_put(struct vmirror_writer *w, unsigned int source, unsigned int port,
		   const struct vmirror_writer_packet *pkt)
{
	const struct vmirror_writer_format *format = w->opts.format;
	size_t size = format->packet_size(pkt);
	/* A port that the file does not know stands before its first packet. */
	size_t more = w->port_ids[port] == NO_PORT ? format->header_max : 0;
	enum vmirror_writer_answer answer;

	if (vmirror_writer_is_over(w))
		return VMIRROR_WRITER_LOST;
	/* In the usual case nothing but this. */
	if (w->block == NULL || !fits(w, size + more) || is_too_long(w, size + more)) {
		answer = make_room(w, size + more);
		if (answer != VMIRROR_WRITER_TAKEN)
			return answer;
	}
	if (w->port_ids[port] == NO_PORT)
		write_port(w, port);
	if (!vmirror_queue_count(w, source))
		return VMIRROR_WRITER_LOST;
	format->packet(w->fill + w->used, pkt, w->port_ids[port]);
	w->used += (uint32_t)size;
	return VMIRROR_WRITER_TAKEN;
}

/*
 * Somebody has emptied the file. It is as long as it was when the next block has been written, but where its
 * header was is nothing then. With a block under way a file system says so when that is written: if ever.
 */
static bool
is_emptied(const struct vmirror_writer *w, const struct stat *st)
{
	return (w->file->file.regular && (uint64_t)st->st_size < w->file->settled) ||
	       (w->out.first == NULL && vmirror_set_is_hollow(w->file));
}

/* Whether somebody has removed the file under our hands, or emptied it. */
static void
look_at_file(struct vmirror_writer *w)
{
	struct stat st;
	bool removed;

	if (w->file == NULL || fstat(w->file->file.out.fd, &st) != 0)
		return;
	w->file->emptied = w->file->emptied || is_emptied(w, &st);
	if (w->file->emptied && !loses(w))
		vmirror_writer_say(w, VMIRROR_WRITER_FAILED, VMIRROR_SET_EMPTIED,
				   w->file->file.path);
	/* One that was handed in may have no name yet. */
	w->file->linked = w->file->linked || st.st_nlink > 0;
	removed = w->file->linked && st.st_nlink == 0;
	pthread_mutex_lock(&w->lock);
	w->status.removed = removed && w->file->file.regular;
	pthread_mutex_unlock(&w->lock);
}

static void
look_around(struct vmirror_writer *w)
{
	if (w->now_ns - w->placed_ns < PLACE_NS)
		return;
	w->placed_ns = w->now_ns;
	look_at_file(w);
	if (w->out.ops->place != NULL)
		w->out.ops->place(&w->out);
}

/* Send off what was filled so long ago. */
static void
send_old(struct vmirror_writer *w, uint64_t age_ns)
{
	if (w->block != NULL && w->block->pkts > 0 && w->file != NULL && !w->file->broken &&
	    w->now_ns - w->block->began_ns >= age_ns)
		vmirror_queue_send(w, false);
}

/* What is compressed does better in large pieces. */
static bool
is_read_along(const struct vmirror_writer *w)
{
	return w->file != NULL && w->file->file.out.is_pipe && w->compress == NULL;
}

/* Whoever reads waits for the header: dumpcap opens no other pipe before, and can be told nothing. */
static void
send_header(struct vmirror_writer *w)
{
	if (!w->headed && is_read_along(w) && begin(w) == VMIRROR_WRITER_TAKEN)
		vmirror_queue_send(w, false);
}

void
vmirror_writer_poll(struct vmirror_writer *w)
{
	w->now_ns = vmirror_writer_now_ns();
	send_header(w);
	vmirror_queue_settle(w);
	send_old(w, is_read_along(w) ? FLUSH_PIPE_NS : FLUSH_NS);
	if (w->rotate_at != 0 && w->now_ns >= w->rotate_at && w->file != NULL && !loses(w) &&
	    vmirror_set_has_next(w) && end_file(w))
		w->rotate_at = 0;
	look_around(w);
}

bool
vmirror_writer_flush(struct vmirror_writer *w, uint64_t ns)
{
	w->now_ns = vmirror_writer_now_ns();
	vmirror_queue_settle(w);
	send_old(w, 0);
	if (w->out.first != NULL)
		vmirror_writer_wait(w, ns);
	/* What was filled is lost in its turn, if nothing more is written. */
	vmirror_queue_settle(w);
	return w->out.first == NULL && (w->block == NULL || w->block->pkts == 0);
}

void
vmirror_writer_wait(struct vmirror_writer *w, uint64_t ns)
{
	w->now_ns = vmirror_writer_now_ns();
	vmirror_queue_settle(w);
	if (!vmirror_queue_pending(w))
		return;
	w->out.ops->wait(&w->out, ns);
	vmirror_queue_settle(w);
}

/* How far the oldest block is: changes as long as the file takes anything. */
static uint64_t
progress(const struct vmirror_writer *w)
{
	const struct vmirror_block *b = w->out.first;

	return b == NULL ? 0 : b->offset + b->done + 1;
}

/* Wait until what is under way is through. @return false: it does not go on */
static bool
wait_for_all(struct vmirror_writer *w, uint64_t patience_ns)
{
	uint64_t start = vmirror_writer_now_ns();
	uint64_t since = start;
	uint64_t at = progress(w);

	while (w->out.first != NULL) {
		vmirror_writer_wait(w, 10000000);
		if (progress(w) != at) {
			at = progress(w);
			since = w->now_ns;
		}
		/* Nor does a reader who takes a little now and then keep us for ever. */
		if (w->now_ns - since >= patience_ns || w->now_ns - start >= 3 * patience_ns)
			return false;
	}
	return true;
}

void
vmirror_writer_finish(struct vmirror_writer *w, uint64_t patience_ns)
{
	bool all = true;

	w->now_ns = vmirror_writer_now_ns();
	/* A full disk is tried a last time. */
	w->again_ns = 0;
	vmirror_queue_settle(w);
	if (w->file == NULL && w->out.first == NULL)
		return;
	if (w->file != NULL && !loses(w)) {
		if (w->free == NULL)
			all = wait_for_all(w, patience_ns);
		if (all && begin(w) == VMIRROR_WRITER_TAKEN) {
			write_stats(w);
			vmirror_queue_send(w, true);
		}
	}
	if (!all || !wait_for_all(w, patience_ns))
		vmirror_queue_give_up(w);
	vmirror_queue_lose_filled(w);
	if (w->file != NULL)
		vmirror_set_end(w);
}

void
vmirror_writer_status(struct vmirror_writer *w, struct vmirror_writer_status *status)
{
	pthread_mutex_lock(&w->lock);
	*status = w->status;
	pthread_mutex_unlock(&w->lock);
}

void
vmirror_writer_forked(struct vmirror_writer *w)
{
	const struct vmirror_block *b;
	unsigned int i;

	/* Also the lock on the file is the child's as long as it has the descriptor. */
	if (w->file != NULL)
		vmirror_file_divert(&w->file->file);
	for (i = 0; i < w->n_next; i++)
		vmirror_file_divert(w->next[i]);
	for (b = w->out.first; b != NULL; b = b->next)
		vmirror_file_divert(&vmirror_set_file_of(b)->file);
}
