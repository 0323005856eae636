/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was denied a moment ago is denied again without a judgement: few lines to a CPU, each one
 * answer of the rules that no session had a part in (docs/adr/0070). Nothing allowed has a place
 * here, so a storm of what is denied can push out nothing else.
 *
 * A line answers a packet that is the same in all that was looked at, as long as nothing has
 * changed that could change the answer: the epoch, the interface's group, side and grace, and that
 * there is no session. That last a session tells by itself: when it begins, or its decision
 * changes, it counts up its flow's cell of ms_begun. Lines keep what the cell said before their
 * packet looked for a session. Cells are shared by flows, which costs a judgement now and then.
 *
 * Only a packet whose event would be held back is answered; one that is to be told of goes the long
 * way. So all counters, and the events, are those of a judgement.
 */
#ifndef MS_BPF_LIB_DENIED_H
#define MS_BPF_LIB_DENIED_H

#include <bpf/bpf_helpers.h>

#include "bpf/lib/access.h"
#include "bpf/lib/event.h"
#include "bpf/lib/flow_key.h"
#include "bpf/lib/judge.h"
#include "bpf/lib/l4.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/scene.h"
#include "bpf/lib/stats.h"

/* What decides beside the flow's key: of the packet, and of the interface. */
#define MS_DENIED_DSCP(n) ((__u32)(n)) /* six bits */
#define MS_DENIED_FROM_HI(n) ((__u32)(n) << 6)
#define MS_DENIED_SYN (1u << 7)   /* ms_pkt_is_syn(): never an answer to be adopted */
#define MS_DENIED_REPLY (1u << 8) /* of ICMP; the key has the class alone */
#define MS_DENIED_DIR_SHIFT 9
#define MS_DENIED_SIDE_SHIFT 10
#define MS_DENIED_LOOPBACK (1u << 11)
#define MS_DENIED_MARK(n) ((__u32)(n) << 12) /* MS_KEY_NARROW, ... */
#define MS_DENIED_MARK_MASK (7u << 12)
#define MS_DENIED_GROUP_SHIFT 16
#define MS_DENIED_GROUP(n) ((__u32)(n) << MS_DENIED_GROUP_SHIFT)

/* What a packet asks the lines. */
struct ms_denied_ask {
	__u64 key[MS_LINE6_WORDS]; /* a union ms_key, zeroes behind it */
	__u32 what;
	__u32 epoch;
};

static __always_inline __u32 ms_denied_facts(__u32 dir, __u32 side, __u32 iface_flags, __u32 group)
{
	return dir << MS_DENIED_DIR_SHIFT | side << MS_DENIED_SIDE_SHIFT |
	       (iface_flags & MS_IFACE_LOOPBACK ? MS_DENIED_LOOPBACK : 0) | MS_DENIED_GROUP(group);
}

struct ms_denied_place {
	__u32 line, cell; /* hashes, of a few bits each */
};

/* Two multiplications behind one another where ms_lines_place() has four, for all that a repeated
 * deny does waits for them. Who shares a line or a cell by design costs a judgement, as any packet
 * of his does that has neither. */
static __always_inline struct ms_denied_place ms_denied_place(const __u64 *key, __u32 wide)
{
	__u64 hash = key[0] ^ key[1] * 0xd6e8feb86659fd93ull;
	struct ms_denied_place place;

	if (wide)
		hash ^= key[2] * 0xbf58476d1ce4e5b9ull + key[3] * 0x94d049bb133111ebull +
			key[4] * 0xff51afd7ed558ccdull + key[5];
	hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ull;
	place.line = hash >> 56;
	place.cell = hash >> 32;
	return place;
}

static __always_inline struct ms_denied *ms_denied_line(const struct ms_denied_place *place,
							__u32 what)
{
	__u32 index = (place->line ^ what * 0x9e3779b1u) & (MS_DENIED_LINES - 1);

	return bpf_map_lookup_elem(&ms_denied, &index);
}

static __always_inline __u32 *ms_denied_cell(const struct ms_denied_place *place)
{
	__u32 index = place->cell & (MS_BEGUN_CELLS - 1);

	return bpf_map_lookup_elem(&ms_begun, &index);
}

/* ---- the judgement's side ---- */

