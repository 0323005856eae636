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

#include "bpf/lib/layout_sets.h"
#include "microseg/abi.h"

#define MS_LAYOUT_VERSION 13
#define MS_TICK_SHIFT 5

#define MS_GROUPS_MAX 256 /* group 0 = none */
#define MS_SLOTS_MAX (1u << 17)
#define MS_IFACES_MAX 65536 /* by ifindex; above that, ms_ifaces_far */
#define MS_ZONES_MAX 65536  /* zone 0 = none */
#define MS_FAILSAFE_MAX 64
#define MS_EPOCHS_MAX 65536 /* power of two */

/* ---- control word: ms_control, ARRAY of one, mmap-able. Read once per packet and carried. ---- */

/* The byte `half` of the control word: the half, and which bank of its late rules (rules.h). */
#define MS_HALF_MASK 1u
#define MS_HALF_BANK 2u /* bank 1 */

enum ms_panic { MS_PANIC_OFF = 0, MS_PANIC_OPEN = 1, MS_PANIC_CLOSED = 2 };

struct ms_control {
	__u32 epoch; /* bumped by every event that can change a verdict */
	__u8 half;   /* what of the policy tables is in force: MS_HALF_* */
	__u8 panic;  /* enum ms_panic, for every group (per group: struct ms_group) */
	__u16 flags;
	__u32 generation;   /* the policy document in force, shown */
	__u32 timeouts[9];  /* ticks, by enum ms_timeout */
	__u32 tick_us;      /* length of a tick in microseconds, for rate limits; never 0 */
	__u32 session_sets; /* of each table of lines (engine `set`), else 0 */
	__u32 session_seed; /* of their hash: made once, goes with the tables */
	__u32 oneway_sets;  /* the same of one-way sessions */
};
_Static_assert(sizeof(struct ms_control) == 64, "one line");

/* What decides is the first eight bytes of the control word: one load, one store. */
union ms_control_word {
	__u64 word;
	struct {
		__u32 epoch;
		__u8 half, panic;
		__u16 flags;
	};
};
_Static_assert(sizeof(union ms_control_word) == 8, "one load");

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
	MS_IFACE_YOUNG = 1 << 2,    /* its frames are counted in ms_zonegap */
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
	__u64 hits; /* times the rule was the answer of a classification; atomic. And ms_slot_log's
		     */
	__u32 last_hit; /* tick */
	__u32 pad;
};

/* ms_slotlog: ARRAY. Rate limit of a slot's events: at most one per `every`, the rest counted. */
struct ms_slot_log {
	__u32 window;     /* tick the current window began, 0 = none yet */
	__u32 sent;       /* events in it */
	__u32 suppressed; /* since the last event sent, but for `again` */
	__u32 every_ms; /* the rule's `log.every`, 0 = MS_EVENTS_PER_SECOND; set by the datapath */
	/* Packets that were denied again (denied.h): each is a hit of the rule and an event that
	 * was held back, so one atomic addition says both. */
	__u64 again;
	__u32 told;       /* low bits of `again` at the last event sent */
	__u32 last_again; /* tick */
};
_Static_assert(sizeof(struct ms_slot_log) == 32, "half a line");

#define MS_EVENTS_PER_SECOND 10 /* of one slot, unless its rule says `every` */

/* ms_slotname: HASH by slot. Who owns it, in words, so that attribution survives the daemon. */
#define MS_RULE_ID_MAX 64 /* with its NUL */
#define MS_ORIGIN_MAX 128 /* "10-db.yaml:14", with its NUL */

struct ms_slot_name {
	char rule[MS_RULE_ID_MAX];
	char origin[MS_ORIGIN_MAX]; /* file:line, or "runtime", or "builtin" */
	char source[16];            /* "file", "runtime", "builtin", or a plugin's name */
};

/* ---- interface counters: ms_zonecnt ARRAY by zone, atomic, folded like slots ---- */

struct ms_zone_count {
	__u64 packets[MS_DIR__COUNT][2]; /* [dir][0 passed, 1 dropped] */
	__u64 bytes[MS_DIR__COUNT][2];
};
_Static_assert(sizeof(struct ms_zone_count) == 64, "one line");

/*
 * ---- the gap: ms_zonegap ARRAY by zone, atomic ----
 *
 * Frames of a young interface that met our programs, each one however many packets it stands for:
 * at ingress all of them, at egress those that passed. The device counts the same, so the
 * difference is what passed before the programs were there.
 */
struct ms_zone_gap {
	__u64 frames[2]; /* ingress, egress */
};

