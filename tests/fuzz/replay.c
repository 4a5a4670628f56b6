/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every file of a directory through a fuzz target, without libFuzzer: so the corpus is replayed
 * by whatever compiler runs the tests.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/demand.h"

static int
replay_open_file(int fd)
{
	struct stat info;
	uint8_t *data;
	ssize_t n;

	if (fstat(fd, &info) < 0)
		return -errno;
	data = malloc((size_t)info.st_size + 1);
	if (data == NULL)
		return -ENOMEM;
	n = read(fd, data, (size_t)info.st_size);
	if (n != info.st_size) {
		free(data);
		return -EIO;
	}
	LLVMFuzzerTestOneInput(data, (size_t)n);
	free(data);
	return 0;
}

static int
replay_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	fprintf(stderr, "%s\n", name); /* the last one named is the one that crashed */
	ret = replay_open_file(fd);
	close(fd);
	return ret;
}

static int
replay_directory(DIR *dir, unsigned int *n_files)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		int ret;

		if (entry->d_name[0] == '.')
			continue;
		ret = replay_file(dirfd(dir), entry->d_name);
		if (ret < 0)
			return ret;
		(*n_files)++;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	unsigned int n_files = 0;
	DIR *dir;
	int ret;

	if (argc != 2) {
		fprintf(stderr, "usage: replay directory\n");
		return EXIT_FAILURE;
	}
	dir = opendir(argv[1]);
	if (dir == NULL) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	ret = replay_directory(dir, &n_files);
	closedir(dir);
	if (ret < 0)
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-ret));
	else if (n_files == 0)
		fprintf(stderr, "%s: no file to replay\n", argv[1]);
	return ret == 0 && n_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
