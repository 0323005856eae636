/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a policy document, one file each. Each is entered at the part's first event and
 * left at its last, like everything of document_schema.h; `into` is a struct ms_document_draft.
 */
#ifndef MS_CORE_POLICY_DOCUMENT_PARTS_H
#define MS_CORE_POLICY_DOCUMENT_PARTS_H

#include "core/policy/document_schema.h"
#include "core/policy/name_index.h"

#define MS_DOCUMENT_NAME_MAX 48 /* so that default/NAME/out is still an id */
#define MS_DOCUMENT_ID_MAX 63

struct ms_document_draft { /* one document on its way to be a policy */
	struct ms_policy policy;
	struct ms_name_index groups, sets, rules; /* names are the policy's */
};

int ms_document_group_read(struct ms_document_reader *reader, void *into);
int ms_document_set_read(struct ms_document_reader *reader, const char *name, struct ms_place place,
			 void *into);
int ms_document_failsafe_read(struct ms_document_reader *reader, void *into);
int ms_document_rule_read(struct ms_document_reader *reader, void *into);
/* A rule alone; without `needs_id` it may have none. `*ret_rule` is untouched on failure. */
int ms_document_rule_read_one(struct ms_document_reader *reader, bool needs_id,
			      struct ms_rule *ret_rule);

/* Names of ICMP types mean different numbers in ICMP and ICMPv6, and `proto` may be written behind
 * them: they wait as words until the rule has been read. */
struct ms_document_icmp_word {
	char *text;
	struct ms_place place;
};

struct ms_document_rule_draft {
	struct ms_rule rule;
	struct ms_document_icmp_word *icmps;
	size_t n_icmps;
};

/* The keys that say which packets a rule is about; `into` is a struct ms_document_rule_draft. */
int ms_document_match_groups(struct ms_document_reader *reader, void *into);
int ms_document_match_dir(struct ms_document_reader *reader, void *into);
int ms_document_match_from(struct ms_document_reader *reader, void *into);
int ms_document_match_to(struct ms_document_reader *reader, void *into);
int ms_document_match_protos(struct ms_document_reader *reader, void *into);
int ms_document_match_sports(struct ms_document_reader *reader, void *into);
int ms_document_match_dports(struct ms_document_reader *reader, void *into);
int ms_document_match_icmps(struct ms_document_reader *reader, void *into);
int ms_document_match_vlans(struct ms_document_reader *reader, void *into);
int ms_document_match_dscps(struct ms_document_reader *reader, void *into);

/* What is done with them; `into` is a struct ms_document_rule_draft. */
int ms_document_action_read(struct ms_document_reader *reader, void *into);
/* The configuration of a plugin, which is written as arguments of an action are; may be `{}`. */
int ms_document_action_read_config(struct ms_document_reader *reader, struct ms_rule_action *into);
/* Whether a rule that says `name` asks for a plugin's action, and nothing else can be meant. */
bool ms_document_action_is_name(const char *name);
/* The verdict that was meant by another tool's word or a slip; NULL = it may be a plugin's action.
 */
const char *ms_document_action_meant(const char *name);
/* What is refused of the whole list: words that are no action's name. */
int ms_document_action_check(struct ms_document_reader *reader, const struct ms_rule *rule);

/* Where the keys stand that only the whole rule can judge; line 0 = absent. */
struct ms_document_match_places {
	struct ms_place sport, dport, icmp;
};
/* What only the whole rule shows: ports without a protocol that has them, families that never
 * meet. Turns the ICMP words into numbers. */
int ms_document_match_check(struct ms_document_reader *reader, struct ms_document_rule_draft *draft,
			    const struct ms_document_match_places *places);

/* An origin that owns its file's name. */
int ms_document_origin(const struct ms_document_reader *reader, struct ms_place place,
		       struct ms_origin *ret_origin);
/* An address, a prefix: the scalar the reader is at. */
int ms_document_cidr(struct ms_document_reader *reader, struct ms_cidr *ret_cidr);

#endif
