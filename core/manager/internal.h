/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct ms_manager, shared by the files of core/manager and nobody else. */
#ifndef MS_CORE_MANAGER_INTERNAL_H
#define MS_CORE_MANAGER_INTERNAL_H

#include <sys/types.h>

#include "core/base/list.h"
#include "core/committer.h"
#include "core/config.h"
#include "core/iface/keeper.h"
#include "core/loop.h"
#include "core/manager/manager.h"
#include "core/plugin/catalogue.h"
#include "core/plugin/registry.h"
#include "core/policy/name_index.h"
#include "core/source/follower.h"
#include "core/sources/sources.h"
#include "core/state/state.h"
#include "core/touch.h"

/* Rules that the plugin of an action refuses come in force on their fallback: */
enum ms_manager_refusals {
	MS_REFUSALS_STANDING, /* those that are in force so already */
	MS_REFUSALS_NO_FILES, /* the same, but for those of the files, which are read anew */
	MS_REFUSALS_ALL,      /* at a start */
};

/* What the service's log says once a second instead of a line per interface. */
struct ms_manager_churn {
	unsigned int protected_, gone, failed;
};

struct ms_manager {
	const struct ms_config *config;
	struct ms_loop *loop;
	int lock_fd; /* the network namespace's, held for life */

	/* in order of construction */
	struct ms_state *state;
	struct ms_dataplane *dp;
	struct ms_sources *sources;
	struct ms_numbering_table *numbers;
	struct ms_committer *committer;
	struct ms_config_plugins named; /* what microseg.yaml named when it was read last */
	struct ms_manager_task *task;   /* of plugins, task.c; others wait behind it */
	struct ms_plugin_services services;
	struct ms_plugin_registry *plugins;
	struct ms_plugin_catalogue *rehearsed; /* of a dry run under way, NULL = none is, or has */
	struct ms_manager_binder *binder;
	struct ms_source_follower **followers; /* of plugins that are sources or sinks */
	struct ms_source_follower **leaving;   /* of plugins that are none any more */
	size_t n_followers, n_leaving;
	struct ms_attacher *attacher;
	struct ms_keeper *keeper;
	struct ms_sweeper *sweeper;
	struct ms_event_stream *stream;
	struct ms_event_history *history;
	struct ms_monitor *monitor;

	struct ms_watch *on_netlink, *on_events;
	struct ms_watch *resync, *check, *verify, *sweep, *touch, *expiry, *second, *gaps,
		*watchdog, *tell;
	bool is_awaited; /* what is told is in force, and flows are judged again, behind it */
	struct ms_touch touched; /* when the epoch may be bumped next */
	bool is_away;        /* a worker has everything but interfaces, or but members that come */
	bool addresses_wait; /* for its end */
	enum ms_manager_refusals refusals; /* of the commit under way */
	bool is_coming;                    /* a policy is, from ms_manager_begin() on */
	struct ms_manager_early *early;    /* members that came meanwhile, early.c */
	size_t n_early;
	struct ms_name_index acting; /* of rules in force with actions, once one is asked for */
	bool is_acting_known;
	bool is_torn; /* sets in force have members that they should not, or lack some */

	uint32_t generation;
	int64_t applied_at, started_at;
	int64_t rule_expires;    /* the first of them to end, seconds since 1970, 0 = none does */
	int64_t lasting_expires; /* the same without runtime rules */
	char last_error[640];    /* of the last reload, "" = none */
	char on_fallback[512];   /* what was said last of rules whose action is not there */
	size_t n_on_fallback;    /* those rules */
	bool taken_over;
	dev_t pins_dev; /* the pin folder as it was at start */
	ino_t pins_ino;
	char pins_problem[384];
	char unsaved[384];       /* why something in force is not on disk, "" = all is */
	char sweep_problem[192]; /* why the last step of the sweep failed, "" = it did not */
	char host_problem[160];  /* why set:host lacks addresses, "" = it has all */

	struct ms_list listeners;
	struct ms_list waiters;        /* until all is told */
	struct ms_slot_name slot_name; /* what ms_manager_slot_name() last returned */
	unsigned int logged_this_second, seconds;
	uint64_t suppressed_in_log;
	struct ms_manager_churn churn;
};

