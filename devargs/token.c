/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commas, brackets and quotes. spec.c gives the items their meaning, spec_build.c asks what must
 * be quoted, config.c cuts a file into the texts.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "spec.h"
#include "token.h"

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_escape(const char *p, const char *end)
{
	return *p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\');
}

static unsigned int
column(const struct vmirror_token_scan *scan, const char *at)
{
	return (unsigned int)(at - scan->text) + 1;
}

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

static size_t
trimmed_len(const char *start, const char *end)
{
	while (end > start && is_space(end[-1]))
		end--;
	return (size_t)(end - start);
}

void
vmirror_token_init(struct vmirror_token_scan *scan, const char *text, size_t len)
{
	*scan = (struct vmirror_token_scan){.text = text, .at = text, .end = text + len};
}

void
vmirror_token_enter(struct vmirror_token_scan *scan, const struct vmirror_token_scan *outer,
		    const struct vmirror_token *token)
{
	*scan = (struct vmirror_token_scan){
		.text = outer->text,
		.at = token->value + 1,
		.end = token->value + token->value_len - 1,
	};
}

/* From the opening quote to behind the closing one. */
static int
skip_quoted(const struct vmirror_token_scan *scan, const char **at, struct vmirror_error *err)
{
	for (const char *p = *at + 1; p < scan->end; p++) {
		if (is_escape(p, scan->end)) {
			p++;
		} else if (*p == '"') {
			*at = p + 1;
			return 0;
		}
	}
	return vmirror_error_set(err, -EINVAL,
				 "the quote at column %u is never closed; right would be a second "
				 "'\"' (one inside the value is written \\\")",
				 column(scan, *at));
}

static char
closer(char open)
{
	return open == '[' ? ']' : ')';
}

static int
refuse_unclosed(const struct vmirror_token_scan *scan, const char *open, struct vmirror_error *err)
{
	return vmirror_error_set(err, -EINVAL,
				 "'%c' at column %u is never closed; right would be a '%c' after "
				 "it, or double quotes around the value",
				 *open, column(scan, open), closer(*open));
}

static int
refuse_mismatch(const struct vmirror_token_scan *scan, const char *open, const char *close,
		struct vmirror_error *err)
{
	return vmirror_error_set(err, -EINVAL,
				 "'%c' at column %u does not close the '%c' of column %u; right "
				 "would be '%c'",
				 *close, column(scan, close), *open, column(scan, open),
				 closer(*open));
}

/* From an opening bracket to behind the one that closes it. */
static int
skip_group(const struct vmirror_token_scan *scan, const char **at, struct vmirror_error *err)
{
	uint16_t open[VMIRROR_SPEC_TEXT_SIZE]; /* as deep as a text can nest: no limit to explain */
	unsigned int depth = 0;
	const char *p = *at;
	int ret;

	while (p < scan->end) {
		switch (*p) {
		case '[':
		case '(':
			open[depth++] = (uint16_t)(p - *at);
			break;
		case ']':
		case ')':
			if (*p != closer((*at)[open[depth - 1]]))
				return refuse_mismatch(scan, *at + open[depth - 1], p, err);
			depth--;
			break;
		case '"':
			ret = skip_quoted(scan, &p, err);
			if (ret < 0)
				return ret;
			continue;
		default:
			break;
		}
		p++;
		if (depth == 0) {
			*at = p;
			return 0;
		}
	}
	return refuse_unclosed(scan, *at + open[depth - 1], err);
}

static int
scan_quoted(struct vmirror_token_scan *scan, struct vmirror_token *token, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	const char *start = scan->at;
	const char *p = start;
	int ret;

	ret = skip_quoted(scan, &p, err);
	if (ret < 0)
		return ret;
	token->kind = VMIRROR_TOKEN_QUOTED;
	token->value = start + 1;
	token->value_len = (size_t)(p - start) - 2;
	p = skip_space(p, scan->end);
	scan->at = p;
	if (p == scan->end || *p == ',')
		return 0;
	return vmirror_error_set(
		err, -EINVAL, "%s at column %u follows a closing quote; right would be a comma",
		vmirror_token_quote(quoted, sizeof(quoted), p, (size_t)(scan->end - p)),
		column(scan, p));
}

static int
skip_bare(const struct vmirror_token_scan *scan, const char **at, struct vmirror_error *err)
{
	switch (**at) {
	case '[':
	case '(':
		return skip_group(scan, at, err);
	case ']':
	case ')':
		return vmirror_error_set(err, -EINVAL,
					 "'%c' at column %u closes nothing; right would be a '%c' "
					 "before it, or double quotes around the value",
					 **at, column(scan, *at), **at == ']' ? '[' : '(');
	case '"':
		return vmirror_error_set(err, -EINVAL,
					 "the quote at column %u stands inside a value; right "
					 "would be quotes around the whole of it",
					 column(scan, *at));
	default:
		(*at)++;
		return 0;
	}
}

