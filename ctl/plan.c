/* SPDX-License-Identifier: BSD-3-Clause */

/* What would be done, and with which ports: for check and ports, and capture's -d and -D. */

#include "ctl/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/grid.h"
#include "ctl/json.h"
#include "ctl/say.h"

int
ctl_plan_check(struct ctl_session *session, const char *const specs[], unsigned int n, int fd,
	       json_t **plans, struct vmirror_error *err)
{
	json_t *array = ctl_must(json_array());

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(array, ctl_must(json_string(specs[i])));
	return ctl_call_fd(session, "check", ctl_must(json_pack("{s:o}", "specs", array)), fd,
			   plans, err);
}

int
ctl_plan_print(struct ctl_session *session, const char *const specs[], unsigned int n, int fd,
	       struct vmirror_error *err)
{
	json_t *result, *plan;
	size_t i;
	int ret;

	ret = ctl_plan_check(session, specs, n, fd, &result, err);
	if (ret != 0)
		return ret;
	json_array_foreach (json_object_get(result, "plans"), i, plan) {
		printf("%s: %s\n", ctl_json_text(plan, "name"), ctl_json_text(plan, "text"));
		printf("    hooks %" PRIu64 ", bytes of DPDK's memory %" PRIu64
		       ", of rings %" PRIu64 "\n",
		       ctl_json_number(plan, "hooks"), ctl_json_number(plan, "memory_bytes"),
		       ctl_json_number(plan, "ring_bytes"));
	}
	json_decref(result);
	return 0;
}

int
ctl_plan_print_ports(struct ctl_session *session, struct vmirror_error *err)
{
	struct ctl_grid grid;
	json_t *result, *port;
	size_t i;
	int ret;

	ret = ctl_call(session, "ports", NULL, &result, err);
	if (ret != 0)
		return ret;
	ctl_grid_init(&grid, "rlllrr");
	ctl_grid_head(&grid, "PORT NAME DRIVER STATE RX_QUEUES TX_QUEUES");
	json_array_foreach (json_object_get(result, "ports"), i, port) {
		ctl_grid_add(&grid, "%" PRIu64, ctl_json_number(port, "number"));
		ctl_grid_add(&grid, "%s", ctl_json_text(port, "name"));
		ctl_grid_add(&grid, "%s", ctl_json_text(port, "driver"));
		ctl_grid_add(&grid, "%s", ctl_json_flag(port, "started") ? "started" : "stopped");
		ctl_grid_add(&grid, "%" PRIu64, ctl_json_number(port, "rx_queues"));
		ctl_grid_add(&grid, "%" PRIu64, ctl_json_number(port, "tx_queues"));
	}
	ctl_grid_print(&grid, "", stdout);
	json_decref(result);
	return 0;
}
