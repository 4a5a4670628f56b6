/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file, cut into specs: comments dropped, continued lines joined. spec.c says
 * whether each is right; here it only learns which line of which file it came from.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "error.h"
#include "spec.h"
#include "value.h"

/* Far above any use, far below what hurts: the path may be one of a device that never ends. */
#define FILE_SIZE_MAX (1 << 20)

/* What is shown of a path, so that the sentence behind it keeps its room. */
#define PATH_SHOWN 160

/* A walk through the file; text has room for all of it. */
struct reader {
	const char *at;
	const char *end;
	unsigned int line; /* of the next byte */
	char *text;        /* the joined line */
	size_t len;
	unsigned int depth; /* of brackets */
	bool quoted;
	bool escaped; /* the byte before was a backslash between quotes */
};

static const char *
shown_path(char buf[PATH_SHOWN], const char *path)
{
	size_t len = strlen(path);

	if (len < PATH_SHOWN)
		return path;
	snprintf(buf, PATH_SHOWN, "...%s", path + len - (PATH_SHOWN - 4));
	return buf;
}

/* *size bytes, one more than a file may have when it has too many. */
static int
read_bytes(FILE *file, char **bytes, size_t *size)
{
	char *buf = NULL;
	size_t room = 0;

	*size = 0;
	do {
		char *bigger;

		room = room == 0 ? 4096 : 2 * room;
		bigger = realloc(buf, room);
		if (bigger == NULL) {
			free(buf);
			return -ENOMEM;
		}
		buf = bigger;
		errno = 0;
		*size += fread(buf + *size, 1, room - *size, file);
	} while (*size == room && *size <= FILE_SIZE_MAX);
	if (ferror(file)) {
		free(buf);
		return errno != 0 ? -errno : -EIO;
	}
	*bytes = buf;
	return 0;
}

static int
read_open_file(FILE *file, char **bytes, size_t *size, struct vmirror_error *err)
{
	struct stat info;
	int ret;

	if (fstat(fileno(file), &info) < 0)
		ret = -errno;
	else if (S_ISDIR(info.st_mode))
		return vmirror_error_set(err, -EISDIR,
					 "it is a directory; right would be a file of mirror "
					 "specs");
	else
		ret = read_bytes(file, bytes, size);
	if (ret < 0)
		return vmirror_error_set(err, ret, "it cannot be read: %s", strerror(-ret));
	if (*size > FILE_SIZE_MAX) {
		free(*bytes);
		return vmirror_error_set(err, -EFBIG,
					 "it has more than %d bytes; right would be one mirror "
					 "spec a line",
					 FILE_SIZE_MAX);
	}
	return 0;
}

static int
read_file(const char *path, char **bytes, size_t *size, struct vmirror_error *err)
{
	FILE *file = fopen(path, "re");
	int ret;

	if (file == NULL) {
		ret = -errno;
		return vmirror_error_set(err, ret, "it cannot be opened: %s", strerror(-ret));
	}
	ret = read_open_file(file, bytes, size, err);
	fclose(file);
	return ret;
}

/* Take a byte; false when it begins a comment. The quotes and brackets are token.c's. */
static bool
take_byte(struct reader *reader, char c)
{
	if (reader->quoted) {
		bool escape = c == '\\' && !reader->escaped;

		if (c == '"' && !reader->escaped)
			reader->quoted = false;
		reader->escaped = escape;
	} else if (c == '#' && reader->depth == 0) {
		return false;
	} else if (c == '"') {
		reader->quoted = true;
	} else if (c == '[' || c == '(') {
		reader->depth++;
	} else if ((c == ']' || c == ')') && reader->depth > 0) {
		reader->depth--;
	}
	reader->text[reader->len++] = c;
	return true;
}

