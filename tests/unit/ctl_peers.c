/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/peers.c: who answers is there, under a name of its own; who does not costs its time once. */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/clock.h"
#include "ctl/json.h"
#include "ctl/peers.h"
#include "ctl/say.h"

static struct ctl_found found;
static struct ctl_peers peers;
static int far[8];

/* Its answer waits in the socket; NULL: it has none. */
static void
add(const char *path, const char *answer)
{
	struct ctl_socket *s;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	if (answer != NULL)
		assert_int_equal(write(ends[1], answer, strlen(answer)), strlen(answer));
	found.sockets =
		ctl_must(reallocarray(found.sockets, found.n_sockets + 1, sizeof(*found.sockets)));
	far[found.n_sockets] = ends[1];
	s = &found.sockets[found.n_sockets++];
	*s = (struct ctl_socket){.state = CTL_SOCKET_LIVE, .fd = ends[0]};
	snprintf(s->path, sizeof(s->path), "%s", path);
}

static void
add_program(const char *path, const char *program)
{
	char answer[256];

	snprintf(answer, sizeof(answer),
		 "{\"id\":1,\"result\":{\"protocol\":1,\"program\":\"%s\"}}\n", program);
	add(path, answer);
}

static int
tear_down(void **state)
{
	ctl_peers_fini(&peers);
	for (unsigned int i = 0; i < found.n_sockets; i++)
		if (far[i] > 0)
			close(far[i]);
	ctl_found_fini(&found);
	return 0;
}

static void
labels(void **state)
{
	add_program("/run/dpdk/rte/vmirror.12", "ovs-vswitchd");
	add_program("/run/dpdk/b/vmirror.13", "vmirror");
	add_program("/run/dpdk/b/vmirror.14", "a {b}@\\u00e4/%");
	add_program("/run/dpdk/b/vmirror.15", "a-name-that-is-longer-than-any-other-name");
	ctl_peers_greet(&peers, &found, 1000);
	assert_int_equal(peers.n_peers, 4);
	assert_string_equal(peers.peers[0].label, "ovs-vswitchd-12");
	assert_string_equal(peers.peers[1].label, "vmirror-13");
	assert_string_equal(peers.peers[2].label, "a__b______-14");
	assert_string_equal(peers.peers[3].label, "a-name-that-is-longe-15");
	for (unsigned int i = 0; i < peers.n_peers; i++)
		assert_true(ctl_peers_is_word(peers.peers[i].label));
}

/* In containers: each has a name that tells it, the same in every run, and the number last. */
static void
namesakes(void **state)
{
	char first[CTL_PEER_LABEL_SIZE];

	add_program("/run/a/dpdk/rte/vmirror.7", "testpmd");
	add_program("/run/b/dpdk/rte/vmirror.7", "testpmd");
	add_program("/run/b/dpdk/rte/vmirror.8", "testpmd");
	ctl_peers_greet(&peers, &found, 1000);
	assert_int_equal(peers.n_peers, 3);
	assert_string_not_equal(peers.peers[0].label, peers.peers[1].label);
	assert_int_equal(strncmp(peers.peers[0].label, "testpmd-", 8), 0);
	assert_int_equal(strlen(peers.peers[0].label), strlen("testpmd-12345678-7"));
	assert_string_equal(strrchr(peers.peers[0].label, '-'), "-7");
	assert_string_equal(peers.peers[2].label, "testpmd-8");
	snprintf(first, sizeof(first), "%s", peers.peers[0].label);
	tear_down(NULL);
	add_program("/run/b/dpdk/rte/vmirror.7", "testpmd");
	add_program("/run/a/dpdk/rte/vmirror.7", "testpmd");
	ctl_peers_greet(&peers, &found, 1000);
	assert_string_equal(peers.peers[1].label, first);
}

/* Those that hang share the time, those behind them answer all the same. */
static void
passed_over(void **state)
{
	int64_t from = ctl_now_ms(), took;

	add("/run/dpdk/a/vmirror.1", NULL);
	add("/run/dpdk/a/vmirror.2", NULL);
	add("/run/dpdk/a/vmirror.3", "hello\n");
	add("/run/dpdk/a/vmirror.4", "{\"id\":1,\"result\":{\"protocol\":99}}\n");
	add("/run/dpdk/a/vmirror.5", NULL);
	close(far[4]);
	far[4] = -1;
	add_program("/run/dpdk/a/vmirror.6", "vmirror");
	found.sockets[5].state = CTL_SOCKET_FOREIGN;
	add_program("/run/dpdk/a/vmirror.7", "vmirror");
	ctl_peers_greet(&peers, &found, 300);
	took = ctl_now_ms() - from;
	assert_int_equal(peers.n_peers, 1);
	assert_string_equal(peers.peers[0].label, "vmirror-7");
	assert_string_equal(ctl_json_text(peers.peers[0].session.peer, "program"), "vmirror");
	assert_true(took >= 300 && took < 5000);
}

static void
nobody(void **state)
{
	ctl_peers_greet(&peers, &found, 1000);
	assert_int_equal(peers.n_peers, 0);
}

static void
words(void **state)
{
	assert_true(ctl_peers_is_word("net_tap0"));
	assert_true(ctl_peers_is_word("0000:01:00.0+a-b"));
	assert_false(ctl_peers_is_word(""));
	assert_false(ctl_peers_is_word("a b"));
	assert_false(ctl_peers_is_word("a@b"));
	assert_false(ctl_peers_is_word("a{"));
	assert_false(ctl_peers_is_word("\xc3\xa4"));
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(labels), TEST(namesakes), TEST(passed_over), TEST(nobody), TEST(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
