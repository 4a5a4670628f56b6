/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a spec's text to a spec: one table of keys, one function for each. token.c scans, value.c
 * reads single values, spec_sink.c the sink's brackets; spec_build.c goes the other way. config.c,
 * the application, the control socket and the plugin all come through here.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "nearest.h"
#include "spec.h"
#include "spec_sink.h"
#include "token.h"
#include "value.h"

/* What stands behind one `key=`. */
struct input {
	const struct vmirror_token_scan *scan;
	const struct vmirror_token *token;
	const char *text; /* the value, its quotes and escapes undone */
	struct vmirror_error *err;
};

static const struct vmirror_value_word mirror_name = {
	.others = "_.-",
	.max_len = VMIRROR_SPEC_NAME_SIZE - 1,
	.starts_alphanumeric = true,
};
static const struct vmirror_value_word port_name = {
	.others = "_.:-@/+",
	.max_len = VMIRROR_VALUE_DEVICE_NAME_MAX,
};

typedef int (*item_fn)(struct vmirror_spec *spec, const char *text, struct vmirror_error *err);

/* One word, or each of a list of them. */
static int
each_item(struct vmirror_spec *spec, const struct input *in, const char *key, item_fn take)
{
	struct vmirror_token_scan scan;
	struct vmirror_token token;
	unsigned int n = 0;
	int ret;

	if (in->token->kind != VMIRROR_TOKEN_BRACKETED)
		return take(spec, in->text, in->err);
	vmirror_token_enter(&scan, in->scan, in->token);
	while ((ret = vmirror_token_item(&scan, &token, in->err)) > 0) {
		char *text = vmirror_token_dup(&token);

		if (text == NULL)
			return vmirror_value_no_memory(in->err);
		ret = take(spec, text, in->err);
		free(text);
		if (ret < 0)
			return ret;
		n++;
	}
	if (ret == 0 && n == 0)
		return vmirror_error_set(in->err, -EINVAL,
					 "%s: the list is empty; right would be %s=[0,1]", key,
					 key);
	return ret;
}

static int
parse_name(struct vmirror_spec *spec, const struct input *in)
{
	int ret = vmirror_value_check_word(in->text, &mirror_name, "name", in->err);

	if (ret == 0)
		memcpy(spec->name, in->text, strlen(in->text) + 1);
	return ret;
}

static int
check_port(const struct vmirror_spec *spec, const char *text, struct vmirror_error *err)
{
	static const struct vmirror_value_limits limits = {.max = UINT16_MAX};
	uint64_t number;
	int ret;

	ret = vmirror_value_check_word(text, &port_name, "port", err);
	if (ret < 0)
		return ret;
	if (vmirror_value_is_digits(text)) {
		ret = vmirror_value_number(&number, text, &limits, "port", err);
		if (ret < 0)
			return ret;
		/* Else one port could stand in a list as 1 and as 01. */
		if (text[0] == '0' && text[1] != '\0')
			return vmirror_error_set(err, -EINVAL,
						 "port: %s begins with a zero; right would be %u",
						 text, (unsigned int)number);
	}
	for (unsigned int i = 0; i < spec->n_ports; i++)
		if (strcmp(spec->ports[i], text) == 0)
			return vmirror_error_set(err, -EINVAL,
						 "port: %s stands twice in the list; right would "
						 "be once",
						 text);
	return 0;
}

static int
add_port(struct vmirror_spec *spec, const char *text, struct vmirror_error *err)
{
	char **ports;
	int ret;

	if (strcmp(text, "all") == 0)
		return vmirror_error_set(err, -EINVAL,
					 "port: all stands in a list; right would be port=all, or "
					 "a list of ports");
	ret = check_port(spec, text, err);
	if (ret < 0)
		return ret;
	ports = realloc(spec->ports, (spec->n_ports + 1) * sizeof(*ports));
	if (ports == NULL)
		return vmirror_value_no_memory(err);
	spec->ports = ports;
	ret = vmirror_value_copy(&ports[spec->n_ports], text, err);
	if (ret == 0)
		spec->n_ports++;
	return ret;
}

static int
parse_port(struct vmirror_spec *spec, const struct input *in)
{
	if (strcmp(in->text, "all") == 0) {
		spec->all_ports = true;
		return 0;
	}
	return each_item(spec, in, "port", add_port);
}

