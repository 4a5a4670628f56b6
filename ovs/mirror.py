# SPDX-License-Identifier: BSD-3-Clause
"""A port and a Mirror that leads to it, as long as a capture needs them."""

import ctypes
import json
import os
import re
import signal
import subprocess
from string import ascii_letters

from owner import OWNER, my_mark
from programs import Failed, command, last_line, say, vsctl
from source import error_of
from switch import Switch

PR_SET_PDEATHSIG = 1


def quoted(text):
    """As ovs-vsctl takes any text."""
    return json.dumps(text)


class Output:
    """The port that a Mirror leads to. Names are by the pid, which no two captures share."""

    def __init__(self, port, number):
        suffix = f"{os.getpid()}" + (ascii_letters[number - 1] if number else "")
        named = re.sub(r"[^A-Za-z0-9_.-]", "_", port.name)[:20]
        self.port, self.bridge = port, port.bridge
        self.number = number
        self.name = f"vmirror{suffix}"  # at most 15 bytes, as OpenFlow has them
        self.vdev = f"net_null_vmirror_{named}_{suffix}"

    def words(self, mark, direction, mtu):
        """Of ovs-vsctl. It sees the tags that the port itself would: it has its VLAN."""
        n = self.number
        same = [f"name={quoted(self.name)}", f"external_ids:{OWNER}={quoted(mark)}"]
        vlan = [f"tag={tag}" for tag in self.port.tag]
        vlan += [f"vlan_mode={mode}" for mode in self.port.vlan_mode]
        ends = {"in": ["src"], "out": ["dst"]}.get(direction, ["src", "dst"])
        return [
            "--", f"--id=@i{n}", "create", "Interface", *same, "type=dpdk",
            f"options:dpdk-devargs={quoted(self.vdev + ',no-rx=1')}", f"mtu_request={mtu}",
            "--", f"--id=@p{n}", "create", "Port", *same, f"interfaces=@i{n}", *vlan,
            "--", f"--id=@m{n}", "create", "Mirror", *same, f"output-port=@p{n}",
            *[f"select-{end}-port={self.port.uuid}" for end in ends],
            "--", "add", "Bridge", self.bridge["_uuid"], "ports", f"@p{n}",
            "--", "add", "Bridge", self.bridge["_uuid"], "mirrors", f"@m{n}",
        ]

    def finish(self, line):
        """ovs-vsctl ends with 0 when the port could not be made. Then, no flood."""
        made = next(p for p in Switch().ports if p.name == self.name)
        number = made.interfaces[0]["ofport"]
        if error_of(made) or number in ([], -1):
            raise Failed(f"Open vSwitch cannot make a port of {self.vdev} for the Mirror: "
                         f"{error_of(made) or 'no reason given'}; its log, ovs-vswitchd.log, says "
                         "more: is there DPDK memory left, and the driver net_null?")
        done = command("ovs-ofctl", "--timeout=5", "mod-port", self.bridge["name"], str(number),
                       "no-flood")
        if done.returncode != 0:
            say(f"port {self.name} is not kept from floods, which takes OpenFlow 1.0 "
                f"({last_line(done)}): where flows have actions=FLOOD, packets are seen twice")
        if "q" not in line.letters:
            say(f"a Mirror leads port {self.port.name} of bridge {self.bridge['name']} to port "
                f"{self.name} until this ends")


def undo(mark):
    Switch().remove([mark])


def guard(mark):
    """A child that waits until all ends of a pipe are closed, and takes away what is marked.
    @return its pid, and an end, which this process and those that it lends it to have"""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(ours)
        return pid, theirs
    status = 1
    try:
        os.setsid()
        os.chdir("/")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        os.close(theirs)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.read(ours, 1)
        undo(mark)
        status = 0
    except Failed as error:
        say(f"{error}; what the capture had made in the switch may still be there: vmirror-ovs "
            "clean")
    finally:
        os._exit(status)


class Run:
    """vmirrorctl, and the signals that are meant for it. It is in a session of its own, so that it
    gets each of them once, whoever it was sent to. They are waited for, as a handler may run just
    before one waits for a child, and then too late."""

    def __init__(self):
        self.signals = {signal.SIGINT, signal.SIGTERM}
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup's word counts
            self.signals.add(signal.SIGHUP)
        # What is ignored may get lost though it is waited for.
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, self.signals | {signal.SIGCHLD})

    def run(self, words):
        """@return its status, as a shell has it"""
        early = signal.sigpending() & self.signals
        if early:
            return 128 + min(early)
        parent, libc = os.getpid(), ctypes.CDLL(None)

        def end_with_parent():
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:
                os._exit(1)

        child = subprocess.Popen(words, start_new_session=True, preexec_fn=end_with_parent)
        while child.poll() is None:
            number = signal.sigwait(self.signals | {signal.SIGCHLD})
            if number != signal.SIGCHLD:
                child.send_signal(number)
        return child.returncode if child.returncode >= 0 else 128 - child.returncode


def through_mirrors(switch, ports, words, line):
    """words: of vmirrorctl, with all other ports. @return its status"""
    run, mark = Run(), my_mark()
    outputs = [Output(port, number) for number, port in enumerate(ports)]
    for output in outputs:
        words += ["-i", output.vdev]
    pid, pipe = guard(mark)
    try:
        # ovs-vsctl has the pipe, too: should this process be killed, the guard waits for it.
        vsctl(*[word for output in outputs
                for word in output.words(mark, line.direction, switch.mtu(output.bridge))],
              keep=[pipe])
        for output in outputs:
            output.finish(line)
        return run.run([*words, *line.file_words(), *line.rest])
    finally:
        os.close(pipe)
        if os.waitpid(pid, 0)[1] != 0:
            undo(mark)