/* lock.c: no other daemon in this network namespace until `*ret_fd` is closed; -EBUSY. */
int ms_manager_take_lock(int *ret_fd, struct ms_error *err);
/* plugin.c: what the configuration names; a plugin that fails is logged and stays failed.
 */
int ms_manager_open_plugins(struct ms_manager *manager, struct ms_error *err);
void ms_manager_close_plugins(struct ms_manager *manager);
/* The policy in force again, as its rules' actions are now. */
int ms_manager_commit_again(struct ms_manager *manager, struct ms_error *err);
/* The rule of `policy` that names an action of this plugin, NULL = none. */
const struct ms_rule *ms_manager_plugin_rule(const struct ms_manager *manager, const char *name,
					     const struct ms_policy *policy);
/* -EINVAL: one of these rules, of that source, names an action that nobody knows and states no
 * fallback, or says the name of a set to one that `sets` does not have, or only of a source. A rule
 * by hand that is in force and says the same is not judged again. May ask a file of the folder
 * about itself, so not on the loop's thread. */
int ms_manager_refuse_unknown(struct ms_manager *manager, const struct ms_policy *policy,
			      const struct ms_policy *sets, enum ms_source source,
			      struct ms_error *err);
/* task.c: nobody is told of those that were not done. */
void ms_manager_drop_tasks(struct ms_manager *manager);
/* As if it had not been loaded: failed as it was, with what a source said last in force, or not
 * there. For the commit that comes, and the keeper is told. */
void ms_manager_plugin_undo_load(struct ms_manager *manager, const char *name);
/* source.c: begins to follow a source or sink; what is on disk of a source waits for the
 * next commit. */
int ms_manager_follow_source(void *user, const char *name, uint32_t provides, const json_t *values,
			     struct ms_error *err);
/* Of a plugin that could not be loaded because of `why`, or goes back to that: if it is a source
 * that was there before, what it said last stays in force. The keeper is not told. */
void ms_manager_keep_source(struct ms_manager *manager, const char *name,
			    const struct ms_error *why);
/* What it offers is out of force, and then it is gone. -EBUSY: the policy is refused without it. */
int ms_manager_withdraw_source(struct ms_manager *manager, const char *name, struct ms_error *err);
/* Gone without a commit: what was seeded never came in force. No source of that name is fine. */
void ms_manager_leave_source(struct ms_manager *manager, const char *name, bool forget);
int ms_manager_restart_source(struct ms_manager *manager, const char *name); /* -ENOENT */
void ms_manager_free_sources(struct ms_manager *manager);
/* What was seeded is not to be in force, because of `why`; false = there was nothing. */
bool ms_manager_leave_offers_out(struct ms_manager *manager, const struct ms_error *why);
/* Puts members in force: no generation, and no more of the datapath is touched than what differs.
 * On failure what was offered before counts, or will when it could be mended. */
int ms_manager_change_source_sets(struct ms_manager *manager, struct ms_source_follower *follower,
				  struct ms_source_prepared *prepared,
				  const struct ms_source_offer *before, struct ms_error *err);
/* Every few seconds: members that could not be put back after a change that failed. */
void ms_manager_mend_sets(struct ms_manager *manager);
/* bind.c: workloads in groups. ms_manager_bind() takes what all sources have in force, but
 * for `source` what `offer` (NULL = nothing) says; the keeper is to be told. -errno: some are
 * missing. */
int ms_manager_open_binder(struct ms_manager *manager);
void ms_manager_close_binder(struct ms_manager *manager);
int ms_manager_bind(struct ms_manager *manager, const char *source,
		    const struct ms_source_offer *offer);
const char *ms_manager_bound_group(void *user, const struct ms_link *link, const char **ret_source);
/* service.c: what plugins may ask of the daemon. Valid as long as the manager. */
const struct ms_plugin_services *ms_manager_services(struct ms_manager *manager);
/* member.c: set_add() and set_del() of the plugin of this name, as the host table says them. No
 * commit comes of them, since a callback of a plugin may be under way. */
int ms_manager_member_add(struct ms_manager *manager, const char *plugin, const char *set,
			  const struct ms_cidr *cidr, uint64_t ttl_ns);
int ms_manager_member_del(struct ms_manager *manager, const char *plugin, const char *set,
			  const struct ms_cidr *cidr);
/* told.c: after every commit, and with every event. Rules are looked through by any thread, and
 * plugins told on the loop's. */
