/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the policy comes from: the policy directory or applied documents, and what the CLI changed
 * at run time; merged into the one policy in force. A change is built as a `next`, which can be
 * looked at, loaded into the datapath and dropped; it is saved before it is taken, so what is in
 * force is always on disk.
 */
#ifndef MS_CORE_SOURCES_H
#define MS_CORE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/config.h"
#include "core/policy/amend.h"
#include "core/policy/model.h"
#include "core/sources/offers.h"
#include "core/sources/places.h"
#include "core/sources/staging.h"
#include "core/state/documents.h"
#include "core/state/runtime.h"
#include "core/state/state.h"

struct ms_sources;

struct ms_sources_next {
	struct ms_documents documents;
	bool documents_lent; /* as `files_lent` */
	bool applied;        /* the documents are a client's, not the directory's */
	bool builtin;        /* there is no directory: the embedded policy */
	bool documents_changed, runtime_changed; /* against what is on disk */
	bool members_behind;                     /* of runtime_policy and merged, against runtime */
	struct ms_runtime runtime;               /* edit freely before merge */
	struct ms_sources_offers offers;         /* of plugin sources: edit freely, too */
	struct ms_policy *files;
	bool files_lent;                 /* `files` is what is in force, and not ours to free */
	struct ms_sources_places places; /* of `files`, and lent as they are */
	struct ms_policy *runtime_policy;
	struct ms_policy *merged;
	struct ms_amend amend;              /* not zero: `merged` is what is in force, amended */
	struct ms_sources_staging *staging; /* of ms_sources_stage(), until save or fini */
};

/* `config` and `state` are borrowed. Reads the saved runtime changes; an unreadable file is an
 * error, since starting without an operator's denies would open what was closed. */
int ms_sources_new(const struct ms_config *config, struct ms_state *state,
		   struct ms_sources **ret_sources, struct ms_error *err);
struct ms_sources *ms_sources_free(struct ms_sources *sources);

/*
 * What holds at start: the applied documents if there are any, else the directory. If they are
 * refused or cannot be read, `err` says why and `next` is made of the last good documents instead
 * (returns 1). If there are none or they cannot be read either, it is negative: only a machine that
 * never had a policy gets the built-in one.
 */
int ms_sources_initial(struct ms_sources *sources, struct ms_sources_next *ret_next,
		       struct ms_error *err);
/* Makes `next` of the last good documents: for when it merged, but the datapath cannot hold it.
 * Negative: there are none, or they are refused too; `next` can only be dropped then. */
int ms_sources_fall_back(struct ms_sources *sources, struct ms_sources_next *next,
			 struct ms_error *err);
/* There is something to fall back to, and it can be read. */
bool ms_sources_has_last_good(const struct ms_sources *sources);

/* A copy of what is in force, to be changed; then exactly one of take/fini, before the next one. */
int ms_sources_begin(struct ms_sources *sources, struct ms_sources_next *ret_next);
/* The directory again, and no applied documents any more. */
int ms_sources_read_directory(struct ms_sources *sources, struct ms_sources_next *next,
			      struct ms_error *err);
int ms_sources_use_documents(struct ms_sources_next *next, const struct ms_document *documents,
			     size_t count);
/*
 * Instead of ms_sources_merge() where `next` differs from what is in force in a few runtime rules
 * and nothing else, which the caller says by calling this: 1 = `next->merged` is complete, and is
 * the policy in force until take or fini. 0 = it must be merged; negative: it would be refused.
 * `has_id` as in struct ms_amend_inputs.
 */
int ms_sources_amend(const struct ms_sources *sources, struct ms_sources_next *next,
		     bool (*has_id)(void *user, const char *id), void *user, struct ms_error *err);
/* Parses and merges; `next->merged` is complete on success. */
int ms_sources_merge(const struct ms_sources *sources, struct ms_sources_next *next,
		     struct ms_error *err);
/*
 * Writes beside their old selves what documents ms_sources_save() is going to put in their place,
 * by a thread: until then they stay as they are, and nothing else is saved. What comes of it
 * ms_sources_save() says; where no thread is to be had, it writes them itself.
 */
void ms_sources_stage(struct ms_sources *sources, struct ms_sources_next *next);
/* Until that is written, or could not be: ms_sources_save() does not wait then. */
void ms_sources_stage_wait(struct ms_sources_next *next);
/* A start finds it when it returns, and marked as unchanged. On failure it may still be taken: then
 * it is in force but not on disk until ms_sources_save_rest(). */
