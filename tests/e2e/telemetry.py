#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Ask a DPDK process through its telemetry socket: telemetry.py SOCKET COMMAND [KEY]

Prints what the command answers as JSON, or of an object the value of one key.
"""

import json
import socket
import sys


def connect(path):
    """A connection, past the greeting."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.settimeout(20)
    link.connect(path)
    link.recv(1 << 16)
    return link


def ask(link, command):
    link.send(command.encode())
    return json.loads(link.recv(1 << 18))[command.split(",")[0]]


def main(path, command, key=None):
    with connect(path) as link:
        answer = ask(link, command)
    if key is None:
        print(json.dumps(answer))
    elif answer is None or key not in answer:
        sys.exit(f"{command} knows no {key}: {answer}")
    else:
        print(answer[key])


if __name__ == "__main__":
    main(*sys.argv[1:])
