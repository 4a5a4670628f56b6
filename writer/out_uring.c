/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks written with io_uring. Two writes are under way at a time, each of as many blocks as have come
 * together meanwhile: one after the other, writes that make a file longer are not slower than many at a
 * time, if only they are large. The second is there so that the disk need not wait for us.
 */

#include <errno.h>
#include <liburing.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "writer/out.h"

#define WRITES     2
#define MAX_BLOCKS 7 /* of a write: with those of the other one, some are left to be filled */

/* Blocks that stand one behind the other in a file. */
struct write {
	struct vmirror_block *first; /* NULL: none is under way */
	unsigned int n;
	struct iovec iov[MAX_BLOCKS];
};

struct uring {
	struct io_uring ring;
	struct write writes[WRITES];
	cpu_set_t placed;
};

/* Something that does nothing. @return whether there was a place for it */
static bool
submit_nop(struct uring *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (sqe == NULL)
		return false;
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	return io_uring_submit(&uring->ring) == 1;
}

static int
uring_init(struct vmirror_out *out)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int ret;

	if (uring == NULL)
		return -ENOMEM;
	ret = io_uring_queue_init(WRITES + 1, &uring->ring, 0); /* and one to be placed with */
	if (ret != 0)
		goto free;
	/* Who may make one need not be allowed to use it. */
	if (!submit_nop(uring)) {
		io_uring_queue_exit(&uring->ring);
		ret = -EPERM;
		goto free;
	}
	/* A child of fork() has no business in it. */
	io_uring_ring_dontfork(&uring->ring);
	out->priv = uring;
	return 0;

free:
	free(uring);
	return ret;
}

/* The oldest blocks that wait and follow one another in a file. */
static bool
gather(const struct vmirror_out *out, struct write *write)
{
	struct vmirror_block *b = out->first;
	uint64_t end;

	while (b != NULL && (!b->pending || b->sent))
		b = b->next;
	if (b == NULL)
		return false;
	write->first = b;
	write->n = 0;
	end = b->offset + b->done;
	while (b != NULL && b->pending && !b->sent && write->n < MAX_BLOCKS &&
	       b->file == write->first->file && b->offset + b->done == end) {
		write->iov[write->n++] = (struct iovec){
			.iov_base = b->data + b->done,
			.iov_len = b->used - b->done,
		};
		b->sent = true;
		end = b->offset + b->used;
		b = b->next;
	}
	return true;
}

static void
start(struct vmirror_out *out)
{
	struct uring *uring = out->priv;
	struct io_uring_sqe *sqe;
	unsigned int i;

	for (i = 0; i < WRITES; i++) {
		struct write *write = &uring->writes[i];

		if (write->first != NULL)
			continue;
		/* There are as many places as writes; what the kernel did not take has them, too. */
		if (io_uring_sq_space_left(&uring->ring) == 0 || !gather(out, write))
			break;
		sqe = io_uring_get_sqe(&uring->ring);
		io_uring_prep_writev(sqe, write->first->file->fd, write->iov, write->n,
				     write->first->offset + write->first->done);
		io_uring_sqe_set_data(sqe, write);
	}
	/* What the kernel has no room for now it gets with the next ones. */
	if (io_uring_sq_ready(&uring->ring) > 0)
		io_uring_submit(&uring->ring);
}

static void
uring_submit(struct vmirror_out *out, struct vmirror_block *block)
{
	block->pending = true;
	block->sent = false;
	start(out);
}

/* A write is through: with all of its blocks, some, or none. */
static void
complete(struct write *write, int res)
{
	uint32_t left = res > 0 ? (uint32_t)res : 0;
	bool failed = res <= 0 && res != -EINTR && res != -EAGAIN;
	struct vmirror_block *b = write->first;
	unsigned int i;

	for (i = 0; i < write->n; i++, b = b->next) {
		uint32_t done = b->used - b->done < left ? b->used - b->done : left;

		b->done += done;
		left -= done;
		b->sent = false;
		/* Less than asked for: what stops it shows at the next try. */
		b->pending = b->done < b->used && !failed;
		if (failed)
			b->error = res != 0 ? res : -EIO;
	}
	write->first = NULL;
}

static void
uring_reap(struct vmirror_out *out)
{
	struct uring *uring = out->priv;
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		struct write *write = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&uring->ring, cqe);
		if (write != NULL)
			complete(write, res);
	}
	start(out);
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
	cpu_set_t here;

	if (sched_getaffinity(0, sizeof(here), &here) != 0 || CPU_EQUAL(&here, &uring->placed))
		return;
	/* A thread has no workers whose place could be said before it has submitted something. */
	if (submit_nop(uring) && io_uring_register_iowq_aff(&uring->ring, sizeof(here), &here) == 0)
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
