/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the shim loads: libvmirror and the thread that stands in for the program where the library
 * wants one of the program's threads. The program waits for it at the gate, inside rte_eal_init(),
 * while the engine starts and the sinks are made; where there is no gate, it begins when the program
 * has started a port. Then it makes the mirrors that could not be made yet and tends all of them,
 * until EAL is cleaned up. At the program's exit it tells what was seen.
 */

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "devargs/error.h"
#include "lib/thread.h"
#include "plugin/gate.h"
#include "plugin/host.h"
#include "plugin/log.h"
#include "plugin/mirrors.h"
#include "vmirror.h"

#define CONFIG_DIR "/etc/vmirror"

/* How often the program is looked at; sinks that were lost are tended every fifth time. */
#define LOOK_MS    100
#define TEND_LOOKS 5

/* While the program is about to come to the gate; it may never, when its rte_eal_init() failed. */
#define GATE_LOOK_US 2000
#define GATE_LOOKS   5000

/* What rte_eal_init() is given to end behind the gate. */
#define SETTLE_MS 2000

static struct plugin_mirrors mirrors;
static struct vmirror_error no_mirrors; /* why there are none */
static bool is_plain;                   /* there is no configuration, and none was named */
static pid_t loader;                    /* the process that loaded the plugin */
static bool began;                      /* the engine did; atomic */
static char config_path[PATH_MAX];
static char socket_path[PATH_MAX]; /* where clients knock; empty: nowhere */
static int busy;                   /* threads of ours that are inside the library; atomic */

static void
set_busy(bool is_busy)
{
	__atomic_add_fetch(&busy, is_busy ? 1 : -1, __ATOMIC_RELAXED);
}

static int
start_engine(void)
{
	const struct vmirror_engine_opts opts = {
		.size = sizeof(opts),
		.notify = plugin_log_notify,
		.unaware_host = 1,
	};
	struct vmirror_error err;
	int ret = plugin_host_watch();

	if (ret != 0)
		vmirror_error_set(&err, ret, "ethdev's events: %s", strerror(-ret));
	else
		ret = vmirror_engine_init(&opts, &err);
	if (ret != 0)
		plugin_log(VMIRROR_ERROR, "no mirrors: %s", err.text);
	return ret;
}

/* --- the control socket */

/* On its server's thread: a client has something made. */
static void
around_control(void *arg, int is_busy)
{
	if (is_busy) {
		plugin_host_is_us();
		plugin_host_wait_quiet();
	}
	set_busy(is_busy);
}

static int
reload(void *arg, struct vmirror_error *text)
{
	return plugin_mirrors_reload(&mirrors, config_path, text);
}

static void
start_control(void)
{
	const struct vmirror_control_opts opts = {
		.size = sizeof(opts),
		.busy = around_control,
		.reload = reload,
	};
	struct vmirror_error err;

	if (vmirror_control_start(&opts, &err) != 0) {
		plugin_log(VMIRROR_WARNING, "no control socket: %s", err.text);
		return;
	}
	vmirror_control_path(socket_path, sizeof(socket_path));
	plugin_log(VMIRROR_INFO, "control socket: %s", socket_path);
}

/* --- */

static bool
is_wanted(const char *vdev)
{
	return plugin_mirrors_want(&mirrors, vdev);
}

/* Behind the gate rte_eal_init() is not over yet. */
static void
settle(void)
{
	unsigned int ms;

	for (ms = 0; ms < SETTLE_MS; ms++) {
		plugin_gate_check(is_wanted);
		rte_delay_us_sleep(1000);
	}
	plugin_host_wait_quiet();
	set_busy(true);
	plugin_gate_leave();
	set_busy(false);
}

/* A control thread of EAL's, kept off the cores that forward. */
static vmirror_thread_ret_t
keep(void *arg)
{
	unsigned int looks;

	plugin_host_is_us();
	settle();
	start_control();
	for (looks = 0;; looks++) {
		set_busy(true);
		if (looks % TEND_LOOKS == 0 && vmirror_engine_tend() != 0)
			break;
		plugin_mirrors_try(&mirrors);
		set_busy(false);
		rte_delay_us_sleep(LOOK_MS * 1000);
	}
	set_busy(false);
	vmirror_control_stop();
	return VMIRROR_THREAD_RETURN;
}

/* Where there is one the program comes there, unless a signal or an odd path keeps it from it. */
static enum plugin_gate_state
wait_at_gate(void)
{
	enum plugin_gate_state state;
	unsigned int looks;

	for (looks = 0;; looks++) {
		state = plugin_gate_look();
		if (state != PLUGIN_GATE_UNKNOWN && state != PLUGIN_GATE_UP)
			return state;
		if (plugin_host_has_begun())
			plugin_gate_clear();
		rte_delay_us_sleep(looks < GATE_LOOKS ? GATE_LOOK_US : LOOK_MS * 1000);
	}
}

