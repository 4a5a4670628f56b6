/* SPDX-License-Identifier: BSD-3-Clause */

/* Writing to stdout and stderr for report.c and say.c. */

#include "out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

bool
out_write(int fd, const char *text, size_t len, int wait_ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};

	while (len > 0) {
		int n = poll(&ready, 1, wait_ms);
		ssize_t done;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		/* A pipe that is ready has room for so much. */
		done = write(fd, text, len < PIPE_BUF ? len : PIPE_BUF);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		text += done;
		len -= (size_t)done;
	}
	return true;
}
