/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sentence of an error, kept to one line and to its size. Everything that can fail writes it
 * here; token.c has the quoting that makes foreign bytes fit to stand in it.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static const char cut_mark[] = "...";

/* Cut at a whole UTF-8 character: a path in the sentence may hold any. */
static void
mark_cut(char *text, size_t size)
{
	size_t end = size - sizeof(cut_mark);

	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(text + end, cut_mark, sizeof(cut_mark));
}

/* What ends a line, and what a terminal would take for a command: ASCII's control bytes, and Unicode's. */
static void
flatten(char *text)
{
	unsigned char *at = (unsigned char *)text;

	for (; *at != '\0'; at++) {
		bool pair = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;

		if (*at >= ' ' && *at != 0x7f && !pair)
			continue;
		*at = ' ';
		if (pair)
			*++at = ' ';
	}
}

static void __attribute__((format(printf, 2, 0)))
format_line(char text[VMIRROR_ERROR_SIZE], const char *fmt, va_list args)
{
	int len = vsnprintf(text, VMIRROR_ERROR_SIZE, fmt, args);

	if (len < 0)
		text[0] = '\0';
	else if (len >= VMIRROR_ERROR_SIZE)
		mark_cut(text, VMIRROR_ERROR_SIZE);
	flatten(text);
}

int
vmirror_error_set(struct vmirror_error *err, int code, const char *fmt, ...)
{
	char text[VMIRROR_ERROR_SIZE];
	va_list args;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	format_line(text, fmt, args);
	va_end(args);
	memcpy(err->text, text, sizeof(text));
	return code;
}

int
vmirror_error_prefix(struct vmirror_error *err, int code, const char *fmt, ...)
{
	char words[VMIRROR_ERROR_SIZE];
	char sentence[VMIRROR_ERROR_SIZE];
	va_list args;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	format_line(words, fmt, args);
	va_end(args);
	memcpy(sentence, err->text, sizeof(sentence));
	return vmirror_error_set(err, code, "%s%s", words, sentence);
}
