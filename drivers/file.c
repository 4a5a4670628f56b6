/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink file: packets go to the file writer (writer/), without a vdev. Here a spec's keys become
 * the writer's options, and queues and ports the numbers by which it knows them.
 */

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devargs/value.h"
#include "lib/sink.h"
#include "writer/writer.h"

/* A file that takes nothing for so long is given up at the end. */
#define PATIENCE_NS UINT64_C(3000000000)

/* A flush waits so long at a time. */
#define FLUSH_NS UINT64_C(10000000)

/* zstd's: fast, so that the drain keeps up. */
#define COMPRESS_LEVEL 1

/* A source whose port has not been asked for yet. */
#define NO_SOURCE UINT32_MAX

struct file_sink {
	struct vmirror_writer *writer;
	struct vmirror_sink_owner owner;
	uint32_t *ports; /* by source; NO_SOURCE: not asked yet */
	unsigned int n_ports;
};

static const char *
arg(const struct vmirror_spec_sink *spec, const char *key)
{
	return vmirror_spec_sink_arg(spec, key);
}

/* --- a spec's keys */

static int
read_number(const struct vmirror_spec_sink *spec, const char *key, uint64_t min, uint64_t max,
	    uint64_t *number, struct vmirror_error *err)
{
	const struct vmirror_value_limits limits = {.min = min, .max = max, .scaled = true};

	return arg(spec, key) == NULL
		       ? 0
		       : vmirror_value_number(number, arg(spec, key), &limits, key, err);
}

static int
read_choice(const struct vmirror_spec_sink *spec, const char *key, const char *const known[],
	    unsigned int *choice, struct vmirror_error *err)
{
	return arg(spec, key) == NULL
		       ? 0
		       : vmirror_value_choice(choice, arg(spec, key), known, key, err);
}

/* Where to: path=FILE, path=- or fd=N. */
static int
read_place(const struct vmirror_spec_sink *spec, struct vmirror_writer_opts *opts,
	   struct vmirror_error *err)
{
	const char *path = arg(spec, "path");
	uint64_t fd = STDOUT_FILENO;
	int ret;

	if ((path != NULL) == (arg(spec, "fd") != NULL))
		return vmirror_error_set(err, -EINVAL,
					 path == NULL ? "path is missing; right would be "
							"sink=[file,path=report.pcapng]"
						      : "path and fd are both given; right would "
							"be one of them");
	ret = read_number(spec, "fd", 0, INT_MAX, &fd, err);
	if (ret == 0 && (path == NULL || strcmp(path, "-") == 0))
		opts->fd = (int)fd;
	else
		opts->path = path;
	return ret;
}

static int
read_rotation(const struct vmirror_spec_sink *spec, struct vmirror_writer_opts *opts,
	      struct vmirror_error *err)
{
	uint64_t seconds = 0, files = 0;
	int ret;

	ret = read_number(spec, "rotate_bytes", 65536, INT64_MAX, &opts->rotate_bytes, err);
	if (ret == 0)
		ret = read_number(spec, "rotate_seconds", 1, 1000000000, &seconds, err);
	if (ret == 0)
		ret = read_number(spec, "files", 1, 100000, &files, err);
	if (ret != 0)
		return ret;
	opts->rotate_ns = seconds * UINT64_C(1000000000);
	opts->files = (unsigned int)files;
	if ((seconds != 0 || opts->rotate_bytes != 0) && opts->path == NULL &&
	    opts->fd == STDOUT_FILENO)
		return vmirror_error_set(
			err, -EINVAL,
			"rotate_bytes and rotate_seconds need a path to name files "
			"after");
	if (files != 0 && opts->path == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "files=%" PRIu64
					 ": of files that are handed in their giver "
					 "keeps as many as it likes; leave it out",
					 files);
	if (files != 0 && seconds == 0 && opts->rotate_bytes == 0)
		return vmirror_error_set(err, -EINVAL,
					 "files=%" PRIu64 " needs rotate_bytes or rotate_seconds: "
					 "without them there is one file",
					 files);
	return 0;
}

static int
read_opts(const struct vmirror_spec_sink *spec, struct vmirror_writer_opts *opts,
	  struct vmirror_error *err)
{
	static const char *const formats[] = {"pcapng", "pcap", NULL};
	static const char *const compressors[] = {"none", "zstd", NULL};
	static const char *const no_yes[] = {"0", "1", NULL};
	static const char *const fulls[] = {
		[VMIRROR_WRITER_STOP] = "stop",
		[VMIRROR_WRITER_DROP] = "drop",
		[VMIRROR_WRITER_DELETE_OLDEST] = "delete-oldest",
		NULL,
	};
	unsigned int format = 0, compress = 0, overwrite = 0, full = VMIRROR_WRITER_STOP;
	unsigned int i;
	int ret;

