/* SPDX-License-Identifier: BSD-3-Clause */

#include "writer/compress.h"

#include <stdlib.h>
#include <zstd.h>

struct vmirror_compress {
	ZSTD_CCtx *ctx;
};

struct vmirror_compress *
vmirror_compress_create(int level)
{
	struct vmirror_compress *compress = malloc(sizeof(*compress));

	if (compress == NULL)
		return NULL;
	compress->ctx = ZSTD_createCCtx();
	if (compress->ctx == NULL) {
		free(compress);
		return NULL;
	}
	ZSTD_CCtx_setParameter(compress->ctx, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(compress->ctx, ZSTD_c_checksumFlag, 1);
	return compress;
}

void
vmirror_compress_destroy(struct vmirror_compress *compress)
{
	if (compress == NULL)
		return;
	ZSTD_freeCCtx(compress->ctx);
	free(compress);
}

size_t
vmirror_compress_bound(size_t size)
{
	/* And what a flush, or the end of a frame, adds. */
	return ZSTD_compressBound(size) + 64;
}

void
vmirror_compress_begin(struct vmirror_compress *compress)
{
	ZSTD_CCtx_reset(compress->ctx, ZSTD_reset_session_only);
}

size_t
vmirror_compress_flush(struct vmirror_compress *compress, void *to, size_t room, const void *from,
		       size_t size, bool last)
{
	ZSTD_outBuffer out = {.dst = to, .size = room};
	ZSTD_inBuffer in = {.src = from, .size = size};
	size_t left;

	do
		left = ZSTD_compressStream2(compress->ctx, &out, &in,
					    last ? ZSTD_e_end : ZSTD_e_flush);
	while (!ZSTD_isError(left) && left > 0 && out.pos < out.size);
	return left == 0 ? out.pos : 0;
}
