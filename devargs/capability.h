/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVARGS_CAPABILITY_H
#define DEVARGS_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>

/* Bits, as the kernel numbers capabilities. */
#define VMIRROR_CAP_NET_ADMIN (UINT64_C(1) << 12)
#define VMIRROR_CAP_NET_RAW   (UINT64_C(1) << 13)
#define VMIRROR_CAP_IPC_LOCK  (UINT64_C(1) << 14)
#define VMIRROR_CAP_SYS_ADMIN (UINT64_C(1) << 21)

/** Bytes that hold the text. */
#define VMIRROR_CAPABILITY_TEXT_SIZE 96

/**
 * Which capabilities of some the calling thread has not, in words: "CAP_NET_RAW and CAP_NET_ADMIN are
 * missing". Does not block.
 *
 * @param wanted  bits from above, no others
 * @param buf     where to; empty when none is missing, or nobody can tell
 * @return        those that are missing
 */
uint64_t
vmirror_capability_missing(uint64_t wanted, char buf[VMIRROR_CAPABILITY_TEXT_SIZE]);

#endif
