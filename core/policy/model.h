/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy as data: groups, sets, rules and the failsafe, each with where it was written. Pure:
 * no I/O, no kernel. A struct ms_policy owns everything below it; arrays are in document order
 * until ms_policy_merge() (merge.h) has put several into the order of judgement.
 */
#ifndef MS_CORE_POLICY_MODEL_H
#define MS_CORE_POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/layout.h"
#include "core/base/addr.h"

enum ms_source {
	MS_SOURCE_BUILTIN,
	MS_SOURCE_RUNTIME,
	MS_SOURCE_FILE,
	MS_SOURCE_PLUGIN,
	MS_SOURCE__COUNT,
};
const char *ms_source_name(enum ms_source source);

/* Where a word stands in its document, from 1; line 0 = nowhere (made by code). */
struct ms_place {
	unsigned int line, column; /* column in bytes */
};

/* Where something was written. `file` is owned by whatever holds the origin; NULL = no file. */
struct ms_origin {
	enum ms_source source;
	/* Base name, as shown: "10-db.yaml"; a plugin's: its name, or "NAME:ITS OWN WORDS". */
	char *file;
	unsigned int line, column;
};
/* "10-db.yaml:14", "feed", "etcd:/microseg/v1/policy/base:7", "runtime", "builtin": a line of
 * UTF-8, and of a long file the middle is left out. Returns `buf`. */
char *ms_origin_format(const struct ms_origin *origin, char *buf, size_t size);

/* ---- interface selectors ---- */

struct ms_pattern {
	char *text; /* as written: glob, or "/ERE/" */
};

struct ms_selector { /* keys are AND, values of a key OR; an empty list asks nothing */
	struct ms_pattern *names;
	size_t n_names;
	char **kinds; /* rtnl kind, or loopback, physical, tap, tun */
	size_t n_kinds;
	struct ms_pattern *masters;
	size_t n_masters;
};

enum ms_side_choice { MS_SIDE_CHOICE_AUTO, MS_SIDE_CHOICE_HOST, MS_SIDE_CHOICE_WORKLOAD };
enum ms_attach_choice { MS_ATTACH_AUTO, MS_ATTACH_TC, MS_ATTACH_TCX };
enum ms_unready { MS_UNREADY_OPEN, MS_UNREADY_GUARD };

struct ms_group_def {
	struct ms_origin origin;
	char *name;
	struct ms_place name_place;
	struct ms_selector *match;
	size_t n_match;
	struct ms_selector *exclude;
	size_t n_exclude;
	enum ms_verdict default_verdict[MS_DIR__COUNT];
	enum ms_side_choice side;
	enum ms_mode mode; /* disabled, audit, enforce */
	enum ms_attach_choice attach;
	enum ms_verdict non_ip;
	enum ms_unready unready;
};

/* ---- sets ---- */

struct ms_set_member {
	struct ms_cidr cidr;
	uint64_t timeout_ns; /* 0 = stays */
	uint64_t began_ns;   /* CLOCK_MONOTONIC, from when it counts; 0 = from when that is asked */
	struct ms_origin origin;
};

#define MS_SET_HOST "host" /* built-in: this machine's addresses */

struct ms_set_def {
	struct ms_origin origin;
	char *name;
	struct ms_set_member *members;
	size_t n_members;
};

/* ---- rules ---- */

enum ms_address_kind { MS_ADDRESS_CIDR, MS_ADDRESS_SET };

struct ms_address { /* one alternative of from/to; an empty list = any */
	enum ms_address_kind kind;
	struct ms_cidr cidr;
	char *set; /* name without "set:" */
	struct ms_place place;
};

struct ms_port_range {
	uint16_t first, last; /* host order, ends included */
};

struct ms_icmp_match {
	uint8_t type;
	int16_t code; /* -1 = any */
};

/* One value of an action's argument, as it was written. */
struct ms_rule_action_value {
	char *text;
	struct ms_place place;
};

struct ms_rule_action_arg {
	char *name; /* NULL: the one value that stands for itself, { mirror: eth1 } */
	struct ms_place place;
	struct ms_rule_action_value *values; /* at least one */
	size_t n_values;
};

/* What a plugin does to the rule's packets before its verdict. */
struct ms_rule_action {
	char *name;
	struct ms_place place;
	struct ms_rule_action_arg *args;
	size_t n_args;
};

#define MS_RULE_ACTIONS_MAX 8

