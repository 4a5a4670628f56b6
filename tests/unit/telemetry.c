/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * lib/telemetry.c in DPDK's own telemetry, which needs no EAL, asked by its socket: what it leaves out, or
 * breaks, differs from version to version. The mirrors are this test's own.
 */

#include "tests/unit/test.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_log.h>
#include <rte_os.h>
#include <rte_version.h>

#include "devargs/error.h"
#include "lib/port.h"
#include "lib/stats.h"
#include "lib/telemetry.h"
#include "vmirror.h"

#define ROOM 16384 /* for an answer, as it says itself */
#define MANY 300

/* EAL calls it; the header is DPDK's own. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
int32_t
rte_telemetry_init(const char *runtime_dir, const char *rte_version, rte_cpuset_t *cpuset);
#define INIT(dir, cpus) rte_telemetry_init(dir, "DPDK", cpus)
#else
typedef int (*log_fn)(uint32_t level, uint32_t type, const char *fmt, ...);
int32_t
rte_telemetry_init(const char *runtime_dir, const char *rte_version, rte_cpuset_t *cpuset,
		   log_fn log, uint32_t type);
#define INIT(dir, cpus) rte_telemetry_init(dir, "DPDK", cpus, silent, 0)

static int
silent(uint32_t level, uint32_t type, const char *fmt, ...)
{
	return 0;
}
#endif

/* --- mirrors: web, and what the library says of it */

static char spec[4096], reason[256];
static struct vmirror_queue_stats queues[MANY];
static unsigned int n_queues;

static int
none(const char *name, struct vmirror_error *err)
{
	assert_non_null(name);
	if (strcmp(name, "web") == 0)
		return 0;
	return vmirror_error_set(err, -ENOENT, "there is no mirror '%.64s'", name);
}

int
vmirror_mirror_list(char (*names)[VMIRROR_NAME_SIZE], unsigned int n)
{
	static const char *const all[] = {"web", "other"};

	for (unsigned int i = 0; i < n && i < N_ELEMENTS(all); i++)
		strcpy(names[i], all[i]);
	return N_ELEMENTS(all);
}

/* Numbers that tell one field from another. */
static uint64_t
number_of(const struct vmirror_stats_field *field)
{
	return 1000000000000ULL + field->offset;
}

uint64_t
vmirror_mirror_serial(const char *name)
{
	return 9;
}

void
vmirror_port_stand_beside(bool beside)
{
}

int
vmirror_mirror_stats(const char *name, struct vmirror_stats *stats, struct vmirror_error *err)
{
	const struct vmirror_stats_field *field;

	if (none(name, err) != 0)
		return -ENOENT;
	strcpy(stats->name, name);
	strcpy(stats->reason, reason);
	stats->state = VMIRROR_DETACHED;
	stats->hooks = 7;
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		*(uint64_t *)((char *)stats + field->offset) = number_of(field);
	return 0;
}

int
vmirror_mirror_queue_stats(const char *name, struct vmirror_queue_stats *stats, unsigned int n,
			   struct vmirror_error *err)
{
	if (none(name, err) != 0)
		return -ENOENT;
	if (n > 0)
		memcpy(stats, queues, (n < n_queues ? n : n_queues) * sizeof(*stats));
	return (int)n_queues;
}

int
vmirror_mirror_spec(const char *name, char *buf, size_t size, struct vmirror_error *err)
{
	return none(name, err) != 0 ? -ENOENT : snprintf(buf, size, "%s", spec);
}

/* Both directions of one queue after the other, the ports in turn; counters below the limit. */
static void
make_queues(unsigned int n, uint64_t below)
{
	static const char *const ports[] = {"0000:01:00.0", "net_tap0"};
	uint32_t state = n;
	size_t i, k;

	n_queues = n;
	memset(queues, 0, sizeof(queues));
	for (i = 0; i < n; i++) {
		uint64_t *counter = (uint64_t *)&queues[i].counters;

		strcpy(queues[i].port, ports[i / 2 % 2]);
		queues[i].queue = (uint16_t)(i / 4);
		queues[i].is_tx = i % 2;
		for (k = 0; k < sizeof(queues[i].counters) / sizeof(*counter); k++)
			counter[k] = ((uint64_t)test_random(&state, 1U << 31) << 31 |
				      test_random(&state, 1U << 31)) %
				     below;
	}
}

