/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many packets passed an interface before our programs were on it. The device counts all of
 * them, the datapath those of an interface whose line says young (MS_IFACE_YOUNG): the difference
 * is the answer. Some packets are counted here and not yet there while traffic flows, so it is an
 * upper bound until the interface has been quiet between two looks; then it is exact.
 */
#ifndef MS_CORE_IFACE_GAP_H
#define MS_CORE_IFACE_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/iface/attach.h"

/* Looks, one a round (a second or more), after which an interface that is never quiet keeps its
 * upper bound. */
#define MS_GAP_LOOKS 60

struct ms_gap {
	bool open;  /* still being looked at: the line says young */
	bool quiet; /* it was closed because nothing came any more */
	unsigned int looks;
	uint64_t counted, judged; /* at the last look: by the device, by the datapath */
	uint64_t packets;         /* the answer so far */
	unsigned int round;       /* of looking, in which it was looked at last */
};

/* A look without the kernel: what the two say now. Closes the gap when nothing has come since the
 * last look, or when there were enough of them. */
void ms_gap_look(struct ms_gap *gap, uint64_t counted, uint64_t judged);
/* Else `packets` is an upper bound. True also where there never was a gap to count. */
bool ms_gap_is_exact(const struct ms_gap *gap);
/* Else nobody has looked yet, and `packets` says nothing. */
bool ms_gap_is_counted(const struct ms_gap *gap);

/*
 * Each look waits for the lock of the network, which whoever makes many interfaces keeps busy, and
 * new ones wait behind it: so everybody is looked at once a round, and a round is as many steps as
 * it takes. Zeroed = none begun.
 */
#define MS_GAP_STEP_NS 1000000
/* Not while a burst lasts, that is until nobody has come for so long; but no later than that after
 * the first step that was put off, for interfaces may come and go without end. */
#define MS_GAP_CALM_NS 20000000
#define MS_GAP_PUT_OFF_NS 5000000000

struct ms_gap_rounds {
	unsigned int number;
	uint64_t until_ns;   /* CLOCK_MONOTONIC: the step's end */
	uint64_t put_off_ns; /* the first step that was, 0 = none since it was calm */
	bool more;           /* the step ended before the round did */
};
/* Whether the next step is to be put off, the last interface having come at `appeared_ns`. */
bool ms_gap_rounds_put_off(struct ms_gap_rounds *rounds, uint64_t appeared_ns, uint64_t now_ns);
/* The next step of the round, or of a new one. */
void ms_gap_rounds_step(struct ms_gap_rounds *rounds, uint64_t now_ns);
/* Whether this one is to be looked at now, which then counts as done. The first of a step always.
 */
bool ms_gap_rounds_take(struct ms_gap_rounds *rounds, struct ms_gap *gap, uint64_t now_ns);

/* A look that asks both; an interface that cannot be asked is left as it is. */
void ms_gap_ask(struct ms_gap *gap, struct ms_attacher *attacher, const struct ms_dataplane *dp,
		uint32_t ifindex, uint16_t zone);

#endif