struct ms_manager_acting {
	const struct ms_rule **rules; /* those that have actions; the caller's to free */
	size_t count, n_actions;      /* of all of them */
};
int ms_manager_acting_find(const struct ms_policy *policy, struct ms_manager_acting *ret_acting);
void ms_manager_acting_tell(struct ms_manager *manager, const struct ms_manager_acting *acting);
/* Asks the plugin that has the action, an ms_encoding_ask; `user` is the manager. */
int ms_manager_action_of(void *user, const struct ms_policy *policy, const struct ms_rule *rule,
			 const struct ms_rule_action *action, struct ms_rule_action_call *ret_call,
			 struct ms_error *err);
/* Around all that asks the next two: which rules are in force is looked up once meanwhile. */
void ms_manager_refusals_begin(struct ms_manager *manager, enum ms_manager_refusals refusals);
void ms_manager_refusals_end(struct ms_manager *manager);
/* The rule in force of the same id, if its actions are the same; NULL = there is none. */
const struct ms_rule *ms_manager_said_before(struct ms_manager *manager,
					     const struct ms_rule *rule);
/* Whether what it refuses may be in force all the same, an ms_encoding_leave. */
bool ms_manager_leaves_refused(void *user, const struct ms_rule *rule, size_t nth);
/* rehearsal.c: of a dry run, in which the plugin of this description, NULL = none, is as it would
 * be; only those with actions count. -EEXIST: another one has an action of its. */
int ms_manager_rehearse_add(struct ms_manager *manager, json_t *description, struct ms_error *err);
/* Whether they, configured as `named`, take what the rules of `policy` say to them, but for what
 * may come in force on its fallback; -errno with the place of what they refuse. */
int ms_manager_rehearse(struct ms_manager *manager, const struct ms_policy *policy,
			enum ms_manager_refusals refusals, struct ms_error *err);
void ms_manager_rehearse_end(struct ms_manager *manager);
/* That is the action of one of them. */
bool ms_manager_rehearses(const struct ms_manager *manager, const char *action);
/* Whether another instance, of another file perhaps, would take the place of this plugin's. */
bool ms_manager_replaces(const struct ms_manager *manager, const struct ms_plugin_entry *entry);
/* Whether it would take the place of the one that has the action now. */
bool ms_manager_rehearses_without(const struct ms_manager *manager, const char *action);
/* Both, for what is in force. */
void ms_manager_follow_actions(struct ms_manager *manager);
/* Tells plugins that have come, before they are asked about rules that are to come: what they take
 * at a start, as it was in force, is not what comes with them. */
void ms_manager_tell_new_actions(struct ms_manager *manager);
void ms_manager_tell_plugins(struct ms_manager *manager, const struct ms_event_record *record);
/* What the netlink socket has to tell; negative: it is beyond repair, and the loop stops. */
int ms_manager_dispatch_netlink(struct ms_manager *manager);
/* away.c: the same if it has something, in the middle of what is served while a worker works. */
void ms_manager_follow_some(struct ms_manager *manager);
/* change.c: ms_manager_reload(), with the sources of these names out of force. `reads` the
 * directory; else documents stay as they are. */
int ms_manager_reload_without(struct ms_manager *manager, const char *const *gone, size_t n_gone,
			      bool reads, bool dry_run, struct ms_commit *ret_commit,
			      struct ms_error *err);
/* The merged policy that this would give of the directory. What actions are asked is not: who
 * changes plugins does that when it is known which there will be. */
int ms_manager_preview_without(struct ms_manager *manager, const char *const *gone, size_t n_gone,
			       struct ms_policy **ret_policy, struct ms_error *err);
/* Of the last reload: what `status` says of what is on disk. */
void ms_manager_remember_reload(struct ms_manager *manager, int r, const struct ms_error *err);
/* commit.c: a copy of what is in force, to be changed; then ms_manager_commit() or
 * ms_manager_give_up(). */
int ms_manager_begin(struct ms_manager *manager, struct ms_sources_next *ret_next);
void ms_manager_give_up(struct ms_manager *manager, struct ms_sources_next *next);
/* ms_flips_count() of the interfaces as they are now, by the worker. */
int ms_manager_flips(struct ms_manager *manager, unsigned int half, unsigned int *ret_count,
		     bool *ret_is_minimum);
