/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a spec: refused with one printable line, or accepted, and then built to a text
 * that reads back as the same spec and builds to the same text. Run by libFuzzer, or by replay.c
 * over the corpus.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devargs/spec.h"
#include "tests/fuzz/demand.h"

static void
check_refusal(int ret, const struct vmirror_error *err)
{
	size_t len = strnlen(err->text, sizeof(err->text));

	demand(ret < 0, "an error is negative");
	demand(len > 0 && len < sizeof(err->text), "a refusal comes with a sentence");
	for (size_t i = 0; i < len; i++)
		demand(err->text[i] >= ' ' && err->text[i] <= '~', "the sentence is printable");
}

static void
check_cut(const struct vmirror_spec *spec, const char *whole, size_t size)
{
	char *cut = malloc(size);

	demand(cut != NULL, "there is memory");
	demand(vmirror_spec_build(spec, cut, size) == (int)strlen(whole), "a cut text is counted");
	demand(strlen(cut) == (size <= strlen(whole) ? size - 1 : strlen(whole)), "it is cut");
	demand(strncmp(cut, whole, size - 1) == 0, "what is left is the beginning");
	free(cut);
}

static void
check_round_trip(const struct vmirror_spec *spec)
{
	char text[VMIRROR_SPEC_TEXT_SIZE], again[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_spec read_back;
	struct vmirror_error err;
	int len;

	len = vmirror_spec_build(spec, text, sizeof(text));
	demand(len > 0 && len < (int)sizeof(text), "a parsed spec fits when built");
	demand(strlen(text) == (size_t)len, "build tells the length");
	demand(text[strcspn(text, "\n\v\f\r\033")] == '\0', "it is one line");
	demand(vmirror_spec_parse(&read_back, text, &err) == 0, "what is built parses");
	demand(vmirror_spec_equal(spec, &read_back), "parse(build(x)) == x");
	vmirror_spec_build(&read_back, again, sizeof(again));
	demand(strcmp(text, again) == 0, "build is a fixed point");
	check_cut(spec, text, (size_t)len / 2 + 1);
	vmirror_spec_fini(&read_back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmirror_spec spec;
	struct vmirror_error err = {""};
	char *text = malloc(size + 1);
	int ret;

	demand(text != NULL, "there is memory");
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	ret = vmirror_spec_parse(&spec, text, &err);
	free(text); /* a spec borrows nothing of it */
	if (ret == 0) {
		demand(err.text[0] == '\0', "success leaves no sentence");
		check_round_trip(&spec);
		vmirror_spec_fini(&spec);
	} else {
		check_refusal(ret, &err);
	}
	return 0;
}
