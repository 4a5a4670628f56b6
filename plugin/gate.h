/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_GATE_H
#define PLUGIN_GATE_H

/*
 * A place inside rte_eal_init() where the program's thread waits for us: EAL's memory and ports are
 * there, the program itself has not begun, and nobody plugs a device. The sinks are made then, so that
 * the program never hears of them.
 */

#include <stdbool.h>
#include <stdint.h>

enum plugin_gate_state {
	PLUGIN_GATE_UNKNOWN,   /**< EAL is not so far */
	PLUGIN_GATE_NONE,      /**< none could be put up, or none was wanted */
	PLUGIN_GATE_SECONDARY, /**< the process is not the one that has the ports */
	PLUGIN_GATE_UP,        /**< the program is on its way there */
	PLUGIN_GATE_REACHED,   /**< it waits */
};

/**
 * Have a gate put up when EAL scans for devices. In rte_eal_init(), before that.
 *
 * @param wanted  whether there is anything to do at it
 * @return        0, or -errno: it will not be
 */
int
plugin_gate_plan(bool wanted);

/** Put none up after all. On the thread that planned it, before EAL scans. */
void
plugin_gate_forgo(void);

/** How far it is; to be polled by one thread. */
enum plugin_gate_state
plugin_gate_look(void);

/** Let the program go on. It waits. */
void
plugin_gate_open(void);

/** Whether the program still waits; a signal may have taken it away. */
bool
plugin_gate_holds(void);

/**
 * A port was made on the program's thread. Right behind the gate it is the gate's own, or one whose
 * vdev could not be made at the gate and that EAL tries once more: it is ours. In the event.
 */
void
plugin_gate_adopt(uint16_t port_id);

/**
 * Give back what was adopted and is the program's. To be called all the time for a while behind the
 * gate.
 *
 * @param wanted  whether a vdev is one that could not be made at the gate
 */
void
plugin_gate_check(bool (*wanted)(const char *vdev));

/** Adopt no more, and unplug what could not be made at the gate. Nobody else plugs. */
void
plugin_gate_leave(void);

/** There is none after all: the program has begun. Remove it from the file system. */
void
plugin_gate_clear(void);

#endif
