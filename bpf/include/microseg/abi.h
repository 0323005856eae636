/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * Words shared by the datapath, the daemon, the CLI and plugins: verdicts, directions and the one
 * closed list of reasons. Strings, JSON, metrics and documentation are generated from this list;
 * numbers and names are a contract, new ones go at the end.
 *
 * Map layouts are not here: they are private (bpf/lib/layout.h).
 */
#ifndef MICROSEG_ABI_H
#define MICROSEG_ABI_H

#include <linux/types.h>

/* `in` = towards the protected endpoint, `out` = from it. Not the hook: see ms_side. */
enum ms_dir {
	MS_DIR_IN = 0,
	MS_DIR_OUT = 1,
	MS_DIR__COUNT,
};

enum ms_verdict {
	MS_VERDICT_ALLOW = 0,
	MS_VERDICT_DENY = 1,
	MS_VERDICT_AUDIT = 2, /* let through; enforce mode would have denied */
	MS_VERDICT__COUNT,
};

/*
 * X(NAME, "name", CLASS, "what it means")
 *
 * CLASS says which part of `total` a packet with this reason belongs to:
 *   total = session_hit + policy_hit + builtin + failsafe + unparsed + non_ip
 */
#define MS_REASONS(X)                                                                              \
	X(NONE, "none", POLICY_HIT, "no reason recorded; never counted, a defect if seen")         \
	X(SESSION, "session", SESSION_HIT, "cached decision of a live session")                    \
	X(RULE, "rule", POLICY_HIT, "first matching rule")                                         \
	X(DEFAULT, "default", POLICY_HIT, "no rule matched: the group's default")                  \
	X(FAILSAFE, "failsafe", FAILSAFE, "the host's own door, kept open before any rule")        \
	X(BUILTIN, "builtin", BUILTIN, "a built-in rule: nd, icmp-error, dhcp")                    \
	X(PANIC, "panic", POLICY_HIT, "panic open or panic closed is in force")                    \
	X(ADOPTED, "adopted", POLICY_HIT, "flow older than our hook, allowed the other way round") \
	X(FRAGMENT, "fragment", POLICY_HIT, "later fragment, follows its first")                   \
	X(FRAGMENT_EARLY, "fragment_early", POLICY_HIT,                                            \
	  "fragment ahead of its first, may be allowed")                                           \
	X(FRAGMENT_TINY, "fragment_tiny", UNPARSED, "first fragment too short for its ports")      \
	X(FRAGMENT_OVERLAP, "fragment_overlap", UNPARSED,                                          \
	  "fragment that rewrites the first one's header")                                         \
	X(MALFORMED, "malformed", UNPARSED, "not the IP its ethertype says")                       \
	X(NON_IP, "non_ip", NON_IP, "neither IPv4 nor IPv6: the group's non_ip")                   \
	X(EXCLUDED, "excluded", POLICY_HIT, "interface of no group in this generation")            \
	X(INCOMPLETE, "incomplete", POLICY_HIT,                                                    \
	  "a program or table the datapath needs is missing")                                      \
	X(ACTION, "action", POLICY_HIT, "an action of the rule decided")                           \
	X(MISSING_ACTION, "missing_action", POLICY_HIT,                                            \
	  "an action of the rule is not there: the rule's fallback")

enum ms_reason {
#define MS_REASON_ENUM(name, text, class, doc) MS_REASON_##name,
	MS_REASONS(MS_REASON_ENUM)
#undef MS_REASON_ENUM
		MS_REASON__COUNT,
};

enum ms_reason_class {
	MS_CLASS_SESSION_HIT,
	MS_CLASS_POLICY_HIT,
	MS_CLASS_BUILTIN,
	MS_CLASS_FAILSAFE,
	MS_CLASS_UNPARSED,
	MS_CLASS_NON_IP,
	MS_CLASS__COUNT,
};

#endif