	*opts = (struct vmirror_writer_opts){.fd = -1};
	for (i = 0; i < spec->n_args; i++)
		if (spec->args[i].value == NULL)
			return vmirror_error_set(err, -EINVAL, "%s stands without a value",
						 spec->args[i].key);
	ret = read_place(spec, opts, err);
	if (ret == 0)
		ret = read_choice(spec, "format", formats, &format, err);
	if (ret == 0)
		ret = read_choice(spec, "compress", compressors, &compress, err);
	if (ret == 0)
		ret = read_choice(spec, "overwrite", no_yes, &overwrite, err);
	if (ret == 0)
		ret = read_choice(spec, "on_full", fulls, &full, err);
	if (ret == 0)
		ret = read_rotation(spec, opts, err);
	if (ret != 0)
		return ret;
	opts->format = format == 0 ? &vmirror_writer_pcapng : &vmirror_writer_pcap;
	opts->compress = compress == 0 ? 0 : COMPRESS_LEVEL;
	opts->overwrite = overwrite != 0;
	opts->on_full = (enum vmirror_writer_full)full;
	opts->exec = arg(spec, "exec");
	opts->about.comment = arg(spec, "comment");
	if (opts->on_full == VMIRROR_WRITER_DELETE_OLDEST && opts->files == 0)
		return vmirror_error_set(
			err, -EINVAL,
			"on_full=delete-oldest needs files=N: only files of a ring "
			"are removed");
	if (opts->on_full == VMIRROR_WRITER_DROP && opts->compress != 0)
		return vmirror_error_set(err, -EINVAL,
					 "on_full=drop: what was compressed cannot go on behind a "
					 "loss; right would be stop or delete-oldest");
	if (opts->exec != NULL && opts->path == NULL)
		return vmirror_error_set(err, -EINVAL, "exec needs a path: it runs for files");
	if (opts->about.comment != NULL && !opts->format->has_ports)
		return vmirror_error_set(err, -EINVAL, "comment: format=pcap has no place for one");
	return 0;
}

/* A file for each of a series: they are numbered, and each is one. */
static int
check_series(const struct vmirror_spec_sink *spec, struct vmirror_error *err)
{
	static const char *const refused[] = {"fd", "rotate_bytes", "rotate_seconds", "files"};
	const char *path = arg(spec, "path");
	unsigned int i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (arg(spec, refused[i]) != NULL)
			return vmirror_error_set(err, -EINVAL,
						 "%s: mode=recorder makes a file for each "
						 "snapshot, named after path=; leave it out",
						 refused[i]);
	if (arg(spec, "on_full") != NULL && strcmp(arg(spec, "on_full"), "delete-oldest") == 0)
		return vmirror_error_set(err, -EINVAL,
					 "on_full=delete-oldest: mode=recorder removes no file; "
					 "right would be stop or drop");
	if (path != NULL && strcmp(path, "-") == 0)
		return vmirror_error_set(err, -EINVAL,
					 "path=-: mode=recorder makes a file for each snapshot; "
					 "right would be path=snapshot.pcapng");
	return 0;
}

/* --- */

/* /dev/null is nobody's; a file is the same under whatever name, and in whatever container. */
static void
identify(struct vmirror_sink_plan *plan, const struct stat *st)
{
	plan->shareable = S_ISCHR(st->st_mode);
	if (!S_ISREG(st->st_mode))
		return;
	plan->dev = st->st_dev;
	plan->ino = st->st_ino;
}

/* Numbers are used again while the file behind one is still written: it is what counts. */
static void
name_descriptor(int fd, struct vmirror_sink_plan *plan)
{
	char link[64], what[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) == 0)
		identify(plan, &st);
	if (fd == STDOUT_FILENO) {
		snprintf(plan->resource, sizeof(plan->resource), "stdout");
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, what, sizeof(what) - 1);
	if (len < 0)
		len = snprintf(what, sizeof(what), "descriptor %d", fd);
	what[len] = '\0';
	snprintf(plan->resource, sizeof(plan->resource), "%s%s", what[0] == '/' ? "file " : "",
		 what);
}

static void
name_resource(const struct vmirror_writer_opts *opts, struct vmirror_sink_plan *plan)
{
	char for_dir[PATH_MAX], for_base[PATH_MAX], real[PATH_MAX];
	const char *kind = "file", *dir;
	struct stat st;

	if (opts->path == NULL) {
		name_descriptor(opts->fd, plan);
		return;
	}
	if (stat(opts->path, &st) == 0) {
		identify(plan, &st);
		/* A successor of one that has lost its reader is not a file. */
		kind = S_ISFIFO(st.st_mode) ? "fifo" : kind;
	}
	if (plan->number != 0)
		kind = "files named after";
	strcpy(for_dir, opts->path);
	strcpy(for_base, opts->path);
	dir = dirname(for_dir);
	if (realpath(dir, real) == NULL)
		strcpy(real, dir);
	snprintf(plan->resource, sizeof(plan->resource), "%s %s/%s", kind,
		 strcmp(real, "/") == 0 ? "" : real, basename(for_base));
}

