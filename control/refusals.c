/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/refusals.h"

#include <inttypes.h>
#include <stdbool.h>

#include "lib/shared.h"
#include "lib/thread.h"

/* Of a connection these are told one by one, the others as a number when it ends. */
#define MOST_OF_ONE 3u

/* Who connects again and again is no better: of all connections so many lines, and then one a second. */
#define MOST_AT_ONCE 32u
#define AGAIN_NS     UINT64_C(1000000000)

static struct {
	unsigned int left; /* lines that may be told at once */
	uint64_t since_ns; /* when there were so many */
	uint64_t untold;   /* refusals of those that went when there was none */
} lines;

void
vmirror_refusals_begin(void)
{
	lines.left = MOST_AT_ONCE;
	lines.since_ns = vmirror_now_ns();
	lines.untold = 0;
}

static bool
may_tell(void)
{
	uint64_t now = vmirror_now_ns(), more = (now - lines.since_ns) / AGAIN_NS;

	if (more >= MOST_AT_ONCE - lines.left) {
		lines.left = MOST_AT_ONCE;
		lines.since_ns = now;
	} else {
		lines.left += (unsigned int)more;
		lines.since_ns += more * AGAIN_NS;
	}
	if (lines.left == 0)
		return false;
	lines.left--;
	return true;
}

void
vmirror_refusals_finish(void)
{
	if (lines.untold > 0)
		vmirror_shared_tell(VMIRROR_INFO,
				    "control: clients that have gone were refused %" PRIu64
				    " times more",
				    lines.untold);
	lines.untold = 0;
}

void
vmirror_refusals_tell(struct vmirror_session *s, const char *method,
		      const struct vmirror_error *err)
{
	s->refused++;
	if (s->refused > MOST_OF_ONE || !may_tell()) {
		s->untold++;
		return;
	}
	vmirror_shared_tell(VMIRROR_INFO, "control: pid %d, uid %u was refused %s: %s", (int)s->pid,
			    (unsigned int)s->uid, method, err->text);
	if (lines.untold > 0 && may_tell())
		vmirror_refusals_finish();
}

void
vmirror_refusals_conclude(const struct vmirror_session *s)
{
	if (s->untold == 0)
		return;
	if (may_tell())
		vmirror_shared_tell(VMIRROR_INFO,
				    "control: pid %d, uid %u was refused %" PRIu64 " times more",
				    (int)s->pid, (unsigned int)s->uid, s->untold);
	else
		lines.untold += s->untold;
}
