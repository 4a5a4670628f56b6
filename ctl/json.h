/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_JSON_H
#define CTL_JSON_H

/* Reading what the other side sent, which may be anything: what is not there is empty, or 0. */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/** A member that is a string, else "". */
const char *
ctl_json_text(const json_t *object, const char *key);

/** A member that is a number and not negative, else 0. */
uint64_t
ctl_json_number(const json_t *object, const char *key);

/** A member that is true. */
bool
ctl_json_flag(const json_t *object, const char *key);

/** The element of an array of objects whose member `name` is that, or NULL. */
json_t *
ctl_json_named(const json_t *array, const char *name);

/** Replace in all strings what a terminal would take for a command. */
void
ctl_json_clean(json_t *value);

#endif
