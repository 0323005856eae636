/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory the datapath and the daemon share: every map's key and value, and every number both
 * sides must agree on. Private to the project (plugins get functions, not maps). Plain types only,
 * padding explicit and zero, sizes asserted: pinned maps outlive the binary that made them, so a
 * change of size or meaning bumps MS_LAYOUT_VERSION.
 *
 * Byte order: addresses and ports as on the wire (__be16/__be32), everything else host order.
 * Time: ticks = jiffies64 >> MS_TICK_SHIFT, 32 bits (bpf/dataplane.h converts). Ages are signed.
 */
#ifndef MS_BPF_LIB_LAYOUT_H
#define MS_BPF_LIB_LAYOUT_H

#include <linux/types.h>

#include "microseg/abi.h"

#define MS_LAYOUT_VERSION 1
#define MS_TICK_SHIFT 5

#define MS_GROUPS_MAX 256 /* group 0 = none */
#define MS_SLOTS_MAX (1u << 17)
#define MS_IFACES_MAX 65536 /* by ifindex; above that, ms_ifaces_far */
#define MS_ZONES_MAX 65536  /* zone 0 = none */
#define MS_FAILSAFE_MAX 64
#define MS_EPOCHS_MAX 65536 /* power of two */

/* ---- control word: ms_control, ARRAY of one, mmap-able. Read once per packet and carried. ---- */

enum ms_panic { MS_PANIC_OFF = 0, MS_PANIC_OPEN = 1, MS_PANIC_CLOSED = 2 };

struct ms_control {
	__u32 epoch; /* bumped by every event that can change a verdict */
	__u8 half;   /* which half of the policy tables is in force: 0 or 1 */
	__u8 panic;  /* enum ms_panic, for every group (per group: struct ms_group) */
	__u16 flags;
	__u32 generation;  /* the policy document in force, shown */
	__u32 timeouts[9]; /* ticks, by enum ms_timeout */
	__u32 pad[4];
};
_Static_assert(sizeof(struct ms_control) == 64, "one line");

enum ms_timeout {
	MS_TIMEOUT_TCP_SYN,
	MS_TIMEOUT_TCP_ESTABLISHED,
	MS_TIMEOUT_TCP_FIN,
	MS_TIMEOUT_UDP_ONEWAY,
	MS_TIMEOUT_UDP_TWOWAY,
	MS_TIMEOUT_ICMP,
	MS_TIMEOUT_OTHER,
	MS_TIMEOUT__COUNT, /* <= 9 */
};

/* Which generation an epoch belonged to: ms_epochs, ARRAY, index epoch % MS_EPOCHS_MAX. */
struct ms_epoch {
	__u32 epoch;
	__u32 generation;
};

/* ---- interfaces: ms_ifaces ARRAY by ifindex, ms_ifaces_far HASH for larger ones ---- */

enum ms_side { MS_SIDE_HOST = 0, MS_SIDE_WORKLOAD = 1 };

enum {
	MS_IFACE_L3 = 1 << 0,       /* no Ethernet header (tun, wireguard, ipip) */
	MS_IFACE_LOOPBACK = 1 << 1, /* judged at ingress only, in and out rules both */
};

struct ms_iface {
	__u32 ifindex;  /* 0 = line unused: packets are reason `excluded` */
	__u16 zone;     /* identity carried by sessions; never reused while one may carry it */
	__u16 group[2]; /* by half, 0 = no group: left alone */
	__u8 side;      /* bit h = enum ms_side in half h, so that it switches with its group */
	__u8 flags;
	__u32 grace_until; /* tick; flows older than our hook may be adopted until then, 0 = never
			    */
	__u32 pad[4];
};
_Static_assert(sizeof(struct ms_iface) == 32, "half a line");

/* ---- groups: ms_groups ARRAY of 2 * MS_GROUPS_MAX, index half * MS_GROUPS_MAX + group ---- */

enum ms_mode { MS_MODE_DISABLED = 0, MS_MODE_AUDIT = 1, MS_MODE_ENFORCE = 2, MS_MODE_INHERIT = 3 };

