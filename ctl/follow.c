/* SPDX-License-Identifier: BSD-3-Clause */

/* capture, and add in the foreground: watched through notifications, ended by whoever is first. */

#include "ctl/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/counters.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "ctl/tcpdump.h"
#include "devargs/error.h"

#define WATCH_MS  100
#define PARENT_MS 1000

enum end {
	END_NOT_YET,
	END_SIGNAL,  /* somebody wants it */
	END_ENOUGH,  /* whoever hears the statistics wants no more */
	END_CHILD,   /* nobody looks any more */
	END_REACHED, /* its count, its duration */
	END_FAILED,  /* its sink */
	END_REMOVED, /* by somebody else */
	END_LINK,    /* the process went; err says so */
};

struct state {
	enum end end;
	json_t *stats; /* the last */
	int status;    /* the child's */
};

static void
fill_signals(sigset_t *set)
{
	struct sigaction hup;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGCHLD);
	/* nohup's word counts. */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

void
ctl_follow_heed(void)
{
	signal(SIGINT, SIG_DFL);
}

/* Ctrl-C and the like are read from now on. @return from where; -errno */
static int
take_signals(void)
{
	sigset_t set;
	int fd;

	fill_signals(&set);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void
give_signals_back(int fd)
{
	sigset_t set;

	fill_signals(&set);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void
say_losses(const struct ctl_follow *follow, const struct state *state)
{
	char reasons[256];
	uint64_t lost;

	/* What was refused when its reader had gone is nobody's loss. */
	if (state->end == END_CHILD) {
		json_object_del(state->stats, "sink_rejected");
		json_object_del(state->stats, "write_error");
		json_object_del(state->stats, "unknown");
	}
	lost = ctl_counters_lost(state->stats, reasons, sizeof(reasons));
	if (lost > 0)
		ctl_say("%s: %" PRIu64 " packets dropped: %s", follow->losses, lost, reasons);
}

static enum end
judge(const json_t *stats)
{
	const char *name = ctl_json_text(stats, "state");

	if (strcmp(name, "ended") == 0)
		return END_REACHED;
	return strcmp(name, "failed") == 0 ? END_FAILED : END_NOT_YET;
}

/* @return whether that is enough */
static bool
keep_stats(const struct ctl_follow *follow, struct state *state, json_t *stats)
{
	json_decref(state->stats);
	state->stats = json_incref(stats);
	return follow->heard != NULL && follow->heard(follow->arg, stats);
}

static void
take_stats(const struct ctl_follow *follow, struct state *state, const json_t *result)
{
	json_t *stats = ctl_json_named(json_object_get(result, "mirrors"), follow->name);
	bool enough;

	if (stats == NULL || ctl_json_number(stats, "serial") != follow->serial) {
		state->end = END_REMOVED;
		return;
	}
	enough = keep_stats(follow, state, stats);
	state->end = judge(stats);
	if (enough && state->end == END_NOT_YET)
		state->end = END_ENOUGH;
}

/* All that has come. */
static void
read_notifications(const struct ctl_follow *follow, struct state *state, struct vmirror_error *err)
{
	json_t *params;
	int ret;

	while ((ret = ctl_notified(follow->session, 0, &params, err)) == 1) {
		take_stats(follow, state, params);
		json_decref(params);
	}
	if (ret < 0)
		state->end = END_LINK;
}

static bool
has_child_ended(const struct ctl_follow *follow, struct state *state)
{
	if (follow->child <= 0 || waitpid(follow->child, &state->status, WNOHANG) != follow->child)
		return false;
	ctl_tcpdump_ended();
	return true;
}

static void
read_signals(const struct ctl_follow *follow, struct state *state, int signals)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			state->end = END_SIGNAL;
		else if (has_child_ended(follow, state))
			state->end = END_CHILD;
	}
}

/* Killed, he could not tell us. */
static bool
has_parent_ended(const struct ctl_follow *follow)
{
	return follow->parent != 0 && getppid() != follow->parent;
}

static int
wait_for_end(const struct ctl_follow *follow, struct state *state, int signals,
	     struct vmirror_error *err)
{
	struct pollfd ready[] = {
		{.fd = follow->session->link.fd, .events = POLLIN},
		{.fd = signals, .events = POLLIN},
	};

	/* Before its signal could be read. */
	if (has_child_ended(follow, state))
		state->end = END_CHILD;
	while (state->end == END_NOT_YET) {
		if (poll(ready, 2, follow->parent != 0 ? PARENT_MS : -1) < 0 && errno != EINTR)
			return vmirror_error_set(err, -errno, "cannot wait: %s", strerror(errno));
		if (ready[0].revents != 0)
			read_notifications(follow, state, err);
		if (ready[1].revents != 0)
			read_signals(follow, state, signals);
		if (state->end == END_NOT_YET && has_parent_ended(follow))
			state->end = END_SIGNAL;
		if (follow->progress != NULL && state->stats != NULL)
			ctl_progress_show(follow->progress, state->stats);
	}
	return 0;
}