/* How often the flow's cell has been counted up. To be read before a session is looked for. */
__noinline int ms_denied_begun(struct ms_flow *flow)
{
	struct ms_denied_place place;
	const __u32 *cell;

	if (!flow)
		return 0;
	place = ms_denied_place(flow->key.words, flow->key.mark);
	cell = ms_denied_cell(&place);
	return cell ? (int)MS_READ_ONCE(*cell) : 0;
}

/* The flow has a session, or its session another answer: after that can be seen. */
__noinline int ms_denied_forget(struct ms_flow *flow)
{
	struct ms_denied_place place;
	__u32 *cell;

	if (!flow)
		return 0;
	place = ms_denied_place(flow->key.words, flow->key.mark);
	cell = ms_denied_cell(&place);
	if (cell)
		__sync_fetch_and_add(cell, 1);
	return 0;
}

static __always_inline __u32 ms_denied_what(const struct ms_flow *flow,
					    const struct ms_scene *scene, const struct ms_pkt *pkt)
{
	__u32 what = ms_denied_facts(scene->dir, scene->side, scene->iface_flags, scene->group);
	int is_reply = 0;

	if (ms_pkt_is_icmp(pkt))
		ms_l4_icmp_class(pkt->family, pkt->icmp_type, pkt->icmp_code, &is_reply);
	if (is_reply)
		what |= MS_DENIED_REPLY;
	if (ms_pkt_is_syn(pkt))
		what |= MS_DENIED_SYN;
	return what | MS_DENIED_DSCP(pkt->dscp) | MS_DENIED_FROM_HI(flow->index) |
	       MS_DENIED_MARK(flow->key.mark);
}

/* A packet that has no session was judged so; `scene->begun` is from before one was looked for.
 * Whether it may be remembered is seen here. */
__noinline int ms_denied_remember(struct ms_flow *flow, struct ms_scene *scene, struct ms_pkt *pkt,
				  struct ms_answer *answer)
{
	const struct ms_control *control = ms_scene_control();
	struct ms_denied_place place;
	struct ms_denied *line;
	__u32 what;

	if (!flow || !scene || !pkt || !answer || !control)
		return 0;
	/* Actions are to run each time. The verdict of an error hangs on the session of the packet
	 * that it quotes. Fragments are remembered by their datagram. */
	if (answer->verdict != MS_VERDICT_DENY || (answer->flags & MS_DECISION_ACTIONS) ||
	    pkt->fragment != MS_FRAGMENT_NOT || ms_l4_is_icmp_error(pkt))
		return 0;
	what = ms_denied_what(flow, scene, pkt);
	place = ms_denied_place(flow->key.words, flow->key.mark);
	line = ms_denied_line(&place, what);
	if (!line)
		return 0;
	MS_WRITE_ONCE(line->epoch, MS_EPOCH_DEAD);
	line->until = scene->now + MS_DENIED_LIFE_US / (control->tick_us ?: MS_DENIED_LIFE_US);
	line->what = what;
	line->begun = scene->begun;
	line->grace_until = scene->grace_until;
	line->slot = answer->slot;
	line->reason = answer->reason;
	for (int i = 0; i < MS_LINE6_WORDS; i++)
		line->key[i] = flow->key.words[i];
	MS_WRITE_ONCE(line->epoch, scene->epoch);
	return 0;
}

/* ---- the hit's side ---- */

static __always_inline int ms_denied_is(const struct ms_denied *line,
					const struct ms_denied_ask *ask)
{
	if (line->epoch != ask->epoch || line->what != ask->what || line->key[0] != ask->key[0] ||
	    line->key[1] != ask->key[1])
		return 0;
	return !(ask->what & MS_DENIED_MARK_MASK) ||
	       (line->key[2] == ask->key[2] && line->key[3] == ask->key[3] &&
		line->key[4] == ask->key[4] && line->key[5] == ask->key[5]);
}

/*
 * Counts what a judgement would have (ms_verdict, ms_stats_answer), 0 = it would have told. Sums of
 * one CPU are not atomic: only packets come here, one after the other, and those who count from
 * process context do so in one instruction.
 */
