#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Numbered UDP packets, to tell which ones a mirror missed, and when.

  numbers.py send ADDRESS PORT RATE SECONDS FIRST
                                              from many source ports, so many a second
  numbers.py compare SEEN MIRRORED RATE FIRST
                                              SEEN: what came out of the switch. Prints how many
                                              packets of it the mirror has not, in how many gaps, the
                                              longest one's milliseconds, and how many it has twice

While a port net_af_packet is made, its sockets join their fanout group one after the other, and one
that is bound but has not joined gets what the group gets too: the port itself receives a packet
twice. So packets next to a hole in SEEN, when the port was away, are not counted as doubled.
"""

import collections
import socket
import struct
import sys
import time

import pcap

MARK = b"numbered"
HEADERS = 14 + 20 + 8


def send(address, port, rate, seconds, first):
    out = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
    start, total = time.monotonic(), rate * seconds
    for number in range(total):
        ahead = start + number / rate - time.monotonic()
        if ahead > 0.001:
            time.sleep(ahead)
        # One at a time: queues of the port fill at different speeds.
        out[number % 64].sendto(MARK + struct.pack("!I", first + number), (address, port))


def numbers(path):
    found = collections.Counter()
    for data, _ in pcap.read(path):
        if data[HEADERS : HEADERS + 8] == MARK:
            found[struct.unpack_from("!I", data, HEADERS + 8)[0]] += 1
    return found


def holes(seen, rate, first):
    """Where 20 ms or more are missing, of what began with first, with half a second on each side."""
    return [
        (before - rate // 2, after + rate // 2)
        for before, after in zip([first - 1, *seen], seen)
        if after - before > rate // 50
    ]


def compare(seen, mirrored, rate, first):
    seen, mirrored = numbers(seen), numbers(mirrored)
    missed = sorted(set(seen) - set(mirrored))
    gaps = []
    for number in missed:
        # Half a second between two of them: another gap.
        if gaps and number - gaps[-1][1] < rate / 2:
            gaps[-1][1] = number
        else:
            gaps.append([number, number])
    longest = max((end - start + 1 for start, end in gaps), default=0)
    away = holes(sorted(seen), rate, first)
    doubled = sum(
        count > seen[number]
        for number, count in mirrored.items()
        if number in seen and not any(start <= number <= end for start, end in away)
    )
    print(f"seen={len(seen)} missed={len(missed)} gaps={len(gaps)} "
          f"longest_ms={longest * 1000 // rate} doubled={doubled}")


def main(command="", *arguments):
    if command == "send":
        address, *rest = arguments
        send(address, *map(int, rest))
    elif command == "compare":
        compare(arguments[0], arguments[1], int(arguments[2]), int(arguments[3]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
