/* SPDX-License-Identifier: BSD-3-Clause */

/* --ovs-port: devargs/ovs.c makes the commands, options.c has read what they are for. */

#include "ovs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devargs/error.h"
#include "devargs/ovs.h"

#include "options.h"

int
ovs_print(const struct options *options, struct vmirror_error *err)
{
	char *cwd = getcwd(NULL, 0);
	const struct vmirror_ovs_place place = {
		.bridge = options->ovs_bridge != NULL ? options->ovs_bridge : "br0",
		.cwd = cwd,
	};
	struct vmirror_spec spec = {0};
	char *commands = NULL;
	int ret;

	ret = vmirror_ovs_parse(&spec, options->ovs_port, err);
	if (ret == 0)
		ret = vmirror_ovs_build(&commands, &spec, &place, err);
	if (ret < 0)
		ret = vmirror_error_prefix(err, ret, "--ovs-port: ");
	else if (fputs(commands, stdout) == EOF || fflush(stdout) != 0)
		ret = vmirror_error_set(err, -EIO, "stdout: the commands could not be written");
	free(commands);
	vmirror_spec_fini(&spec);
	free(cwd);
	return ret;
}
