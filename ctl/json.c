/* SPDX-License-Identifier: BSD-3-Clause */

/* Helpers around jansson. */

#include "ctl/json.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/say.h"

const char *
ctl_json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

uint64_t
ctl_json_number(const json_t *object, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 ? (uint64_t)number : 0;
}

bool
ctl_json_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

json_t *
ctl_json_named(const json_t *array, const char *name)
{
	json_t *element;
	size_t i;

	json_array_foreach (array, i, element)
		if (strcmp(ctl_json_text(element, "name"), name) == 0)
			return element;
	return NULL;
}

/* ASCII's control bytes, and those that Unicode has in two bytes. @return whether there was one */
static bool
clean(char *text)
{
	bool found = false;

	for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
		bool pair = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;

		if (*at >= 0x20 && *at != 0x7f && !pair)
			continue;
		found = true;
		*at = '?';
		if (pair)
			*++at = '?';
	}
	return found;
}

static void
clean_string(json_t *value)
{
	char *copy = ctl_must(strdup(json_string_value(value)));

	if (clean(copy))
		json_string_set(value, copy);
	free(copy);
}

void
ctl_json_clean(json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	/* As deep as jansson reads, no deeper. */
	if (json_is_string(value)) {
		clean_string(value);
	} else if (json_is_array(value)) {
		json_array_foreach (value, i, member)
			ctl_json_clean(member);
	} else if (json_is_object(value)) {
		json_object_foreach (value, key, member)
			ctl_json_clean(member);
	}
}
