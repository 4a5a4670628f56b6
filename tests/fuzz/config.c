/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a configuration file: refused with one printable line that says where, or read, and then each
 * of its specs is one, stands on a line that there is, and a file of the specs alone reads the same. Run
 * by libFuzzer, or by replay.c over the corpus.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devargs/config.h"
#include "devargs/spec.h"
#include "tests/fuzz/demand.h"

static int
read_config(struct vmirror_config *config, const void *bytes, size_t size,
	    struct vmirror_error *err)
{
	int fd = memfd_create("config", MFD_CLOEXEC), ret;
	char path[64];

	demand(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "there is a file");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*config = (struct vmirror_config){0};
	ret = vmirror_config_read(config, path, err);
	close(fd);
	return ret;
}

static void
check_refusal(int ret, const struct vmirror_error *err)
{
	size_t len = strnlen(err->text, sizeof(err->text));
	unsigned int fd, line;

	demand(ret < 0, "an error is negative");
	demand(len > 0 && len < sizeof(err->text), "a refusal comes with a sentence");
	for (size_t i = 0; i < len; i++)
		demand(err->text[i] >= ' ' && err->text[i] <= '~', "the sentence is printable");
	demand(sscanf(err->text, "/proc/self/fd/%u:%u: ", &fd, &line) == 2 && line > 0,
	       "it says where");
}

static void
check_lines(const struct vmirror_config *config, const uint8_t *data, size_t size)
{
	unsigned int n_lines = 1, before = 0, i;
	struct vmirror_spec spec;
	size_t at;

	for (at = 0; at < size; at++)
		n_lines += data[at] == '\n';
	for (i = 0; i < config->n_lines; i++) {
		demand(config->lines[i].line > before && config->lines[i].line <= n_lines,
		       "lines follow each other");
		before = config->lines[i].line;
		demand(vmirror_spec_parse(&spec, config->lines[i].spec, NULL) == 0,
		       "what is read is a spec");
		vmirror_spec_fini(&spec);
	}
}

/* But for white space at the end, of which a line loses some. */
static bool
says_the_same(const char *a, const char *b)
{
	struct vmirror_spec spec_a, spec_b;
	bool same;

	demand(vmirror_spec_parse(&spec_a, a, NULL) == 0, "it is a spec");
	demand(vmirror_spec_parse(&spec_b, b, NULL) == 0, "it is a spec");
	same = vmirror_spec_equal(&spec_a, &spec_b);
	vmirror_spec_fini(&spec_a);
	vmirror_spec_fini(&spec_b);
	return same;
}

/* What stands between the specs means nothing. */
static void
check_again(const struct vmirror_config *config)
{
	struct vmirror_config again;
	struct vmirror_error err;
	size_t size = 1, len = 0;
	unsigned int i;
	char *text;

	for (i = 0; i < config->n_lines; i++)
		size += strlen(config->lines[i].spec) + 1;
	text = malloc(size);
	demand(text != NULL, "there is memory");
	for (i = 0; i < config->n_lines; i++)
		len += (size_t)sprintf(text + len, "%s\n", config->lines[i].spec);
	demand(read_config(&again, text, len, &err) == 0, "what was read can be read");
	demand(again.n_lines == config->n_lines, "as many specs");
	for (i = 0; i < again.n_lines; i++)
		demand(says_the_same(again.lines[i].spec, config->lines[i].spec) &&
			       again.lines[i].line == i + 1,
		       "the same");
	vmirror_config_fini(&again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmirror_config config;
	struct vmirror_error err = {""};
	int ret = read_config(&config, data, size, &err);

	if (ret != 0) {
		check_refusal(ret, &err);
		return 0;
	}
	check_lines(&config, data, size);
	check_again(&config);
	vmirror_config_fini(&config);
	return 0;
}
