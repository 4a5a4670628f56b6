/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Filters from text to machine code: libpcap compiles, rte_bpf converts, bpf_mend.c mends, rte_bpf
 * verifies and JITs. inline.c and ring_hook.c run them.
 */

#include "lib/filter.h"

#include <errno.h>
#include <stdlib.h>

#include <pcap/pcap.h>
#include <rte_malloc.h>

#include "devargs/error.h"
#include "lib/bpf_mend.h"

/* The longest packet that a filter is compiled for, as tcpdump and dumpcap have it. */
#define FILTER_SNAPLEN 262144

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
vmirror_filter_create(struct vmirror_filter **filter, const char *text, struct vmirror_error *err)
{
	struct bpf_program program = {0};
	struct rte_bpf_jit jit = {0};
	struct vmirror_filter *f;
	int ret;

	ret = compile(&program, text, err);
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