int ms_sources_save(struct ms_sources *sources, struct ms_sources_next *next, struct ms_error *err);
/* After `next` was taken: from now on it is what a start falls back to. -errno: not yet, see
 * ms_sources_save_rest(). */
int ms_sources_settle(struct ms_sources *sources);
/* Saves what is in force and could not be saved; -errno. */
int ms_sources_save_rest(struct ms_sources *sources);
/* `next` is in force, and becomes what was: the caller ends that with ms_sources_next_fini() when
 * nothing borrows from its merged policy any more. */
void ms_sources_take(struct ms_sources *sources, struct ms_sources_next *next);
void ms_sources_next_fini(struct ms_sources_next *next);

const struct ms_policy *ms_sources_merged(const struct ms_sources *sources);
const struct ms_policy *ms_sources_policy(const struct ms_sources *sources, enum ms_source source);
const struct ms_runtime *ms_sources_runtime(const struct ms_sources *sources);
bool ms_sources_are_applied(const struct ms_sources *sources);
/* "/etc/microseg/policy.d", "applied: a.yaml", "built-in default". Returns `buf`. */
char *ms_sources_describe(const struct ms_sources *sources, char *buf, size_t size);

/* Replaces runtime changes that need no merge: saves, then holds. */
int ms_sources_replace_runtime(struct ms_sources *sources, struct ms_runtime *runtime,
			       struct ms_error *err);
/*
 * Members of a set in force come or go, in two halves, so that they can be in the datapath before
 * they are on disk; rules and other sets cost nothing. They are held, by nothing that outlives the
 * daemon; they are saved, by one line, or else held still and the caller's to release. What merged
 * and runtime policy say of members follows with ms_sources_follow_members().
 * `ret_before`, as long as the change: what each member was, its end MS_SOURCES_NO_MEMBER = it was
 * none.
 */
#define MS_SOURCES_NO_MEMBER (-1)
int ms_sources_hold_members(struct ms_sources *sources, const struct ms_runtime_change *change,
			    struct ms_runtime_member *ret_before);
int ms_sources_save_members(struct ms_sources *sources, const struct ms_runtime_change *change,
			    struct ms_error *err);
void ms_sources_release_members(struct ms_sources *sources, const struct ms_runtime_change *change,
				const struct ms_runtime_member *before);
/* Before members of the merged or the runtime policy are read; -ENOMEM, they are the old ones then.
 */
int ms_sources_follow_members(struct ms_sources *sources);

/* Whether the time of a member of a file or an offer is over. */
bool ms_sources_is_over(const struct ms_set_member *member);
/*
 * Who holds a prefix of a set now, an entry each, for ms_set_table_hold(); or of those that hold it
 * for ever one at least. The array is the caller's, what its origins point at is lent. -ENOMEM
 */
int ms_sources_holders(const struct ms_sources *sources, const char *set,
		       const struct ms_cidr *cidr, struct ms_set_member **ret_members,
		       size_t *ret_count);

/* The same of `next`, which is merged. */
int ms_sources_next_holders(const struct ms_sources_next *next, const char *set,
			    const struct ms_cidr *cidr, struct ms_set_member **ret_members,
			    size_t *ret_count);
/* Members that have come since ms_sources_begin(), and are saved: `next` has them, too. -ENOMEM */
int ms_sources_next_add(struct ms_sources_next *next, const struct ms_runtime_change *change);

/* The same for what must hold even if it cannot be saved; `*ret_saved` = 0 or -errno of that. */
int ms_sources_insist_on_runtime(struct ms_sources *sources, struct ms_runtime *runtime,
				 int *ret_saved);

/* Where members of documents stand. */
const struct ms_sources_places *ms_sources_places(const struct ms_sources *sources);
/* What plugin sources have in force. At start, before ms_sources_initial(), its owner puts in what
 * is on disk of them. */
struct ms_sources_offers *ms_sources_offers(struct ms_sources *sources);
/* After an offer was replaced by one that differs in members of sets alone: the sets of the merged
 * policy follow. */
int ms_sources_refresh_sets(struct ms_sources *sources, struct ms_error *err);

/* The clock that ends members and rules: milliseconds since 1970. */
int64_t ms_sources_wall_ms(void);

/* Reads the policy of `config` and merges it, for --check-config. Needs no daemon, no state. */
int ms_sources_check(const struct ms_config *config, struct ms_policy **ret_policy,
		     struct ms_error *err);

#endif
