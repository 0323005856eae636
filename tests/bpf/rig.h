/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath on the bench: the programs with a clock the test sets, maps of their own, one
 * interface that can be made any kind, policies from YAML text, packets through
 * BPF_PROG_TEST_RUN. Nothing is attached or pinned. What became of a packet is read from the
 * counters it moved: exactly one cell of the statistics, exactly one author, no other. So every
 * packet of every test also tests that counting is exact.
 *
 * A call that cannot do its work fails the running test. One rig a process, one case at a time.
 */
#ifndef MS_TESTS_BPF_RIG_H
#define MS_TESTS_BPF_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/layout.h"
#include "tests/bpf/actions.h"
#include "tests/harness/pkt.h"

#define MS_RIG_IFINDEX 1 /* lo of the test's own namespace */
#define MS_RIG_TICKS_PER_SECOND 10

/*
 * Unchecked fixture: namespaces of this process's own, and the programs, which takes long. Once a
 * process; all cases share them.
 */
void ms_rig_load(void);
/* Checked fixture: loads if nobody has, and empties all maps; `small` tables of 1,024 sessions. */
void ms_rig_setup(void);

/* Reads, merges, compiles, loads into the idle half and puts in force: a new generation and epoch.
 * The built-in rules and the default failsafe are in it, unless the text has its own. */
void ms_rig_policy(const char *yaml);
void ms_rig_bump_epoch(void);
void ms_rig_set_tick(uint32_t tick_us); /* what one is said to last */
void ms_rig_set_panic(enum ms_panic panic);
void ms_rig_set_group_panic(const char *group, enum ms_panic panic);
void ms_rig_set_member(const char *set, const char *cidr, uint32_t expires_tick);

/* The interface. A group by name; the rest as in struct ms_iface. */
struct ms_rig_iface {
	const char *group; /* NULL = none */
	enum ms_side side;
	uint8_t flags;
	uint16_t zone;
	uint32_t grace_until;
	uint32_t ifindex; /* 0 = MS_RIG_IFINDEX; another is there, and the packets' from now on */
};
void ms_rig_iface(const struct ms_rig_iface *iface);
/* No line for it at all. */
void ms_rig_remove_iface(void);

uint32_t ms_rig_now(void);
void ms_rig_advance(uint32_t ticks);
void ms_rig_remove_slow(void);   /* empties the slow program's slot */
void ms_rig_remove_resume(void); /* and the one's behind a list of actions */

/*
 * The bench's actions (actions.bpf.c): pass_on, end_deny, end_allow, take, tell, end_as_before. A
 * policy may name them; `tell` takes a number below 256. Their programs are put in and taken out of
 * their slots. By the names watch, watch_deny, watch_allow and watch_take some of these programs
 * (tell, end_deny, end_allow, take) are actions that say that they only observe.
 */
void ms_rig_add_actions(void);
void ms_rig_remove_action(const char *name);
/* Takes all of them out but this one, which is in this slot then. */
void ms_rig_only_action(const char *name, uint32_t slot);
struct test_action_seen ms_rig_seen(void); /* by `tell`; forgotten when it has been asked */

/* The program of a plugin of ours, by the action's name, with these arguments wherever a rule names
 * it. Its own maps are new and go with the rig. The object is the rig's. */
struct bpf_object *ms_rig_add_plugin(const char *name, const void *args, size_t size);
/* The one that was added last says that it only observes. */
void ms_rig_plugin_observes(void);

enum ms_rig_hook { MS_RIG_INGRESS, MS_RIG_EGRESS };

struct ms_rig_result {
	int code;            /* of TC */
	const char *verdict; /* "allow", "deny", "audit", "none" = not counted at all */
	const char *reason;
	const char *author; /* rule id, "default/g/in", "failsafe/in", "" = slot 0 */
	int half, sess;     /* live sessions afterwards, one-way and two-way */
};
struct ms_rig_result ms_rig_run(enum ms_rig_hook hook, const struct ms_pkt *pkt);
/* What comes of a packet, as "verdict reason author", and the code the program returns. */
void ms_rig_expect_packet(enum ms_rig_hook hook, const struct ms_pkt *pkt, int code,
			  const char *text);
/* A TCP flow from `a`, of another port each time: first packet, answer, its acknowledgement, and
 * one each way when nothing is new about them any more, which is what the lean hit would take. */
void ms_rig_expect_tcp(const char *a, const char *b, int code, const char *first, const char *next);
/* The same with `segments` of an offloaded frame. */
struct ms_rig_result ms_rig_run_segments(enum ms_rig_hook hook, const struct ms_pkt *pkt,
					 uint32_t segments, uint32_t wire_len);

/* The TC code only, and what became of the packet: its bytes, mark and priority. */
struct __sk_buff;
int ms_rig_run_changed(enum ms_rig_hook hook, const struct ms_pkt *pkt, struct ms_pkt *ret_pkt,
		       struct __sk_buff *ret_context);

/* Asks trace, then runs the packet, and holds both answers to "verdict reason author". */
#define ms_rig_expect(hook, pkt, text) ms_rig_expect_at(__FILE__, __LINE__, hook, pkt, text)
struct ms_rig_result ms_rig_expect_at(const char *file, int line, enum ms_rig_hook hook,
				      const struct ms_pkt *pkt, const char *text);

/* What `trace` says, "verdict reason author"; `half` is the live one. */
const char *ms_rig_trace(enum ms_rig_hook hook, const struct ms_pkt *pkt, bool *ret_session);

/* Packets counted for an author: folded and carried by live sessions. */
uint64_t ms_rig_total(const char *author);
uint64_t ms_rig_folded(const char *author);
uint64_t ms_rig_hits(const char *author);
void ms_rig_gap(uint16_t zone, uint64_t ret_frames[2]); /* ingress, egress */
uint64_t ms_rig_zone_packets(uint16_t zone, enum ms_dir dir, bool dropped);
uint64_t ms_rig_stat(enum ms_stat stat);
uint64_t ms_rig_denied_again(void); /* packets that were denied without a judgement */

/* The live sessions, one-way ones first. Returns how many. */
struct ms_rig_session {
	int family;
	bool is_half;
	struct ms_key6 key; /* of IPv4: a struct ms_key4 at its beginning */
	struct ms_session value;
};
size_t ms_rig_sessions(struct ms_rig_session *ret_sessions, size_t max);
size_t ms_rig_dead_sessions(void);
/* Places for two-way sessions of a family. Of lines the last ones may not be filled. */
size_t ms_rig_places(bool *ret_are_lines);
/* Live sessions, of narrow or of wide keys, that lie in another set than their first. */
size_t ms_rig_beside(bool wide);
/* Runs the reaper over these: both steps, with no grace. Returns how many were deleted. */
size_t ms_rig_reap(const struct ms_rig_session *sessions, size_t count, bool force);
/* One step only; the results are in the order of the sessions. */
void ms_rig_reap_step(const struct ms_rig_session *sessions, size_t count, bool force, int step,
		      uint32_t *ret_results);

/* The next event, false = none. */
bool ms_rig_event(struct ms_event *ret_event);

/* For threads of their own: no accounting, only the verdict's TC code. */
int ms_rig_program(enum ms_rig_hook hook);
/* The same on a stack that is full of what somebody left; one hook at a time, with the bench's
 * actions. */
int ms_rig_littered(enum ms_rig_hook hook);
int ms_rig_run_plain(int program, const struct ms_pkt *pkt);

uint32_t ms_rig_verified_insns(const char *program);

#endif
