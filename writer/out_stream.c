/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks written into a pipe, a terminal or whatever else a descriptor stands for that has no places.
 * The descriptor may be shared with others, so that it must not be made non-blocking. A pipe is opened anew
 * for that; where this cannot be it is given only as much as it takes at once. poll() says of a pipe that it can be written to when a
 * page is free. [Linux, fs/pipe.c: pipe_poll()]
 */

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "writer/out.h"

static int
stream_init(struct vmirror_out *out)
{
	return 0;
}

static void
stream_submit(struct vmirror_out *out, struct vmirror_block *block)
{
	block->pending = true;
}

/* @return whether it takes some */
static bool
ready(const struct vmirror_out_file *file, int timeout_ms)
{
	struct pollfd pfd = {.fd = file->fd, .events = POLLOUT};

	/* Where nobody reads any more, write() says so. */
	return poll(&pfd, 1, timeout_ms) == 1;
}

/* How little a socket has room for when poll() says that it has some is up to its owner. */
static ssize_t
give(const struct vmirror_out_file *file, const void *data, uint32_t len)
{
	return file->is_socket ? send(file->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL)
			       : write(file->fd, data, len);
}

/* @return false: it takes no more now */
static bool
write_some(struct vmirror_block *block)
{
	uint32_t len = block->used - block->done;
	ssize_t n;

	if (!ready(block->file, 0))
		return false;
	if (block->file->is_pipe && !block->file->is_prompt && len > VMIRROR_OUT_ALIGN)
		len = VMIRROR_OUT_ALIGN;
	n = give(block->file, block->data + block->done, len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		block->error = n == 0 ? -EIO : -errno;
	else
		block->done += (uint32_t)n;
	return true;
}

static void
stream_reap(struct vmirror_out *out)
{
	struct vmirror_block *block;

	for (block = out->first; block != NULL; block = block->next) {
		while (block->pending) {
			if (!write_some(block))
				return;
			block->pending = block->error == 0 && block->done < block->used;
		}
		/* What is behind a hole can be read by nobody. */
		if (block->error != 0 && block->next != NULL && block->next->pending) {
			block->next->error = block->error;
			block->next->pending = false;
		}
	}
}

static void
stream_wait(struct vmirror_out *out, uint64_t ns)
{
	if (out->first != NULL)
		ready(out->first->file, (int)((ns + 999999) / 1000000));
}

static void
stream_fini(struct vmirror_out *out)
{
}

const struct vmirror_out_ops vmirror_out_stream = {
	.name = "a stream",
	.init = stream_init,
	.submit = stream_submit,
	.reap = stream_reap,
	.wait = stream_wait,
	.fini = stream_fini,
};