static int
scan_bare(struct vmirror_token_scan *scan, struct vmirror_token *token, struct vmirror_error *err)
{
	const char *start = scan->at;
	const char *group_end = NULL;
	const char *p = start;
	const char *end;

	while (p < scan->end && *p != ',') {
		bool leading = p == start && *p == '[';
		int ret = skip_bare(scan, &p, err);

		if (ret < 0)
			return ret;
		if (leading)
			group_end = p;
	}
	scan->at = p;
	token->value = start;
	token->value_len = trimmed_len(start, p);
	end = start + token->value_len;
	if (group_end == NULL)
		return 0;
	if (group_end == end)
		token->kind = VMIRROR_TOKEN_BRACKETED;
	else
		token->tail = skip_space(group_end, end);
	return 0;
}

/* A '=' behind a bracket or a quote is part of a value. */
static int
split_key(struct vmirror_token_scan *scan, struct vmirror_token *token, struct vmirror_error *err)
{
	static const char stops[] = {'=', ',', '"', '[', ']', '(', ')'};
	const char *p = scan->at;

	while (p < scan->end && memchr(stops, *p, sizeof(stops)) == NULL)
		p++;
	if (p == scan->end || *p != '=')
		return 0;
	if (p == scan->at)
		return vmirror_error_set(err, -EINVAL,
					 "'=' at column %u has no key before it; right would be "
					 "key=value",
					 column(scan, p));
	token->key = scan->at;
	token->key_len = trimmed_len(scan->at, p);
	scan->at = skip_space(p + 1, scan->end);
	return 0;
}

static int
refuse_empty(const struct vmirror_token_scan *scan, const struct vmirror_token *token,
	     struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];

	if (token->key == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "nothing stands at column %u; right would be an item, or "
					 "one comma less",
					 column(scan, token->value));
	return vmirror_error_set(
		err, -EINVAL,
		"%s has an empty value at column %u; right would be a value after the '=', or to "
		"leave the key out",
		vmirror_token_quote(quoted, sizeof(quoted), token->key, token->key_len),
		column(scan, token->value));
}

static int
scan_item(struct vmirror_token_scan *scan, struct vmirror_token *token, bool keyed,
	  struct vmirror_error *err)
{
	int ret;

	*token = (struct vmirror_token){0};
	if (scan->end - scan->text >= VMIRROR_SPEC_TEXT_SIZE)
		return vmirror_error_set(err, -E2BIG,
					 "the text has more than the %d bytes that it may have",
					 VMIRROR_SPEC_TEXT_SIZE - 1);
	scan->at = skip_space(scan->at, scan->end);
	if (scan->at == scan->end) {
		if (!scan->after_comma)
			return 0;
		return vmirror_error_set(err, -EINVAL,
					 "nothing follows the last comma (column %u); right would "
					 "be another item, or no comma",
					 column(scan, scan->at));
	}
	if (keyed) {
		ret = split_key(scan, token, err);
		if (ret < 0)
			return ret;
	}
	if (scan->at < scan->end && *scan->at == '"')
		ret = scan_quoted(scan, token, err);
	else
		ret = scan_bare(scan, token, err);
	if (ret < 0)
		return ret;
	if (token->value_len == 0)
		return refuse_empty(scan, token, err);
	scan->after_comma = scan->at < scan->end;
	if (scan->after_comma)
		scan->at++;
	return 1;
}

int
vmirror_token_next(struct vmirror_token_scan *scan, struct vmirror_token *token,
		   struct vmirror_error *err)
{
	return scan_item(scan, token, true, err);
}

int
vmirror_token_item(struct vmirror_token_scan *scan, struct vmirror_token *token,
		   struct vmirror_error *err)
{
	return scan_item(scan, token, false, err);
}

int
vmirror_token_check_tail(const struct vmirror_token_scan *scan, const struct vmirror_token *token,
			 struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	size_t len;

	if (token->tail == NULL)
		return 0;
	len = (size_t)(token->value + token->value_len - token->tail);
	return vmirror_error_set(
		err, -EINVAL,
		"%s at column %u follows a closing bracket; right would be a comma, or double "
		"quotes around the value",
		vmirror_token_quote(quoted, sizeof(quoted), token->tail, len),
		column(scan, token->tail));
}

char *
vmirror_token_dup(const struct vmirror_token *token)
{
	const char *end = token->value + token->value_len;
	char *text = malloc(token->value_len + 1);
	char *to = text;

	if (text == NULL)
		return NULL;
	for (const char *p = token->value; p < end; p++) {
		if (token->kind == VMIRROR_TOKEN_QUOTED && is_escape(p, end))
			p++;
		*to++ = *p;
	}
	*to = '\0';
	return text;
}

bool
vmirror_token_is_plain(const char *text)
{
	struct vmirror_token_scan scan;
	struct vmirror_token token;
	size_t len = strlen(text);

	vmirror_token_init(&scan, text, len);
	return vmirror_token_item(&scan, &token, NULL) == 1 && token.value == text &&
	       token.value_len == len && token.tail == NULL;
}

const char *
vmirror_token_quote(char *buf, size_t size, const char *text, size_t len)
{
	static const char cut[] = "...'";
	size_t used = 1;

	buf[0] = '\'';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		char shown[8];
		size_t n;

		n = (size_t)snprintf(shown, sizeof(shown), c < ' ' || c > '~' ? "\\x%02x" : "%c",
				     c);
		if (used + n + sizeof(cut) > size) {
			memcpy(buf + used, cut, sizeof(cut));
			return buf;
		}
		memcpy(buf + used, shown, n);
		used += n;
	}
	memcpy(buf + used, "'", 2);
	return buf;
}
