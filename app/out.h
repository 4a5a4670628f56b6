/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_OUT_H
#define APP_OUT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Write text to a descriptor whose reader may be slow, stopped or gone, without waiting for ever:
 * the thread that writes is also the one that has to see Ctrl-C.
 *
 * @param wait_ms  how long to wait for room, each time there is none
 * @return         whether all of it was written
 */
bool
out_write(int fd, const char *text, size_t len, int wait_ms);

#endif
