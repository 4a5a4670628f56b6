/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_NET_PCAP_H
#define DRIVERS_NET_PCAP_H

/* The two sinks behind one PMD: a file, and an interface. net_pcap.c tells them apart. */

#include "lib/sink.h"

/** Those of both. */
extern const char *const vmirror_net_pcap_keys[];

/** tx_pcap=: there is one. */
extern const struct vmirror_sink_ops vmirror_sink_net_pcap_file;

/** iface= or tx_iface=: there is one of them, and no tx_pcap=. */
extern const struct vmirror_sink_ops vmirror_sink_net_pcap_iface;

#endif
