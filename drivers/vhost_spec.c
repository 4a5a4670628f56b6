/* SPDX-License-Identifier: BSD-3-Clause */

/* net_virtio_user.c's look at its arguments, and at what stands at their path. */

#include "drivers/vhost_spec.h"

#include <errno.h>
#include <libgen.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <rte_ether.h>

#include "drivers/vhost_memory.h"
#include "drivers/vhost_socket.h"

#define DEVARGS_SIZE 512

/* The driver's default of 256 is less than what peers that share a core leave waiting at times. */
#define DEFAULT_QUEUE_SIZE 1024
#define MIN_QUEUE_SIZE     64

/* linux/major.h: where /dev/vhost-net is, as the PMD tells it. */
#define MISC_MAJOR 10

static int
check_flag(const struct vmirror_spec_sink *spec, const char *key, struct vmirror_error *err)
{
	const char *text = vmirror_spec_sink_arg(spec, key);

	if (text == NULL || strcmp(text, "0") == 0 || strcmp(text, "1") == 0)
		return 0;
	return vmirror_error_set(err, -EINVAL, "sink net_virtio_user: %s=%.40s is neither 0 nor 1",
				 key, text);
}

int
vmirror_vhost_spec_queue_size(const struct vmirror_spec_sink *spec, unsigned int *size,
			      struct vmirror_error *err)
{
	const char *text = vmirror_spec_sink_arg(spec, "queue_size");
	char *end;
	unsigned long n;

	*size = DEFAULT_QUEUE_SIZE;
	if (text == NULL)
		return 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < MIN_QUEUE_SIZE ||
	    n > VMIRROR_VHOST_MAX_QUEUE_SIZE || (n & (n - 1)) != 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_virtio_user: queue_size=%.40s is no power of "
					 "two from %u to %u",
					 text, MIN_QUEUE_SIZE, VMIRROR_VHOST_MAX_QUEUE_SIZE);
	*size = n;
	return 0;
}

/* What the PMD would take as something else, without a word. */
static int
check_values(const struct vmirror_spec_sink *spec, struct vmirror_error *err)
{
	const char *mac = vmirror_spec_sink_arg(spec, "mac");
	struct rte_ether_addr addr;
	unsigned int size;
	int ret;

	ret = check_flag(spec, "server", err);
	if (ret == 0)
		ret = check_flag(spec, "in_order", err);
	if (ret == 0)
		ret = check_flag(spec, "mrg_rxbuf", err);
	if (ret == 0)
		ret = vmirror_vhost_spec_queue_size(spec, &size, err);
	if (ret != 0)
		return ret;
	if (mac != NULL && rte_ether_unformat_addr(mac, &addr) != 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_virtio_user: mac=%.40s is no Ethernet address",
					 mac);
	return 0;
}

enum vmirror_vhost_kind
vmirror_vhost_spec_kind(const struct vmirror_spec_sink *spec)
{
	const char *server = vmirror_spec_sink_arg(spec, "server");
	struct stat st;

	if (stat(vmirror_spec_sink_arg(spec, "path"), &st) == 0 && S_ISCHR(st.st_mode))
		return VMIRROR_VHOST_KERNEL;
	return server != NULL && strcmp(server, "1") == 0 ? VMIRROR_VHOST_SERVER
							  : VMIRROR_VHOST_CLIENT;
}

static int
check_kernel(const struct vmirror_spec_sink *spec, const char *path, struct vmirror_sink_plan *plan,
	     struct vmirror_error *err)
{
	const char *iface = vmirror_spec_sink_arg(spec, "iface");
	struct stat st;

	if (stat(path, &st) != 0 || major(st.st_rdev) != MISC_MAJOR)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_virtio_user: path=%s is neither a socket nor "
					 "/dev/vhost-net",
					 path);
	if (iface == NULL || iface[0] == '\0' || strlen(iface) >= IF_NAMESIZE)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_virtio_user: path=%s wants iface=, the name of "
					 "the interface to make, of 1 to %d characters",
					 path, IF_NAMESIZE - 1);
	if (if_nametoindex(iface) != 0)
		return vmirror_error_set(err, -EEXIST,
					 "sink net_virtio_user: interface '%s' exists already; "
					 "choose another name",
					 iface);
	if (access(path, R_OK | W_OK) != 0)
		return vmirror_error_set(err, -errno, "sink net_virtio_user: path=%s: %s", path,
					 strerror(errno));
	snprintf(plan->resource, sizeof(plan->resource), "interface %s", iface);
	return 0;
}

