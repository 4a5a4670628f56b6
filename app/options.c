/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command line. One table of options is the source of parsing, of its checks and of --help
 * (help.c prints the rest of that). Nothing here needs EAL; port names are looked up later, in
 * pair.c.
 */

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "devargs/error.h"
#include "devargs/nearest.h"
#include "devargs/ovs.h"
#include "devargs/spec.h"
#include "devargs/value.h"

#include "number.h"

#define DESC_MAX 32768

struct option_def {
	const char *name;
	const char *value; /* what --help calls it; NULL: the option takes none */
	const char *help;
	bool repeatable;
	int (*set)(struct options *options, const char *value, struct vmirror_error *err);
};

/* Makes room for one more element of an array that grows one by one. */
static int
grow(void **array, unsigned int n, size_t size, struct vmirror_error *err)
{
	void *bigger = reallocarray(*array, n + 1, size);

	if (bigger == NULL)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	*array = bigger;
	return 0;
}

/* line: of the file; without a path, which of several --mirror it is, or 0. */
static int
add_mirror(struct options *options, const char *spec, const char *path, unsigned int line,
	   struct vmirror_error *err)
{
	struct option_mirror *mirror;
	int ret;

	ret = grow((void **)&options->mirror, options->n_mirror, sizeof(*options->mirror), err);
	if (ret < 0)
		return ret;
	mirror = &options->mirror[options->n_mirror++];
	mirror->spec = spec;
	mirror->of_config = path != NULL;
	if (path != NULL)
		snprintf(mirror->origin, sizeof(mirror->origin), "%s:%u", path, line);
	else if (line > 0)
		snprintf(mirror->origin, sizeof(mirror->origin), "--mirror %u", line);
	else
		snprintf(mirror->origin, sizeof(mirror->origin), "--mirror");
	return 0;
}

static int
set_forward(struct options *options, const char *value, struct vmirror_error *err)
{
	const char *colon = strchr(value, ':');
	int ret;

	if (colon == NULL || colon == value || value[strlen(value) - 1] == ':')
		return vmirror_error_set(err, -EINVAL, "'%s' is not of the form a:b", value);
	ret = grow((void **)&options->forward, options->n_forward, sizeof(*options->forward), err);
	if (ret < 0)
		return ret;
	options->forward[options->n_forward++] = value;
	return 0;
}

static int
set_mirror(struct options *options, const char *value, struct vmirror_error *err)
{
	struct vmirror_spec spec = {0};
	int ret;

	ret = vmirror_spec_parse(&spec, value, err);
	if (ret < 0)
		return ret;
	vmirror_spec_fini(&spec);
	return add_mirror(options, value, NULL, 0, err);
}

static int
set_config(struct options *options, const char *value, struct vmirror_error *err)
{
	options->config_path = value;
	return vmirror_config_read(&options->config, value, err);
}

static int
set_stats(struct options *options, const char *value, struct vmirror_error *err)
{
	return seconds_parse(value, &options->stats_ms, err);
}

static int
set_duration(struct options *options, const char *value, struct vmirror_error *err)
{
	return seconds_parse(value, &options->duration_ms, err);
}

static int
set_u16(uint16_t *field, const char *value, uint16_t min, uint16_t max, struct vmirror_error *err)
{
	uint64_t number;
	int ret;

	ret = number_parse(value, min, max, &number, err);
	if (ret == 0)
		*field = (uint16_t)number;
	return ret;
}

static int
set_queues(struct options *options, const char *value, struct vmirror_error *err)
{
	return set_u16(&options->queues, value, 1, 1024, err);
}

static int
set_mtu(struct options *options, const char *value, struct vmirror_error *err)
{
	return set_u16(&options->mtu, value, 68, UINT16_MAX, err);
}

static int
set_rxd(struct options *options, const char *value, struct vmirror_error *err)
{
	return set_u16(&options->rxd, value, 1, DESC_MAX, err);
}

static int
set_txd(struct options *options, const char *value, struct vmirror_error *err)
{
	return set_u16(&options->txd, value, 1, DESC_MAX, err);
}

static int
set_ovs_port(struct options *options, const char *value, struct vmirror_error *err)
{
	struct vmirror_spec spec = {0};
	int ret;

	ret = vmirror_ovs_parse(&spec, value, err);
	if (ret < 0)
		return ret;
	vmirror_spec_fini(&spec);
	options->ovs_port = value;
	return 0;
}

static int
set_ovs_bridge(struct options *options, const char *value, struct vmirror_error *err)
{
	static const struct vmirror_value_word word = {
		.others = "_.-",
		.starts_alphanumeric = true,
	};

	options->ovs_bridge = value;
	return vmirror_value_check_word(value, &word, "bridge", err);
}

static int
set_check(struct options *options, const char *value, struct vmirror_error *err)
{
	options->check = true;
	return 0;
}

