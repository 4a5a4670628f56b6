/* SPDX-License-Identifier: BSD-3-Clause */

/* The host that the EAL tests run in. */

#include "tests/eal/host.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_udp.h>

#define POOL_MBUFS 4095
#define POOL_ROOM  (RTE_PKTMBUF_HEADROOM + 10240)
#define N_DESC     512
#define CANNOT     77

static struct rte_mempool *pool;
static char dir[64];
static char notices[16384];
static uint64_t random_state;

void
host_init(void)
{
	char prefix[32];
	const char *argv[] = {"test",
			      "--no-huge",
			      "-m",
			      "192",
			      "-l",
			      sysconf(_SC_NPROCESSORS_ONLN) > 1 ? "0,1" : "0",
			      "--no-pci",
			      "--no-telemetry",
			      "--no-shconf", /* nor a thread and files for secondaries */
			      "--log-level=lib.eal:warning",
			      "--file-prefix",
			      prefix,
			      NULL};

	snprintf(prefix, sizeof(prefix), "vmtest%d", getpid());
	strcpy(dir, "/tmp/vmirror-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	/* Where EAL puts its files. */
	assert_int_equal(setenv("RUNTIME_DIRECTORY", dir, 1), 0);
	assert_true(rte_eal_init((int)RTE_DIM(argv) - 1, (char **)(uintptr_t)argv) >= 0);
	pool = rte_pktmbuf_pool_create("host", POOL_MBUFS, 0, 0, POOL_ROOM, SOCKET_ID_ANY);
	assert_non_null(pool);
	host_random_init();
}

bool
host_fork(void (*live)(unsigned int arg), unsigned int arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* What fails must not go on with the next test, in the wrong process. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		live(arg);
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == CANNOT))
		fail_msg("its process, for %u: wait status 0x%x", arg, status);
	return status == 0;
}

void
host_cannot(const char *what)
{
	printf("skipped: %s: %s\n", what, strerror(errno));
	exit(CANNOT);
}