/* `next->merged` is complete on success. */
int ms_manager_merge(struct ms_manager *manager, struct ms_sources_next *next, bool is_change,
		     struct ms_error *err);
/* Something is in force, but not on disk: said until it is. */
void ms_manager_note_unsaved(struct ms_manager *manager, int r);
/* The policy of start-up. 1 = the last good one stands in for a refused one. */
int ms_manager_commit_initial(struct ms_manager *manager, struct ms_error *err);
/* `next` is merged here and used up, whatever comes of it. */
int ms_manager_commit(struct ms_manager *manager, struct ms_sources_next *next, bool dry_run,
		      struct ms_commit *ret_commit, struct ms_error *err);
/* The same of a `next` that differs in runtime rules alone: a few of them cost what they are, and
 * not what the policy in force is. */
int ms_manager_commit_rules(struct ms_manager *manager, struct ms_sources_next *next, bool dry_run,
			    struct ms_commit *ret_commit, struct ms_error *err);
/* Tries again to save what could not be; -errno, 0 also if there is nothing. */
int ms_manager_save_rest(struct ms_manager *manager);
/*
 * early.c: members that come by ms_manager_beside(). Noted before they are held, or not if nobody
 * is away; what is not in after all is forgotten, so many being `kept`.
 */
int ms_manager_early_note(struct ms_manager *manager, const struct ms_runtime_change *change);
void ms_manager_early_forget(struct ms_manager *manager, size_t kept);
/* Right before `next` is saved and comes in force, and behind ms_committer_ready(): it has them,
 * too. From here to its end nothing is done beside. 1 = behind ms_manager_tell_all(). On any
 * thread; there may be something to tell by rounds. */
int ms_manager_early_carry(struct ms_manager *manager, struct ms_sources_next *next, bool is_late,
			   struct ms_error *err);
/* When it is in force, and all of it is over: a set that it has no more, but that has got a member
 * meanwhile, is one of that member's from now on, as if it had come before. */
void ms_manager_early_settle(struct ms_manager *manager);
/* set.c: into a set that is in force, by a plugin, or, if it is the CLI's for longer, NULL. */
int ms_manager_set_put_in(struct ms_manager *manager, const char *set, const struct ms_cidr *member,
			  uint64_t timeout_ns, const char *plugin);
/* One that the CLI or a plugin put in, as far as nobody else holds it; the set stays, even
 * if it is left over, until the next commit. */
int ms_manager_set_take_out(struct ms_manager *manager, const char *set,
			    const struct ms_cidr *member);
/* Out of `runtime`: sets without a member now that no rule of `policy`, which it is part of, names.
 * False = none was there. */
bool ms_manager_forget_sets(const struct ms_manager *manager, struct ms_runtime *runtime,
			    const struct ms_policy *policy);
/* Members whose time is over go from the datapath, the CLI's from disk, too, and with the last one
 * a set that is left over. */
void ms_manager_clear_members(struct ms_manager *manager);
/* set:host as the monitor knows this machine's addresses. */
void ms_manager_follow_addresses(struct ms_manager *manager);
/* telling.c: what is told late, by rounds from here on; `is_awaited`: and is not in force before.
 * Or all of it at once. */
void ms_manager_plan_telling(struct ms_manager *manager, bool is_awaited);
void ms_manager_on_tell(void *user);
void ms_manager_tell_all(struct ms_manager *manager);
/* Arms the timer for the next rule or member that expires. */
void ms_manager_plan_expiry(struct ms_manager *manager);
void ms_manager_on_expiry(void *user);
/* Sessions are judged again, at most every few ms however often this is called. */
void ms_manager_touch(struct ms_manager *manager);
/* Those that wait, now: their time has come, or the loop is kept longer than that. */
void ms_manager_touch_rest(struct ms_manager *manager);
enum ms_panic ms_manager_panic_of(void *user, const char *group);

/* event.c: verdict events to history, listeners and log; news of interfaces to the log. */
void ms_manager_on_event(void *user, const struct ms_event *event);
void ms_manager_on_news(void *user, enum ms_keeper_news news, const struct ms_iface_entry *entry);
void ms_manager_on_second(void *user);
void ms_manager_on_gaps(void *user);
void ms_manager_drop_listeners(struct ms_manager *manager);

#endif
