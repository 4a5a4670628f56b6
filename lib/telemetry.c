/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs on threads of DPDK's telemetry, one for each who asks, on the public functions alone. Without
 * an engine there are no mirrors, and so nothing to show.
 */

#include "lib/telemetry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <rte_telemetry.h>

#include "lib/compat.h"
#include "lib/stats.h"
#include "vmirror.h"

static int
list(const char *cmd, const char *params, struct rte_tel_data *d)
{
	int n, i, room = vmirror_mirror_list(NULL, 0);
	char(*names)[VMIRROR_NAME_SIZE] = calloc((size_t)room + 1, sizeof(*names));

	if (names == NULL)
		return -ENOMEM;
	n = vmirror_mirror_list(names, (unsigned int)room);
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (i = 0; i < n && i < room; i++)
		rte_tel_data_add_array_string(d, names[i]);
	free(names);
	return 0;
}

static int
stats(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct vmirror_stats s = {.size = sizeof(s)};
	const struct vmirror_stats_field *field;

	if (params == NULL || vmirror_mirror_stats(params, &s, NULL) != 0)
		return -ENOENT;
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", s.name);
	rte_tel_data_add_dict_string(d, "state", vmirror_stats_state(&s));
	rte_tel_data_add_dict_string(d, "reason", s.reason);
	rte_tel_data_add_dict_int(d, "hooks", (int)s.hooks);
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		vmirror_tel_add_u64(d, field->name, vmirror_stats_value(&s, field));
	return 0;
}

void
vmirror_telemetry_init(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	rte_telemetry_register_cmd("/vmirror/list", list, "Names of all mirrors. No parameters");
	rte_telemetry_register_cmd("/vmirror/stats", stats,
				   "Counters of a mirror. Parameter: its name");
}