static int
add_range(struct vmirror_spec *spec, const char *text, struct vmirror_error *err)
{
	struct vmirror_spec_range range;
	struct vmirror_spec_range *queues;
	int ret;

	ret = vmirror_value_range(&range.first, &range.last, text, err);
	if (ret < 0)
		return ret;
	queues = realloc(spec->queues, (spec->n_queues + 1) * sizeof(*queues));
	if (queues == NULL)
		return vmirror_value_no_memory(err);
	spec->queues = queues;
	queues[spec->n_queues++] = range;
	return 0;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct vmirror_spec_range *left = a;
	const struct vmirror_spec_range *right = b;

	return (int)left->first - (int)right->first;
}

static void
merge_ranges(struct vmirror_spec *spec)
{
	struct vmirror_spec_range *merged = spec->queues;

	qsort(spec->queues, spec->n_queues, sizeof(*spec->queues), compare_ranges);
	for (unsigned int i = 1; i < spec->n_queues; i++) {
		const struct vmirror_spec_range *next = &spec->queues[i];

		if ((unsigned int)next->first > (unsigned int)merged->last + 1)
			*++merged = *next;
		else if (next->last > merged->last)
			merged->last = next->last;
	}
	spec->n_queues = (unsigned int)(merged - spec->queues) + 1;
}

static int
parse_queue(struct vmirror_spec *spec, const struct input *in)
{
	int ret = each_item(spec, in, "queue", add_range);

	if (ret == 0)
		merge_ranges(spec);
	return ret;
}

static int
parse_dir(struct vmirror_spec *spec, const struct input *in)
{
	static const char *const known[] = {"rx", "tx", "rxtx", NULL};
	static const enum vmirror_spec_dir dirs[] = {
		VMIRROR_SPEC_RX,
		VMIRROR_SPEC_TX,
		VMIRROR_SPEC_RXTX,
	};
	unsigned int i;
	int ret = vmirror_value_choice(&i, in->text, known, "dir", in->err);

	if (ret == 0)
		spec->dir = dirs[i];
	return ret;
}

static int
parse_filter(struct vmirror_spec *spec, const struct input *in)
{
	int ret;

	if (in->text[strspn(in->text, " \t\n\v\f\r")] == '\0')
		return vmirror_error_set(in->err, -EINVAL,
					 "filter: it is blank; right would be filter=\"tcp port "
					 "80\", or no filter at all for every packet");
	ret = vmirror_value_copy(&spec->filter, in->text, in->err);
	if (ret < 0)
		return ret;
	/* A filter may be written over several lines, but a spec is built as one. */
	for (char *p = spec->filter; (p = strpbrk(p, "\n\v\f\r")) != NULL;)
		*p = ' ';
	return vmirror_value_check_line(spec->filter, "filter", in->err);
}

static int
parse_snaplen(struct vmirror_spec *spec, const struct input *in)
{
	static const struct vmirror_value_limits limits = {.min = 1, .max = 262144};
	uint64_t number;
	int ret = vmirror_value_number(&number, in->text, &limits, "snaplen", in->err);

	if (ret == 0)
		spec->snaplen = (uint32_t)number;
	return ret;
}

static int
parse_mode(struct vmirror_spec *spec, const struct input *in)
{
	static const char *const known[] = {"inline", "ring", NULL};
	unsigned int i;
	int ret = vmirror_value_choice(&i, in->text, known, "mode", in->err);

	if (ret == 0)
		spec->mode = i == 0 ? VMIRROR_SPEC_INLINE : VMIRROR_SPEC_RING;
	return ret;
}

static int
parse_ring_bytes(struct vmirror_spec *spec, const struct input *in)
{
	static const struct vmirror_value_limits limits = {
		.min = 16000,
		.max = UINT64_C(1) << 36,
		.scaled = true,
	};

	return vmirror_value_number(&spec->ring_bytes, in->text, &limits, "ring_bytes", in->err);
}

static int
parse_latency(struct vmirror_spec *spec, const struct input *in)
{
	int ret = vmirror_value_duration(&spec->latency_ms, in->text, "latency", in->err);

	if (ret == 0 && spec->latency_ms > 1000)
		return vmirror_error_set(in->err, -EINVAL,
					 "latency: %s is more than a second; right would be "
					 "latency=10ms",
					 in->text);
	return ret;
}

