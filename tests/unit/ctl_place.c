/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl/place.c: what a spec names where the client is, the process finds. */

#include "folder.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/place.h"

/* %s in wanted is the directory. */
static void __attribute__((format(printf, 4, 5)))
gives(const char *spec, bool open, bool descriptor, const char *fmt, ...)
{
	struct vmirror_error err = {""};
	struct ctl_placed placed;
	char wanted[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	if (ctl_place(&placed, spec, open, &err) != 0)
		fail_msg("%s: %s", spec, err.text);
	assert_string_equal(placed.text, wanted);
	assert_int_equal(placed.out.fd >= 0, descriptor);
	ctl_output_discard(&placed.out);
}

static void
paths(void **state)
{
	gives("port=0,sink=[file,path=a.pcapng]", false, false,
	      "port=0,sink=[file,path=%s/a.pcapng]", folder);
	gives("port=0,sink=[file,path=/a.pcapng]", false, false,
	      "port=0,sink=[file,path=/a.pcapng]");
	gives("port=0,sink=[net_pcap,tx_pcap=a.pcap]", true, false,
	      "port=0,sink=[net_pcap,tx_pcap=%s/a.pcap]", folder);
	gives("port=0,sink=[file_web,path=a.pcapng]", false, false,
	      "port=0,sink=[file_web,path=%s/a.pcapng]", folder);
	gives("port=0,sink=[net_tap,iface=mon0]", true, false, "port=0,sink=[net_tap,iface=mon0]");
	gives("port=0,sink=[file,path=\"a,b\"]", false, false, "port=0,sink=[file,path=\"%s/a,b\"]",
	      folder);
}

/* For who may not have the process open files. */
static void
opened_here(void **state)
{
	struct vmirror_error err = {""};
	struct ctl_placed placed;

	gives("port=0,sink=[file,path=a,comment=x]", true, true,
	      "port=0,sink=[file,fd=0,comment=x]");
	assert_int_equal(access("a", F_OK), -1); /* it was discarded */
	gives("port=0,sink=[file,path=a,rotate_bytes=1M]", true, false,
	      "port=0,sink=[file,path=%s/a,rotate_bytes=1M]", folder);
	gives("port=0,mode=recorder,sink=[file,path=a]", true, false,
	      "port=0,mode=recorder,sink=[file,path=%s/a]", folder);
	assert_int_equal(system("echo content >a"), 0);
	assert_int_equal(ctl_place(&placed, "port=0,sink=[file,path=a]", true, &err), -EEXIST);
	assert_sentence(&err, "a exists already");
	assert_int_equal(access("a", F_OK), 0);
	gives("port=0,sink=[file,overwrite=1,path=a,format=pcap]", true, true,
	      "port=0,sink=[file,fd=0,format=pcap]");
}

static void
descriptors(void **state)
{
	struct vmirror_error err = {""};
	struct ctl_placed placed;

	gives("port=0,sink=[file,fd=2]", false, true, "port=0,sink=[file,fd=0]");
	assert_int_equal(ctl_place(&placed, "port=0,sink=[file,fd=99]", false, &err), -EBADF);
	assert_sentence(&err, "fd=99: Bad file descriptor; open it here, as in 99>FILE");
	assert_int_equal(ctl_place(&placed, "port=0,sink=[file,path=-]", false, &err), -EINVAL);
	assert_sentence(&err, "vmirrorctl capture -w -");
	assert_int_equal(ctl_place(&placed, "prot=0", false, &err), -EINVAL);
	assert_sentence(&err, "prot");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(opened_here, folder_set_up, folder_tear_down),
		cmocka_unit_test_setup_teardown(descriptors, folder_set_up, folder_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
