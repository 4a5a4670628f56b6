/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_SPEC_CHECK_H
#define DEVARGS_SPEC_CHECK_H

#include "spec.h"

/** Whether all that is required is there, and the keys agree. @return 0; -EINVAL, -E2BIG; err set */
int
vmirror_spec_check(const struct vmirror_spec *spec, struct vmirror_error *err);

#endif
