# SPDX-License-Identifier: BSD-3-Clause
"""The switch's database at one moment, and what is taken away from it."""

import json

from owner import OWNER
from programs import is_switching, vsctl

MTU_DEFAULT = 1500
MTU_MAX = 9710  # of a dpdk port of Open vSwitch [netdev-dpdk.c, 3.1: a frame of 9728 bytes]


def plain(value):
    """OVSDB's JSON in Python's types. A set of one is that one."""
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "map":
        return dict(content)
    return content if kind == "uuid" else [plain(item) for item in content]


def several(value):
    return value if isinstance(value, list) else [value]


class Port:
    """A row of the table Port, the rows of its interfaces with it."""

    def __init__(self, row, bridge, interfaces):
        self.uuid, self.name, self.bridge = row["_uuid"], row["name"], bridge
        self.tag, self.vlan_mode = several(row["tag"]), several(row["vlan_mode"])
        self.owner = row["external_ids"].get(OWNER)
        self.interfaces = [interfaces[uuid] for uuid in several(row["interfaces"])]


class Switch:
    """What the database has, at one moment."""

    COLUMNS = {
        "Bridge": "_uuid,name,datapath_type,ports,mirrors",
        "Port": "_uuid,name,interfaces,tag,vlan_mode,external_ids",
        "Interface": "_uuid,name,type,options,status,mtu,error,ofport",
        "Mirror": "_uuid,external_ids",
    }

    def __init__(self):
        words = []
        for table, columns in self.COLUMNS.items():
            words += ["--", f"--columns={columns}", "list", table]
        lines = vsctl("--format=json", *words, wait=False).splitlines()
        tables = [self.rows(json.loads(line)) for line in lines]
        self.bridges, ports, interfaces, self.mirrors = tables
        self.ports = [Port(ports[uuid], bridge, interfaces)
                      for bridge in self.bridges.values() for uuid in several(bridge["ports"])]

    @staticmethod
    def rows(table):
        rows = [dict(zip(table["headings"], map(plain, row))) for row in table["data"]]
        return {row["_uuid"]: row for row in rows}

    def names(self):
        return sorted(port.name for port in self.ports if port.owner is None)

    def owners(self):
        marks = [port.owner for port in self.ports]
        marks += [mirror["external_ids"].get(OWNER) for mirror in self.mirrors.values()]
        return sorted(set(filter(None, marks)))

    def mtu(self, bridge):
        """The largest of the bridge's, so that none of its packets is too large for a capture."""
        known = [MTU_DEFAULT]
        for port in self.ports:
            if port.bridge is bridge:
                known += [mtu for row in port.interfaces for mtu in several(row["mtu"])]
        return min(max(known), MTU_MAX)

    def remove(self, owners):
        """What belongs to these, in one transaction."""
        words = []
        for uuid, bridge in self.bridges.items():
            mine = {
                "mirrors": [mirror for mirror in several(bridge["mirrors"])
                            if self.mirrors[mirror]["external_ids"].get(OWNER) in owners],
                "ports": [port.uuid for port in self.ports
                          if port.bridge is bridge and port.owner in owners],
            }
            for column, rows in mine.items():
                if rows:
                    words += ["--", "--if-exists", "remove", "Bridge", uuid, column, *rows]
        if words:
            vsctl(*words, wait=is_switching())
