/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_TOKEN_H
#define DEVARGS_TOKEN_H

/*
 * The scanner under every text of vmirror: items between top-level commas, each `key=value`,
 * `key` or `value`. It knows brackets and quotes, but not one key.
 *
 * White space around an item, its key and its value is dropped. A value is
 * - bare: to the next comma outside brackets; `[ ]` and `( )` in it balance;
 * - bracketed: a bare value that is one `[...]` from its first byte to its last;
 * - quoted: between double quotes; `\"` and `\\` stand for `"` and `\`, all else for itself.
 *
 * A scan borrows its text. Columns in errors are bytes from 1, counted in the text of the
 * outermost scan.
 */

#include <stdbool.h>
#include <stddef.h>

#include "vmirror_error.h"

enum vmirror_token_kind {
	VMIRROR_TOKEN_BARE,
	VMIRROR_TOKEN_BRACKETED,
	VMIRROR_TOKEN_QUOTED,
};

/** One item; points into the scanned text. */
struct vmirror_token {
	const char *key; /**< NULL: no '=' */
	size_t key_len;
	const char *value; /**< with its brackets, without its quotes, escapes not yet undone */
	size_t value_len;  /**< never 0 */
	enum vmirror_token_kind kind;
	const char *tail; /**< what follows a leading `[...]` in a bare value, or NULL */
};

struct vmirror_token_scan {
	const char *text;
	const char *at;
	const char *end;
	bool after_comma;
};

/** Begin at the first of len bytes, of which there must be fewer than VMIRROR_SPEC_TEXT_SIZE. */
void
vmirror_token_init(struct vmirror_token_scan *scan, const char *text, size_t len);

/** Begin inside the brackets of a bracketed token of outer. */
void
vmirror_token_enter(struct vmirror_token_scan *scan, const struct vmirror_token_scan *outer,
		    const struct vmirror_token *token);

/**
 * Read the next item, split at its first '='.
 *
 * @return  1: token is filled; 0: no more; -EINVAL, -E2BIG with err set
 */
int
vmirror_token_next(struct vmirror_token_scan *scan, struct vmirror_token *token,
		   struct vmirror_error *err);

/** As vmirror_token_next(), but '=' is a byte like any other: for lists of words. */
int
vmirror_token_item(struct vmirror_token_scan *scan, struct vmirror_token *token,
		   struct vmirror_error *err);

/** Refuse a value that goes on behind the bracket that closes it. */
int
vmirror_token_check_tail(const struct vmirror_token_scan *scan, const struct vmirror_token *token,
			 struct vmirror_error *err);

/** A token's value with its escapes undone, for the caller to free(); NULL: no memory. */
char *
vmirror_token_dup(const struct vmirror_token *token);

/** Whether a text scans as itself when it stands as a value without quotes. */
bool
vmirror_token_is_plain(const char *text);

/** Bytes enough for what vmirror_token_quote() makes of a usual word. */
#define VMIRROR_TOKEN_QUOTE_SIZE 64

/**
 * Write foreign bytes for a person: in single quotes, escaped where they are not printable ASCII,
 * cut where they do not fit.
 *
 * @param buf, size  where to; size at least 8
 * @return           buf
 */
const char *
vmirror_token_quote(char *buf, size_t size, const char *text, size_t len);

#endif