/*
 * ---- sessions by engine: of `lru_hash` ms_half4/6 (one-way so far, LRU_HASH) and ms_sess4/6
 * (two-way, HASH), of `set` ms_oneway4/6 and ms_lines4/6 (ARRAYs) ----
 *
 * The lower endpoint comes first: addresses compared word by word as host integers of their wire
 * bytes, then ports likewise. Any total order would do; user space only ever reads keys back.
 */

enum {
	MS_KEY_REQUESTER_LO = 1 << 0, /* ICMP: begun by the lower endpoint */
	/* The lower endpoint's packets go `out`. So a packet that enters by an interface and leaves
	 * by it again is two flows, each judged in its own direction. Never set on loopback. */
	MS_KEY_LO_OUT = 1 << 1,
};

/* Type classes of ICMP queries; anything else has MS_ICMP_ONEWAY | type and no answer. */
enum {
	MS_ICMP_ECHO = 1,
	MS_ICMP_TIMESTAMP = 2,
	MS_ICMP_INFO = 3,
	MS_ICMP_MASK = 4,
	MS_ICMP_ONEWAY = 0x100
};

struct ms_key4 {
	__be32 lo, hi;
	/* ICMP: lo_port = identifier as on the wire (MS_ICMP_ONEWAY: the code), hi_port = type
	 * class in host order */
	__be16 lo_port, hi_port;
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

/* ms_session.word: slot in the low bits, these above. Changed only by atomic and/or/cmpxchg. */
#define MS_SESS_SLOT_MASK (MS_SLOTS_MAX - 1)
#define MS_SESS_ACTIONS (1u << 17) /* its rule has actions, or had */
#define MS_SESS_RST_LO (1u << 18)  /* closing only because the lower endpoint sent a RST ... */
#define MS_SESS_RST_HI (1u << 19)  /* ... taken back if that endpoint goes on sending */
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
/* TCP: judged again and denied. It is no session any more and carries no counts, but its place is
 * held until the timeout: what goes on of the flow without a SYN gets this deny and cannot begin
 * again in the middle, in whatever direction that might be allowed. */
#define MS_SESS_DENIED (1u << 31)

/* In ms_session.epoch; control epochs are never one of these. A dead session is no session: it is
 * skipped by listings, waits for the reaper, and is revived in place if its tuple comes back. */
#define MS_EPOCH_DEAD 0
#define MS_EPOCH_BUSY 0xffffffffu /* one CPU is changing what the session is */
/* Engine `set`: a line that one CPU fills, revives or frees; it is nobody's session. (BUSY is one
 * that was live and will be, and may be used as such.) */
#define MS_EPOCH_HELD 0xfffffffeu
/* A dead session's first_seen: marked by MS_REAP_MARK. No live one has it (ms_session_began). */
#define MS_SEEN_DEAD 0xffffffffu

struct ms_session {
	__u32 epoch;      /* read before it was judged; differs from control's = judge again */
	__u32 last_seen;  /* tick */
	__u64 packets[2]; /* [0] from the lower endpoint, [1] from the higher */
	__u64 bytes[2];
	__u32 word;
	__u32 first_seen; /* tick */
};
_Static_assert(sizeof(struct ms_session) == 48, "design: value <= 48 B");

/* May it be ended or judged again, or has somebody it in hand, or is it over? */
static inline int ms_session_is_free_to_change(__u32 epoch)
{
	return epoch != MS_EPOCH_DEAD && epoch != MS_EPOCH_BUSY && epoch != MS_EPOCH_HELD;
}

/* A tick as a first_seen that does not look like the mark of the dead. */
static inline __u32 ms_session_began(__u32 tick)
{
	return tick == MS_SEEN_DEAD ? tick - 1 : tick;
}

/* Where two-way sessions lie: the engine (docs/adr/0023). */
enum ms_session_table { MS_SESSION_TABLE_LRU_HASH, MS_SESSION_TABLE_SET };

/* Lines of the engine `set` (lines.h); keys: flow_key.h. All zero = free. */
#define MS_SET_WAYS 8
#define MS_SET_OVER 2 /* more sets, for what its own has no room for */
/* Sets for so many sessions: half full with them, so that hardly ever one finds no line. */
#define MS_SET_COUNT(sessions) (((sessions)*2 + MS_SET_WAYS - 1) / MS_SET_WAYS)
#define MS_LINE4_WORDS 2
#define MS_LINE6_WORDS 6

struct ms_line4 {
	struct ms_session session;
	__u64 key[MS_LINE4_WORDS];
};
_Static_assert(sizeof(struct ms_line4) == 64, "one line");

struct ms_line6 {
	struct ms_session session;
	__u64 key[MS_LINE6_WORDS];
};
_Static_assert(sizeof(struct ms_line6) == 96, "two lines at most, wherever it begins");

/*
 * A word of ms_tags: a byte for each line of a set, seven bits of its key's hash that are never 0,
 * or 0 of a line that is free. So it is known without them which lines a key may be in. The top bit
 * of the first: the set has been full, its keys may lie in MS_SET_OVER others; never taken back.
 */
#define MS_TAG_MASK 0x7fu
#define MS_TAGS_OVER 0x80ull

/* Of a set of ms_oneway4/6: ms_heads (oneway.h). */
struct ms_head {
	/* As a word of ms_tags; the top bit of each byte is MS_HEAD_HELD. */
	__u64 tags;
	/* How often a line of the set was filled, times MS_HEAD_FILL, which says whose turn it is
	 * to be pushed out. Below it a bit for each line: met since it was passed by. */
	__u64 fills;
};
#define MS_HEAD_HELD 0x80u /* a CPU has the line in hand */
#define MS_HEAD_FILL 256

struct ms_lines4 {
	struct ms_line4 way[MS_SET_WAYS];
};

struct ms_lines6 {
	struct ms_line6 way[MS_SET_WAYS];
};

/* Does it let packets pass? */
static inline int ms_session_is_live(const struct ms_session *session)
{
	return session->epoch != MS_EPOCH_DEAD && !(session->word & MS_SESS_DENIED);
}

/* Which timeout a session is under. */
static inline enum ms_timeout ms_session_timeout(__u8 proto, __u32 word)
{
	switch (proto) {
	case 6: /* TCP */
		switch ((word & MS_SESS_TCP_MASK) >> MS_SESS_TCP_SHIFT) {
		case MS_TCP_ESTABLISHED:
			return MS_TIMEOUT_TCP_ESTABLISHED;
		case MS_TCP_CLOSING:
			return MS_TIMEOUT_TCP_FIN;
		default:
			return MS_TIMEOUT_TCP_SYN;
		}
	case 17: /* UDP */
		return word & MS_SESS_REPLIED ? MS_TIMEOUT_UDP_TWOWAY : MS_TIMEOUT_UDP_ONEWAY;
	case 1:  /* ICMP */
	case 58: /* ICMPv6 */
		return MS_TIMEOUT_ICMP;
	default:
		return MS_TIMEOUT_OTHER;
	}
}

/* Direction of the packets of endpoint `index` (0 = lower). On loopback, where every packet is
 * both, the lower endpoint's count as `in`. */
static inline enum ms_dir ms_session_dir(__u8 key_flags, unsigned int index)
{
	return (index == 0) == !!(key_flags & MS_KEY_LO_OUT) ? MS_DIR_OUT : MS_DIR_IN;
}

/* ---- fragments: ms_frags, LRU_HASH; what became of the first fragment of a datagram ---- */

struct ms_frag_key {
	__be32 src[4], dst[4]; /* IPv4 in the first word */
	__u32 id;
	__u16 zone;
	__u16 vlan_outer, vlan_inner;
	__u8 proto;      /* IPv4 only: IPv6 reassembles by addresses and id */
	__u8 dir_family; /* dir << 4 | family */
};
_Static_assert(sizeof(struct ms_frag_key) == 44, "no padding");

struct ms_frag {
	__u32 epoch; /* in which the first fragment was judged */
	__u32 seen;  /* tick */
	__u32 slot;
	__u16 header_end; /* bytes of the datagram's payload that later ones must not rewrite */
	__u8 verdict;
	__u8 flags; /* MS_DECISION_ACTIONS or 0 */
};
_Static_assert(sizeof(struct ms_frag) == 16, "packed by hand");

/*
 * ---- what was denied a moment ago: ms_denied PERCPU_ARRAY, ms_begun ARRAY of __u32 (denied.h)
 * ----
 */
#define MS_DENIED_LINES 256 /* of each CPU; a power of two */
#define MS_DENIED_LIFE_US 1000000
#define MS_BEGUN_CELLS 4096 /* a power of two */

struct ms_denied {
	__u32 epoch;       /* in which it was judged, MS_EPOCH_DEAD = nothing here */
	__u32 until;       /* tick */
	__u32 what;        /* MS_DENIED_*: what decided beside the key */
	__u32 begun;       /* its flow's cell of ms_begun, read before a session was looked for */
	__u32 grace_until; /* of the interface then */
	__u32 slot;
	__u32 reason;
	__u32 hits;                /* packets that the line has answered, whatever it held */
	__u64 key[MS_LINE6_WORDS]; /* a union ms_key */
};
_Static_assert(sizeof(struct ms_denied) == 80, "no padding");

/* ---- ms_progs, PROG_ARRAY ---- */

enum { MS_PROG_SLOW = 0, MS_PROG_RESUME = 1 /* MS_CHAIN_RESUME */, MS_PROG__MAX = 64 };

/* ---- actions: programs in ms_actions, PROG_ARRAY (microseg/action.bpf.h) ---- */

/* ms_action_index: ARRAY by half * MS_SLOTS_MAX + a rule's slot. What of the rule's list must be
 * known to begin it. Each policy writes all lines of its half, so no line is ever another's. */
struct ms_action_index {
	__u32 list; /* index within its half, and its length, as in cb[1] */
	__u8 first; /* slot of its first action */
	__u8 mode;  /* the rule's, or its groups' if they agree: enum ms_mode; 0 = there is no list
		     */
	__u8 observing;       /* enum ms_observing, or between its last two */
	__u8 observing_first; /* slot of the first one of these */
};
_Static_assert(sizeof(struct ms_action_index) == 8, "as far apart as lines of an array are");

/* What runs of a list where its deny is let through: the actions of it that observe. */
enum ms_observing {
	MS_OBSERVING_NONE,
	MS_OBSERVING_LIST, /* all of them do: the list itself */
	MS_OBSERVING_NEXT, /* they are the list behind it; greater: so many lists on */
	MS_OBSERVING_LAST = 0xff,
};

/* ms_actname: HASH by slot. Whose the slot is, in words, so that it stays the action's over
 * daemons. */
#define MS_ACTION_NAME_MAX 64 /* with its NUL */

struct ms_action_name {
	char name[MS_ACTION_NAME_MAX];
};

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
	__u8 dscp;
	__u8 pad[3];
};
_Static_assert(sizeof(struct ms_event) == 96, "packed by hand");

