/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Finding and reading what PMDs publish. The strings are made by DPDK's buildtools/pmdinfogen.py
 * and have no symbol that other objects see, so they are searched for, in whatever objects the
 * process has loaded, itself included: that serves static programs, too. sink.c asks, for drivers
 * and keys that its table does not have.
 */

#include "lib/pmdinfo.h"

#include <ctype.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Behind it stands the JSON. This copy, with nothing behind it, is none. */
static const char mark[] = "PMD_INFO_STRING= ";

#define MARK_LEN (sizeof(mark) - 1)

struct search {
	struct vmirror_pmdinfo *info;
	int flags; /* of the segments to look at */
	int error;
};

/*
 * The next mark, by Horspool: megabytes are looked through. Not with memmem(), since a sanitizer's
 * would take the gaps between an instrumented program's constants for overruns.
 */
__attribute__((no_sanitize("address"))) static const char *
find_mark(const char *at, const char *end)
{
	uint8_t skip[UINT8_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(skip); i++)
		skip[i] = MARK_LEN;
	for (i = 0; i < MARK_LEN - 1; i++)
		skip[(uint8_t)mark[i]] = MARK_LEN - 1 - i;
	for (; (size_t)(end - at) > MARK_LEN; at += skip[(uint8_t)at[MARK_LEN - 1]]) {
		for (i = 0; i < MARK_LEN && at[i] == mark[i]; i++)
			;
		if (i == MARK_LEN && at[i] == '{')
			return at + i;
	}
	return NULL;
}

static int
add(struct vmirror_pmdinfo *info, const char *json, size_t len)
{
	struct vmirror_pmd pmd, *pmds;
	int ret = vmirror_pmdinfo_parse(json, len, &pmd);

	if (ret != 0)
		return ret == -ENOMEM ? ret : 0;
	pmds = realloc(info->pmds, (info->n + 1) * sizeof(*pmds));
	if (pmds == NULL) {
		free(pmd.name);
		free(pmd.params);
		return -ENOMEM;
	}
	info->pmds = pmds;
	pmds[info->n++] = pmd;
	return 0;
}

/* The loader's lock is held: no object is unloaded meanwhile. */
static int
search_object(struct dl_phdr_info *object, size_t size, void *arg)
{
	struct search *search = arg;
	unsigned int i;

	for (i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		const char *at, *end;

		if (segment->p_type != PT_LOAD || (int)segment->p_flags != search->flags)
			continue;
		at = (const char *)(uintptr_t)(object->dlpi_addr + segment->p_vaddr);
		end = at + segment->p_filesz;
		while ((at = find_mark(at, end)) != NULL) {
			search->error = add(search->info, at, strnlen(at, end - at));
			if (search->error != 0)
				return search->error;
		}
	}
	return 0;
}

int
vmirror_pmdinfo_read(struct vmirror_pmdinfo *info)
{
	struct search search = {.info = info, .flags = PF_R};

	memset(info, 0, sizeof(*info));
	dl_iterate_phdr(search_object, &search);
	/* Some linkers put constants with the code, which is five times as much to look through. */
	search.flags = PF_R | PF_X;
	if (search.error == 0 && info->n == 0)
		dl_iterate_phdr(search_object, &search);
	if (search.error != 0)
		vmirror_pmdinfo_fini(info);
	return search.error;
}

void
vmirror_pmdinfo_fini(struct vmirror_pmdinfo *info)
{
	unsigned int i;

	for (i = 0; i < info->n; i++) {
		free(info->pmds[i].name);
		free(info->pmds[i].params);
	}
	free(info->pmds);
	memset(info, 0, sizeof(*info));
}

const struct vmirror_pmd *
vmirror_pmdinfo_find(const struct vmirror_pmdinfo *info, const char *name)
{
	unsigned int i;

	for (i = 0; i < info->n; i++)
		if (strcmp(info->pmds[i].name, name) == 0)
			return &info->pmds[i];
	return NULL;
}

/* Nothing published says which bus a driver is for; those for devices name ids or a kernel module. */
static bool
drives_virtual_ports(const json_t *root, const char *name)
{
	return strncmp(name, "net_", 4) == 0 &&
	       json_array_size(json_object_get(root, "pci_ids")) == 0 &&
	       json_object_get(root, "kmod") == NULL;
}

int
vmirror_pmdinfo_parse(const char *json, size_t len, struct vmirror_pmd *pmd)
{
	const char *name, *params;
	json_error_t error;
	json_t *root;
	int ret = 0;

	root = json_loadb(json, len, 0, &error);
	if (root == NULL)
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
	name = json_string_value(json_object_get(root, "name"));
	params = json_string_value(json_object_get(root, "params"));
	if (name == NULL) {
		ret = -EINVAL;
	} else if (!drives_virtual_ports(root, name)) {
		ret = -ENODEV;
	} else {
		pmd->name = strdup(name);
		pmd->params = strdup(params != NULL ? params : "");
		if (pmd->name == NULL || pmd->params == NULL) {
			free(pmd->name);
			free(pmd->params);
			ret = -ENOMEM;
		}
	}
	json_decref(root);
	return ret;
}

static bool
is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Behind a bracket and what it holds, others included; at the end when it is not closed. */
static const char *
skip_brackets(const char *at)
{
	unsigned int depth = 0;

	for (; *at != '\0'; at++) {
		if (strchr("<[(", *at) != NULL)
			depth++;
		else if (strchr(">])", *at) != NULL && --depth == 0)
			return at + 1;
	}
	return at;
}

/*
 * What is left of a word that a key ends with, once the end of the value before it is taken off:
 * "role=server|clientbsize=<int>", "no-rx=0|1copy=<int>", "mac=xx:xxzero-copy=yes|nosecret=<string>".
 */
static const char *
without_value(const char *word, const char *end)
{
	static const char *const values[] = {"client", "server", "yes", "no"};
	const char *at = word;
	unsigned int i;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
		size_t len = strlen(values[i]);

		if ((size_t)(end - word) > len && strncmp(word, values[i], len) == 0)
			return word + len;
	}
	while (at < end && strchr("0123456789xX", *at) != NULL)
		at++;
	return at;
}

char **
vmirror_pmdinfo_keys(const char *params)
{
	/* A key has a letter and a '=' at least. */
	size_t max = strlen(params) / 2 + 1;
	char **keys = malloc(max * sizeof(*keys) + strlen(params) + 1);
	const char *at = params, *word = NULL;
	bool in_value = false;
	unsigned int n = 0;
	char *copy;

	if (keys == NULL)
		return NULL;
	copy = (char *)(keys + max);
	while (*at != '\0') {
		if (is_key_char(*at)) {
			word = word == NULL ? at : word;
			at++;
			continue;
		}
		if (word != NULL && (*at == '=' || (*at == '(' && !in_value))) {
			word = in_value ? without_value(word, at) : word;
			if (word < at)
				keys[n++] = copy;
			copy = mempcpy(copy, word, at - word);
			*copy++ = '\0';
			in_value = *at == '=';
		} else if (isspace((unsigned char)*at) || *at == ',') {
			in_value = false;
		}
		word = NULL;
		if (strchr("<[(", *at) != NULL) {
			at = skip_brackets(at);
			in_value = false;
		} else {
			at++;
		}
	}
	keys[n] = NULL;
	return keys;
}
