#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Captures of a switch that was told of a new port a moment ago.

  ovs_pcap.py count FILE     packets in it
  ovs_pcap.py same A B       exit 0 when both have the same packets, byte for byte, in any order:
                             a host's kernel hands its packets to the switch on several cores

Neither counts ARP, nor the echoes of settle() in ovs_lib.sh, some of which may get lost.
"""

import collections
import sys

import pcap

SETTLING = 1042  # bytes of such a frame


def is_noise(frame):
    kind, proto = frame[12:14], frame[23:24]
    return kind == b"\x08\x06" or (kind, proto, len(frame)) == (b"\x08\x00", b"\x01", SETTLING)


def read(path):
    return [frame for frame, _ in pcap.read(path) if not is_noise(frame)]


def main(command="", *paths):
    if command == "count":
        print(len(read(paths[0])))
    elif command == "same":
        first, second = (collections.Counter(read(path)) for path in paths)
        missing, more = (first - second).total(), (second - first).total()
        if missing or more:
            sys.exit(f"{paths[1]} lacks {missing} packets of {paths[0]}, and has {more} others")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