struct ms_group {
	__u8 mode;                   /* enum ms_mode; disabled groups are not attached at all */
	__u8 verdict[MS_DIR__COUNT]; /* the default: enum ms_verdict, ALLOW or DENY */
	__u8 non_ip;                 /* enum ms_verdict */
	__u8 panic;                  /* enum ms_panic of this group alone */
	__u8 pad[3];
	__u32 slot[MS_DIR__COUNT]; /* of the default, for attribution */
};
_Static_assert(sizeof(struct ms_group) == 16, "packed by hand");

/* ---- failsafe: ms_failsafe ARRAY of 2 * MS_FAILSAFE_MAX, first `proto == 0` ends a half ---- */

struct ms_failsafe {
	__u8 addr[16]; /* of the peer; an IPv4 one in the first four bytes */
	__u8 len;
	__u8 family; /* 4, 6, or 0 = any peer of either family */
	__u8 dir;    /* enum ms_dir */
	__u8 proto;
	__be16 port; /* the destination's */
	__u16 pad;
	__u32 slot;
};
_Static_assert(sizeof(struct ms_failsafe) == 28, "packed by hand");

/* ---- rule slots: stable per rule id, attribution and counters hang on them ---- */

#define MS_SLOT_NONE 0 /* malformed, non-IP, excluded: no rule said so */

/* ms_slotcnt: PERCPU_ARRAY. Packets not (or no longer) in a session; wraps, sums are exact. */
struct ms_slot_count {
	__u64 packets;
	__u64 bytes;
};

/* ms_slotmeta: ARRAY */
struct ms_slot_meta {
	__u64 hits;     /* times the rule was the answer of a classification; atomic */
	__u32 last_hit; /* tick */
	__u32 pad;
};

/* ms_slotlog: ARRAY. Rate limit of a slot's events: at most one per `every`, the rest counted. */
struct ms_slot_log {
	__u32 window;     /* tick the current window began, 0 = none yet */
	__u32 sent;       /* events in it */
	__u32 suppressed; /* since the last event sent */
	__u32 pad;
};

/* ---- interface counters: ms_zonecnt ARRAY by zone, atomic, folded like slots ---- */

struct ms_zone_count {
	__u64 packets[MS_DIR__COUNT][2]; /* [dir][0 passed, 1 dropped] */
	__u64 bytes[MS_DIR__COUNT][2];
};
_Static_assert(sizeof(struct ms_zone_count) == 64, "one line");

/* ---- sessions: ms_sess4/6 (two-way, confirmed) and ms_half4/6 (one-way so far), LRU_HASH ---- */

enum { MS_KEY_REQUESTER_LO = 1 << 0 /* ICMP query begun by the lower endpoint */ };

struct ms_key4 {
	__be32 lo, hi; /* lower endpoint first, compared as (address, port) in memory order */
	__be16 lo_port, hi_port; /* ICMP queries: identifier, type class */
	__u16 zone;
	__u8 proto;
	__u8 flags;                   /* MS_KEY_* */
	__u16 vlan_outer, vlan_inner; /* VID, 0 = untagged */
};
_Static_assert(sizeof(struct ms_key4) == 20, "no padding");

struct ms_key6 {
	__be32 lo[4], hi[4];
	__be16 lo_port, hi_port;
	__u16 zone;
	__u8 proto;
	__u8 flags;
	__u16 vlan_outer, vlan_inner;
};
_Static_assert(sizeof(struct ms_key6) == 44, "no padding");

enum ms_established {
	MS_ESTABLISHED_RECHECK = 0,
	MS_ESTABLISHED_KEEP = 1,
	MS_ESTABLISHED_RESET = 2
};

enum ms_tcp_state {
	MS_TCP_NONE, /* not TCP */
	MS_TCP_SYN,  /* half-open */
	MS_TCP_ESTABLISHED,
	MS_TCP_CLOSING, /* FIN or RST seen: short timeout, a SYN starts anew */
};

