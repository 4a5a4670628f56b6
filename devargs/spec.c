/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a spec's text to a spec: one table of keys, one function for each. token.c scans, value.c
 * reads single values, spec_sink.c the sink's brackets, spec_check.c what keys say together; spec_build.c
 * goes the other way. config.c,
 * the application, the control socket and the plugin all come through here.
 */

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "nearest.h"
#include "spec.h"
#include "spec_check.h"
#include "spec_sink.h"
#include "token.h"
#include "value.h"

enum key {
	KEY_NAME,
	KEY_PORT,
	KEY_QUEUE,
	KEY_DIR,
	KEY_FILTER,
	KEY_SNAPLEN,
	KEY_SAMPLE,
	KEY_MAX_PPS,
	KEY_MAX_BPS,
	KEY_GUARD,
	KEY_MODE,
	KEY_COUNT,
	KEY_BYTES,
	KEY_DURATION,
	KEY_MBUFS,
	KEY_RING_BYTES,
	KEY_LATENCY,
	KEY_CORE,
	KEY_REFERENCE,
	KEY_TRIGGER,
	KEY_BEFORE,
	KEY_AFTER,
	KEY_SNAPSHOTS,
	KEY_SINK,
	N_KEYS,
};

static const char *const key_names[N_KEYS + 1] = {
	[KEY_NAME] = "name",           [KEY_PORT] = "port",
	[KEY_QUEUE] = "queue",         [KEY_DIR] = "dir",
	[KEY_FILTER] = "filter",       [KEY_SNAPLEN] = "snaplen",
	[KEY_SAMPLE] = "sample",       [KEY_MAX_PPS] = "max_pps",
	[KEY_MAX_BPS] = "max_bps",     [KEY_GUARD] = "guard",
	[KEY_MODE] = "mode",           [KEY_COUNT] = "count",
	[KEY_BYTES] = "bytes",         [KEY_DURATION] = "duration",
	[KEY_MBUFS] = "mbufs",         [KEY_RING_BYTES] = "ring_bytes",
	[KEY_LATENCY] = "latency",     [KEY_CORE] = "core",
	[KEY_REFERENCE] = "reference", [KEY_TRIGGER] = "trigger",
	[KEY_BEFORE] = "before",       [KEY_AFTER] = "after",
	[KEY_SNAPSHOTS] = "snapshots", [KEY_SINK] = "sink",
};

