/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * capture: a mirror of this connection's, which writes to a file that is opened here, or to a pipe
 * whose other end tcpdump has.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/capture.h"
#include "ctl/capture_spec.h"
#include "ctl/commands.h"
#include "ctl/files.h"
#include "ctl/follow.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/plan.h"
#include "ctl/say.h"
#include "ctl/tcpdump.h"
#include "ctl/user.h"
#include "devargs/error.h"

struct run {
	struct ctl_capture capture;
	struct ctl_session session;
	struct ctl_follow follow;
	struct ctl_progress progress;
	struct ctl_output out;  /* what the process writes to */
	struct ctl_files files; /* where one follows the other */
	int shown;              /* the pipe's end that tcpdump reads; -1: no pipe */
	char tcpdump[PATH_MAX];
	char spec[VMIRROR_SPEC_TEXT_SIZE];
	json_t *added;
};

static int
open_output(struct run *run, struct vmirror_error *err)
{
	int ends[2], ret;

	if (ctl_rotation_is_set(&run->capture.rotation))
		return ctl_files_open(&run->files, &run->capture.rotation, run->capture.file,
				      &run->out, err);
	if (run->capture.file != NULL)
		return ctl_output_open(&run->out, run->capture.file, err);
	ret = ctl_tcpdump_find(run->tcpdump, err);
	if (ret != 0)
		return ret;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return vmirror_error_set(err, -errno, "no pipe: %s", strerror(errno));
	run->shown = ends[0];
	run->out.fd = ends[1];
	return 0;
}

/* As the process would open the file: of descriptors check knows nothing. */
static int
build_check(const struct run *run, char text[VMIRROR_SPEC_TEXT_SIZE], struct vmirror_error *err)
{
	char path[PATH_MAX] = "/dev/null";
	int ret = 0;

	if (run->capture.file != NULL && strcmp(run->capture.file, "-") != 0)
		ret = ctl_output_absolute(path, run->capture.file, err);
	return ret == 0 ? ctl_capture_build(&run->capture, "path", path, text, err) : ret;
}

/* What a file has is not given up for a slip in the filter. */
static int
check_before(struct ctl_session *session, const char *spec, const struct ctl_output *out,
	     struct vmirror_error *err)
{
	return ctl_output_is_filled(out) ? ctl_plan_check(session, &spec, 1, out->fd, NULL, err)
					 : 0;
}

int
ctl_capture_without_name(int ret, struct vmirror_error *err)
{
	const char *name = "mirror '", *end = strstr(err->text, "': ");

	if (ret != 0 && end != NULL && strncmp(err->text, name, strlen(name)) == 0)
		memmove(err->text, end + 3, strlen(end + 3) + 1);
	return ret;
}

int
ctl_capture_add(struct ctl_session *session, const char *spec, struct ctl_output *out,
		json_t **added, struct vmirror_error *err)
{
	int ret;

	ret = ctl_capture_without_name(check_before(session, spec, out, err), err);
	if (ret == 0)
		ret = ctl_output_empty(out, err);
	if (ret != 0)
		return ret;
	ret = ctl_call_fd(session, "add",
			  ctl_must(json_pack("{s:s, s:b}", "spec", spec, "persist", false)),
			  out->fd, added, err);
	if (ret != 0)
		return ctl_capture_without_name(ret, err);
	/* Only when the process closes its end is the pipe's end there. */
	ctl_output_close(out);
	return 0;
}

static int
show(struct run *run, struct vmirror_error *err)
{
	pid_t pid;

	if (run->shown < 0)
		return 0;
	pid = ctl_tcpdump_start(run->tcpdump, run->capture.display, run->shown, err);
	close(run->shown);
	run->shown = -1;
	if (pid < 0)
		return pid;
	run->follow.child = pid;
	return 0;
}

static void
supply(struct run *run)
{
	if (ctl_rotation_is_set(&run->capture.rotation))
		ctl_files_supply(&run->files, &run->session, run->follow.name);
}

static bool
heard(void *arg, const json_t *stats)
{
	struct run *run = arg;

	if (!ctl_rotation_is_set(&run->capture.rotation))
		return false;
	ctl_files_follow(&run->files, stats);
	/* One that is over wants no more. */
	if (strcmp(ctl_json_text(stats, "state"), "attached") == 0)
		supply(run);
	return ctl_files_are_full(&run->files, stats);
}

