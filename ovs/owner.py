# SPDX-License-Identifier: BSD-3-Clause
"""Whose the things in the switch are: each has a mark, by which one sees whether its owner lives."""

import os
import re

OWNER = "vmirror-owner"  # key of external_ids: PID:START:BOOT:NAMESPACE


def start_of(pid):
    """When a process began; None: it has ended, though its parent may not know."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            words = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if words[0] in "ZX" else words[19]


def here():
    """What a pid means something in: since the machine was booted, within a namespace."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    return boot, re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))


def my_mark():
    return ":".join([str(os.getpid()), start_of(os.getpid()), *here()])


def is_left(mark):
    """Whether its owner has ended. Of another container's processes nothing is known."""
    pid, start, boot, namespace = (mark.split(":") + 4 * [""])[:4]
    if boot != here()[0]:
        return True
    return namespace == here()[1] and start_of(pid) != start
