/* SPDX-License-Identifier: BSD-3-Clause */

/* SIGPIPE: one that a driver raises is forgotten, one that the host had pending is not. */

#include "tests/unit/test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "lib/sigpipe.h"

static bool
is_pending(void)
{
	sigset_t set;

	assert_int_equal(sigpending(&set), 0);
	return sigismember(&set, SIGPIPE) == 1;
}

static bool
is_blocked(void)
{
	sigset_t set;

	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	return sigismember(&set, SIGPIPE) == 1;
}

/* What a driver does whose peer has gone. */
static void
write_to_nobody(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	close(fds[1]);
	assert_int_equal(write(fds[0], "x", 1), -1);
	close(fds[0]);
}

static void
test_a_drivers(void **state)
{
	struct vmirror_sigpipe before;

	/* The default action, which would end this process. */
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	vmirror_sigpipe_block(&before);
	write_to_nobody();
	assert_true(is_pending());
	vmirror_sigpipe_restore(&before);
	assert_false(is_pending());
	assert_false(is_blocked());
}

static void
test_the_hosts(void **state)
{
	struct vmirror_sigpipe host, before;

	vmirror_sigpipe_block(&host);
	write_to_nobody();
	vmirror_sigpipe_block(&before);
	write_to_nobody();
	vmirror_sigpipe_restore(&before);
	assert_true(is_pending());
	assert_true(is_blocked());
	vmirror_sigpipe_restore(&host);
	assert_false(is_pending());
	assert_false(is_blocked());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_drivers),
		cmocka_unit_test(test_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