/* While an answer is awaited Ctrl-C ends the program, and so the mirror. */
static int
stay(const struct ctl_follow *follow, struct state *state, struct vmirror_error *err)
{
	int signals, ret;

	ret = ctl_call(
		follow->session, "watch",
		ctl_must(json_pack("{s:i, s:s}", "interval_ms", WATCH_MS, "name", follow->name)),
		NULL, err);
	if (ret != 0)
		return ret;
	signals = take_signals();
	if (signals < 0)
		return vmirror_error_set(err, signals, "cannot wait for signals: %s",
					 strerror(-signals));
	ret = wait_for_end(follow, state, signals, err);
	/* From here on Ctrl-C is the second one. A parent has SIGKILL, and hears how it ended before. */
	if (follow->parent == 0)
		give_signals_back(signals);
	else
		close(signals);
	return ret;
}

/* A child that has shown the mirror's last packet may end before we hear of the mirror's end. */
static int
ask_why(const struct ctl_follow *follow, struct state *state, struct vmirror_error *err)
{
	json_t *result;
	int ret;

	ret = ctl_call(follow->session, "stats", ctl_must(json_pack("{s:s}", "name", follow->name)),
		       &result, err);
	if (ret != 0)
		return ret;
	take_stats(follow, state, result);
	/* That nobody reads any more is not the mirror's failure. */
	if (state->end == END_NOT_YET || state->end == END_FAILED)
		state->end = END_CHILD;
	json_decref(result);
	return 0;
}

/* Its exact counts, which are had only of one that is taken away. */
static int
take_away(const struct ctl_follow *follow, struct state *state, struct vmirror_error *err)
{
	json_t *result;
	int ret;

	ret = ctl_call(follow->session, "remove",
		       ctl_must(json_pack("{s:s, s:I}", "name", follow->name, "serial",
					  (json_int_t)follow->serial)),
		       &result, err);
	if (ret != 0)
		return ret;
	keep_stats(follow, state, json_object_get(result, "stats"));
	json_decref(result);
	return 0;
}

/* What is left to show is shown; it ends when its pipe does. */
static void
await_child(const struct ctl_follow *follow, struct state *state)
{
	/* One that was waited for before is not there any more. */
	while (follow->child > 0 && waitpid(follow->child, &state->status, 0) < 0 && errno == EINTR)
		;
	ctl_tcpdump_ended();
}

static int
conclude(const struct ctl_follow *follow, const struct state *state, const char *reason,
	 struct vmirror_error *err)
{
	switch (state->end) {
	case END_FAILED:
		return vmirror_error_set(err, -EIO, "%s failed: %s", follow->name, reason);
	case END_REMOVED:
		return vmirror_error_set(err, -ENOENT, "%s was removed by somebody else",
					 follow->name);
	case END_CHILD:
		/* Whoever looked has seen enough, as in '… | head'. */
		if (WIFEXITED(state->status) && WEXITSTATUS(state->status) != 0)
			return vmirror_error_set(err, -EIO, "tcpdump ended with status %d",
						 WEXITSTATUS(state->status));
		if (WIFSIGNALED(state->status) && WTERMSIG(state->status) != SIGPIPE &&
		    WTERMSIG(state->status) != SIGINT)
			return vmirror_error_set(err, -EIO, "tcpdump was ended by a signal: %s",
						 strsignal(WTERMSIG(state->status)));
		break;
	default:
		break;
	}
	return 0;
}

/* Whoever goes first has seen enough; that the sink then fails, or that somebody tells us, follows. */
static bool
has_reader_gone(const struct ctl_follow *follow, const struct state *state)
{
	return follow->fifo != NULL && (state->end == END_FAILED || state->end == END_SIGNAL) &&
	       !ctl_output_has_reader(follow->fifo);
}

int
ctl_follow(const struct ctl_follow *follow, struct vmirror_error *err)
{
	struct ctl_progress *progress = follow->progress;
	struct state state = {0};
	char reason[512];
	int ret;

	if (progress != NULL)
		ctl_progress_begin(progress);
	ret = stay(follow, &state, err);
	if (progress != NULL)
		ctl_progress_wipe(progress);
	if ((state.end == END_FAILED && has_child_ended(follow, &state)) ||
	    has_reader_gone(follow, &state))
		state.end = END_CHILD;
	if (ret == 0 && state.end == END_CHILD)
		ret = ask_why(follow, &state, err);
	snprintf(reason, sizeof(reason), "%s", ctl_json_text(state.stats, "reason"));
	if (state.end == END_LINK)
		ret = -ECONNRESET;
	if (ret == 0 && state.end != END_REMOVED)
		ret = take_away(follow, &state, err);
	await_child(follow, &state);
	if (state.end == END_REACHED && progress != NULL)
		ctl_say("%s ended: %s", follow->name, reason);
	if (state.stats != NULL && progress != NULL)
		ctl_progress_conclude(state.stats);
	else if (state.stats != NULL && follow->losses != NULL)
		say_losses(follow, &state);
	if (ret == 0)
		ret = conclude(follow, &state, reason, err);
	json_decref(state.stats);
	return ret;
}
