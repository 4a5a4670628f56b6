#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients of the control socket that are many, slow or endless: nobody waits for them, and what they take
is bounded. control.sh runs it beside vmirror.

    control_bounds.py SOCKET PROCESS_ID DIRECTORY

Each function below is a test; it ends the script when it fails."""

import os
import resource
import select
import time

from control_client import (DIRECTORY, LIST, NULL, PID, Client, as_before, at_rest, descriptors, memory, names,
                            own_memory, run_tests, threads, wait_for)
from telemetry import ask, connect

MIB = 1 << 20
TELEMETRY = f"{DIRECTORY}/run/dpdk/rte/dpdk_telemetry.v2"
PATIENCE = 5  # seconds that an answer may take

# --- memory


class Growth:
    """The most that the process's own memory has been more than it was, of what was looked at."""

    def __init__(self):
        self.before = own_memory()
        self.most = 0

    def look(self):
        self.most = max(self.most, own_memory() - self.before)
        return self.most

    def is_below(self, limit):
        assert self.look() < limit, f"{self.most} bytes more than before"


def test_endless_line():
    """A line without an end is not kept, and not read to its end."""
    growth, sent = Growth(), 0
    with Client() as c:
        try:
            while sent < 64 * MIB and growth.look() < 32 * MIB:
                c.socket.sendall(b"x" * 65536)
                sent += 65536
        except (BrokenPipeError, ConnectionResetError):
            pass
    growth.is_below(4 * MIB)
    assert sent < 2 * MIB, sent


def test_never_reads():
    """Who asks and does not read is not read from: his buffers fill up, not the server's."""
    growth, crowd = Growth(), [Client() for _ in range(8)]
    for c in crowd:
        c.socket.setblocking(False)
        sent = 0
        # Until nothing is taken any more: who is quick has filled the socket's buffer before that.
        while sent < 16 * MIB and growth.look() < 32 * MIB and select.select([], [c.socket], [], 0.2)[1]:
            sent += c.socket.send(b'{"jsonrpc":"2.0","id":1,"method":"version"}\n' * 100)
        growth.is_below(4 * MIB)
        assert sent < 16 * MIB, sent
    names_soon()
    growth.is_below(4 * MIB)
    for c in crowd:
        c.socket.settimeout(20)
        assert c.line()["id"] == 1
        c.socket.close()


def test_watches_and_never_reads():
    """Notifications are left out for who does not read them."""
    growth = Growth()
    with Client() as c:
        c.get("watch", interval_ms=100, queues=True)
        time.sleep(1)
        names_soon()
    growth.is_below(4 * MIB)


def test_silent_and_many():
    """They are turned away, or make place; nobody waits for them."""
    before, growth = at_rest(), Growth()
    crowd = [Client() for _ in range(1000)]
    names_soon()
    assert len(descriptors()) < len(before) + 80
    growth.is_below(4 * MIB)
    for c in crowd:
        c.socket.close()
    owners = [Client() for _ in range(64)]
    for c in owners:
        c.get("watch", interval_ms=60000)
    with Client() as c:
        Client.is_refusal(c.line(), 11, "as there may be, 64")
    for c in owners:
        c.socket.close()
    as_before(before)


def test_half_sent_and_many():
    """Each has sent nearly all of the longest request, some with descriptors: 64 of them at the most are held."""
    before, growth, crowd = at_rest(), Growth(), []
    null = os.open("/dev/null", os.O_WRONLY)
    for n in range(800):
        c = Client()
        c.socket.setblocking(False)
        try:
            c.send(b" " * 60000, [null] * 4 if n % 4 == 0 else ())
        except (BrokenPipeError, ConnectionResetError):  # has made place for another by now
            pass
        crowd.append(c)
        if n % 50 == 0:
            growth.is_below(12 * MIB)
    names_soon()
    growth.is_below(12 * MIB)
    assert len(descriptors()) < len(before) + 80 + 64 * 4
    os.close(null)
    for c in crowd:
        c.socket.close()
    as_before(before)


# --- time


def soon(run):
    begin = time.monotonic()
    result = run()
    assert time.monotonic() - begin < PATIENCE, time.monotonic() - begin
    return result


def names_soon():
    return soon(names)


