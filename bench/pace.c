/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Send one UDP frame over and over on an interface, so many a second: pace INTERFACE BYTES RATE
 * SECONDS. The load for bench/ovs.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A millisecond's packets go at once, and no more than this. */
#define MAX_BATCH 1024
#define MAX_BYTES 1514

static uint8_t frame[MAX_BYTES];

static void
make_frame(unsigned int bytes)
{
	struct ether_header *eth = (struct ether_header *)frame;
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
	struct udphdr udp = {.source = htons(1000), .dest = htons(9)};

	memcpy(eth->ether_dhost, "\x02\0\0\0\0\2", 6);
	memcpy(eth->ether_shost, "\x02\0\0\0\0\1", 6);
	eth->ether_type = htons(ETHERTYPE_IP);
	ip.tot_len = htons(bytes - sizeof(*eth));
	ip.saddr = htonl(0xc0000201);
	ip.daddr = htonl(0xc0000202);
	udp.len = htons(bytes - sizeof(*eth) - sizeof(ip));
	memcpy(frame + sizeof(*eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(*eth) + sizeof(ip), &udp, sizeof(udp));
}

static int
open_interface(const char *name)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || at.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		fprintf(stderr, "pace: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static unsigned long
number(const char *text, unsigned long least, unsigned long most)
{
	unsigned long n = strtoul(text, NULL, 10);

	if (n < least || n > most) {
		fprintf(stderr, "pace: %s is not from %lu to %lu\n", text, least, most);
		exit(2);
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct mmsghdr batch[MAX_BATCH];
	unsigned long rate, seconds, due;
	uint64_t start, sent = 0;
	struct iovec iov = {.iov_base = frame};
	int fd, n;

	if (argc != 5) {
		fprintf(stderr, "usage: pace INTERFACE BYTES RATE SECONDS\n");
		return 2;
	}
	iov.iov_len = number(argv[2], 60, MAX_BYTES);
	rate = number(argv[3], 1, 10000000);
	seconds = number(argv[4], 1, 3600);
	make_frame((unsigned int)iov.iov_len);
	fd = open_interface(argv[1]);
	for (n = 0; n < MAX_BATCH; n++)
		batch[n].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	for (start = now_ns(); sent < rate * seconds;) {
		due = (now_ns() - start) * rate / 1000000000 - sent;
		n = due == 0 ? 0 : sendmmsg(fd, batch, due < MAX_BATCH ? due : MAX_BATCH, 0);
		sent += n > 0 ? (unsigned int)n : 0;
		usleep(1000);
	}
	printf("%lu\n", (unsigned long)sent);
	return 0;
}
