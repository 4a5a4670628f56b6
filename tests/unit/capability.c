/* SPDX-License-Identifier: BSD-3-Clause */
/* devargs/capability.c: what is missing is what the kernel says is, and is put into words. */

#include "test.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devargs/capability.h"

#define ALL                                                                                        \
	(VMIRROR_CAP_NET_ADMIN | VMIRROR_CAP_NET_RAW | VMIRROR_CAP_IPC_LOCK | VMIRROR_CAP_SYS_ADMIN)

static uint64_t
effective(void)
{
	unsigned long long bits = 0;
	char line[256];
	FILE *status = fopen("/proc/self/status", "r");

	assert_non_null(status);
	while (fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "CapEff: %llx", &bits) == 1)
			break;
	fclose(status);
	return bits;
}

static void
as_the_kernel_has_it(void **state)
{
	char text[VMIRROR_CAPABILITY_TEXT_SIZE];

	assert_int_equal(vmirror_capability_missing(ALL, text), ALL & ~effective());
	assert_int_equal(vmirror_capability_missing(0, text), 0);
	assert_string_equal(text, "");
}

/* Whoever has some may give them up. The last test: they do not come back. */
static void
words(void **state)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	char text[VMIRROR_CAPABILITY_TEXT_SIZE];

	assert_int_equal(syscall(SYS_capset, &header, none), 0);
	assert_int_equal(vmirror_capability_missing(VMIRROR_CAP_NET_ADMIN, text),
			 VMIRROR_CAP_NET_ADMIN);
	assert_string_equal(text, "CAP_NET_ADMIN is missing");
	vmirror_capability_missing(VMIRROR_CAP_NET_ADMIN | VMIRROR_CAP_NET_RAW, text);
	assert_string_equal(text, "CAP_NET_RAW and CAP_NET_ADMIN are missing");
	assert_int_equal(vmirror_capability_missing(ALL, text), ALL);
	assert_string_equal(
		text, "CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_IPC_LOCK are missing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_kernel_has_it),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
