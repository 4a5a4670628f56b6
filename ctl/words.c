/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command line. Which options there are is in commands.c; what they mean, with the commands.
 * Not getopt(): options here have tables, mistyped ones a suggestion, and one has a value that may
 * be left out and stands in a word of its own.
 */

#include "ctl/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/say.h"
#include "devargs/error.h"
#include "devargs/nearest.h"

#define MAX_OPTIONS 64

struct scan {
	struct ctl_words *words;
	const struct ctl_option *const *tables;
	int argc;
	char *const *argv;
	int at;
};

const char *
ctl_option_show(char buf[CTL_OPTION_SHOW_SIZE], const struct ctl_option *option)
{
	if (option->name != NULL)
		snprintf(buf, CTL_OPTION_SHOW_SIZE, "--%s", option->name);
	else
		snprintf(buf, CTL_OPTION_SHOW_SIZE, "-%c", option->letter);
	return buf;
}

static const struct ctl_option *
find_letter(const struct scan *scan, char letter)
{
	for (unsigned int t = 0; scan->tables[t] != NULL; t++)
		for (const struct ctl_option *o = scan->tables[t]; o->key != CTL_KEY_NONE; o++)
			if (o->letter == letter)
				return o;
	return NULL;
}

static const struct ctl_option *
find_name(const struct scan *scan, const char *name, size_t len)
{
	for (unsigned int t = 0; scan->tables[t] != NULL; t++)
		for (const struct ctl_option *o = scan->tables[t]; o->key != CTL_KEY_NONE; o++)
			if (o->name != NULL && strlen(o->name) == len &&
			    memcmp(o->name, name, len) == 0)
				return o;
	return NULL;
}

static int
unknown_name(const struct scan *scan, const char *name, size_t len, struct vmirror_error *err)
{
	const char *known[MAX_OPTIONS + 1] = {NULL}, *near;
	char word[64];
	unsigned int n = 0;

	for (unsigned int t = 0; scan->tables[t] != NULL; t++)
		for (const struct ctl_option *o = scan->tables[t]; o->key != CTL_KEY_NONE; o++)
			if (o->name != NULL && n < MAX_OPTIONS)
				known[n++] = o->name;
	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	near = vmirror_nearest(word, known);
	if (near != NULL)
		return vmirror_error_set(err, -EINVAL,
					 "unknown option '--%s'; did you mean '--%s'?", word, near);
	return vmirror_error_set(err, -EINVAL, "unknown option '--%s'", word);
}

static int
give(struct scan *scan, const struct ctl_option *option, const char *value,
     struct vmirror_error *err)
{
	struct ctl_words *words = scan->words;
	char shown[CTL_OPTION_SHOW_SIZE];

	for (unsigned int i = 0; i < words->n_given && !option->repeatable; i++)
		if (words->given[i].option->key == option->key)
			return vmirror_error_set(err, -EINVAL, "%s is given twice",
						 ctl_option_show(shown, option));
	words->given =
		ctl_must(reallocarray(words->given, words->n_given + 1, sizeof(*words->given)));
	words->given[words->n_given++] = (struct ctl_given){.option = option, .value = value};
	return 0;
}

static bool
is_number(const char *word)
{
	return *word != '\0' && strspn(word, "0123456789.") == strlen(word);
}

/* The value that the option has in a word of its own. */
static int
give_next(struct scan *scan, const struct ctl_option *option, struct vmirror_error *err)
{
	char shown[CTL_OPTION_SHOW_SIZE];
	bool more = scan->at < scan->argc;

	if (option->optional && !(more && is_number(scan->argv[scan->at])))
		return give(scan, option, NULL, err);
	if (!more)
		return vmirror_error_set(err, -EINVAL, "%s needs a value: %s %s",
					 ctl_option_show(shown, option), shown, option->value);
	return give(scan, option, scan->argv[scan->at++], err);
}

static int
take_name(struct scan *scan, const char *name, struct vmirror_error *err)
{
	size_t len = strcspn(name, "=");
	const struct ctl_option *option = find_name(scan, name, len);

	if (option == NULL)
		return unknown_name(scan, name, len, err);
	if (name[len] == '=' && option->value == NULL)
		return vmirror_error_set(err, -EINVAL, "--%s takes no value", option->name);
	if (name[len] == '=')
		return give(scan, option, name + len + 1, err);
	if (option->value != NULL)
		return give_next(scan, option, err);
	return give(scan, option, NULL, err);
}

static int
take_letters(struct scan *scan, const char *letters, struct vmirror_error *err)
{
	const struct ctl_option *option;
	int ret = 0;

	for (; *letters != '\0' && ret == 0; letters++) {
		option = find_letter(scan, *letters);
		if (option == NULL)
			return vmirror_error_set(err, -EINVAL, "unknown option '-%c'", *letters);
		if (option->value != NULL && letters[1] != '\0')
			return give(scan, option, letters + 1, err);
		if (option->value != NULL)
			return give_next(scan, option, err);
		ret = give(scan, option, NULL, err);
	}
	return ret;
}

static void
take_arg(struct scan *scan, const char *word)
{
	struct ctl_words *words = scan->words;

	words->args = ctl_must(reallocarray(words->args, words->n_args + 1, sizeof(*words->args)));
	words->args[words->n_args++] = word;
}

int
ctl_words_parse(struct ctl_words *words, const struct ctl_option *const tables[], int argc,
		char *const argv[], enum ctl_words_extent extent, struct vmirror_error *err)
{
	struct scan scan = {.words = words, .tables = tables, .argc = argc, .argv = argv};
	bool options = true;
	int ret = 0;

	while (scan.at < argc && ret == 0) {
		const char *word = argv[scan.at];
		bool is_option = options && word[0] == '-' && word[1] != '\0';

		if (!is_option && extent == CTL_WORDS_BEFORE_ARGS)
			break;
		scan.at++;
		if (!is_option)
			take_arg(&scan, word);
		else if (strcmp(word, "--") == 0)
			options = false;
		else if (word[1] == '-')
			ret = take_name(&scan, word + 2, err);
		else
			ret = take_letters(&scan, word + 1, err);
	}
	return ret < 0 ? ret : scan.at;
}

void
ctl_words_fini(struct ctl_words *words)
{
	free(words->given);
	free(words->args);
	*words = (struct ctl_words){0};
}

static const struct ctl_given *
find_given(const struct ctl_words *words, enum ctl_key key)
{
	for (unsigned int i = 0; i < words->n_given; i++)
		if (words->given[i].option->key == key)
			return &words->given[i];
	return NULL;
}

bool
ctl_words_has(const struct ctl_words *words, enum ctl_key key)
{
	return find_given(words, key) != NULL;
}

const char *
ctl_words_value(const struct ctl_words *words, enum ctl_key key)
{
	const struct ctl_given *given = find_given(words, key);

	return given != NULL ? given->value : NULL;
}
