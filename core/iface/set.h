/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interfaces the daemon knows: what each should be (desired) and what it is (attached), and
 * the plan that leads from one to the other. Pure: no I/O; the manager carries plans out.
 */
#ifndef MS_CORE_IFACE_SET_H
#define MS_CORE_IFACE_SET_H

#include "core/iface/attach.h"
#include "core/iface/gap.h"
#include "core/iface/match.h"

enum ms_iface_state {
	MS_IFACE_EXCLUDED, /* of no group, or its group is disabled */
	MS_IFACE_PENDING,  /* wanted, not attached yet */
	MS_IFACE_PROTECTED,
	MS_IFACE_FAILED, /* wanted, attach failed: see error */
	MS_IFACE_STATE__COUNT,
};
const char *ms_iface_state_name(enum ms_iface_state state);

struct ms_iface_entry {
	struct ms_link link;
	enum ms_iface_state state;
	char group[64]; /* "" = none */
	/* A source has put it there, whatever `match` says; "" = none has. */
	char bound[64], bound_by[32];
	enum ms_side side;
	enum ms_attach_how want, have;
	uint16_t zone;        /* 0 = none yet */
	bool adopt;           /* had traffic before us: adoption grace applies */
	int error;            /* -errno of the last attach, 0 = none */
	uint64_t attached_ns; /* CLOCK_MONOTONIC, 0 = never */
	struct ms_gap gap;    /* what passed between appearing and attach */
	uint32_t repairs;     /* times somebody removed ours and we put it back */
	void *user;           /* the owner's */
};

struct ms_iface_set;
int ms_iface_set_new(struct ms_iface_set **ret_set);
struct ms_iface_set *ms_iface_set_free(struct ms_iface_set *set);
/* A new or changed link. The entry stays valid until removed. NULL = out of memory. */
struct ms_iface_entry *ms_iface_set_put(struct ms_iface_set *set, const struct ms_link *link);
struct ms_iface_entry *ms_iface_set_find(const struct ms_iface_set *set, uint32_t ifindex);
struct ms_iface_entry *ms_iface_set_find_name(const struct ms_iface_set *set, const char *name);
struct ms_iface_entry *ms_iface_set_find_zone(const struct ms_iface_set *set, uint16_t zone);
void ms_iface_set_remove(struct ms_iface_set *set, uint32_t ifindex);
size_t ms_iface_set_count(const struct ms_iface_set *set);
/* By ifindex. `visit` may not add or remove. */
void ms_iface_set_foreach(struct ms_iface_set *set,
			  void (*visit)(void *user, struct ms_iface_entry *entry), void *user);

/* The entry's group under `policy`: that it is bound to if there is one, else by `match`. `explain`
 * as for ms_iface_match_group(). */
const struct ms_group_def *ms_iface_set_group(const struct ms_iface_entry *entry,
					      const struct ms_policy *policy, char *explain,
					      size_t explain_size);
/* Why it is of its group, or of none, under that policy: a sentence. Returns `buf`. */
char *ms_iface_set_explain(const struct ms_iface_entry *entry, const struct ms_policy *policy,
			   char *buf, size_t size);
/* Fills group, side, `want` and state of the entry from the policy; returns whether
 * anything that matters for the datapath or the hooks changed. */
bool ms_iface_set_decide(struct ms_iface_set *set, struct ms_iface_entry *entry,
			 const struct ms_policy *policy, const struct ms_attacher *attacher);

/* Entries whose `want` differs from `have`, as jobs, those to be attached first, in the order in
 * which they were put or decided; caller frees. Of the others each is looked at once after that.
 * `have` is what carries the program in force: of an earlier daemon's, say NONE. What failed is
 * left out until something about it changes or its owner sets another state. -ENOMEM */
int ms_iface_set_plan(struct ms_iface_set *set, struct ms_attach_job **ret_jobs, size_t *ret_count);

#endif
