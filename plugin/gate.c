/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * EAL calls nobody between the time when it has memory and the return of rte_eal_init(). But it
 * makes the vdevs that are asked for, in order, and what net_pcap reads may be a fifo: the program's
 * thread waits in there until somebody writes a pcap file's header. So a vdev of that kind is put
 * behind those of the command line, the way rte_vdev_add_custom_scan() is for. It ends up as a port
 * that nobody uses, and that is owned.
 */

#include "plugin/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#define GATE_NAME "net_pcap_vmirror_gate"

static struct {
	enum plugin_gate_state state; /* atomic; the program's thread sets it up to UP */
	bool wanted;
	char path[PATH_MAX];
	int fd;      /* the writing end; -1: not open */
	bool adopts; /* atomic: ports that come are ours */
	struct rte_eth_dev_owner owner;
} gate = {.fd = -1, .owner = {.name = "vmirror"}};

/* Several programs may have one runtime directory. */
static int
make_fifo(void)
{
	const char *dir = rte_eal_get_runtime_dir();
	unsigned int n;

	for (n = 0; n < 100; n++) {
		snprintf(gate.path, sizeof(gate.path), "%s/vmirror_gate.%d.%u", dir, getpid(), n);
		/* DPDK's devargs have no quotes. */
		if (dir[0] == '\0' || strpbrk(gate.path, ",=[]()\" ") != NULL)
			return -EINVAL;
		if (mkfifo(gate.path, 0600) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static enum plugin_gate_state
build(void)
{
	char text[PATH_MAX + 64];

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return PLUGIN_GATE_SECONDARY;
	if (!gate.wanted || make_fifo() != 0)
		return PLUGIN_GATE_NONE;
	snprintf(text, sizeof(text), GATE_NAME ",rx_pcap=%s", gate.path);
	if (rte_devargs_add(RTE_DEVTYPE_VIRTUAL, text) == 0)
		return PLUGIN_GATE_UP;
	/* In a program without net_pcap there is no such device. */
	unlink(gate.path);
	return PLUGIN_GATE_NONE;
}

/* EAL scans when it starts, and again whenever a vdev is plugged. */
static void
on_scan(void *arg)
{
	if (__atomic_load_n(&gate.state, __ATOMIC_ACQUIRE) == PLUGIN_GATE_UNKNOWN)
		__atomic_store_n(&gate.state, build(), __ATOMIC_RELEASE);
}

int
plugin_gate_plan(bool wanted)
{
	gate.wanted = wanted;
	return rte_vdev_add_custom_scan(on_scan, NULL) == 0 ? 0 : -ENOMEM;
}

void
plugin_gate_forgo(void)
{
	gate.wanted = false;
}

enum plugin_gate_state
plugin_gate_look(void)
{
	enum plugin_gate_state state = __atomic_load_n(&gate.state, __ATOMIC_ACQUIRE);

	if (state != PLUGIN_GATE_UP)
		return state;
	/* There is a reader once the program is there. */
	gate.fd = open(gate.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (gate.fd < 0)
		return state;
	unlink(gate.path);
	__atomic_store_n(&gate.state, PLUGIN_GATE_REACHED, __ATOMIC_RELEASE);
	return PLUGIN_GATE_REACHED;
}

void
plugin_gate_open(void)
{
	/* Magic, version 2.4, time zone, accuracy, snapshot length, Ethernet. [pcap-savefile(5)] */
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, snaplen, link;
	} header = {0xa1b2c3d4, 2, 4, 0, 0, 65535, 1};

	/* Without an owner id the program would see the port, and no more come of it. */
	if (rte_eth_dev_owner_new(&gate.owner.id) == 0)
		__atomic_store_n(&gate.adopts, true, __ATOMIC_RELEASE);
	/* When the program has gone on already, there will be no port. */
	if (write(gate.fd, &header, sizeof(header)) != (ssize_t)sizeof(header))
		__atomic_store_n(&gate.adopts, false, __ATOMIC_RELEASE);
	close(gate.fd);
	gate.fd = -1;
}

bool
plugin_gate_holds(void)
{
	struct pollfd reader = {.fd = gate.fd};

	return poll(&reader, 1, 0) >= 0 && (reader.revents & POLLERR) == 0;
}

void
plugin_gate_adopt(uint16_t port_id)
{
	if (__atomic_load_n(&gate.adopts, __ATOMIC_ACQUIRE))
		rte_eth_dev_owner_set(port_id, &gate.owner);
}

/* The next port from port_id on that was adopted; its name. @return RTE_MAX_ETHPORTS: none */
static uint16_t
next_adopted(uint16_t port_id, char name[RTE_ETH_NAME_MAX_LEN])
{
	struct rte_eth_dev_owner owner;

	for (; port_id < RTE_MAX_ETHPORTS; port_id++)
		if (rte_eth_dev_is_valid_port(port_id) &&
		    rte_eth_dev_owner_get(port_id, &owner) == 0 && owner.id == gate.owner.id &&
		    rte_eth_dev_get_name_by_port(port_id, name) == 0)
			break;
	return port_id;
}

void
plugin_gate_check(bool (*wanted)(const char *vdev))
{
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id = 0;

	if (!__atomic_load_n(&gate.adopts, __ATOMIC_ACQUIRE))
		return;
	for (; (port_id = next_adopted(port_id, name)) < RTE_MAX_ETHPORTS; port_id++)
		if (strcmp(name, GATE_NAME) != 0 && !wanted(name))
			rte_eth_dev_owner_unset(port_id, gate.owner.id);
}

void
plugin_gate_leave(void)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id = 0;

	if (!__atomic_exchange_n(&gate.adopts, false, __ATOMIC_ACQ_REL))
		return;
	for (; (port_id = next_adopted(port_id, name)) < RTE_MAX_ETHPORTS; port_id++)
		if (strcmp(name, GATE_NAME) != 0)
			rte_eal_hotplug_remove("vdev", name);
}

void
plugin_gate_clear(void)
{
	enum plugin_gate_state up = PLUGIN_GATE_UP;

	if (__atomic_compare_exchange_n(&gate.state, &up, PLUGIN_GATE_NONE, false, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED))
		unlink(gate.path);
}
