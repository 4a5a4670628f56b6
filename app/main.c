/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * vmirror, the application: the order in which its modules come to life, and go. Read downwards:
 * options.c and control.c before EAL, then the library's engine, pair.c and port.c, mirrors.c, and
 * forward.c, which runs until control.c says stop. Each function undoes what it did, in reverse.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#ifdef RTE_LIB_PDUMP
#include <rte_pdump.h>
#endif

#include "vmirror.h"

#include "devargs/error.h"

#include "control.h"
#include "forward.h"
#include "help.h"
#include "mirrors.h"
#include "options.h"
#include "ovs.h"
#include "pair.h"
#include "port.h"
#include "reload.h"
#include "report.h"
#include "say.h"

#define EXIT_USAGE 2

#define TEND_MS 500

static uint64_t
mebibytes(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static void
print_check(const struct ports *ports, const struct mirrors *mirrors)
{
	char line[256];

	for (unsigned int i = 0; i < ports->n; i++)
		printf("%s\n", port_describe(&ports->port[i], line, sizeof(line)));
	printf("ports: %u packet buffers, %" PRIu64 " MB\n", ports->n_mbufs,
	       mebibytes(ports->pool_bytes));
	for (unsigned int i = 0; i < mirrors->n; i++)
		printf("mirror %s: %s\n", mirrors->plan[i].name, mirrors->plan[i].text);
	printf("total: %u mirror%s, %" PRIu64 " MB of DPDK's memory with the ports', %" PRIu64
	       " MB of the system's for rings\n",
	       mirrors->n, mirrors->n == 1 ? "" : "s",
	       mebibytes(mirrors->memory_bytes + ports->pool_bytes),
	       mebibytes(mirrors->ring_bytes));
}

static void
print_report(void *arg)
{
	report_now(arg);
}

/* An interface or a peer that a mirror lost may be there again. */
static void
tend(void *arg)
{
	vmirror_engine_tend();
}

static int
reload_for_client(void *arg, struct vmirror_error *text)
{
	int ret = reload_now(arg, text);

	say("%s%s", ret == 0 ? "" : "not reloaded: ", text->text);
	return ret;
}

static void
reload_for_signal(void *arg)
{
	struct vmirror_error text;

	reload_for_client(arg, &text);
}

/* Where it was not asked for, that there is none is no reason not to run. */
static int
start_control(const struct options *options, struct reload *reload, struct vmirror_error *err)
{
	const struct vmirror_control_opts opts = {
		.size = sizeof(opts),
		.path = options->control,
		.group = options->control_group,
		.reload = reload_for_client,
		.arg = reload,
	};
	char path[256];
	int ret;

	if (options->no_control)
		return 0;
	ret = vmirror_control_start(&opts, err);
	if (ret == 0) {
		vmirror_control_path(path, sizeof(path));
		say("control socket: %s", path);
		return 0;
	}
	if (options->control != NULL || options->control_group != NULL)
		return ret;
	say("no control socket: %s", err->text);
	return 0;
}

/* Ports are started, mirrors attached. */
static int
run(const struct options *options, struct control *control, struct ports *ports,
    struct reload *reload, struct vmirror_error *err)
{
	const struct control_asks asks = {
		.snapshot = mirrors_snapshot,
		.reload = reload_for_signal,
		.arg = reload,
	};
	struct report figures;
	const struct control_clock clocks[CONTROL_CLOCKS] = {
		{.every_ms = options->stats_ms, .run = print_report, .arg = &figures},
		{.every_ms = TEND_MS, .run = tend},
	};
	struct forward forward;
	int ret;

	ret = forward_init(&forward, ports, options->busy_poll, &control->stop, err);
	if (ret < 0)
		return ret;
	ret = report_init(&figures, ports, &forward,
			  mirrors_take_stdout(options) ? STDERR_FILENO : STDOUT_FILENO);
	if (ret < 0) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		goto fini_forward;
	}
	ret = start_control(options, reload, err);
	if (ret < 0)
		goto fini_report;
	say("forwarding; Ctrl-C ends");
	control_run(control, clocks, &asks, options->duration_ms);
	ret = forward_run(&forward);
	control_pause(control);
	if (ret < 0)
		snprintf(err->text, sizeof(err->text), "lcores are busy: %s", strerror(-ret));
	vmirror_control_stop();
	mirrors_detach();
	report_final(&figures);
fini_report:
	report_fini(&figures);
fini_forward:
	forward_fini(&forward);
	return ret;
}

/*
 * Mirrors are added to queues that are set up and not yet started: so they see the first packet.
 * What was added is removed by vmirror_engine_fini().
 */
