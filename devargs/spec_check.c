/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the keys of a spec say together. Each by itself was read by spec.c, to whom nought is what
 * a key's absence says.
 */

#include "spec_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#include "error.h"

#define RINGS     (1u << VMIRROR_SPEC_RING | 1u << VMIRROR_SPEC_RECORDER)
#define DRAINS    (1u << VMIRROR_SPEC_RING)
#define RECORDS   (1u << VMIRROR_SPEC_RECORDER)
#define PASSES_ON (1u << VMIRROR_SPEC_RING | 1u << VMIRROR_SPEC_INLINE)

/* Keys that have no meaning in every mode. */
static int
check_mode(const struct vmirror_spec *spec, struct vmirror_error *err)
{
	static const char no_rings[] =
		"there are no rings in mode=inline; right would be mode=ring";
	static const char no_recorder[] = "snapshots are made in mode=recorder alone";
	const struct {
		const char *key;
		bool given;
		unsigned int modes;
		const char *why;
	} keys[] = {
		{"ring_bytes", spec->ring_bytes != 0, RINGS, no_rings},
		{"core", spec->has_core, RINGS, no_rings},
		{"latency", spec->latency_ms != 0, RINGS, no_rings},
		{"reference", spec->reference != 0, RINGS, no_rings},
		{"latency", spec->latency_ms != 0, DRAINS,
		 "a recorder passes nothing on until it is asked; right would be to leave it out"},
		{"reference", spec->reference != 0, DRAINS,
		 "a recorder would keep the host's packets for ever; right would be to leave it "
		 "out"},
		{"count", spec->count != 0, PASSES_ON,
		 "a recorder keeps the last packets, not the first; right would be duration="},
		{"bytes", spec->bytes != 0, PASSES_ON,
		 "a recorder keeps the last packets, not the first; right would be duration="},
		{"trigger", spec->trigger != NULL, RECORDS, no_recorder},
		{"before", spec->before_ms != 0, RECORDS, no_recorder},
		{"after", spec->after_ms != 0, RECORDS, no_recorder},
		{"snapshots", spec->snapshots != 0, RECORDS, no_recorder},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].given && (keys[i].modes & 1u << spec->mode) == 0)
			return vmirror_error_set(err, -EINVAL, "%s: %s", keys[i].key, keys[i].why);
	if (spec->trigger == NULL &&
	    (spec->before_ms != 0 || spec->after_ms != 0 || spec->snapshots != 0))
		return vmirror_error_set(err, -EINVAL,
					 "before, after and snapshots are a trigger's; right would "
					 "be, say, trigger=\"icmp[0] = 3\" with them");
	return 0;
}

int
vmirror_spec_check(const struct vmirror_spec *spec, struct vmirror_error *err)
{
	int len, ret;

	if (!spec->all_ports && spec->n_ports == 0)
		return vmirror_error_set(err, -EINVAL,
					 "no port is given; right would be port=0, port=net_tap0, "
					 "port=[0,1] or port=all");
	if (spec->sink.vdev == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "no sink is given; right would be, say, "
					 "sink=[net_pcap,tx_pcap=report.pcap]");
	ret = check_mode(spec, err);
	if (ret != 0)
		return ret;
	if (spec->reference != 0 && spec->dir == VMIRROR_SPEC_RX)
		return vmirror_error_set(err, -EINVAL,
					 "reference: packets that are received are copied, as the "
					 "process may change them; right would be dir=tx or rxtx");
	if (spec->snaplen != 0 && spec->snaplen < spec->reference)
		return vmirror_error_set(err, -EINVAL,
					 "reference: snaplen=%" PRIu32
					 " keeps less of each packet, "
					 "so that none would be held; right would be a reference= "
					 "of at most that",
					 spec->snaplen);
	/* "1G" grows when built: whoever builds may rely on VMIRROR_SPEC_TEXT_SIZE all the same. */
	len = vmirror_spec_build(spec, NULL, 0);
	if (len >= VMIRROR_SPEC_TEXT_SIZE)
		return vmirror_error_set(err, -E2BIG,
					 "the spec written out has %d bytes; right would be at "
					 "most %d",
					 len, VMIRROR_SPEC_TEXT_SIZE - 1);
	return 0;
}