static int
parse_count(struct vmirror_spec *spec, const struct input *in)
{
	static const struct vmirror_value_limits limits = {
		.min = 1,
		.max = UINT64_MAX,
		.scaled = true,
	};

	return vmirror_value_number(&spec->count, in->text, &limits, "count", in->err);
}

static int
parse_duration(struct vmirror_spec *spec, const struct input *in)
{
	return vmirror_value_duration(&spec->duration_ms, in->text, "duration", in->err);
}

static int
parse_mbufs(struct vmirror_spec *spec, const struct input *in)
{
	static const struct vmirror_value_limits limits = {
		.min = 32,
		.max = 67108864,
		.scaled = true,
	};
	uint64_t number;
	int ret = vmirror_value_number(&number, in->text, &limits, "mbufs", in->err);

	if (ret == 0)
		spec->mbufs = (uint32_t)number;
	return ret;
}

static int
parse_sink(struct vmirror_spec *spec, const struct input *in)
{
	return vmirror_spec_sink_parse(&spec->sink, in->scan, in->token, in->text, in->err);
}

enum key {
	KEY_NAME,
	KEY_PORT,
	KEY_QUEUE,
	KEY_DIR,
	KEY_FILTER,
	KEY_SNAPLEN,
	KEY_MODE,
	KEY_COUNT,
	KEY_DURATION,
	KEY_MBUFS,
	KEY_RING_BYTES,
	KEY_LATENCY,
	KEY_SINK,
	N_KEYS,
};

static const struct {
	int (*parse)(struct vmirror_spec *spec, const struct input *in);
	const char *once; /* what would be right instead of a second one */
} keys[N_KEYS] = {
	[KEY_NAME] = {parse_name, "one name"},
	[KEY_PORT] = {parse_port, "a list, as in port=[0,1]"},
	[KEY_QUEUE] = {parse_queue, "a list, as in queue=[0-3,7]"},
	[KEY_DIR] = {parse_dir, "rx, tx or rxtx, once"},
	[KEY_FILTER] = {parse_filter, "one filter, as in filter=\"tcp or udp\""},
	[KEY_SNAPLEN] = {parse_snaplen, "one of them"},
	[KEY_MODE] = {parse_mode, "one of them"},
	[KEY_COUNT] = {parse_count, "one of them"},
	[KEY_DURATION] = {parse_duration, "one of them"},
	[KEY_MBUFS] = {parse_mbufs, "one of them"},
	[KEY_RING_BYTES] = {parse_ring_bytes, "one of them"},
	[KEY_LATENCY] = {parse_latency, "one of them"},
	[KEY_SINK] = {parse_sink, "one sink in each mirror"},
};

static const char *const key_names[N_KEYS + 1] = {
	[KEY_NAME] = "name",
	[KEY_PORT] = "port",
	[KEY_QUEUE] = "queue",
	[KEY_DIR] = "dir",
	[KEY_FILTER] = "filter",
	[KEY_SNAPLEN] = "snaplen",
	[KEY_MODE] = "mode",
	[KEY_COUNT] = "count",
	[KEY_DURATION] = "duration",
	[KEY_MBUFS] = "mbufs",
	[KEY_RING_BYTES] = "ring_bytes",
	[KEY_LATENCY] = "latency",
	[KEY_SINK] = "sink",
};

static int
refuse_key(const struct vmirror_spec *spec, const struct vmirror_token *token,
	   struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	char word[VMIRROR_TOKEN_QUOTE_SIZE] = "";
	char hint[256];

	if (token->key_len < sizeof(word))
		memcpy(word, token->key, token->key_len);
	vmirror_nearest_hint(hint, sizeof(hint), word, key_names);
	return vmirror_error_set(
		err, -EINVAL, "the key %s is unknown; known: %s%s",
		vmirror_token_quote(quoted, sizeof(quoted), token->key, token->key_len), hint,
		spec->sink.vdev == NULL || vmirror_nearest(word, key_names) != NULL
			? ""
			: " (a sink's arguments stand in its brackets: sink=[vdev,key=value])");
}

