/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that a policy source offers at one time: one transaction. The child fills it through the
 * builder calls and sends it, the daemon fills it from the frames, makes a policy of it, and keeps
 * it on disk in the very form in which it came. Pure.
 */
#ifndef MS_CORE_SOURCE_OFFER_H
#define MS_CORE_SOURCE_OFFER_H

#include <stdatomic.h>

#include "core/base/error.h"
#include "core/policy/model.h"
#include "core/source/wire.h"

#define MS_SOURCE_OFFER_TEXT_MAX ((size_t)64 << 20)   /* bytes of all texts */
#define MS_SOURCE_OFFER_TEXTS_MAX ((size_t)1 << 17)   /* texts */
#define MS_SOURCE_OFFER_SETS_MAX ((size_t)1 << 12)    /* sets */
#define MS_SOURCE_OFFER_MEMBERS_MAX ((size_t)1 << 21) /* members of all sets */
#define MS_SOURCE_OFFER_BINDS_MAX ((size_t)1 << 16)   /* workloads */
#define MS_SOURCE_OFFER_LEFT_OUT_MAX ((size_t)1 << 8) /* what is left out */
/* Bytes of all frames: each of the above at its limit comes to no more. */
#define MS_SOURCE_OFFER_BYTES_MAX ((size_t)160 << 20)

struct ms_source_text {
	enum ms_source_text_kind kind;
	char *origin;
	char *text; /* a NUL behind it */
	size_t length;
};

struct ms_source_set {
	char *name;
	struct ms_source_member *members; /* sorted and single after ms_source_offer_finish() */
	size_t n_members;
	bool is_kept; /* its members are those in force: none until ms_source_offer_keep() */
};

struct ms_source_bind {
	uint32_t kind; /* enum ms_plugin_workload */
	uint64_t workload;
	char *group;
};

/* What is wrong at its origin, and therefore not in the transaction. */
struct ms_source_left_out {
	char *origin, *why; /* a line each */
};

/* Starts as zeroes. */
struct ms_source_offer {
	struct ms_source_text *texts;
	size_t n_texts, text_bytes;
	struct ms_source_set *sets;
	size_t n_sets, n_members;
	struct ms_source_bind *binds;
	size_t n_binds;
	struct ms_source_left_out *left_out;
	size_t n_left_out;
	size_t last_set; /* where the last member went: the next one mostly does, too */
};

void ms_source_offer_fini(struct ms_source_offer *offer);

/* Each appends copies; -EINVAL: an origin is no line; -E2BIG past a limit above, -EMSGSIZE past one
 * of the wire, -ENOMEM; the offer is unchanged then. */
int ms_source_offer_add_text(struct ms_source_offer *offer, enum ms_source_text_kind kind,
			     const char *origin, const char *text, size_t length);
/* Not the rules that were added last, as far back as they are from `origin`. */
void ms_source_offer_take_back(struct ms_source_offer *offer, const char *origin);
/* -EEXIST; -EINVAL: no name of a set. */
int ms_source_offer_add_set(struct ms_source_offer *offer, const char *name);
/* As add_set(), of a set that stays as it is in force. */
int ms_source_offer_keep_set(struct ms_source_offer *offer, const char *name);
/* -ENOENT: no such set; -EINVAL: it stays as it is. */
int ms_source_offer_add_member(struct ms_source_offer *offer, const char *set,
			       const struct ms_source_member *member);
int ms_source_offer_add_bind(struct ms_source_offer *offer, uint32_t kind, uint64_t workload,
			     const char *group);

/* `why` is cut where a sentence has to end. */
int ms_source_offer_leave_out(struct ms_source_offer *offer, const char *origin, const char *why);

/* What -E2BIG of these is called: a sentence with the limits. Returns -E2BIG. */
int ms_source_offer_refuse_size(struct ms_error *err);

/* When all is added: members are sorted, and of two entries for one prefix the longer time holds.
 */
void ms_source_offer_finish(struct ms_source_offer *offer);

/*
 * Of a finished offer: the sets that stay as they are get the members they have in `before`, which
 * is finished too, and those that it has not are left out; NULL = it has none. Returns whether
 * there were any; -E2BIG with a sentence, -ENOMEM.
 */
int ms_source_offer_keep(struct ms_source_offer *offer, const struct ms_source_offer *before,
			 struct ms_error *err);

/* As frames from BEGIN to COMMIT. -ENOMEM; the buffer is as it was then. */
int ms_source_offer_encode(const struct ms_source_offer *offer,
			   struct ms_source_wire_buffer *buffer);
/* Adds what one frame between BEGIN and COMMIT says. -EPROTO or -E2BIG with a sentence. */
int ms_source_offer_add(struct ms_source_offer *offer, const struct ms_source_wire_message *message,
			struct ms_error *err);
/* A whole encoded transaction, finished. -EPROTO with a sentence if it is anything but that. */
int ms_source_offer_decode(const char *bytes, size_t length, struct ms_source_offer *ret_offer,
			   struct ms_error *err);

/*
 * One text alone, to be told at once what is wrong with it: -EINVAL with a sentence and a place in
 * it. `name` is the source's.
 */
int ms_source_offer_check_text(const char *name, enum ms_source_text_kind kind, const char *origin,
			       const char *text, size_t length, struct ms_error *err);
/*
 * What a finished offer says, as a policy of its own; not checked against other sources, which is
 * ms_policy_merge()'s, and without the workloads it binds. Origins are "NAME:ORIGIN", rules without
 * an id get "NAME/ORIGIN/N". Refused with a sentence, as a whole: a text that does not parse, and a
 * failsafe, which is the operator's. `is_given_up` may be NULL; another thread sets it, and
 * -ECANCELED comes of it before the next text.
 */
int ms_source_offer_policy(const struct ms_source_offer *offer, const char *name,
			   const atomic_bool *is_given_up, struct ms_policy **ret_policy,
			   struct ms_error *err);

/*
 * Of an error in a rule or group that the source of this name said by itself: where in that it is
 * nobody can look up who wrote what the source made it of, so the place goes. Documents keep it.
 */
void ms_source_offer_unplace(const struct ms_source_offer *offer, const char *name,
			     struct ms_error *err);

/* Whether two offers say the same but for members, which are the sets' alone, and for what is left
 * out. */
bool ms_source_offer_equal_but_members(const struct ms_source_offer *a,
				       const struct ms_source_offer *b);

#endif
