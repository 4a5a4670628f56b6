#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Captures for the end-to-end tests: make, count, compare, send.

  pcap.py make KIND FILE [SEED]     KIND: one of those in KINDS
  pcap.py count FILE                packets in it
  pcap.py sizes FILE                length of each, one a line
  pcap.py same A B [by-source] [snaplen=N]
                                    exit 0 when B has the packets of A, byte for byte, in order;
                                    by-source: in order as far as one source address goes
  pcap.py among A B                 exit 0 when each packet of B is one of A's, byte for byte
  pcap.py fit IN OUT BYTES          those of at most so many bytes, and of four more with an
                                    802.1Q tag in front
  pcap.py skip IN OUT COUNT         all but the first COUNT
  pcap.py send INTERFACE FILE       put its packets on an interface
"""

import random
import socket
import struct
import sys
import time

RECORD = struct.Struct("<IIII")


def read(path):
    """The packets of a capture as (bytes kept, length on the wire); a cut record is left out."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 24:
        return []
    magic = struct.unpack_from("<I", data)[0]
    if magic not in (0xA1B2C3D4, 0xA1B23C4D):
        sys.exit(f"{path}: not a pcap file of this byte order")
    packets, at = [], 24
    while at + RECORD.size <= len(data):
        _, _, kept, wire = RECORD.unpack_from(data, at)
        at += RECORD.size
        if at + kept > len(data):
            break
        packets.append((data[at : at + kept], wire))
        at += kept
    return packets


