# SPDX-License-Identifier: BSD-3-Clause
"""The programs that Open vSwitch is spoken to through, and vmirrorctl; what is said when they fail."""

import os
import re
import signal
import subprocess

SECONDS = 20  # that the switch may take for a change


class Failed(Exception):
    """One line for a person, and the status to end with: 1, or 2 for bad usage."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


def say(text):
    try:
        os.write(2, os.fsencode(f"vmirror-ovs: {text}\n"))
    except OSError:
        pass  # the terminal was closed


def command(*words, keep=()):
    """Run a program. In a session of its own, so that Ctrl-C does not end it halfway."""
    try:
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="surrogateescape", start_new_session=True, pass_fds=keep, check=False)
    except OSError as error:
        raise Failed(f"{words[0]} cannot be run: {error.strerror}; Open vSwitch's programs are in "
                     "Debian's package openvswitch-switch-dpdk, vmirrorctl comes with vmirror"
                     ) from error


def last_line(done):
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    return re.sub(r"^[a-z-]+: ", "", lines[-1])


def vsctl(*words, wait=True, keep=()):
    done = command("ovs-vsctl", f"--timeout={SECONDS}", *([] if wait else ["--no-wait"]), *words,
                   keep=keep)
    if done.returncode == 0:
        return done.stdout
    found = re.search(r"(\S+): database connection failed \((.*)\)", done.stderr)
    if found and found[2] in ("Permission denied", "Operation not permitted"):
        raise Failed(f"no permission to use the switch's database, {found[1]}; right would be to "
                     "be root, as with sudo")
    if found:
        raise Failed(f"the switch's database, {found[1]}, does not answer: {found[2]}; does Open "
                     "vSwitch run? systemctl start openvswitch-switch")
    if done.returncode == -signal.SIGALRM:
        raise Failed(f"the switch did not do within {SECONDS} s what its database says; its log, "
                     "ovs-vswitchd.log, may say why")
    raise Failed(f"ovs-vsctl: {last_line(done)}")


def is_switching():
    return command("ovs-appctl", "--timeout=5", "version").returncode == 0


def vmirrorctl():
    beside = os.path.join(os.path.dirname(os.path.realpath(__file__)), "vmirrorctl")
    return beside if os.access(beside, os.X_OK) else "vmirrorctl"


def rundir():
    return os.environ.get("OVS_RUNDIR", "/var/run/openvswitch")


def vswitchd():
    """Its pid."""
    path = f"{rundir()}/ovs-vswitchd.pid"
    try:
        with open(path, encoding="ascii") as file:
            pid = str(int(file.read()))
    except (OSError, ValueError):
        pid = None
    if pid is None or not is_switching():
        raise Failed(f"ovs-vswitchd does not run, or not in {rundir()}; right would be: systemctl "
                     "start openvswitch-switch")
    return pid
