/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs without memory: each allocation fails in turn, nothing leaks, the sentence says so. */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devargs/config.h"
#include "devargs/spec.h"

void *
__real_malloc(size_t size);
void *
__real_realloc(void *old, size_t size);
void *
__wrap_malloc(size_t size);
void *
__wrap_realloc(void *old, size_t size);

static const char text[] = "name=web,port=[0,1],queue=[0-3,7],filter=tcp,"
			   "sink=[net_pcap,tx_pcap=a,infinite_rx]";

/* Allocations until one fails; negative: none does. */
static int left = -1;

static int
fails(void)
{
	return left >= 0 && left-- == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static void
spec_parse(void **state)
{
	struct vmirror_spec spec, untouched;
	struct vmirror_error err;
	int n = -1, ret;

	memset(&spec, 0x5a, sizeof(spec));
	memset(&untouched, 0x5a, sizeof(untouched));
	do {
		left = ++n;
		ret = vmirror_spec_parse(&spec, text, &err);
		left = -1;
		if (ret < 0) {
			assert_int_equal(ret, -ENOMEM);
			assert_sentence(&err, "no memory left");
			assert_memory_equal(&spec, &untouched, sizeof(spec));
		}
	} while (ret < 0);
	assert_true(n > 15);
	vmirror_spec_fini(&spec);
}

static void
config_read(void **state)
{
	char path[] = "/tmp/vmirror-nomem-XXXXXX";
	struct vmirror_config config;
	struct vmirror_error err;
	int fd = mkstemp(path);
	int n = -1, ret;

	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "%s\n%s\n", text, text), 2 * sizeof(text));
	close(fd);
	do {
		left = ++n;
		ret = vmirror_config_read(&config, path, &err);
		left = -1;
		if (ret < 0) {
			assert_int_equal(ret, -ENOMEM);
			assert_sentence(&err, path);
		}
	} while (ret < 0);
	assert_true(n > 40);
	assert_int_equal(config.n_lines, 2);
	vmirror_config_fini(&config);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spec_parse),
		cmocka_unit_test(config_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
