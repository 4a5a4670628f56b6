/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libvmirror_plugin.so, which EAL loads with -d into a program that knows nothing of it.
 *
 * A shared object that fails to load fails the program's rte_eal_init(), and one that was built for
 * another DPDK crashes it. So this one needs libc alone: it finds out which DPDK the process runs,
 * by the number in the name of its librte_eal.so, and loads the payload that was built for it from
 * beside itself: libvmirror_payload.so.23 for 22.11, .25 for 24.11. Where that cannot be it says why
 * in a line, and does nothing.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EAL     "librte_eal.so."
#define PAYLOAD "libvmirror_payload.so."

/* rte_log(), when there is one. [rte_log.h: RTE_LOG_ERR, RTE_LOGTYPE_EAL] */
typedef int (*log_fn)(uint32_t level, uint32_t logtype, const char *format, ...);
#define LOG_ERR     4
#define LOGTYPE_EAL 0

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	log_fn log = (log_fn)(uintptr_t)dlsym(RTLD_DEFAULT, "rte_log");
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log != NULL)
		log(LOG_ERR, LOGTYPE_EAL, "vmirror: %s\n", text);
	else
		fprintf(stderr, "vmirror: %s\n", text);
}

/* @return the ABI's number, which is the major version of librte_eal.so; 0: there is none */
static unsigned int
find_abi(void)
{
	const void *init = dlsym(RTLD_DEFAULT, "rte_eal_init");
	const char *name;
	Dl_info eal;

	if (init == NULL || dladdr(init, &eal) == 0 || eal.dli_fname == NULL)
		return 0;
	name = strstr(eal.dli_fname, EAL);
	return name == NULL ? 0 : (unsigned int)strtoul(name + strlen(EAL), NULL, 10);
}

static const char *
find_version(void)
{
	const char *(*version)(void) =
		(const char *(*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "rte_version");

	return version != NULL ? version() : "an unknown DPDK";
}

/* The ABIs that there are payloads for, as "23, 25". */
static void
list_payloads(const char *dir, char *buf, size_t size)
{
	DIR *entries = opendir(dir);
	const struct dirent *entry;
	size_t at = 0;

	snprintf(buf, size, "none");
	while (entries != NULL && (entry = readdir(entries)) != NULL && at < size)
		if (strncmp(entry->d_name, PAYLOAD, strlen(PAYLOAD)) == 0)
			at += snprintf(buf + at, size - at, "%s%.16s", at > 0 ? ", " : "",
				       entry->d_name + strlen(PAYLOAD));
	if (entries != NULL)
		closedir(entries);
}

/* The folder that this object was loaded from. */
static int
find_dir(char dir[PATH_MAX])
{
	Dl_info self;
	char *slash;

	if (dladdr((const void *)(uintptr_t)find_dir, &self) == 0 ||
	    realpath(self.dli_fname, dir) == NULL)
		return -1;
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	return 0;
}

static void
load(const char *dir, unsigned int abi)
{
	char path[PATH_MAX + sizeof(PAYLOAD) + 16];
	char others[128], why[512];
	void (*start)(void);
	void *payload;

	snprintf(path, sizeof(path), "%s/" PAYLOAD "%u", dir, abi);
	payload = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (payload == NULL) {
		snprintf(why, sizeof(why), "%s", dlerror());
		list_payloads(dir, others, sizeof(others));
		say("no mirrors: this process runs %s (ABI %u), and %s; there are payloads for "
		    "ABI %s",
		    find_version(), abi, why, others);
		return;
	}
	start = (void (*)(void))(uintptr_t)dlsym(payload, "vmirror_payload_start");
	if (start == NULL)
		say("no mirrors: %s is not vmirror's", path);
	else
		start();
}

static void __attribute__((constructor)) plugin_start(void)
{
	unsigned int abi = find_abi();
	char dir[PATH_MAX];

	if (abi == 0)
		say("no mirrors: this process has no shared librte_eal.so; a program that DPDK was "
		    "linked into statically needs libvmirror linked in as well");
	else if (find_dir(dir) != 0)
		say("no mirrors: the plugin does not find its own folder");
	else
		load(dir, abi);
}