def test_half_sent_and_there():
    """Who has said half of something, and stays, keeps nobody waiting; and may say the rest."""
    before = at_rest()
    add = b'{"jsonrpc":"2.0","id":3,"method":"add","params":{"spec":"name=late,port=0,filter=tcp port 7,sink=[file,fd=0]"}}\n'
    read, write = os.pipe()
    with Client() as half, Client() as long, Client() as with_fd, Client() as slow, Client() as other:
        half.send(LIST[:20])
        long.send(b" " * 60000)
        with_fd.send(add[:40], [write])
        os.close(write)
        for n, byte in enumerate(LIST):
            slow.send(bytes([byte]))
            soon(lambda: other.get("list"))
            if n % 10 == 0:
                soon(lambda: other.get("add", spec=NULL + ",name=other"))
                soon(lambda: other.get("remove", name="other"))
            names_soon()
        assert slow.line()["result"] == {"mirrors": []}
        half.send(LIST[20:])
        assert half.line()["result"] == {"mirrors": []}
        with_fd.send(add[40:])
        added = with_fd.line()["result"]
        assert added == {"name": "late", "serial": added["serial"]}, added
        assert names_soon() == ["late"]
        long.send(LIST)
        assert [mirror["name"] for mirror in long.line()["result"]["mirrors"]] == ["late"]
    wait_for(lambda: names() == [], "gone with its client")
    os.close(read)
    as_before(before)


# --- mirrors that come and go


def zones():
    """DPDK's memory that has a name: how many pieces, and which mempools."""
    with connect(TELEMETRY) as link:
        return len(ask(link, "/eal/memzone_list")), sorted(ask(link, "/mempool/list"))


def cycles(n, *specs):
    with Client() as c:
        for i in range(n):
            c.get("add", spec="name=c,port=0,filter=icmp," + specs[i % len(specs)])
            c.get("remove", name="c")


def test_cycles():
    """A thousand mirrors made and taken away under traffic leave nothing: neither descriptors nor threads,
    nor the mempools and ports of those whose sink is a vdev."""
    in_file = "ring_bytes=64k,sink=[file,path=/dev/null]"
    vdevs = "ring_bytes=64k,mbufs=255,sink=[net_null]", "mode=inline,mbufs=255,sink=[net_null]"

    cycles(20, in_file)
    cycles(10, *vdevs)
    zones_before = zones()
    before = at_rest(), threads()

    def leave_nothing():
        wait_for(lambda: (descriptors(), threads()) == before, "descriptors and threads are as before")

    bytes_before = memory()
    cycles(700, in_file)
    leave_nothing()
    assert memory() < bytes_before + 4 * MIB, (memory(), bytes_before)
    growth = Growth()
    with Client() as c:
        c.get("add", spec="name=there,port=0,filter=tcp port 7,mbufs=255,sink=[net_null]")
        assert zones() > zones_before and zones()[1] != zones_before[1], "they can be seen"
    wait_for(lambda: names() == [], "gone with its client")
    cycles(300, *vdevs)
    wait_for(lambda: zones() == zones_before, "memzones and mempools are as before")
    leave_nothing()
    growth.is_below(8 * MIB)
    with Client() as c:
        assert len(c.get("ports")["ports"]) == 2


# --- descriptors


def server_ticks():
    """Time that the server's thread has used."""
    for task in os.listdir(f"/proc/{PID}/task"):
        with open(f"/proc/{PID}/task/{task}/stat", encoding="ascii") as stat:
            name, figures = stat.read().split("(", 1)[1].rsplit(")", 1)
        if name == "vmirror-sock":
            return sum(map(int, figures.split()[11:13]))
    raise AssertionError("no thread vmirror-sock")


def test_no_descriptors():
    """The process has none left: idle clients make place, and the server does not spin."""
    before = at_rest()
    soft, hard = resource.prlimit(PID, resource.RLIMIT_NOFILE)
    resource.prlimit(PID, resource.RLIMIT_NOFILE, (len(before) + 8, hard))
    try:
        crowd = [Client() for _ in range(30)]
        names()
        watching = [Client() for _ in range(30)]
        for c in watching:
            try:
                c.send(b'{"jsonrpc":"2.0","id":1,"method":"watch","params":{"interval_ms":60000}}\n')
            except BrokenPipeError:  # made place before it had said what it wants
                pass
        time.sleep(0.3)
        ticks = server_ticks()
        time.sleep(1)
        assert server_ticks() - ticks < os.sysconf("SC_CLK_TCK") / 4, "it spins"
        answered = select.select([c.socket for c in watching], [], [], 0)[0]
        c = next(c for c in watching if c.socket in answered and c.line() is not None)
        assert c.get("list") == {"mirrors": []}
        read, write = os.pipe()
        c.refused(-32602, "than this process may have", "add", [write] * 8, spec=NULL)
    finally:
        resource.prlimit(PID, resource.RLIMIT_NOFILE, (soft, hard))
    for c in crowd + watching:
        c.socket.close()
    os.close(read)
    os.close(write)
    as_before(before)


if __name__ == "__main__":
    run_tests(globals())
