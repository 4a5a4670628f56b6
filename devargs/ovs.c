/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a spec to ovs-vsctl's command line. spec.c has read it; what Open vSwitch and DPDK's kvargs
 * cannot express is refused here, before a switch in production is asked to try.
 *
 * On its way a value passes the shell (single quotes), ovs-vsctl (a string of OVSDB: JSON's
 * escapes), rte_devargs_parse() and rte_kvargs_parse(), which have neither quotes nor escapes.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "ovs.h"
#include "spec_sink.h"
#include "token.h"
#include "value.h"

/* OpenFlow's OFP_MAX_PORT_NAME_LEN without its terminator: ovs-ofctl does not find longer ones. */
#define PORT_NAME_MAX 15

/* A Mirror's snaplen, of Open vSwitch's schema. */
#define SNAPLEN_MIN 14
#define SNAPLEN_MAX 65535

/* Drivers, and their other names, of which a bare one gets something behind it. */
static const char *const drivers[] = {
	"net_pcap",  "eth_pcap",  "net_tap",         "net_af_packet", "eth_af_packet", "net_af_xdp",
	"net_null",  "eth_null",  "net_ring",        "eth_ring",      "net_vhost",     "eth_vhost",
	"net_memif", "eth_memif", "net_virtio_user", "virtio_user",
};

/* Arguments that name files: ovs-vswitchd has a working directory of its own. */
static const char *const file_keys[] = {"tx_pcap", "rx_pcap", "path", "socket"};

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* Names that the commands use. */
struct names {
	char vdev[VMIRROR_VALUE_DEVICE_NAME_MAX + VMIRROR_SPEC_NAME_SIZE + 2];
	char mirror[VMIRROR_VALUE_DEVICE_NAME_MAX + VMIRROR_SPEC_NAME_SIZE + 2];
	char port[PORT_NAME_MAX + 1];
};