void
host_fini(void)
{
	rte_eal_cleanup();
	host_remove_dir();
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void
host_remove_dir(void)
{
	if (chdir("/") == 0)
		nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
host_dir(void)
{
	return dir;
}

unsigned int
host_rounds_all(unsigned int few, unsigned int many)
{
	if (getenv("VMIRROR_TEST_SOAK") != NULL)
		return many;
#ifdef __SANITIZE_THREAD__
	few = (few + 1) / 2; /* each takes ten times as long */
#endif
	return few;
}

unsigned int
host_rounds(unsigned int few, unsigned int many)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	many = RTE_MAX(few, many / 10);
#endif
	return host_rounds_all(few, many);
}

uint16_t
host_plug(const char *vdev, const char *devargs, uint16_t n_queues)
{
	static const struct rte_eth_conf conf;
	uint16_t port_id, q;

	assert_int_equal(rte_eal_hotplug_add("vdev", vdev, devargs), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(vdev, &port_id), 0);
	assert_int_equal(rte_eth_dev_configure(port_id, n_queues, n_queues, &conf), 0);
	for (q = 0; q < n_queues; q++) {
		assert_int_equal(rte_eth_rx_queue_setup(port_id, q, N_DESC, 0, NULL, pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(port_id, q, N_DESC, 0, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(port_id), 0);
	return port_id;
}

void
host_unplug(const char *vdev)
{
	uint16_t port_id;

	assert_int_equal(rte_eth_dev_get_port_by_name(vdev, &port_id), 0);
	assert_int_equal(rte_eth_dev_stop(port_id), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", vdev), 0);
}

struct rte_mempool *
host_pool(void)
{
	return pool;
}

void
host_bytes(uint8_t *data, uint32_t len, uint32_t serial)
{
	struct {
		struct rte_ether_hdr eth;
		struct rte_ipv4_hdr ip;
		struct rte_udp_hdr udp;
		uint32_t serial;
	} __attribute__((packed, aligned(2))) head = {
		.eth = {.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)},
		.ip = {.version_ihl = RTE_IPV4_VHL_DEF,
		       .total_length = rte_cpu_to_be_16(len - sizeof(struct rte_ether_hdr)),
		       .time_to_live = 64,
		       .next_proto_id = IPPROTO_UDP,
		       .src_addr = rte_cpu_to_be_32(RTE_IPV4(10, 0, 0, 1)),
		       .dst_addr = rte_cpu_to_be_32(RTE_IPV4(10, 0, 0, 2))},
		.udp = {.src_port = rte_cpu_to_be_16(1024 + serial % 1024),
			.dst_port = rte_cpu_to_be_16(53)},
		.serial = serial,
	};
	uint32_t i;

	for (i = 0; i < len; i++)
		data[i] = i < sizeof(head) ? ((const uint8_t *)&head)[i] : serial * 7 + i;
}

struct rte_mbuf *
host_packet(uint32_t len, uint32_t serial)
{
	return host_packet_segmented(len, serial, POOL_ROOM - RTE_PKTMBUF_HEADROOM);
}

struct rte_mbuf *
host_packet_segmented(uint32_t len, uint32_t serial, uint16_t seg)
{
	uint8_t *data = malloc(len);
	struct rte_mbuf *head = NULL;
	uint32_t at, n;

	assert_non_null(data);
	host_bytes(data, len, serial);
	for (at = 0; at < len; at += n) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		assert_non_null(m);
		n = RTE_MIN(len - at, (uint32_t)seg);
		memcpy(rte_pktmbuf_append(m, n), data + at, n);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	free(data);
	return head;
}

void
host_tx(uint16_t port_id, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	assert_int_equal(rte_eth_tx_burst(port_id, queue, pkts, n), n);
}

unsigned int
host_rx_drop(uint16_t port_id, uint16_t queue)
{
	struct rte_mbuf *pkts[32];
	unsigned int total = 0;
	uint16_t n;

	while ((n = rte_eth_rx_burst(port_id, queue, pkts, RTE_DIM(pkts))) > 0) {
		rte_pktmbuf_free_bulk(pkts, n);
		total += n;
	}
	return total;
}

void
host_loop(uint16_t port_id, uint16_t queue, unsigned int n, uint32_t len)
{
	static uint32_t serial;
	struct rte_mbuf *pkts[32];
	unsigned int at, i, burst;

	for (at = 0; at < n; at += burst) {
		burst = RTE_MIN(n - at, RTE_DIM(pkts));
		for (i = 0; i < burst; i++)
			pkts[i] = host_packet(len, serial++);
		host_tx(port_id, queue, pkts, burst);
		assert_int_equal(host_rx_drop(port_id, queue), burst);
	}
}

static void
keep_notice(void *arg, enum vmirror_level level, const char *text)
{
	size_t len = strlen(notices);

	snprintf(notices + len, sizeof(notices) - len, "%s\n", text);
	fprintf(stderr, "notice %d: %s\n", level, text);
}

void
host_engine_init(void)
{
	struct vmirror_engine_opts opts = {.size = sizeof(opts), .notify = keep_notice};
	struct vmirror_error err = {0};

	notices[0] = '\0';
	if (vmirror_engine_init(&opts, &err) != 0)
		fail_msg("%s", err.text);
}

bool
host_noticed(const char *words)
{
	return strstr(notices, words) != NULL;
}

unsigned int
host_notices(const char *words)
{
	const char *at = notices;
	unsigned int n = 0;

	for (; (at = strstr(at, words)) != NULL; at++)
		n++;
	return n;
}

bool
host_in_rings(void)
{
	const char *mode = getenv("VMIRROR_TEST_MODE");

	return mode != NULL && strcmp(mode, "ring") == 0;
}

static int
try_mirror(struct vmirror_error *err, const char *fmt, va_list ap)
{
	char spec[2048];
	int n;

	/* A machine may take long over new memory, and churn wants many rings. */
	if (host_in_rings())
		n = snprintf(spec, sizeof(spec), "mode=ring,%s",
			     strstr(fmt, "ring_bytes") == NULL ? "ring_bytes=1M," : "");
	else
		n = snprintf(spec, sizeof(spec), "mode=inline,");
	vsnprintf(spec + n, sizeof(spec) - (size_t)n, fmt, ap);
	return vmirror_mirror_add(spec, NULL, err);
}

int
host_try_mirror(struct vmirror_error *err, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = try_mirror(err, fmt, ap);
	va_end(ap);
	return ret;
}

void
host_mirror(const char *fmt, ...)
{
	struct vmirror_error err = {0};
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = try_mirror(&err, fmt, ap);
	va_end(ap);
	if (ret != 0)
		fail_msg("%s: %s", fmt, err.text);
}

struct vmirror_stats
host_stats_now(const char *name)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	struct vmirror_error err = {0};

	if (vmirror_mirror_stats(name, &stats, &err) != 0)
		fail_msg("%s", err.text);
	return stats;
}

struct vmirror_stats
host_stats(const char *name)
{
	struct vmirror_stats stats = host_stats_now(name);
	unsigned int ms;

	for (ms = 0; host_in_rings() && stats.total.in_flight > 0 && ms < 1000; ms++) {
		rte_delay_us_sleep(1000);
		stats = host_stats_now(name);
	}
	return stats;
}

static void
assert_counters(const struct vmirror_counters *c)
{
	assert_int_equal(c->seen, c->filtered + c->sampled_out + c->captured + c->no_room);
	assert_int_equal(c->captured, c->delivered + c->sink_rejected + c->write_error +
					      c->overwritten + c->unknown + c->in_flight);
	assert_int_equal(c->in_flight, 0);
}

void
host_assert_conserved(const char *name)
{
	struct vmirror_queue_stats queues[64];
	struct vmirror_stats stats = host_stats(name);
	uint64_t seen = 0;
	int n, i;

	assert_counters(&stats.total);
	n = vmirror_mirror_queue_stats(name, queues, RTE_DIM(queues), NULL);
	assert_in_range(n, 0, RTE_DIM(queues));
	for (i = 0; i < n; i++) {
		assert_counters(&queues[i].counters);
		seen += queues[i].counters.seen;
	}
	assert_int_equal(seen, stats.total.seen);
}

void
host_random_init(void)
{
	const char *seed = getenv("VMIRROR_TEST_SEED");

	random_state = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	fprintf(stderr, "VMIRROR_TEST_SEED=%" PRIu64 "\n", random_state);
}

uint32_t
host_random(uint32_t below)
{
	uint64_t z;

	/* splitmix64 */
	random_state += UINT64_C(0x9e3779b97f4a7c15);
	z = random_state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) % below);
}

struct rte_mbuf *
host_scatter(const void *bytes, uint32_t len, uint16_t max_seg)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *m = head;
	uint32_t at = 0;
	uint32_t n;

	assert_non_null(head);
	for (;;) {
		n = RTE_MIN(len - at, 1 + host_random(max_seg));
		n = RTE_MIN(n, (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_append(m, n), (const uint8_t *)bytes + at, n);
		if (m != head)
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		at += n;
		if (at == len)
			return head;
		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
	}
}

static unsigned int
count_entries(const char *path)
{
	unsigned int n = 0;
	DIR *d = opendir(path);

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static unsigned int
count_interfaces(void)
{
	struct if_nameindex *names = if_nameindex();
	unsigned int n = 0;

	while (names != NULL && names[n].if_index != 0)
		n++;
	if_freenameindex(names);
	return n;
}

static void
count_mempool(struct rte_mempool *mp, void *count)
{
	(*(unsigned int *)count)++;
}

struct host_footprint
host_footprint(void)
{
	struct host_footprint f = {0};
	struct rte_malloc_socket_stats heap;

	f.ports = rte_eth_dev_count_total();
	rte_mempool_walk(count_mempool, &f.mempools);
	f.host_mbufs = rte_mempool_avail_count(pool);
	assert_int_equal(rte_malloc_get_socket_stats(0, &heap), 0);
	f.heap_bytes = heap.heap_allocsz_bytes;
	f.files = count_entries(dir);
	f.fds = count_entries("/proc/self/fd");
	f.interfaces = count_interfaces();
	return f;
}

void
host_assert_footprint(const struct host_footprint *before)
{
	struct host_footprint now = host_footprint();
	unsigned int tries;

	/* ThreadSanitizer's own thread opens a file now and then. */
	for (tries = 0; now.fds != before->fds && tries < 20; tries++) {
		rte_delay_us_sleep(50000);
		now = host_footprint();
	}
	assert_int_equal(now.ports, before->ports);
	assert_int_equal(now.mempools, before->mempools);
	assert_int_equal(now.host_mbufs, before->host_mbufs);
	assert_int_equal(now.heap_bytes, before->heap_bytes);
	assert_int_equal(now.files, before->files);
	assert_int_equal(now.fds, before->fds);
	assert_int_equal(now.interfaces, before->interfaces);
}

void
host_remove(const char *name)
{
	struct vmirror_error err = {0};

	host_assert_conserved(name);
	if (vmirror_mirror_remove(name, &err) != 0)
		fail_msg("%s", err.text);
}

int
host_end(void **state)
{
	vmirror_engine_fini();
	host_fini();
	return 0;
}

void
host_warm_up(const char *ports, const char *sink)
{
	host_mirror("name=warm,port=%s,sink=%s", ports, sink);
	host_remove("warm");
}

void
host_reset(void)
{
	char name[VMIRROR_NAME_SIZE];

	while (vmirror_mirror_list(&name, 1) > 0)
		vmirror_mirror_remove(name, NULL);
	host_forget_expected();
}

static struct host_footprint test_begin;

int
host_test_begin(void **state)
{
	host_reset();
	test_begin = host_footprint();
	return 0;
}

int
host_test_end(void **state)
{
	host_assert_footprint(&test_begin);
	return 0;
}

bool
host_private_mounts(void)
{
	/* In a chroot "/" is no mount point, and there is nothing to be made private. */
	return unshare(CLONE_NEWNS) == 0 &&
	       (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 || errno == EINVAL);
}
