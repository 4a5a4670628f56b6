/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_pcap, iface=NAME or tx_iface=NAME: the PMD sends frame by frame on an interface that
 * is there, through libpcap. net_pcap.c chooses between this form and the one into a file.
 *
 * Both keys open the same kind of handle: promiscuous, and with a ring that receives and that
 * nobody reads. Each frame is a send() that does not block, and that the kernel refuses when the
 * frame is over the MTU, the interface down or gone, or the socket's buffer full.
 * [drivers/net/pcap/pcap_ethdev.c, 22.11.9 to 25.11: open_iface_live(), eth_pcap_tx()]
 */

#include <stdio.h>

#include "devargs/capability.h"
#include "drivers/iface.h"
#include "drivers/net_pcap.h"

/* RTE_ETH_PCAP_SNAPLEN: a longer frame in several segments the PMD drops, and says that it went. */
#define PMD_MAX_FRAME 16128

static const char *
key_of(const struct vmirror_spec_sink *spec)
{
	return vmirror_spec_sink_arg(spec, "iface") != NULL ? "iface" : "tx_iface";
}

static int
pcap_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	   struct vmirror_error *err)
{
	const char *key = key_of(spec);
	const char *rx = vmirror_spec_sink_arg(spec, "rx_iface");
	int ret = 0;

	if (rx != NULL)
		ret = vmirror_iface_check("net_pcap", "rx_iface", rx, plan, err);
	if (ret != 0)
		return ret;
	return vmirror_iface_check("net_pcap", key, vmirror_spec_sink_arg(spec, key), plan, err);
}

static int
pcap_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	  size_t size, struct vmirror_error *err)
{
	const char *key = key_of(spec);
	const char *name = vmirror_spec_sink_arg(spec, key);

	/* Not rx_iface=: what comes in there nobody would read, and its handle would stay open. */
	snprintf(devargs, size, "%s=%s", key, name);
	return vmirror_iface_open(sink, name, sizeof(struct vmirror_iface), PMD_MAX_FRAME, err);
}

static int
pcap_explain(struct vmirror_sink *sink, int error, struct vmirror_error *err)
{
	const struct vmirror_iface *iface = sink->priv;

	return vmirror_iface_explain("net_pcap", iface->name, VMIRROR_CAP_NET_RAW, error, err);
}

const struct vmirror_sink_ops vmirror_sink_net_pcap_iface = {
	.driver = "net_pcap",
	.keys = vmirror_net_pcap_keys,
	.check = pcap_check,
	.open = pcap_open,
	.explain = pcap_explain,
	.health = vmirror_iface_health,
	.close = vmirror_iface_close,
};
