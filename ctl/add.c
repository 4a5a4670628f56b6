/* SPDX-License-Identifier: BSD-3-Clause */

/* add: a mirror that stays, or one that is followed. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/ending.h"
#include "ctl/follow.h"
#include "ctl/json.h"
#include "ctl/place.h"
#include "ctl/say.h"
#include "devargs/error.h"

/* What is no spec is known before anybody is asked. */
static int
check_spec(const char *text, struct ctl_progress_ends *ends, struct vmirror_error *err)
{
	struct vmirror_spec spec = {0};
	int ret = vmirror_spec_parse(&spec, text, err);

	if (ret != 0)
		return ret;
	*ends = ctl_progress_ends_of(&spec);
	vmirror_spec_fini(&spec);
	return 0;
}

static int
add(struct ctl_session *session, const char *spec, bool persist, json_t **added,
    struct vmirror_error *err)
{
	bool all_rights = ctl_json_flag(json_object_get(session->peer, "you"), "all_rights");
	struct ctl_placed placed;
	json_t *params;
	int ret;

	ret = ctl_place(&placed, spec, !all_rights, err);
	if (ret != 0)
		return ret;
	/* A request that was sent is done, whether we are there or not. */
	if (persist)
		ctl_ending_leaves(&placed.out);
	params = ctl_must(json_pack("{s:s, s:b}", "spec", placed.text, "persist", persist));
	ret = ctl_call_fd(session, "add", params, placed.out.fd, added, err);
	if (ret != 0)
		ctl_output_discard(&placed.out);
	else
		ret = ctl_output_take_over(&placed.out, err);
	ctl_output_close(&placed.out);
	return ret;
}

static int
follow(struct ctl_session *session, struct ctl_follow *follow, const char *spec,
       struct vmirror_error *err)
{
	json_t *added;
	int ret;

	ctl_follow_heed();
	ret = add(session, spec, false, &added, err);
	if (ret != 0)
		return ret;
	follow->name = ctl_json_text(added, "name");
	follow->serial = ctl_json_number(added, "serial");
	ctl_say("%s is added; Ctrl-C takes it away", follow->name);
	ret = ctl_follow(follow, err);
	json_decref(added);
	return ret;
}

int
ctl_run_add(struct ctl *ctl, struct vmirror_error *err)
{
	struct ctl_session session;
	struct ctl_progress progress = {.changing = isatty(STDERR_FILENO)};
	struct ctl_follow foreground = {.session = &session, .progress = &progress};
	const char *spec = ctl->words.args[0];
	json_t *added;
	int ret;

	if (ctl_words_has(&ctl->words, CTL_KEY_PERSIST) &&
	    ctl_words_has(&ctl->words, CTL_KEY_FOREGROUND))
		return ctl_usage(ctl, vmirror_error_set(err, -EINVAL,
							"add: --persist and --foreground exclude "
							"each other"));
	ret = check_spec(spec, &progress.ends, err);
	if (ret != 0)
		return ctl_usage(ctl, vmirror_error_prefix(err, ret, "add: "));
	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0 && ctl_words_has(&ctl->words, CTL_KEY_FOREGROUND)) {
		ret = follow(&session, &foreground, spec, err);
	} else if (ret == 0) {
		ret = add(&session, spec, true, &added, err);
		if (ret == 0) {
			puts(ctl_json_text(added, "name"));
			json_decref(added);
		}
	}
	ctl_session_close(&session);
	return ret;
}
