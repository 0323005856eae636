/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The owner of everything in the daemon. Construction order = reading order of ms_manager_start(),
 * teardown reversed. Control commands read through the accessors (borrowed, valid until the next
 * return to the loop) and change through the operations below; each operation either is in force
 * (and on disk, where it must survive) when it returns 0, or has changed nothing. The control
 * socket is not the manager's: core/control opens it on top.
 */
#ifndef MS_CORE_MANAGER_H
#define MS_CORE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/dataplane.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/classify/engine.h"
#include "core/classify/unobserved.h"
#include "core/event/event.h"
#include "core/iface/set.h"
#include "core/policy/model.h"
#include "core/session/session.h"
#include "core/state/documents.h"
#include "netlink/monitor.h"

struct ms_config; /* core/config.h */
struct ms_loop;
struct ms_manager;

/* Takes everything up: lock, state, dataplane, policy, first walk, attach. `err` has one
 * sentence if it fails; nothing is left behind that was not there before. `config` is borrowed. */
int ms_manager_start(const struct ms_config *config, struct ms_loop *loop,
		     struct ms_manager **ret_manager, struct ms_error *err);
/* Ends the daemon's part; protection stays. Returns NULL. */
struct ms_manager *ms_manager_stop(struct ms_manager *manager);
/* 0 if no daemon holds this network namespace's lock, else -EBUSY with a sentence. */
int ms_manager_probe_lock(struct ms_error *err);

/* ---- what is ---- */

const struct ms_config *ms_manager_config(const struct ms_manager *manager);
struct ms_dataplane *ms_manager_dataplane(struct ms_manager *manager);
struct ms_iface_set *ms_manager_ifaces(struct ms_manager *manager);
struct ms_attacher *ms_manager_attacher(struct ms_manager *manager);
const struct ms_monitor *ms_manager_monitor(const struct ms_manager *manager);
const struct ms_policy *ms_manager_policy(const struct ms_manager *manager); /* merged, in force */
const struct ms_policy *ms_manager_source(const struct ms_manager *manager,
					  enum ms_source source); /* as written; file, runtime */
struct ms_event_history *ms_manager_history(struct ms_manager *manager);
struct ms_sweeper *ms_manager_sweeper(struct ms_manager *manager);
uint32_t ms_manager_slot(const struct ms_manager *manager, const char *rule_id); /* 0 = none */
/* The first action of this rule in force that no loaded plugin has, or whose plugin refuses what
 * the rule says to it (`*ret_refused`: why, with the place; else NULL), so that the rule is on its
 * fallback; NULL = it acts as written. Borrowed from the rule, and until the next policy. */
const char *ms_manager_missing_action(const struct ms_manager *manager, const struct ms_rule *rule,
				      const struct ms_error **ret_refused);
/* Name of a slot, also of rules that are gone but whose sessions live. NULL = never heard of. */
const struct ms_slot_name *ms_manager_slot_name(struct ms_manager *manager, uint32_t slot);
const struct ms_iface_entry *ms_manager_iface_of_zone(struct ms_manager *manager, uint16_t zone);

/* Time a member of a set has left, ns; UINT64_MAX = it stays, 0 = it has expired. -ENOENT */
int ms_manager_set_left(const struct ms_manager *manager, const char *set,
			const struct ms_cidr *member, uint64_t *ret_left_ns);

size_t ms_manager_set_count(const struct ms_manager *manager, const char *set); /* prefixes */

/* The plugin that put the member in, and nobody else has changed it; NULL = none. Lent until
 * members change. */
const char *ms_manager_set_put_by(const struct ms_manager *manager, const char *set,
				  const struct ms_cidr *member);
/* The source that offers this member of the merged policy; NULL = none does any more. Lent until
 * offers change. */
const char *ms_manager_set_offered_by(const struct ms_manager *manager, const char *set,
				      const struct ms_set_member *member);

struct ms_keeper_counts; /* core/iface/keeper.h */
struct ms_keeper_counts ms_manager_iface_counts(const struct ms_manager *manager);

struct ms_manager_status {
	uint32_t generation_applied, generation_desired; /* differ while an apply failed */
	char policy_source[256]; /* "/etc/microseg/policy.d", "applied: a.yaml b.yaml", "built-in
				    default" */
	bool policy_is_applied;  /* PATH documents stand in for the directory */
	char last_error[640];    /* of the last reload, "" = none */
	int64_t applied_at;      /* seconds since 1970 */
	int64_t started_at;
	enum ms_panic panic;
	uint64_t events_lost, events_suppressed_in_log;
	struct ms_engine_choice engines[MS_ENGINE_FAMILIES];
	char session_table[16]; /* "set" or "lru_hash", the one in use */
	uint32_t repairs;
	char unsaved[384];       /* in force but not on disk, and why; "" = all is */
	char sweep_problem[192]; /* why sessions are not swept, "" = they are */
	char pins_problem[384];  /* somebody hid or removed our pins, "" = they are where they were
				  */
	char host_problem[160];  /* set:host has not all addresses, "" = it has */
	bool sets_are_torn;      /* some have members that they should not, or lack some */
	bool sets_are_asked;     /* each new flow is asked of every set: tables cannot be written */
	char fallback_problem[512]; /* a rule is on its fallback, "" = all act as written */
	size_t rules_on_fallback;
	struct ms_unobserved unobserved; /* rules that are looked at by nobody in audit mode */
	bool degraded;                   /* anything not as desired */
};
void ms_manager_status(struct ms_manager *manager, struct ms_manager_status *ret_status);
/* Each plugin that is not loaded or cannot do its work, and each such source or sink, as a
 * sentence: `at` begins at 0, false = there is none any more. */
