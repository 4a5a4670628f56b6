/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a disk that fails does to a write: the test calls this in place of libc's and liburing's. Of
 * io_uring it is the kernel itself that fails what goes to another descriptor.
 */

#include "tests/unit/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SEC (UINT64_C(1000) * WRITING_MS)

ssize_t
__real_pwrite64(int fd, const void *bytes, size_t size, off_t offset);
ssize_t
__wrap_pwrite64(int fd, const void *bytes, size_t size, off_t offset);
int
__real_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int
__wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int
__real_io_uring_submit(struct io_uring *ring);
int
__wrap_io_uring_submit(struct io_uring *ring);
int
__real_ftruncate64(int fd, off_t size);
int
__wrap_ftruncate64(int fd, off_t size);
int
__real_close(int fd);
int
__wrap_close(int fd);
int
__real_clock_gettime(clockid_t id, struct timespec *ts);
int
__wrap_clock_gettime(clockid_t id, struct timespec *ts);

struct disk disk;

void
disk_new(const struct writing *writing, bool with_pwrite)
{
	disk = (struct disk){
		.writing = writing,
		.pwrite = with_pwrite,
		.capacity = DISK_ANY,
		.unit = DISK_UNIT,
		.at = DISK_ANY,
		.until = DISK_ANY,
		.most = DISK_ANY,
		.error = ENOSPC,
	};
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int ret = __real_clock_gettime(id, ts);

	if (id == CLOCK_MONOTONIC) {
		ts->tv_sec += (time_t)(disk.ahead_ns / SEC);
		ts->tv_nsec += (long)(disk.ahead_ns % SEC);
		ts->tv_sec += ts->tv_nsec / 1000000000;
		ts->tv_nsec %= 1000000000;
	}
	return ret;
}

int
__wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags)
{
	return disk.pwrite ? -EPERM : __real_io_uring_queue_init(entries, ring, flags);
}

int
__wrap_ftruncate64(int fd, off_t size)
{
	if (!disk.no_cut)
		return __real_ftruncate64(fd, size);
	errno = disk.error;
	return -1;
}

/* Closed it is in any case. [Linux, close(2)] */
int
__wrap_close(int fd)
{
	bool fails = disk.no_close && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
	int ret = __real_close(fd);

	if (!fails)
		return ret;
	errno = disk.error;
	return -1;
}

/* Bytes of all files but one, by its inode. */
static uint64_t
others(ino_t ino)
{
	char names[256][256];
	unsigned int n = writing_list(disk.writing, names, 256), i;
	uint64_t bytes = 0;
	struct stat st;

	for (i = 0; i < n; i++)
		if (stat(names[i], &st) == 0 && st.st_ino != ino)
			bytes += (uint64_t)st.st_size;
	return bytes;
}

uint64_t
disk_used(void)
{
	return others(0);
}

/* How much of a write the disk takes. @return bytes; 0: none, with *error set */
static uint64_t
takes(int fd, uint64_t size, uint64_t offset, int *error)
{
	uint64_t number = disk.writes++, room;
	struct stat own;

	*error = 0;
	if (disk.interrupts && number % 2 == 0)
		*error = EINTR;
	else if (number >= disk.at && number <= disk.until && disk.cut == 0)
		*error = disk.error;
	else if (number == disk.at && size > disk.cut)
		size = disk.cut;
	else if (number > disk.at && number <= disk.until)
		*error = disk.error;
	if (*error != 0)
		return 0;
	if (disk.capacity != DISK_ANY) {
		assert_int_equal(fstat(fd, &own), 0);
		room = others(own.st_ino) + offset;
		room = disk.capacity > room ? disk.capacity - room : 0;
		if (room < size)
			size = room - room % disk.unit;
		if (size == 0)
			*error = disk.error;
	}
	return size < disk.most ? size : disk.most;
}

ssize_t
__wrap_pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
	int error;
	uint64_t n = takes(fd, size, (uint64_t)offset, &error);

	/* As disks are; not all file systems insist on it. */
	if ((n | (uint64_t)offset) % 512 != 0 && (fcntl(fd, F_GETFL) & O_DIRECT) != 0)
		error = EINVAL;
	if (error != 0) {
		errno = error;
		return -1;
	}
	return __real_pwrite64(fd, bytes, n, offset);
}

static uint64_t
size_of(const struct io_uring_sqe *sqe)
{
	const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;
	uint64_t size = 0;
	unsigned int i;

	for (i = 0; i < sqe->len; i++)
		size += iov[i].iov_len;
	return size;
}

/* The vector is the writer's, who makes another for what is left. */
static void
shorten(struct io_uring_sqe *sqe, uint64_t size)
{
	struct iovec *iov = (struct iovec *)(uintptr_t)sqe->addr;
	unsigned int i;

	for (i = 0; i < sqe->len; i++) {
		if (iov[i].iov_len > size)
			iov[i].iov_len = size;
		size -= iov[i].iov_len;
	}
}

/* Into what is always full, or is no descriptor: the kernel itself fails it. */
static int
judge(struct io_uring_sqe *sqe)
{
	static int full = -1;
	uint64_t n;
	int error;

	if (sqe->opcode != IORING_OP_WRITEV)
		return 0;
	n = takes(sqe->fd, size_of(sqe), sqe->off, &error);
	if (error == EINTR)
		return -EINTR;
	if (full < 0)
		full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (error == 0)
		shorten(sqe, n);
	else
		sqe->fd = error == ENOSPC ? full : -1;
	return 0;
}

int
__wrap_io_uring_submit(struct io_uring *ring)
{
	unsigned int i;

	if (disk.no_enter)
		return -EPERM;
	if (disk.swallows)
		return 1;
	for (i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++)
		if (judge(&ring->sq.sqes[i & ring->sq.ring_mask]) != 0)
			return -EINTR;
	return __real_io_uring_submit(ring);
}