static int
set_max_memory(struct options *options, const char *value, struct vmirror_error *err)
{
	static const struct vmirror_value_limits limits = {
		.min = 1,
		.max = UINT64_C(1) << 50,
		.scaled = true,
	};

	return vmirror_value_number(&options->max_memory, value, &limits, "max-memory", err);
}

static int
set_control(struct options *options, const char *value, struct vmirror_error *err)
{
	options->control = value;
	return *value != '\0' ? 0 : vmirror_error_set(err, -EINVAL, "the path is empty");
}

static int
set_control_group(struct options *options, const char *value, struct vmirror_error *err)
{
	options->control_group = value;
	return *value != '\0' ? 0 : vmirror_error_set(err, -EINVAL, "the group is empty");
}

static int
set_no_control(struct options *options, const char *value, struct vmirror_error *err)
{
	options->no_control = true;
	return 0;
}

static int
set_busy_poll(struct options *options, const char *value, struct vmirror_error *err)
{
	options->busy_poll = true;
	return 0;
}

static int
set_help(struct options *options, const char *value, struct vmirror_error *err)
{
	options->help = true;
	return 0;
}

static int
set_version(struct options *options, const char *value, struct vmirror_error *err)
{
	options->version = true;
	return 0;
}

static const struct option_def defs[] = {
	{"forward", "A:B", "forward between two ports, by name or number; repeatable", true,
	 set_forward},
	{"mirror", "SPEC", "mirror as SPEC says; repeatable", true, set_mirror},
	{"config", "FILE", "read mirrors from FILE, one SPEC a line, # comments", false,
	 set_config},
	{"check", NULL, "say what would be done and the memory it would take, and end", false,
	 set_check},
	{"ovs-port", "SPEC", "print commands with which Open vSwitch mirrors so, and end", false,
	 set_ovs_port},
	{"ovs-bridge", "NAME", "its bridge (br0)", false, set_ovs_bridge},
	{"stats", "SECONDS", "print counters at this interval", false, set_stats},
	{"duration", "SECONDS", "end after this time", false, set_duration},
	{"queues", "N", "rx and tx queues per port (as many as lcores and ports allow)", false,
	 set_queues},
	{"mtu", "BYTES", "set the ports' MTU", false, set_mtu},
	{"rxd", "N", "descriptors per rx queue (what the port prefers, else 256)", false, set_rxd},
	{"txd", "N", "descriptors per tx queue (what the port prefers, else 256)", false, set_txd},
	{"max-memory", "BYTES", "that mirrors may take for rings and packet buffers (no limit)",
	 false, set_max_memory},
	{"control", "PATH", "of the control socket (vmirror.PID in EAL's runtime directory)", false,
	 set_control},
	{"control-group", "GROUP", "whose members may connect to it, where --control is", false,
	 set_control_group},
	{"no-control", NULL, "have none", false, set_no_control},
	{"busy-poll", NULL, "never sleep: lower latency, a core burnt per lcore", false,
	 set_busy_poll},
	{"help", NULL, "print this, and end", true, set_help},
	{"version", NULL, "print the versions of vmirror and DPDK, and end", true, set_version},
};

#define N_DEFS (sizeof(defs) / sizeof(defs[0]))

static const struct option_def *
find(const char *name, size_t len)
{
	for (size_t i = 0; i < N_DEFS; i++)
		if (strlen(defs[i].name) == len && memcmp(defs[i].name, name, len) == 0)
			return &defs[i];
	return NULL;
}

/* Names what getopt_long() did not take. */
static int
refuse(const char *word, struct vmirror_error *err)
{
	const char *known[N_DEFS + 1] = {0}, *near;
	char name[64];

	if (strncmp(word, "--", 2) != 0)
		return vmirror_error_set(err, -EINVAL, "unknown option '%s'; see --help", word);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	if (find(name, strlen(name)) != NULL)
		return vmirror_error_set(err, -EINVAL, "option '--%s' takes no value", name);
	for (size_t i = 0; i < N_DEFS; i++)
		known[i] = defs[i].name;
	near = vmirror_nearest(name, known);
	if (near == NULL)
		return vmirror_error_set(err, -EINVAL, "unknown option '--%s'; see --help", name);
	return vmirror_error_set(err, -EINVAL, "unknown option '--%s'; did you mean '--%s'?", name,
				 near);
}

