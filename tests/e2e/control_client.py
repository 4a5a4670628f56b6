# SPDX-License-Identifier: BSD-3-Clause
"""A connection to the control socket, and what there is to see of the process behind it.

The first words of the line that has begun the script are the socket, the process's number, and the directory
in which is what it says, as err."""

import array
import errno
import json
import os
import socket
import sys
import time

PATH, PID, DIRECTORY = sys.argv[1], int(sys.argv[2]), sys.argv[3]
NULL = "port=0,filter=tcp port 7,sink=[file,path=/dev/null]"
LIST = b'{"jsonrpc":"2.0","id":1,"method":"list"}\n'


class Client:
    """A connection, and the requests on it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        while (error := self.socket.connect_ex(PATH)) == errno.EAGAIN:  # so many wait already
            time.sleep(0.001)
        assert error == 0, os.strerror(error)
        self.rest = b""
        self.id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([data], rights)

    def line(self):
        """The next message, or None where the other side hung up."""
        while b"\n" not in self.rest:
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, method, fds=(), **params):
        self.id += 1
        request = {"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}
        self.send(json.dumps(request).encode() + b"\n", fds)
        answer = self.line()
        assert answer and answer["id"] == self.id and answer["jsonrpc"] == "2.0", answer
        return answer

    def get(self, method, fds=(), **params):
        answer = self.ask(method, fds, **params)
        assert "result" in answer, answer
        return answer["result"]

    def refused(self, code, words, method, fds=(), **params):
        self.is_refusal(self.ask(method, fds, **params), code, words)

    @staticmethod
    def is_refusal(answer, code, words):
        assert answer and "result" not in answer, answer
        error = answer["error"]
        assert error["code"] == code and words in error["message"], error
        assert "\n" not in error["message"], error


def names():
    with Client() as c:
        return [mirror["name"] for mirror in c.get("list")["mirrors"]]


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.01)


def descriptors():
    found = []
    for n in os.listdir(f"/proc/{PID}/fd"):
        try:
            found.append(os.readlink(f"/proc/{PID}/fd/{n}"))
        except FileNotFoundError:  # closed meanwhile
            pass
    return sorted(found)


def at_rest():
    """The descriptors when no client is left of those before: the server has answered since, twice."""
    last = None
    while True:
        names()
        time.sleep(0.2)
        now = descriptors()
        if now == last:
            return now
        last = now


def as_before(before):
    try:
        wait_for(lambda: descriptors() == before, "descriptors are as before")
    except AssertionError:
        print("before:", before, "\nnow:", descriptors())
        raise


def threads():
    return len(os.listdir(f"/proc/{PID}/task"))


def memory():
    with open(f"/proc/{PID}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


def own_memory():
    """Bytes that are the process's alone: its heap foremost, and neither rings nor DPDK's memory."""
    with open(f"/proc/{PID}/status", encoding="ascii") as status:
        (line,) = [line for line in status if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


def log():
    with open(f"{DIRECTORY}/err", encoding="utf-8", errors="replace") as err:
        return err.read().splitlines()


def run_tests(functions):
    """All that are called test_something, in their order; the first that fails ends the script."""
    for name, test in list(functions.items()):
        if name.startswith("test_"):
            begun = time.monotonic()
            test()
            print(f"ok {name[5:].replace('_', ' ')} ({time.monotonic() - begun:.2f} s)", flush=True)