struct ms_rule {
	struct ms_origin origin;
	char *id; /* NULL only in a rule that has not been named yet: ms_document_parse_rule() */
	struct ms_place id_place;
	char **groups;                 /* empty = every group */
	struct ms_place *group_places; /* as many, or NULL in a rule made by code */
	size_t n_groups;
	uint8_t dirs; /* bit per enum ms_dir; never 0 */
	struct ms_address *from, *to;
	size_t n_from, n_to;
	uint8_t *protos; /* empty = any */
	size_t n_protos;
	struct ms_port_range *sports, *dports;
	size_t n_sports, n_dports;
	struct ms_icmp_match *icmps; /* with proto icmp or icmpv6 only */
	size_t n_icmps;
	uint16_t *vlans; /* outer VID, 0 = untagged; empty = any */
	size_t n_vlans;
	uint8_t *dscps; /* empty = any */
	size_t n_dscps;
	struct ms_rule_action *actions; /* in their order; the verdict follows */
	size_t n_actions;
	enum ms_verdict verdict; /* allow or deny */
	bool log;
	uint64_t log_every_ns; /* 0 = the default limit */
	enum ms_established established;
	enum ms_mode mode;        /* audit, enforce, or MS_MODE_INHERIT */
	uint16_t priority;        /* default 1000, lower first */
	enum ms_verdict fallback; /* of the whole rule, if one of its actions is not there */
	bool states_fallback;     /* somebody wrote it: its actions need not be known */
	int64_t expires;          /* seconds since 1970, 0 = never */
	char *comment;            /* NULL = none */
	bool workload_only;       /* built-in dhcp: on interfaces of side workload */
	bool stateless;           /* built-in nd: makes no session */
};

#define MS_RULE_PRIORITY_DEFAULT 1000

/* ---- failsafe ---- */

struct ms_failsafe_entry {
	struct ms_origin origin;
	uint8_t proto;
	uint16_t port; /* host order, the destination's */
	bool has_peer;
	struct ms_cidr peer; /* who may use it; with has_peer only */
};

struct ms_failsafe_def {
	bool present; /* the key was written, even if empty */
	struct ms_origin origin;
	struct ms_failsafe_entry *entries[MS_DIR__COUNT];
	size_t n_entries[MS_DIR__COUNT];
};

struct ms_policy {
	struct ms_group_def *groups;
	size_t n_groups;
	struct ms_set_def *sets;
	size_t n_sets;
	struct ms_rule *rules;
	size_t n_rules;
	struct ms_rule *expired; /* left out by a merge, their time is over; never judged */
	size_t n_expired;
	struct ms_failsafe_def failsafe;
};

#define MS_POLICY_INIT                                                                             \
	{                                                                                          \
		.groups = NULL                                                                     \
	}

/* Frees what it owns, leaves an empty policy. */
void ms_policy_fini(struct ms_policy *policy);
struct ms_policy *ms_policy_new(void);
struct ms_policy *ms_policy_free(struct ms_policy *policy); /* returns NULL */
/* Deep copy; NULL = out of memory. */
struct ms_policy *ms_policy_copy(const struct ms_policy *policy);

/* NULL = absent. Linear: for many look-ups use name_index.h. */
struct ms_group_def *ms_policy_find_group(const struct ms_policy *policy, const char *name);
struct ms_set_def *ms_policy_find_set(const struct ms_policy *policy, const char *name);
/* How many rules name the set, by an address or by an action's argument. */
struct ms_rule_action_known; /* core/policy/rule_action.h; NULL = any argument may be a set's name
			      */
size_t ms_policy_count_naming(const struct ms_policy *policy, const char *set,
			      const struct ms_rule_action_known *known);
struct ms_rule *ms_policy_find_rule(const struct ms_policy *policy, const char *id);

/* Frees what it owns, leaves zeroes. */
void ms_rule_fini(struct ms_rule *rule);
/* Append a deep copy. -ENOMEM, policy unchanged then */
int ms_policy_add_rule(struct ms_policy *policy, const struct ms_rule *rule);
/* -ENOMEM, `*ret_copy` untouched then */
int ms_rule_copy(const struct ms_rule *rule, struct ms_rule *ret_copy);
/* Same groups, direction, addresses, protocols, ports, ICMP, VLAN and DSCP: the same packets. */
bool ms_rule_equal_match(const struct ms_rule *a, const struct ms_rule *b);
/* Same match, action and attributes; id, origin and comment do not count. */
bool ms_rule_equal(const struct ms_rule *a, const struct ms_rule *b);

/* The same three for the other things a policy holds; names count, origins do not. */
void ms_group_def_fini(struct ms_group_def *group);
int ms_group_def_copy(const struct ms_group_def *group, struct ms_group_def *ret_copy);
bool ms_group_def_equal(const struct ms_group_def *a, const struct ms_group_def *b);
void ms_set_def_fini(struct ms_set_def *set);
/* As a document says it, ns: what a runtime member has left is rounded up to whole seconds, since
 * less than one cannot be read again. */
uint64_t ms_set_def_timeout(const struct ms_set_member *member);
int ms_set_def_copy(const struct ms_set_def *set, struct ms_set_def *ret_copy);
/* Of all who hold a prefix only the one that holds it longest stays; the order does. -ENOMEM */
int ms_set_def_keep_longest(struct ms_set_def *set);
/* Time left of a runtime member does not count: it runs. */
bool ms_set_def_equal(const struct ms_set_def *a, const struct ms_set_def *b);
void ms_failsafe_def_fini(struct ms_failsafe_def *failsafe);
int ms_failsafe_def_copy(const struct ms_failsafe_def *failsafe, struct ms_failsafe_def *ret_copy);
bool ms_failsafe_def_equal(const struct ms_failsafe_def *a, const struct ms_failsafe_def *b);

/* The failsafe that holds when no document says otherwise. */
int ms_failsafe_defaults(struct ms_failsafe_def *ret_failsafe);

#endif
