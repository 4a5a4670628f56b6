/* SPDX-License-Identifier: BSD-3-Clause */

/* DPDK's log: a program that wants it elsewhere has told DPDK so. */

#include "plugin/log.h"

#include <stdarg.h>
#include <stdio.h>

#include <rte_log.h>

void
plugin_log_notify(void *arg, enum vmirror_level level, const char *text)
{
	static const uint32_t levels[] = {
		[VMIRROR_INFO] = RTE_LOG_NOTICE,
		[VMIRROR_WARNING] = RTE_LOG_WARNING,
		[VMIRROR_ERROR] = RTE_LOG_ERR,
	};
	int type = rte_log_register_type_and_pick_level("lib.vmirror", RTE_LOG_NOTICE);

	rte_log(levels[level], type >= 0 ? (uint32_t)type : RTE_LOGTYPE_EAL, "vmirror: %s\n", text);
}

void
plugin_log(enum vmirror_level level, const char *fmt, ...)
{
	char text[2 * VMIRROR_ERROR_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	plugin_log_notify(NULL, level, text);
}
