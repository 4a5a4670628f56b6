/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * top: a screen of rates. Escape codes that any terminal knows; whatever ends the program gives the
 * terminal back, but for SIGKILL.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/counters.h"
#include "ctl/json.h"
#include "ctl/rates.h"
#include "ctl/say.h"
#include "devargs/error.h"

/* Another screen, no cursor, no second line for what is too long; and back. */
static const char enter[] = "\033[?1049h\033[?25l\033[?7l";
static const char leave[] = "\033[?7h\033[?25h\033[?1049l";

#define HOME          "\033[H"
#define END_OF_LINE   "\033[K\n"
#define END_OF_SCREEN "\033[J"

#define CTRL_C 3

/* Columns of which eighty letters have room, the others included. */
static const struct {
	const char *head;
	const char *key;
	int width;
} rates_shown[] = {
	{"SEEN/s", "seen", 7},
	{"FILTERED", "filtered", 8},
	{"CAPTURED", "captured", 8},
	{"DELIVERED", "delivered", 9},
};

/* Of the program, as signals are. */
static struct termios saved;

static void
give_back(void)
{
	ssize_t n = write(STDOUT_FILENO, leave, sizeof(leave) - 1);

	(void)n;
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void
on_signal(int number)
{
	give_back();
	/* Its own action is back: SA_RESETHAND. */
	raise(number);
}

/* Keys come one by one and unseen, Ctrl-C and Ctrl-Z among them. */
static int
take_terminal(struct vmirror_error *err)
{
	static const int signals[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT, SIGPIPE,
				      SIGSEGV, SIGBUS,  SIGFPE, SIGABRT};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	struct termios raw;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &saved) != 0)
		return vmirror_error_set(err, -ENOTTY,
					 "top needs a terminal; right would be: vmirrorctl stats "
					 "--live");
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	raw = saved;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(enter, stdout);
	fflush(stdout);
	return 0;
}

/* 1234567 is 1.23M: four figures are read at a glance. */
static const char *
shorten(char buf[16], uint64_t number)
{
	static const char units[] = " kMGTPE";
	double value = (double)number;
	unsigned int unit = 0;

	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, 16, "%" PRIu64, number);
	else
		snprintf(buf, 16, "%.*f%c",
			 value < 9.995   ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, units[unit]);
	return buf;
}

static unsigned int
screen_lines(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/* A reason a line: so much a second, so much in all. */
static unsigned int
print_losses(const json_t *mirror, const struct ctl_rates *rates)
{
	char rate[16], all[16];
	unsigned int lines = 0;

	for (const struct ctl_counter *c = ctl_counters; c->key != NULL; c++) {
		uint64_t number = c->lost ? ctl_json_number(mirror, c->key) : 0;

		if (number == 0)
			continue;
		printf("    %-16s %8s /s  %8s in all" END_OF_LINE, c->key,
		       shorten(rate, ctl_rates_of(rates, mirror, c->key)), shorten(all, number));
		lines++;
	}
	if (*ctl_json_text(mirror, "reason") == '\0')
		return lines;
	printf("    %.70s" END_OF_LINE, ctl_json_text(mirror, "reason"));
	return lines + 1;
}

static void
print_head(const json_t *peer)
{
	time_t now = time(NULL);
	char when[16];
	struct tm tm;

	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &tm));
	printf(HOME "%s  %s, process %" PRIu64 "    q ends" END_OF_LINE END_OF_LINE, when,
	       ctl_json_text(peer, "program"), ctl_json_number(peer, "pid"));
	printf("%-20s", "MIRROR");
	for (size_t i = 0; i < sizeof(rates_shown) / sizeof(rates_shown[0]); i++)
		printf(" %*s", rates_shown[i].width, rates_shown[i].head);
	printf(" %7s %5s  %s" END_OF_LINE, "DROPPED", "RING", "STATE");
}

/* How full the fullest ring is: the next to lose packets. */
static void
print_ring(const json_t *mirror)
{
	if (ctl_json_number(mirror, "ring_bytes") == 0)
		printf(" %5s", "-");
	else
		printf(" %4" PRIu64 "%%", ctl_json_number(mirror, "ring_fullest_percent"));
}

static void
print_screen(const json_t *peer, const json_t *mirrors, const struct ctl_rates *rates)
{
	unsigned int lines = 4, most = screen_lines();
	json_t *mirror;
	char buf[16];
	size_t i;

	print_head(peer);
	json_array_foreach (mirrors, i, mirror) {
		/* What might not fit is left out whole. */
		if (lines + 8 > most && i > 0) {
			printf("… and %zu more" END_OF_LINE, json_array_size(mirrors) - i);
			break;
		}
		printf("%-20.20s", ctl_json_text(mirror, "name"));
		for (size_t k = 0; k < sizeof(rates_shown) / sizeof(rates_shown[0]); k++)
			printf(" %*s", rates_shown[k].width,
			       shorten(buf, ctl_rates_of(rates, mirror, rates_shown[k].key)));
		printf(" %7s", shorten(buf, ctl_rates_lost(rates, mirror)));
		print_ring(mirror);
		printf("  %s" END_OF_LINE, ctl_json_text(mirror, "state"));
		lines += 1 + print_losses(mirror, rates);
	}
	if (json_array_size(mirrors) == 0)
		printf("there are no mirrors" END_OF_LINE);
	printf(END_OF_SCREEN);
	fflush(stdout);
}

/* @return whether that was the end */
static bool
read_key(void)
{
	char key;

	return read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == CTRL_C;
}

static int
look(struct ctl_session *session, struct ctl_rates *rates, struct vmirror_error *err)
{
	json_t *params, *mirrors;
	int ret;

	while ((ret = ctl_notified(session, 0, &params, err)) == 1) {
		mirrors = json_object_get(params, "mirrors");
		/* The first look shows what is there; rates come with the second. */
		ctl_rates_next(rates, mirrors);
		print_screen(session->peer, mirrors, rates);
		json_decref(params);
	}
	return ret;
}

static int
show(struct ctl_session *session, struct vmirror_error *err)
{
	struct pollfd ready[] = {
		{.fd = session->link.fd, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};
	struct ctl_rates rates = {0};
	int ret = 0;

	while (ret == 0) {
		if (poll(ready, 2, -1) < 0 && errno != EINTR) {
			ret = vmirror_error_set(err, -errno, "cannot wait: %s", strerror(errno));
			break;
		}
		if (ready[1].revents != 0 && read_key())
			break;
		if (ready[0].revents != 0)
			ret = look(session, &rates, err);
	}
	ctl_rates_fini(&rates);
	return ret;
}

int
ctl_run_top(struct ctl *ctl, struct vmirror_error *err)
{
	struct ctl_session session;
	int interval_ms = 1000, ret;

	ret = ctl_rates_interval(ctl_words_value(&ctl->words, CTL_KEY_INTERVAL), &interval_ms,
				 "--interval", err);
	if (ret != 0)
		return ctl_usage(ctl, vmirror_error_prefix(err, ret, "top: "));
	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0)
		ret = ctl_call(&session, "watch",
			       ctl_must(json_pack("{s:i}", "interval_ms", interval_ms)), NULL, err);
	if (ret == 0)
		ret = take_terminal(err);
	if (ret == 0) {
		ret = show(&session, err);
		give_back();
	}
	ctl_session_close(&session);
	return ret;
}
