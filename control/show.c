/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "control/owners.h"
#include "devargs/error.h"
#include "devargs/spec.h"
#include "lib/port.h"
#include "lib/shared.h"
#include "lib/stats.h"

/* A mirror has more queues than this only on the largest of machines; those are then left out. */
#define MOST_QUEUES 4096

json_t *
vmirror_show_text(const char *text)
{
	json_t *string = json_string(text);
	char *copy, *at;

	if (string != NULL)
		return string;
	copy = strdup(text);
	if (copy == NULL)
		return json_null();
	for (at = copy; *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	string = json_string(copy);
	free(copy);
	return string;
}

/* --- ports */

/* The driver is asked where it may be. */
static const char *
driver_of(uint16_t port_id)
{
	struct rte_eth_dev_info info;

	if (!vmirror_port_may_ask(port_id) || rte_eth_dev_info_get(port_id, &info) != 0)
		return NULL;
	return info.driver_name;
}

static json_t *
show_port(const char *name)
{
	const char *driver = NULL;
	uint16_t port_id = 0;
	bool present;
	json_t *port;

	pthread_mutex_lock(&vmirror_shared.hooks);
	present = !vmirror_shared.eal_gone && vmirror_port_present(name, &port_id);
	if (present)
		driver = driver_of(port_id);
	pthread_mutex_unlock(&vmirror_shared.hooks);
	if (!present)
		return NULL;
	port = json_pack("{s:i, s:o, s:b, s:i, s:i}", "number", port_id, "name",
			 vmirror_show_text(name), "started", vmirror_port_is_started(port_id),
			 "rx_queues", vmirror_port_queues(port_id, false), "tx_queues",
			 vmirror_port_queues(port_id, true));
	if (driver != NULL)
		json_object_set_new(port, "driver", json_string(driver));
	return port;
}

json_t *
vmirror_show_ports(void)
{
	char(*names)[RTE_ETH_NAME_MAX_LEN] = calloc(RTE_MAX_ETHPORTS, sizeof(*names));
	json_t *ports = json_array(), *port;
	unsigned int i, n;

	if (names == NULL)
		return ports;
	pthread_mutex_lock(&vmirror_shared.hooks);
	n = vmirror_shared.eal_gone ? 0 : vmirror_port_names(names);
	pthread_mutex_unlock(&vmirror_shared.hooks);
	for (i = 0; i < n; i++) {
		port = show_port(names[i]);
		if (port != NULL)
			json_array_append_new(ports, port);
	}
	free(names);
	return ports;
}

/* --- statistics */

static json_t *
show_queue(const struct vmirror_queue_stats *q)
{
	json_t *queue = json_pack("{s:o, s:i, s:s}", "port", vmirror_show_text(q->port), "queue",
				  q->queue, "dir", q->is_tx ? "tx" : "rx");
	const struct vmirror_stats_field *field;
	struct vmirror_stats stats = {.total = q->counters};

	for (field = vmirror_stats_fields; field->name != NULL; field++)
		if (vmirror_stats_is_counter(field))
			json_object_set_new(
				queue, field->name,
				json_integer((json_int_t)vmirror_stats_value(&stats, field)));
	return queue;
}

static json_t *
show_queues(const char *name)
{
	int n = vmirror_mirror_queue_stats(name, NULL, 0, NULL), i;
	struct vmirror_queue_stats *q;
	json_t *queues = json_array();
	int room;

	if (n <= 0)
		return queues;
	room = n < MOST_QUEUES ? n : MOST_QUEUES;
	q = calloc((size_t)room, sizeof(*q));
	n = q == NULL ? 0 : vmirror_mirror_queue_stats(name, q, (unsigned int)room, NULL);
	for (i = 0; i < n && i < room; i++)
		json_array_append_new(queues, show_queue(&q[i]));
	free(q);
	return queues;
}

json_t *
vmirror_show_stats(const char *name, bool queues, struct vmirror_error *err)
{
	struct vmirror_stats s = {.size = sizeof(s)};
	const struct vmirror_stats_field *field;
	json_t *stats;

	if (vmirror_mirror_stats(name, &s, err) != 0)
		return NULL;
	stats = json_pack("{s:s, s:I, s:s, s:o, s:i}", "name", s.name, "serial",
			  (json_int_t)vmirror_mirror_serial(name), "state", vmirror_stats_state(&s),
			  "reason", vmirror_show_text(s.reason), "hooks", (int)s.hooks);
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		json_object_set_new(stats, field->name,
				    json_integer((json_int_t)vmirror_stats_value(&s, field)));
	if (queues)
		json_object_set_new(stats, "queues", show_queues(name));
	return stats;
}

/* --- mirrors */

/* Run something for each name that there is. */
static void
for_each(json_t *array, json_t *(*show)(const char *name, bool queues, struct vmirror_error *err),
	 bool queues)
{
	int n = vmirror_mirror_list(NULL, 0), i, room = n;
	char(*names)[VMIRROR_NAME_SIZE];
	json_t *one;

	if (n <= 0)
		return;
	names = calloc((size_t)n, sizeof(*names));
	n = names == NULL ? 0 : vmirror_mirror_list(names, (unsigned int)room);
	for (i = 0; i < n && i < room; i++) {
		one = show(names[i], queues, NULL);
		if (one != NULL)
			json_array_append_new(array, one);
	}
	free(names);
}

json_t *
vmirror_show_all_stats(const char *name, bool queues, struct vmirror_error *err)
{
	json_t *array = json_array(), *one;

	if (name == NULL) {
		for_each(array, vmirror_show_stats, queues);
		return array;
	}
	one = vmirror_show_stats(name, queues, err);
	if (one == NULL) {
		json_decref(array);
		return NULL;
	}
	json_array_append_new(array, one);
	return array;
}

static json_t *
show_mirror(const char *name, bool queues, struct vmirror_error *err)
{
	const struct vmirror_owner *owner = vmirror_owners_find(name);
	struct vmirror_stats s = {.size = sizeof(s)};
	char spec[VMIRROR_SPEC_TEXT_SIZE];
	json_t *mirror;

	if (vmirror_mirror_stats(name, &s, err) != 0 ||
	    vmirror_mirror_spec(name, spec, sizeof(spec), err) < 0)
		return NULL;
	mirror = json_pack("{s:s, s:s, s:o, s:o}", "name", name, "state", vmirror_stats_state(&s),
			   "reason", vmirror_show_text(s.reason), "spec", vmirror_show_text(spec));
	if (owner != NULL)
		json_object_set_new(mirror, "owner",
				    json_pack("{s:i, s:I, s:b}", "pid", owner->pid, "uid",
					      (json_int_t)owner->uid, "persist", owner->persist));
	return mirror;
}

json_t *
vmirror_show_mirrors(void)
{
	json_t *array = json_array();

	for_each(array, show_mirror, false);
	return array;
}
