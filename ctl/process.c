/* SPDX-License-Identifier: BSD-3-Clause */

/* The commands on the process itself: ports, reload, version. */

#include <inttypes.h>
#include <stdio.h>

#include "ctl/commands.h"
#include "ctl/json.h"
#include "ctl/plan.h"

int
ctl_run_ports(struct ctl *ctl, struct vmirror_error *err)
{
	struct ctl_session session;
	int ret;

	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0)
		ret = ctl_plan_print_ports(&session, err);
	ctl_session_close(&session);
	return ret;
}

int
ctl_run_reload(struct ctl *ctl, struct vmirror_error *err)
{
	struct ctl_session session;
	json_t *result = NULL;
	int ret;

	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0)
		ret = ctl_call(&session, "reload", NULL, &result, err);
	if (ret == 0)
		printf("%s\n", ctl_json_text(result, "text"));
	json_decref(result);
	ctl_session_close(&session);
	return ret;
}

int
ctl_run_version(struct ctl *ctl, struct vmirror_error *err)
{
	struct ctl_session session;
	const json_t *peer;
	int ret;

	printf("vmirrorctl " CTL_VERSION ", protocol %d\n", CTL_PROTOCOL);
	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret != 0)
		return ret;
	peer = session.peer;
	printf("%s, process %" PRIu64 ": vmirror %s, %s, protocol %" PRIu64 "\n",
	       ctl_json_text(peer, "program"), ctl_json_number(peer, "pid"),
	       ctl_json_text(peer, "version"), ctl_json_text(peer, "dpdk"),
	       ctl_json_number(peer, "protocol"));
	printf("you may %s\n", ctl_json_flag(json_object_get(peer, "you"), "all_rights")
				       ? "do everything"
				       : "see everything, and capture to files of your own");
	ctl_session_close(&session);
	return 0;
}
