/* SPDX-License-Identifier: BSD-3-Clause */

/* What the tests of the writer have in common: packets by their numbers, and what became of them. */

#include "tests/unit/writing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

/* Packets are so far apart: seconds are crossed, and no two times end alike. */
#define STEP_NS 977777

#define TABLE_BYTES (UINT32_C(1) << 20)

#define PATIENCE_NS (UINT64_C(30000) * WRITING_MS)

uint64_t
writing_random(uint64_t number)
{
	uint64_t x = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Packets' bytes: one half of it is random, the other can be compressed. */
static const uint8_t *
table(void)
{
	static uint8_t bytes[TABLE_BYTES];
	uint32_t i;

	for (i = 0; bytes[TABLE_BYTES - 1] == 0 && i < TABLE_BYTES; i++)
		bytes[i] = i < TABLE_BYTES / 2 ? (uint8_t)writing_random(i) : (uint8_t)(i >> 5 | 1);
	return bytes;
}

uint32_t
writing_len_small(uint64_t number)
{
	return 60 + (uint32_t)(writing_random(number ^ 0x5a) % 1440);
}

uint32_t
writing_len_any(uint64_t number)
{
	return number % 211 == 97 ? VMIRROR_WRITER_MAX_PACKET
				  : 1 + (uint32_t)(writing_random(number ^ 0x5a) % 9000);
}

uint32_t
writing_len_huge(uint64_t number)
{
	return VMIRROR_WRITER_MAX_PACKET - (uint32_t)(number % 2);
}

void
writing_make_port(struct vmirror_writer_port *port, unsigned int number)
{
	*port = (struct vmirror_writer_port){.speed_bps = number * UINT64_C(10000000000)};
	snprintf(port->name, sizeof(port->name), "0000:81:00.%u", number);
	/* One that has none, and one that cannot be longer. */
	if (number != 0)
		snprintf(port->description, sizeof(port->description), "port %u, %0110u", number,
			 number);
}

void
writing_make_packet(const struct writing *t, uint64_t number, struct vmirror_writer_packet *pkt)
{
	uint32_t snaplen = t->opts.about.snaplen;
	uint64_t random = writing_random(number);

	*pkt = (struct vmirror_writer_packet){
		.ns = WRITING_EPOCH + number * STEP_NS,
		.bytes = table() + random % (TABLE_BYTES - VMIRROR_WRITER_MAX_PACKET),
		.wire_len = t->len(number),
		.hash = (uint32_t)(random >> 8),
		.queue = (uint16_t)(random >> 40),
		.is_tx = (random & 1) != 0,
		.has_hash = (random & 6) == 0,
	};
	pkt->len = snaplen != 0 && pkt->wire_len > snaplen ? snaplen : pkt->wire_len;
}

unsigned int
writing_port_of(const struct writing *t, uint64_t number)
{
	return (unsigned int)(writing_random(number) >> 20) % t->n_ports;
}

/* Those of a source are settled in the order in which they were put. */
static void
settle(void *arg, unsigned int source, uint64_t pkts, bool written)
{
	struct writing *t = arg;
	uint64_t *at;

	assert_true(source < WRITING_SOURCES);
	at = &t->cursors[source];
	for (; pkts > 0; *at += WRITING_SOURCES) {
		if (*at >= t->n)
			fail_msg("%llu packets of source %u are settled and were not taken",
				 (unsigned long long)pkts, source);
		if (t->fates[*at] != FATE_TAKEN)
			continue;
		t->fates[*at] = written ? FATE_WRITTEN : FATE_LOST;
		*(written ? &t->written : &t->lost) += 1;
		pkts--;
	}
}

static void
give_stats(void *arg, const char *port, struct vmirror_writer_stats *stats)
{
	struct writing *t = arg;
	int number = vmirror_writer_find_port(t->writer, port);

	assert_true(number >= 0);
	stats->received = t->n + (unsigned int)number;
	stats->accepted = t->taken;
	stats->dropped = t->lost;
	stats->written = t->written;
	snprintf(stats->comment, sizeof(stats->comment), "%s: %0200u", port, (unsigned int)number);
	t->given[number] = *stats;
}

void
writing_forget(struct writing *t)
{
	unsigned int i;

	t->n = t->taken = t->refused = t->written = t->lost = 0;
	memset(t->fates, FATE_NONE, WRITING_MAX);
	for (i = 0; i < WRITING_SOURCES; i++)
		t->cursors[i] = i;
}

void
writing_init(struct writing *t, const char *name)
{
	const char *where = getenv("TMPDIR");

	memset(t, 0, sizeof(*t));
	strncat(t->dir, where != NULL ? where : "/tmp", 50);
	strcat(t->dir, "/vmirror-writer-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/%.40s", t->dir, name);
	t->opts = (struct vmirror_writer_opts){
		.path = t->path,
		.fd = -1,
		.format = strstr(name, ".pcapng") != NULL ? &vmirror_writer_pcapng
							  : &vmirror_writer_pcap,
		.compress = strstr(name, ".zst") != NULL ? 1 : 0,
		.about = {.program = "test", .how = "by hand", .comment = "a comment"},
		.settled = settle,
		.stats = give_stats,
		.arg = t,
	};
	t->len = writing_len_small;
	t->fates = calloc(2, WRITING_MAX);
	assert_non_null(t->fates);
	t->ports = t->fates + WRITING_MAX;
	writing_forget(t);
}

unsigned int
writing_list(const struct writing *t, char names[][256], unsigned int max)
{
	struct dirent **found;
	int n = scandir(t->dir, &found, NULL, alphasort), i;
	unsigned int n_names = 0;

	for (i = 0; i < n; i++) {
		if (found[i]->d_name[0] != '.' && n_names < max)
			snprintf(names[n_names++], 256, "%s/%.150s", t->dir, found[i]->d_name);
		free(found[i]);
	}
	if (n >= 0)
		free(found);
	return n_names;
}

void
writing_fini(struct writing *t)
{
	char names[256][256];
	unsigned int n, i;

	if (*t->dir == '\0')
		return;
	/* A test that failed. */
	vmirror_writer_close(t->writer, false);
	while ((n = writing_list(t, names, 256)) > 0)
		for (i = 0; i < n; i++)
			assert_int_equal(unlink(names[i]), 0);
	assert_int_equal(rmdir(t->dir), 0);
	free(t->fates);
	memset(t, 0, sizeof(*t));
}

void
writing_add_port(struct writing *t)
{
	struct vmirror_writer_port port;

	writing_make_port(&port, t->n_ports);
	assert_int_equal(vmirror_writer_add_port(t->writer, &port), t->n_ports);
	assert_int_equal(vmirror_writer_find_port(t->writer, port.name), t->n_ports);
	t->n_ports++;
}

void
writing_open(struct writing *t, unsigned int n_ports)
{
	struct vmirror_error err = {.text = ""};

	if (vmirror_writer_open(&t->writer, &t->opts, &err) != 0)
		fail_msg("%s", err.text);
	t->n_ports = 0;
	while (t->n_ports < n_ports)
		writing_add_port(t);
}

enum vmirror_writer_answer
writing_put(struct writing *t)
{
	struct vmirror_writer_packet pkt;
	enum vmirror_writer_answer answer;
	unsigned int port = writing_port_of(t, t->n);

	assert_true(t->n < WRITING_MAX);
	writing_make_packet(t, t->n, &pkt);
	answer = vmirror_writer_put(t->writer, t->n % WRITING_SOURCES, port, &pkt);
	if (answer == VMIRROR_WRITER_BUSY)
		return answer;
	t->ports[t->n] = (uint8_t)port;
	t->fates[t->n] = answer == VMIRROR_WRITER_TAKEN ? FATE_TAKEN : FATE_REFUSED;
	*(answer == VMIRROR_WRITER_TAKEN ? &t->taken : &t->refused) += 1;
	t->n++;
	return answer;
}

void
writing_put_n(struct writing *t, uint64_t n)
{
	unsigned int waits = 0;

	while (n > 0) {
		if (writing_put(t) != VMIRROR_WRITER_BUSY) {
			waits = 0;
			n--;
		} else {
			assert_true(waits++ < 10000);
			vmirror_writer_wait(t->writer, 10 * WRITING_MS);
		}
	}
}

void
writing_flush(struct writing *t)
{
	unsigned int waits = 0;

	while (!vmirror_writer_flush(t->writer, 10 * WRITING_MS))
		assert_true(waits++ < 10000);
	assert_int_equal(t->written + t->lost, t->taken);
}

uint64_t
writing_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
writing_finish(struct writing *t)
{
	vmirror_writer_finish(t->writer, PATIENCE_NS);
	assert_int_equal(t->written + t->lost, t->taken);
	assert_int_equal(t->taken + t->refused, t->n);
	vmirror_writer_close(t->writer, false);
	t->writer = NULL;
}

unsigned int
writing_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* --- reading back */

uint8_t *
writing_slurp(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes;
	struct stat st;
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	for (*size = 0; (n = read(fd, bytes + *size, (size_t)st.st_size - *size)) > 0;)
		*size += (size_t)n;
	close(fd);
	assert_int_equal(*size, st.st_size);
	return bytes;
}

uint8_t *
writing_unpack(const uint8_t *bytes, size_t size, size_t *unpacked, bool *complete)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	ZSTD_inBuffer in = {.src = bytes, .size = size};
	ZSTD_outBuffer out = {.size = 1 << 20};
	size_t left = 1;

	out.dst = malloc(out.size);
	while (left != 0) {
		size_t before = in.pos + out.pos;

		left = ZSTD_decompressStream(ctx, &out, &in);
		if (ZSTD_isError(left) && complete == NULL)
			break;
		if (ZSTD_isError(left))
			fail_msg("%s", ZSTD_getErrorName(left));
		if (out.pos == out.size)
			out.dst = realloc(out.dst, out.size *= 2);
		else if (in.pos + out.pos == before)
			break;
	}
	ZSTD_freeDCtx(ctx);
	if (complete != NULL) {
		assert_int_equal(in.pos, size);
		*complete = left == 0;
	}
	*unpacked = out.pos;
	return out.dst;
}

