/* SPDX-License-Identifier: BSD-3-Clause */

/* Files as the writer wants them. Knows nothing of what is in them. */

#include "writer/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "devargs/error.h"

/* Reserved at a time, unless that were more than an eighth of what is free. */
#define RESERVE_STEP (UINT64_C(256) << 20)
#define RESERVE_PART 8

static int
refuse(const char *path, int error, const char *what, struct vmirror_error *err)
{
	return vmirror_error_set(err, error, "path=%s %s", path, what);
}

static int
fail(const char *path, struct vmirror_error *err)
{
	int error = -errno;

	if (error == -ELOOP)
		return refuse(path, error, "is a symbolic link; name the file itself", err);
	return vmirror_error_set(err, error, "path=%s: %s", path, strerror(-error));
}

static int
no_reader(const char *path, struct vmirror_error *err)
{
	return refuse(path, -ENXIO,
		      "is a fifo that nobody reads; start its reader first, as in "
		      "'tcpdump -r FIFO'",
		      err);
}

static int
exists(const char *path, struct vmirror_error *err)
{
	return refuse(path, -EEXIST,
		      "exists already; name another file, say overwrite=1, or say rotate_bytes= or "
		      "rotate_seconds=, for files with their time in their names",
		      err);
}

static int
check_directory(const char *path, struct vmirror_error *err)
{
	char copy[PATH_MAX];
	struct stat st;
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (stat(dir, &st) != 0)
		return vmirror_error_set(err, -errno, "path=%s: directory '%s': %s", path, dir,
					 strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return vmirror_error_set(err, -ENOTDIR, "path=%s: '%s' is not a directory", path,
					 dir);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) != 0)
		return vmirror_error_set(err, -errno, "path=%s: directory '%s' is not writable: %s",
					 path, dir, strerror(errno));
	return 0;
}

int
vmirror_file_check(const char *path, bool overwrite, struct vmirror_error *err)
{
	struct stat st;

	if (strlen(path) >= PATH_MAX || *path == '\0' || path[strlen(path) - 1] == '/')
		return vmirror_error_set(err, -EINVAL, "path=%.80s is no file name", path);
	if (lstat(path, &st) != 0)
		return check_directory(path, err);
	if (S_ISLNK(st.st_mode))
		return refuse(path, -ELOOP, "is a symbolic link; name the file itself", err);
	if (S_ISREG(st.st_mode) && !overwrite)
		return exists(path, err);
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return refuse(path, -EINVAL, "is neither a file nor a fifo", err);
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
		return vmirror_error_set(err, -errno, "path=%s is not writable: %s", path,
					 strerror(errno));
	return 0;
}

