/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Capabilities by their names, for whoever was refused something: the kernel and the PMDs say EPERM,
 * EINVAL or EIO, and no word of what would have been enough.
 */

#include "capability.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	uint64_t bit;
	const char *name;
} known[] = {
	{VMIRROR_CAP_NET_RAW, "CAP_NET_RAW"},
	{VMIRROR_CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{VMIRROR_CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
	{VMIRROR_CAP_IPC_LOCK, "CAP_IPC_LOCK"},
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

/* @return those that are in effect; all of them when it cannot be told */
static uint64_t
effective(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	/* libc has no function for it, libcap would be one dependency more. */
	if (syscall(SYS_capget, &header, data) != 0)
		return UINT64_MAX;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

uint64_t
vmirror_capability_missing(uint64_t wanted, char buf[VMIRROR_CAPABILITY_TEXT_SIZE])
{
	uint64_t missing = wanted & ~effective(), left = missing;
	unsigned int n = 0;
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < N_KNOWN; i++) {
		if (!(left & known[i].bit))
			continue;
		left &= ~known[i].bit;
		len += (size_t)snprintf(buf + len, VMIRROR_CAPABILITY_TEXT_SIZE - len, "%s%s",
					n == 0      ? ""
					: left == 0 ? " and "
						    : ", ",
					known[i].name);
		n++;
	}
	if (n > 0)
		snprintf(buf + len, VMIRROR_CAPABILITY_TEXT_SIZE - len, " %s missing",
			 n == 1 ? "is" : "are");
	return missing;
}
