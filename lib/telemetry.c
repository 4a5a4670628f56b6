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

#include "devargs/spec.h"
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

static int
info(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct vmirror_stats s = {.size = sizeof(s)};
	char spec[VMIRROR_SPEC_TEXT_SIZE];

	if (params == NULL || vmirror_mirror_stats(params, &s, NULL) != 0 ||
	    vmirror_mirror_spec(params, spec, sizeof(spec), NULL) < 0)
		return -ENOENT;
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", s.name);
	rte_tel_data_add_dict_string(d, "state", vmirror_stats_state(&s));
	rte_tel_data_add_dict_string(d, "reason", s.reason);
	/* Longer ones than telemetry takes are cut. */
	spec[RTE_TEL_MAX_STRING_LEN - 1] = '\0';
	rte_tel_data_add_dict_string(d, "spec", spec);
	rte_tel_data_add_dict_int(d, "hooks", (int)s.hooks);
	return 0;
}

static int
add_queue(struct rte_tel_data *d, const struct vmirror_queue_stats *q)
{
	struct vmirror_stats s = {.total = q->counters};
	struct rte_tel_data *queue = rte_tel_data_alloc();
	const struct vmirror_stats_field *field;

	if (queue == NULL)
		return -ENOMEM;
	rte_tel_data_start_dict(queue);
	rte_tel_data_add_dict_string(queue, "port", q->port);
	rte_tel_data_add_dict_int(queue, "queue", q->queue);
	rte_tel_data_add_dict_string(queue, "dir", q->is_tx ? "tx" : "rx");
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		if (vmirror_stats_is_counter(field))
			vmirror_tel_add_u64(queue, field->name, vmirror_stats_value(&s, field));
	return rte_tel_data_add_array_container(d, queue, 0);
}

/* Telemetry shows so many: the others are left out. */
static int
queue_stats(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct vmirror_queue_stats *q = calloc(RTE_TEL_MAX_ARRAY_ENTRIES, sizeof(*q));
	int n = -ENOENT, i;

	if (q == NULL)
		return -ENOMEM;
	if (params != NULL)
		n = vmirror_mirror_queue_stats(params, q, RTE_TEL_MAX_ARRAY_ENTRIES, NULL);
	if (n >= 0)
		rte_tel_data_start_array(d, RTE_TEL_CONTAINER);
	for (i = 0; i < n && i < RTE_TEL_MAX_ARRAY_ENTRIES; i++)
		if (add_queue(d, &q[i]) != 0)
			break;
	free(q);
	return n < 0 ? n : 0;
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
	rte_telemetry_register_cmd("/vmirror/queue_stats", queue_stats,
				   "Counters of each of its queues. Parameter: its name");
	rte_telemetry_register_cmd("/vmirror/info", info, "What a mirror is. Parameter: its name");
}
