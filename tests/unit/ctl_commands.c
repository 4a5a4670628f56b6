/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/commands.c: the table, and whether completion and manual page have what it has. */

#include "test.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "ctl/commands.h"

#define MANUAL     SOURCE_ROOT "/doc/man/vmirrorctl.1"
#define COMPLETION SOURCE_ROOT "/ctl/completion/vmirrorctl"
#define OVS_LINE   SOURCE_ROOT "/ovs/line.py"

/* roff's "\-" is a dash. */
static char *
read_file(const char *path)
{
	static char text[1 << 16];
	FILE *file = fopen(path, "r");
	size_t len, to = 0;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\\' || text[i + 1] != '-')
			text[to++] = text[i];
	text[to] = '\0';
	return text;
}

static bool
is_part(char c)
{
	return isalnum((unsigned char)c) || c == '-';
}

/* As a word of its own. */
static bool
has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		if ((at == text || !is_part(at[-1])) && !is_part(at[len]))
			return true;
	return false;
}

static void
check_options(const char *path, const char *text, const struct ctl_option *options,
	      const char *whose)
{
	char letter[3] = "-?", name[64];

	for (const struct ctl_option *o = options; o->key != CTL_KEY_NONE; o++) {
		letter[1] = o->letter;
		snprintf(name, sizeof(name), "--%s", o->name != NULL ? o->name : "");
		if (o->letter != 0 && !has_word(text, letter))
			fail_msg("%s: %s has no %s", path, whose, letter);
		if (o->name != NULL && !has_word(text, name))
			fail_msg("%s: %s has no %s", path, whose, name);
	}
}

/* A command's part of a file: from where it begins to where the next one does. */
static const char *
part(const char *text, const char *begin, const char *end)
{
	static char copy[1 << 16];
	const char *from = strstr(text, begin), *to;

	if (from == NULL)
		return NULL;
	to = strstr(from + strlen(begin), end);
	snprintf(copy, sizeof(copy), "%.*s", to != NULL ? (int)(to - from) : (int)strlen(from),
		 from);
	return copy;
}

static void
manual(void **state)
{
	const char *text = read_file(MANUAL), *section;
	char begin[64];

	check_options(MANUAL, text, ctl_options, "the manual");
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		snprintf(begin, sizeof(begin), ".SS %s%s%s\n", c->name,
			 c->options->key != CTL_KEY_NONE ? " [options]" : "",
			 *c->args != '\0' ? " " : "");
		begin[strcspn(begin, "\n")] = '\0';
		section = part(text, begin, "\n.S");
		if (section == NULL || strstr(section, c->args) == NULL)
			fail_msg(MANUAL " has no '%s%s'", begin, c->args);
		check_options(MANUAL, section, c->options, c->name);
	}
}

static void
completion(void **state)
{
	const char *text = read_file(COMPLETION), *options;
	char commands[1024], begin[64];

	snprintf(commands, sizeof(commands), "%s", part(text, "commands=\"", "\"\n"));
	check_options(COMPLETION, text, ctl_options, "it");
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		if (!has_word(commands, c->name))
			fail_msg(COMPLETION " has no command %s", c->name);
		if (c->options->key == CTL_KEY_NONE)
			continue;
		snprintf(begin, sizeof(begin), "\t%s)", c->name);
		options = part(text, begin, ";;");
		if (options == NULL)
			fail_msg(COMPLETION " has no options of %s", c->name);
		check_options(COMPLETION, options, c->options, c->name);
	}
}

/* vmirror-ovs reads capture's line as far as it must know which options have values. */
static void
values_are_known_to_vmirror_ovs(void **state)
{
	const char *text = read_file(OVS_LINE);
	struct vmirror_error err;
	const struct ctl_option *tables[] = {ctl_command_find("capture", &err)->options,
					     ctl_options};
	char valued[64], name[64];

	snprintf(valued, sizeof(valued), "%s", part(text, "VALUED = \"", "\"\n"));
	for (unsigned int t = 0; t < 2; t++)
		for (const struct ctl_option *o = tables[t]; o->key != CTL_KEY_NONE; o++) {
			snprintf(name, sizeof(name), "\"--%s\"", o->name != NULL ? o->name : "");
			if (o->letter != 0 && (strchr(valued + strlen("VALUED = "), o->letter) !=
					       NULL) != (o->value != NULL))
				fail_msg(OVS_LINE ": VALUED and -%c", o->letter);
			if (o->name != NULL && o->value != NULL && strstr(text, name) == NULL)
				fail_msg(OVS_LINE " has no %s", name);
		}
}

/* No option of a command hides one of all commands, nor itself. */
static void
letters_and_names_are_ones(void **state)
{
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++)
		for (const struct ctl_option *a = c->options; a->key != CTL_KEY_NONE; a++) {
			for (const struct ctl_option *b = c->options; b != a; b++) {
				assert_true(a->letter == 0 || a->letter != b->letter);
				assert_true(a->name == NULL || b->name == NULL ||
					    strcmp(a->name, b->name) != 0);
			}
			for (const struct ctl_option *b = ctl_options; b->key != CTL_KEY_NONE; b++)
				assert_true(a->letter == 0 || a->letter != b->letter);
		}
}

static void
find_and_arity(void **state)
{
	struct vmirror_error err;

	assert_string_equal(ctl_command_find("list", &err)->name, "list");
	assert_null(ctl_command_find("lits", &err));
	assert_sentence(&err, "unknown command 'lits'; there are capture, ");
	assert_sentence(&err, "did you mean 'list'?");
	assert_int_equal(ctl_command_check_args(ctl_command_find("add", &err), 1, &err), 0);
	assert_int_equal(ctl_command_check_args(ctl_command_find("add", &err), 0, &err), -EINVAL);
	assert_sentence(&err, "something is missing; right would be: vmirrorctl add SPEC");
	assert_int_equal(ctl_command_check_args(ctl_command_find("list", &err), 1, &err), -EINVAL);
	assert_sentence(&err, "that is too much; right would be: vmirrorctl list");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manual),
		cmocka_unit_test(completion),
		cmocka_unit_test(values_are_known_to_vmirror_ovs),
		cmocka_unit_test(letters_and_names_are_ones),
		cmocka_unit_test(find_and_arity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