static void
wait_for_ports(void)
{
	if (mirrors.n > 0)
		plugin_log(VMIRROR_WARNING,
			   "the mirrors begin when the program has started a port: there is "
			   "no net_pcap, or no fifo could be made in '%s'",
			   rte_eal_get_runtime_dir());
	while (!plugin_host_has_begun())
		rte_delay_us_sleep(LOOK_MS * 1000);
	plugin_host_wait_quiet();
}

/* @return whether there are mirrors to look after */
static bool
make_mirrors(bool at_gate)
{
	int ret;

	set_busy(true);
	ret = start_engine();
	__atomic_store_n(&began, ret == 0, __ATOMIC_RELAXED);
	if (ret == 0 && at_gate)
		plugin_mirrors_begin(&mirrors);
	set_busy(false);
	if (at_gate)
		plugin_gate_open();
	return ret == 0;
}

/* EAL has no threads to give as yet. */
static void *
begin(void *arg)
{
	enum plugin_gate_state gate;
	vmirror_thread_t keeper;
	int ret;

	plugin_host_is_us();
	gate = wait_at_gate();
	if (gate == PLUGIN_GATE_SECONDARY)
		return NULL;
	if (mirrors.n == 0)
		plugin_log(is_plain ? VMIRROR_INFO : VMIRROR_ERROR,
			   "no mirrors: %s; vmirrorctl can add some", no_mirrors.text);
	if (gate == PLUGIN_GATE_NONE)
		wait_for_ports();
	if (!make_mirrors(gate == PLUGIN_GATE_REACHED))
		return NULL;
	ret = vmirror_thread_start(&keeper, "vmirror-keep", keep, NULL);
	if (ret != 0)
		plugin_log(VMIRROR_ERROR, "mirrors are not looked after: thread: %s",
			   strerror(-ret));
	return NULL;
}

/* The threads inherit a mask that leaves all signals to the program's. */
static int
start_thread(void)
{
	pthread_t thread;
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&thread, NULL, begin, NULL);
	if (ret == 0)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

/* The runtime directory ends in the file prefix. */
static void
find_config(char *path, size_t size)
{
	const char *named = getenv("VMIRROR_CONFIG");
	const char *prefix = strrchr(rte_eal_get_runtime_dir(), '/');

	if (named != NULL)
		snprintf(path, size, "%s", named);
	else
		snprintf(path, size, CONFIG_DIR "/%s.conf", prefix != NULL ? prefix + 1 : "rte");
}

static void
print_counters(const char *name)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	char text[2048];

	if (vmirror_mirror_stats(name, &stats, NULL) != 0)
		return;
	vmirror_stats_build(&stats, text, sizeof(text));
	plugin_log(VMIRROR_INFO, "mirror %s: %s", name, text);
}

/* Not while the keeper is in the library: a sink that is being made would hold up the exit. */
static void __attribute__((destructor)) at_exit(void)
{
	char(*names)[VMIRROR_NAME_SIZE];
	int i, n, room;

	/* Not in a child of the program's. */
	if (getpid() != loader)
		return;
	plugin_gate_clear();
	if (!__atomic_load_n(&began, __ATOMIC_RELAXED))
		return;
	/* The thread that listens cannot be waited for: the program may hold what it needs. */
	if (socket_path[0] != '\0')
		unlink(socket_path);
	if (__atomic_load_n(&busy, __ATOMIC_RELAXED) != 0)
		return;
	room = vmirror_mirror_list(NULL, 0);
	names = calloc((size_t)room + 1, sizeof(*names));
	if (names == NULL)
		return;
	n = vmirror_mirror_list(names, (unsigned int)room);
	for (i = 0; i < n && i < room; i++)
		print_counters(names[i]);
	free(names);
}

/* The shim's way in. EAL has read its command line; it does not tell yet which process this is. */
VMIRROR_API void
vmirror_payload_start(void);

void
vmirror_payload_start(void)
{
	int ret;

	find_config(config_path, sizeof(config_path));
	ret = plugin_mirrors_read(&mirrors, config_path, &no_mirrors);
	if (ret == 0 && mirrors.n == 0)
		vmirror_error_set(&no_mirrors, -ENOENT, "%s names none", config_path);
	is_plain = ret == -ENOENT && mirrors.n == 0 && getenv("VMIRROR_CONFIG") == NULL;
	loader = getpid();
	ret = plugin_gate_plan(mirrors.n > 0);
	if (ret == 0)
		ret = start_thread();
	if (ret == 0)
		return;
	plugin_log(VMIRROR_ERROR, "no mirrors: %s", strerror(-ret));
	/* EAL scans later, on this thread: nobody would open the gate. */
	plugin_gate_forgo();
}
