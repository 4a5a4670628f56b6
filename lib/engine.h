/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_ENGINE_H
#define LIB_ENGINE_H

/* The engine's control thread; the rest of engine.c is public. */

/** Have the control thread look at the mirrors now. Control lock. */
void
vmirror_engine_wake(void);

#endif