/* Nothing writes to them any more. */
static void
finish_files(struct run *run)
{
	if (!ctl_rotation_is_set(&run->capture.rotation))
		return;
	ctl_files_end(&run->files);
	if (!run->capture.quiet)
		ctl_say("%llu files, the last is %s", (unsigned long long)run->files.begun,
			ctl_files_last(&run->files));
}

static void
say_what(const struct run *run)
{
	const struct vmirror_spec *spec = &run->capture.spec;
	char ports[256] = "all ports";
	size_t len = 0;

	if (run->capture.quiet)
		return;
	for (unsigned int i = 0; i < spec->n_ports && len < sizeof(ports); i++)
		len += (size_t)snprintf(ports + len, sizeof(ports) - len, "%s%s",
					i > 0               ? ", "
					: spec->n_ports > 1 ? "ports "
							    : "port ",
					spec->ports[i]);
	ctl_say("capturing on %s of %s (process %u); Ctrl-C ends", ports,
		ctl_json_text(run->session.peer, "program"),
		(unsigned int)ctl_json_number(run->session.peer, "pid"));
}

static int
capture(struct run *run, const struct ctl_place *place, struct vmirror_error *err)
{
	int ret;

	ctl_follow_heed();
	ret = ctl_session_open(&run->session, place, err);
	if (ret == 0)
		ret = ctl_user_become(run->capture.user, err);
	if (ret == 0)
		ret = open_output(run, err);
	if (ret != 0)
		return ret;
	ret = ctl_capture_add(&run->session, run->spec, &run->out, &run->added, err);
	if (ret != 0) {
		ctl_output_discard(&run->out);
		return ret;
	}
	run->follow.name = ctl_json_text(run->added, "name");
	run->follow.serial = ctl_json_number(run->added, "serial");
	supply(run);
	say_what(run);
	ret = show(run, err);
	if (ret == 0)
		ret = ctl_follow(&run->follow, err);
	finish_files(run);
	return ret;
}

static void
prepare_progress(struct run *run)
{
	const struct ctl_capture *capture = &run->capture;

	run->progress = (struct ctl_progress){
		.lines = capture->statistics,
		.changing = capture->file != NULL && isatty(STDERR_FILENO),
		.ends = ctl_progress_ends_of(&capture->spec),
	};
	run->progress.ends.file_bytes = capture->rotation.total * capture->rotation.bytes;
	run->follow.progress = capture->quiet ? NULL : &run->progress;
}

static int
only_ask(struct run *run, const struct ctl_place *place, struct vmirror_error *err)
{
	const char *specs[] = {run->spec};
	int ret;

	ret = run->capture.list ? 0 : build_check(run, run->spec, err);
	if (ret == 0)
		ret = ctl_session_open(&run->session, place, err);
	if (ret != 0)
		return ret;
	if (run->capture.list)
		return ctl_plan_print_ports(&run->session, err);
	ret = ctl_plan_print(&run->session, specs, 1, -1, err);
	if (ret != -EPERM)
		return ret;
	/* Of somebody else's process one may ask about descriptors alone, which have no name there. */
	ret = ctl_capture_build(&run->capture, "fd", "0", run->spec, err);
	if (ret == 0)
		ret = ctl_output_open(&run->out, "/dev/null", err);
	return ret == 0 ? ctl_plan_print(&run->session, specs, 1, run->out.fd, err) : ret;
}

int
ctl_run_capture(struct ctl *ctl, struct vmirror_error *err)
{
	struct run run = {.out.fd = -1, .shown = -1};
	int ret;

	ret = ctl_capture_parse(&run.capture, &ctl->words, err);
	if (ret == 0)
		ret = ctl_capture_build(&run.capture, "fd", "0", run.spec, err);
	if (ret != 0) {
		ctl_usage(ctl, vmirror_error_prefix(err, ret, "capture: "));
		goto fini;
	}
	run.follow.session = &run.session;
	run.follow.heard = heard;
	run.follow.arg = &run;
	prepare_progress(&run);
	if (run.capture.list || run.capture.dump)
		ret = only_ask(&run, &ctl->place, err);
	else
		ret = capture(&run, &ctl->place, err);
	if (run.shown >= 0)
		close(run.shown);
	json_decref(run.added);
	ctl_session_close(&run.session);
	ctl_files_fini(&run.files);
fini:
	ctl_capture_fini(&run.capture);
	return ret;
}
