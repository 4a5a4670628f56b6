/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_pcap, tx_pcap=FILE: the PMD writes a capture file (nanosecond pcap). net_pcap.c
 * chooses between this form and the one on an interface.
 *
 * The PMD opens the path it is given with fopen(): it would follow a symbolic link, create with
 * the umask's mode and cannot say that a write failed. So the file is opened here, safely, and the
 * PMD gets its name under /proc; and since the PMD flushes at every burst, a file that is smaller
 * than what was accepted tells that writing has failed.
 * [drivers/net/pcap/pcap_ethdev.c, 22.11 to 25.11: open_single_tx_pcap(), eth_pcap_tx_dumper()]
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drivers/net_pcap.h"

/* libpcap's file and record headers, pcap-savefile(5). */
#define FILE_HEADER_LEN   24
#define RECORD_HEADER_LEN 16
#define MAGIC_NS          0xa1b23c4d /* in the byte order of who writes */

/* RTE_ETH_PCAP_SNAPLEN: what the PMD gathers a segmented frame into. */
#define PMD_MAX_CHAIN 16128

struct pcap_sink {
	int fd;
	int shown_fd; /* the number that the PMD was shown; -1: it is fd */
	int pmd_fd;   /* of the PMD's stream, until the port is stopped; -1: unknown */
	bool created; /* by us, and not there before */
	bool regular; /* has a size to compare */
	bool short_write;
	uint64_t good_size; /* as of the last look at which nothing was missing */
	char path[PATH_MAX];
};

static const char *
tx_pcap(const struct vmirror_spec_sink *spec)
{
	return vmirror_spec_sink_arg(spec, "tx_pcap");
}

/* What a path must be: a regular file that is there, or a place for one in a directory. */
static int
check_file(const char *path, const char *dir, struct vmirror_error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (S_ISLNK(st.st_mode))
			return vmirror_error_set(err, -ELOOP,
						 "sink net_pcap: tx_pcap=%s is a symbolic link; "
						 "name the file itself",
						 path);
		if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
			return vmirror_error_set(err, -EINVAL,
						 "sink net_pcap: tx_pcap=%s is not a regular file",
						 path);
		if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
			return vmirror_error_set(err, -errno,
						 "sink net_pcap: tx_pcap=%s is not writable: %s",
						 path, strerror(errno));
		return 0;
	}
	if (stat(dir, &st) != 0)
		return vmirror_error_set(err, -errno,
					 "sink net_pcap: tx_pcap=%s: directory '%s': %s", path, dir,
					 strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return vmirror_error_set(err, -ENOTDIR,
					 "sink net_pcap: tx_pcap=%s: '%s' is not a directory", path,
					 dir);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) != 0)
		return vmirror_error_set(err, -errno,
					 "sink net_pcap: tx_pcap=%s: directory '%s' is not "
					 "writable: %s",
					 path, dir, strerror(errno));
	return 0;
}

/* Beyond a file size limit the kernel kills the process, on whose threads the PMD writes. */
static int
check_limit(struct vmirror_error *err)
{
	struct sigaction action;
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
	    sigaction(SIGXFSZ, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
		return 0;
	return vmirror_error_set(
		err, -EFBIG,
		"sink net_pcap: a file over the limit of %llu bytes (ulimit -f) would "
		"end the process; lift the limit, or ignore SIGXFSZ",
		(unsigned long long)limit.rlim_cur);
}

static int
pcap_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	   struct vmirror_error *err)
{
	const char *path = tx_pcap(spec);
	char for_dir[PATH_MAX], for_base[PATH_MAX], real[PATH_MAX];
	const char *dir;
	struct stat st;
	int ret;

	if (strcmp(path, "-") == 0)
		return vmirror_error_set(
			err, -EINVAL,
			"sink net_pcap: tx_pcap=- would write a file of that name, "
			"not stdout; if that is what you want, say tx_pcap=./-");
	if (strlen(path) >= PATH_MAX || path[strlen(path) - 1] == '/')
		return vmirror_error_set(err, -EINVAL,
					 "sink net_pcap: tx_pcap=%.80s is no file name", path);
	strcpy(for_dir, path);
	strcpy(for_base, path);
	dir = dirname(for_dir);
	ret = check_file(path, dir, err);
	if (ret == 0)
		ret = check_limit(err);
	if (ret != 0)
		return ret;

	/* /dev/null is nobody's. */
	plan->shareable = stat(path, &st) == 0 && S_ISCHR(st.st_mode);
	if (realpath(dir, real) == NULL)
		strcpy(real, dir);
	snprintf(plan->resource, sizeof(plan->resource), "file %s/%s",
		 strcmp(real, "/") == 0 ? "" : real, basename(for_base));
	return 0;
}

