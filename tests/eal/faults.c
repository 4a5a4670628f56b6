/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a process is denied while it mirrors: file sizes, disk space, its own /proc, interfaces
 * that are up, system calls. Each in a process of its own, which changes what cannot be changed
 * back; a mirror says what ails it, counts what it lost, and forwarding goes on.
 */

#include "tests/eal/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "lib/dispatch.h"

#define VICTIM_FDS 48

static uint16_t port;

/* What host_loop() sent: records must show it, whole. */
static uint32_t frame_len;

/* Mirror "m" is detached, which looks at its sink, and attached again. */
static void
look(void)
{
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
}

static void
start(void)
{
	host_init();
	port = host_plug("net_ring_a", "", 1);
	host_engine_init();
}

static void
end(void)
{
	host_unplug("net_ring_a");
	vmirror_engine_fini();
	host_fini();
}

static void
see_whole(const struct host_record *record, unsigned int n)
{
	static uint8_t bytes[2048];
	uint32_t serial;

	assert_int_equal(record->len, frame_len);
	assert_int_equal(record->caplen, frame_len);
	/* The serial number stands behind the UDP header. */
	memcpy(&serial, record->data + 42, sizeof(serial));
	host_bytes(bytes, frame_len, serial);
	assert_memory_equal(record->data, bytes, frame_len);
}

/* A mirror that failed for its file: nothing is said to be there that is not. */
static void
assert_failed(const char *name, const char *file, const char *words)
{
	struct vmirror_stats stats = host_stats(name);
	unsigned int records;

	if (strstr(stats.reason, words) == NULL)
		fail_msg("'%s' in: %s", words, stats.reason);
	host_assert_conserved(name);
	assert_int_equal(stats.total.captured,
			 stats.total.delivered + stats.total.unknown + stats.total.sink_rejected);
	assert_true(stats.total.unknown > 0);
	assert_true(stats.total.sink_rejected > 0);
	host_remove(name);
	records = host_read_pcap(file, see_whole);
	assert_in_range(records, stats.total.delivered,
			stats.total.delivered + stats.total.unknown - 1);
}

static void
live_file_limit(unsigned int arg)
{
	struct rlimit limit = {.rlim_cur = 20000, .rlim_max = RLIM_INFINITY};
	struct vmirror_error err = {0};

	start();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(host_try_mirror(&err, "name=m,port=all,sink=[net_pcap,tx_pcap=m.pcap]"),
			 -EFBIG);
	assert_non_null(strstr(err.text, "limit of 20000 bytes"));
	assert_non_null(strstr(err.text, "SIGXFSZ"));
	assert_int_equal(access("m.pcap", F_OK), -1);
	assert_int_equal(vmirror_mirror_list(NULL, 0), 0);

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	host_mirror("name=m,port=all,sink=[net_pcap,tx_pcap=m.pcap]");
	frame_len = 300;
	host_loop(port, 0, 20, frame_len);
	look();
	assert_int_equal(host_stats("m").state, VMIRROR_ATTACHED);
	host_loop(port, 0, 20, frame_len);
	host_wait(host_stats("m").state == VMIRROR_FAILED);
	assert_true(host_stats("m").total.delivered >= 40);
	host_loop(port, 0, 20, frame_len);
	assert_failed("m", "m.pcap", "writing failed");
	assert_int_equal(host_notices("mirror 'm' failed"), 1);

	end();
}

static void
test_file_limit(void **state)
{
	host_fork(live_file_limit, 0);
}

/* As many whole records as a file of so many bytes holds: a header, records of header and frame. */
static unsigned int
records_in(unsigned int bytes)
{
	return bytes < 24 ? 0 : (bytes - 24) / (16 + frame_len);
}

