/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands behind sink=: a vdev's name, alone or in brackets before its arguments. Part of
 * spec.c. Whether there is such a driver, and what keys it takes, only the sinks themselves know.
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "spec_sink.h"
#include "value.h"

static const struct vmirror_value_word vdev_name = {
	.others = "_.:-",
	.max_len = VMIRROR_VALUE_DEVICE_NAME_MAX,
};
static const struct vmirror_value_word key_word = {.others = "_-"};

static int
set_vdev(struct vmirror_spec_sink *sink, const char *text, struct vmirror_error *err)
{
	int ret = vmirror_value_check_word(text, &vdev_name, "sink", err);

	if (ret < 0)
		return ret;
	return vmirror_value_copy(&sink->vdev, text, err);
}

static int
check_key(const struct vmirror_spec_sink *sink, const char *key, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	int ret = vmirror_value_check_word(key, &key_word, "sink argument", err);

	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < sink->n_args; i++)
		if (strcmp(sink->args[i].key, key) == 0)
			return vmirror_error_set(
				err, -EINVAL,
				"sink: the argument %s is given twice; right "
				"would be once",
				vmirror_token_quote(quoted, sizeof(quoted), key, strlen(key)));
	return 0;
}

/* A key that stands alone scans as a value without a key. */
static int
add_arg(struct vmirror_spec_sink *sink, const struct vmirror_token *token,
	struct vmirror_error *err)
{
	struct vmirror_token key = {.value = token->key, .value_len = token->key_len};
	struct vmirror_spec_arg arg = {0};
	struct vmirror_spec_arg *args;
	int ret;

	arg.key = vmirror_token_dup(token->key != NULL ? &key : token);
	if (arg.key == NULL)
		return vmirror_value_no_memory(err);
	ret = check_key(sink, arg.key, err);
	if (ret < 0)
		goto free_key;
	if (token->key != NULL) {
		arg.value = vmirror_token_dup(token);
		if (arg.value == NULL) {
			ret = vmirror_value_no_memory(err);
			goto free_key;
		}
		ret = vmirror_value_check_line(arg.value, "sink argument", err);
		if (ret < 0)
			goto free_value;
	}
	args = realloc(sink->args, (sink->n_args + 1) * sizeof(*args));
	if (args == NULL) {
		ret = vmirror_value_no_memory(err);
		goto free_value;
	}
	sink->args = args;
	args[sink->n_args++] = arg;
	return 0;

free_value:
	free(arg.value);
free_key:
	free(arg.key);
	return ret;
}

static int
parse_vdev(struct vmirror_spec_sink *sink, struct vmirror_token_scan *scan,
	   struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];
	struct vmirror_token token;
	char *text;
	int ret;

	ret = vmirror_token_next(scan, &token, err);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink: the list is empty; right would be "
					 "sink=[net_pcap,tx_pcap=report.pcap]");
	if (token.key != NULL)
		return vmirror_error_set(
			err, -EINVAL,
			"sink: it begins with the argument %s; right would be the vdev's name "
			"first, as in sink=[net_pcap,tx_pcap=report.pcap]",
			vmirror_token_quote(quoted, sizeof(quoted), token.key, token.key_len));
	text = vmirror_token_dup(&token);
	if (text == NULL)
		return vmirror_value_no_memory(err);
	ret = set_vdev(sink, text, err);
	free(text);
	return ret;
}

int
vmirror_spec_sink_parse(struct vmirror_spec_sink *sink, const struct vmirror_token_scan *outer,
			const struct vmirror_token *token, const char *text,
			struct vmirror_error *err)
{
	struct vmirror_token_scan scan;
	struct vmirror_token item;
	int ret;

	if (token->kind != VMIRROR_TOKEN_BRACKETED)
		return set_vdev(sink, text, err);
	vmirror_token_enter(&scan, outer, token);
	ret = parse_vdev(sink, &scan, err);
	if (ret < 0)
		return ret;
	while ((ret = vmirror_token_next(&scan, &item, err)) > 0) {
		ret = vmirror_token_check_tail(&scan, &item, err);
		if (ret == 0)
			ret = add_arg(sink, &item, err);
		if (ret < 0)
			return ret;
	}
	return ret;
}

void
vmirror_spec_sink_fini(struct vmirror_spec_sink *sink)
{
	for (unsigned int i = 0; i < sink->n_args; i++) {
		free(sink->args[i].key);
		free(sink->args[i].value);
	}
	free(sink->args);
	free(sink->vdev);
}

bool
vmirror_spec_is_driver(const char *vdev, const char *driver)
{
	size_t len = strlen(driver);

	return strncmp(vdev, driver, len) == 0 && !isalpha((unsigned char)vdev[len]);
}

const char *
vmirror_spec_sink_arg(const struct vmirror_spec_sink *sink, const char *key)
{
	for (unsigned int i = 0; i < sink->n_args; i++)
		if (strcmp(sink->args[i].key, key) == 0)
			return sink->args[i].value;
	return NULL;
}
