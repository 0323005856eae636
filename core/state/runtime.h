/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the CLI has changed and what must outlive the daemon: runtime rules, set members, group
 * modes, panic. A value: operations work on a copy, the copy is saved, then it replaces the
 * original, so a failure on the way changes nothing.
 */
#ifndef MS_CORE_STATE_RUNTIME_H
#define MS_CORE_STATE_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/policy/model.h"

struct ms_runtime_member {
	struct ms_cidr cidr;
	uint16_t plugin;    /* that put it in: ms_runtime_put_by() */
	int64_t expires_ms; /* CLOCK_REALTIME since 1970, 0 = stays */
};

struct ms_runtime_set {
	char *name;
	struct ms_runtime_member *members; /* sorted by ms_cidr_compare() */
	size_t n_members;
};

struct ms_runtime_override { /* of one group, or of everything (`group` "") */
	char *group;
	enum ms_mode mode; /* MS_MODE_INHERIT = none */
	enum ms_panic panic;
};

struct ms_runtime {
	struct ms_policy *rules; /* only its rules, source runtime */
	struct ms_runtime_set *sets;
	size_t n_sets;
	char **plugins; /* that ever put a member in */
	size_t n_plugins;
	struct ms_runtime_override *overrides;
	size_t n_overrides;
	uint64_t next_rule; /* the N of the next runtime/N */
};

/* Members of one set that come (with an end, 0 = none) or go. All is borrowed. */
struct ms_runtime_change {
	const char *set;
	bool is_removal;
	const struct ms_cidr *members;
	size_t count;
	int64_t expires_ms;
	const char *plugin; /* that puts them in, NULL = the CLI */
};

int ms_runtime_init(struct ms_runtime *runtime);
void ms_runtime_fini(struct ms_runtime *runtime);
int ms_runtime_copy(const struct ms_runtime *runtime, struct ms_runtime *ret_copy);

struct ms_runtime_set *ms_runtime_find_set(const struct ms_runtime *runtime, const char *name);
/* Makes the set if it is new. Adding a member again replaces its expiry, and who put it in: a
 * plugin, or NULL. */
int ms_runtime_set_add(struct ms_runtime *runtime, const char *set, const struct ms_cidr *member,
		       int64_t expires_ms, const char *plugin);
/* The plugin that put the member in; NULL = the CLI. Lent until the runtime ends. */
const char *ms_runtime_put_by(const struct ms_runtime *runtime,
			      const struct ms_runtime_member *member);
/* -ENOENT if the set has no such member. An emptied set stays: rules may name it. */
int ms_runtime_set_remove(struct ms_runtime *runtime, const char *set,
			  const struct ms_cidr *member);
/* An emptied set goes, too; nothing if there is none of that name. */
void ms_runtime_forget_set(struct ms_runtime *runtime, const char *set);
/* Forgets members that expired before `now_ms`. Returns how many. */
size_t ms_runtime_expire_members(struct ms_runtime *runtime, int64_t now_ms);
/* The earliest member expiry still to come, 0 = none. */
int64_t ms_runtime_next_member_expiry(const struct ms_runtime *runtime);

/* Forgets rules whose `expires` has passed. Returns how many. */
size_t ms_runtime_expire_rules(struct ms_runtime *runtime, int64_t now);

/* NULL = none for that group. */
const struct ms_runtime_override *ms_runtime_find_override(const struct ms_runtime *runtime,
							   const char *group);
int ms_runtime_set_mode(struct ms_runtime *runtime, const char *group, enum ms_mode mode);
/* `group` "" = everywhere, which ends what single groups were told. */
int ms_runtime_set_panic(struct ms_runtime *runtime, const char *group, enum ms_panic panic);

/* As a policy for ms_policy_merge(): the rules, and the sets' members. `*ret_policy` is new. */
int ms_runtime_policy(const struct ms_runtime *runtime, int64_t now_ms,
		      struct ms_policy **ret_policy);

/* Only the sets of such a policy, made anew in `policy`, which is untouched on failure. */
int ms_runtime_export_sets(const struct ms_runtime *runtime, int64_t now_ms,
			   struct ms_policy *policy);

/* What a set holds of `member`; NULL = the set or the member is not there. */
const struct ms_runtime_member *ms_runtime_find_member(const struct ms_runtime *runtime,
						       const char *set,
						       const struct ms_cidr *member);

/* The file form (JSON); `serial` is the number of this save; `*ret_text` is new. */
int ms_runtime_encode(const struct ms_runtime *runtime, uint64_t serial, char **ret_text,
		      size_t *ret_length);
/* `*runtime` and `*ret_serial` are replaced on success, untouched on failure. */
int ms_runtime_decode(const char *text, size_t length, struct ms_runtime *runtime,
		      uint64_t *ret_serial, struct ms_error *err);
/* A change as one line (JSON, no newline); `*ret_line` is new. */
int ms_runtime_encode_change(const struct ms_runtime_change *change, char **ret_line);
/* Makes the change of such a line. What it removes need not be there. */
int ms_runtime_replay(struct ms_runtime *runtime, const char *line, size_t length,
		      struct ms_error *err);

#endif