bool ms_manager_next_plugin_problem(const struct ms_manager *manager, size_t *at, char *buf,
				    size_t size);
bool ms_manager_next_source_problem(const struct ms_manager *manager, size_t *at, char *buf,
				    size_t size);

/* New events as they come, for `observe -f`; -ENOMEM. */
struct ms_event_listener;
int ms_manager_listen(struct ms_manager *manager,
		      void (*on_event)(void *user, const struct ms_event_record *record),
		      void *user, struct ms_event_listener **ret_listener);
void ms_manager_unlisten(struct ms_manager *manager, struct ms_event_listener *listener);

/*
 * Does `work` on another thread, while this one follows and attaches interfaces and nothing else,
 * and returns what it returned. For what takes long with many rules; it may read all but
 * interfaces. `user` is the manager. Interfaces come and go in this and in the operations below;
 * everything else that was borrowed stays valid.
 */
int ms_manager_away(void *user, int (*work)(void *arg), void *arg);
/*
 * The same, and members come to sets in force meanwhile: urgent watches of the loop are served. Of
 * work that leaves alone, and does not read, what they change: the members of sets in force, but by
 * the set table's turns; runtime changes but rules, groups' modes and panic; and where those are
 * saved. Nor does it change what is asked about them: the merged policy in force, offers and
 * places.
 */
int ms_manager_beside(void *user, int (*work)(void *arg), void *arg);

/* ---- what is wanted ---- */

struct ms_commit {
	uint32_t generation;          /* in force now (with dry_run: would be) */
	unsigned int sessions_end;    /* live sessions whose verdict turns to deny */
	bool sessions_end_is_minimum; /* too many to look at all: there may be more */
	char rule_id[MS_RULE_ID_MAX]; /* of rule_add */
	unsigned int changes;
};

/* Reads the policy directory again (and forgets applied documents). */
int ms_manager_reload(struct ms_manager *manager, bool dry_run, struct ms_commit *ret_commit,
		      struct ms_error *err);
/* These documents stand in for the directory until the next reload, over restarts. */
int ms_manager_apply(struct ms_manager *manager, const struct ms_document *documents, size_t count,
		     bool dry_run, struct ms_commit *ret_commit, struct ms_error *err);
/* The merged policy that those documents (or, with count 0, the directory) would give, or what
 * ms_manager_apply() would refuse them for; what only their plugins tell, count_flips() does. */
int ms_manager_preview(struct ms_manager *manager, const struct ms_document *documents,
		       size_t count, struct ms_policy **ret_policy, struct ms_error *err);
/* Live sessions that `policy` would deny; answered by the datapath's own classifier. */
int ms_manager_count_flips(struct ms_manager *manager, const struct ms_policy *policy,
			   unsigned int *ret_count, bool *ret_is_minimum, struct ms_error *err);
/* MS_ENGINE_FAMILIES: of what one of these calls loaded last, or asked about only. */
const struct ms_engine_choice *ms_manager_engines_asked(const struct ms_manager *manager);
/* The same of rules that are looked at by nobody in audit mode. */
const struct ms_unobserved *ms_manager_unobserved_asked(const struct ms_manager *manager);

/* Runtime rules. Without an id one is made ("runtime/N"). `replace` of import empties first. */
int ms_manager_rule_add(struct ms_manager *manager, const struct ms_rule *rule, bool dry_run,
			struct ms_commit *ret_commit, struct ms_error *err);
int ms_manager_rule_remove(struct ms_manager *manager, const char *id, bool dry_run,
			   struct ms_commit *ret_commit, struct ms_error *err);
int ms_manager_rule_import(struct ms_manager *manager, const struct ms_document *document,
			   bool replace, bool dry_run, struct ms_commit *ret_commit,
			   struct ms_error *err);
/* Whether the next one may be called while ms_manager_beside() waits. */
bool ms_manager_takes_early(struct ms_manager *manager, const char *set);
/* Members in force and on disk on return; no new generation, unless the set is new. 1 = on disk,
 * and in force when all addresses are told: see ms_manager_await_told(). */
