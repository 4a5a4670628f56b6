#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""vmirrorctl capture, killed with SIGKILL at many moments from its start on: control.sh runs it beside vmirror.

    control_killed.py SOCKET PROCESS_ID DIRECTORY VMIRRORCTL

What is left then of a file is for whoever reads ctl/output.c and ctl/capture.c: none before it is opened;
an empty one until the process has it, as nobody can take it away who is killed; and from then on a whole one,
which the process ends when its client goes, with the packets that had passed, or none."""

import os
import shutil
import struct
import subprocess
import sys
import time

from control_client import DIRECTORY, PATH, Client, as_before, at_rest, names, run_tests, wait_for

CTL = sys.argv[4]
FOLDER = f"{DIRECTORY}/killed"
MOMENTS = 60
SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6


def start(*options, stderr=subprocess.DEVNULL):
    return subprocess.Popen(
        [CTL, "--control", PATH, "capture", "-i", "0", *options, "icmp"], cwd=FOLDER,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, text=True)


def kill(process):
    process.kill()
    process.wait()


def begun(*options):
    """A capture that says that it is one, and how many seconds that took it."""
    begin = time.monotonic()
    process = start(*options, stderr=subprocess.PIPE)
    line = process.stderr.readline()
    process.stderr.close()
    assert "capturing on" in line, line
    return process, time.monotonic() - begin


def kill_at_moments(options):
    """While it begins, however long that takes here, and then one millisecond apart: options(n) are those of
    the nth."""
    process, seconds = begun(*options(0))
    kill(process)
    step = min(2 * seconds / MOMENTS, 0.004)
    for n in range(1, 2 * MOMENTS + 1):
        process = start(*options(n))
        time.sleep(n * step if n <= MOMENTS else (n - MOMENTS) * 0.001)
        assert process.poll() is None, f"it ended by itself, with {process.returncode}"
        kill(process)
    return f"{1000 * step:.2f} ms and more, where {1000 * seconds:.1f} ms are what it takes to begin"


def still_running(*programs):
    """Processes of these names in this network."""
    found, network = [], os.readlink("/proc/self/ns/net")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/ns/net") != network:
                continue
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                name, rest = stat.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:  # it has gone
            continue
        if name in programs and rest.split()[0] not in "ZX":
            found.append((name, pid))
    return found


def nothing_is_left(before):
    wait_for(lambda: names() == [], "the mirrors have gone with their clients", 10)
    wait_for(lambda: not still_running("vmirrorctl", "tcpdump"), "and the programs", 10)
    as_before(before)


def blocks(path):
    """The kinds of a pcapng file's blocks, which follow each other from its first byte to its last."""
    with open(path, "rb") as file:
        data = file.read()
    kinds, at = [], 0
    while at < len(data):
        assert len(data) - at >= 12, f"{path}: {len(data) - at} bytes are left over"
        kind, length = struct.unpack_from("=II", data, at)
        assert length >= 12 and at + length <= len(data), f"{path}: a block is cut"
        (again,) = struct.unpack_from("=I", data, at + length - 4)
        assert again == length, f"{path}: a block's lengths are {length} and {again}"
        kinds.append(kind)
        at += length
    assert not kinds or kinds[0] == SECTION, f"{path}: it begins with {kinds[0]:#x}"
    return kinds


def test_into_a_file():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.mkdir(FOLDER)
    before = at_rest()
    moments = kill_at_moments(lambda n: ("-w", f"{n}.pcapng"))
    # One in which something is, for sure.
    process, _ = begun("-w", "last.pcapng")
    with Client() as c:
        (name,) = [m["name"] for m in c.get("list")["mirrors"]
                   if m.get("owner", {}).get("pid") == process.pid]
        wait_for(lambda: c.get("stats", name=name)["mirrors"][0]["delivered"] > 0, "packets", 10)
    kill(process)
    nothing_is_left(before)
    left = {name: blocks(f"{FOLDER}/{name}") for name in os.listdir(FOLDER)}
    assert PACKET in left["last.pcapng"], left["last.pcapng"]
    whole = [kinds for kinds in left.values() if kinds]
    assert all(INTERFACE in kinds for kinds in whole if PACKET in kinds), left
    print(f"# killed after {moments}: {2 * MOMENTS + 2 - len(left)} left no file, {len(left) - len(whole)} an "
          f"empty one, {len(whole)} a whole one")


def test_into_tcpdump():
    before = at_rest()
    moments = kill_at_moments(lambda n: ())
    nothing_is_left(before)
    print(f"# killed after {moments}")


if __name__ == "__main__":
    run_tests(globals())
