/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What rte_bpf_convert() and rte_bpf's x86 JIT get wrong is put right in the converted program:
 *
 *   ld [x + k], ldb [x + k]  read [a + k]: convert gives them r0 for an index  [22.11 to 26.07]
 *   ld? [x + k], ld? [k]     reads outside the packet when the place is just below zero: their check
 *                            of offset plus length wraps round  [rte_pktmbuf_read()]
 *   jset #k, k in a byte     the JIT's test instruction is three bytes short and eats the code
 *                            behind it  [bpf_jit_x86.c: emit_tst_imm(), 22.11 to 26.07]
 *
 * r8 is convert's own scratch register, and never live across one of these.
 */

#include "lib/bpf_mend.h"

#include <stdbool.h>
#include <stdlib.h>

#include <rte_bpf.h>

#define REG_X       EBPF_REG_7
#define REG_SCRATCH EBPF_REG_8
#define MEND_MAX    5

static bool
is_indexed(const struct ebpf_insn *ins)
{
	return BPF_CLASS(ins->code) == BPF_LD && BPF_MODE(ins->code) == BPF_IND;
}

static bool
is_absolute(const struct ebpf_insn *ins)
{
	return BPF_CLASS(ins->code) == BPF_LD && BPF_MODE(ins->code) == BPF_ABS;
}

static bool
is_short_jset(const struct ebpf_insn *ins)
{
	return ins->code == (BPF_JMP | BPF_JSET | BPF_K) && ins->imm == (int8_t)ins->imm;
}

/* Write what an instruction becomes; a jump is its last. @return how many */
static unsigned int
mend_one(const struct ebpf_insn *ins, struct ebpf_insn out[MEND_MAX])
{
	unsigned int n = 0;

	if (is_short_jset(ins)) {
		out[n++] = (struct ebpf_insn){.code = BPF_ALU | EBPF_MOV | BPF_K,
					      .dst_reg = REG_SCRATCH,
					      .imm = ins->imm};
		out[n] = *ins;
		out[n].code = BPF_JMP | BPF_JSET | BPF_X;
		out[n].imm = 0;
		out[n++].src_reg = REG_SCRATCH;
	} else if (is_indexed(ins)) {
		out[n++] = (struct ebpf_insn){.code = BPF_ALU | EBPF_MOV | BPF_X,
					      .dst_reg = REG_SCRATCH,
					      .src_reg = REG_X};
		out[n++] = (struct ebpf_insn){
			.code = BPF_ALU | BPF_ADD | BPF_K, .dst_reg = REG_SCRATCH, .imm = ins->imm};
		/* Far outside the packet, where it fails without wrapping round. */
		out[n++] = (struct ebpf_insn){.code = BPF_JMP | EBPF_JLE | BPF_K,
					      .dst_reg = REG_SCRATCH,
					      .off = 1,
					      .imm = INT32_MAX};
		out[n++] = (struct ebpf_insn){.code = BPF_ALU | EBPF_MOV | BPF_K,
					      .dst_reg = REG_SCRATCH,
					      .imm = INT32_MAX};
		out[n] = *ins;
		out[n].imm = 0;
		out[n++].src_reg = REG_SCRATCH;
	} else {
		out[n] = *ins;
		if (is_absolute(ins) && ins->imm < 0)
			out[n].imm = INT32_MAX;
		n++;
	}
	return n;
}

static bool
is_jump(const struct ebpf_insn *ins)
{
	return BPF_CLASS(ins->code) == BPF_JMP && BPF_OP(ins->code) != EBPF_EXIT &&
	       BPF_OP(ins->code) != EBPF_CALL;
}

struct ebpf_insn *
vmirror_bpf_mend(const struct ebpf_insn *ins, uint32_t n, uint32_t *n_out)
{
	struct ebpf_insn *out = calloc(n, MEND_MAX * sizeof(*out));
	uint32_t *at = calloc(n + 1, sizeof(*at));
	uint32_t i;

	if (out == NULL || at == NULL)
		goto fail;
	for (i = 0; i < n; i++)
		at[i + 1] = at[i] + mend_one(&ins[i], &out[at[i]]);
	for (i = 0; i < n; i++)
		if (is_jump(&ins[i]))
			out[at[i + 1] - 1].off = at[i + 1 + ins[i].off] - at[i + 1];
	*n_out = at[n];
	free(at);
	return out;

fail:
	free(out);
	free(at);
	return NULL;
}
