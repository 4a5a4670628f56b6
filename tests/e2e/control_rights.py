#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients of the control socket without rights: what they are refused, and what the host is told of them.
control.sh runs it beside vmirror.

    control_rights.py SOCKET PROCESS_ID DIRECTORY

Each function below is a test; it ends the script when it fails."""

import contextlib
import os
import subprocess
import sys
import time

import control_client
from control_client import DIRECTORY, NULL, PATH, Client, as_before, at_rest, log, names, run_tests, wait_for


def in_process(script, *before):
    """A script on control_client's names, in a process of its own. @return that one's number"""
    with open(control_client.__file__, encoding="utf-8") as source:
        code = source.read()
    command = [*before, sys.executable, "-c", code + script, *sys.argv[1:]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _, err = process.communicate()
    assert process.returncode == 0, err
    return process.pid


def as_nobody(script):
    """The same, as a user without rights, whom the group lets in. setpriv becomes the script."""
    return in_process(script, "setpriv", "--reuid=65534", f"--regid={os.stat(PATH).st_gid}",
                      "--clear-groups")


@contextlib.contextmanager
def with_roots():
    """A client that has all rights, and a mirror `roots`."""
    with Client() as c:
        c.get("add", spec=NULL + ",name=roots")
        yield c
        c.get("remove", name="roots")


def test_mode():
    mode = os.stat(PATH).st_mode & 0o777
    assert mode == 0o660 and os.stat(PATH).st_gid != 0, oct(mode)


def ask_as_nobody():
    as_nobody(
        "c = Client()\n"
        "v = c.get('version')\n"
        "assert not v['you']['all_rights'], v\n"
        "assert c.get('list')['mirrors'][0]['name'] == 'roots'\n"
        "for sink in ('[file,path=/dev/null]', '[net_tap,iface=evil]', '[net_null]',\n"
        "             '[file,path=x,exec=id]'):\n"
        "    c.refused(1, 'rights', 'add', spec='port=0,sink=' + sink)\n"
        "    c.refused(1, 'rights', 'check', specs=['port=0,sink=' + sink])\n"
        "    c.refused(1, 'rights', 'snapshot', name='roots', sink=sink)\n"
        "c.refused(1, \"not uid 65534's\", 'remove', name='roots')\n"
        "c.refused(1, 'may not', 'reload')\n"
        "for key in ('core=0', 'mbufs=4095', 'ring_bytes=64M', 'reference=1000', 'mode=inline'):\n"
        "    c.refused(1, key.split('=')[0], 'add', spec='port=0,%s,sink=[file,fd=0]' % key,\n"
        "              fds=[os.open('/dev/null', os.O_WRONLY)])\n"
        "c.refused(1, \"not uid 65534's\", 'snapshot', name='roots', sink='[file,fd=0]',\n"
        "          fds=[os.open('/dev/null', os.O_WRONLY)])\n"
        "c.refused(22, 'more than a sink', 'snapshot', name='roots', sink='[file,fd=0],name=x',\n"
        "          fds=[os.open('/dev/null', os.O_WRONLY)])\n"
        "read, write = os.pipe()\n"
        "name = c.get('add', [write], spec='port=0,sink=[file,fd=0]')['name']\n"
        "c.get('remove', name=name)\n")


def test_group():
    with with_roots():
        ask_as_nobody()


def test_exec():
    """Nothing is run for who has not the rights, and not beside a descriptor of his either."""
    ran = f"{DIRECTORY}/ran"
    with with_roots() as c:
        as_nobody(f"""
c = Client()
null = os.open('/dev/null', os.O_WRONLY)
for sink in ('[file,fd=0,exec=touch {ran}]', '[file,exec=touch {ran},fd=0,rotate_bytes=1M]',
             '[file,path={ran},fd=0]', '[file,path={ran}.pcapng,exec=touch {ran}]'):
    c.refused(1, 'rights', 'add', [null], spec='port=0,sink=' + sink)
    c.refused(1, 'rights', 'check', [null], specs=['port=0,sink=' + sink])
    c.refused(1, 'rights', 'snapshot', [null], name='roots', sink=sink)
assert [m['name'] for m in c.get('list')['mirrors']] == ['roots']
""")
        null = os.open("/dev/null", os.O_WRONLY)
        c.refused(22, "exec needs a path", "add", [null], spec=f"port=0,sink=[file,fd=0,exec=touch {ran}]")
        os.close(null)
    assert [name for name in os.listdir(DIRECTORY) if name.startswith("ran")] == []


def empty_file(name):
    return os.open(f"{DIRECTORY}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def test_next():
    """Files for a mirror that is not one's own, or takes none, or too many: refused, and not kept."""
    before = at_rest()
    with Client() as c:
        first, null = empty_file("first"), os.open("/dev/null", os.O_WRONLY)
        files = [empty_file(f"next{n}") for n in range(9)]
        c.get("add", [first], spec="name=turns,port=0,filter=tcp port 7,sink=[file,fd=0,rotate_bytes=1M]")
        c.get("add", spec=NULL + ",name=one")
        c.get("add", spec="name=vdev,port=0,filter=tcp port 7,sink=[net_null]")
        c.refused(22, "no descriptor came", "next", name="turns")
        c.refused(-32602, "name is missing", "next", files[:1])
        c.refused(-32602, "more than 8", "next", files, name="turns")
        c.refused(95, "mirror 'one': no file comes next", "next", files[:1], name="one")
        c.refused(95, "mirror 'vdev' has one output", "next", files[:1], name="vdev")
        c.refused(2, "no mirror 'none'", "next", files[:1], name="none")
        c.refused(22, "no empty file", "next", [null], name="turns")
        as_nobody("""
c = Client()
for name in ('turns', 'none'):
    c.refused(1, "not uid 65534's", 'next', [os.open('/dev/null', os.O_WRONLY)], name=name)
    c.refused(1, "not uid 65534's", 'next', name=name)
""")
        # None of those above was kept: the first comes for the first time now, and then again.
        c.refused(22, "of 2 files 1 were taken", "next", [files[0], files[0]], name="turns")
        c.get("next", files[1:8], name="turns")
        c.refused(11, "8 files wait", "next", files[8:], name="turns")
        for name in ("turns", "one", "vdev"):
            c.get("remove", name=name)
        for fd in (first, null, *files):
            os.close(fd)
    as_before(before)


