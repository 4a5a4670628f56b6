/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_NET_TAP_H
#define DRIVERS_NET_TAP_H

/* The two forms of the sink net_tap. */

#include "lib/sink.h"

#define TUN_PATH "/dev/net/tun"

/** For an interface that is there; check() refuses it unless somebody has made it for this. */
extern const struct vmirror_sink_ops vmirror_sink_net_tap_made;

#endif
