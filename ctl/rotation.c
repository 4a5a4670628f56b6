/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl/rotation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devargs/error.h"
#include "devargs/fileset.h"
#include "devargs/value.h"

/* Of a file, as the process has it. */
#define LEAST_BYTES  65536
#define MOST_FILES   100000
#define MOST_SECONDS 1000000000

static int
read_number(uint64_t *number, const char *value, uint64_t max, const char *what,
	    struct vmirror_error *err)
{
	const struct vmirror_value_limits limits = {.min = 1, .max = max};

	if (*number != 0)
		return vmirror_error_set(err, -EINVAL, "%s is given twice", what);
	return vmirror_value_number(number, value, &limits, what, err);
}

static int
read_files(unsigned int *files, const char *value, const char *what, struct vmirror_error *err)
{
	uint64_t number = *files;
	int ret = read_number(&number, value, MOST_FILES, what, err);

	*files = (unsigned int)number;
	return ret;
}

/* Of the length of a file, in units as tcpdump and dumpcap have them. */
static int
read_size(uint64_t *bytes, const char *value, uint64_t unit, const char *what,
	  struct vmirror_error *err)
{
	uint64_t number = *bytes;
	int ret = read_number(&number, value, INT64_MAX / unit, what, err);

	if (ret == 0)
		*bytes = number * unit;
	return ret;
}

/* dumpcap's -b. */
static int
read_ring(struct ctl_rotation *rotation, const char *value, struct vmirror_error *err)
{
	const char *colon = strchr(value, ':');
	size_t len = colon != NULL ? (size_t)(colon - value) : 0;

	rotation->by_ring = true;
	if (len == strlen("filesize") && strncmp(value, "filesize", len) == 0)
		return read_size(&rotation->bytes, colon + 1, 1000, "-b filesize", err);
	if (len == strlen("duration") && strncmp(value, "duration", len) == 0)
		return read_number(&rotation->seconds, colon + 1, MOST_SECONDS, "-b duration", err);
	if (len == strlen("files") && strncmp(value, "files", len) == 0)
		return read_files(&rotation->files, colon + 1, "-b files", err);
	return vmirror_error_set(err, -EINVAL,
				 "-b: '%.64s' is no condition; there are filesize:KB, "
				 "duration:SECONDS and files:COUNT",
				 value);
}

int
ctl_rotation_read_total(struct ctl_rotation *rotation, const char *value, struct vmirror_error *err)
{
	return read_files(&rotation->total, value, "-a files", err);
}

static bool
has_letters(const struct ctl_rotation *rotation)
{
	return rotation->by_size || rotation->by_time || rotation->count != 0;
}

int
ctl_rotation_read(struct ctl_rotation *rotation, const struct ctl_given *given,
		  struct vmirror_error *err)
{
	const enum ctl_key key = given->option->key;
	bool letter = key == CTL_KEY_SIZE || key == CTL_KEY_SECONDS || key == CTL_KEY_FILES;

	if ((key == CTL_KEY_RING && has_letters(rotation)) || (letter && rotation->by_ring))
		return vmirror_error_set(err, -EINVAL,
					 "-b is dumpcap's, and -C, -G and -W are tcpdump's for the "
					 "same; right would be one of them");
	switch (key) {
	case CTL_KEY_RING:
		return read_ring(rotation, given->value, err);
	case CTL_KEY_SIZE:
		rotation->by_size = true;
		return read_size(&rotation->bytes, given->value, 1000000, "-C", err);
	case CTL_KEY_SECONDS:
		rotation->by_time = true;
		return read_number(&rotation->seconds, given->value, MOST_SECONDS, "-G", err);
	case CTL_KEY_FILES:
		return read_files(&rotation->count, given->value, "-W", err);
	case CTL_KEY_COMMAND:
		rotation->command = given->value;
		return 0;
	default:
		return 0;
	}
}

/* -a files: files that are full are counted, or those that had their time. */
static int
check_total(const struct ctl_rotation *rotation, struct vmirror_error *err)
{
	if (!ctl_rotation_is_set(rotation))
		return vmirror_error_set(err, -EINVAL,
					 "-a files: is for files that follow each other; right "
					 "would be -b filesize:KB or -b duration:SECONDS beside "
					 "it");
	if (rotation->bytes != 0 && rotation->seconds != 0)
		return vmirror_error_set(err, -EINVAL,
					 "-a files: with a size and a time it is unknown when the "
					 "last one is full; right would be one of these");
	if (rotation->count != 0)
		return vmirror_error_set(err, -EINVAL,
					 "-a files: says how many, and so does -W; right would be "
					 "one of them");
	return 0;
}

