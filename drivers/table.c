/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of sinks that lib/sink.c looks drivers up in. */

#include "lib/sink.h"

extern const struct vmirror_sink_ops vmirror_sink_net_pcap;
extern const struct vmirror_sink_ops vmirror_sink_net_tap;

const struct vmirror_sink_ops *const vmirror_sinks[] = {
	&vmirror_sink_net_pcap,
	&vmirror_sink_net_tap,
	NULL,
};
