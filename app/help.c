/* SPDX-License-Identifier: BSD-3-Clause */

/* --help and --version. The list of options comes from the table in options.c. */

#include "help.h"

#include <stdio.h>

#include <rte_version.h>

#include "vmirror.h"

#include "options.h"

static const char usage[] =
	"usage: vmirror [EAL options] -- [options]\n"
	"       vmirror --ovs-port SPEC\n"
	"\n"
	"Takes the ports that EAL gives it, forwards between pairs of them, and mirrors them.\n"
	"Adjacent ports are pairs (0:1, 2:3, …) unless --forward says otherwise; a port without a\n"
	"peer only receives.\n"
	"\n"
	"options:\n";

static const char spec[] =
	"\n"
	"SPEC is a list of key=value, with commas between; values with a comma stand in "
	"[brackets]\n"
	"or \"double quotes\":\n"
	"  port=PORT            device name or number, [several,of,them], or all; required\n"
	"  sink=[DRIVER,ARG,…]  where to: a vdev and its arguments; required\n"
	"                       [file,path=FILE], [net_tap,iface=NEW], [net_af_packet,iface=OLD],\n"
	"                       [virtio_user0,path=SOCKET], or any other vdev; see spec.md\n"
	"  name=NAME            made up when it is not given\n"
	"  dir=rx|tx|rxtx       rxtx when it is not given\n"
	"  queue=[0-3,7]        all when it is not given\n"
	"  filter=\"EXPRESSION\"  as tcpdump's, see pcap-filter(7)\n"
	"  snaplen=BYTES        keep that much of each packet\n"
	"  sample=N             1 in N of the packets that match\n"
	"  max_pps=N max_bps=N  so many packets, and bits of them, a second at the most\n"
	"  guard=5%             leave bursts out when more of a core's time is taken\n"
	"  mode=ring|inline     copied for a thread, the default; or fed on the forwarding core\n"
	"  mode=recorder        the last ring_bytes=64M are kept; SIGUSR1, or a packet that "
	"matches\n"
	"                       trigger=\"EXPRESSION\", has them written, from before=TIME (all) "
	"to\n"
	"                       after=TIME (1s) of it, snapshots=N (10) times\n"
	"  ring_bytes=BYTES     of each queue's ring; latency=10ms, core=N: of the thread\n"
	"  reference=BYTES      hold packets so long that are sent, in place of a copy\n"
	"  count=PACKETS        end the mirror after so many\n"
	"  bytes=BYTES          end the mirror after so much of packets\n"
	"  duration=TIME        end the mirror after this time: 500ms, 10s, 5m, 1h\n"
	"  mbufs=N              packets in the mirror's own mempool\n"
	"\n"
	"Without hugepages or NICs, between two kernel interfaces that it makes itself:\n"
	"  vmirror --no-huge --no-pci --vdev net_tap0,iface=left --vdev net_tap1,iface=right -- "
	"\\\n"
	"    --mirror 'port=0,filter=\"tcp port 80\",sink=[net_pcap_web,tx_pcap=report.pcap]'\n"
	"\n"
	"Two NICs on two cores, what comes in at the first to an interface for tcpdump:\n"
	"  vmirror -l 2,3 -a 0000:01:00.0 -a 0000:01:00.1 -- --stats 1 \\\n"
	"    --mirror 'name=live,port=0000:01:00.0,dir=rx,snaplen=128,"
	"sink=[net_tap_live,iface=mon0]'\n"
	"\n"
	"SIGINT and SIGTERM end it, SIGUSR1 makes a snapshot of each recorder, SIGHUP has the "
	"file\n"
	"of --config read again, and ends it without one. Exit status: 0, 1 when it could not "
	"run,\n"
	"2 for bad usage. More: vmirror(1), and spec.md in doc or /usr/share/doc/vmirror.\n";

void
help_print(void)
{
	fputs(usage, stdout);
	options_print(stdout);
	fputs(spec, stdout);
}

void
version_print(void)
{
	printf("vmirror %s (%s)\n", vmirror_version(), rte_version());
}
