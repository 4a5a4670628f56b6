#!/usr/bin/python3 -I
# SPDX-License-Identifier: BSD-3-Clause
"""vmirror-ovs: capture ports of an Open vSwitch that has vmirror's plugin, by the switch's names.

A port of type dpdk is one of DPDK's own: its name there is all that vmirrorctl needs. Any other, a
virtual machine's for one, no hook sees; a Mirror of Open vSwitch leads what passes there into a port
that throws it away (net_null), and that one is captured. Port and Mirror are made in one transaction
and marked with whom they belong to. A child of this program, the guard, takes them away when its
parent ends, however it ends; what nobody takes away any more, the next call does.

Python, as Open vSwitch's own scripts are: it needs Python already. Open vSwitch is spoken to through
ovs-vsctl, ovs-ofctl and ovs-appctl alone. meson fills in what stands between at signs.
"""

import os
import re
import sys

# In the build directory they are beside this.
BESIDE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, BESIDE if os.path.exists(f"{BESIDE}/switch.py") else "@MODULES@")
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from line import Line
from mirror import through_mirrors
from owner import here, is_left
from programs import Failed, command, last_line, say, vmirrorctl, vswitchd
from source import check, ethdevs, find, source_of
from switch import Switch

VERSION = "@VERSION@"
PLUGIN = "@PLUGIN@"

HELP = """\
usage: vmirror-ovs capture -i PORT [options] [FILTER...]
       vmirror-ovs list
       vmirror-ovs clean

capture  show packets of a port of Open vSwitch, or write them to a file
list     list the ports, and by which way each is captured
clean    take away what captures that were killed have left in the switch

  -i PORT          as ovs-vsctl names it; several with several -i
  -Q DIR           in: what comes into the switch at the port, out: what leaves there, inout: both
  -D               the same as list
  -d               say what would be done, and end
  -p PID, --control PATH
                   the process that switches, in place of the one in ovs-vswitchd.pid
  --help           this
  --version        of vmirror-ovs

All other options are vmirrorctl's: 'vmirrorctl help capture' has them. Ports of type dpdk are captured
where they are; for others there is a Mirror, and a port for its output, until the capture ends.
  vmirror-ovs capture -i dpdk0 -w web.pcapng tcp port 80
  vmirror-ovs capture -i vm1 -c 10
"""


def clean(switch):
    left = [mark for mark in switch.owners() if is_left(mark)]
    switch.remove(left)
    for mark in left:
        say(f"took away what a capture that was killed (process {mark.split(':')[0]}) had left in "
            "the switch")
    return left


def check_files(line):
    """Their names and numbers: of these vmirrorctl knows before it asks a process, which here is none."""
    if not line.following:
        return
    done = command(vmirrorctl(), "capture", "-d", "--control", os.devnull, *line.file_words())
    if done.returncode == 2:
        raise Failed(last_line(done), 2)


def check_line(line, place, devices):
    """What vmirrorctl thinks of it, before anything is made. It is asked of a port that is there, and
    without the file: the switch may have no right to what is written here."""
    known = next(iter(devices.values()), "any")
    done = command(vmirrorctl(), "capture", "-d", *place, "-i", known, *line.direction_words(),
                   *line.rest)
    if done.returncode != 0:
        raise Failed(re.sub("^mirror '[^']*': ", "", last_line(done)), done.returncode)
    folder = os.path.dirname(line.file or "") or "."
    if not os.path.isdir(folder):
        raise Failed(f"-w {line.file}: there is no directory '{folder}'")


def capture(words):
    line = Line(words)
    if "h" in line.letters:
        return print_help()
    if "V" in line.letters:
        return print_version()
    if "D" in line.letters:
        return list_ports(line.place)
    if not line.ports:
        raise Failed("capture: no port; right would be: vmirror-ovs capture -i PORT, and "
                     "'vmirror-ovs list' has them", 2)
    switch = Switch()
    place = line.place or ["-p", vswitchd()]
    clean(switch)
    devices = ethdevs(place, PLUGIN)
    sources = [find(switch, devices, name) for name in dict.fromkeys(line.ports)]
    check_files(line)
    check_line(line, place, devices)
    if line.direction in ("in", "out") and not all(source.names for source in sources):
        # Whatever comes out of a Mirror is sent: what was received has to come by one, too.
        sources = [source.by_mirror() for source in sources]
    check(sources)
    return start(switch, sources, line, [vmirrorctl(), "capture", *place])


def start(switch, sources, line, words):
    """words: of vmirrorctl, but for the ports"""
    hooked = [name for source in sources for name in source.names]
    mirrored = [source.port for source in sources if not source.names]
    if "d" in line.letters:
        words.append("-d")
        for port in mirrored:
            print(f"{port.name}: by a Mirror of bridge {port.bridge['name']}", flush=True)
        if not hooked:
            return 0
        mirrored = []
    for name in hooked:
        words += ["-i", name]
    if mirrored:
        return through_mirrors(switch, mirrored, words, line)
    words += [*line.direction_words(), *line.file_words(), *line.rest]
    # From here on it is vmirrorctl: there is nothing to take away.
    os.execvp(words[0], words)


def list_ports(place):
    switch = Switch()
    devices = ethdevs(place or ["-p", vswitchd()], PLUGIN)
    rows = [("BRIDGE", "PORT", "TYPE", "CAPTURED BY")]
    for port in sorted(switch.ports, key=lambda port: (port.bridge["name"], port.name)):
        kinds = ", ".join(sorted({row["type"] or "system" for row in port.interfaces}))
        way = source_of(port, devices).way()
        if port.owner:
            way = f"(belongs to a capture, process {port.owner.split(':')[0]})"
        rows.append((port.bridge["name"], port.name, kinds, way))
    widths = [max(len(row[i]) for row in rows) for i in range(3)] + [0]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0


def clean_all():
    switch = Switch()
    clean(switch)
    for mark in switch.owners():
        pid, namespace = mark.split(":")[0], mark.split(":")[-1]
        if not is_left(mark) and namespace != here()[1]:
            say(f"left alone what process {pid} of another container made; ovs-vsctl can take "
                f"away its port, vmirror{pid}")
    return 0


def print_help():
    print(HELP, end="")
    return 0


def print_version():
    print(f"vmirror-ovs {VERSION}")
    return 0


COMMANDS = ("capture", "list", "clean", "help")


def main(words):
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name in ("help", "-h", "--help"):
        return print_help()
    if name in ("-V", "--version"):
        return print_version()
    if name == "capture":
        return capture(rest)
    if name == "-D":
        name = "list"
    if name not in COMMANDS:
        raise Failed((f"unknown command '{name}'" if name else "no command") +
                     f"; there are {', '.join(COMMANDS)}", 2)
    if rest:
        raise Failed(f"{name}: '{rest[0]}' is too much; right would be: vmirror-ovs {name}", 2)
    return list_ports([]) if name == "list" else clean_all()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failed as failed:
        say(failed)
        sys.exit(failed.status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os._exit(1)
