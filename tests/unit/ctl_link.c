/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/link.c: lines come whole however they are cut, descriptors go along, and nothing grows for ever. */

#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/link.h"

struct pair {
	struct ctl_link link;
	int far;
};

static void
begin(struct pair *pair)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ctl_link_init(&pair->link, ends[0]);
	pair->far = ends[1];
}

static void
end(struct pair *pair)
{
	ctl_link_fini(&pair->link);
	if (pair->far >= 0)
		close(pair->far);
}

static void
put(const struct pair *pair, const char *text)
{
	assert_int_equal(write(pair->far, text, strlen(text)), strlen(text));
}

static void
gets_line(struct pair *pair, const char *wanted)
{
	struct vmirror_error err = {""};
	char *line;

	if (ctl_link_receive(&pair->link, 1000, &line, &err) != (int)strlen(wanted))
		fail_msg("'%s': %s", wanted, err.text);
	assert_string_equal(line, wanted);
}

static void
lines_however_they_are_cut(void **state)
{
	struct vmirror_error err;
	struct pair pair;
	char *line;

	begin(&pair);
	put(&pair, "one\ntwo\n\nth");
	gets_line(&pair, "one");
	gets_line(&pair, "two");
	gets_line(&pair, "");
	assert_int_equal(ctl_link_receive(&pair.link, 10, &line, &err), -EAGAIN);
	assert_int_equal(ctl_link_receive(&pair.link, 0, &line, &err), -EAGAIN);
	put(&pair, "r");
	assert_int_equal(ctl_link_receive(&pair.link, 0, &line, &err), -EAGAIN);
	put(&pair, "ee\nfour");
	gets_line(&pair, "three");
	put(&pair, "\n");
	gets_line(&pair, "four");
	end(&pair);
}

static void
other_side_goes(void **state)
{
	struct vmirror_error err = {""};
	struct pair pair;
	char *line;

	begin(&pair);
	put(&pair, "whole\nhalf");
	close(pair.far);
	pair.far = -1;
	gets_line(&pair, "whole");
	assert_int_equal(ctl_link_receive(&pair.link, -1, &line, &err), -ECONNRESET);
	assert_sentence(&err, "the process has ended");
	assert_int_equal(ctl_link_send(&pair.link, "x\n", 2, NULL, 0, &err), -ECONNRESET);
	end(&pair);
}

struct flood {
	int fd;
	size_t bytes;
};

static void *
write_without_end(void *arg)
{
	static const char block[65536] = "";
	const struct flood *flood = arg;
	ssize_t n;

	for (size_t left = flood->bytes; left > 0; left -= (size_t)n) {
		n = send(flood->fd, block, left < sizeof(block) ? left : sizeof(block),
			 MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	return NULL;
}

/* 16 MiB are taken, one more byte is not. */
static void
longest_line(void **state)
{
	for (unsigned int more = 0; more < 2; more++) {
		struct vmirror_error err = {""};
		struct flood flood;
		struct pair pair;
		pthread_t thread;
		char *line;
		int ret;

		begin(&pair);
		flood = (struct flood){.fd = pair.far, .bytes = CTL_LINK_LINE_MAX - 1 + more};
		assert_int_equal(pthread_create(&thread, NULL, write_without_end, &flood), 0);
		if (more == 0) {
			/* All is there but for its end. */
			while (pair.link.used < flood.bytes)
				assert_int_equal(ctl_link_receive(&pair.link, 10, &line, &err),
						 -EAGAIN);
			put(&pair, "\n");
		}
		ret = ctl_link_receive(&pair.link, 20000, &line, &err);
		if (more == 0) {
			assert_int_equal(ret, CTL_LINK_LINE_MAX - 1);
		} else {
			assert_int_equal(ret, -EMSGSIZE);
			assert_sentence(&err, "is it vmirror?");
		}
		shutdown(pair.far, SHUT_RDWR);
		pthread_join(thread, NULL);
		end(&pair);
	}
}

static int
receive_fd(int from, char *text, size_t size)
{
	char control[CMSG_SPACE(sizeof(int) * CTL_LINK_FDS_MAX)];
	struct iovec iov = {.iov_base = text, .iov_len = size};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head;
	int fd = -1;

	assert_true(recvmsg(from, &msg, 0) > 0);
	head = CMSG_FIRSTHDR(&msg);
	if (head == NULL)
		return -1;
	assert_int_equal(head->cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

static void
descriptors_go_along(void **state)
{
	char text[16] = "", byte = 0;
	struct vmirror_error err;
	struct pair pair;
	int ends[2], fd;

	begin(&pair);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(ctl_link_send(&pair.link, "hello\n", 6, &ends[1], 1, &err), 0);
	fd = receive_fd(pair.far, text, sizeof(text) - 1);
	assert_string_equal(text, "hello\n");
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(fd);
	close(ends[0]);
	close(ends[1]);
	end(&pair);
}

static void
requests_are_bounded(void **state)
{
	static const char text[CTL_LINK_REQUEST_MAX + 1] = "";
	struct vmirror_error err = {""};
	struct pair pair;

	begin(&pair);
	assert_int_equal(ctl_link_send(&pair.link, text, sizeof(text), NULL, 0, &err), -E2BIG);
	assert_sentence(&err, "65536");
	end(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_however_they_are_cut),
		cmocka_unit_test(other_side_goes),
		cmocka_unit_test(longest_line),
		cmocka_unit_test(descriptors_go_along),
		cmocka_unit_test(requests_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
