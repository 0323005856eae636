/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control word: what packets read once and carry. Visibility never waits, re-use does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"

/* Whole: while a worker has it read, members that come bump the epoch. */
static union ms_control_word read_word(const struct ms_dataplane *dp)
{
	return (union ms_control_word) {
		.word = __atomic_load_n((const uint64_t *)dp->control, __ATOMIC_ACQUIRE),
	};
}

struct ms_control ms_dataplane_control(const struct ms_dataplane *dp)
{
	union ms_control_word word = read_word(dp);
	struct ms_control control;

	memcpy((char *)&control + sizeof(word), (const char *)dp->control + sizeof(word),
	       sizeof(control) - sizeof(word));
	control.epoch = word.epoch;
	control.half = word.half;
	control.panic = word.panic;
	control.flags = word.flags;
	return control;
}

uint32_t ms_dataplane_next_epoch(uint32_t epoch)
{
	do
		epoch++;
	while (epoch == MS_EPOCH_DEAD || epoch == MS_EPOCH_HELD || epoch == MS_EPOCH_BUSY);
	return epoch;
}

/* The one store that packets see. What it makes true is written before it. */
static void put_word(struct ms_dataplane *dp, unsigned int half, enum ms_panic panic)
{
	union ms_control_word word = read_word(dp);
	struct ms_epoch *line;

	word.epoch = ms_dataplane_next_epoch(word.epoch);
	word.half = (uint8_t)half;
	word.panic = (uint8_t)panic;
	line = &dp->epochs[word.epoch % MS_EPOCHS_MAX];
	line->epoch = MS_EPOCH_DEAD;
	line->generation = dp->control->generation;
	__atomic_store_n(&line->epoch, word.epoch, __ATOMIC_RELEASE);
	__atomic_store_n((uint64_t *)dp->control, word.word, __ATOMIC_SEQ_CST);
}

void ms_dataplane_publish(struct ms_dataplane *dp, unsigned int half, uint32_t generation)
{
	dp->control->generation = generation;
	put_word(dp, half, read_word(dp).panic);
}

void ms_dataplane_bump_epoch(struct ms_dataplane *dp)
{
	put_word(dp, read_word(dp).half, read_word(dp).panic);
}

void ms_dataplane_set_panic(struct ms_dataplane *dp, enum ms_panic panic)
{
	put_word(dp, read_word(dp).half, panic);
}

void ms_dataplane_set_timeouts(struct ms_dataplane *dp, const uint64_t *timeouts_ns)
{
	for (int i = 0; i < MS_TIMEOUT__COUNT; i++)
		__atomic_store_n(&dp->control->timeouts[i],
				 ms_dataplane_ns_to_ticks(dp, timeouts_ns[i]), __ATOMIC_RELAXED);
}

uint32_t ms_dataplane_epoch_generation(const struct ms_dataplane *dp, uint32_t epoch)
{
	const struct ms_epoch *line = &dp->epochs[epoch % MS_EPOCHS_MAX];

	return line->epoch == epoch && epoch != MS_EPOCH_DEAD ? line->generation : 0;
}

/* An update of a map of maps waits for every running program: dear, but there on any kernel. */
int ms_dataplane_wait_grace_by_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	ms_cleanup(ms_close_fd) int inner = -1;
	ms_cleanup(ms_close_fd) int outer = -1;
	uint32_t zero = 0;

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ms_grace_in", 4, 4, 1, NULL);
	if (inner < 0)
		return inner;
	opts.inner_map_fd = (uint32_t)inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "ms_grace", 4, 4, 1, &opts);
	if (outer < 0)
		return outer;
	return bpf_map_update_elem(outer, &zero, &inner, BPF_ANY);
}

int ms_dataplane_wait_grace(void)
{
	/* Refused with nohz_full: there a quiet CPU is not asked. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return 0;
	return ms_dataplane_wait_grace_by_map();
}

int ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half)
{
	int r = ms_dataplane_wait_grace();

	if (r < 0)
		return r;
	*ret_half = !(read_word(dp).half & MS_HALF_MASK);
	return 0;
}

int ms_dataplane_idle_bank(struct ms_dataplane *dp, unsigned int *ret_half)
{
	int r = ms_dataplane_wait_grace();

	if (r < 0)
		return r;
	*ret_half = read_word(dp).half ^ MS_HALF_BANK;
	return 0;
}