/*
 * ---- programs run by user space (BPF_PROG_TEST_RUN), one request map of one entry each ----
 *
 * ms_trace judges the frame it is run on as if it had come by `ifindex`, and writes nothing but the
 * answer. The interface's line must exist; the frame is Ethernet, also where the device has none.
 */
struct ms_trace_io { /* ms_trace_io */
	__u32 ifindex;
	__u8 egress; /* 0 = as at ingress */
	__u8 half;
	__u16 pad0;
	/* the answer */
	__u32 slot;
	__u32 generation;
	__u8 verdict, reason, dir, family;
	__u8 session; /* a live session answered */
	__u8 would_log;
	__u16 pad1;
};
_Static_assert(sizeof(struct ms_trace_io) == 24, "packed by hand");

/*
 * ms_reap ends sessions in two steps with an RCU grace period (membarrier GLOBAL) between them, so
 * that no packet that still holds an entry meets its memory in another flow's hands:
 *   MS_REAP_END     marks as dead what is unchanged (or all, with force) and folds its counters
 *   MS_REAP_MARK    marks those of the keys that are dead
 *   MS_REAP_DELETE  a grace period later: deletes those that have been dead since they were marked
 * One-way sessions are counted as their packets come: MS_REAP_END deletes them at once.
 */
#define MS_REAP_MAX 64
enum { MS_REAP_END = 0, MS_REAP_DELETE = 1, MS_REAP_MARK = 2 };
enum {
	MS_REAPED_NOT = 0,     /* changed, or not there */
	MS_REAPED_ENDED = 1,   /* dead now, counters folded; mark and delete it later */
	MS_REAPED_DELETED = 2, /* gone */
};

struct ms_reap_key {
	union {
		struct ms_key4 k4;
		struct ms_key6 k6;
	};
	__u32 epoch, last_seen; /* as judged */
	__u32 result;           /* MS_REAPED_* */
};
_Static_assert(sizeof(struct ms_reap_key) == 56, "packed by hand");

struct ms_reap_io { /* ms_reap_io */
	__u32 count;
	__u8 family;
	__u8 half_open;
	__u8 force;
	__u8 step; /* MS_REAP_END, MS_REAP_DELETE */
	struct ms_reap_key keys[MS_REAP_MAX];
};

/* ms_clock: the two clocks read one after the other, so that user space can find HZ. */
struct ms_clock_io { /* ms_clock_io */
	__u64 jiffies;
	__u64 ktime_ns;
};

#endif
