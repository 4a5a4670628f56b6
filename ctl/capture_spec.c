/* SPDX-License-Identifier: BSD-3-Clause */

/* capture's flags, tcpdump's and dumpcap's, as a mirror's spec. devargs/ writes it. */

#include "ctl/capture_spec.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/say.h"
#include "devargs/error.h"
#include "devargs/value.h"

static int
add_port(struct vmirror_spec *spec, const char *port, struct vmirror_error *err)
{
	if (strcmp(port, "any") == 0 || strcmp(port, "all") == 0) {
		spec->all_ports = true;
	} else {
		spec->ports = ctl_must(
			reallocarray(spec->ports, spec->n_ports + 1, sizeof(*spec->ports)));
		spec->ports[spec->n_ports++] = ctl_must(strdup(port));
	}
	if (spec->all_ports && spec->n_ports > 0)
		return vmirror_error_set(err, -EINVAL,
					 "-i any has all ports; right would be no other -i");
	return 0;
}

static int
read_snaplen(struct vmirror_spec *spec, const char *value, const char *what,
	     struct vmirror_error *err)
{
	static const struct vmirror_value_limits limits = {.min = 0,
							   .max = CTL_CAPTURE_SNAPLEN_MAX};
	uint64_t number;
	int ret = vmirror_value_number(&number, value, &limits, what, err);

	if (ret == 0)
		spec->snaplen = (uint32_t)number;
	return ret;
}

/* What it is: a second one of the kind is refused. */
static int
read_limit(uint64_t *limit, const char *value, uint64_t unit, const char *what,
	   struct vmirror_error *err)
{
	const struct vmirror_value_limits limits = {
		.min = 1,
		.max = INT64_MAX / unit,
		.scaled = true,
	};
	uint64_t number;
	int ret;

	if (*limit != 0)
		return vmirror_error_set(err, -EINVAL, "%s is given twice", what);
	ret = vmirror_value_number(&number, value, &limits, what, err);
	if (ret == 0)
		*limit = number * unit;
	return ret;
}

/* dumpcap's -a. */
static int
read_autostop(struct ctl_capture *capture, const char *value, struct vmirror_error *err)
{
	struct vmirror_spec *spec = &capture->spec;
	const char *colon = strchr(value, ':');
	size_t len = colon != NULL ? (size_t)(colon - value) : 0;

	if (len == strlen("duration") && strncmp(value, "duration", len) == 0) {
		if (spec->duration_ms != 0)
			return vmirror_error_set(err, -EINVAL, "-a duration is given twice");
		return vmirror_value_duration(&spec->duration_ms, colon + 1, "-a duration", err);
	}
	if (len == strlen("filesize") && strncmp(value, "filesize", len) == 0)
		return read_limit(&spec->bytes, colon + 1, 1000, "-a filesize", err);
	if (len == strlen("packets") && strncmp(value, "packets", len) == 0)
		return read_limit(&spec->count, colon + 1, 1, "the count of packets", err);
	if (len == strlen("files") && strncmp(value, "files", len) == 0)
		return ctl_rotation_read_total(&capture->rotation, colon + 1, err);
	return vmirror_error_set(err, -EINVAL,
				 "-a: '%.64s' is no condition; there are duration:SECONDS, "
				 "filesize:KB, files:COUNT and packets:COUNT",
				 value);
}

static int
read_direction(struct vmirror_spec *spec, const char *value, const char *what,
	       struct vmirror_error *err)
{
	static const char *const words[] = {"in", "out", "inout", NULL};
	static const enum vmirror_spec_dir dirs[] = {VMIRROR_SPEC_RX, VMIRROR_SPEC_TX,
						     VMIRROR_SPEC_RXTX};
	unsigned int index;
	int ret = vmirror_value_choice(&index, value, words, what, err);

	if (ret == 0)
		spec->dir = dirs[index];
	return ret;
}

static void
add_display(struct ctl_capture *capture, char letter)
{
	size_t len = strlen(capture->display);

	if (len + 1 < sizeof(capture->display))
		capture->display[len] = letter;
}

static int
read_option(struct ctl_capture *capture, const struct ctl_given *given, struct vmirror_error *err)
{
	char shown[CTL_OPTION_SHOW_SIZE];
	const char *what = ctl_option_show(shown, given->option);

	switch (given->option->key) {
	case CTL_KEY_PORT:
		return add_port(&capture->spec, given->value, err);
	case CTL_KEY_SNAPLEN:
		return read_snaplen(&capture->spec, given->value, what, err);
	case CTL_KEY_COUNT:
		return read_limit(&capture->spec.count, given->value, 1, "the count of packets",
				  err);
	case CTL_KEY_AUTOSTOP:
		return read_autostop(capture, given->value, err);
	case CTL_KEY_DIRECTION:
		return read_direction(&capture->spec, given->value, what, err);
	case CTL_KEY_DISPLAY:
		add_display(capture, given->option->letter);
		return 0;
	default:
		return ctl_rotation_read(&capture->rotation, given, err);
	}
}

