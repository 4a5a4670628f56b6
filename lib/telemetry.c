/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Runs on threads of DPDK's telemetry, one for each who asks, on the public functions alone. Without
 * an engine there are no mirrors, and so nothing to show.
 *
 * Telemetry takes only so much, the same in 22.11 to 25.11: strings of 127 bytes, queues as members of
 * an object (an array of objects only newer ones know), 16 KB of JSON. Of what is more it leaves out
 * parts, and says nothing: so what is given to it is cut here, visibly.
 */

#include "lib/telemetry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>

#include "devargs/error.h"
#include "devargs/spec.h"
#include "devargs/value.h"
#include "lib/compat.h"
#include "lib/port.h"
#include "lib/stats.h"
#include "lib/text.h"
#include "vmirror.h"

#define PIECE       (RTE_TEL_MAX_STRING_LEN - 1)
#define ANSWER      (16 * 1024) /* MAX_OUTPUT_LEN of DPDK's telemetry.c, /info's max_output_len */
#define BESIDE      512         /* of that, at the most: what an answer has beside its queues */
#define MAX_REQUEST 1024        /* no longer one comes in */

/* --- texts */

/* For DPDK's JSON a byte of a UTF-8 character is a control character; those it drops, or worse. */
static void
copy_piece(char piece[PIECE + 1], const char *text)
{
	size_t i;

	for (i = 0; i < PIECE && text[i] != '\0'; i++)
		piece[i] = (text[i] >= ' ' && text[i] <= '~') || text[i] == '\t' ? text[i] : '?';
	piece[i] = '\0';
}

static struct rte_tel_data *
pieces_of(const char *text)
{
	struct rte_tel_data *pieces = rte_tel_data_alloc();
	char piece[PIECE + 1];

	if (pieces == NULL)
		return NULL;
	rte_tel_data_start_array(pieces, RTE_TEL_STRING_VAL);
	while (*text != '\0') {
		copy_piece(piece, text);
		rte_tel_data_add_array_string(pieces, piece);
		text += strlen(piece);
	}
	return pieces;
}

/* What does not fit into one string goes on in KEY_more; without memory for that it ends in "...". */
static void
add_text(struct rte_tel_data *d, const char *key, const char *text)
{
	struct rte_tel_data *more = NULL;
	const size_t len = strlen(text);
	char piece[PIECE + 1], name[32];

	copy_piece(piece, text);
	if (len > PIECE)
		more = pieces_of(text + PIECE);
	if (len > PIECE && more == NULL)
		memcpy(piece + PIECE - strlen("..."), "...", strlen("..."));
	rte_tel_data_add_dict_string(d, key, piece);
	if (more == NULL)
		return;
	snprintf(name, sizeof(name), "%s_more", key);
	if (rte_tel_data_add_dict_container(d, name, more, 0) < 0)
		rte_tel_data_free(more);
}

/* A command that returns an error answers null, and nobody learns why. */
static int
refuse(struct rte_tel_data *d, const struct vmirror_error *err)
{
	rte_tel_data_start_dict(d);
	add_text(d, "error", err->text);
	return 0;
}

static int
no_name(const char *cmd, struct vmirror_error *err)
{
	return vmirror_error_set(err, -EINVAL, "say which mirror: %s,NAME; /vmirror/list names all",
				 cmd);
}

static int
no_mirror(int code, struct vmirror_error *err)
{
	if (code != -ENOENT)
		return code;
	return vmirror_error_set(err, code, "%s; /vmirror/list names all", err->text);
}

/* --- mirrors */

static int
list(const char *cmd, const char *params, struct rte_tel_data *d)
{
	int n, i, room = vmirror_mirror_list(NULL, 0);
	char(*names)[VMIRROR_NAME_SIZE] = calloc((size_t)room + 1, sizeof(*names));

	if (names == NULL)
		return -ENOMEM;
	n = vmirror_mirror_list(names, (unsigned int)room);
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (i = 0; i < n && i < room; i++)
		rte_tel_data_add_array_string(d, names[i]);
	free(names);
	return 0;
}

static int
read_stats(const char *cmd, const char *name, struct vmirror_stats *s, struct vmirror_error *err)
{
	if (name == NULL)
		return no_name(cmd, err);
	/* It is DPDK's thread, which asks while the host goes on. */
	vmirror_port_stand_beside(true);
	return no_mirror(vmirror_mirror_stats(name, s, err), err);
}