/* argv[0] is not looked at. */
static int
parse_words(struct options *options, int argc, char *argv[], struct vmirror_error *err)
{
	struct option longopts[N_DEFS + 1] = {0};
	bool given[N_DEFS] = {0};
	int got, at, index, ret;

	for (size_t i = 0; i < N_DEFS; i++)
		longopts[i] = (struct option){
			.name = defs[i].name,
			.has_arg = defs[i].value != NULL ? required_argument : no_argument,
		};
	opterr = 0;
	optind = 0; /* glibc: start anew */
	for (;;) {
		at = optind == 0 ? 1 : optind;
		got = getopt_long(argc, argv, "-:h", longopts, &index);
		if (got == -1)
			break;
		if (got == 1)
			return vmirror_error_set(err, -EINVAL, "unexpected argument '%s'", optarg);
		if (got == ':')
			return vmirror_error_set(err, -EINVAL, "option '%s' needs a value",
						 argv[at]);
		if (got == '?')
			return refuse(argv[at], err);
		if (got == 'h') {
			options->help = true;
			continue;
		}
		if (given[index] && !defs[index].repeatable)
			return vmirror_error_set(err, -EINVAL, "option '--%s' is given twice",
						 defs[index].name);
		given[index] = true;
		ret = defs[index].set(options, optarg, err);
		if (ret < 0)
			return vmirror_error_prefix(err, ret, "--%s: ", defs[index].name);
	}
	if (optind < argc)
		return vmirror_error_set(err, -EINVAL, "unexpected argument '%s'", argv[optind]);
	return 0;
}

/* Without `--` everything is EAL's: say so when it is not, before EAL does at length. */
static int
refuse_ours(int argc, char *argv[], struct vmirror_error *err)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		if (find(argv[i] + 2, strcspn(argv[i] + 2, "=")) == NULL)
			continue;
		if (strcmp(argv[i], "--help") == 0) /* EAL has one, too */
			continue;
		return vmirror_error_set(err, -EINVAL,
					 "option '%s' is vmirror's, not EAL's: it belongs behind "
					 "'--', as in: vmirror [EAL options] -- %s",
					 argv[i], argv[i]);
	}
	return 0;
}

/* What only prints needs no EAL, and so no '--' before it. */
static bool
is_ovs(const char *word)
{
	return strncmp(word, "--ovs-", strlen("--ovs-")) == 0;
}

/* The commands for Open vSwitch are printed instead of a run. */
static int
check_ovs(const struct options *options, struct vmirror_error *err)
{
	if (options->ovs_bridge != NULL && options->ovs_port == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "option '--ovs-bridge' says nothing without '--ovs-port'");
	if (options->ovs_port != NULL && (options->n_mirror > 0 || options->config_path != NULL))
		return vmirror_error_set(err, -EINVAL,
					 "option '--ovs-port' prints and ends; right would be no "
					 "mirrors beside it");
	return 0;
}

static int
check_control(const struct options *options, struct vmirror_error *err)
{
	if (options->no_control && (options->control != NULL || options->control_group != NULL))
		return vmirror_error_set(err, -EINVAL,
					 "option '--no-control' is given with '--control%s': right "
					 "would be one of them",
					 options->control != NULL ? "" : "-group");
	return 0;
}

/* Mirrors of the file go before those of the command line. */
static int
append_config(struct options *options, struct vmirror_error *err)
{
	struct option_mirror *of_argv = options->mirror;
	unsigned int n_argv = options->n_mirror;
	int ret = 0;

	options->mirror = NULL;
	options->n_mirror = 0;
	for (unsigned int i = 0; i < options->config.n_lines && ret == 0; i++)
		ret = add_mirror(options, options->config.lines[i].spec, options->config_path,
				 options->config.lines[i].line, err);
	for (unsigned int i = 0; i < n_argv && ret == 0; i++)
		ret = add_mirror(options, of_argv[i].spec, NULL, n_argv > 1 ? i + 1 : 0, err);
	free(of_argv);
	return ret;
}

int
options_parse(struct options *options, int argc, char *argv[], struct vmirror_error *err)
{
	int dashes = 1, ret;

	*options = (struct options){0};
	while (dashes < argc && strcmp(argv[dashes], "--") != 0)
		dashes++;
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		options->help = true;
	for (int i = 1; i < dashes; i++)
		options->version = options->version || strcmp(argv[i], "--version") == 0;
	if (options->help || options->version)
		return 0;

	if (dashes == argc && argc > 1 && is_ovs(argv[1]))
		dashes = 0;
	ret = refuse_ours(dashes, argv, err);
	if (ret == 0 && dashes < argc)
		ret = parse_words(options, argc - dashes, argv + dashes, err);
	if (ret == 0)
		ret = append_config(options, err);
	if (ret == 0)
		ret = check_ovs(options, err);
	if (ret == 0)
		ret = check_control(options, err);
	if (ret < 0)
		options_fini(options);
	return ret;
}

void
options_fini(struct options *options)
{
	free(options->forward);
	free(options->mirror);
	vmirror_config_fini(&options->config);
	*options = (struct options){0};
}

void
options_print(FILE *out)
{
	char word[64];

	for (size_t i = 0; i < N_DEFS; i++) {
		snprintf(word, sizeof(word), "--%s%s%s", defs[i].name,
			 defs[i].value != NULL ? " " : "",
			 defs[i].value != NULL ? defs[i].value : "");
		fprintf(out, "  %-20s %s\n", word, defs[i].help);
	}
}