static int
file_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	   struct vmirror_error *err)
{
	struct vmirror_writer_opts opts;
	int ret = plan->number != 0 ? check_series(spec, err) : 0;

	if (ret == 0)
		ret = read_opts(spec, &opts, err);
	if (ret != 0)
		return vmirror_error_prefix(err, ret, "sink file: ");
	opts.number = plan->number;
	if (ret == 0)
		ret = vmirror_writer_check(&opts, err);
	if (ret != 0)
		return vmirror_error_prefix(err, ret, "sink file: ");
	plan->bytes = vmirror_writer_bytes(opts.compress != 0);
	name_resource(&opts, plan);
	return 0;
}

static void
file_settled(void *arg, unsigned int source, uint64_t pkts, bool written)
{
	const struct file_sink *file = arg;

	file->owner.settled(file->owner.arg, source, pkts, written);
}

static void
file_stats(void *arg, const char *port, struct vmirror_writer_stats *stats)
{
	const struct file_sink *file = arg;
	struct vmirror_sink_port_stats s;
	uint64_t lost;
	int len;

	file->owner.count_port(file->owner.arg, port, &s);
	lost = s.no_room + s.rejected + s.write_error;
	stats->received = s.seen;
	stats->accepted = s.seen - s.left_out;
	stats->dropped = lost;
	stats->written = s.written;
	len = snprintf(stats->comment, sizeof(stats->comment),
		       "dropped by the port itself (imissed): %" PRIu64
		       "; by the mirror: no_room %" PRIu64 ", sink_rejected %" PRIu64
		       ", write_error %" PRIu64,
		       s.imissed, s.no_room, s.rejected, s.write_error);
	if (s.overwritten > 0)
		snprintf(stats->comment + len, sizeof(stats->comment) - (size_t)len,
			 "; recorded, and given up for newer ones: %" PRIu64, s.overwritten);
}