static int
stats(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct vmirror_stats s = {.size = sizeof(s)};
	const struct vmirror_stats_field *field;
	struct vmirror_error err;

	if (read_stats(cmd, params, &s, &err) != 0)
		return refuse(d, &err);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", s.name);
	vmirror_tel_add_u64(d, "serial", vmirror_mirror_serial(s.name));
	rte_tel_data_add_dict_string(d, "state", vmirror_stats_state(&s));
	add_text(d, "reason", s.reason);
	rte_tel_data_add_dict_int(d, "hooks", (int)s.hooks);
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		vmirror_tel_add_u64(d, field->name, vmirror_stats_value(&s, field));
	return 0;
}

static int
info(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct vmirror_stats s = {.size = sizeof(s)};
	char spec[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_error err;
	int ret;

	ret = read_stats(cmd, params, &s, &err);
	if (ret == 0)
		ret = no_mirror(vmirror_mirror_spec(params, spec, sizeof(spec), &err), &err);
	if (ret < 0)
		return refuse(d, &err);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", s.name);
	rte_tel_data_add_dict_string(d, "state", vmirror_stats_state(&s));
	add_text(d, "reason", s.reason);
	add_text(d, "spec", spec);
	rte_tel_data_add_dict_int(d, "hooks", (int)s.hooks);
	return 0;
}

/* --- queues */

/* NAME, NAME,PORT or NAME,PORT,QUEUE. */
struct wanted {
	const char *name;
	const char *port;  /* NULL: of all */
	const char *queue; /* NULL: all */
	uint64_t number;   /* queue's */
	char text[MAX_REQUEST];
};

static int
read_wanted(struct wanted *wanted, const char *cmd, const char *params, struct vmirror_error *err)
{
	static const struct vmirror_value_limits limits = {.max = UINT16_MAX};
	char *rest = wanted->text;

	if (params == NULL)
		return no_name(cmd, err);
	snprintf(wanted->text, sizeof(wanted->text), "%s", params);
	wanted->name = strsep(&rest, ",");
	wanted->port = strsep(&rest, ",");
	wanted->queue = strsep(&rest, ",");
	if (rest != NULL)
		return vmirror_error_set(err, -EINVAL,
					 "%s takes a mirror, a port of it and a queue's number: "
					 "'%s' is more",
					 cmd, rest);
	if (wanted->queue == NULL)
		return 0;
	return vmirror_value_number(&wanted->number, wanted->queue, &limits, "queue", err);
}

static bool
is_wanted(const struct wanted *wanted, const struct vmirror_queue_stats *q)
{
	return (wanted->port == NULL || strcmp(wanted->port, q->port) == 0) &&
	       (wanted->queue == NULL || wanted->number == q->queue);
}

static int
no_queue(const struct wanted *wanted, const char *cmd, struct vmirror_error *err)
{
	if (wanted->queue == NULL)
		return vmirror_error_set(err, -ENOENT,
					 "mirror '%s' has no port '%s'; %s,%s shows what it has",
					 wanted->name, wanted->port, cmd, wanted->name);
	return vmirror_error_set(
		err, -ENOENT, "mirror '%s' has no queue %s of port '%s'; %s,%s shows what it has",
		wanted->name, wanted->queue, wanted->port, cmd, wanted->name);
}

/* @return how many there are in *all, for the caller to free() */
static int
read_queues(const char *name, struct vmirror_queue_stats **all, struct vmirror_error *err)
{
	int room = vmirror_mirror_queue_stats(name, NULL, 0, err), n;

	*all = NULL;
	if (room < 0)
		return no_mirror(room, err);
	*all = calloc((size_t)room + 1, sizeof(**all));
	if (*all == NULL)
		return vmirror_error_set(err, -ENOMEM, "no memory left for an answer");
	n = vmirror_mirror_queue_stats(name, *all, (unsigned int)room, err);
	if (n < 0)
		return no_mirror(n, err);
	return n < room ? n : room;
}

/* Of its JSON, or a few more. */
static size_t
queue_bytes(const struct vmirror_queue_stats *q, int place)
{
	struct vmirror_stats s = {.total = q->counters};
	const struct vmirror_stats_field *field;
	struct vmirror_text t = {.size = 0};

	vmirror_text_append(&t, ",\"%d\":{\"port\":\"\",\"queue\":%u,\"dir\":\"rx\"}", place,
			    q->queue);
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		if (vmirror_stats_is_counter(field))
			vmirror_text_append(&t, ",\"%s\":%" PRIu64, field->name,
					    vmirror_stats_value(&s, field));
	/* As if each of its characters had a backslash. */
	return t.len + 2 * strlen(q->port);
}

static int
add_queue(struct rte_tel_data *queues, const struct vmirror_queue_stats *q, int place)
{
	struct vmirror_stats s = {.total = q->counters};
	struct rte_tel_data *queue = rte_tel_data_alloc();
	const struct vmirror_stats_field *field;
	char name[16];
	int ret;

	if (queue == NULL)
		return -ENOMEM;
	rte_tel_data_start_dict(queue);
	add_text(queue, "port", q->port);
	rte_tel_data_add_dict_int(queue, "queue", q->queue);
	rte_tel_data_add_dict_string(queue, "dir", q->is_tx ? "tx" : "rx");
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		if (vmirror_stats_is_counter(field))
			vmirror_tel_add_u64(queue, field->name, vmirror_stats_value(&s, field));
	/* A port's name may have what a member's must not. */
	snprintf(name, sizeof(name), "%d", place);
	ret = rte_tel_data_add_dict_container(queues, name, queue, 0);
	if (ret < 0)
		rte_tel_data_free(queue);
	return ret;
}

/* @param found  how many are wanted. @return how many of these are left out */
static int
add_queues(struct rte_tel_data *queues, const struct wanted *wanted,
	   const struct vmirror_queue_stats *all, int n, int *found)
{
	size_t used = BESIDE;
	int left_out = 0, i;

	*found = 0;
	for (i = 0; i < n; i++) {
		if (!is_wanted(wanted, &all[i]))
			continue;
		(*found)++;
		/* Beyond it once, used stays there: the first ones are shown. */
		used += queue_bytes(&all[i], i);
		if (used > ANSWER || add_queue(queues, &all[i], i) < 0)
			left_out++;
	}
	return left_out;
}

/* @param queues  given away to d */
static void
show_queues(struct rte_tel_data *d, const char *cmd, const char *name, struct rte_tel_data *queues,
	    int left_out)
{
	char hint[VMIRROR_ERROR_SIZE];

	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", name);
	rte_tel_data_add_dict_int(d, "left_out", left_out);
	if (left_out > 0) {
		snprintf(hint, sizeof(hint), "too many for one answer: ask for %s,%s,PORT,QUEUE",
			 cmd, name);
		add_text(d, "hint", hint);
	}
	if (rte_tel_data_add_dict_container(d, "queues", queues, 0) < 0)
		rte_tel_data_free(queues);
}

static int
queue_stats(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct rte_tel_data *queues = rte_tel_data_alloc();
	struct vmirror_queue_stats *all = NULL;
	int ret, found = 0, left_out = 0;
	struct vmirror_error err;
	struct wanted wanted;

	if (queues == NULL)
		return -ENOMEM;
	rte_tel_data_start_dict(queues);
	ret = read_wanted(&wanted, cmd, params, &err);
	if (ret == 0)
		ret = read_queues(wanted.name, &all, &err);
	if (ret >= 0)
		left_out = add_queues(queues, &wanted, all, ret, &found);
	if (ret >= 0 && found == 0 && wanted.port != NULL)
		ret = no_queue(&wanted, cmd, &err);
	free(all);
	if (ret >= 0) {
		show_queues(d, cmd, wanted.name, queues, left_out);
		return 0;
	}
	rte_tel_data_free(queues);
	return refuse(d, &err);
}

void
vmirror_telemetry_init(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	rte_telemetry_register_cmd("/vmirror/list", list, "Names of all mirrors. No parameters");
	rte_telemetry_register_cmd("/vmirror/stats", stats,
				   "Counters of a mirror. Parameter: its name");
	rte_telemetry_register_cmd(
		"/vmirror/queue_stats", queue_stats,
		"Counters of a mirror's queues. Parameters: its name; then a port's name, then a "
		"queue's number, for those alone");
	rte_telemetry_register_cmd("/vmirror/info", info, "What a mirror is. Parameter: its name");
}