/* What stands in a client's way. */
int
vmirror_vhost_spec_peer(const char *path, struct vmirror_error *err)
{
	int ret = vmirror_vhost_look(path);

	switch (ret) {
	case 0:
		return 0;
	case -ENOENT:
	case -ECONNREFUSED:
		return vmirror_error_set(
			err, ret,
			"sink net_virtio_user: no vhost-user peer listens at %s; start it first, "
			"or say server=1 for one that connects itself",
			path);
	case -ENOTSOCK:
	case -EPROTOTYPE:
		return vmirror_error_set(err, ret,
					 "sink net_virtio_user: path=%s is not the socket of a "
					 "vhost-user peer",
					 path);
	default:
		return vmirror_error_set(err, ret, "sink net_virtio_user: path=%s: %s", path,
					 strerror(-ret));
	}
}

static int
check_server(const char *path, struct vmirror_error *err)
{
	char for_dir[VMIRROR_VHOST_PATH_SIZE];
	const char *dir;
	int ret = vmirror_vhost_look(path);

	strcpy(for_dir, path);
	dir = dirname(for_dir);
	if (ret == 0)
		return vmirror_error_set(err, -EADDRINUSE,
					 "sink net_virtio_user: somebody listens at %s already; "
					 "leave server=1 out to connect to it",
					 path);
	/* A socket that nobody has any more is removed. */
	if (ret != -ENOENT && ret != -ECONNREFUSED)
		return vmirror_error_set(
			err, -EEXIST,
			"sink net_virtio_user: path=%s exists already, and is "
			"no socket to be replaced; with server=1 it is made: name another, or "
			"remove it",
			path);
	if (access(dir, W_OK | X_OK) != 0)
		return vmirror_error_set(err, -errno,
					 "sink net_virtio_user: no socket can be made in %s: %s",
					 dir, strerror(errno));
	return 0;
}

/* Two mirrors must not meet at one socket, by whatever names. */
static void
name_resource(const char *path, struct vmirror_sink_plan *plan)
{
	char for_dir[VMIRROR_VHOST_PATH_SIZE], for_base[VMIRROR_VHOST_PATH_SIZE];
	char real[PATH_MAX];

	strcpy(for_dir, path);
	strcpy(for_base, path);
	if (realpath(path, real) != NULL) {
		snprintf(plan->resource, sizeof(plan->resource), "vhost %s", real);
		return;
	}
	if (realpath(dirname(for_dir), real) == NULL)
		strcpy(real, ".");
	snprintf(plan->resource, sizeof(plan->resource), "vhost %s/%s",
		 strcmp(real, "/") == 0 ? "" : real, basename(for_base));
}

int
vmirror_vhost_spec_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
			 struct vmirror_error *err)
{
	const char *path = vmirror_spec_sink_arg(spec, "path");
	char devargs[DEVARGS_SIZE] = "";
	enum vmirror_vhost_kind kind;
	int ret;

	if (path == NULL || path[0] == '\0')
		return vmirror_error_set(err, -EINVAL,
					 "sink net_virtio_user: no path=; name the peer's socket, "
					 "as in sink=[net_virtio_user,path=/run/vhost0]");
	if (strlen(path) >= VMIRROR_VHOST_PATH_SIZE)
		return vmirror_error_set(err, -ENAMETOOLONG,
					 "sink net_virtio_user: path=%.30s… is too long; a "
					 "socket's name has at most %d characters",
					 path, VMIRROR_VHOST_PATH_SIZE - 1);
	ret = check_values(spec, err);
	if (ret == 0)
		ret = vmirror_sink_devargs(spec, devargs, sizeof(devargs), err);
	if (ret != 0)
		return ret;

	if (strcmp(path, "/dev/vhost-net") == 0 && access(path, F_OK) != 0)
		return vmirror_error_set(err, -ENOENT,
					 "sink net_virtio_user: /dev/vhost-net is not there; "
					 "modprobe vhost_net");
	kind = vmirror_vhost_spec_kind(spec);
	if (kind == VMIRROR_VHOST_KERNEL)
		return check_kernel(spec, path, plan, err);
	if (vmirror_spec_sink_arg(spec, "iface") != NULL)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_virtio_user: iface= goes with "
					 "path=/dev/vhost-net alone");
	ret = kind == VMIRROR_VHOST_SERVER ? check_server(path, err)
					   : vmirror_vhost_spec_peer(path, err);
	if (ret == 0)
		ret = vmirror_vhost_memory_check(err);
	name_resource(path, plan);
	return ret;
}