static int
run_ports(const struct options *options, struct control *control, struct ports *ports,
	  struct vmirror_error *err)
{
	struct mirrors mirrors = {0};
	struct reload reload;
	char line[256];
	int ret;

	reload_init(&reload, options->config_path);

	ret = ports_pair(ports, options->forward, options->n_forward, err);
	if (ret == 0)
		ret = ports_configure(ports, options, rte_lcore_count(), err);
	if (ret == 0)
		ret = mirrors_check(&mirrors, options, err);
	if (ret < 0)
		goto fini_mirrors;
	if (options->check) {
		print_check(ports, &mirrors);
		if (fflush(stdout) != 0 || ferror(stdout))
			ret = vmirror_error_set(err, -EIO,
						"stdout: what --check found could not "
						"be written");
		goto fini_mirrors;
	}
	for (unsigned int i = 0; i < ports->n; i++)
		say("%s", port_describe(&ports->port[i], line, sizeof(line)));
	/* Who ends vmirror now may have seen a wrong file name: nothing more is touched. */
	ret = mirrors_add(&mirrors, options, &reload, &control->stop, err);
	if (ret == 0 && !atomic_load(&control->stop))
		ret = ports_start(ports, err);
	if (ret == 0 && !atomic_load(&control->stop))
		ret = run(options, control, ports, &reload, err);
fini_mirrors:
	mirrors_fini(&mirrors);
	reload_fini(&reload);
	return ret;
}

static void
notify(void *arg, enum vmirror_level level, const char *text)
{
	say("%s", text);
}

static int
run_engine(const struct options *options, struct control *control, struct vmirror_error *err)
{
	const struct vmirror_engine_opts opts = {
		.size = sizeof(opts),
		.notify = notify,
		.max_memory = options->max_memory,
	};
	struct ports ports;
	int ret;

	ret = vmirror_engine_init(&opts, err);
	if (ret < 0)
		return ret;
	ret = ports_find(&ports, err);
	if (ret == 0)
		ret = run_ports(options, control, &ports, err);
	/* Sinks before sources: a sink may still hold packets of the ports' mempool. */
	vmirror_engine_fini();
	ports_fini(&ports);
	return ret;
}

/*
 * For dpdk-dumpcap, a secondary process. Without hugepages none can attach, so that the 4 MB which
 * this takes are better kept. That it fails is no reason not to run; DPDK's log says why.
 */
static bool
pdump_start(void)
{
#ifdef RTE_LIB_PDUMP
	return rte_eal_has_hugepages() && rte_pdump_init() == 0;
#else
	return false;
#endif
}

static void
pdump_end(bool started)
{
#ifdef RTE_LIB_PDUMP
	if (started)
		rte_pdump_uninit();
#endif
}

static int
run_eal(const struct options *options, struct control *control, int argc, char *argv[],
	struct vmirror_error *err)
{
	bool pdump;
	int ret;

	ret = rte_eal_init(argc, argv);
	if (ret < 0) {
		fflush(stdout); /* EAL's own usage, before the line that ends it */
		snprintf(err->text, sizeof(err->text),
			 "EAL did not start, see its log; its options stand before '--', vmirror's "
			 "behind it: 'vmirror --help'");
		return ret;
	}
	pdump = pdump_start();
	ret = run_engine(options, control, err);
	pdump_end(pdump);
	rte_eal_cleanup();
	return ret;
}

/* A descriptor that was closed would be taken by the first file opened, and written to. */
static void
open_standard_fds(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_FAILURE);
}

/* What needs no EAL. */
static int
print_only(const struct options *options, struct vmirror_error *err)
{
	if (options->ovs_port != NULL)
		return ovs_print(options, err);
	if (options->help)
		help_print();
	else
		version_print();
	return 0;
}

int
main(int argc, char *argv[])
{
	struct vmirror_error err = {0};
	struct control control;
	struct options options;
	int ret;

	open_standard_fds();

	ret = options_parse(&options, argc, argv, &err);
	if (ret < 0) {
		say("%s", err.text);
		return EXIT_USAGE;
	}
	if (options.help || options.version || options.ovs_port != NULL) {
		ret = print_only(&options, &err);
		options_fini(&options);
		if (ret < 0)
			say("%s", err.text);
		return ret < 0 ? EXIT_USAGE : EXIT_SUCCESS;
	}
	ret = control_start(&control, options.config_path != NULL, &err);
	if (ret == 0) {
		ret = run_eal(&options, &control, argc, argv, &err);
		control_end(&control);
	}
	options_fini(&options);
	if (ret < 0)
		say("%s", err.text);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
