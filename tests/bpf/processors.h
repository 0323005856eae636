/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processors that take turns in one thread, so that what they do to one another can be repeated: at
 * every access to shared memory a die, seeded by the test, says who goes on. A processor may be
 * stopped for a long time. Memory is x86's: a plain store waits in a buffer of its processor, which
 * sees it before the others do; an atomic operation empties the buffer first.
 *
 * The macros below take the place of those of bpf/lib/access.h, and of the compiler's atomics, in
 * code of the datapath that is included behind this header.
 */
#ifndef MS_TESTS_BPF_PROCESSORS_H
#define MS_TESTS_BPF_PROCESSORS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/access.h"

#define MS_PROCESSORS 4

/* Runs work(0) ... work(MS_PROCESSORS - 1) side by side to their ends. */
void ms_processors_run(void (*work)(unsigned processor), uint64_t seed);

/* Which one we are; 0 outside of a run. */
unsigned ms_processors_self(void);

/* A number below `bound`. */
uint32_t ms_processors_die(uint32_t bound);

/* A program begins or ends on this processor; what ms_processors_wait_grace() waits for. */
void ms_processors_enter(void);
void ms_processors_leave(void);
/* Waits until every program that runs on another processor has ended. */
void ms_processors_wait_grace(void);

/* An access to shared memory is about to be: whose turn is it? */
void ms_processors_turn(void);

uint64_t ms_processors_load(const volatile void *at, size_t size);
void ms_processors_store(volatile void *at, size_t size, uint64_t value);
/* Before an atomic operation. */
void ms_processors_fence(void);

#undef MS_READ_ONCE
#undef MS_WRITE_ONCE
#define MS_READ_ONCE(x) ((__typeof__(x))ms_processors_load(&(x), sizeof(x)))
#define MS_WRITE_ONCE(x, v) ms_processors_store(&(x), sizeof(x), (v))

/* The name of an operation is no macro within its own expansion. */
#define __sync_val_compare_and_swap(at, old, new)                                                  \
	(ms_processors_fence(), __sync_val_compare_and_swap(at, old, new))
#define __sync_lock_test_and_set(at, value)                                                        \
	(ms_processors_fence(), __sync_lock_test_and_set(at, value))
#define __sync_fetch_and_add(at, value) (ms_processors_fence(), __sync_fetch_and_add(at, value))
#define __sync_fetch_and_or(at, value) (ms_processors_fence(), __sync_fetch_and_or(at, value))
#define __sync_fetch_and_and(at, value) (ms_processors_fence(), __sync_fetch_and_and(at, value))

#endif
