/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a mirror leaves out when it is told to: sample=, max_pps=, max_bps=, guard=. Every packet is
 * counted, and what is captured is what the sink has.
 */

#include "tests/eal/host.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#define FRAME 100

static uint16_t port; /* two queues each way */

/* Packets on both queues for so long. @return how many were sent */
static uint64_t
send_for(unsigned int ms, unsigned int burst)
{
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * ms;
	uint64_t sent = 0;

	for (; rte_rdtsc() < end; sent += 2 * burst) {
		host_loop(port, 0, burst, FRAME);
		host_loop(port, 1, burst, FRAME);
		sched_yield(); /* whoever drains may have this core */
	}
	return sent;
}

/* Take the mirror away; all that it saw is accounted for. */
static struct vmirror_counters
end_without_file(void)
{
	struct vmirror_stats stats;

	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	host_assert_conserved("m");
	stats = host_stats("m");
	host_remove("m");
	assert_int_equal(stats.total.delivered, stats.total.captured);
	return stats.total;
}

/* And its file has what it says. */
static struct vmirror_counters
end(void)
{
	struct vmirror_counters c = end_without_file();

	assert_int_equal(host_read_pcap("m.pcap", NULL), c.delivered);
	assert_int_equal(unlink("m.pcap"), 0);
	return c;
}

static void
test_sample(void **state)
{
	struct vmirror_counters c;
	unsigned int i;

	host_mirror("name=m,port=%u,dir=rx,sample=10,sink=[net_pcap,tx_pcap=m.pcap]", port);
	for (i = 0; i < 1000; i++)
		host_loop(port, i % 2, 20, FRAME);
	c = end();
	assert_int_equal(c.seen, 20000);
	assert_int_equal(c.filtered, 0);
	assert_in_range(c.captured, 1800, 2200);
	assert_int_equal(c.captured + c.sampled_out, 20000);
}

/* One in so many of those that match, and not of those that are there. */
static void
test_sample_of_a_filter(void **state)
{
	struct vmirror_counters c;
	unsigned int i;

	host_mirror("name=m,port=%u,dir=rx,sample=10,filter=less %u,"
		    "sink=[net_pcap,tx_pcap=m.pcap]",
		    port, FRAME);
	for (i = 0; i < 1000; i++)
		host_loop(port, 0, 20, i % 2 == 0 ? FRAME : FRAME + 1);
	c = end();
	assert_int_equal(c.seen, 20000);
	assert_int_equal(c.filtered, 10000);
	assert_in_range(c.captured, 850, 1150);
	assert_int_equal(c.captured + c.sampled_out, 10000);
}

/* With a count, the mirror ends when so many were taken. */
static void
test_sample_and_count(void **state)
{
	struct vmirror_stats stats;
	unsigned int i;

	host_mirror("name=m,port=%u,dir=rx,sample=10,count=100,sink=[net_pcap,tx_pcap=m.pcap]",
		    port);
	for (i = 0; i < 100; i++)
		host_loop(port, 0, 20, FRAME);
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	stats = host_stats("m");
	assert_int_equal(stats.total.captured, 100);
	assert_int_equal(stats.total.seen, stats.total.captured + stats.total.sampled_out);
	/* A ring's mirror ends a little later; what it leaves out meanwhile it has seen. */
	assert_in_range(stats.total.seen, 600, host_in_rings() ? 2000 : 1500);
	host_remove("m");
	assert_int_equal(host_read_pcap("m.pcap", NULL), 100);
	assert_int_equal(unlink("m.pcap"), 0);
}

/* A busy machine may hand out late, and so less in a time, but never more. */
static void
check_rate(const char *limit, uint64_t a_second)
{
	struct vmirror_counters c;
	uint64_t begin, sent;
	unsigned int more;
	double s;

	host_mirror("name=m,port=%u,dir=rx,%s,sink=[net_pcap,tx_pcap=m.pcap]", port, limit);
	begin = rte_rdtsc();
	sent = send_for(1500, 8);
	for (more = 0; host_stats("m").total.captured < a_second / 2 && more < 100; more++)
		sent += send_for(200, 8);
	s = (double)(rte_rdtsc() - begin) / rte_get_tsc_hz();
	c = end();
	print_message("%s: %lu of %lu in %.2f s\n", limit, c.captured, sent, s);
	assert_int_equal(c.seen, sent);
	assert_int_equal(c.captured + c.sampled_out + c.no_room, sent);
	assert_true(sent > 4 * a_second);
	assert_in_range(c.captured, a_second / 2, (uint64_t)((s + 0.2) * a_second) + 4);
}

