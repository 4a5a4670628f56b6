/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Filters from text to machine code: libpcap compiles, rte_bpf converts, bpf_mend.c mends, rte_bpf
 * verifies and JITs. inline.c and ring_hook.c run them.
 */

#include "lib/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>
#include <rte_malloc.h>

#include "devargs/error.h"
#include "lib/bpf_mend.h"

/* The longest packet that a filter is compiled for, as tcpdump and dumpcap have it. */
#define FILTER_SNAPLEN 262144

/* Compiled ahead by this thread: what came of it, for better or worse. */
struct ahead {
	struct ahead *next;
	char *text;
	struct bpf_program program;
	struct vmirror_error err;
	int ret;
};

static __thread struct ahead *aheads;

static int
compile(struct bpf_program *program, const char *text, struct vmirror_error *err)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, FILTER_SNAPLEN);
	int ret = 0;

	if (pcap == NULL)
		return vmirror_error_set(err, -ENOMEM, "filter: out of memory");
	if (pcap_compile(pcap, program, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		ret = vmirror_error_set(err, -EINVAL, "filter \"%s\": %s", text, pcap_geterr(pcap));
	pcap_close(pcap);
	return ret;
}

static struct rte_bpf *
load(const struct bpf_program *program)
{
	struct rte_bpf_prm *prm = rte_bpf_convert(program);
	struct rte_bpf *bpf = NULL;
	struct ebpf_insn *mended;

	if (prm == NULL)
		return NULL;
	mended = vmirror_bpf_mend(prm->ins, prm->nb_ins, &prm->nb_ins);
	prm->ins = mended;
	if (mended != NULL)
		bpf = rte_bpf_load(prm);
	free(mended);
	rte_free(prm);
	return bpf;
}

int
vmirror_filter_ahead(const char *text, struct vmirror_error *err)
{
	struct ahead *a = calloc(1, sizeof(*a));

	if (a != NULL)
		a->text = strdup(text);
	if (a == NULL || a->text == NULL) {
		free(a);
		return vmirror_error_set(err, -ENOMEM, "filter: out of memory");
	}
	a->ret = compile(&a->program, text, &a->err);
	a->next = aheads;
	aheads = a;
	return 0;
}

void
vmirror_filter_forget(void)
{
	struct ahead *a;

	while ((a = aheads) != NULL) {
		aheads = a->next;
		pcap_freecode(&a->program);
		free(a->text);
		free(a);
	}
}

/* @return 0: it is the caller's to free, unless it was compiled ahead */
static int
find_or_compile(struct bpf_program *program, bool *ours, const char *text,
		struct vmirror_error *err)
{
	const struct ahead *a;

	for (a = aheads; a != NULL; a = a->next)
		if (strcmp(a->text, text) == 0)
			break;
	*ours = a == NULL;
	if (a == NULL)
		return compile(program, text, err);
	*program = a->program;
	if (a->ret != 0 && err != NULL)
		*err = a->err;
	return a->ret;
}

int
vmirror_filter_create(struct vmirror_filter **filter, const char *text, struct vmirror_error *err)
{
	struct bpf_program program = {0};
	struct rte_bpf_jit jit = {0};
	struct vmirror_filter *f;
	bool ours;
	int ret;

	ret = find_or_compile(&program, &ours, text, err);
	if (ret != 0)
		return ret;

	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		ret = vmirror_error_set(err, -ENOMEM, "filter: out of memory");
		goto free_program;
	}
	f->bpf = load(&program);
	if (f->bpf == NULL) {
		ret = vmirror_error_set(err, -ENOTSUP, "filter \"%s\": rte_bpf cannot run it",
					text);
		free(f);
		goto free_program;
	}
	if (rte_bpf_get_jit(f->bpf, &jit) == 0)
		f->jit = jit.func;
	*filter = f;

free_program:
	if (ours)
		pcap_freecode(&program);
	return ret;
}

void
vmirror_filter_destroy(struct vmirror_filter *filter)
{
	if (filter == NULL)
		return;
	rte_bpf_destroy(filter->bpf);
	free(filter);
}