/* --- who asks */

static char dir[] = "/tmp/vmirror-telemetry-XXXXXX", path[64];
static int asker = -1;
static json_t *answer; /* the last one, whole */
static size_t answer_bytes;

static int
begin(void **state)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	char hello[1024];
	rte_cpuset_t cpus;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	assert_int_equal(INIT(dir, &cpus), 0);
	vmirror_telemetry_init();
	snprintf(path, sizeof(path), "%s/dpdk_telemetry.v2", dir);
	strcpy(where.sun_path, path);
	asker = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(connect(asker, (struct sockaddr *)&where, sizeof(where)), 0);
	assert_true(recv(asker, hello, sizeof(hello), 0) > 0);
	return 0;
}

static int
end(void **state)
{
	json_decref(answer);
	close(asker);
	unlink(path);
	return rmdir(dir);
}

/* @return what is answered to the request, which lives as long as nothing else is asked */
static json_t *
ask(const char *request)
{
	char text[4 * ROOM];
	json_error_t err;
	ssize_t n;

	assert_int_equal(send(asker, request, strlen(request), 0), strlen(request));
	n = recv(asker, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	answer_bytes = (size_t)n;
	json_decref(answer);
	answer = json_loads(text, JSON_REJECT_DUPLICATES, &err);
	if (answer == NULL)
		fail_msg("%s: %s at %d of: %s", request, err.text, err.position, text);
	assert_int_equal(json_object_size(answer), 1);
	return json_object_iter_value(json_object_iter(answer));
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		fail_msg("no text '%s'", key);
	return text;
}

static uint64_t
int_of(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);

	if (!json_is_integer(number))
		fail_msg("no number '%s'", key);
	return (uint64_t)json_integer_value(number);
}

/* A text with what goes on in KEY_more. */
static const char *
joined(const json_t *object, const char *key)
{
	static char text[8192];
	char more[32];
	json_t *piece;
	size_t i;

	strcpy(text, text_of(object, key));
	snprintf(more, sizeof(more), "%s_more", key);
	json_array_foreach (json_object_get(object, more), i, piece)
		strcat(text, json_string_value(piece));
	return text;
}

/* --- tests */

static void
test_list(void **state)
{
	json_t *names = ask("/vmirror/list");

	assert_int_equal(json_array_size(names), 2);
	assert_string_equal(json_string_value(json_array_get(names, 0)), "web");
	assert_string_equal(json_string_value(json_array_get(names, 1)), "other");
}

static void
assert_head(const json_t *shown)
{
	assert_string_equal(text_of(shown, "name"), "web");
	assert_string_equal(text_of(shown, "state"), "detached");
	assert_string_equal(joined(shown, "reason"), reason);
	assert_int_equal(int_of(shown, "hooks"), 7);
}

static void
test_stats(void **state)
{
	const struct vmirror_stats_field *field;
	json_t *shown;
	size_t n = 5;

	strcpy(reason, "the disk is \"full\"");
	shown = ask("/vmirror/stats,web");
	assert_head(shown);
	assert_int_equal(int_of(shown, "serial"), 9);
	for (field = vmirror_stats_fields; field->name != NULL; field++, n++)
		assert_int_equal(int_of(shown, field->name), number_of(field));
	assert_int_equal(json_object_size(shown), n);
}

/* Of any length, and of characters that JSON escapes, up to the longest that there is. */
static void
test_texts(void **state)
{
	static const size_t lengths[] = {0, 1, 126, 127, 128, 253, 254, 255, 256, 1000, 4095};
	json_t *shown;
	size_t i, k;

	for (i = 0; i < N_ELEMENTS(lengths); i++) {
		for (k = 0; k < lengths[i]; k++)
			spec[k] = k % 3 == 0 ? '\\' : k % 3 == 1 ? '"' : (char)('!' + k % 94);
		spec[lengths[i]] = '\0';
		snprintf(reason, sizeof(reason), "%.255s", spec);
		shown = ask("/vmirror/info,web");
		assert_head(shown);
		assert_string_equal(joined(shown, "spec"), spec);
		assert_int_equal(json_object_size(shown),
				 5 + (lengths[i] > 127) + (strlen(reason) > 127));
		assert_string_equal(joined(ask("/vmirror/stats,web"), "reason"), reason);
	}
	/* Nothing but quotes: twice as long in JSON. */
	memset(spec, '"', sizeof(spec) - 1);
	memset(reason, '\\', sizeof(reason) - 1);
	shown = ask("/vmirror/info,web");
	assert_head(shown);
	assert_string_equal(joined(shown, "spec"), spec);
}