/* Which key, checked to be known and to come for the first time. */
static int
find_key(const struct vmirror_spec *spec, const struct vmirror_token *token, unsigned int *seen,
	 struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];

	if (token->key == NULL)
		return vmirror_error_set(
			err, -EINVAL, "%s is no key=value; right would be, say, port=0 or dir=rx",
			vmirror_token_quote(quoted, sizeof(quoted), token->value,
					    token->value_len));
	for (int i = 0; i < N_KEYS; i++) {
		if (strlen(key_names[i]) != token->key_len ||
		    memcmp(key_names[i], token->key, token->key_len) != 0)
			continue;
		if ((*seen & (1u << i)) != 0)
			return vmirror_error_set(err, -EINVAL,
						 "the key '%s' is given twice; right would be %s",
						 key_names[i], keys[i].once);
		*seen |= 1u << i;
		return i;
	}
	return refuse_key(spec, token, err);
}

static int
parse_pair(struct vmirror_spec *spec, const struct vmirror_token_scan *scan,
	   const struct vmirror_token *token, unsigned int *seen, struct vmirror_error *err)
{
	struct input in = {.scan = scan, .token = token, .err = err};
	char *text;
	int key, ret;

	key = find_key(spec, token, seen, err);
	if (key < 0)
		return key;
	if (key != KEY_FILTER) { /* all of whose brackets are its own */
		ret = vmirror_token_check_tail(scan, token, err);
		if (ret < 0)
			return ret;
	}
	text = vmirror_token_dup(token);
	if (text == NULL)
		return vmirror_value_no_memory(err);
	in.text = text;
	ret = keys[key].parse(spec, &in);
	free(text);
	return ret;
}

static int
check_complete(const struct vmirror_spec *spec, unsigned int seen, struct vmirror_error *err)
{
	int len;

	if ((seen & (1u << KEY_PORT)) == 0)
		return vmirror_error_set(err, -EINVAL,
					 "no port is given; right would be port=0, port=net_tap0, "
					 "port=[0,1] or port=all");
	if ((seen & (1u << KEY_SINK)) == 0)
		return vmirror_error_set(err, -EINVAL,
					 "no sink is given; right would be, say, "
					 "sink=[net_pcap,tx_pcap=report.pcap]");
	if (spec->mode != VMIRROR_SPEC_RING && (seen & (1u << KEY_RING_BYTES | 1u << KEY_LATENCY)))
		return vmirror_error_set(err, -EINVAL,
					 "%s: there are no rings in mode=inline; right would be "
					 "mode=ring",
					 seen & 1u << KEY_RING_BYTES ? "ring_bytes" : "latency");
	/* "1G" grows when built: whoever builds may rely on VMIRROR_SPEC_TEXT_SIZE all the same. */
	len = vmirror_spec_build(spec, NULL, 0);
	if (len >= VMIRROR_SPEC_TEXT_SIZE)
		return vmirror_error_set(err, -E2BIG,
					 "the spec written out has %d bytes; right would be at "
					 "most %d",
					 len, VMIRROR_SPEC_TEXT_SIZE - 1);
	return 0;
}

static int
parse_all(struct vmirror_spec *spec, const char *text, struct vmirror_error *err)
{
	struct vmirror_token_scan scan;
	struct vmirror_token token;
	unsigned int seen = 0;
	int ret;

	vmirror_token_init(&scan, text, strlen(text));
	while ((ret = vmirror_token_next(&scan, &token, err)) > 0) {
		ret = parse_pair(spec, &scan, &token, &seen, err);
		if (ret < 0)
			return ret;
	}
	return ret < 0 ? ret : check_complete(spec, seen, err);
}

int
vmirror_spec_parse(struct vmirror_spec *spec, const char *text, struct vmirror_error *err)
{
	struct vmirror_spec parsed = {.dir = VMIRROR_SPEC_RXTX, .mode = VMIRROR_SPEC_INLINE};
	int ret = parse_all(&parsed, text, err);

	if (ret < 0)
		vmirror_spec_fini(&parsed);
	else
		*spec = parsed;
	return ret;
}

void
vmirror_spec_fini(struct vmirror_spec *spec)
{
	if (spec == NULL)
		return;
	for (unsigned int i = 0; i < spec->n_ports; i++)
		free(spec->ports[i]);
	free(spec->ports);
	free(spec->queues);
	free(spec->filter);
	vmirror_spec_sink_fini(&spec->sink);
	memset(spec, 0, sizeof(*spec));
}