/* As it was put? @return NULL or what is wrong with it */
const char *
writing_compare(const struct writing *t, const struct capture_packet *got, unsigned int port_number)
{
	struct vmirror_writer_packet put;
	struct vmirror_writer_port port;

	writing_make_packet(t, writing_number_of(got), &put);
	if (got->ns != put.ns || got->len != put.len || got->wire_len != put.wire_len)
		return "time or length";
	if (memcmp(got->bytes, put.bytes, put.len) != 0)
		return "bytes";
	if (got->port == NULL)
		return NULL;
	writing_make_port(&port, port_number);
	if (strcmp(got->port->name, port.name) != 0 || got->port->speed_bps != port.speed_bps ||
	    strcmp(got->port->description, port.description) != 0 || got->port->resolution != 9)
		return "port";
	if (got->direction != (put.is_tx ? 2 : 1) || got->queue != put.queue)
		return "direction or queue";
	if (got->has_hash != put.has_hash || (put.has_hash && got->hash != put.hash))
		return "hash";
	return NULL;
}

uint64_t
writing_number_of(const struct capture_packet *got)
{
	return got->ns < WRITING_EPOCH ? UINT64_MAX : (got->ns - WRITING_EPOCH) / STEP_NS;
}

/* A packet that a file holds. */
static void
take(void *arg, const struct capture_packet *got)
{
	struct writing *t = arg;
	uint64_t number = writing_number_of(got);
	const char *wrong;

	if (number >= t->n || number < t->next_read)
		fail_msg("time %llu, where packet %llu was to come", (unsigned long long)got->ns,
			 (unsigned long long)t->next_read);
	if (t->fates[number] == FATE_WRITTEN)
		t->fates[number] = FATE_READ;
	else if (!t->torn || t->fates[number] != FATE_LOST)
		fail_msg("packet %llu is there, and its fate is %u", (unsigned long long)number,
			 t->fates[number]);
	t->first_read = t->n_read++ == 0 ? number : t->first_read;
	t->next_read = number + 1;
	wrong = writing_compare(t, got, t->ports[number]);
	if (wrong != NULL)
		fail_msg("packet %llu: %s", (unsigned long long)number, wrong);
}

