#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What DPDK's telemetry answers of mirrors, beside what vmirrorctl says: telemetry.sh runs it.

    telemetry_answers.py CONTROL_SOCKET PROCESS_ID TELEMETRY_SOCKET VMIRRORCTL

Each function below that is called test_… is a test; it ends the script when it fails."""

import concurrent.futures
import json
import os
import subprocess
import sys
import threading
import time

import telemetry
from control_client import PID, Client, wait_for

LINK = telemetry.connect(sys.argv[3])
VMIRRORCTL = sys.argv[4]
COMMANDS = ["/vmirror/info", "/vmirror/list", "/vmirror/queue_stats", "/vmirror/stats"]
PACKETS = 500  # in each of the four queues


def ask(command):
    return telemetry.ask(LINK, command)


def stats():
    """Of every mirror by its name, as vmirrorctl has them."""
    command = [VMIRRORCTL, "stats", "--queues", "--json"]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=30).stdout
    return {mirror["name"]: mirror for mirror in json.loads(shown)["mirrors"]}


def has_all_seen():
    mirrors = stats()
    return (
        mirrors["all"]["seen"] == 8 * PACKETS
        and mirrors["long"]["seen"] == PACKETS
        and not any(mirror["in_flight"] for mirror in mirrors.values())
    )


def at_rest(look):
    """What vmirrorctl says before and after a look, and what came of that."""
    for _ in range(100):
        before = stats()
        found = look(before)
        if stats() == before:
            return before, found
        time.sleep(0.05)
    sys.exit("the counters do not come to rest")


def plain(text):
    """As telemetry shows it, which knows no more."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in text.encode())


def joined(answer, key):
    """A text with what goes on in KEY_more, which is taken out."""
    answer[key] += "".join(answer.pop(key + "_more", []))


def assert_same(what, got, wanted):
    if got != wanted:
        keys = sorted(k for k in {*got, *wanted} if got.get(k) != wanted.get(k))
        sys.exit(f"{what}: {[(k, got.get(k), wanted.get(k)) for k in keys]}")
    print(f"ok {what}")


# --- each number is vmirrorctl's


def test_list():
    mirrors, names = at_rest(lambda _: ask("/vmirror/list"))
    assert names == list(mirrors) == ["all", "long"], names


def test_stats():
    mirrors, found = at_rest(lambda m: {name: ask(f"/vmirror/stats,{name}") for name in m})
    for name, mirror in mirrors.items():
        wanted = {key: value for key, value in mirror.items() if key != "queues"}
        wanted["reason"] = plain(wanted["reason"])
        joined(found[name], "reason")
        assert_same(f"/vmirror/stats,{name}", found[name], wanted)


def test_info():
    mirrors, found = at_rest(lambda m: {name: ask(f"/vmirror/info,{name}") for name in m})
    with Client() as c:
        specs = {mirror["name"]: mirror["spec"] for mirror in c.get("list")["mirrors"]}
    assert len(specs["long"]) > 256 and not specs["long"].isascii(), specs["long"]
    assert "spec_more" in found["long"] and "spec_more" not in found["all"], found
    for name, mirror in mirrors.items():
        wanted = {key: mirror[key] for key in ("name", "state", "reason", "hooks")}
        wanted["spec"] = plain(specs[name])
        joined(found[name], "reason")
        joined(found[name], "spec")
        assert_same(f"/vmirror/info,{name}", found[name], wanted)


def of_queues(mirror, wanted):
    """What queue_stats is to answer of those of its queues."""
    queues = {str(n): queue for n, queue in enumerate(mirror["queues"]) if wanted(queue)}
    return {"name": mirror["name"], "left_out": 0, "queues": queues}


def test_queue_stats():
    mirrors, found = at_rest(lambda m: {name: ask(f"/vmirror/queue_stats,{name}") for name in m})
    for name, mirror in mirrors.items():
        assert_same(f"/vmirror/queue_stats,{name}", found[name], of_queues(mirror, lambda q: True))
    queues = found["all"]["queues"].values()
    places = {(q["port"], q["queue"], q["dir"]) for q in queues}
    assert places == {
        (port, queue, way)
        for port in ("net_pcap0", "net_pcap1") for queue in (0, 1) for way in ("rx", "tx")
    }, places
    for q in queues:
        assert q["seen"] == PACKETS and q["filtered"] > 0 and q["truncated"] > 0, q
        assert q["captured"] == q["delivered"] > 0, q
    (one,) = found["long"]["queues"].values()
    assert (one["port"], one["queue"], one["dir"]) == ("net_pcap0", 1, "rx"), one


