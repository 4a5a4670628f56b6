/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_memif: packets for another process, a VPP or another DPDK program, through memory
 * that the two share. They meet at a socket on which the server listens.
 *
 * The PMD connects once, when it is started, and to us: the relay stands between it and the server.
 * The server must be there, and when it has gone, or sends us away as it does until its own port is
 * started, the sink is made anew. Where the PMD's probe fails it leaves its port behind, so what can be
 * wrong is looked for here.
 * [drivers/net/memif, 22.11 to 25.11: rte_pmd_memif_probe(), memif_create(), memif_connect_client()]
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/memif_relay.h"
#include "drivers/other.h"

/* ETH_MEMIF_DEFAULT_SOCKET_FILENAME */
#define DEFAULT_SOCKET "/run/memif.sock"

/* Of the size of a ring its binary logarithm. [ETH_MEMIF_MAX_LOG2_RING_SIZE] */
#define MAX_RSIZE 14

struct memif_sink {
	struct vmirror_other other;
	struct vmirror_memif_relay relay;
};

/* Where the server listens. */
struct address {
	const char *path;
	bool is_abstract;
};

static bool
is_one_of(const char *value, const char *a, const char *b)
{
	return strcmp(value, a) == 0 || strcmp(value, b) == 0;
}

/*
 * A server's PMD does not take its socket from EAL's interrupt thread when it is removed, nor closes
 * it: whoever connects to it then makes that thread run in circles, and log as it does [seen].
 */
static int
check_role(const struct vmirror_spec_sink *spec, struct vmirror_error *err)
{
	const char *role = vmirror_spec_sink_arg(spec, "role");

	if (role == NULL || is_one_of(role, "client", "slave"))
		return 0;
	if (is_one_of(role, "server", "master"))
		return vmirror_error_set(
			err, -EINVAL,
			"sink net_memif: role=%s is refused: its driver would leave "
			"a socket behind on which the process hangs; let the other "
			"side be the server",
			role);
	return vmirror_error_set(err, -EINVAL, "sink net_memif: role=%.64s is not client", role);
}

static int
read_address(const struct vmirror_spec_sink *spec, struct address *address,
	     struct vmirror_error *err)
{
	const char *abstract = vmirror_spec_sink_arg(spec, "socket-abstract");
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (abstract != NULL && !is_one_of(abstract, "yes", "no"))
		return vmirror_error_set(err, -EINVAL,
					 "sink net_memif: socket-abstract=%.64s is neither yes nor "
					 "no",
					 abstract);
	address->is_abstract = abstract == NULL || strcmp(abstract, "yes") == 0;
	address->path = vmirror_spec_sink_arg(spec, "socket");
	if (address->path == NULL)
		address->path = DEFAULT_SOCKET;
	if (strlen(address->path) >= most)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_memif: socket=%.120s is longer than %zu",
					 address->path, most - 1);
	if (!address->is_abstract && strchr(address->path, '/') == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_memif: socket=%s has no directory; the driver "
					 "wants one, as in socket=./%s",
					 address->path, address->path);
	return 0;
}

/* A number that the driver's own parser would refuse too late. */
static int
check_number(const struct vmirror_spec_sink *spec, const char *key, unsigned long least,
	     unsigned long most, struct vmirror_error *err)
{
	const char *value = vmirror_spec_sink_arg(spec, key);
	unsigned long number;
	char *end;

	if (value == NULL)
		return 0;
	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno == 0 && value[0] >= '0' && value[0] <= '9' && *end == '\0' && number >= least &&
	    number <= most)
		return 0;
	return vmirror_error_set(err, -EINVAL,
				 "sink net_memif: %s=%.64s is no number from %lu to %lu", key,
				 value, least, most);
}

/* A socket in the file system: one of another type is not connected to, but is told of. */
static int
look_for_path(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	strcpy(sun.sun_path, path);
	ret = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ? -EPROTOTYPE : -errno;
	close(fd);
	return ret == -EPROTOTYPE ? 0 : ret;
}

/* Abstract names are found by the kernel for sockets of the same type alone: look at the list. */
static int
look_for_name(const char *name)
{
	FILE *list = fopen("/proc/thread-self/net/unix", "re");
	char line[256], path[128];
	bool found = false;

	if (list == NULL)
		return 0; /* the driver will find out */
	while (!found && fgets(line, sizeof(line), list) != NULL)
		/* num: refcount protocol flags type state inode path */
		found = sscanf(line, "%*s %*s %*s %*s 0005 01 %*s @%127s", path) == 1 &&
			strcmp(path, name) == 0;
	fclose(list);
	return found ? 0 : -ECONNREFUSED;
}