def test_places():
    """A crowd of theirs takes no place of one who has all rights, however long he says nothing."""
    with Client() as c:
        c.get("version")
        as_nobody("""
crowd = []
for n in range(80):
    crowd.append(Client())
    try:
        crowd[-1].ask('watch', interval_ms=60000)
    except (AssertionError, OSError):  # there was no place
        assert n >= 50, n
""")
        c.get("version")


def test_going():
    """Mirrors whose client has gone are his until they have gone as well."""
    before = at_rest()
    as_nobody("""
import select
spec = 'name=going%d,port=0,sink=[file,fd=0]'
pipes = [os.pipe() for _ in range(8)]
with Client() as c:
    for n, (_, write) in enumerate(pipes):
        c.get('add', [write], spec=spec % n)
    for _, write in pipes:
        wait_for(lambda: not select.select([], [write], [], 0)[1], 'the pipe is full')
with Client() as c:
    null = os.open('/dev/null', os.O_WRONLY)
    c.refused(1, 'has 8 mirrors', 'add', [null], spec=spec % 8)
    wait_for(lambda: names() == [], 'they go, together', 15)
    c.get('add', [null], spec=spec % 9)
""")
    wait_for(lambda: names() == [], "gone with their client")
    as_before(before)


# --- what the host is told


def said(words):
    """vmirror has said so, in a line that is that and nothing else."""
    wait_for(lambda: f"vmirror: control: {words}" in log(), words)


def refusals(who):
    return [line for line in log() if f"control: {who} was refused " in line]


def test_told_of_nobody():
    """Who did what, and who was refused what and why, is told with the number and the user that the kernel
    knows of the other side; many refusals are told as a number."""
    with with_roots():
        pid = as_nobody("""
c = Client()
null = os.open('/dev/null', os.O_WRONLY)
c.get('add', [null], spec='name=theirs,port=0,sink=[file,fd=0]')
c.get('remove', name='theirs')
c.get('add', [null], spec='name=left,port=0,sink=[file,fd=0]')
c.refused(1, 'rights', 'add', spec='port=0,sink=[net_null]')
c.refused(22, '', 'add', spec='port=0')
c.refused(2, '', 'stats', name='none')
c.refused(1, "not uid 65534's", 'snapshot', name='roots')
c.refused(1, "not uid 65534's", 'remove', name='roots')
for _ in range(500):
    c.refused(1, 'may not', 'reload')
""")
        who = f"pid {pid}, uid 65534"
        said(f"{who} added mirror 'theirs'")
        said(f"{who} removed mirror 'theirs'")
        said(f"mirror 'left' removed: its client, {who}, has gone")
        said(f"{who} was refused 500 times more")
    add, snapshot, remove, _ = refusals(who)
    assert "was refused add: sink=[net_null,…] would act with the rights" in add, add
    assert "was refused snapshot: mirror 'roots' is not uid 65534's" in snapshot, snapshot
    assert "was refused remove: mirror 'roots' is not uid 65534's" in remove, remove


def test_told_of_crowd():
    """Who comes again and again is not told of each time; control.sh looks for the number at the end."""
    before = len(log())
    begun = time.monotonic()
    pid = as_nobody("""
for _ in range(300):
    with Client() as c:
        c.refused(1, 'may not', 'reload')
        c.refused(1, 'may not', 'reload')
""")
    lines = refusals(f"pid {pid}, uid 65534")
    assert 0 < len(lines) < 40 + time.monotonic() - begun, len(lines)
    assert len(log()) < before + 80 + time.monotonic() - begun


def test_told_of_root():
    """The same of who has all rights, of whom there is nothing to be refused."""
    pid = in_process(f"""
c = Client()
c.get('add', spec='name=rec,port=0,filter=icmp,mode=recorder,ring_bytes=64k,'
      'sink=[file,path={DIRECTORY}/rec.pcapng]')
c.get('snapshot', [os.open('/dev/null', os.O_WRONLY)], name='rec', sink='[file,fd=0]')
c.refused(2, 'without --config', 'reload')
c.get('remove', name='rec')
""")
    who = f"pid {pid}, uid 0"
    said(f"{who} added mirror 'rec'")
    said(f"{who} asked for a snapshot of mirror 'rec'")
    said(f"{who} asked for the configuration to be read again")
    said(f"{who} removed mirror 'rec'")
    assert refusals(who) == []
    assert names() == []


if __name__ == "__main__":
    run_tests(globals())
