/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_VHOST_SPEC_H
#define DRIVERS_VHOST_SPEC_H

/* What a spec of the sink net_virtio_user asks for, and whether it can be had just now. */

#include "lib/sink.h"

/* The sum with what take_back() asks for must fit 16 bits. [net_virtio_user.c] */
#define VMIRROR_VHOST_MAX_QUEUE_SIZE 4096

enum vmirror_vhost_kind {
	VMIRROR_VHOST_CLIENT, /**< the peer listens */
	VMIRROR_VHOST_SERVER, /**< the PMD does */
	VMIRROR_VHOST_KERNEL, /**< /dev/vhost-net */
};

/** Of a spec that has path=. */
enum vmirror_vhost_kind
vmirror_vhost_spec_kind(const struct vmirror_spec_sink *spec);

/** @return 0, or -EINVAL with err set */
int
vmirror_vhost_spec_queue_size(const struct vmirror_spec_sink *spec, unsigned int *size,
			      struct vmirror_error *err);

/** Whether a peer listens at a path. @return 0, or -errno with err set */
int
vmirror_vhost_spec_peer(const char *path, struct vmirror_error *err);

/** The sink's check. */
int
vmirror_vhost_spec_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
			 struct vmirror_error *err);

#endif