/* A file that can have so many bytes and no more. Each packet is looked after: it is there, or not. */
static void
check_room(unsigned int room, unsigned int n)
{
	struct rlimit limit = {.rlim_cur = room, .rlim_max = RLIM_INFINITY};
	struct vmirror_stats stats;
	unsigned int i;
	struct stat st;

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	host_mirror("name=m,port=all,dir=tx,sink=[net_pcap,tx_pcap=m.pcap]");
	for (i = 0; i < n; i++) {
		host_loop(port, 0, 1, frame_len);
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		if (host_stats("m").state == VMIRROR_FAILED)
			break;
		assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	}
	stats = host_stats("m");
	assert_int_equal(stats.state, VMIRROR_FAILED);
	assert_non_null(strstr(stats.reason, "writing failed"));
	assert_int_equal(stats.total.delivered, records_in(room));
	assert_int_equal(stats.total.unknown, 1);
	host_assert_conserved("m");
	host_remove("m");

	assert_int_equal(stat("m.pcap", &st), 0);
	assert_in_range(st.st_size, 0, room);
	if (room >= 24)
		assert_int_equal(host_read_pcap("m.pcap", see_whole), records_in(room));
	assert_int_equal(unlink("m.pcap"), 0);
}

static void
live_every_byte(unsigned int arg)
{
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	unsigned int n = host_rounds(6, 60);
	unsigned int room;

	start();
	frame_len = 61;
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	for (room = 1; records_in(room) < n; room++)
		check_room(room, n);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	end();
}

/* Byte by byte, which no file system's blocks allow: the kernel cuts a write off at a limit too. */
static void
test_every_byte(void **state)
{
	host_fork(live_every_byte, 0);
}

static void
live_unlinked(unsigned int replaced)
{
	struct stat st;

	start();
	host_mirror("name=m,port=all,sink=[net_pcap,tx_pcap=m.pcap]");
	host_loop(port, 0, 10, 100);
	rte_delay_us_sleep(120000);
	assert_string_equal(host_stats("m").reason, "");
	assert_int_equal(unlink("m.pcap"), 0);
	if (replaced)
		assert_int_equal(close(open("m.pcap", O_WRONLY | O_CREAT | O_EXCL, 0600)), 0);
	host_wait(strstr(host_stats("m").reason, "m.pcap was removed") != NULL);
	host_loop(port, 0, 10, 100);
	rte_delay_us_sleep(120000);
	assert_int_equal(host_stats("m").state, VMIRROR_ATTACHED);
	assert_int_equal(host_stats("m").total.delivered, 40);
	assert_int_equal(host_notices("was removed"), 1);
	host_remove("m");
	/* What stands there now is not the mirror's. */
	assert_int_equal(stat("m.pcap", &st), replaced ? 0 : -1);
	if (replaced)
		assert_int_equal(st.st_size, 0);
	end();
}

static void
test_unlinked(void **state)
{
	host_fork(live_unlinked, 0);
	host_fork(live_unlinked, 1);
}

