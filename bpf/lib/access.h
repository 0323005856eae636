/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that others write, and memory that the verifier must be shown how we read. */
#ifndef MS_BPF_LIB_ACCESS_H
#define MS_BPF_LIB_ACCESS_H

#define MS_READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define MS_WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/*
 * One of two values, in the hardened object (docs/adr/0014) both of them read. Left alone the
 * compiler chooses between two addresses instead, and arithmetic with a chosen offset is refused
 * where the verifier hardens against speculation (no CAP_PERFMON).
 */
#ifdef MS_HARDENED
#define MS_CHOOSE(first, a, b)                                                                     \
	({                                                                                         \
		__typeof__(a) ms_a_ = MS_READ_ONCE(a);                                             \
		__typeof__(b) ms_b_ = MS_READ_ONCE(b);                                             \
		(first) ? ms_a_ : ms_b_;                                                           \
	})
#else
#define MS_CHOOSE(first, a, b) ((first) ? (a) : (b))
#endif

/*
 * Loops are unrolled: a branch whose outcome the verifier knows, such as that of a counter, is
 * still explored both ways where it hardens against speculation, and then never ends.
 */
#define MS_UNROLL _Pragma("clang loop unroll(full)")

/*
 * A loop of calls is unrolled only there. Kernels add up stacks by walking every way to every call,
 * callees of callees each time: unrolled within unrolled, that takes them longer than all the rest.
 */
#ifdef MS_HARDENED
#define MS_LOOP_OF_CALLS MS_UNROLL
#else
#define MS_LOOP_OF_CALLS _Pragma("clang loop unroll(disable)")
#endif

#endif
