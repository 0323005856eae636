/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one way out: a verdict is tempered by the mode, counted, told, and becomes a TC code. Allow
 * lets the next program on the hook judge too (TC_ACT_OK would keep it from ever running).
 */
#ifndef MS_BPF_LIB_VERDICT_H
#define MS_BPF_LIB_VERDICT_H

#include <linux/pkt_cls.h>

#include "bpf/lib/event.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/stats.h"

/* In audit mode, of the rule or else of the group, a deny is let through and marked. */
static __always_inline void ms_verdict_temper(const struct ms_scene *scene,
					      struct ms_answer *answer)
{
	const struct ms_group *group = ms_scene_group(scene);
	__u8 mode = answer->mode;

	if (mode == MS_MODE_INHERIT)
		mode = group ? group->mode : MS_MODE_ENFORCE;
	if (answer->verdict == MS_VERDICT_DENY && mode != MS_MODE_ENFORCE)
		answer->verdict = MS_VERDICT_AUDIT;
}

/* `counted` = a session carries the packet for slot and zone. */
static __always_inline int ms_verdict(struct ms_pkt *pkt, struct ms_scene *scene,
				      struct ms_answer *answer, int counted)
{
	int dropped = answer->verdict == MS_VERDICT_DENY;

	ms_stats_packet(answer->reason, answer->verdict, scene->packets, scene->bytes);
	if (!counted) {
		ms_stats_slot_here(answer->slot, scene->packets, scene->bytes);
		ms_stats_zone(scene->zone, scene->dir, dropped, scene->packets, scene->bytes);
	}
	/* The device never gets to count it. Egress is where what goes in leaves to a workload. */
	if (dropped && (scene->iface_flags & MS_IFACE_YOUNG) &&
	    (scene->dir == MS_DIR_IN) == (scene->side == MS_SIDE_WORKLOAD))
		ms_stats_gap(scene->zone, 1, -1ull);
	if (answer->verdict != MS_VERDICT_ALLOW || (answer->flags & MS_DECISION_LOG))
		ms_event_send(pkt, scene, answer);
	return dropped ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

#endif