/* DPDK's JSON knows ASCII, and takes what is not for something else. */
static void
test_other_bytes(void **state)
{
	json_t *shown;
	size_t i;

	strcpy(spec, "path=/tmp/caf\xc3\xa9\t\x01.pcapng");
	for (i = 0; i < 255; i++)
		reason[i] = (char)(0x80 + i % 0x80);
	reason[255] = '\0';
	shown = ask("/vmirror/info,web");
	assert_string_equal(joined(shown, "spec"), "path=/tmp/caf??\t?.pcapng");
	assert_int_equal(strspn(joined(shown, "reason"), "?"), 255);
	strcpy(reason, "");
}

/* @return how many it shows, each of them as it is */
static unsigned int
assert_queues(const json_t *shown)
{
	const struct vmirror_stats_field *field;
	unsigned int n = 0;
	const char *place;
	json_t *queue;

	assert_string_equal(text_of(shown, "name"), "web");
	json_object_foreach (json_object_get(shown, "queues"), place, queue) {
		const struct vmirror_queue_stats *q = &queues[atoi(place)];
		struct vmirror_stats s = {.total = q->counters};
		size_t members = 3;

		assert_string_equal(text_of(queue, "port"), q->port);
		assert_int_equal(int_of(queue, "queue"), q->queue);
		assert_string_equal(text_of(queue, "dir"), q->is_tx ? "tx" : "rx");
		for (field = vmirror_stats_fields; field->name != NULL; field++) {
			if (!vmirror_stats_is_counter(field))
				continue;
			assert_int_equal(int_of(queue, field->name),
					 vmirror_stats_value(&s, field));
			members++;
		}
		assert_int_equal(json_object_size(queue), members);
		n++;
	}
	return n;
}

static void
test_queues(void **state)
{
	json_t *shown;

	make_queues(8, 1000);
	shown = ask("/vmirror/queue_stats,web");
	assert_int_equal(assert_queues(shown), 8);
	assert_int_equal(int_of(shown, "left_out"), 0);
	assert_int_equal(json_object_size(shown), 3);
	/* Of a port, of a queue; the place is among all of them. */
	shown = ask("/vmirror/queue_stats,web,0000:01:00.0");
	assert_int_equal(assert_queues(shown), 4);
	assert_non_null(json_object_get(json_object_get(shown, "queues"), "5"));
	shown = ask("/vmirror/queue_stats,web,net_tap0,1");
	assert_int_equal(assert_queues(shown), 2);
	assert_non_null(json_object_get(json_object_get(shown, "queues"), "6"));
	assert_non_null(json_object_get(json_object_get(shown, "queues"), "7"));
	/* A port that is not there yet. */
	make_queues(0, 1000);
	shown = ask("/vmirror/queue_stats,web");
	assert_int_equal(assert_queues(shown), 0);
	assert_int_equal(int_of(shown, "left_out"), 0);
}