/* tcpdump's flags mean something else each beside another. */
static int
check_letters(struct ctl_rotation *rotation, const char *path, struct vmirror_error *err)
{
	if (rotation->by_time && !rotation->by_size && strchr(path, '%') == NULL)
		return vmirror_error_set(
			err, -EINVAL,
			"-G: each file would take the place of the one before; right "
			"would be a time in its name, as -w report-%%H%%M%%S.pcapng, "
			"or -b duration:%llu, which numbers them",
			(unsigned long long)rotation->seconds);
	if (rotation->count == 0)
		return 0;
	if (rotation->by_time && rotation->by_size)
		return vmirror_error_set(err, -EINVAL,
					 "-W: with -C and -G it would mean nothing; right would be "
					 "one of these");
	if (rotation->by_time)
		rotation->total = rotation->count;
	else
		rotation->files = rotation->count;
	if (rotation->files == 1 && rotation->command != NULL)
		return vmirror_error_set(err, -EINVAL,
					 "-z: with -W 1 the next file has the name before the "
					 "command has the file; right would be -W 2 or more");
	return 0;
}

int
ctl_rotation_check(struct ctl_rotation *rotation, const char *path, struct vmirror_error *err)
{
	bool letters = has_letters(rotation);
	int ret = rotation->total != 0 ? check_total(rotation, err) : 0;

	if (ret != 0)
		return ret;
	if (!rotation->by_ring && !letters && rotation->command == NULL)
		return 0;
	if (rotation->by_ring && !ctl_rotation_is_set(rotation))
		return vmirror_error_set(err, -EINVAL,
					 "-b files: needs -b filesize:KB or -b duration:SECONDS");
	if (!ctl_rotation_is_set(rotation))
		return vmirror_error_set(
			err, -EINVAL,
			"%s is for files that follow each other; right would be -C, "
			"-G or -b beside it",
			rotation->count != 0 ? "-W" : "-z");
	if (rotation->bytes != 0 && rotation->bytes < LEAST_BYTES)
		return vmirror_error_set(
			err, -EINVAL,
			"-b filesize: files of %llu bytes are too small; right would "
			"be -b filesize:%u and more",
			(unsigned long long)rotation->bytes, LEAST_BYTES / 1000 + 1);
	if (path == NULL || strcmp(path, "-") == 0)
		return vmirror_error_set(err, -EINVAL,
					 "files that follow each other are named after -w FILE");
	if (rotation->command != NULL && strlen(rotation->command) >= VMIRROR_FILESET_COMMAND_SIZE)
		return vmirror_error_set(err, -E2BIG, "-z: the command is too long");
	return letters ? check_letters(rotation, path, err) : 0;
}

/* --- names */

/* tcpdump's: a time in it where -G is given. */
static int
expand(const struct ctl_rotation *rotation, const char *path, time_t now, char base[PATH_MAX],
       struct vmirror_error *err)
{
	struct tm tm;
	size_t len;

	if (!rotation->by_time)
		len = (size_t)snprintf(base, PATH_MAX, "%s", path);
	else
		len = strftime(base, PATH_MAX, path, localtime_r(&now, &tm));
	if (len == 0 || len >= PATH_MAX)
		return vmirror_error_set(err, -ENAMETOOLONG, "%.80s: the name is too long", path);
	return 0;
}

/* Digits that the last number of so many has. */
static int
digits(unsigned int files)
{
	int n = 1;

	for (files--; files > 9; files /= 10)
		n++;
	return n;
}

/* FILE, FILE1, FILE2; of a ring FILE0 to FILE9 and again, of one alone FILE. [tcpdump.c: MakeFilename()] */
static int
letter_name(const struct ctl_rotation *rotation, struct ctl_rotation_names *names, const char *path,
	    time_t now, char name[PATH_MAX], struct vmirror_error *err)
{
	char base[PATH_MAX], suffix[16] = "";
	int ret = expand(rotation, path, now, base, err);

	if (ret != 0)
		return ret;
	if (names->index == 0 || strcmp(base, names->base) != 0)
		names->suffix = 0;
	else
		names->suffix++;
	if (rotation->files != 0)
		names->suffix %= rotation->files;
	snprintf(names->base, sizeof(names->base), "%s", base);
	if (rotation->files > 1)
		snprintf(suffix, sizeof(suffix), "%0*u", digits(rotation->files), names->suffix);
	else if (names->suffix != 0)
		snprintf(suffix, sizeof(suffix), "%u", names->suffix);
	if (snprintf(name, PATH_MAX, "%s%s", base, suffix) >= PATH_MAX)
		return vmirror_error_set(err, -ENAMETOOLONG, "%.80s: the name is too long", path);
	return 0;
}

int
ctl_rotation_name(const struct ctl_rotation *rotation, struct ctl_rotation_names *names,
		  const char *path, time_t now, char name[PATH_MAX], struct vmirror_error *err)
{
	int ret;

	if (rotation->by_ring)
		ret = vmirror_fileset_name(name, path, names->index + 1, now, err);
	else
		ret = letter_name(rotation, names, path, now, name, err);
	names->index += ret == 0;
	return ret;
}