def test_some_queues():
    port, queue = "net_pcap1", 1
    mirrors, found = at_rest(lambda _: (ask(f"/vmirror/queue_stats,all,{port}"),
                                        ask(f"/vmirror/queue_stats,all,{port},{queue}")))
    wanted = of_queues(mirrors["all"], lambda q: q["port"] == port)
    assert len(wanted["queues"]) == 4
    assert_same("/vmirror/queue_stats of a port", found[0], wanted)
    wanted = of_queues(mirrors["all"], lambda q: q["port"] == port and q["queue"] == queue)
    assert len(wanted["queues"]) == 2
    assert_same("/vmirror/queue_stats of a queue", found[1], wanted)


# --- what is refused


def test_refused():
    name = "say which mirror: {0},NAME; /vmirror/list names all"
    cases = {"/vmirror/queue_stats,all,eth0":
             "mirror 'all' has no port 'eth0'; /vmirror/queue_stats,all shows what it has",
             "/vmirror/queue_stats,long,net_pcap1":
             "mirror 'long' has no port 'net_pcap1'; /vmirror/queue_stats,long shows what it has",
             "/vmirror/queue_stats,all,net_pcap0,2":
             "mirror 'all' has no queue 2 of port 'net_pcap0'; "
             "/vmirror/queue_stats,all shows what it has",
             "/vmirror/queue_stats,all,net_pcap0,-1":
             "queue: '-1' is not a number that it takes; right would be 0 to 65535",
             "/vmirror/queue_stats,all,net_pcap0,0,tx":
             "/vmirror/queue_stats takes a mirror, a port of it and a queue's number: "
             "'tx' is more"}
    for command in COMMANDS:
        if command != "/vmirror/list":
            cases[command] = cases[command + ","] = name.format(command)
            cases[command + ",al"] = "there is no mirror 'al'; /vmirror/list names all"
            cases[command + ",ä\""] = "there is no mirror '??\"'; /vmirror/list names all"
    for request, words in cases.items():
        answer = ask(request)
        joined(answer, "error")
        assert answer == {"error": words}, (request, answer)


# --- that asking leaves no trace


def everything():
    """Of the files, what they are called: what was written is still on its way to the disk."""
    with Client() as c:
        mirrors = c.get("list")["mirrors"]
    counters = stats()
    for mirror in counters.values():
        del mirror["file_bytes"]
    return mirrors, counters, sorted(os.listdir())


def test_read_only():
    assert [c for c in ask("/") if c.startswith("/vmirror")] == COMMANDS, ask("/")
    before = everything()
    for command in COMMANDS:
        assert len(ask(f"/help,{command}")[command]) > 10
        for parameters in ("", ",", ",all", ",all,net_pcap0", ",all,net_pcap0,0", ",all,,,,", ",remove",
                           ",name=new,port=0,sink=[file,path=new.pcapng]", "," + "x" * 900, ",\n\t\1%s%n"):
            ask(command + parameters)
    after = everything()
    assert after == before, (before, after)


def memory():
    with open(f"/proc/{PID}/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {key: int(lines[key].split()[0]) for key in ("RssAnon", "VmData")}


def test_nothing_is_kept():
    """A queue's answer is 67 KB until it is sent, of which 8 KB and more are touched: kept, these would be
    16 MB and 130 MB after so many."""
    for _ in range(200):
        ask("/vmirror/queue_stats,all")
    before = memory()
    for _ in range(2000):
        assert len(ask("/vmirror/queue_stats,all")["queues"]) == 8
    after = memory()
    print(f"# 2000 answers, KB before: {before}, after: {after}")
    assert after["RssAnon"] - before["RssAnon"] < 6000, (before, after)
    assert after["VmData"] - before["VmData"] < 32000, (before, after)


def test_come_and_go():
    """A mirror that is there or not; who asks in between gets one answer or the other."""
    enough = threading.Event()

    def come_and_go():
        with Client() as c:
            while not enough.is_set():
                c.get("add", spec="name=goes,port=0,sink=[file,path=/dev/null]")
                time.sleep(0.01)
                c.get("remove", name="goes")

    was_there, asked, end = set(), 0, time.monotonic() + 20
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        coming = pool.submit(come_and_go)
        try:
            while not coming.done() and (len(was_there) < 2 or asked < 300):
                assert time.monotonic() < end, (was_there, asked)
                for command in COMMANDS:
                    answer = ask(f"{command},goes")
                    if command != "/vmirror/list":
                        was_there.add(answer.get("name") == "goes")
                        assert answer.get("error", "there is no mirror 'goes'").startswith(
                            "there is no mirror 'goes'"), answer
                    asked += 1
        finally:
            enough.set()
        coming.result()
    assert was_there == {True, False}, was_there


def main():
    wait_for(has_all_seen, "all has been seen, and delivered", 30)
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"ok {name[5:].replace('_', ' ')}")


main()
