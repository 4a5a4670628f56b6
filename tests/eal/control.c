/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A host that uses the library beside its own control server: what it does with a client's mirrors, and
 * for how long those keep it.
 */

#include "tests/eal/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_cycles.h>

#define N_PKTS 50

static uint16_t port;
static char path[100];

/* --- a client */

static int
connected(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static char answer[8192];

/* Have a request done, and look for words in its answer. */
static void
ask(int fd, const char *request, const char *words)
{
	size_t len = 0;
	ssize_t n;

	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	do {
		n = read(fd, answer + len, sizeof(answer) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		answer[len] = '\0';
	} while (strchr(answer, '\n') == NULL);
	if (strstr(answer, words) == NULL)
		fail_msg("%s: no %s in %s", request, words, answer);
}

#define ADD(spec)                                                                                  \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":{\"spec\":\"" spec "\"}}\n"
#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"list\"}\n"

static void
add(const char *spec)
{
	struct vmirror_error err;

	if (vmirror_mirror_add(spec, NULL, &err) != 0)
		fail_msg("%s: %s", spec, err.text);
}

static bool
is_there(const char *name)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};

	return vmirror_mirror_stats(name, &stats, NULL) == 0;
}

static void
wait_until_gone(const char *name)
{
	unsigned int ms;

	for (ms = 0; is_there(name); ms++) {
		assert_true(ms < 10000);
		rte_delay_us_sleep(1000);
	}
}

/* --- */

/* What has a client's mirror's name by now is the host's. */
static void
test_name_again(void **state)
{
	struct vmirror_error err;
	int other = connected(), fd = connected();

	ask(fd, ADD("name=x,port=net_ring_a,sink=[file,path=/dev/null]"), "\"x\"");
	ask(other, LIST, "\"owner\"");
	assert_int_equal(vmirror_mirror_remove("x", &err), 0);
	add("name=x,port=net_ring_a,sink=[file,path=/dev/null]");
	ask(other, LIST, "\"name\":\"x\"");
	assert_null(strstr(answer, "owner"));
	ask(fd, ADD("name=y,port=net_ring_a,sink=[file,path=/dev/null]"), "\"y\"");
	close(fd);
	wait_until_gone("y");
	assert_true(is_there("x"));
	host_remove("x");
	close(other);
}

/* The host cannot replace a client's mirror: it is there again, and the client's. */
static void
test_brought_back(void **state)
{
	const char *old = "x",
		   *bad = "name=bad,port=net_ring_a,core=1023,sink=[file,path=/dev/null]";
	int other = connected(), fd = connected();
	char names[1][VMIRROR_NAME_SIZE];
	struct vmirror_error err;
	uint64_t serial;

	ask(fd, ADD("name=x,port=net_ring_a,sink=[file,path=/dev/null]"), "\"x\"");
	serial = vmirror_mirror_serial("x");
	assert_int_not_equal(vmirror_mirror_replace(&old, 1, &bad, 1, names, NULL, &err), 0);
	assert_non_null(strstr(err.text, "mirror 'bad': core=1023"));
	assert_int_equal(vmirror_mirror_serial("x"), serial);
	ask(other, LIST, "\"owner\"");
	close(fd);
	wait_until_gone("x");
	close(other);
}

/* One that has reached its count, and whose reader has stopped, keeps nobody else. */
static void
test_stalled_end(void **state)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	uint64_t begun = rte_rdtsc(), start, longest = 0, hz = rte_get_tsc_hz();
	struct vmirror_error err;
	unsigned int ms;
	char spec[128];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
	snprintf(spec, sizeof(spec), "name=p,port=net_ring_a,dir=tx,count=%d,sink=[file,fd=%d]",
		 N_PKTS, ends[1]);
	add(spec);
	host_loop(port, 0, N_PKTS, 1000);
	for (ms = 0; stats.state != VMIRROR_ENDED; ms++) {
		assert_true(ms < 10000);
		start = rte_rdtsc();
		assert_int_equal(vmirror_mirror_stats("p", &stats, &err), 0);
		start = rte_rdtsc() - start;
		longest = start > longest ? start : longest;
		rte_delay_us_sleep(1000);
	}
	/* The file was given its patience, of three seconds and more, and the host none of it. */
	assert_true(rte_rdtsc() - begun > 2 * hz);
	assert_true(longest < hz);
	assert_int_equal(stats.total.captured, N_PKTS);
	assert_true(stats.total.write_error > 0 && stats.total.in_flight == 0);
	assert_int_equal(vmirror_mirror_attach("p", &err), -EBUSY);
	host_remove("p");
	close(ends[0]);
	close(ends[1]);
}

static int
begin(void **state)
{
	struct vmirror_control_opts opts = {.size = sizeof(opts), .path = path};
	struct vmirror_error err;

	host_init();
	port = host_plug("net_ring_a", "", 1);
	host_engine_init();
	snprintf(path, sizeof(path), "%s/control", host_dir());
	return vmirror_control_start(&opts, &err);
}

static int
end(void **state)
{
	vmirror_control_stop();
	host_unplug("net_ring_a");
	return host_end(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_again),
		cmocka_unit_test(test_brought_back),
		cmocka_unit_test(test_stalled_end),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
