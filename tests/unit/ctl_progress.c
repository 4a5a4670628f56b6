/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/progress.c: what is shown while a capture goes on, and when it has ended. */

#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/progress.h"

static FILE *shown;
static int terminal; /* what stderr was before */

/* From here on what goes to stderr is kept. */
static void
look(void)
{
	shown = tmpfile();
	assert_non_null(shown);
	fflush(stderr);
	terminal = dup(STDERR_FILENO);
	dup2(fileno(shown), STDERR_FILENO);
}

static void
has_shown(const char *wanted)
{
	char text[512];
	size_t len;

	fflush(stderr);
	dup2(terminal, STDERR_FILENO);
	close(terminal);
	rewind(shown);
	len = fread(text, 1, sizeof(text) - 1, shown);
	text[len] = '\0';
	fclose(shown);
	assert_string_equal(text, wanted);
}

static void
shows(struct ctl_progress *progress, const json_t *stats, const char *wanted)
{
	look();
	ctl_progress_show(progress, stats);
	has_shown(wanted);
}

static void
wipes(struct ctl_progress *progress, const char *wanted)
{
	look();
	ctl_progress_wipe(progress);
	has_shown(wanted);
}

static void
concludes(const json_t *stats, const char *wanted)
{
	look();
	ctl_progress_conclude(stats);
	has_shown(wanted);
}

static json_t *
stats_of(int pkts, int bytes)
{
	json_t *stats = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "delivered", pkts, "captured",
				  pkts, "captured_bytes", bytes, "file_bytes", bytes, "filtered", 3,
				  "no_room", 2);

	assert_non_null(stats);
	return stats;
}

/* One that began so long ago, and has shown nothing yet. */
static struct ctl_progress
since(int ms)
{
	struct ctl_progress progress = {0};

	ctl_progress_begin(&progress);
	progress.begin_ms -= ms;
	progress.line_ms -= ms;
	progress.changed_ms -= ms;
	return progress;
}

static void
a_count_that_changes(void **state)
{
	struct ctl_progress progress = since(500);
	json_t *stats = stats_of(7, 700);

	progress.changing = true;
	shows(&progress, stats, "\r7 packets ");
	shows(&progress, stats, "");
	wipes(&progress, "\r\033[K");
	wipes(&progress, "");
	json_decref(stats);
}

/* Of several ends the nearest; what is over is not more than all. */
static void
the_way_to_its_end(void **state)
{
	static const struct {
		struct ctl_progress_ends ends;
		const char *wanted;
	} ways[] = {
		{{.pkts = 28}, "\r7 packets, 25 % "},
		{{.pkts = 28, .bytes = 1000}, "\r7 packets, 70 % "},
		{{.bytes = UINT64_MAX}, "\r7 packets, 0 % "},
		{{.file_bytes = 1400}, "\r7 packets, 50 % "},
		{{.duration_ms = 400}, "\r7 packets, 100 % "},
		/* Of the 700 bytes not more than 7 times 40 are kept; and all where packets are shorter. */
		{{.bytes = 1400, .snaplen = 40}, "\r7 packets, 20 % "},
		{{.bytes = 1400, .snaplen = 1500}, "\r7 packets, 50 % "},
	};
	json_t *stats = stats_of(7, 700);

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct ctl_progress progress = since(500);

		progress.changing = true;
		progress.ends = ways[i].ends;
		shows(&progress, stats, ways[i].wanted);
	}
	json_decref(stats);
}

/* What a spec says of its end, and nothing where it says nothing. */
static void
the_ends_of_a_spec(void **state)
{
	static const char *const texts[] = {
		"port=0,count=28,bytes=1400,snaplen=40,duration=2s,sink=[file,path=/dev/null]",
		"port=0,sink=[file,path=/dev/null]",
	};
	static const struct ctl_progress_ends wanted[] = {
		{.pkts = 28, .bytes = 1400, .snaplen = 40, .duration_ms = 2000},
		{0},
	};

	for (unsigned int i = 0; i < N_ELEMENTS(texts); i++) {
		struct ctl_progress_ends ends;
		struct vmirror_error err;
		struct vmirror_spec spec;

		assert_int_equal(vmirror_spec_parse(&spec, texts[i], &err), 0);
		ends = ctl_progress_ends_of(&spec);
		assert_memory_equal(&ends, &wanted[i], sizeof(ends));
		vmirror_spec_fini(&spec);
	}
}

static void
lines(void **state)
{
	struct ctl_progress progress = since(2000);
	json_t *stats = stats_of(7, 700);

	progress.lines = true;
	progress.changing = true;
	shows(&progress, stats, "7 packets captured, 3 filtered, 2 dropped; 3 a second\n");
	shows(&progress, stats, "");
	json_decref(stats);
}

static void
last_words(void **state)
{
	json_t *stats = stats_of(7, 700);

	concludes(stats, "7 packets captured\n3 packets filtered\n"
			 "2 packets dropped: no_room 2\n");
	json_object_set_new(stats, "no_room", json_integer(0));
	concludes(stats, "7 packets captured\n3 packets filtered\n0 packets dropped\n");
	json_decref(stats);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_count_that_changes), cmocka_unit_test(the_way_to_its_end),
		cmocka_unit_test(the_ends_of_a_spec),   cmocka_unit_test(lines),
		cmocka_unit_test(last_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
