# SPDX-License-Identifier: BSD-3-Clause
"""Which way a port of the switch is captured: by DPDK's ports that it has, or by a Mirror."""

import difflib
import time

from programs import Failed, command, last_line, vmirrorctl
from switch import several

MIRRORS_MAX = 32  # of a bridge [ofproto-dpif-mirror.h, 3.1]
NAMED = 12  # ports that an error names
STARTING = 5  # seconds after which a plugin has a control socket


def has_plugin(pid):
    try:
        with open(f"/proc/{pid}/maps", encoding="latin-1") as file:
            return "libvmirror_payload.so" in file.read()
    except OSError:
        return True  # nobody knows; vmirrorctl says what it sees


def ethdevs(place, plugin):
    """DPDK's ports of the switch: name by number.

    place: vmirrorctl's words for the process. plugin: where it would be loaded from."""
    end = time.monotonic() + STARTING
    while True:
        done = command(vmirrorctl(), "ports", *place)
        if done.returncode == 0:
            rows = [line.split() for line in done.stdout.splitlines()[1:]]
            return {row[0]: row[1] for row in rows}
        if place[0] == "-p" and not has_plugin(place[-1]):
            raise Failed(
                f"ovs-vswitchd (process {place[-1]}) runs without vmirror's plugin; right would be: "
                "ovs-vsctl --no-wait set Open_vSwitch . other_config:dpdk-extra=\"-d "
                f"{plugin}\", and a restart of the switch (see plugin.md in doc or /usr/share/doc/vmirror)")
        # Its control socket comes when the switch has started.
        if "no control socket" not in done.stderr or time.monotonic() > end:
            raise Failed(last_line(done))
        time.sleep(0.2)


def ethdev_of(row, devices):
    """The name that DPDK has for an interface of Open vSwitch; None: it is none of DPDK's."""
    if row["type"] != "dpdk":
        return None
    devargs = row["options"].get("dpdk-devargs", "")
    name = devargs.split(",")[0]
    # A representor's devargs begin with the name of another.
    if name in devices.values() and "representor" not in devargs:
        return name
    return devices.get(row["status"].get("port_no", ""))


def error_of(port):
    """Why a port is not there; "": it is."""
    return "; ".join(row["error"] for row in port.interfaces if isinstance(row["error"], str))


class Source:
    """A port to capture: by its ethdevs, or, where there are none, by a Mirror."""

    def __init__(self, port, names):
        self.port, self.names = port, names

    def hindrance(self):
        """Why it cannot be captured: words that follow its name; None: it can."""
        bridge, error = self.port.bridge, error_of(self.port)
        if error:
            return f"is not there, says Open vSwitch: {error}"
        if self.names:
            return None
        if bridge["datapath_type"] != "netdev":
            return (f"is on bridge '{bridge['name']}', which the kernel switches (datapath_type); "
                    f"right would be: tcpdump -i {self.port.name}")
        if all(row["type"] == "patch" for row in self.port.interfaces):
            return ("is a patch port, and what passes there no Mirror of Open vSwitch sees; right "
                    "would be a port that it comes from or goes to")
        return None

    def way(self):
        if self.hindrance():
            return f"nothing: it {self.hindrance()}"
        return "hooks on " + ", ".join(self.names) if self.names else "a Mirror"

    def by_mirror(self):
        if 0 < len(self.names) < len(self.port.interfaces):
            raise Failed(f"{self.names[0]} is part of port '{self.port.name}', and a Mirror, which "
                         "-Q in and out take where one of the ports needs one, has whole ports")
        return Source(self.port, [])


def source_of(port, devices):
    names = [ethdev_of(row, devices) for row in port.interfaces]
    return Source(port, names if all(names) else [])


def unknown(switch, name):
    known = switch.names()
    near = difflib.get_close_matches(name, known, 1)
    if near:
        hint = f"did you mean '{near[0]}'?"
    elif known:
        more = f", and {len(known) - NAMED} more" if len(known) > NAMED else ""
        hint = f"there are: {', '.join(known[:NAMED])}{more}"
    else:
        hint = "it has none; ovs-vsctl add-port makes one"
    return Failed(f"the switch has no port '{name}'; {hint}")


def find(switch, devices, name):
    for port in switch.ports:
        if port.name == name:
            return source_of(port, devices)
    for port in switch.ports:
        for row in port.interfaces:
            if row["name"] != name:
                continue
            device = ethdev_of(row, devices)
            if device:
                return Source(port, [device])
            raise Failed(f"interface '{name}' is part of port '{port.name}', and a Mirror has "
                         f"whole ports; right would be -i {port.name}")
    raise unknown(switch, name)


def check(sources):
    """Whether these can be captured now."""
    mirrors = {}
    for source in sources:
        port, bridge, hindrance = source.port, source.port.bridge, source.hindrance()
        if hindrance:
            raise Failed(f"port '{port.name}' {hindrance}")
        if source.names:
            continue
        has = mirrors.setdefault(bridge["name"], len(several(bridge["mirrors"])))
        if has >= MIRRORS_MAX:
            raise Failed(f"port '{port.name}' needs a Mirror, and of these bridge "
                         f"'{bridge['name']}' has no room for more than {MIRRORS_MAX}")
        mirrors[bridge["name"]] += 1
