/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control/rights.c: what somebody else than the process's user may have in a spec, and that fd=N becomes the
 * number of the Nth descriptor that came along.
 */

#include "test.h"

#include <errno.h>

#include "control/rights.h"

static struct vmirror_session somebody = {.uid = 1000, .n_fds = 2, .fds = {70, 71}};
static struct vmirror_session root = {.all_rights = true, .n_fds = 2, .fds = {70, 71}};

static void
descriptors(void **state)
{
	char spec[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_session s = somebody;
	struct vmirror_error err;

	s.n_fds = 1;
	assert_int_equal(vmirror_rights_spec(&s, "port=0,sink=[file,fd=0]", spec, &err), 0);
	assert_string_equal(spec, "port=0,sink=[file,fd=70]");
	assert_int_equal(vmirror_rights_spec(&s, "port=0,sink=[file,fd=1]", spec, &err), -EINVAL);
	assert_sentence(&err, "counted from 0");
	assert_int_equal(vmirror_rights_spec(&somebody, "port=0,sink=[file,fd=1]", spec, &err),
			 -EINVAL);
	assert_sentence(&err, "uses one");
}

/* The rights decide, whatever the driver would make of it. */
static void
rights(void **state)
{
	static const char *const sinks[] = {
		"[file,path=x]",
		"[file,fd=0,exec=id]",
		"[file,exec=id,fd=0]",
		"[file,fd=0,path=x]",
		"[file,fd=0,rotate_bytes=1M,exec=id]",
		"[file_x,fd=0,exec=id]",
		"[file,exec=id]",
		"[net_null]",
		"[net_tap,iface=x,fd=0]",
	};
	char spec[VMIRROR_SPEC_TEXT_SIZE], text[128];
	struct vmirror_error err;
	size_t i;

	for (i = 0; i < N_ELEMENTS(sinks); i++) {
		snprintf(text, sizeof(text), "port=0,sink=%s", sinks[i]);
		if (vmirror_rights_spec(&somebody, text, spec, &err) != -EPERM)
			fail_msg("%s is not refused", text);
		assert_sentence(&err, "would act with the rights of this process");
		assert_int_equal(vmirror_rights_sink(&somebody, sinks[i], spec, &err), -EPERM);
		/* What is wrong with it otherwise is not a matter of rights. */
		if (vmirror_rights_spec(&root, text, spec, &err) == -EPERM)
			fail_msg("%s: refused: %s", text, err.text);
	}
}

static void
keys(void **state)
{
	static const char *const given[] = {
		"core=0", "mbufs=4095", "ring_bytes=64M", "reference=1000", "mode=inline",
	};
	char spec[VMIRROR_SPEC_TEXT_SIZE], text[128];
	struct vmirror_session s = somebody;
	struct vmirror_error err;
	size_t i;

	s.n_fds = 1;
	for (i = 0; i < N_ELEMENTS(given); i++) {
		snprintf(text, sizeof(text), "port=0,%s,sink=[file,fd=0]", given[i]);
		if (vmirror_rights_spec(&s, text, spec, &err) != -EPERM)
			fail_msg("%s is not refused", text);
		assert_sentence(&err, "not for uid 1000");
		s.all_rights = true;
		assert_int_equal(vmirror_rights_spec(&s, text, spec, &err), 0);
		s.all_rights = false;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors),
		cmocka_unit_test(rights),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