static int
add_ports(struct file_sink *file, const struct vmirror_sink_needs *needs)
{
	struct vmirror_writer_port port;
	unsigned int i;
	int ret;

	for (i = 0; i < needs->n_ports; i++) {
		port = (struct vmirror_writer_port){.speed_bps = needs->ports[i].speed_bps};
		snprintf(port.name, sizeof(port.name), "%s", needs->ports[i].name);
		snprintf(port.description, sizeof(port.description), "%s",
			 needs->ports[i].description);
		ret = vmirror_writer_add_port(file->writer, &port);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
file_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	  size_t size, struct vmirror_error *err)
{
	struct file_sink *file = calloc(1, sizeof(*file));
	char how[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_writer_opts opts;
	int ret;

	if (file == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink file: out of memory");
	vmirror_spec_build(sink->needs->mirror, how, sizeof(how));
	file->owner = sink->needs->owner;
	ret = read_opts(spec, &opts, err);
	if (ret != 0)
		goto free_file;
	opts.number = sink->needs->number;
	opts.about.program = "vmirror";
	opts.about.how = how;
	opts.about.filter = sink->needs->mirror->filter;
	opts.about.snaplen = sink->needs->mirror->snaplen;
	opts.settled = file_settled;
	opts.stats = file_stats;
	opts.arg = file;
	ret = vmirror_writer_open(&file->writer, &opts, err);
	if (ret != 0)
		goto free_file;
	ret = add_ports(file, sink->needs);
	if (ret != 0) {
		vmirror_error_set(err, ret, "out of memory");
		goto close;
	}
	sink->priv = file;
	return 0;

close:
	vmirror_writer_close(file->writer, true);
free_file:
	free(file);
	return vmirror_error_prefix(err, ret, "sink file: ");
}

/* The writer's number of a source's port. */
static int
find_port(struct file_sink *file, const struct vmirror_sink_source *source)
{
	struct vmirror_writer_port port = {.name = ""};
	int n = vmirror_writer_find_port(file->writer, source->port);
	uint32_t *more;
	unsigned int i;

	if (n < 0) {
		snprintf(port.name, sizeof(port.name), "%s", source->port);
		n = vmirror_writer_add_port(file->writer, &port);
	}
	if (n < 0 || source->index < file->n_ports)
		return n;
	more = realloc(file->ports, (source->index + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	for (i = file->n_ports; i <= source->index; i++)
		more[i] = NO_SOURCE;
	file->ports = more;
	file->n_ports = source->index + 1;
	return n;
}

static enum vmirror_sink_answer
file_put(struct vmirror_sink *sink, const struct vmirror_sink_packet *pkt)
{
	struct file_sink *file = sink->priv;
	const struct vmirror_sink_source *source = pkt->source;
	const struct vmirror_writer_packet out = {
		.ns = pkt->ns,
		.bytes = pkt->bytes,
		.len = pkt->len < VMIRROR_WRITER_MAX_PACKET ? pkt->len : VMIRROR_WRITER_MAX_PACKET,
		.wire_len = pkt->wire_len,
		.hash = pkt->hash,
		.queue = source->queue,
		.is_tx = source->is_tx,
		.has_hash = pkt->has_hash,
	};
	int port;

	if (source->index >= file->n_ports || file->ports[source->index] == NO_SOURCE) {
		port = find_port(file, source);
		if (port < 0)
			return VMIRROR_SINK_LOSES;
		file->ports[source->index] = (uint32_t)port;
	}
	switch (vmirror_writer_put(file->writer, source->index, file->ports[source->index], &out)) {
	case VMIRROR_WRITER_TAKEN:
		return VMIRROR_SINK_TAKEN;
	case VMIRROR_WRITER_BUSY:
		return VMIRROR_SINK_BUSY;
	default:
		return VMIRROR_SINK_LOSES;
	}
}

static void
file_poll(struct vmirror_sink *sink)
{
	struct file_sink *file = sink->priv;

	vmirror_writer_poll(file->writer);
}

static void
file_wait(struct vmirror_sink *sink, uint64_t ns)
{
	struct file_sink *file = sink->priv;

	vmirror_writer_wait(file->writer, ns);
}

static bool
file_flush(struct vmirror_sink *sink)
{
	struct file_sink *file = sink->priv;

	return vmirror_writer_flush(file->writer, FLUSH_NS);
}

static void
file_finish(struct vmirror_sink *sink)
{
	struct file_sink *file = sink->priv;

	vmirror_writer_finish(file->writer, PATIENCE_NS);
}

static void
file_name(struct vmirror_sink *sink, char *buf, size_t size)
{
	struct file_sink *file = sink->priv;
	struct vmirror_writer_status status;

	vmirror_writer_status(file->writer, &status);
	snprintf(buf, size, "%s", status.path);
}

static int
file_next(struct vmirror_sink *sink, int fd, struct vmirror_error *err)
{
	struct file_sink *file = sink->priv;

	return vmirror_writer_next(file->writer, fd, err);
}

static void
file_files(struct vmirror_sink *sink, struct vmirror_sink_files *files)
{
	struct file_sink *file = sink->priv;
	struct vmirror_writer_status status;

	vmirror_writer_status(file->writer, &status);
	files->begun = status.files;
	files->done = status.files_done;
	files->bytes = status.bytes;
}

static enum vmirror_sink_health
file_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
	    char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct file_sink *file = sink->priv;
	struct vmirror_writer_status status;

	vmirror_writer_status(file->writer, &status);
	snprintf(reason, VMIRROR_SINK_REASON_SIZE, "%s", status.reason);
	switch (status.state) {
	case VMIRROR_WRITER_FULL:
		return VMIRROR_SINK_AILS;
	case VMIRROR_WRITER_GONE:
		return status.fifo ? VMIRROR_SINK_LOST : VMIRROR_SINK_FAILED;
	case VMIRROR_WRITER_FAILED:
		return VMIRROR_SINK_FAILED;
	case VMIRROR_WRITER_WELL:
		break;
	}
	if (!status.removed)
		return VMIRROR_SINK_WELL;
	snprintf(reason, VMIRROR_SINK_REASON_SIZE,
		 "%.120s was removed; what is written to it is lost when it ends", status.path);
	return VMIRROR_SINK_AILS;
}

static void
file_forked(struct vmirror_sink *sink)
{
	struct file_sink *file = sink->priv;

	vmirror_writer_forked(file->writer);
}

static void
file_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	struct file_sink *file = sink->priv;

	vmirror_writer_close(file->writer, end == VMIRROR_SINK_ABORT);
	free(file->ports);
	free(file);
}

static const char *const file_keys[] = {
	"path",           "fd",    "format", "compress", "overwrite", "rotate_bytes",
	"rotate_seconds", "files", "exec",   "on_full",  "comment",   NULL,
};

static const struct vmirror_sink_takes file_takes = {
	.put = file_put,
	.poll = file_poll,
	.wait = file_wait,
	.flush = file_flush,
	.finish = file_finish,
	.name = file_name,
	.next = file_next,
	.files = file_files,
};

extern const struct vmirror_sink_ops vmirror_sink_file;

const struct vmirror_sink_ops vmirror_sink_file = {
	.driver = "file",
	.keys = file_keys,
	.takes = &file_takes,
	.check = file_check,
	.open = file_open,
	.health = file_health,
	.forked = file_forked,
	.close = file_close,
};
