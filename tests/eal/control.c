/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A host that uses the library beside its own control server: what it does with a client's mirrors, and
 * for how long those keep it; that there is one server, and none in a child of fork().
 */

#include "tests/eal/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

#define N_PKTS   50
#define MAX_WAIT 10000 /* ms */

static uint16_t port;
static char path[100];

/* --- a client */

/* @return -1 with errno: nobody listens there */
static int
try_connect(const char *to)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", to);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
connected(void)
{
	int fd = try_connect(path);

	assert_true(fd >= 0);
	return fd;
}

static char answer[8192];

/* Whether something comes, or the end, before it has been waited for too long. */
static bool
comes(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, MAX_WAIT) == 1;
}

/* Have a request done. @return whether there are such words in its answer */
static bool
hears(int fd, const char *request, const char *words)
{
	size_t len = 0;
	ssize_t n;

	answer[0] = '\0';
	if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		return false;
	do {
		n = comes(fd) ? read(fd, answer + len, sizeof(answer) - 1 - len) : -1;
		if (n <= 0)
			return false;
		len += (size_t)n;
		answer[len] = '\0';
	} while (strchr(answer, '\n') == NULL);
	return strstr(answer, words) != NULL;
}

static void
ask(int fd, const char *request, const char *words)
{
	if (!hears(fd, request, words))
		fail_msg("%s: no %s in '%s'", request, words, answer);
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
	uint64_t begun = rte_rdtsc();
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
		assert_int_equal(vmirror_mirror_stats("p", &stats, &err), 0);
		rte_delay_us_sleep(1000);
	}
	/* The file was given its patience, of three seconds and more, and the host none of it: it asked often. */
	assert_true(rte_rdtsc() - begun > 2 * rte_get_tsc_hz());
	assert_true(ms > 100);
	assert_int_equal(stats.total.captured, N_PKTS);
	assert_true(stats.total.write_error > 0 && stats.total.in_flight == 0);
	assert_int_equal(vmirror_mirror_attach("p", &err), -EBUSY);
	host_remove("p");
	close(ends[0]);
	close(ends[1]);
}

/* --- one server in a process */

static int
start_server(const char *where)
{
	struct vmirror_control_opts opts = {.size = sizeof(opts), .path = where};
	struct vmirror_error err;

	return vmirror_control_start(&opts, &err);
}

static void
assert_listens(void)
{
	char now[sizeof(path)];

	assert_int_equal(vmirror_control_path(now, sizeof(now)), strlen(path));
	assert_string_equal(now, path);
}

/* Another, wherever it is to be, is refused and changes nothing. */
static void
test_twice(void **state)
{
	struct vmirror_control_opts opts = {.size = sizeof(opts)};
	struct vmirror_error err;
	char other[120];
	int fd = connected();

	snprintf(other, sizeof(other), "%s/other", host_dir());
	opts.path = other;
	assert_int_equal(vmirror_control_start(&opts, &err), -EALREADY);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(start_server(path), -EALREADY);
	assert_int_equal(vmirror_control_start(NULL, &err), -EALREADY);
	assert_listens();
	ask(fd, LIST, "mirrors");
	close(fd);
	fd = connected();
	ask(fd, LIST, "mirrors");
	close(fd);
}

/* What is stopped is stopped, and may be started again. */
static void
test_again(void **state)
{
	char now[sizeof(path)];
	int fd = connected();

	vmirror_control_stop();
	vmirror_control_stop();
	assert_int_equal(vmirror_control_path(now, sizeof(now)), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(comes(fd));
	assert_int_equal(read(fd, now, 1), 0);
	close(fd);
	assert_int_equal(start_server(path), 0);
	assert_listens();
	fd = connected();
	ask(fd, LIST, "\"mirrors\":[]");
	close(fd);
}

/* --- children */

static pid_t
fork_to(int (*child)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(child());
	assert_true(pid > 0);
	return pid;
}

/* Not longer than a test that has failed, whose output it has. */
static int
linger(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pause();
	return 1;
}

static void
dismiss(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A server of its own begins with nobody, and makes no mirror, as there is no engine. @return 0: so it is */
static int
serve_in_child(const char *where)
{
	int fd, wrong = 0;

	if (start_server(where) != 0)
		return 10;
	fd = try_connect(where);
	if (fd < 0 || !hears(fd, LIST, "\"mirrors\":[]"))
		wrong = 11;
	else if (!hears(fd, ADD("port=net_ring_a,sink=[file,path=/dev/null]"), "EPERM"))
		wrong = 12;
	vmirror_control_stop();
	if (access(where, F_OK) == 0)
		wrong = 13;
	return wrong;
}

/* There is no server, and to end it is not to end the parent's. @return 0: so it is */
static int
look_in_child(void)
{
	char now[sizeof(path)], where[120];

	if (vmirror_control_path(now, sizeof(now)) != -ENOENT)
		return 1;
	vmirror_control_stop();
	if (access(path, F_OK) != 0)
		return 2;
	snprintf(where, sizeof(where), "%s/child", host_dir());
	return serve_in_child(where);
}

static void
assert_ends_well(pid_t pid)
{
	int status = 0;
	unsigned int ms;
	pid_t got;

	for (ms = 0; (got = waitpid(pid, &status, WNOHANG)) == 0 && ms < 2 * MAX_WAIT; ms++)
		rte_delay_us_sleep(1000);
	if (got == 0) {
		dismiss(pid);
		fail_msg("the child does not end");
	}
	if (status != 0)
		fail_msg("the child's wait status is 0x%x", status);
}

/* The parent's clients notice nothing, and their mirrors go with them as ever. */
static void
test_child(void **state)
{
	int fd = connected();

	ask(fd, ADD("name=x,port=net_ring_a,sink=[file,path=/dev/null]"), "\"x\"");
	assert_ends_well(fork_to(look_in_child));
	ask(fd, LIST, "\"owner\"");
	assert_listens();
	close(connected());
	assert_true(is_there("x"));
	close(fd);
	wait_until_gone("x");
}

/* A child that lives on keeps nobody believing that the server is there. */
static void
test_child_lives_on(void **state)
{
	char linked[120], byte;
	int fd = connected();
	pid_t pid;

	/* By this name the socket can be knocked at when its own has gone. */
	snprintf(linked, sizeof(linked), "%s/linked", host_dir());
	assert_int_equal(link(path, linked), 0);
	ask(fd, LIST, "mirrors");
	pid = fork_to(linger);
	vmirror_control_stop();
	assert_true(comes(fd));
	assert_int_equal(read(fd, &byte, 1), 0);
	assert_int_equal(try_connect(linked), -1);
	assert_int_equal(errno, ECONNREFUSED);
	dismiss(pid);
	close(fd);
	assert_int_equal(unlink(linked), 0);
	assert_int_equal(start_server(path), 0);
}

static int
begin(void **state)
{
	host_init();
	port = host_plug("net_ring_a", "", 1);
	host_engine_init();
	snprintf(path, sizeof(path), "%s/control", host_dir());
	return start_server(path);
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
		cmocka_unit_test(test_name_again),     cmocka_unit_test(test_brought_back),
		cmocka_unit_test(test_stalled_end),    cmocka_unit_test(test_twice),
		cmocka_unit_test(test_again),          cmocka_unit_test(test_child),
		cmocka_unit_test(test_child_lives_on),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