/* Files of which the last is the end, each for so long. */
static int
limit_files(struct ctl_capture *capture, struct vmirror_error *err)
{
	const struct ctl_rotation *rotation = &capture->rotation;
	const char *what = rotation->count != 0 ? "-W with -G" : "-a files with a time";

	if (rotation->total == 0 || rotation->seconds == 0)
		return 0;
	if (capture->spec.duration_ms != 0)
		return vmirror_error_set(err, -EINVAL,
					 "%s says how long, and so does -a duration; right would "
					 "be one of them",
					 what);
	if (rotation->seconds > INT64_MAX / 1000 / rotation->total)
		return vmirror_error_set(err, -EINVAL, "%s is too long", what);
	capture->spec.duration_ms = rotation->seconds * rotation->total * 1000;
	return 0;
}

/* Trailing words are a filter, as with tcpdump. */
static int
read_filter(struct ctl_capture *capture, const struct ctl_words *words, struct vmirror_error *err)
{
	const char *given = ctl_words_value(words, CTL_KEY_FILTER);
	char text[VMIRROR_SPEC_TEXT_SIZE] = "";
	size_t len = 0;

	if (given != NULL && words->n_args > 0)
		return vmirror_error_set(err, -EINVAL,
					 "a filter stands behind -f, and '%.64s' behind the "
					 "options; right would be one of them",
					 words->args[0]);
	if (given != NULL)
		len = (size_t)snprintf(text, sizeof(text), "%s", given);
	for (unsigned int i = 0; i < words->n_args && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
					words->args[i]);
	if (len >= sizeof(text))
		return vmirror_error_set(err, -E2BIG, "the filter is longer than %zu bytes",
					 sizeof(text) - 1);
	/* None is every packet. */
	if (strspn(text, " \t\n") < len)
		capture->spec.filter = ctl_must(strdup(text));
	return 0;
}

int
ctl_capture_parse(struct ctl_capture *capture, const struct ctl_words *words,
		  struct vmirror_error *err)
{
	int ret = 0;

	*capture = (struct ctl_capture){
		.spec.dir = VMIRROR_SPEC_RXTX,
		.file = ctl_words_value(words, CTL_KEY_WRITE),
		.comment = ctl_words_value(words, CTL_KEY_COMMENT),
		.user = ctl_words_value(words, CTL_KEY_USER),
		.pcap = ctl_words_has(words, CTL_KEY_PCAP),
		.quiet = ctl_words_has(words, CTL_KEY_QUIET),
		.statistics = ctl_words_has(words, CTL_KEY_STATISTICS),
		.list = ctl_words_has(words, CTL_KEY_LIST),
		.dump = ctl_words_has(words, CTL_KEY_DUMP),
	};
	for (unsigned int i = 0; i < words->n_given && ret == 0; i++)
		ret = read_option(capture, &words->given[i], err);
	if (ret == 0)
		ret = read_filter(capture, words, err);
	if (ret == 0)
		ret = ctl_rotation_check(&capture->rotation, capture->file, err);
	if (ret == 0)
		ret = limit_files(capture, err);
	if (ret == 0 && capture->spec.n_ports == 0)
		capture->spec.all_ports = true;
	return ret;
}

void
ctl_capture_set_port(struct ctl_capture *capture, const char *port)
{
	struct vmirror_spec *spec = &capture->spec;

	while (spec->n_ports > 0)
		free(spec->ports[--spec->n_ports]);
	spec->all_ports = false;
	spec->ports = ctl_must(reallocarray(spec->ports, 1, sizeof(*spec->ports)));
	spec->ports[spec->n_ports++] = ctl_must(strdup(port));
}

/* On the stack of whoever builds. */
static struct vmirror_spec_arg
arg(const char *key, const char *value)
{
	return (struct vmirror_spec_arg){.key = (char *)(uintptr_t)key,
					 .value = (char *)(uintptr_t)value};
}

int
ctl_capture_build(const struct ctl_capture *capture, const char *key, const char *value,
		  char text[VMIRROR_SPEC_TEXT_SIZE], struct vmirror_error *err)
{
	struct vmirror_spec spec = capture->spec, again = {0};
	struct vmirror_spec_arg args[6];
	char vdev[] = "file", bytes[24], seconds[24];
	unsigned int n = 0;
	int ret;

	args[n++] = arg(key, value);
	if (strcmp(key, "path") == 0)
		args[n++] = arg("overwrite", "1");
	if (capture->pcap)
		args[n++] = arg("format", "pcap");
	if (capture->comment != NULL)
		args[n++] = arg("comment", capture->comment);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)capture->rotation.bytes);
	snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)capture->rotation.seconds);
	if (capture->rotation.bytes != 0)
		args[n++] = arg("rotate_bytes", bytes);
	if (capture->rotation.seconds != 0)
		args[n++] = arg("rotate_seconds", seconds);
	spec.sink = (struct vmirror_spec_sink){.vdev = vdev, .args = args, .n_args = n};
	if (vmirror_spec_build(&spec, text, VMIRROR_SPEC_TEXT_SIZE) >= VMIRROR_SPEC_TEXT_SIZE)
		return vmirror_error_set(err, -E2BIG,
					 "filter, comment and file name together are longer than "
					 "%d bytes",
					 VMIRROR_SPEC_TEXT_SIZE - 1);
	/* What a spec takes is known there alone. */
	ret = vmirror_spec_parse(&again, text, err);
	if (ret == 0)
		vmirror_spec_fini(&again);
	return ret;
}

void
ctl_capture_fini(struct ctl_capture *capture)
{
	vmirror_spec_fini(&capture->spec);
}
