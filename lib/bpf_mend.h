/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_BPF_MEND_H
#define LIB_BPF_MEND_H

#include <stdint.h>

struct ebpf_insn;

/**
 * Put right what rte_bpf_convert() and rte_bpf's JIT get wrong.
 *
 * @param ins, n  what rte_bpf_convert() made
 * @param n_out   instructions of the mended program; may point to n's variable
 * @return        the mended program, which the caller frees; NULL when memory is short
 */
struct ebpf_insn *
vmirror_bpf_mend(const struct ebpf_insn *ins, uint32_t n, uint32_t *n_out);

#endif