static __always_inline int ms_denied_count(struct __sk_buff *skb, const struct ms_control *control,
					   const struct ms_iface *iface, struct ms_denied *line,
					   __u32 what, __u32 now)
{
	__u32 zero = 0, slot = line->slot, zone = iface->zone, reason;
	struct ms_slot_log *log = bpf_map_lookup_elem(&ms_slotlog, &slot);
	__u64 dir = what >> MS_DENIED_DIR_SHIFT, side = what >> MS_DENIED_SIDE_SHIFT;
	struct ms_zone_count *of_zone;
	struct ms_slot_count *of_slot;
	struct ms_stats *stats;
	__u64 packets, bytes;

	if (zone == 0 || !log || !ms_event_is_mute(log, now, control->tick_us))
		return 0;
	of_zone = bpf_map_lookup_elem(&ms_zonecnt, &zone);
	of_slot = bpf_map_lookup_elem(&ms_slotcnt, &slot);
	stats = bpf_map_lookup_elem(&ms_stats, &zero);
	/* Read where it is used: kernel 6.1 forgets the bounds of what is put by. */
	reason = MS_READ_ONCE(line->reason);
	if (!of_zone || !of_slot || !stats || reason >= MS_REASON__COUNT)
		return 0;
	packets = ms_scene_packets(skb);
	bytes = ms_scene_bytes(skb);
	/* What is atomic comes first: it waits for stores before it, and theirs for nothing. */
	__sync_fetch_and_add(&log->again, 1);
	/* As in ms_stats_zone(). */
	asm volatile("%0 &= 1" : "+r"(dir));
	__sync_fetch_and_add(&of_zone->packets[dir][1], packets);
	__sync_fetch_and_add(&of_zone->bytes[dir][1], bytes);
	if (log->last_again != now)
		log->last_again = now;
	stats->packets[reason][MS_VERDICT_DENY] += packets;
	stats->bytes[reason][MS_VERDICT_DENY] += bytes;
	stats->other[MS_STAT_SUPPRESSED] += 1;
	of_slot->packets += packets;
	of_slot->bytes += bytes;
	/* As in ms_verdict(). */
	if ((iface->flags & MS_IFACE_YOUNG) &&
	    (dir == MS_DIR_IN) == ((side & 1) == MS_SIDE_WORKLOAD))
		ms_stats_gap(zone, 1, -1ull);
	return 1;
}

/* 1 = the packet is denied, as it was a moment ago, and counted. */
static __always_inline int ms_denied_again(struct __sk_buff *skb, const struct ms_control *control,
					   const struct ms_iface *iface,
					   const struct ms_denied_ask *ask)
{
	__u32 now = ms_clock_tick();
	struct ms_denied_place place = ms_denied_place(ask->key, ask->what & MS_DENIED_MARK_MASK);
	struct ms_denied *line = ms_denied_line(&place, ask->what);
	const __u32 *cell;

	if (!line || !ms_denied_is(line, ask) || line->grace_until != iface->grace_until ||
	    (__s32)(line->until - now) <= 0)
		return 0;
	cell = ms_denied_cell(&place);
	if (!cell || MS_READ_ONCE(*cell) != line->begun ||
	    !ms_denied_count(skb, control, iface, line, ask->what, now))
		return 0;
	line->hits++;
	return 1;
}

/* The same as a call: in its callers it is refused without CAP_PERFMON (docs/adr/0161). */
__noinline int ms_denied_again_call(struct __sk_buff *skb, struct ms_iface *iface,
				    struct ms_denied_ask *ask)
{
	const struct ms_control *control = ms_scene_control();

	return control && iface && ask ? ms_denied_again(skb, control, iface, ask) : 0;
}

/* The same where the packet has been parsed and placed already. */
static __always_inline int ms_denied_is_known(struct __sk_buff *skb, const struct ms_scene *scene,
					      const struct ms_pkt *pkt, const struct ms_flow *flow)
{
	struct ms_iface *iface = ms_scene_iface(scene->ifindex);
	struct ms_denied_ask ask = {};

	if (!iface || ms_l4_is_icmp_error(pkt))
		return 0;
	for (int i = 0; i < MS_LINE6_WORDS; i++)
		ask.key[i] = flow->key.words[i];
	ask.what = ms_denied_what(flow, scene, pkt);
	ask.epoch = scene->epoch;
	return ms_denied_again_call(skb, iface, &ask);
}

#endif