/* ms_session.word: slot in the low 20 bits, these above. Changed only by atomic and/or/xchg. */
#define MS_SESS_SLOT_MASK 0x000fffffu
#define MS_SESS_TCP_SHIFT 20
#define MS_SESS_TCP_MASK (3u << 20)
#define MS_SESS_ESTABLISHED_SHIFT 22
#define MS_SESS_ESTABLISHED_MASK (3u << 22)
#define MS_SESS_ORIGIN_HI (1u << 24) /* the higher endpoint began it */
#define MS_SESS_LOG (1u << 25)       /* events on the cached path too, rate-limited by slot */
#define MS_SESS_AUDIT (1u << 26)     /* would be denied in enforce mode */
#define MS_SESS_REPLIED (1u << 27)   /* seen in both directions */
#define MS_SESS_ADOPTED (1u << 28)
#define MS_SESS_MIDFLOW (1u << 29)    /* made by a TCP packet without SYN */
#define MS_SESS_ORIGIN_OUT (1u << 30) /* first packet's direction was out, else in */

#define MS_EPOCH_DEAD 0 /* in ms_session.epoch: being deleted; control epochs start at 1 */

struct ms_session {
	__u32 epoch;      /* read before it was judged; differs from control's = judge again */
	__u32 last_seen;  /* tick */
	__u64 packets[2]; /* [0] from the lower endpoint, [1] from the higher */
	__u64 bytes[2];
	__u32 word;
	__u32 first_seen; /* tick */
};
_Static_assert(sizeof(struct ms_session) == 48, "design: value <= 48 B");

/* ---- statistics: ms_stats, PERCPU_ARRAY of one ---- */

/* X(NAME, "name", "what it counts") beside the verdict table */
#define MS_STATS(X)                                                                                \
	X(NEW_SESSION, "new_session", "sessions created")                                          \
	X(EXISTING_SESSION, "existing_session", "sessions judged again after an epoch change")     \
	X(EXPIRED_SESSION, "expired_session", "sessions found expired by a packet or the sweep")   \
	X(MIDFLOW, "midflow", "sessions made by a TCP packet without SYN")                         \
	X(LOGGED, "logged", "events sent to the ring")                                             \
	X(SUPPRESSED, "suppressed", "events held back by a rate limit")                            \
	X(EVENTS_LOST, "events_lost", "events the full ring refused")                              \
	X(INSERT_FAILED, "insert_failed",                                                          \
	  "sessions that could not be stored; packet judged all the same")

enum ms_stat {
#define MS_STAT_ENUM(name, text, doc) MS_STAT_##name,
	MS_STATS(MS_STAT_ENUM)
#undef MS_STAT_ENUM
		MS_STAT__COUNT,
};

struct ms_stats {
	__u64 packets[MS_REASON__COUNT][MS_VERDICT__COUNT];
	__u64 bytes[MS_REASON__COUNT][MS_VERDICT__COUNT];
	__u64 other[MS_STAT__COUNT];
};

/* ---- events: ms_events RINGBUF ---- */

enum { MS_EVENT_LOG = 1 << 0 /* because a rule says log, not because of the verdict */ };

struct ms_event {
	__u64 time_ns; /* bpf_ktime_get_ns: CLOCK_MONOTONIC */
	__u64 seq;     /* per CPU; gaps are losses */
	__u32 cpu;
	__u32 ifindex;
	__u32 generation;
	__u32 slot;
	__u32 length;                      /* bytes on the wire, all segments */
	__u32 suppressed;                  /* events of this slot held back since the last one */
	__u8 verdict, reason, dir, family; /* family 4, 6, 0 = no IP header known */
	__u8 proto, tcp_flags, icmp_type, icmp_code;
	__be16 sport, dport;
	__u16 vlan_outer, vlan_inner;
	__u16 ethertype; /* host order */
	__u16 flags;     /* MS_EVENT_* */
	__u8 src[16], dst[16];
	__u32 pad;
};
_Static_assert(sizeof(struct ms_event) == 96, "packed by hand");

#endif
