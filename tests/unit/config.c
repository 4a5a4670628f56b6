/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/config.c: lines joined, comments dropped, errors that name the file and the line. */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devargs/config.h"
#include "devargs/spec.h"

/* A folder of the test's own, and a file in it. */
struct place {
	char dir[32];
	char path[64];
};

static int
make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->dir, "/tmp/vmirror-config-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/web.conf", place->dir);
	*state = place;
	return 0;
}

static int
remove_place(void **state)
{
	struct place *place = *state;

	unlink(place->path);
	rmdir(place->dir);
	free(place);
	return 0;
}

static void
write_file(const struct place *place, const char *bytes, size_t size)
{
	FILE *file = fopen(place->path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

#define SPEC "port=0,sink=net_null"

static void
files_read(void **state)
{
	static const struct {
		const char *text;
		struct {
			const char *spec;
			unsigned int line;
		} lines[3];
	} cases[] = {
		{"", {{NULL}}},
		{"\n\n \t\n", {{NULL}}},
		{"# nothing\n  # at all", {{NULL}}},
		{SPEC, {{SPEC, 1}}},
		{SPEC "\n", {{SPEC, 1}}},
		{"\n# two\n  " SPEC "\n\n" SPEC "\n", {{SPEC, 3}, {SPEC, 5}}},
		{SPEC "\r\n\r\n" SPEC "\r\n", {{SPEC, 1}, {SPEC, 3}}},
		{SPEC "# why\n", {{SPEC, 1}}},
		/* a '#' in quotes or brackets is content */
		{"port=0,filter=\"a # \\\" # b\",sink=net_null#c",
		 {{"port=0,filter=\"a # \\\" # b\",sink=net_null", 1}}},
		{"port=0,filter=\"a\\\\\",sink=net_null#c",
		 {{"port=0,filter=\"a\\\\\",sink=net_null", 1}}},
		{"port=0,sink=[net_pcap,tx_pcap=a#b,x=(#)]#c",
		 {{"port=0,sink=[net_pcap,tx_pcap=a#b,x=(#)]", 1}}},
		/* joined lines count from their first */
		{"\nport=0,\\\n  sink=net_null\n" SPEC, {{"port=0,  sink=net_null", 2}, {SPEC, 4}}},
		{"port=0,\\\r\nsink=net_null\r\n", {{SPEC, 1}}},
		{"port=0,sink=[net_pcap,\\\ntx_pcap=a]#b",
		 {{"port=0,sink=[net_pcap,tx_pcap=a]", 1}}},
		{SPEC "\\\n", {{SPEC, 1}}},
		{SPEC "\\", {{SPEC, 1}}},
		{"\\\n\\\n" SPEC, {{SPEC, 1}}},
		/* a comment ends with its line, whatever its last byte */
		{"# path\\\n" SPEC, {{SPEC, 2}}},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct place *place = *state;
		struct vmirror_config config;
		struct vmirror_error err = {""};
		unsigned int n = 0;

		write_file(place, cases[i].text, strlen(cases[i].text));
		if (vmirror_config_read(&config, place->path, &err) != 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		for (; n < config.n_lines && cases[i].lines[n].spec != NULL; n++) {
			char *end = config.lines[n].spec + strlen(config.lines[n].spec);

			while (end[-1] == ' ')
				*--end = '\0';
			assert_string_equal(config.lines[n].spec, cases[i].lines[n].spec);
			assert_int_equal(config.lines[n].line, cases[i].lines[n].line);
		}
		assert_int_equal(n, config.n_lines);
		assert_null(cases[i].lines[n].spec);
		vmirror_config_fini(&config);
		assert_int_equal(config.n_lines, 0);
		assert_null(config.lines);
	}
}

static void
files_refused(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{SPEC "\n\nport=0\n", "web.conf:3: no sink is given"},
		{SPEC "\nport=0,\\\n\\\nsnik=a\n", "web.conf:2: the key 'snik' is unknown"},
		{"port=0,sink=[net_pcap,\ntx_pcap=a]\n", "web.conf:1: '[' at column 13"},
		{"port=0, # the sink\nsink=net_null\n", "web.conf:1: nothing follows"},
		{SPEC "\n]#\n", "web.conf:2: ']' at column 1"},
	};

	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		struct place *place = *state;
		struct vmirror_config config;
		struct vmirror_error err;

		write_file(place, cases[i].text, strlen(cases[i].text));
		assert_int_equal(vmirror_config_read(&config, place->path, &err), -EINVAL);
		assert_sentence(&err, cases[i].sentence);
		assert_int_equal(strncmp(err.text, place->path, strlen(place->path)), 0);
	}
}

static void
nul_bytes_refused(void **state)
{
	static const char text[] = SPEC "\n# \0\n" SPEC;
	struct place *place = *state;
	struct vmirror_config config;
	struct vmirror_error err;

	write_file(place, text, sizeof(text) - 1);
	assert_int_equal(vmirror_config_read(&config, place->path, &err), -EINVAL);
	assert_sentence(&err, "web.conf:2: a NUL byte");
}

static void
what_cannot_be_read(void **state)
{
	struct place *place = *state;
	struct vmirror_config config;
	struct vmirror_error err;

	unlink(place->path);
	assert_int_equal(vmirror_config_read(&config, place->path, &err), -ENOENT);
	assert_sentence(&err, "web.conf: it cannot be opened: No such file");
	assert_int_equal(vmirror_config_read(&config, place->dir, &err), -EISDIR);
	assert_sentence(&err, "it is a directory");
	if (geteuid() == 0) /* who may read everything */
		return;
	write_file(place, SPEC, strlen(SPEC));
	assert_int_equal(chmod(place->path, 0), 0);
	assert_int_equal(vmirror_config_read(&config, place->path, &err), -EACCES);
	assert_sentence(&err, "it cannot be opened: Permission denied");
}

static void
size_is_bounded(void **state)
{
	static const char line[] =
		"# 64 bytes of a comment, which none of the specs looks at ....\n";
	struct place *place = *state;
	struct vmirror_config config;
	struct vmirror_error err;
	FILE *file = fopen(place->path, "we");

	assert_non_null(file);
	for (size_t size = 0; size + strlen(line) <= 1 << 20; size += strlen(line))
		fputs(line, file);
	fclose(file);
	assert_int_equal(vmirror_config_read(&config, place->path, &err), 0);
	assert_int_equal(config.n_lines, 0);
	vmirror_config_fini(&config);
	assert_int_equal(vmirror_config_read(&config, "/dev/zero", &err), -EFBIG);
	assert_sentence(&err, "/dev/zero: it has more than 1048576 bytes");
}

static void
spec_too_long(void **state)
{
	struct place *place = *state;
	struct vmirror_config config;
	struct vmirror_error err;
	char text[VMIRROR_SPEC_TEXT_SIZE + 8];

	memset(text, 'x', sizeof(text));
	text[0] = '\n';
	write_file(place, text, sizeof(text));
	assert_int_equal(vmirror_config_read(&config, place->path, &err), -E2BIG);
	assert_sentence(&err, "web.conf:2: the text has more than the 4095 bytes");
}

static void
long_path_leaves_room(void **state)
{
	struct vmirror_config config;
	struct vmirror_error err;
	char path[1024];

	memset(path, 'd', sizeof(path));
	for (size_t i = 100; i < sizeof(path); i += 100)
		path[i] = '/';
	strcpy(path + sizeof(path) - 16, "/web.conf");
	assert_true(vmirror_config_read(&config, path, &err) < 0);
	assert_int_equal(strncmp(err.text, "...", 3), 0);
	assert_sentence(&err, "/web.conf: it cannot be opened: No such file");
}

static void
fini_takes_nothing(void **state)
{
	struct vmirror_config config = {0};

	vmirror_config_fini(&config);
	vmirror_config_fini(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_read),
		cmocka_unit_test(files_refused),
		cmocka_unit_test(nul_bytes_refused),
		cmocka_unit_test(what_cannot_be_read),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(spec_too_long),
		cmocka_unit_test(long_path_leaves_room),
		cmocka_unit_test(fini_takes_nothing),
	};

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