/* Whether the line goes on in the next one: a comment does not. */
static bool
take_physical_line(struct reader *reader)
{
	const char *start = reader->at;
	const char *newline = memchr(start, '\n', (size_t)(reader->end - start));
	const char *stop = newline != NULL ? newline : reader->end;
	bool continued;

	reader->at = newline != NULL ? newline + 1 : reader->end;
	reader->line++;
	if (stop > start && stop[-1] == '\r')
		stop--;
	continued = stop > start && stop[-1] == '\\';
	if (continued)
		stop--;
	for (const char *p = start; p < stop; p++)
		if (!take_byte(reader, *p))
			return false;
	return continued;
}

/* The next line that holds more than white space; false at the end. */
static bool
next_line(struct reader *reader, struct vmirror_config_line *line)
{
	while (reader->at < reader->end) {
		line->line = reader->line;
		reader->len = 0;
		reader->depth = 0;
		reader->quoted = reader->escaped = false;
		while (take_physical_line(reader) && reader->at < reader->end)
			continue;
		reader->text[reader->len] = '\0';
		line->spec = reader->text + strspn(reader->text, " \t\v\f\r");
		if (*line->spec != '\0')
			return true;
	}
	return false;
}

static int
add_line(struct vmirror_config *config, const struct vmirror_config_line *line,
	 struct vmirror_error *err)
{
	struct vmirror_config_line *lines;
	struct vmirror_spec spec;
	char *text;
	int ret;

	ret = vmirror_spec_parse(&spec, line->spec, err);
	if (ret < 0)
		return ret;
	vmirror_spec_fini(&spec);
	lines = realloc(config->lines, (config->n_lines + 1) * sizeof(*lines));
	if (lines == NULL)
		return vmirror_value_no_memory(err);
	config->lines = lines;
	ret = vmirror_value_copy(&text, line->spec, err);
	if (ret < 0)
		return ret;
	lines[config->n_lines++] = (struct vmirror_config_line){.spec = text, .line = line->line};
	return 0;
}

static int
refuse_nul(const char *bytes, const char *nul, const char *path, struct vmirror_error *err)
{
	unsigned int line = 1;

	for (const char *p = bytes; p < nul; p++)
		line += *p == '\n';
	return vmirror_error_set(err, -EINVAL,
				 "%s:%u: a NUL byte stands here; right would be a text file", path,
				 line);
}

/* text: as many bytes as there are, and one more. */
static int
split(struct vmirror_config *config, const char *bytes, size_t size, char *text, const char *path,
      struct vmirror_error *err)
{
	struct reader reader = {.at = bytes, .end = bytes + size, .line = 1, .text = text};
	struct vmirror_config_line line;
	const char *nul = memchr(bytes, '\0', size);
	int ret;

	if (nul != NULL)
		return refuse_nul(bytes, nul, path, err);
	while (next_line(&reader, &line)) {
		ret = add_line(config, &line, err);
		if (ret < 0)
			return vmirror_error_prefix(err, ret, "%s:%u: ", path, line.line);
	}
	return 0;
}

int
vmirror_config_read(struct vmirror_config *config, const char *path, struct vmirror_error *err)
{
	struct vmirror_config lines = {0};
	char path_buf[PATH_SHOWN];
	const char *shown = shown_path(path_buf, path);
	char *bytes = NULL;
	char *text;
	size_t size = 0;
	int ret;

	ret = read_file(path, &bytes, &size, err);
	if (ret < 0)
		return vmirror_error_prefix(err, ret, "%s: ", shown);
	text = malloc(size + 1);
	if (text == NULL)
		ret = vmirror_error_set(err, -ENOMEM, "%s: no memory left to read it", shown);
	else
		ret = split(&lines, bytes, size, text, shown, err);
	free(text);
	free(bytes);
	if (ret < 0)
		vmirror_config_fini(&lines);
	else
		*config = lines;
	return ret;
}

void
vmirror_config_fini(struct vmirror_config *config)
{
	if (config == NULL)
		return;
	for (unsigned int i = 0; i < config->n_lines; i++)
		free(config->lines[i].spec);
	free(config->lines);
	*config = (struct vmirror_config){0};
}
