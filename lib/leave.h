/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_LEAVE_H
#define LIB_LEAVE_H

/* Ending a mirror without waiting for its sink. Control lock. */

#include <stdbool.h>
#include <stdint.h>

struct vmirror_mirror;

/** Begin: it sees no packet any more, and its thread is to get rid of those that it has. */
void
vmirror_mirror_leave(struct vmirror_mirror *mirror);

/**
 * Whether vmirror_mirror_stop() would find it done. To be asked again and again of one that leaves.
 *
 * @param ns  how long to wait for it, at the most
 */
bool
vmirror_mirror_has_left(struct vmirror_mirror *mirror, uint64_t ns);

/** Take away drain and sink as if they had never been. The hooks are off. */
void
vmirror_mirror_abort(struct vmirror_mirror *mirror);

/**
 * End one as if it had never been: what was made for it is gone, unless it has come to an end of its own by
 * now, or holds mbufs of the host's. It can be freed then.
 */
void
vmirror_mirror_undo(struct vmirror_mirror *mirror);

#endif
