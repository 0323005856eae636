/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps. Layouts and what each is for: layout.h, rules.h. Sizes of the session tables are the
 * defaults; the daemon sets them before load.
 */
#ifndef MS_BPF_LIB_MAPS_H
#define MS_BPF_LIB_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/lib/layout.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/rules.h"
#include "microseg/action.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_control);
} ms_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_EPOCHS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_epoch);
} ms_epochs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_IFACES_MAX);
	__type(key, __u32);
	__type(value, struct ms_iface);
} ms_ifaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ms_iface);
} ms_ifaces_far SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_GROUPS_MAX);
	__type(key, __u32);
	__type(value, struct ms_group);
} ms_groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_FAILSAFE_MAX);
	__type(key, __u32);
	__type(value, struct ms_failsafe);
} ms_failsafe SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_BANKS);
	__type(key, __u32);
	__type(value, struct ms_policy_head);
} ms_policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_RULES_ROWS);
	__type(key, __u32);
	__type(value, struct ms_row4);
} ms_rules4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_RULES_ROWS);
	__type(key, __u32);
	__type(value, struct ms_row6);
} ms_rules6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_BLOCKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_block);
} ms_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_DECISIONS);
	__type(key, __u32);
	__type(value, struct ms_decision);
} ms_decisions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MS_SET_MEMBERS_MAX + MS_SET_HOST_MEMBERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ms_set_key4);
	__type(value, struct ms_set_entry);
} ms_set4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MS_SET_MEMBERS_MAX + MS_SET_HOST_MEMBERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ms_set_key6);
	__type(value, struct ms_set_entry);
} ms_set6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MS_TOLD_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ms_member_key4);
	__type(value, struct ms_member_sets);
} ms_told4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MS_TOLD_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ms_member_key6);
	__type(value, struct ms_member_sets);
} ms_told6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MS_SET_MEMBERS_MAX + MS_SET_HOST_MEMBERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ms_member_key4);
	__type(value, struct ms_member_sets);
} ms_member4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MS_SET_MEMBERS_MAX + MS_SET_HOST_MEMBERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ms_member_key6);
	__type(value, struct ms_member_sets);
} ms_member6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_asked);
} ms_asked SEC(".maps");

/* Two-way sessions: never evicted, so nothing that only claims to be new can push one out, and the
 * counters they carry are never lost. Full = flows stay in the one-way table. */
#ifdef MS_SET_TABLE
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072 / MS_SET_WAYS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_lines4);
} ms_lines4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072 / MS_SET_WAYS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_lines6);
} ms_lines6 SEC(".maps");

/* A word a set (layout.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * 131072 / MS_SET_WAYS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} ms_tags SEC(".maps");
#else
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ms_key4);
	__type(value, struct ms_session);
} ms_sess4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ms_key6);
	__type(value, struct ms_session);
} ms_sess6 SEC(".maps");
#endif

/* One-way sessions: each may be pushed out by a newer one. */
#ifdef MS_SET_TABLE
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536 / MS_SET_WAYS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_lines4);
} ms_oneway4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536 / MS_SET_WAYS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_lines6);
} ms_oneway6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * 65536 / MS_SET_WAYS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_head);
} ms_heads SEC(".maps");

/* What a packet has read of its one-way session (oneway.h). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ms_session);
} ms_seen SEC(".maps");
#else
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ms_key4);
	__type(value, struct ms_session);
} ms_half4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ms_key6);
	__type(value, struct ms_session);
} ms_half6 SEC(".maps");
#endif

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ms_frag_key);
	__type(value, struct ms_frag);
} ms_frags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MS_JUDGED);
	__type(key, __u32);
	__type(value, struct ms_judged);
} ms_judged SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MS_RETURNED);
	__type(key, struct ms_returned_key);
	__type(value, struct ms_returned);
} ms_returned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MS_DENIED_LINES);
	__type(key, __u32);
	__type(value, struct ms_denied);
} ms_denied SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_BEGUN_CELLS);
	__type(key, __u32);
	__type(value, __u32);
} ms_begun SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MS_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct ms_slot_count);
} ms_slotcnt SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_SLOTS_MAX);
	__type(key, __u32);
	__type(value, struct ms_slot_meta);
} ms_slotmeta SEC(".maps");

/* Nobody maps it: what can be mapped begins on a page, so that a slot's lies in one line. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_SLOTS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_slot_log);
} ms_slotlog SEC(".maps");

/* No program reads it; it is pinned with the rest so that slots keep their names. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MS_SLOTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ms_slot_name);
} ms_slotname SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_ZONES_MAX);
	__type(key, __u32);
	__type(value, struct ms_zone_count);
} ms_zonecnt SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MS_ZONES_MAX);
	__type(key, __u32);
	__type(value, struct ms_zone_gap);
} ms_zonegap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ms_stats);
} ms_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ms_events SEC(".maps");

/* ms_progs, ms_actions, ms_action_lists and ms_action_args are actions' too: action.bpf.h. */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * MS_SLOTS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ms_action_index);
} ms_action_index SEC(".maps");

/* No program reads it, as ms_slotname. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MS_ACTION_SLOTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ms_action_name);
} ms_actname SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ms_trace_io);
} ms_trace_io SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ms_reap_io);
} ms_reap_io SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ms_clock_io);
} ms_clock_io SEC(".maps");

#endif