/* None is left out in silence, and not one in vain. */
static void
test_many_queues(void **state)
{
	static const uint64_t limits[] = {1, 1000, 1ULL << 62};
	unsigned int i, n, all;
	json_t *shown;
	char key[16];

	for (i = 0; i < N_ELEMENTS(limits); i++) {
		for (all = 1; all <= MANY; all += all < 70 ? 1 : 23) {
			make_queues(all, limits[i]);
			shown = ask("/vmirror/queue_stats,web");
			n = assert_queues(shown);
			assert_int_equal(n + int_of(shown, "left_out"), all);
			assert_true(answer_bytes < ROOM);
			if (n == all)
				continue;
			assert_true(n >= 20);
			assert_true(answer_bytes > ROOM - 1500);
			assert_non_null(strstr(text_of(shown, "hint"), ",web,PORT,QUEUE"));
			snprintf(key, sizeof(key), "%u", n - 1);
			assert_non_null(json_object_get(json_object_get(shown, "queues"), key));
		}
		assert_int_equal(assert_queues(ask("/vmirror/queue_stats,web,net_tap0,74")), 2);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *request, *error;
	} cases[] = {
		{"/vmirror/stats",
		 "say which mirror: /vmirror/stats,NAME; /vmirror/list names all"},
		{"/vmirror/info", "say which mirror: /vmirror/info,NAME; /vmirror/list names all"},
		{"/vmirror/queue_stats,",
		 "say which mirror: /vmirror/queue_stats,NAME; /vmirror/list names all"},
		{"/vmirror/stats,we", "there is no mirror 'we'; /vmirror/list names all"},
		{"/vmirror/stats,web,1", "there is no mirror 'web,1'; /vmirror/list names all"},
		{"/vmirror/info,\"b\xc3\xa4r\"",
		 "there is no mirror '\"b??r\"'; /vmirror/list names all"},
		{"/vmirror/queue_stats,we", "there is no mirror 'we'; /vmirror/list names all"},
		{"/vmirror/queue_stats,web,eth0",
		 "mirror 'web' has no port 'eth0'; /vmirror/queue_stats,web shows what it has"},
		{"/vmirror/queue_stats,web,net_tap0,9",
		 "mirror 'web' has no queue 9 of port 'net_tap0'; /vmirror/queue_stats,web shows "
		 "what "
		 "it has"},
		{"/vmirror/queue_stats,web,net_tap0,x",
		 "queue: 'x' is not a number that it takes; right would be 0 to 65535"},
		{"/vmirror/queue_stats,web,net_tap0,65536",
		 "queue: '65536' is not a number that it takes; right would be 0 to 65535"},
		{"/vmirror/queue_stats,web,net_tap0,0,rx",
		 "/vmirror/queue_stats takes a mirror, a port of it and a queue's number: 'rx' is "
		 "more"},
	};
	char request[1000] = "/vmirror/queue_stats,";
	json_t *shown;
	size_t i;

	make_queues(8, 1000);
	for (i = 0; i < N_ELEMENTS(cases); i++) {
		shown = ask(cases[i].request);
		assert_string_equal(joined(shown, "error"), cases[i].error);
		assert_null(json_object_get(shown, "name"));
	}
	memset(request + strlen(request), '"', sizeof(request) - strlen(request) - 1);
	assert_non_null(strstr(joined(ask(request), "error"), "there is no mirror '\"\"\""));
}

/* Help that is too long is a command that is not there. */
static void
test_help(void **state)
{
	static const char *const commands[] = {"list", "stats", "queue_stats", "info"};
	char request[64];
	size_t i;

	for (i = 0; i < N_ELEMENTS(commands); i++) {
		snprintf(request, sizeof(request), "/help,/vmirror/%s", commands[i]);
		assert_true(strlen(text_of(ask(request), request + strlen("/help,"))) > 10);
	}
}

/* With AddressSanitizer, whose malloc does not count, it is the one to tell. */
static void
test_nothing_is_kept(void **state)
{
	static const char *const requests[] = {
		"/vmirror/list",
		"/vmirror/stats,web",
		"/vmirror/info,web",
		"/vmirror/queue_stats,web",
		"/vmirror/queue_stats,web,net_tap0",
		"/vmirror/queue_stats,web,eth0",
		"/vmirror/queue_stats",
		"/vmirror/queue_stats,nope",
	};
	size_t before = 0;
	unsigned int round, i;

	make_queues(MANY, 1ULL << 62);
	memset(spec, 'x', sizeof(spec) - 1);
	memset(reason, 'y', sizeof(reason) - 1);
	for (round = 0; round < 40; round++) {
		for (i = 0; i < N_ELEMENTS(requests); i++)
			ask(requests[i]);
		if (round == 19)
			before = mallinfo2().uordblks;
	}
	/* What an answer of queue_stats takes meanwhile is 1,700 KB and more. */
	assert_in_range(mallinfo2().uordblks, 0, before + 30000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_other_bytes),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_many_queues),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
