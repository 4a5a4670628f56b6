#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client of the control socket that has no manners: control.sh runs it beside vmirror.

    control.py SOCKET PROCESS_ID DIRECTORY

Each function below is a test; it ends the script when it fails. doc/control.md has the protocol."""

import errno
import os
import re
import select
import signal
import socket
import time

from control_client import DIRECTORY, NULL, PID, Client, as_before, at_rest, names, run_tests, wait_for

DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../doc/control.md")


# --- what there is


def test_version():
    with Client() as c:
        v = c.get("version", protocol=1, client="test")
        assert v["protocol"] == 1 and v["pid"] == PID and v["program"] == "vmirror", v
        assert v["you"] == {"pid": os.getpid(), "uid": 0, "all_rights": True}, v["you"]
        c.refused(-32001, "version 7", "version", protocol=7, client="vmirrorctl 9.9")
        c.refused(-32001, "vmirrorctl 9.9", "version", protocol=7, client="vmirrorctl 9.9")


def documented():
    """The table of doc/control.md: of each method its parameters, whether it takes descriptors, and what
    stands quoted in its result."""
    with open(DOC, encoding="utf-8") as doc:
        rows = doc.read().split("| method | parameters | result |\n", 1)[1].splitlines()
    table = []
    for row in rows[1:]:
        if not row.startswith("|"):
            break
        _, method, params, result, _ = row.split("|")
        table.append((method.strip(" `"), re.findall("`(.*?)`", params), "descriptors" in params,
                      re.findall("`(.*?)`", result)))
    return table


def test_described():
    """What `version` says of methods is what is documented, in the same order, and the other way round."""
    with Client() as c:
        v = c.get("version")
        said = [(m["name"], [p["name"] for p in m["params"]], m["descriptors"]) for m in v["methods"]]
        table = documented()
        assert said == [row[:3] for row in table], (said, table)
        assert sorted([*v, *v["you"]]) == sorted(table[0][3]), (v.keys(), table[0])
        for m in v["methods"]:
            assert set(m) == {"name", "summary", "descriptors", "params"} and m["summary"], m
            for p in m["params"]:
                assert set(p) == {"name", "type", "required", "summary"} and p["summary"], p
                assert p["type"] in ("string", "integer", "boolean", "array of strings"), p
                assert isinstance(p["required"], bool), p
            # And what it says is so: a parameter that is required is missed, what is no descriptor's
            # method takes none.
            if missing := [p["name"] for p in m["params"] if p["required"]]:
                c.refused(-32602, f"{m['name']}: {missing[0]} is missing", m["name"])
            if not m["descriptors"]:
                null = os.open("/dev/null", os.O_WRONLY)
                params = {p["name"]: 0 if p["type"] == "integer" else "x"
                          for p in m["params"] if p["required"]}
                c.refused(-32602, f"{m['name']}: descriptors came", m["name"], [null], **params)
                os.close(null)


def test_ports():
    with Client() as c:
        ports = c.get("ports")["ports"]
        assert [p["name"] for p in ports] == ["net_tap0", "net_tap1"], ports
        assert all(p["started"] and p["rx_queues"] >= 1 for p in ports), ports
        assert [p["number"] for p in ports] == [0, 1] and ports[0]["driver"] == "net_tap", ports


def test_mirror():
    with Client() as c:
        added = c.get("add", spec=NULL + ",name=one")
        (stats,) = c.get("stats", name="one")["mirrors"]
        assert added == {"name": "one", "serial": stats["serial"]} and stats["serial"] > 0, added
        c.refused(2, "'one' was removed by somebody else", "remove", name="one",
                  serial=stats["serial"] + 1)
        (one,) = c.get("list")["mirrors"]
        assert one["state"] == "attached" and 'filter=tcp port 7' in one["spec"], one
        assert one["owner"] == {"pid": os.getpid(), "uid": 0, "persist": False}, one
        (stats,) = c.get("stats", name="one", queues=True)["mirrors"]
        assert stats["seen"] >= 0 and len(stats["queues"]) == stats["hooks"] > 0, stats
        c.refused(17, "'one' is in use", "add", spec=NULL + ",name=one")
        last = c.get("remove", name="one")["stats"]
        assert last["seen"] == last["filtered"] + last["captured"], last
        c.refused(2, "no mirror 'one'", "remove", name="one")
        c.refused(2, "no mirror 'one'", "stats", name="one")
    assert names() == []


def test_check():
    with Client() as c:
        (plan,) = c.get("check", specs=[NULL])["plans"]
        assert plan["hooks"] == 2 and plan["ring_bytes"] > 0, plan
        c.refused(22, "spec 2 of 2", "check", specs=[NULL, "port=0,sink=[file]"])
        c.refused(errno.E2BIG, "64 at the most", "check", specs=[NULL] * 65)
        assert c.get("list")["mirrors"] == []


def test_reload():
    with Client() as c:
        c.refused(2, "without --config", "reload")


def test_watch():
    with Client() as c:
        c.get("add", spec=NULL + ",name=w")
        c.get("watch", interval_ms=100, name="w")
        begin = time.monotonic()
        for _ in range(5):
            message = c.line()
            assert message["method"] == "stats" and "id" not in message, message
            assert message["params"]["mirrors"][0]["name"] == "w", message
        assert time.monotonic() - begin < 3
        c.send(b'{"jsonrpc":"2.0","id":"end","method":"watch","params":{"interval_ms":0}}\n')
        while c.line().get("id") != "end":
            pass
        c.refused(22, "interval_ms=7", "watch", interval_ms=7)
        c.refused(2, "no mirror", "watch", interval_ms=100, name="none")


# --- bad input


def test_not_json():
    bad = [b"", b"{", b"hello", b"\xff\xfe\xfd", b'{"jsonrpc":"2.0",}', b'"\xc3\x28"', b"\0"]
    bad += [b'{"id":1,"id":2}', b"[" * 30000, b'{"a":' * 10000, b"1e999999", b'"\\ud800"']
    for line in bad:
        with Client() as c:
            c.send(line + b"\n")
            Client.is_refusal(c.line(), -32700, "no JSON")
            assert c.line() is None


def test_no_request():
    bad = ["[]", "1", "null", "true", '"x"', "{}", '[{"jsonrpc":"2.0","id":1,"method":"list"}]']
    bad += ['{"jsonrpc":"1.0","id":1,"method":"list"}', '{"id":1,"method":"list"}']
    bad += ['{"jsonrpc":2.0,"id":1,"method":"list"}', '{"jsonrpc":"2.0","id":1}']
    bad += ['{"jsonrpc":"2.0","id":1,"method":7}', '{"jsonrpc":"2.0","id":[],"method":"list"}']
    bad += ['{"jsonrpc":"2.0","id":1.5,"method":"list"}']
    bad += ['{"jsonrpc":"2.0","id":1,"method":"list","more":1}']
    with Client() as c:
        for line in bad:
            c.send(line.encode() + b"\n")
            answer = c.line()
            Client.is_refusal(answer, -32600, "")
            assert answer["id"] in (None, 1), answer


def test_no_params():
    with Client() as c:
        c.refused(-32601, "no method 'lost'", "lost")
        c.refused(-32601, "did you mean 'list'", "lisst")
        c.refused(-32601, "no method", "x" * 60000)
        c.refused(-32601, "no method 'a b'", "a\nb")
        c.refused(-32602, "spec is missing", "add")
        c.refused(-32602, "spec is no string", "add", spec=7)
        c.refused(-32602, "spec is no string", "add", spec=None)
        c.refused(-32602, "persist is no boolean", "add", spec=NULL, persist=1)
        c.refused(-32602, "did you mean 'spec'", "add", spce=NULL)
        c.refused(-32602, "it takes none", "ports", spec=1)
        c.refused(-32602, "no array of strings", "check", specs=["a", 1])
        c.refused(-32602, "interval_ms is no integer", "watch", interval_ms=-1)
        c.refused(-32602, "interval_ms is no integer", "watch", interval_ms=100.0)
        c.send(b'{"jsonrpc":"2.0","id":9,"method":"list","params":[]}\n')
        Client.is_refusal(c.line(), -32602, "by name")


def test_bad_specs():
    with Client() as c:
        c.refused(22, "", "add", spec="")
        c.refused(22, "", "add", spec="port=0")
        c.refused(19, "port '77'", "add", spec="port=77,sink=[file,path=/dev/null]")
        c.refused(22, "filter", "add", spec='port=0,filter="tcp portt 1",sink=[file,path=/dev/null]')
        c.refused(7, "", "add", spec="port=0,filter=" + "x" * 5000 + ",sink=[file,path=/dev/null]")
        c.refused(2, "", "add", spec="port=0,sink=[file,path=/no/such/directory/x]")
    assert names() == []


def test_long_line():
    for size in (65537, 1 << 20):
        with Client() as c:
            try:
                c.send(b"x" * size)
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                Client.is_refusal(c.line(), 90, "65536")
            except ConnectionResetError:
                pass
    with Client() as c:  # the longest that there may be
        request = b'{"jsonrpc":"2.0","id":1,"method":"list"}'
        c.send(request + b" " * (65535 - len(request)) + b"\n")
        assert "result" in c.line()


def test_pieces():
    with Client() as c:
        for byte in b'{"jsonrpc":"2.0","id":1,"method":"list"}\n':
            c.send(bytes([byte]))
        assert c.line()["result"]["mirrors"] == []
        c.send(b'{"jsonrpc":"2.0","id":1,"method":"list"}\n' * 50)
        assert [c.line()["id"] for _ in range(50)] == [1] * 50


def test_half_closed():
    with Client() as c:
        c.send(b'{"jsonrpc":"2.0","id":1,"method":"list"}\n{"jsonrpc":"2.0","id":2,"met')
        c.socket.shutdown(socket.SHUT_WR)
        assert c.line()["id"] == 1 and c.line() is None


def test_notification():
    with Client() as c:
        c.send(b'{"jsonrpc":"2.0","method":"list"}\n{"jsonrpc":"2.0","method":"no"}\n')
        assert c.get("list") == {"mirrors": []}


# --- descriptors


def test_descriptors():
    before = at_rest()
    with Client() as c:
        read, write = os.pipe()
        c.get("add", [write], spec="name=p,port=0,sink=[file,fd=0]")
        os.close(write)
        c.get("remove", name="p")
        with open(read, "rb") as pipe:
            assert pipe.read(4) in (b"\x0a\x0d\x0d\x0a", b""), "pcapng"
        null = os.open("/dev/null", os.O_WRONLY)
        c.refused(-32602, "takes none", "list", [null])
        c.refused(22, "uses none", "add", [null], spec=NULL)
        c.refused(22, "uses one", "add", [null, null], spec="port=0,sink=[file,fd=0]")
        c.refused(22, "counted from 0", "add", [null], spec="port=0,sink=[file,fd=1]")
        c.refused(22, "counted from 0", "add", spec="port=0,sink=[file,fd=1]")
        c.refused(22, "fd", "add", [null], spec="port=0,sink=[file,fd=x]")
        # The driver by another name: still no number of the server's.
        for sink in ("file_x", "file0", "file-"):
            c.refused(22, "counted from 0", "add", spec=f"port=0,sink=[{sink},fd=2]")
            c.refused(22, "counted from 0", "check", specs=[f"port=0,sink=[{sink},fd=2]"])
            c.get("remove", name=c.get("add", [null], spec=f"port=0,sink=[{sink},fd=0]")["name"])
        c.refused(-32602, "more than 8", "add", [null] * 9, spec="port=0,sink=[file,fd=0]")
        c.refused(-32602, "more than 8", "list", [null] * 200)
        reading = os.open("/dev/null", os.O_RDONLY)
        c.refused(22, "reading only", "add", [reading], spec="port=0,sink=[file,fd=0]")
        event = os.eventfd(0)
        c.refused(22, "no file, pipe or socket", "add", [event], spec="port=0,sink=[file,fd=0]")
        os.close(event)
        c.refused(22, "to this process itself", "add", [c.socket.fileno()],
                  spec="port=0,sink=[file,fd=0]")
        # Those of one request are not the next one's.
        c.send(b'{"jsonrpc":"2.0","id":1,"method":"list"}\n')
        c.send(b'{"jsonrpc":"2.0","id":2,"method":"add","params":{"spec":"port=0,sink=[file,fd=0]"}}\n', [null])
        c.send(b'{"jsonrpc":"2.0","id":3,"method":"list"}\n')
        assert [("result" in c.line()) for _ in range(3)] == [True] * 3
        os.close(null)
        os.close(reading)
        # Half a request, and gone.
        other = Client()
        read, write = os.pipe()
        other.send(b'{"jsonrpc":"2.0","id":2,"me', [write, read])
        other.socket.close()
        os.close(write)
        os.close(read)
    as_before(before)


def test_two_into_one_file():
    path = f"{DIRECTORY}/both.pcapng"
    with Client() as c:
        fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        c.get("add", [fd], spec="name=a,port=0,sink=[file,fd=0]")
        c.refused(17, "both.pcapng", "add", [fd], spec="name=b,port=0,sink=[file,fd=0]")
        c.refused(17, "both.pcapng", "add", spec=f"name=b,port=0,sink=[file,path={path},overwrite=1]")
        os.close(fd)
        other = os.open(f"{DIRECTORY}/other.pcapng", os.O_CREAT | os.O_WRONLY, 0o600)
        c.get("add", [other], spec="name=b,port=0,sink=[file,fd=0]")
        os.close(other)


def is_filled(pipe):
    """By what control.sh floods."""
    wait_for(lambda: not select.select([], [pipe], [], 0)[1], "the pipe is full")


def is_quick(run):
    begin = time.monotonic()
    run()
    assert time.monotonic() - begin < 2.5, time.monotonic() - begin


def test_pipe_reader():
    """One that stops reading, and one that closes: forwarding and other clients go on."""
    read, write = os.pipe()
    with Client() as c:
        c.get("add", [write], spec="name=p,port=0,sink=[file,fd=0]")
        is_filled(write)
        os.close(write)
        is_quick(names)
        os.close(read)
        wait_for(lambda: c.get("stats", name="p")["mirrors"][0]["state"] == "failed", "it fails")
        assert c.get("stats", name="p")["mirrors"][0]["reason"]
    wait_for(lambda: names() == [], "gone with its client")


def look_and_change():
    names()
    with Client() as c:
        c.get("add", spec=NULL + ",name=other")
        c.get("remove", name="other")
        c.get("check", specs=[NULL])


def test_stalled_reader():
    """Nobody waits for a mirror whose pipe takes nothing, but who takes it away."""
    read, write = os.pipe()
    with Client() as c:
        c.get("add", [write], spec="name=p,port=0,sink=[file,fd=0]")
        is_filled(write)
        c.send(b'{"jsonrpc": "2.0", "id": 7, "method": "remove", "params": {"name": "p"}}\n'
               b'{"jsonrpc": "2.0", "id": 8, "method": "list"}\n')
        time.sleep(0.1)
        is_quick(look_and_change)
        with Client() as d:
            is_quick(lambda: d.refused(errno.EALREADY, "being taken away", "remove", name="p"))
            is_quick(lambda: d.refused(errno.EEXIST, "p", "add", spec=NULL + ",name=p"))
        assert "p" in names()
        answer = c.line()
        last = answer["result"]["stats"]
        assert answer["id"] == 7 and last["in_flight"] == 0 and last["write_error"] > 0, answer
        assert c.line()["id"] == 8
    assert names() == []
    with Client() as c:
        c.get("add", [write], spec="name=p,port=0,sink=[file,fd=0]")
        time.sleep(0.2)
    time.sleep(0.1)
    is_quick(look_and_change)
    wait_for(lambda: names() == [], "gone with its client", 10)
    os.close(read)
    os.close(write)


# --- clients that come and go


def in_child(run):
    """A process that runs something and is killed when it says so."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        run()
        os.write(write, b"x")
        time.sleep(1000)
    os.close(write)
    with open(read, "rb") as pipe:
        pipe.read(1)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_killed():
    before = at_rest()
    pid = in_child(lambda: globals().update(kept=Client()) or kept.get("add", spec=NULL + ",name=k"))
    assert names() == ["k"]
    end(pid)
    wait_for(lambda: names() == [], "the mirror goes with its client", 1)
    as_before(before)


def test_keeps_itself():
    """Its own end is in a request that it never ends: so nobody sees it hang up."""
    before = at_rest()
    c = Client()
    c.get("add", spec=NULL + ",name=k")
    c.send(b'{"jsonrpc":"2.0","id":2,"me', [c.socket.fileno()])
    c.socket.close()
    wait_for(lambda: names() == [], "the mirror goes with its client", 30)
    as_before(before)


def test_killed_at_each_step():
    request = b'{"jsonrpc":"2.0","id":2,"method":"add","params":{"spec":"port=0,sink=[file,fd=0]"}}\n'
    before = at_rest()
    for step in range(len(request) + 1):
        c = Client()
        read, write = os.pipe()
        if step:
            c.send(request[:step], [write])
        c.socket.close()
        os.close(read)
        os.close(write)
    wait_for(lambda: names() == [], "no mirror is left")
    as_before(before)


def test_persist():
    with Client() as c:
        c.get("add", spec=NULL + ",name=stays", persist=True)
    time.sleep(0.1)
    assert names() == ["stays"]
    with Client() as c:
        assert c.get("list")["mirrors"][0]["owner"]["persist"]
        c.get("remove", name="stays")


if __name__ == "__main__":
    run_tests(globals())
