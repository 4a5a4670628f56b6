/* SPDX-License-Identifier: BSD-3-Clause */

/* Blocks written one after the other, where io_uring is not to be had. */

#include <errno.h>
#include <unistd.h>

#include "writer/out.h"

static int
pwrite_init(struct vmirror_out *out)
{
	return 0;
}

static void
pwrite_submit(struct vmirror_out *out, struct vmirror_block *block)
{
	while (block->done < block->used && block->error == 0) {
		ssize_t n = pwrite(block->file->fd, block->data + block->done,
				   block->used - block->done, (off_t)(block->offset + block->done));

		if (n > 0)
			block->done += (uint32_t)n;
		else if (n == 0 || errno != EINTR)
			block->error = n == 0 ? -EIO : -errno;
	}
}

static void
pwrite_reap(struct vmirror_out *out)
{
}

static void
pwrite_wait(struct vmirror_out *out, uint64_t ns)
{
}

static void
pwrite_fini(struct vmirror_out *out)
{
}

const struct vmirror_out_ops vmirror_out_pwrite = {
	.name = "pwrite",
	.init = pwrite_init,
	.submit = pwrite_submit,
	.reap = pwrite_reap,
	.wait = pwrite_wait,
	.fini = pwrite_fini,
};
