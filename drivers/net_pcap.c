/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_pcap: a file (net_pcap_file.c) or an interface (net_pcap_iface.c), as its keys have
 * it. The plan that leaves check() names the form, and so this table serves for check() alone.
 */

#include "drivers/net_pcap.h"

#include <errno.h>
#include <stdio.h>

/* What decides between the forms, and what goes with what. */
static int
choose(const struct vmirror_spec_sink *spec, const struct vmirror_sink_ops **form,
       struct vmirror_error *err)
{
	const char *file = vmirror_spec_sink_arg(spec, "tx_pcap");
	const char *both = vmirror_spec_sink_arg(spec, "iface");
	const char *tx = vmirror_spec_sink_arg(spec, "tx_iface");
	const char *rx = vmirror_spec_sink_arg(spec, "rx_iface");

	if (file != NULL && (both != NULL || tx != NULL || rx != NULL))
		return vmirror_error_set(
			err, -EINVAL,
			"sink net_pcap: tx_pcap= is a file and %s= an interface; a mirror has one "
			"sink, so use a mirror for each",
			both != NULL ? "iface"
			: tx != NULL ? "tx_iface"
				     : "rx_iface");
	if (both != NULL && (tx != NULL || rx != NULL))
		return vmirror_error_set(
			err, -EINVAL,
			"sink net_pcap: iface= is both directions; %s= does not go "
			"with it",
			tx != NULL ? "tx_iface" : "rx_iface");
	if (rx != NULL && tx == NULL)
		return vmirror_error_set(
			err, -EINVAL,
			"sink net_pcap: rx_iface= is to receive from, and a mirror "
			"sends; use tx_iface=%.64s or iface=%.64s",
			rx, rx);
	if (file == NULL && both == NULL && tx == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_pcap: no tx_pcap= and no iface=; say where to "
					 "write, as in sink=[net_pcap,tx_pcap=report.pcap]");
	*form = file != NULL ? &vmirror_sink_net_pcap_file : &vmirror_sink_net_pcap_iface;
	return 0;
}

static int
pcap_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	   struct vmirror_error *err)
{
	int ret = choose(spec, &plan->ops, err);

	return ret != 0 ? ret : plan->ops->check(spec, plan, err);
}

const char *const vmirror_net_pcap_keys[] = {"tx_pcap", "iface", "tx_iface", "rx_iface", NULL};

static const struct vmirror_sink_refusal pcap_refused[] = {
	{"rx_iface_in", "it would receive, and a mirror sends"},
	{"rx_pcap", "it would read packets, and a mirror writes them"},
	{"infinite_rx", "it would read packets, and a mirror writes them"},
	{"phy_mac", "it would give the mirror's port an address that nobody asks for"},
	{NULL, NULL},
};

extern const struct vmirror_sink_ops vmirror_sink_net_pcap;

const struct vmirror_sink_ops vmirror_sink_net_pcap = {
	.driver = "net_pcap",
	.alias = "eth_pcap",
	.keys = vmirror_net_pcap_keys,
	.refused = pcap_refused,
	.check = pcap_check,
};