int ms_manager_set_add(struct ms_manager *manager, const char *set, const struct ms_cidr *members,
		       size_t count, uint64_t timeout_ns, bool dry_run, struct ms_error *err);
int ms_manager_set_remove(struct ms_manager *manager, const char *set,
			  const struct ms_cidr *members, size_t count, bool dry_run,
			  struct ms_error *err);
/* Is told from the loop, once, and never within the call. */
struct ms_manager_waiter {
	struct ms_list link; /* the manager's */
	void (*on_told)(void *user);
	void *user;
};
void ms_manager_await_told(struct ms_manager *manager, struct ms_manager_waiter *waiter);
/* Fine for one that has been told. */
void ms_manager_await_no_more(struct ms_manager_waiter *waiter);
/* Persistent override of a group's mode until the same call with MS_MODE_INHERIT. */
int ms_manager_group_mode(struct ms_manager *manager, const char *group, enum ms_mode mode,
			  bool dry_run, struct ms_error *err);
/*
 * Plugins. Each is tried in a process of its own before anything of it comes into this one, and the
 * loop goes on meanwhile: what needs that is begun, and told when it is over, from the loop and
 * never within the call. Such tasks are done one after the other. Of a failed one nothing has
 * changed.
 */
struct ms_plugin_registry; /* core/plugin/registry.h */
struct ms_manager_task;
enum ms_manager_step { MS_STEP_LOADED, MS_STEP_CHANGED, MS_STEP_UNLOADED };
struct ms_manager_done {
	int r;
	const struct ms_error *err; /* set if `r` is negative */
	struct ms_commit commit;
	const struct ms_manager_task *task; /* lent */
};
typedef void (*ms_manager_on_done)(void *user, const struct ms_manager_done *done);
/* What was done, or would be, to which plugin: by index; false behind the last. */
bool ms_manager_task_step(const struct ms_manager_task *task, size_t index, const char **ret_name,
			  enum ms_manager_step *ret_step);
/* Nobody is told any more of what `user` began; it is done all the same. */
void ms_manager_forget_task(struct ms_manager *manager, const void *user);

const struct ms_plugin_registry *ms_manager_plugins(const struct ms_manager *manager);
/* The rules in force that name an action of this plugin, also of one that failed: their number, and
 * the first `max` ids, borrowed. */
size_t ms_manager_plugin_users(const struct ms_manager *manager, const char *name,
			       const char **ret_ids, size_t max);
/* As microseg.yaml configures it now, in force with its actions' rules. */
int ms_manager_plugin_load(struct ms_manager *manager, const char *name, ms_manager_on_done on_done,
			   void *user, struct ms_error *err);
/*
 * Reads microseg.yaml's `plugins:` again, and the policy directory unless documents stand in for
 * it: what is new is loaded, what is configured otherwise is changed, what is no longer named goes,
 * unless a rule uses it. Plugins that were loaded by hand stay; one that failed is tried again if
 * its configuration changed. All of it or nothing. SIGHUP is this.
 */
int ms_manager_configure(struct ms_manager *manager, bool dry_run, ms_manager_on_done on_done,
			 void *user);
/* Refuses a plugin that a rule names. */
int ms_manager_plugin_unload(struct ms_manager *manager, const char *name, struct ms_error *err);
int ms_manager_plugin_reload(struct ms_manager *manager, const char *name, struct ms_error *err);
/* Plugins that are policy sources; by index, NULL behind the last. */
struct ms_source_follower; /* core/source/follower.h */
const struct ms_source_follower *ms_manager_follower_at(const struct ms_manager *manager,
							size_t index);
/* Whether this is the process of a source or sink. */
bool ms_manager_is_plugin(const struct ms_manager *manager, pid_t pid);
const struct ms_source_follower *ms_manager_follower(const struct ms_manager *manager,
						     const char *name);
/* Its rules are judged before the operator's. */
bool ms_manager_source_is_before(const struct ms_manager *manager, const char *name);
/* What is in force of that source, NULL = there is none of that name. */
const struct ms_policy *ms_manager_offered(const struct ms_manager *manager, const char *name);
/* What this group was told, MS_MODE_INHERIT = nothing. */
enum ms_mode ms_manager_group_override(const struct ms_manager *manager, const char *group);
/* `group` NULL = everywhere, which ends what single groups were told. Persistent until off. The
 * one change that a full disk does not refuse: returns 1 if it is in force but not saved. */
int ms_manager_panic(struct ms_manager *manager, enum ms_panic panic, const char *group,
		     struct ms_error *err);
/* What this group alone was told. */
enum ms_panic ms_manager_group_panic(struct ms_manager *manager, const char *group);
/* What packets of this group meet, as in bpf/lib/slow.h: closed anywhere wins. */
enum ms_panic ms_manager_effective_panic(struct ms_manager *manager, const char *group);

#endif