/*
 * Whether somebody listens; connecting would tell, but DPDK's own server panics now and then when a
 * connection ends at once [seen]. @return 0; -ECONNREFUSED, -ENOENT, …
 */
static int
look_for_server(const struct address *address)
{
	return address->is_abstract ? look_for_name(address->path) : look_for_path(address->path);
}

static int
memif_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	    struct vmirror_error *err)
{
	struct address address = {.path = NULL};
	char devargs[512] = "";
	int ret;

	ret = check_role(spec, err);
	if (ret == 0)
		ret = read_address(spec, &address, err);
	if (ret == 0)
		ret = check_number(spec, "id", 0, UINT32_MAX, err);
	if (ret == 0)
		ret = check_number(spec, "bsize", 1, UINT16_MAX, err);
	if (ret == 0)
		ret = check_number(spec, "rsize", 1, MAX_RSIZE, err);
	if (ret == 0)
		ret = vmirror_sink_devargs(spec, devargs, sizeof(devargs), err);
	if (ret != 0)
		return ret;
	snprintf(plan->resource, sizeof(plan->resource), "memif %s", address.path);
	ret = look_for_server(&address);
	if (ret == 0)
		return 0;
	return vmirror_error_set(
		err, ret, "sink net_memif: no server listens at %s%s: %s; start it first",
		address.path, address.is_abstract ? " (abstract)" : "", strerror(-ret));
}

/* Those of the spec, but of the relay's socket. */
static int
write_devargs(const struct vmirror_spec_sink *spec, const char *relay, char *devargs, size_t size,
	      struct vmirror_error *err)
{
	struct vmirror_spec_sink kept = {.vdev = spec->vdev};
	unsigned int i;
	int ret;

	kept.args = calloc(spec->n_args + 1, sizeof(*kept.args));
	if (kept.args == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink net_memif: out of memory");
	for (i = 0; i < spec->n_args; i++)
		if (!is_one_of(spec->args[i].key, "socket", "socket-abstract"))
			kept.args[kept.n_args++] = spec->args[i];
	snprintf(devargs, size, "socket=%s,socket-abstract=yes", relay);
	ret = vmirror_sink_devargs(&kept, devargs, size, err);
	free(kept.args);
	return ret;
}

static int
memif_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	   size_t size, struct vmirror_error *err)
{
	struct memif_sink *memif = calloc(1, sizeof(*memif));
	struct address address;
	int ret;

	if (memif == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink net_memif: out of memory");
	ret = read_address(spec, &address, err);
	if (ret != 0)
		goto free_sink;
	ret = vmirror_memif_relay_init(&memif->relay, address.path, address.is_abstract);
	if (ret != 0) {
		vmirror_error_set(err, ret, "sink net_memif: socket: %s", strerror(-ret));
		goto free_sink;
	}
	ret = write_devargs(spec, memif->relay.name, devargs, size, err);
	if (ret != 0)
		goto fini_relay;
	sink->priv = memif;
	return 0;

fini_relay:
	vmirror_memif_relay_fini(&memif->relay);
free_sink:
	free(memif);
	return ret;
}

/* One that could not connect is LOST at the first look. */
static void
memif_started(struct vmirror_sink *sink)
{
	struct memif_sink *memif = sink->priv;

	vmirror_memif_relay_connect(&memif->relay);
}

static enum vmirror_sink_health
memif_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
	     char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct memif_sink *memif = sink->priv;

	if (vmirror_memif_relay_is_up(&memif->relay))
		return vmirror_other_health(sink, progress, reason);
	snprintf(reason, VMIRROR_SINK_REASON_SIZE, "vdev %s: %s; the mirror waits for it",
		 sink->vdev, memif->relay.why);
	return VMIRROR_SINK_LOST;
}

static void
memif_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	struct memif_sink *memif = sink->priv;

	vmirror_memif_relay_fini(&memif->relay);
	vmirror_other_close(sink, end);
}

static const char *const memif_keys[] = {
	"id", "role", "bsize", "rsize", "socket", "socket-abstract", "mac", "secret", NULL};

static const struct vmirror_sink_refusal memif_refused[] = {
	{"zero-copy", "it would show the peer all of the process's DPDK memory"},
	{NULL, NULL},
};

extern const struct vmirror_sink_ops vmirror_sink_net_memif;

const struct vmirror_sink_ops vmirror_sink_net_memif = {
	.driver = "net_memif",
	.alias = "eth_memif",
	.keys = memif_keys,
	.refused = memif_refused,
	.n_rxq = 1,
	.holds = true,
	.check = memif_check,
	.open = memif_open,
	.started = memif_started,
	.health = memif_health,
	.drain = vmirror_other_drain,
	.close = memif_close,
};