static int
open_file(struct pcap_sink *pcap, struct vmirror_error *err)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	struct stat st;
	int ret;

	pcap->fd = open(pcap->path, flags | O_CREAT | O_EXCL, 0600);
	pcap->created = pcap->fd >= 0;
	if (pcap->fd < 0 && errno == EEXIST)
		pcap->fd = open(pcap->path, flags);
	if (pcap->fd < 0)
		return vmirror_error_set(err, -errno, "sink net_pcap: tx_pcap=%s: %s", pcap->path,
					 strerror(errno));

	if (fstat(pcap->fd, &st) != 0 || (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))) {
		ret = vmirror_error_set(err, -EINVAL,
					"sink net_pcap: tx_pcap=%s is not a regular file",
					pcap->path);
		goto close;
	}
	pcap->regular = S_ISREG(st.st_mode);
	/* Also against another process: two writers would ruin the file for both. */
	if (pcap->regular && flock(pcap->fd, LOCK_EX | LOCK_NB) != 0) {
		ret = vmirror_error_set(err, -EBUSY,
					"sink net_pcap: tx_pcap=%s is being written by another "
					"capture",
					pcap->path);
		goto close;
	}
	return 0;

close:
	if (pcap->created)
		unlink(pcap->path);
	close(pcap->fd);
	return ret;
}

/* Undo open_file(). */
static void
discard(struct pcap_sink *pcap)
{
	struct stat here, there;

	/* The path may lead elsewhere by now. */
	if (pcap->created && fstat(pcap->fd, &here) == 0 && lstat(pcap->path, &there) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino)
		unlink(pcap->path);
	close(pcap->fd);
	if (pcap->shown_fd >= 0)
		close(pcap->shown_fd);
	free(pcap);
}

/*
 * The file's name under /proc, for the PMD to open. By pid, and not "self": a secondary process
 * probes the vdev too, and would find a file of its own there. The pid is what /proc says it is, for
 * it may be mounted from another pid namespace; and what it leads to is compared with what was
 * meant, because the PMD truncates what it opens.
 */
static int
name_for_pmd(const struct pcap_sink *pcap, char *devargs, size_t size, struct vmirror_error *err)
{
	struct stat meant, found;
	char pid[16] = "";
	char path[64];

	if (readlink("/proc/self", pid, sizeof(pid) - 1) < 0)
		return vmirror_error_set(err, -errno, "sink net_pcap: /proc/self: %s",
					 strerror(errno));
	snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, pcap->fd);
	if (stat(path, &found) != 0 || fstat(pcap->fd, &meant) != 0 ||
	    found.st_dev != meant.st_dev || found.st_ino != meant.st_ino)
		return vmirror_error_set(err, -EIO,
					 "sink net_pcap: %s is not %s; is /proc this "
					 "namespace's?",
					 path, pcap->path);
	snprintf(devargs, size, "tx_pcap=%s", path);
	return 0;
}

