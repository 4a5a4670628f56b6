#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Pings that go on until SIGTERM: flood.py ADDRESS

One every two milliseconds. At the end those that are on their way are waited for, which ping does not do:
each is answered, once, or this fails and says how many were not."""

import select
import signal
import socket
import struct
import sys
import time

from pcap import icmp

INTERVAL = 0.002
PATIENCE = 10  # seconds, for the last ones
MARK = b"flood"
SO_RCVBUFFORCE = 33  # of Linux; Python has no name for it


class Flood:
    def __init__(self, address):
        self.address = address
        self.link = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.link.setblocking(False)
        # Who is not run for a while is to find the answers all the same.
        self.link.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.sent = 0
        self.twice = 0
        self.waited_for = set()
        self.ends = False
        signal.signal(signal.SIGTERM, self.end)

    def end(self, *_):
        self.ends = True

    def send(self):
        ping = icmp(MARK + struct.pack("!Q", self.sent) + bytes(43))
        try:
            self.link.sendto(ping, (self.address, 0))
        except OSError:  # it did not leave
            return
        self.waited_for.add(self.sent)
        self.sent += 1

    def take(self):
        """Answers that have come."""
        while True:
            try:
                packet = self.link.recv(2048)
            except BlockingIOError:
                return
            answer = packet[4 * (packet[0] & 15):]
            if answer[:1] != b"\0" or answer[8:8 + len(MARK)] != MARK:
                continue
            (number,) = struct.unpack_from("!Q", answer, 8 + len(MARK))
            self.twice += number not in self.waited_for
            self.waited_for.discard(number)

    def run(self):
        due = time.monotonic()
        while not self.ends:
            if time.monotonic() >= due:
                self.send()
                due = time.monotonic() + INTERVAL
            select.select([self.link], [], [], max(0, due - time.monotonic()))
            self.take()
        end = time.monotonic() + PATIENCE
        while self.waited_for and time.monotonic() < end:
            select.select([self.link], [], [], 0.1)
            self.take()


if __name__ == "__main__":
    flood = Flood(sys.argv[1])
    flood.run()
    print(f"{flood.sent} pings, {len(flood.waited_for)} of them not answered, {flood.twice} twice")
    sys.exit(0 if flood.sent and not flood.waited_for and not flood.twice else 1)