/* Fill what is left of the disk but so many bytes. */
static void
fill_disk(unsigned int leave)
{
	static const char bytes[4096];
	int fd = open("small/filler", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	off_t size;

	assert_true(fd >= 0);
	while (write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		;
	size = lseek(fd, 0, SEEK_END);
	assert_int_equal(ftruncate(fd, size - leave), 0);
	close(fd);
}

/* The disk gets full under a mirror; space comes back at once, after the failure, or never. */
static void
check_disk_full(uint32_t len)
{
	unsigned int returns = len / 37 % 3;
	struct vmirror_stats stats;
	unsigned int i;

	frame_len = len;
	host_mirror("name=m,port=all,dir=tx,sink=[net_pcap,tx_pcap=small/m.pcap]");
	host_loop(port, 0, 3, len);
	look();
	assert_int_equal(host_stats("m").state, VMIRROR_ATTACHED);
	fill_disk(4096 * (len % 3));
	for (i = 0; i < 40; i++) {
		host_loop(port, 0, 1 + i % 3, len);
		if (returns != 0 || i != 25)
			continue;
		host_stats("m"); /* what is on its way has met the full disk */
		assert_int_equal(unlink("small/filler"), 0);
	}
	host_wait(host_stats("m").state == VMIRROR_FAILED);
	assert_int_equal(host_stats("m").hooks, 1);
	if (returns == 1)
		assert_int_equal(unlink("small/filler"), 0);
	host_loop(port, 0, 20, len);
	rte_delay_us_sleep(60000);
	stats = host_stats("m");
	assert_int_equal(stats.state, VMIRROR_FAILED);
	assert_int_equal(stats.total.captured, stats.total.seen);
	assert_in_range(stats.total.delivered, 3, 3 + 79);
	assert_failed("m", "small/m.pcap", returns == 0 ? "the file has" : "its disk is full");
	assert_int_equal(unlink("small/m.pcap"), 0);
	if (returns == 2)
		assert_int_equal(unlink("small/filler"), 0);
}

static void
live_disk_full(unsigned int arg)
{
	uint32_t len;

	if (!host_private_mounts())
		host_cannot("a mount namespace");
	start();
	assert_int_equal(mkdir("small", 0700), 0);
	if (mount("none", "small", "tmpfs", 0, "size=256k") != 0)
		host_cannot("a file system in memory");
	for (len = 200; len <= 1500; len += 37)
		check_disk_full(len);
	assert_int_equal(umount("small"), 0);
	end();
}

static void
test_disk_full(void **state)
{
	if (!host_fork(live_disk_full, 0))
		skip();
}

/* Without a leak checker's last look, for which it needs a /proc and processes of its own. */
static void
leave(void)
{
	fflush(NULL);
	_exit(0);
}

/* Process 1 of an inner pid namespace; what /proc shows as process 1 is another, with files open. */
static void
live_inner(unsigned int arg)
{
	struct vmirror_error err = {0};
	struct stat victim;
	int fd;

	for (fd = 3; fd < VICTIM_FDS; fd++)
		close(fd);
	assert_int_equal(getpid(), 1);
	start();
	assert_int_equal(access("/proc/1/fd/9", F_OK), 0);
	if (host_try_mirror(&err, "name=m,port=all,sink=[net_pcap,tx_pcap=m.pcap]") == 0) {
		host_loop(port, 0, 10, 100);
		host_remove("m");
		assert_int_equal(host_read_pcap("m.pcap", NULL), 20);
	} else {
		assert_non_null(strstr(err.text, "is /proc this namespace's?"));
		assert_int_equal(access("m.pcap", F_OK), -1);
	}
	assert_int_equal(stat("/proc/1/fd/9", &victim), 0);
	assert_int_equal(victim.st_size, 8);

	/* Nor where there is none at all. */
	unlink("m.pcap");
	assert_int_equal(mount("none", "/proc", "tmpfs", 0, NULL), 0);
	assert_true(host_try_mirror(&err, "name=m,port=all,sink=[net_pcap,tx_pcap=m.pcap]") < 0);
	assert_non_null(strstr(err.text, "/proc/self: No such file or directory"));
	assert_int_equal(access("m.pcap", F_OK), -1);
	assert_int_equal(umount("/proc"), 0);
	end();
	leave();
}

/* Process 1 of the outer one, which /proc is of. */
static void
live_outer(unsigned int arg)
{
	char path[] = "/tmp/vmirror-victim-XXXXXX";
	int victim = mkstemp(path);
	int fd;

	if (!host_private_mounts() || mount("proc", "/proc", "proc", 0, NULL) != 0)
		host_cannot("a /proc of its own");
	assert_int_equal(getpid(), 1);
	assert_int_equal(write(victim, "precious", 8), 8);
	assert_int_equal(unlink(path), 0);
	for (fd = 3; fd < VICTIM_FDS; fd++)
		assert_true(fd == victim || dup2(victim, fd) == fd);
	assert_int_equal(unshare(CLONE_NEWPID), 0);
	host_fork(live_inner, 0);
	leave();
}

static void
live_namespaces(unsigned int arg)
{
	if (unshare(CLONE_NEWPID) != 0)
		host_cannot("namespaces");
	if (!host_fork(live_outer, 0))
		host_cannot("namespaces");
	leave();
}

static void
test_pid_namespace(void **state)
{
	if (!host_fork(live_namespaces, 0))
		skip();
}

static void
set_up(const char *iface, bool up)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", iface);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags = up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

static void
delete_interface(const char *iface)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_DELLINK,
			   .nlmsg_flags = NLM_F_REQUEST},
		.info = {.ifi_index = (int)if_nametoindex(iface)},
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	close(fd);
	assert_int_equal(if_nametoindex(iface), 0);
}

