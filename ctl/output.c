/* SPDX-License-Identifier: BSD-3-Clause */

/* Files for capture, add and snapshot. */

#include "ctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl/clock.h"
#include "ctl/ending.h"
#include "devargs/error.h"

#define OPEN_FLAGS (O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* Between two looks whether a fifo is read. */
#define LOOK_MS 20

/* Nobody writes to it yet: should a signal end us now, it goes, too. */
static void
take_along(void *arg)
{
	ctl_output_discard(arg);
}

static int
fail(const char *path, int error, struct vmirror_error *err)
{
	switch (error) {
	case ELOOP:
		return vmirror_error_set(err, -error, "%s is a symbolic link; name the file itself",
					 path);
	case ENXIO:
		return vmirror_error_set(err, -error,
					 "%s is a fifo that nobody reads; start its reader first, "
					 "as in 'tcpdump -r FIFO'",
					 path);
	default:
		return vmirror_error_set(err, -error, "%s cannot be written: %s", path,
					 strerror(error));
	}
}

static int
open_stdout(struct ctl_output *out, struct vmirror_error *err)
{
	if (isatty(STDOUT_FILENO))
		return vmirror_error_set(err, -EINVAL,
					 "-w -: stdout is a terminal, which no capture is written "
					 "to; right would be: … -w - | tshark -r -");
	out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return out->fd < 0 ? fail("stdout", errno, err) : 0;
}

static int
examine(struct ctl_output *out, struct vmirror_error *err)
{
	struct stat st;

	if (fstat(out->fd, &st) != 0)
		return fail(out->path, errno, err);
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->regular = S_ISREG(st.st_mode);
	if (isatty(out->fd))
		return vmirror_error_set(err, -EINVAL,
					 "%s is a terminal, which no capture is written to",
					 out->path);
	/* The lock is the descriptor's, and so the process's as long as it writes. */
	if (out->regular && flock(out->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return vmirror_error_set(err, -EBUSY, "%s is being written by another capture",
					 out->path);
	/* It was to open a fifo without waiting. */
	fcntl(out->fd, F_SETFL, fcntl(out->fd, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

/* What open() has just left there. @return 0, or -errno with err set and nothing left behind */
static int
opened(struct ctl_output *out, struct vmirror_error *err)
{
	int ret;

	if (out->fd < 0)
		return fail(out->path, errno, err);
	ret = examine(out, err);
	if (ret != 0)
		ctl_output_discard(out);
	else if (out->created)
		ctl_ending_takes(take_along, out);
	return ret;
}

int
ctl_output_open(struct ctl_output *out, const char *path, struct vmirror_error *err)
{
	*out = (struct ctl_output){.fd = -1};
	snprintf(out->path, sizeof(out->path), "%s", path);
	if (strcmp(path, "-") == 0)
		return open_stdout(out, err);
	out->fd = open(path, OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
	out->created = out->fd >= 0;
	if (out->fd < 0 && errno == EEXIST)
		out->fd = open(path, OPEN_FLAGS);
	return opened(out, err);
}

int
ctl_output_open_fifo(struct ctl_output *out, const char *path, int timeout_ms,
		     struct vmirror_error *err)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	int64_t end = ctl_now_ms() + timeout_ms;
	struct stat st;

	*out = (struct ctl_output){.fd = -1};
	snprintf(out->path, sizeof(out->path), "%s", path);
	/* One that its reader has given up and removed is not made again. */
	if (lstat(path, &st) != 0)
		return fail(path, errno, err);
	if (!S_ISFIFO(st.st_mode))
		return vmirror_error_set(err, -EINVAL, "%s is no fifo; mkfifo makes one", path);
	while ((out->fd = open(path, OPEN_FLAGS)) < 0 && errno == ENXIO && ctl_now_ms() < end)
		nanosleep(&pause, NULL);
	return opened(out, err);
}

bool
ctl_output_has_reader(const char *fifo)
{
	int fd = open(fifo, OPEN_FLAGS);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool
ctl_output_is_filled(const struct ctl_output *out)
{
	struct stat st;

	return out->regular && fstat(out->fd, &st) == 0 && st.st_size > 0;
}

int
ctl_output_empty(struct ctl_output *out, struct vmirror_error *err)
{
	if (out->regular && ftruncate(out->fd, 0) != 0)
		return fail(out->path, errno, err);
	return 0;
}

/* A signal ends us: what nobody has asked for yet goes. */
static void
take_renewal_along(void *arg)
{
	const struct ctl_output *out = arg;

	if (out->renewal.name[0] != '\0')
		unlink(out->renewal.name);
}

int
ctl_output_renew(struct ctl_output *out, struct vmirror_error *err)
{
	struct vmirror_error none;
	struct stat st;

	if (!ctl_output_is_filled(out) || fstat(out->fd, &st) != 0 ||
	    ctl_hidden_make(&out->renewal, out->path, 0, &none) != 0)
		return ctl_output_empty(out, err);
	/* Whose it was, it stays, where we may say so; and only then is it read by whom it was. */
	if ((st.st_uid == geteuid() && st.st_gid == getegid()) ||
	    fchown(out->renewal.fd, st.st_uid, st.st_gid) == 0)
		fchmod(out->renewal.fd, st.st_mode & 0777);
	out->old_fd = out->fd;
	out->fd = out->renewal.fd;
	out->renewed = true;
	ctl_ending_takes(take_renewal_along, out);
	return 0;
}

int
ctl_output_take_over(struct ctl_output *out, struct vmirror_error *err)
{
	char name[PATH_MAX] = "";
	int ret;

	if (!out->renewed)
		return 0;
	ret = ctl_hidden_name(&out->renewal, out->path, name);
	if (ret == 0) {
		out->renewed = false;
		close(out->old_fd);
		return 0;
	}
	if (name[0] != '\0')
		return vmirror_error_set(err, ret,
					 "%.200s: %s; it has what it had, and %.200s what is new",
					 out->path, strerror(-ret), name);
	return vmirror_error_set(err, ret,
				 "%.200s: %s; it has what it had, and what is new is lost",
				 out->path, strerror(-ret));
}

void
ctl_output_close(struct ctl_output *out)
{
	ctl_ending_leaves(out);
	if (out->renewed) {
		ctl_hidden_drop(&out->renewal);
		close(out->old_fd);
	} else if (out->fd >= 0) {
		close(out->fd);
	}
	out->renewed = false;
	out->fd = -1;
}

void
ctl_output_discard(struct ctl_output *out)
{
	struct stat st;

	/* The path may lead elsewhere by now. */
	if (out->fd >= 0 && out->created && lstat(out->path, &st) == 0 && st.st_dev == out->dev &&
	    st.st_ino == out->ino)
		unlink(out->path);
	ctl_output_close(out);
}

int
ctl_output_absolute(char absolute[PATH_MAX], const char *path, struct vmirror_error *err)
{
	char here[PATH_MAX] = "";
	int len;

	if (*path != '/' && getcwd(here, sizeof(here)) == NULL)
		return vmirror_error_set(err, -errno, "the current directory: %s", strerror(errno));
	/* The root has its slash. */
	len = snprintf(absolute, PATH_MAX, "%s%s%s", here,
		       here[0] != '\0' && here[1] != '\0' ? "/" : "", path);
	return len < PATH_MAX ? 0 : fail(path, ENAMETOOLONG, err);
}