/* @return 0, or -errno with err set; fd is the caller's to close */
static int
examine(struct vmirror_file *file, bool overwrite, struct vmirror_error *err)
{
	struct stat st;

	if (fstat(file->out.fd, &st) != 0)
		return fail(file->path, err);
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->fifo = S_ISFIFO(st.st_mode);
	file->out.is_pipe = file->out.is_prompt = file->fifo;
	file->regular = S_ISREG(st.st_mode);
	if (S_ISCHR(st.st_mode) && isatty(file->out.fd))
		return refuse(file->path, -EINVAL,
			      "is a terminal, which no capture is written to; name a file", err);
	if (!file->regular)
		return file->fifo || S_ISCHR(st.st_mode)
			       ? 0
			       : refuse(file->path, -EINVAL, "is neither a file nor a fifo", err);
	if (!file->created && !overwrite)
		return exists(file->path, err);
	/* Also against another process: two writers would ruin the file for both. */
	if (flock(file->out.fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return refuse(file->path, -EBUSY, "is being written by another capture", err);
	if (!file->created && ftruncate(file->out.fd, 0) != 0)
		return fail(file->path, err);
	return 0;
}

/*
 * To open a fifo without waiting is one thing, to write to a file another. Some file systems tell only
 * at the first write that they do none past the page cache.
 */
static void
set_flags(struct vmirror_file *file, bool direct)
{
	int flags = fcntl(file->out.fd, F_GETFL) & ~O_NONBLOCK;

	file->direct = direct && fcntl(file->out.fd, F_SETFL, flags | O_DIRECT) == 0;
	if (!file->direct)
		fcntl(file->out.fd, F_SETFL, flags);
}

int
vmirror_file_open(struct vmirror_file *file, const char *path, const struct vmirror_file_opts *opts,
		  struct vmirror_error *err)
{
	/* No terminal becomes that of a process which has none. */
	const int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int ret;

	*file = (struct vmirror_file){.step = RESERVE_STEP, .given_fd = -1};
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->out.fd = open(path, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
	file->created = file->out.fd >= 0;
	/* Write only: whoever also reads a fifo does not see its reader go. */
	if (file->out.fd < 0 && errno == EEXIST)
		file->out.fd = open(path, flags | O_WRONLY);
	if (file->out.fd < 0)
		return errno == ENXIO ? no_reader(path, err) : fail(path, err);
	ret = examine(file, opts->overwrite, err);
	if (ret != 0) {
		vmirror_file_discard(file);
		return ret;
	}
	if (file->regular)
		set_flags(file, opts->direct);
	return 0;
}

/*
 * Whether it is a file as those that are opened by name: its places are ours. Not one of /proc and the
 * like, whose file systems have no blocks: what writing there does, goes by who has opened it.
 */
static bool
is_ours(int fd, const struct stat *st)
{
	struct statvfs fs;

	return S_ISREG(st->st_mode) && st->st_size == 0 && lseek(fd, 0, SEEK_CUR) == 0 &&
	       (fcntl(fd, F_GETFL) & O_APPEND) == 0 && fstatvfs(fd, &fs) == 0 && fs.f_blocks != 0;
}

/*
 * Through the descriptor, wherever it leads: its name may mean something else here, or nothing. Without
 * waiting: its giver may have a lease on it, for whose end open() waits otherwise.
 */
static bool
open_anew(struct vmirror_file *file)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", file->out.fd);
	fd = open(link, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return false;
	file->given_fd = file->out.fd;
	file->out.fd = fd;
	return true;
}

static int
adopt(struct vmirror_file *file, const char *name, bool direct, struct vmirror_error *err)
{
	int fd = file->out.fd;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return vmirror_error_set(err, -errno, "%s: %s", name, strerror(errno));
	if (isatty(fd))
		return vmirror_error_set(err, -EINVAL,
					 "%s is a terminal, which no capture is written to; write "
					 "to a pipe or a file",
					 name);
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return vmirror_error_set(err, -EINVAL, "%s is open for reading only", name);
	/* Others, an eventfd for one, may block whoever writes for ever, whatever poll() says. */
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
	    !S_ISCHR(st.st_mode))
		return vmirror_error_set(
			err, -EINVAL, "%s is no file, pipe or socket; write to one of these", name);
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->out.is_socket = S_ISSOCK(st.st_mode);
	file->out.is_pipe = S_ISFIFO(st.st_mode) || file->out.is_socket;
	file->regular = is_ours(fd, &st);
	if (S_ISFIFO(st.st_mode))
		file->out.is_prompt = open_anew(file);
	if (!file->regular)
		return 0;
	/* Whoever handed it in may have it already: it is of the open file, which we share. */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return vmirror_error_set(err, -EBUSY, "%s is being written by another capture",
					 name);
	file->step = RESERVE_STEP;
	if (open_anew(file))
		set_flags(file, direct);
	return 0;
}

int
vmirror_file_adopt(struct vmirror_file *file, int fd, const char *name, bool direct,
		   struct vmirror_error *err)
{
	int ret;

	*file = (struct vmirror_file){.out.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3), .given_fd = -1};
	snprintf(file->path, sizeof(file->path), "%s", name);
	if (file->out.fd < 0)
		return vmirror_error_set(err, -errno, "%s: descriptor %d: %s", name, fd,
					 strerror(errno));
	ret = adopt(file, name, direct, err);
	if (ret != 0)
		vmirror_file_leave(file);
	return ret;
}

/*
 * Space is reserved behind the end that readers see, so that a file whose writer is killed ends with
 * its last block and not with zeroes.
 */
void
vmirror_file_reserve(struct vmirror_file *file, uint64_t bytes)
{
	uint64_t from = file->reserved;
	struct statvfs fs;

	if (!file->regular || file->step == 0 || file->end + bytes <= from)
		return;
	if (fstatvfs(file->out.fd, &fs) != 0 ||
	    (uint64_t)fs.f_bavail * fs.f_frsize / RESERVE_PART < file->step ||
	    fallocate(file->out.fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)file->step) != 0)
		file->step = 0;
	else
		file->reserved = from + file->step;
}

bool
vmirror_file_undirect(struct vmirror_file *file)
{
	int flags = fcntl(file->out.fd, F_GETFL);

	if (!file->direct || flags < 0)
		return false;
	file->direct = false;
	return fcntl(file->out.fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

void
vmirror_file_divert(const struct vmirror_file *file)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0)
		return;
	dup3(null, file->out.fd, O_CLOEXEC);
	if (file->given_fd >= 0)
		dup3(null, file->given_fd, O_CLOEXEC);
	close(null);
}

void
vmirror_file_leave(const struct vmirror_file *file)
{
	close(file->out.fd);
	if (file->given_fd >= 0)
		close(file->given_fd);
}

int
vmirror_file_close(struct vmirror_file *file)
{
	int ret = 0;

	if (file->regular && ftruncate(file->out.fd, (off_t)file->end) != 0)
		ret = -errno;
	/* Where it was not opened anew its place is that of whoever shares it. */
	if (file->regular)
		lseek(file->given_fd >= 0 ? file->given_fd : file->out.fd, (off_t)file->end,
		      SEEK_SET);
	if (file->given_fd >= 0)
		close(file->given_fd);
	/* Where a file is written somewhere else, here is where a full disk is told. */
	if (close(file->out.fd) != 0)
		ret = -errno;
	return ret;
}

bool
vmirror_file_remove(const char *path, dev_t dev, ino_t ino)
{
	struct stat st;

	/* The path may lead elsewhere by now. */
	return lstat(path, &st) == 0 && st.st_dev == dev && st.st_ino == ino && unlink(path) == 0;
}

void
vmirror_file_discard(struct vmirror_file *file)
{
	struct stat st;

	if (file->created && fstat(file->out.fd, &st) == 0)
		vmirror_file_remove(file->path, st.st_dev, st.st_ino);
	vmirror_file_leave(file);
}
