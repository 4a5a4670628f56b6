/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of sinks that lib/sink.c looks drivers up in. */

#include "lib/sink.h"

extern const struct vmirror_sink_ops vmirror_sink_file;
extern const struct vmirror_sink_ops vmirror_sink_net_af_packet;
extern const struct vmirror_sink_ops vmirror_sink_net_af_xdp;
extern const struct vmirror_sink_ops vmirror_sink_net_memif;
extern const struct vmirror_sink_ops vmirror_sink_net_null;
extern const struct vmirror_sink_ops vmirror_sink_net_pcap;
extern const struct vmirror_sink_ops vmirror_sink_net_ring;
extern const struct vmirror_sink_ops vmirror_sink_net_tap;
extern const struct vmirror_sink_ops vmirror_sink_net_virtio_user;

const struct vmirror_sink_ops *const vmirror_sinks[] = {
	&vmirror_sink_file,
	&vmirror_sink_net_pcap,
	&vmirror_sink_net_tap,
	&vmirror_sink_net_af_packet,
	&vmirror_sink_net_af_xdp,
	&vmirror_sink_net_memif,
	&vmirror_sink_net_null,
	&vmirror_sink_net_ring,
	&vmirror_sink_net_virtio_user,
	NULL,
};