/* Ten packets that the interface refuses. */
static void
refuse(const char *words)
{
	struct vmirror_counters before = host_stats("m").total;
	struct vmirror_counters after;

	host_loop(port, 0, 10, 100);
	after = host_stats("m").total;
	assert_int_equal(after.captured, before.captured + 10);
	assert_int_equal(after.delivered, before.delivered);
	assert_int_equal(after.sink_rejected, before.sink_rejected + 10);
	host_wait(strstr(host_stats("m").reason, words) != NULL);
	assert_int_equal(host_stats("m").state, VMIRROR_ATTACHED);
	host_assert_conserved("m");
}

/* Ten that it takes. */
static void
accept_again(void)
{
	struct vmirror_counters before = host_stats("m").total;

	host_loop(port, 0, 10, 100);
	assert_int_equal(host_stats("m").total.delivered, before.delivered + 10);
	host_wait(host_stats("m").reason[0] == '\0');
	rte_delay_us_sleep(60000);
	assert_string_equal(host_stats("m").reason, "");
}

static void
live_tap_outages(unsigned int arg)
{
	if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
		host_cannot("a network namespace and /dev/net/tun");
	start();
	host_mirror("name=m,port=all,dir=tx,sink=[net_tap,iface=mon0]");
	accept_again();
	set_up("mon0", false);
	refuse("interface mon0 is down and refuses packets");
	set_up("mon0", true);
	accept_again();
	assert_int_equal(host_notices("refuses packets"), 1);

	/* Again, soon: known from the reason, and not told once more. */
	set_up("mon0", false);
	refuse("interface mon0 is down and refuses packets");
	set_up("mon0", true);
	accept_again();
	delete_interface("mon0");
	refuse("interface mon0 was deleted");
	assert_int_equal(host_notices("refuses packets"), 1);
	host_wait((vmirror_engine_tend(), if_nametoindex("mon0") != 0));
	accept_again();
	host_remove("m");

	/* The count has the last word. */
	host_mirror("name=m,port=all,dir=tx,count=30,sink=[net_tap,iface=mon0]");
	set_up("mon0", false);
	refuse("interface mon0 is down and refuses packets");
	assert_int_equal(host_notices("refuses packets"), 2);
	set_up("mon0", true);
	host_loop(port, 0, 30, 100);
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	assert_string_equal(host_stats("m").reason, "reached its count of 30");
	assert_int_equal(host_stats("m").total.sink_rejected, 10);
	assert_int_equal(host_stats("m").total.delivered, 20);
	host_remove("m");

	/* Also in the middle of one. */
	host_mirror("name=m,port=all,dir=tx,count=10,sink=[net_tap,iface=mon0]");
	set_up("mon0", false);
	host_loop(port, 0, 10, 100);
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	assert_string_equal(host_stats("m").reason, "reached its count of 10");
	assert_int_equal(host_stats("m").total.sink_rejected, 10);
	host_remove("m");
	end();
}

static void
test_tap_outages(void **state)
{
	if (!host_fork(live_tap_outages, 0))
		skip();
}

/* Have the kernel refuse one system call, on all threads, from now on. */
static void
forbid(int call)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = RTE_DIM(filter), .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		host_cannot("seccomp");
}

static void
live_no_membarrier(unsigned int arg)
{
	uint64_t seen = 0;
	unsigned int round;

	start();
	host_mirror("name=m,port=all,sink=[net_pcap,tx_pcap=m.pcap]");
	host_loop(port, 0, 10, 100);
	forbid(SYS_membarrier);
	for (round = 0; round < 50; round++) {
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		assert_true(vmirror_dispatch_fence);
		host_loop(port, 0, 5, 100);
		assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
		host_loop(port, 0, 10, 100);
		seen += 20;
		assert_int_equal(host_stats("m").total.seen, 20 + seen);
	}
	host_mirror("name=other,port=all,sink=[net_pcap,tx_pcap=other.pcap]");
	host_loop(port, 0, 10, 100);
	host_remove("m");
	host_remove("other");
	assert_int_equal(host_read_pcap("m.pcap", NULL), 20 + seen + 20);
	assert_int_equal(host_read_pcap("other.pcap", NULL), 20);
	end();
}

static void
test_no_membarrier(void **state)
{
	if (!host_fork(live_no_membarrier, 0))
		skip();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_limit),    cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_unlinked),      cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_pid_namespace), cmocka_unit_test(test_tap_outages),
		cmocka_unit_test(test_no_membarrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