/* What stands behind one `key=`. */
struct input {
	enum key key;
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

/* A filter may be written over several lines, but a spec is built as one. */
static int
read_filter(char **filter, const struct input *in, const char *instead)
{
	const char *key = key_names[in->key];
	int ret;

	if (in->text[strspn(in->text, " \t\n\v\f\r")] == '\0')
		return vmirror_error_set(in->err, -EINVAL,
					 "%s: it is blank; right would be %s=\"tcp port "
					 "80\", or no %s at all for %s",
					 key, key, key, instead);
	ret = vmirror_value_copy(filter, in->text, in->err);
	if (ret < 0)
		return ret;
	for (char *p = *filter; (p = strpbrk(p, "\n\v\f\r")) != NULL;)
		*p = ' ';
	return vmirror_value_check_line(*filter, key, in->err);
}

static int
parse_filter(struct vmirror_spec *spec, const struct input *in)
{
	return read_filter(&spec->filter, in, "every packet");
}

static int
parse_trigger(struct vmirror_spec *spec, const struct input *in)
{
	return read_filter(&spec->trigger, in, "snapshots when they are asked for");
}

/* Keys that take a number, and nothing else. */
static const struct {
	struct vmirror_value_limits limits;
	size_t at; /* in the spec */
	bool is_32;
} numbers[N_KEYS] = {
	[KEY_SNAPLEN] = {{1, 262144, false}, offsetof(struct vmirror_spec, snaplen), true},
	[KEY_SAMPLE] = {{1, 1000000000, true}, offsetof(struct vmirror_spec, sample), true},
	[KEY_MAX_PPS] = {{1, 1000000000000, true}, offsetof(struct vmirror_spec, max_pps), false},
	[KEY_MAX_BPS] = {{1, 1000000000000000, true},
			 offsetof(struct vmirror_spec, max_bps),
			 false},
	[KEY_COUNT] = {{1, UINT64_MAX, true}, offsetof(struct vmirror_spec, count), false},
	[KEY_BYTES] = {{1, UINT64_MAX, true}, offsetof(struct vmirror_spec, bytes), false},
	[KEY_MBUFS] = {{32, 67108864, true}, offsetof(struct vmirror_spec, mbufs), true},
	[KEY_RING_BYTES] = {{16000, UINT64_C(1) << 36, true},
			    offsetof(struct vmirror_spec, ring_bytes),
			    false},
	[KEY_CORE] = {{0, UINT16_MAX - 1, false}, offsetof(struct vmirror_spec, core), true},
	[KEY_REFERENCE] = {{1, UINT16_MAX, true}, offsetof(struct vmirror_spec, reference), true},
	[KEY_SNAPSHOTS] = {{1, 1000000, true}, offsetof(struct vmirror_spec, snapshots), true},
};

static int
parse_number(struct vmirror_spec *spec, const struct input *in)
{
	char *field = (char *)spec + numbers[in->key].at;
	uint64_t number;
	int ret = vmirror_value_number(&number, in->text, &numbers[in->key].limits,
				       key_names[in->key], in->err);

	if (ret == 0 && numbers[in->key].is_32)
		*(uint32_t *)field = (uint32_t)number;
	else if (ret == 0)
		*(uint64_t *)field = number;
	return ret;
}

/* One in one is every packet, as without the key. */
static int
parse_sample(struct vmirror_spec *spec, const struct input *in)
{
	int ret = parse_number(spec, in);

	if (ret == 0 && spec->sample == 1)
		spec->sample = 0;
	return ret;
}

static int
parse_core(struct vmirror_spec *spec, const struct input *in)
{
	spec->has_core = true;
	return parse_number(spec, in);
}

/* Per cent, with or without the sign. */
static int
parse_guard(struct vmirror_spec *spec, const struct input *in)
{
	static const struct vmirror_value_limits limits = {.min = 1, .max = 99};
	size_t len = strlen(in->text);
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	uint64_t number;
	char digits[8];
	int ret;

	if (len > 0 && in->text[len - 1] == '%')
		len--;
	if (len >= sizeof(digits))
		len = 0;
	memcpy(digits, in->text, len);
	digits[len] = '\0';
	ret = vmirror_value_number(&number, digits, &limits, "guard", NULL);
	if (ret != 0)
		return vmirror_error_set(
			in->err, ret,
			"guard: %s is no share of a core's time; right would be "
			"1%% to 99%%",
			vmirror_token_quote(quoted, sizeof(quoted), in->text, strlen(in->text)));
	spec->guard = (uint32_t)number;
	return 0;
}

static int
parse_mode(struct vmirror_spec *spec, const struct input *in)
{
	static const char *const known[] = {
		[VMIRROR_SPEC_RING] = "ring",
		[VMIRROR_SPEC_INLINE] = "inline",
		[VMIRROR_SPEC_RECORDER] = "recorder",
		NULL,
	};
	unsigned int i;
	int ret = vmirror_value_choice(&i, in->text, known, "mode", in->err);

	if (ret == 0)
		spec->mode = (enum vmirror_spec_mode)i;
	return ret;
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

/* Keys that take a time, and nothing else: where it is in the spec, in milliseconds. */
static const size_t durations[N_KEYS] = {
	[KEY_DURATION] = offsetof(struct vmirror_spec, duration_ms),
	[KEY_BEFORE] = offsetof(struct vmirror_spec, before_ms),
	[KEY_AFTER] = offsetof(struct vmirror_spec, after_ms),
};

static int
parse_duration(struct vmirror_spec *spec, const struct input *in)
{
	uint64_t *ms = (uint64_t *)((char *)spec + durations[in->key]);

	return vmirror_value_duration(ms, in->text, key_names[in->key], in->err);
}

static int
parse_sink(struct vmirror_spec *spec, const struct input *in)
{
	return vmirror_spec_sink_parse(&spec->sink, in->scan, in->token, in->text, in->err);
}

static const struct {
	int (*parse)(struct vmirror_spec *spec, const struct input *in);
	const char *once; /* what would be right instead of a second one */
} keys[N_KEYS] = {
	[KEY_NAME] = {parse_name, "one name"},
	[KEY_PORT] = {parse_port, "a list, as in port=[0,1]"},
	[KEY_QUEUE] = {parse_queue, "a list, as in queue=[0-3,7]"},
	[KEY_DIR] = {parse_dir, "rx, tx or rxtx, once"},
	[KEY_FILTER] = {parse_filter, "one filter, as in filter=\"tcp or udp\""},
	[KEY_SNAPLEN] = {parse_number, "one of them"},
	[KEY_SAMPLE] = {parse_sample, "one of them"},
	[KEY_MAX_PPS] = {parse_number, "one of them"},
	[KEY_MAX_BPS] = {parse_number, "one of them"},
	[KEY_GUARD] = {parse_guard, "one of them"},
	[KEY_MODE] = {parse_mode, "one of them"},
	[KEY_COUNT] = {parse_number, "one of them"},
	[KEY_BYTES] = {parse_number, "one of them"},
	[KEY_DURATION] = {parse_duration, "one of them"},
	[KEY_MBUFS] = {parse_number, "one of them"},
	[KEY_RING_BYTES] = {parse_number, "one of them"},
	[KEY_LATENCY] = {parse_latency, "one of them"},
	[KEY_CORE] = {parse_core, "one of them"},
	[KEY_REFERENCE] = {parse_number, "one of them"},
	[KEY_TRIGGER] = {parse_trigger, "one filter, as in trigger=\"tcp or udp\""},
	[KEY_BEFORE] = {parse_duration, "one of them"},
	[KEY_AFTER] = {parse_duration, "one of them"},
	[KEY_SNAPSHOTS] = {parse_number, "one of them"},
	[KEY_SINK] = {parse_sink, "one sink in each mirror"},
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
	if (key != KEY_FILTER && key != KEY_TRIGGER) { /* all of whose brackets are its own */
		ret = vmirror_token_check_tail(scan, token, err);
		if (ret < 0)
			return ret;
	}
	text = vmirror_token_dup(token);
	if (text == NULL)
		return vmirror_value_no_memory(err);
	in.key = (enum key)key;
	in.text = text;
	ret = keys[key].parse(spec, &in);
	free(text);
	return ret;
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
	return ret < 0 ? ret : vmirror_spec_check(spec, err);
}

int
vmirror_spec_parse(struct vmirror_spec *spec, const char *text, struct vmirror_error *err)
{
	struct vmirror_spec parsed = {.dir = VMIRROR_SPEC_RXTX, .mode = VMIRROR_SPEC_RING};
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
	free(spec->trigger);
	vmirror_spec_sink_fini(&spec->sink);
	memset(spec, 0, sizeof(*spec));
}
