#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Pings, each of them answered: pings.py ADDRESS [COUNT [SECONDS]]

COUNT of them, or as many as there are until SIGTERM (COUNT 0), that many seconds apart (0.002), each
98 bytes on the wire as ping's own. "begun" is on stderr when the first is answered. At the end those
that are on their way are waited for, which ping does for twice its longest round trip only: each is
answered, once, or this fails and says how many were not."""

import os
import select
import signal
import socket
import struct
import sys
import time

from pcap import icmp

PATIENCE = 10  # seconds, for the last ones, and for one that can be sent
MARK = b"pings"
SO_RCVBUFFORCE = 33  # of Linux; Python has no name for it


class Pings:
    def __init__(self, address, count=0, interval=0.002):
        self.address = address
        self.left = count or sys.maxsize
        self.interval = interval
        self.number = os.getpid() & 0xFFFF
        self.link = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.link.setblocking(False)
        # Who is not run for a while is to find the answers all the same.
        self.link.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.sent = 0
        self.twice = 0
        self.waited_for = set()
        self.begun = False
        signal.signal(signal.SIGTERM, self.end)

    def end(self, *_):
        self.left = 0

    def send(self):
        payload = MARK + struct.pack("!Q", self.sent) + bytes(43)
        try:
            self.link.sendto(icmp(payload, self.number, self.sent & 0xFFFF), (self.address, 0))
        except OSError:  # it did not leave
            return
        self.waited_for.add(self.sent)
        self.sent += 1
        self.sent_at = time.monotonic()
        self.left -= 1

    def begin(self):
        """Tell that answers come."""
        if not self.begun:
            print("begun", file=sys.stderr, flush=True)
        self.begun = True

    def take(self):
        """Answers that have come."""
        while True:
            try:
                packet = self.link.recv(2048)
            except BlockingIOError:
                return
            answer = packet[4 * (packet[0] & 15):]
            if answer[:1] != b"\0" or answer[4:6] != struct.pack("!H", self.number):
                continue
            if answer[8:8 + len(MARK)] != MARK:
                continue
            (number,) = struct.unpack_from("!Q", answer, 8 + len(MARK))
            self.twice += number not in self.waited_for
            self.waited_for.discard(number)
            self.begin()

    def run(self):
        due = self.sent_at = time.monotonic()
        while self.left > 0 and due - self.sent_at < PATIENCE:
            if time.monotonic() >= due:
                self.send()
                due = time.monotonic() + self.interval
            select.select([self.link], [], [], max(0, due - time.monotonic()))
            self.take()
        end = time.monotonic() + PATIENCE
        while self.waited_for and time.monotonic() < end:
            select.select([self.link], [], [], 0.1)
            self.take()


def main(address, count="0", interval="0.002"):
    pings = Pings(address, int(count), float(interval))
    pings.run()
    print(f"{pings.sent} pings, {len(pings.waited_for)} of them not answered, {pings.twice} twice")
    return 0 if pings.sent >= max(1, int(count)) and not pings.waited_for and not pings.twice else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