static bool
is_one_of(const char *word, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

/* Whether the text is a sink and no more; sink= may stand before it. */
static int
find_sink(struct vmirror_token_scan *scan, struct vmirror_token *token, struct vmirror_error *err)
{
	struct vmirror_token other;
	int ret;

	ret = vmirror_token_next(scan, token, err);
	if (ret <= 0)
		return ret;
	if (token->key == NULL)
		return 1;
	if (token->key_len != strlen("sink") || memcmp(token->key, "sink", token->key_len) != 0)
		return 0;
	ret = vmirror_token_next(scan, &other, err);
	return ret < 0 ? ret : ret == 0;
}

static int
parse_sink(struct vmirror_spec_sink *sink, struct vmirror_token_scan *scan,
	   const struct vmirror_token *token, struct vmirror_error *err)
{
	char *text;
	int ret;

	ret = vmirror_token_check_tail(scan, token, err);
	if (ret < 0)
		return ret;
	text = vmirror_token_dup(token);
	if (text == NULL)
		return vmirror_value_no_memory(err);
	ret = vmirror_spec_sink_parse(sink, scan, token, text, err);
	free(text);
	if (ret < 0)
		vmirror_spec_sink_fini(sink);
	return ret;
}

/* What follows a sink that has no key, as in "net_null0,port=0". */
static int
refuse_rest(struct vmirror_token_scan *scan, struct vmirror_error *err)
{
	struct vmirror_token rest;
	int ret = vmirror_token_next(scan, &rest, err);

	if (ret <= 0)
		return ret;
	return vmirror_error_set(err, -EINVAL,
				 "more follows the sink; right would be a sink in brackets and "
				 "nothing else, [net_pcap0,tx_pcap=report.pcap], or a whole mirror "
				 "spec");
}

int
vmirror_ovs_parse(struct vmirror_spec *spec, const char *text, struct vmirror_error *err)
{
	struct vmirror_spec_sink sink = {0};
	struct vmirror_token_scan scan;
	struct vmirror_token token;
	int ret;

	vmirror_token_init(&scan, text, strlen(text));
	ret = find_sink(&scan, &token, err);
	if (ret < 0)
		return ret;
	if (ret == 0)
		return vmirror_spec_parse(spec, text, err);
	ret = refuse_rest(&scan, err);
	if (ret == 0)
		ret = parse_sink(&sink, &scan, &token, err);
	if (ret == 0)
		*spec = (struct vmirror_spec){.dir = VMIRROR_SPEC_RXTX, .sink = sink};
	return ret;
}

static int
make_names(struct names *names, const struct vmirror_spec *spec, struct vmirror_error *err)
{
	const char *vdev = spec->sink.vdev;

	if (vmirror_spec_is_driver(vdev, "file"))
		return vmirror_error_set(err, -EINVAL,
					 "sink: %s is vmirror's own and no vdev that Open vSwitch "
					 "could have; right would be net_pcap,tx_pcap=FILE",
					 vdev);
	if (!is_one_of(vdev, drivers, N_ELEMENTS(drivers)))
		snprintf(names->vdev, sizeof(names->vdev), "%s", vdev);
	else if (spec->name[0] != '\0')
		snprintf(names->vdev, sizeof(names->vdev), "%s_%s", vdev, spec->name);
	else
		snprintf(names->vdev, sizeof(names->vdev), "%s0", vdev);
	if (strlen(names->vdev) > VMIRROR_VALUE_DEVICE_NAME_MAX)
		return vmirror_error_set(
			err, -EINVAL, "sink: '%s' has %zu characters; right would be at most %d",
			names->vdev, strlen(names->vdev), VMIRROR_VALUE_DEVICE_NAME_MAX);
	snprintf(names->mirror, sizeof(names->mirror), "%s",
		 spec->name[0] != '\0' ? spec->name : names->vdev);
	snprintf(names->port, sizeof(names->port), "%.*s", PORT_NAME_MAX, names->mirror);
	return 0;
}

static int
refuse_key(const char *key, const char *right, struct vmirror_error *err)
{
	return vmirror_error_set(err, -EINVAL,
				 "%s: a Mirror of Open vSwitch has nothing of the kind; right "
				 "would be %s",
				 key, right);
}

/* A spec says more than a Mirror does. */
static int
check_mirror(const struct vmirror_spec *spec, struct vmirror_error *err)
{
	const struct {
		const char *key;
		bool given;
	} others[] = {
		{"queue", spec->n_queues > 0},
		{"sample", spec->sample != 0},
		{"max_pps", spec->max_pps != 0},
		{"max_bps", spec->max_bps != 0},
		{"guard", spec->guard != 0},
		{"core, ring_bytes and latency",
		 spec->has_core || spec->ring_bytes != 0 || spec->latency_ms != 0},
		{"reference", spec->reference != 0},
		{"mode=recorder", spec->mode == VMIRROR_SPEC_RECORDER},
		{"count", spec->count != 0},
		{"bytes", spec->bytes != 0},
		{"duration", spec->duration_ms != 0},
		{"mbufs", spec->mbufs != 0},
	};

	if (spec->filter != NULL)
		return refuse_key("filter", "to leave it out, and to filter when reading", err);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i].given)
			return refuse_key(others[i].key, "to leave it out", err);
	if (spec->all_ports && spec->dir != VMIRROR_SPEC_RXTX)
		return refuse_key("dir with port=all", "dir=rxtx, or the ports' names", err);
	if (spec->snaplen != 0 && (spec->snaplen < SNAPLEN_MIN || spec->snaplen > SNAPLEN_MAX))
		return vmirror_error_set(err, -EINVAL,
					 "snaplen: Open vSwitch does not take %u; right would be "
					 "%d to %d",
					 spec->snaplen, SNAPLEN_MIN, SNAPLEN_MAX);
	for (unsigned int i = 0; i < spec->n_ports; i++)
		if (vmirror_value_is_digits(spec->ports[i]))
			return vmirror_error_set(err, -EINVAL,
						 "port: '%s' is a number of DPDK's, and ports of "
						 "Open vSwitch have names; right would be one of "
						 "'ovs-vsctl list-ports'",
						 spec->ports[i]);
	return 0;
}

/* As rte_kvargs_tokenize() reads it: a comma ends a value except between [ and the next ]. */
static bool
is_kvargs_value(const char *text)
{
	bool in_list = false;

	for (; *text != '\0'; text++) {
		if (*text == '=' || (*text == ',' && !in_list))
			return false;
		if (*text == '[')
			in_list = true;
		else if (*text == ']')
			in_list = false;
	}
	return !in_list;
}

