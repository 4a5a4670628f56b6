/* SPDX-License-Identifier: BSD-3-Clause */

/* What all of lib/ shares, and telling the host. */

#include "lib/shared.h"

#include <stdarg.h>
#include <stdio.h>

#include <rte_log.h>

struct vmirror_shared vmirror_shared = {
	.control = PTHREAD_MUTEX_INITIALIZER,
	.hooks = PTHREAD_MUTEX_INITIALIZER,
	.mirrors = TAILQ_HEAD_INITIALIZER(vmirror_shared.mirrors),
};

static struct vmirror_engine_opts host;
static int logtype;

void
vmirror_shared_init(const struct vmirror_engine_opts *opts)
{
	host = opts != NULL ? *opts : (struct vmirror_engine_opts){.size = sizeof(*opts)};
	vmirror_shared.max_memory = host.max_memory != 0 ? host.max_memory : UINT64_MAX;
	vmirror_shared.unaware_host = host.unaware_host != 0;
	logtype = rte_log_register_type_and_pick_level("lib.vmirror", RTE_LOG_NOTICE);
}

static void
tell(enum vmirror_level level, const char *fmt, va_list ap)
{
	static const uint32_t levels[] = {
		[VMIRROR_INFO] = RTE_LOG_INFO,
		[VMIRROR_WARNING] = RTE_LOG_WARNING,
		[VMIRROR_ERROR] = RTE_LOG_ERR,
	};
	char text[VMIRROR_ERROR_SIZE];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (host.notify != NULL)
		host.notify(host.notify_arg, level, text);
	else if (!vmirror_shared.eal_gone)
		rte_log(levels[level], logtype, "vmirror: %s\n", text);
}

void
vmirror_shared_notify(enum vmirror_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(level, fmt, ap);
	va_end(ap);
}

void
vmirror_shared_tell(enum vmirror_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&vmirror_shared.control);
	tell(level, fmt, ap);
	pthread_mutex_unlock(&vmirror_shared.control);
	va_end(ap);
}