static void
test_max_pps(void **state)
{
	check_rate("max_pps=1000", 1000);
}

static void
test_max_bps(void **state)
{
	check_rate("max_bps=1M", 1000000 / 8 / FRAME);
	check_rate("snaplen=50,max_bps=1M", 1000000 / 8 / 50);
}

/* Both limits and a sample: the strictest wins. */
static void
test_all_of_them(void **state)
{
	check_rate("sample=2,max_pps=500,max_bps=100M", 500);
}

/* A filter that takes its time, with packets that match it. */
static const char *
slow_filter(void)
{
	static char text[1536];
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < FRAME; i++)
		at += snprintf(text + at, sizeof(text) - at, "%sether[%u]/7", i > 0 ? "+" : "", i);
	snprintf(text + at, sizeof(text) - at, "!=0");
	return text;
}

/*
 * A core that does nothing but send and look at packets pays more than 10 % for its mirror, which gives
 * way; when the core has time again, so does the mirror. Not 1 %, and then packet by packet, into no file:
 * whose memory was not used for a tenth of a second may find it slow, on a virtual machine by
 * milliseconds [seen].
 */
static bool
looks_at_all(unsigned int bursts, uint64_t *sent)
{
	uint64_t before = host_stats("m").total.sampled_out;
	unsigned int i;

	for (i = 0; i < bursts; i++, (*sent)++)
		host_loop(port, 0, 1, FRAME);
	return host_stats("m").total.sampled_out == before;
}

/* Said, and seen in the numbers. Where others have the core for a while it comes later. */
static bool
gives_way(uint64_t sent)
{
	return host_noticed("took more of a forwarding core's time than guard=10%") &&
	       host_stats("m").total.sampled_out > sent / 4;
}

static void
test_guard(void **state)
{
	struct vmirror_counters c;
	struct vmirror_stats stats;
	uint64_t sent, first;
	unsigned int tries;

	host_mirror("name=m,port=%u,dir=rx,guard=10%%,filter=%s,sink=[net_pcap,tx_pcap=/dev/null]",
		    port, slow_filter());
	sent = send_for(1000, 8);
	for (tries = 0; !gives_way(sent) && tries < 100; tries++)
		sent += send_for(200, 8);
	assert_true(tries < 100);
	stats = host_stats("m");
	first = sent;
	for (tries = 0; !looks_at_all(4, &sent) && tries < 300; tries++)
		rte_delay_us_sleep(100000);
	assert_true(tries < 300);
	c = end_without_file();
	print_message("guard: %lu of %lu left out, then of %lu\n", stats.total.sampled_out, first,
		      sent - first);
	assert_int_equal(c.seen, sent);
	assert_int_equal(c.captured + c.sampled_out + c.no_room, sent);
}

/* One that costs little is left alone. */
static void
test_guard_of_little(void **state)
{
	struct vmirror_counters c;
	unsigned int i;

	host_mirror("name=m,port=%u,dir=rx,guard=50%%,sink=[net_pcap,tx_pcap=/dev/null]", port);
	for (i = 0; i < 100; i++) {
		host_loop(port, 0, 8, FRAME);
		rte_delay_us_sleep(5000);
	}
	c = end_without_file();
	assert_int_equal(c.captured, 800);
	assert_int_equal(c.sampled_out, 0);
}

static int
setup(void **state)
{
	host_init();
	port = host_plug("net_ring0", "", 2);
	host_engine_init();
	host_warm_up("0", "[net_pcap,tx_pcap=/dev/null]");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_sample_of_a_filter),
		cmocka_unit_test(test_sample_and_count),
		cmocka_unit_test(test_max_pps),
		cmocka_unit_test(test_max_bps),
		cmocka_unit_test(test_all_of_them),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_guard_of_little),
	};

	return cmocka_run_group_tests(tests, setup, host_end);
}