/* The strings of OVSDB are UTF-8. */
static bool
is_utf8(const char *text)
{
	static const unsigned int least[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)text;

	while (*p != '\0') {
		unsigned int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		unsigned int c = more == 0 ? *p : *p & (0x3f >> more);

		if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
			return false;
		for (unsigned int i = 0; i < more; i++) {
			if ((*++p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3f);
		}
		if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		p++;
	}
	return true;
}

static bool
is_ether_addr(const char *text)
{
	for (unsigned int i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	return text[17] == '\0';
}

static int
check_value(const char *key, const char *value, struct vmirror_error *err)
{
	char quoted[VMIRROR_TOKEN_QUOTE_SIZE];

	vmirror_token_quote(quoted, sizeof(quoted), value, strlen(value));
	if (!is_kvargs_value(value))
		return vmirror_error_set(
			err, -EINVAL,
			"sink: %s=%s holds a comma, a '=' or a '[' that nothing "
			"closes, which DPDK's devargs cannot carry; right would be "
			"a value without",
			key, quoted);
	if (!is_utf8(value))
		return vmirror_error_set(err, -EINVAL,
					 "sink: %s=%s is not UTF-8, as Open vSwitch's database "
					 "wants it; right would be another name",
					 key, quoted);
	/* The driver waits for its first peer on the thread that Open vSwitch does everything on. */
	if (strcmp(key, "server") == 0 && strcmp(value, "0") != 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink: server=%s makes Open vSwitch stand still until a "
					 "peer connects; right would be to leave it out, with a "
					 "peer that listens",
					 quoted);
	/* It looks for a port of that address, and does not find the one that it has just made. */
	if (strcmp(key, "mac") == 0 && !is_ether_addr(value))
		return vmirror_error_set(err, -EINVAL,
					 "sink: mac=%s is refused by Open vSwitch; right would be "
					 "an address, 02:00:00:00:00:01, or to leave it out",
					 quoted);
	return 0;
}

static bool
is_relative(const struct vmirror_spec_arg *arg)
{
	return arg->value != NULL && arg->value[0] != '/' &&
	       is_one_of(arg->key, file_keys, N_ELEMENTS(file_keys));
}

static int
check_sink(const struct vmirror_spec_sink *sink, const char *cwd, struct vmirror_error *err)
{
	int ret = 0;

	for (unsigned int i = 0; i < sink->n_args && ret == 0; i++) {
		const struct vmirror_spec_arg *arg = &sink->args[i];

		if (is_relative(arg) && cwd == NULL)
			return vmirror_error_set(err, -EINVAL,
						 "sink: %s= is relative to a directory that is "
						 "gone; right would be a name from / on",
						 arg->key);
		if (arg->value != NULL)
			ret = check_value(arg->key, arg->value, err);
		if (ret == 0 && is_relative(arg))
			ret = check_value(arg->key, cwd, err);
	}
	return ret;
}

/* A string of OVSDB within the single quotes of a shell. */
static void
print_string(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		switch (*text) {
		case '\'':
			fputs("'\\''", out);
			break;
		case '"':
		case '\\':
			fprintf(out, "\\%c", *text);
			break;
		case '\t':
			fputs("\\t", out);
			break;
		default:
			fputc(*text, out);
		}
}

static void
print_devargs(FILE *out, const char *vdev, const struct vmirror_spec_sink *sink, const char *cwd)
{
	fputs("'options:dpdk-devargs=\"", out);
	print_string(out, vdev);
	for (unsigned int i = 0; i < sink->n_args; i++) {
		const struct vmirror_spec_arg *arg = &sink->args[i];

		fprintf(out, ",%s", arg->key);
		if (arg->value == NULL)
			continue;
		fputc('=', out);
		if (is_relative(arg)) {
			print_string(out, cwd);
			if (strcmp(cwd, "/") != 0)
				fputc('/', out);
		}
		print_string(out, arg->value);
	}
	fputs("\"'", out);
}

static bool
is_tap(const char *vdev)
{
	return vmirror_spec_is_driver(vdev, "net_tap") || vmirror_spec_is_driver(vdev, "net_tun");
}

static bool
is_pcap(const char *vdev)
{
	return vmirror_spec_is_driver(vdev, "net_pcap") || vmirror_spec_is_driver(vdev, "eth_pcap");
}

static void
print_advice(FILE *out, const struct vmirror_spec_sink *sink, const char *vdev)
{
	if (is_tap(vdev))
		fputs("# net_tap wants as many rx queues as tx queues, and gets of these one for "
		      "each PMD thread and one more\n"
		      "n=$(ovs-appctl dpif-netdev/pmd-rxq-show |\n"
		      "    awk '/^pmd thread/ { n++ } END { print n ? n + 1 : 2 }')\n",
		      out);
	else if (vmirror_spec_is_driver(vdev, "virtio_user") ||
		 vmirror_spec_is_driver(vdev, "net_virtio_user"))
		fputs("# needs --single-file-segments in other_config:dpdk-extra, and ovs-vswitchd "
		      "restarted: or all is lost\n",
		      out);
	else if (vmirror_spec_sink_arg(sink, "tx_pcap") != NULL)
		fputs("# a file is emptied whenever Open vSwitch starts or reconfigures the port\n",
		      out);
	else if (is_pcap(vdev) && vmirror_spec_sink_arg(sink, "iface") != NULL)
		fputs("# iface= also receives, into the bridge; tx_iface= only sends\n", out);
}

/* select-src-port=@p0,@p1 */
static void
print_select(FILE *out, const char *column, unsigned int n)
{
	fprintf(out, " %s=", column);
	for (unsigned int i = 0; i < n; i++)
		fprintf(out, "%s@p%u", i > 0 ? "," : "", i);
}

static void
print_mirror(FILE *out, const struct vmirror_spec *spec, const struct names *names,
	     const char *bridge)
{
	fprintf(out, " \\\n    -- --id=@out get Port %s", names->port);
	for (unsigned int i = 0; i < spec->n_ports; i++)
		fprintf(out, " \\\n    -- --id=@p%u get Port %s", i, spec->ports[i]);
	fprintf(out, " \\\n    -- --id=@m create Mirror name=%s output-port=@out", names->mirror);
	if (spec->all_ports)
		fputs(" select-all=true", out);
	else if (spec->dir & VMIRROR_SPEC_RX)
		print_select(out, "select-src-port", spec->n_ports);
	if (!spec->all_ports && spec->dir & VMIRROR_SPEC_TX)
		print_select(out, "select-dst-port", spec->n_ports);
	if (spec->snaplen != 0)
		fprintf(out, " snaplen=%u", spec->snaplen);
	fprintf(out, " \\\n    -- add Bridge %s mirrors @m", bridge);
}

static void
print_commands(FILE *out, const struct vmirror_spec *spec, const struct names *names,
	       const struct vmirror_ovs_place *place)
{
	bool mirror = spec->all_ports || spec->n_ports > 0;

	print_advice(out, &spec->sink, names->vdev);
	fprintf(out, "ovs-vsctl add-port %s %s -- set Interface %s type=dpdk \\\n    ",
		place->bridge, names->port, names->port);
	print_devargs(out, names->vdev, &spec->sink, place->cwd);
	if (is_tap(names->vdev))
		fputs(" options:n_rxq=\"$n\"", out);
	if (mirror)
		print_mirror(out, spec, names, place->bridge);
	fputc('\n', out);
	/* Without a Mirror that reserves it, and with flows that say FLOOD, it is a port as any. */
	fprintf(out, "ovs-ofctl mod-port %s %s no-flood\n", place->bridge, names->port);
	/* ovs-vsctl's exit status does not tell. */
	fprintf(out, "ovs-vsctl get Interface %s error # [] when all is well\n", names->port);
	fputs("# undo: ovs-vsctl ", out);
	if (mirror)
		fprintf(out, "-- --id=@m get Mirror %s -- remove Bridge %s mirrors @m -- ",
			names->mirror, place->bridge);
	fprintf(out, "del-port %s %s\n", place->bridge, names->port);
}

int
vmirror_ovs_build(char **commands, const struct vmirror_spec *spec,
		  const struct vmirror_ovs_place *place, struct vmirror_error *err)
{
	struct names names;
	char *text = NULL;
	size_t size;
	FILE *out;
	int ret;

	ret = make_names(&names, spec, err);
	if (ret == 0)
		ret = check_mirror(spec, err);
	if (ret == 0)
		ret = check_sink(&spec->sink, place->cwd, err);
	if (ret < 0)
		return ret;
	out = open_memstream(&text, &size);
	if (out == NULL)
		return vmirror_value_no_memory(err);
	print_commands(out, spec, &names, place);
	ret = ferror(out);
	if (fclose(out) != 0 || ret != 0) {
		free(text);
		return vmirror_value_no_memory(err);
	}
	*commands = text;
	return 0;
}