static size_t
read_bytes(struct writing *t, const uint8_t *bytes, size_t size)
{
	struct capture *c = &t->capture;
	size_t whole;

	memset(c, 0, sizeof(*c));
	c->packet = take;
	c->arg = t;
	whole = t->opts.format == &vmirror_writer_pcap ? capture_read_pcap(c, bytes, size)
						       : capture_read_pcapng(c, bytes, size);
	if (*c->problem != '\0')
		fail_msg("at %zu of %zu: %s", whole, size, c->problem);
	t->n_files++;
	return whole;
}

void
writing_read_bytes(struct writing *t, const uint8_t *bytes, size_t size)
{
	assert_int_equal(read_bytes(t, bytes, size), size);
}

void
writing_read_torn(struct writing *t, const uint8_t *bytes, size_t size)
{
	uint64_t i;

	writing_read_begin(t);
	t->torn = true;
	read_bytes(t, bytes, size);
	t->torn = false;
	assert_int_equal(t->next_read, t->n_read);
	for (i = 0; i < t->n; i++)
		assert_int_not_equal(t->fates[i], FATE_WRITTEN);
}

static void
read_file(struct writing *t, const char *path)
{
	bool packed = strstr(path, ".zst") != NULL, complete;
	uint64_t limit = t->opts.rotate_bytes;
	size_t size, unpacked;
	uint8_t *bytes = writing_slurp(path, &size), *plain;

	plain = packed ? writing_unpack(bytes, size, &unpacked, &complete) : bytes;
	writing_read_bytes(t, plain, packed ? unpacked : size);
	if (limit != 0 && size > limit && t->capture.n_packets > 1)
		fail_msg("%s: %zu bytes, %llu packets", path, size,
			 (unsigned long long)t->capture.n_packets);
	if (packed)
		free(plain);
	free(bytes);
}

void
writing_read_begin(struct writing *t)
{
	t->n_read = t->first_read = t->next_read = 0;
	t->n_files = 0;
}

void
writing_read_end(struct writing *t, bool some_removed)
{
	uint64_t i = 0;

	if (some_removed)
		i = t->n_read != 0 ? t->first_read : t->n;
	for (; i < t->n; i++)
		if (t->fates[i] == FATE_WRITTEN)
			fail_msg("packet %llu of %llu was written and is not there",
				 (unsigned long long)i, (unsigned long long)t->n);
	for (i = 0; i < t->n; i++)
		if (t->fates[i] == FATE_READ)
			t->fates[i] = FATE_WRITTEN;
	if (!some_removed)
		assert_int_equal(t->n_read, t->written);
}

void
writing_read_back(struct writing *t)
{
	char names[256][256];
	unsigned int n = writing_list(t, names, 256), i;

	assert_true(n < 256);
	writing_read_begin(t);
	for (i = 0; i < n; i++)
		read_file(t, names[i]);
	writing_read_end(t, t->opts.files != 0);
}