static int
pcap_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	  size_t size, struct vmirror_error *err)
{
	struct pcap_sink *pcap = calloc(1, sizeof(*pcap));
	int ret;

	if (pcap == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink net_pcap: out of memory");
	pcap->shown_fd = -1;
	pcap->pmd_fd = -1;
	snprintf(pcap->path, sizeof(pcap->path), "%s", tx_pcap(spec));
	ret = open_file(pcap, err);
	if (ret != 0) {
		free(pcap);
		return ret;
	}
	ret = name_for_pmd(pcap, devargs, size, err);
	if (ret != 0) {
		discard(pcap);
		return ret;
	}
	pcap->good_size = FILE_HEADER_LEN;
	sink->limits.max_chain = PMD_MAX_CHAIN;
	sink->priv = pcap;
	return 0;
}

/* Whether a descriptor only writes, and to the file that another is of. */
static bool
writes_same_file(int fd, int other)
{
	struct stat a, b;

	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY && fstat(fd, &a) == 0 &&
	       fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The descriptor of the PMD's stream, which only writes; a program that the host runs must not have it. */
static void
find_stream(struct pcap_sink *pcap)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir != NULL && pcap->pmd_fd < 0 && (entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != pcap->fd && writes_same_file(fd, pcap->fd) &&
		    fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
			pcap->pmd_fd = fd;
	}
	if (dir != NULL)
		closedir(dir);
}

/*
 * The stream's buffer may hold what the parent's is about to write (before the first burst: the file's
 * header), and the child's exit() would write it, too. The lock is the child's as well, as long as it
 * has the descriptor.
 */
static void
pcap_forked(struct vmirror_sink *sink)
{
	const struct pcap_sink *pcap = sink->priv;

	if (!pcap->regular || pcap->shown_fd < 0)
		return;
	/* Closed since, and somebody else's now? */
	if (pcap->pmd_fd >= 0 && writes_same_file(pcap->pmd_fd, pcap->fd))
		dup3(pcap->shown_fd, pcap->pmd_fd, O_CLOEXEC);
	dup3(pcap->shown_fd, pcap->fd, O_CLOEXEC);
}

/*
 * The PMD has opened the file. From now on its name under /proc leads to /dev/null: the PMD of a
 * secondary process, dpdk-dumpcap say, opens it too, and truncates what it opens.
 */
static int
pcap_setup(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
	   struct vmirror_error *err)
{
	struct pcap_sink *pcap = sink->priv;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int own = fcntl(pcap->fd, F_DUPFD_CLOEXEC, 0);
	int ret = 0;

	if (null < 0 || own < 0 || dup3(null, pcap->fd, O_CLOEXEC) < 0) {
		ret = vmirror_error_set(err, -errno, "sink net_pcap: /dev/null: %s",
					strerror(errno));
		if (own >= 0)
			close(own);
	} else {
		pcap->shown_fd = pcap->fd;
		pcap->fd = own;
		if (pcap->regular)
			find_stream(pcap);
	}
	if (null >= 0)
		close(null);
	return ret;
}

static const char *
why_short(const struct pcap_sink *pcap)
{
	struct statvfs fs;

	if (fstatvfs(pcap->fd, &fs) == 0 && fs.f_bavail * fs.f_frsize < 65536)
		return "its disk is full";
	return "writing failed";
}

static enum vmirror_sink_health
pcap_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
	    char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct pcap_sink *pcap = sink->priv;
	uint32_t magic;
	struct stat st;
	uint64_t due;

	/* Nothing is written before the first burst, the file header included. */
	if (!pcap->regular || progress->accepted_pkts == 0 || fstat(pcap->fd, &st) != 0)
		return VMIRROR_SINK_WELL;
	if ((pcap->good_size > FILE_HEADER_LEN && (uint64_t)st.st_size < pcap->good_size) ||
	    (pread(pcap->fd, &magic, sizeof(magic), 0) == sizeof(magic) && magic != MAGIC_NS)) {
		snprintf(reason, VMIRROR_SINK_REASON_SIZE,
			 "%.120s was truncated or overwritten by somebody else", pcap->path);
		return VMIRROR_SINK_FAILED;
	}
	due = FILE_HEADER_LEN + progress->accepted_pkts * RECORD_HEADER_LEN +
	      progress->accepted_bytes;
	if ((uint64_t)st.st_size < due) {
		pcap->short_write = true;
		snprintf(reason, VMIRROR_SINK_REASON_SIZE,
			 "%.120s: %s: the file has %" PRIu64 " bytes and should have %" PRIu64,
			 pcap->path, why_short(pcap), (uint64_t)st.st_size, due);
		return VMIRROR_SINK_FAILED;
	}
	pcap->good_size = due;
	if (st.st_nlink == 0) {
		snprintf(reason, VMIRROR_SINK_REASON_SIZE,
			 "%.120s was removed; what is written to it is lost when the mirror ends",
			 pcap->path);
		return VMIRROR_SINK_AILS;
	}
	return VMIRROR_SINK_WELL;
}

/* The end of the last whole record after a point at which a record begins. */
static uint64_t
last_whole_record(int fd, uint64_t at, uint64_t size)
{
	/* pcap-savefile(5): seconds, nanoseconds, captured length, original length. */
	uint32_t header[4];

	while (at + sizeof(header) <= size &&
	       pread(fd, header, sizeof(header), at) == (ssize_t)sizeof(header)) {
		/* A frame of no bytes is none: zeroes of a torn record look like that. */
		if (header[1] >= 1000000000 || header[2] == 0 || header[2] > header[3] ||
		    at + sizeof(header) + header[2] > size)
			break;
		at += sizeof(header) + header[2];
	}
	return at;
}

/* Cut a file that was not written to the end back to what can be read without a complaint. */
static void
trim(const struct pcap_sink *pcap)
{
	struct stat st;

	/* Where that fails the file keeps its torn end; the mirror's reason tells. */
	if (fstat(pcap->fd, &st) == 0 && (uint64_t)st.st_size > pcap->good_size &&
	    ftruncate(pcap->fd, last_whole_record(pcap->fd, pcap->good_size, st.st_size)) != 0)
		errno = 0;
}

static void
pcap_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	struct pcap_sink *pcap = sink->priv;

	if (pcap->short_write)
		trim(pcap);
	pcap->created = pcap->created && end == VMIRROR_SINK_ABORT;
	discard(pcap);
}

const struct vmirror_sink_ops vmirror_sink_net_pcap_file = {
	.driver = "net_pcap",
	.keys = vmirror_net_pcap_keys,
	.check = pcap_check,
	.open = pcap_open,
	.setup = pcap_setup,
	.health = pcap_health,
	.forked = pcap_forked,
	.close = pcap_close,
};
