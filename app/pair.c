/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which port forwards to which. A pair is written a:b, and a PCI device's name has colons of its
 * own, so that only the list of ports (port.c) can say at which colon to split.
 */

#include "pair.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devargs/error.h"
#include "devargs/nearest.h"

#include "number.h"
#include "port.h"

static struct port *
find_port(const struct ports *ports, const char *name)
{
	uint64_t id;

	for (unsigned int i = 0; i < ports->n; i++)
		if (strcmp(ports->port[i].name, name) == 0)
			return &ports->port[i];
	/* "0000" is the beginning of a PCI address. */
	if (name[0] == '0' && name[1] != '\0')
		return NULL;
	if (number_parse(name, 0, UINT16_MAX, &id, NULL) < 0)
		return NULL;
	for (unsigned int i = 0; i < ports->n; i++)
		if (ports->port[i].id == id)
			return &ports->port[i];
	return NULL;
}

static int
no_port(const struct ports *ports, const char *text, const char *name, struct vmirror_error *err)
{
	const char **known;
	char hint[256] = "";

	known = calloc(ports->n + 1, sizeof(*known));
	if (known == NULL)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < ports->n; i++)
		known[i] = ports->port[i].name;
	vmirror_nearest_hint(hint, sizeof(hint), name, known);
	free(known);
	return vmirror_error_set(err, -ENODEV, "--forward '%s': no port '%s'; the ports are %s",
				 text, name, hint);
}

/* Finds the ports of "a:b". */
static int
split(const struct ports *ports, const char *text, struct port **a, struct port **b,
      struct vmirror_error *err)
{
	char left[2 * RTE_ETH_NAME_MAX_LEN + 2], unknown[sizeof(left)];
	size_t len = strlen(text);
	bool half_known = false;

	if (len >= sizeof(left))
		return vmirror_error_set(err, -ENODEV, "--forward '%s': no such ports", text);
	memcpy(left, text, len + 1);
	snprintf(unknown, sizeof(unknown), "%.*s", (int)strcspn(text, ":"), text);
	for (char *colon = strchr(left, ':'); colon != NULL; colon = strchr(colon + 1, ':')) {
		*colon = '\0';
		*a = find_port(ports, left);
		*b = find_port(ports, colon + 1);
		if (*a != NULL && *b != NULL)
			return 0;
		if (!half_known && (*a != NULL || *b != NULL)) {
			half_known = true;
			snprintf(unknown, sizeof(unknown), "%s", *a != NULL ? colon + 1 : left);
		}
		*colon = ':';
	}
	return no_port(ports, text, unknown, err);
}

static int
join(struct port *a, struct port *b, const char *text, struct vmirror_error *err)
{
	const struct port *taken = a->peer != NULL ? a : b->peer != NULL ? b : NULL;

	if (a == b)
		return vmirror_error_set(err, -EINVAL,
					 "--forward '%s': port '%s' cannot be its own peer", text,
					 a->name);
	if (taken != NULL)
		return vmirror_error_set(err, -EEXIST,
					 "--forward '%s': port '%s' is already paired with '%s'",
					 text, taken->name, taken->peer->name);
	a->peer = b;
	b->peer = a;
	return 0;
}

int
ports_pair(struct ports *ports, const char *const forward[], unsigned int n,
	   struct vmirror_error *err)
{
	struct port *a, *b;
	int ret;

	for (unsigned int i = 0; i < n; i++) {
		ret = split(ports, forward[i], &a, &b, err);
		if (ret == 0)
			ret = join(a, b, forward[i], err);
		if (ret < 0)
			return ret;
	}
	for (unsigned int i = 0; n == 0 && i + 1 < ports->n; i += 2) {
		ports->port[i].peer = &ports->port[i + 1];
		ports->port[i + 1].peer = &ports->port[i];
	}
	return 0;
}
