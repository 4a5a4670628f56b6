/* SPDX-License-Identifier: BSD-3-Clause */

/* Blocks written with io_uring: many at a time, none of them waited for. */

#include <errno.h>
#include <liburing.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "writer/out.h"

struct uring {
	struct io_uring ring;
	bool fixed; /* the blocks' memory is the kernel's to write from without asking each time */
	cpu_set_t placed;
};

static int
uring_init(struct vmirror_out *out, const struct vmirror_block *blocks, unsigned int n)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	struct iovec *all = calloc(n, sizeof(*all));
	unsigned int i;
	int ret = -ENOMEM;

	if (uring == NULL || all == NULL)
		goto free;
	ret = io_uring_queue_init(n + 1, &uring->ring, 0); /* and one to be placed with */
	if (ret != 0)
		goto free;
	/* A child of fork() has no business in it. */
	io_uring_ring_dontfork(&uring->ring);
	for (i = 0; i < n; i++)
		all[i] = (struct iovec){.iov_base = blocks[i].data, .iov_len = blocks[i].room};
	/* Counts as locked memory, of which there may be too little allowed. */
	uring->fixed = io_uring_register_buffers(&uring->ring, all, n) == 0;
	free(all);
	out->priv = uring;
	return 0;

free:
	free(all);
	free(uring);
	return ret;
}

static void
uring_submit(struct vmirror_out *out, struct vmirror_block *block)
{
	struct uring *uring = out->priv;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
	const uint8_t *from = block->data + block->done;
	uint32_t len = block->used - block->done;

	/* There are as many places as blocks. */
	if (uring->fixed)
		io_uring_prep_write_fixed(sqe, block->file->fd, from, len,
					  block->offset + block->done, (int)block->index);
	else
		io_uring_prep_write(sqe, block->file->fd, from, len, block->offset + block->done);
	io_uring_sqe_set_data(sqe, block);
	block->pending = true;
	/* What the kernel has no room for now it gets with the next ones. */
	io_uring_submit(&uring->ring);
}

static void
uring_reap(struct vmirror_out *out)
{
	struct uring *uring = out->priv;
	struct io_uring_cqe *cqe;

	if (io_uring_sq_ready(&uring->ring) > 0)
		io_uring_submit(&uring->ring);
	while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		struct vmirror_block *block = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&uring->ring, cqe);
		if (block == NULL)
			continue;
		block->pending = false;
		if (res > 0)
			block->done += (uint32_t)res;
		else if (res != -EINTR && res != -EAGAIN)
			block->error = res != 0 ? res : -EIO;
		/* Less than asked for: what stops it shows at the next try. */
		if (block->error == 0 && block->done < block->used)
			uring_submit(out, block);
	}
}

static void
uring_wait(struct vmirror_out *out, uint64_t ns)
{
	struct __kernel_timespec ts = {.tv_sec = (int64_t)(ns / 1000000000),
				       .tv_nsec = (long long)(ns % 1000000000)};
	struct uring *uring = out->priv;
	struct io_uring_cqe *cqe;

	io_uring_wait_cqe_timeout(&uring->ring, &cqe, &ts);
}

static void
uring_place(struct vmirror_out *out)
{
	struct uring *uring = out->priv;
	struct io_uring_sqe *sqe;
	cpu_set_t here;

	if (sched_getaffinity(0, sizeof(here), &here) != 0 || CPU_EQUAL(&here, &uring->placed))
		return;
	/* A thread has no workers whose place could be said before it has submitted something. */
	sqe = io_uring_get_sqe(&uring->ring);
	if (sqe == NULL)
		return;
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	io_uring_submit(&uring->ring);
	if (io_uring_register_iowq_aff(&uring->ring, sizeof(here), &here) == 0)
		uring->placed = here;
}

static void
uring_fini(struct vmirror_out *out)
{
	struct uring *uring = out->priv;

	io_uring_queue_exit(&uring->ring);
	free(uring);
}

const struct vmirror_out_ops vmirror_out_uring = {
	.name = "io_uring",
	.init = uring_init,
	.submit = uring_submit,
	.reap = uring_reap,
	.wait = uring_wait,
	.place = uring_place,
	.fini = uring_fini,
};
