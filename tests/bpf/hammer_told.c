/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hammers the count of events that a slot holds back (event.h), by processors that overtake one
 * another at every access: some packets are denied again, which is one addition, others are told of
 * if they may be. What must hold: at rest each packet has been told of, by itself or as held back,
 * or is still to be, once; and no event tells of more than there were.
 *
 * With MS_HAMMER_BREAKS something of that must turn out not to hold.
 */
#include <stdbool.h>
#include <stdio.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bpf/processors.h"

#define MS_CLOCK_INJECTED
#define bpf_map_lookup_elem(map, key) ((void)(key), (void *)0)
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "bpf/lib/event.h"

#define PLANS 3000
#define PACKETS 40 /* of a processor */
#define TICK_US 100000

static struct ms_slot_log slot_log;
static uint32_t now, sent, held, events, most;

static void work(unsigned processor)
{
	(void)processor;
	for (unsigned int i = 0; i < PACKETS; i++) {
		uint32_t of_this = 0;

		sent++;
		if (ms_processors_die(3)) {
			/* As ms_denied_count() has it. */
			__sync_fetch_and_add(&slot_log.again, 1);
			continue;
		}
		if (ms_processors_die(4) == 0)
			now += 10;
		if (!ms_event_admit(&slot_log, now, TICK_US, &of_this))
			continue;
		events++;
		held += of_this;
		if (of_this > most)
			most = of_this;
	}
}

static bool holds(uint64_t seed)
{
	slot_log = (struct ms_slot_log) { 0 };
	now = sent = held = events = most = 0;
	ms_processors_run(work, seed);
	if (most > sent)
		return false;
	return events + held + slot_log.suppressed + ((uint32_t)slot_log.again - slot_log.told) ==
	       sent;
}

int main(void)
{
	for (uint64_t seed = 1; seed <= PLANS; seed++) {
		if (holds(seed))
			continue;
#ifdef MS_HAMMER_BREAKS
		return 0;
#else
		fprintf(stderr, "plan %llu: %u packets, %u events that told of %u, at most %u\n",
			(unsigned long long)seed, sent, events, held, most);
		return 1;
#endif
	}
#ifdef MS_HAMMER_BREAKS
	fputs("the fault was not noticed\n", stderr);
	return 1;
#else
	return 0;
#endif
}