def write(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for n, frame in enumerate(frames):
            file.write(RECORD.pack(1700000000 + n // 1000, n % 1000, len(frame), len(frame)))
            file.write(frame)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(last, host=2):
    return bytes((0x02, 0, 0, 0, host, last))


def ether(kind, payload, tags=(), last=1):
    head = mac(last, 9) + mac(last)
    for tpid, vlan in tags:
        head += struct.pack("!HH", tpid, vlan)
    return head + struct.pack("!H", kind) + payload


def ipv4(proto, payload, fragment=0, ident=0):
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, proto, 0,
        bytes((198, 51, 100, 1)), bytes((203, 0, 113, 7)),
    )
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(proto, payload):
    source = bytes.fromhex("20010db8000000000000000000000001")
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + source + source[::-1] + payload


def udp(payload, port=53):
    return struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def tcp(payload, port=80):
    return struct.pack("!HHIIBBHHH", 40001, port, 7, 9, 0x50, 0x18, 512, 0, 0) + payload


def sctp(payload):
    return struct.pack("!HHII", 40002, 2905, 1, 0) + payload


def icmp(payload, number=1, sequence=1):
    head = struct.pack("!BBHHH", 8, 0, 0, number, sequence) + payload
    return head[:2] + struct.pack("!H", checksum(head)) + head[4:]


def arp():
    return struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac(1) + b"\xc6\x33\x64\x01" + bytes(10)


def protocols(rng):
    """One of each protocol, with a payload of a random size."""
    data = rng.randbytes(rng.randrange(0, 1200))
    inner = ether(0x800, ipv4(17, udp(data[:600])))
    return [
        ether(0x806, arp()),
        ether(0x800, ipv4(17, udp(data))),
        ether(0x800, ipv4(6, tcp(data))),
        ether(0x800, ipv4(6, tcp(data, 443))),
        ether(0x800, ipv4(1, icmp(data))),
        ether(0x800, ipv4(132, sctp(data))),
        ether(0x800, ipv4(17, udp(data)[:64], 0x2000, 77)),
        ether(0x800, ipv4(17, data, 0x0008, 77)),
        ether(0x86DD, ipv6(17, udp(data))),
        ether(0x86DD, ipv6(6, tcp(data))),
        ether(0x86DD, ipv6(58, data)),
        ether(0x800, ipv4(6, tcp(data)), [(0x8100, 5)]),
        ether(0x86DD, ipv6(17, udp(data)), [(0x8100, 4094)]),
        ether(0x800, ipv4(17, udp(data)), [(0x88A8, 100), (0x8100, 5)]),
        ether(0x8847, struct.pack("!I", 16 << 12 | 0x140) + ipv4(17, udp(data))),
        ether(0x800, ipv4(17, udp(struct.pack("!II", 8 << 24, 42 << 8) + inner, 4789))),
        ether(0x88CC, rng.randbytes(46)),
        ether(0x88B5, rng.randbytes(rng.randrange(46, 1500))),
    ]


def pad(frame):
    return frame + bytes(max(0, 60 - len(frame)))


def sized(rng, size, last=1):
    return ether(0x88B5, rng.randbytes(size - 14), last=last)


def mixed(rng):
    """Every protocol, every size class up to 1518, runts, and bytes that are no protocol."""
    frames = [pad(frame) for _ in range(60) for frame in protocols(rng)]
    frames += [sized(rng, size) for size in range(60, 1519)]
    frames += [sized(rng, size) for size in (14, 15, 17, 31, 42, 59)]
    frames += [rng.randbytes(rng.randrange(60, 1519)) for _ in range(200)]
    rng.shuffle(frames)
    return frames


def jumbo(rng, most=16000):
    """Sizes about what an mbuf, two mbufs and a page hold, and up to 16 KB."""
    near = [base + step for base in (2048, 2176, 4096, 6144, 8192) for step in range(-40, 41, 4)]
    frames = [sized(rng, size) for size in near + [9000, 9018, 9216, 9600, most - 1, most]]
    frames += [sized(rng, rng.randrange(60, most + 1)) for _ in range(300)]
    rng.shuffle(frames)
    return frames


def wire(rng):
    """What an interface of 9000 bytes takes, and a kernel passes on as it is."""
    frames = [pad(frame) for _ in range(10) for frame in protocols(rng)]
    frames += [sized(rng, size) for size in (60, 61, 1514, 1515, 2047, 2048, 2049, 4097, 9013, 9014)]
    frames += [sized(rng, rng.randrange(60, 9015)) for _ in range(100)]
    return frames


def edge(rng):
    """Sizes about an Ethernet frame's limit, tagged and not."""
    data = rng.randbytes(1600)
    frames = [sized(rng, size) for size in range(1500, 1530)]
    for tags in ([(0x8100, 5)], [(0x88A8, 5)], [(0x8100, 5), (0x8100, 6)], [(0x88A8, 5), (0x8100, 6)]):
        head = len(ether(0x88B5, b"", tags))
        frames += [ether(0x88B5, data[: size - head], tags) for size in range(1510, 1524)]
    rng.shuffle(frames)
    return frames


def queue(rng, last):
    """Packets that one source address tells from another queue's."""
    return [sized(rng, rng.randrange(60, 1519), last) for _ in range(500)]


def small(rng):
    return [sized(rng, 64 + n % 64) for n in range(1000)]


def many(rng):
    """100,000 small ones, each of its own."""
    return [sized(rng, 64)[:60] + struct.pack("!I", n) for n in range(100000)]


KINDS = {
    "mixed": mixed,
    "jumbo": jumbo,
    "wire": wire,
    "small": small,
    "edge": edge,
    "many": many,
    "huge": lambda rng: [sized(rng, 20000)],
    **{f"queue{n}": lambda rng, n=n: queue(rng, n) for n in range(4)},
}


def by_source(packets):
    """Sort by source address, keeping the order within each."""
    return sorted(packets, key=lambda packet: packet[0][6:12])


def same(first, second, *options):
    a, b = read(first), read(second)
    for option in options:
        if option.startswith("snaplen="):
            snaplen = int(option.split("=")[1])
            a = [(data[:snaplen], 0) for data, _ in a]
            b = [(data, 0) for data, _ in b]
        elif option == "by-source":
            a, b = by_source(a), by_source(b)
        else:
            sys.exit(__doc__)
    for n, (left, right) in enumerate(zip(a, b), 1):
        if left != right:
            at = next((i for i, (x, y) in enumerate(zip(left[0], right[0])) if x != y), "the end")
            sys.exit(
                f"packet {n} differs at byte {at}: {first} keeps {len(left[0])} of {left[1]} bytes, "
                f"{second} {len(right[0])} of {right[1]}"
            )
    if len(a) != len(b):
        sys.exit(f"{len(a)} packets in {first}, {len(b)} in {second}")


def among(first, second):
    known = set(read(first))
    for n, packet in enumerate(read(second), 1):
        if packet not in known:
            sys.exit(f"packet {n} of {second}, {len(packet[0])} of {packet[1]} bytes, is not in {first}")


def fit(path, out, limit):
    def fits(data):
        return len(data) <= limit + (4 if data[12:14] == b"\x81\x00" else 0)

    write(out, [data for data, _ in read(path) if fits(data)])


def send(interface, path):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((interface, 0))
        for n, (data, _) in enumerate(read(path)):
            out.send(data)
            if n % 16 == 15:
                time.sleep(0.002)


def main(command="", *arguments):
    if command == "make":
        kind, path, *seed = arguments
        write(path, KINDS[kind](random.Random(int(seed[0]) if seed else 1)))
    elif command == "count":
        print(len(read(*arguments)))
    elif command == "sizes":
        print(*(len(data) for data, _ in read(*arguments)), sep="\n")
    elif command == "same":
        same(*arguments)
    elif command == "among":
        among(*arguments)
    elif command == "fit":
        source, out, limit = arguments
        fit(source, out, int(limit))
    elif command == "skip":
        source, out, count = arguments
        write(out, [data for data, _ in read(source)[int(count) :]])
    elif command == "send":
        send(*arguments)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
