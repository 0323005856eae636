/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oracle: what the design says must happen to a packet, written a second time and as plainly
 * as possible, so that the datapath can be compared with it. Linear scan, one unbounded session
 * table, no cleverness, and no header in common with the datapath: a constant that is wrong there
 * cannot be wrong here by the same slip.
 *
 * Names that a person sees (reasons, "default/GROUP/in") are the words of the documentation; tests
 * compare by these texts.
 */
#ifndef MS_TESTS_HARNESS_ORACLE_H
#define MS_TESTS_HARNESS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS_ORACLE_LIST 8
#define MS_ORACLE_ID 64

enum ms_oracle_dir { MS_ORACLE_IN, MS_ORACLE_OUT };
enum ms_oracle_verdict { MS_ORACLE_ALLOW, MS_ORACLE_DENY, MS_ORACLE_AUDIT };
enum ms_oracle_mode { MS_ORACLE_INHERIT, MS_ORACLE_AUDITING, MS_ORACLE_ENFORCING };
enum ms_oracle_established { MS_ORACLE_RECHECK, MS_ORACLE_KEEP, MS_ORACLE_RESET };
enum ms_oracle_panic { MS_ORACLE_PANIC_OFF, MS_ORACLE_PANIC_OPEN, MS_ORACLE_PANIC_CLOSED };

enum ms_oracle_reason {
	MS_ORACLE_BY_SESSION,
	MS_ORACLE_BY_RULE,
	MS_ORACLE_BY_DEFAULT,
	MS_ORACLE_BY_FAILSAFE,
	MS_ORACLE_BY_BUILTIN,
	MS_ORACLE_BY_PANIC,
	MS_ORACLE_BY_ADOPTION,
	MS_ORACLE_BY_FRAGMENT,
	MS_ORACLE_BY_FRAGMENT_EARLY,
	MS_ORACLE_BY_FRAGMENT_TINY,
	MS_ORACLE_BY_FRAGMENT_OVERLAP,
	MS_ORACLE_BY_MALFORMED,
	MS_ORACLE_BY_NON_IP,
	MS_ORACLE_REASONS,
};
const char *ms_oracle_reason_text(enum ms_oracle_reason reason);
const char *ms_oracle_verdict_text(enum ms_oracle_verdict verdict);

/* ---- policy ---- */

struct ms_oracle_cidr {
	int family; /* 4 or 6 */
	uint8_t addr[16];
	unsigned int len;
};

/* One alternative of from/to. */
struct ms_oracle_address {
	bool is_set;
	unsigned int set;
	struct ms_oracle_cidr cidr;
};

struct ms_oracle_range {
	uint16_t first, last;
};

struct ms_oracle_icmp {
	uint8_t type;
	int code; /* -1 = any */
};

/* An empty list asks nothing. */
struct ms_oracle_rule {
	char id[MS_ORACLE_ID];
	struct ms_oracle_address from[MS_ORACLE_LIST], to[MS_ORACLE_LIST];
	size_t n_from, n_to;
	uint8_t protos[MS_ORACLE_LIST];
	size_t n_protos;
	struct ms_oracle_range sports[MS_ORACLE_LIST], dports[MS_ORACLE_LIST];
	size_t n_sports, n_dports;
	struct ms_oracle_icmp icmps[MS_ORACLE_LIST];
	size_t n_icmps;
	uint16_t vlans[MS_ORACLE_LIST];
	size_t n_vlans;
	uint8_t dscps[MS_ORACLE_LIST];
	size_t n_dscps;
	uint32_t groups; /* bit per index into groups[], 0 = every group */
	bool dirs[2];
	enum ms_oracle_verdict verdict; /* allow or deny */
	enum ms_oracle_mode mode;
	enum ms_oracle_established established;
	bool log;
	bool builtin, workload_only, stateless;
};

struct ms_oracle_set {
	struct ms_oracle_cidr *members; /* borrowed */
	size_t n_members;
};

struct ms_oracle_group {
	char name[32];
	enum ms_oracle_verdict defaults[2]; /* by direction, allow or deny */
	enum ms_oracle_mode mode;           /* auditing or enforcing */
	enum ms_oracle_verdict non_ip;
};

struct ms_oracle_door { /* one failsafe entry */
	enum ms_oracle_dir dir;
	uint8_t proto;
	uint16_t port;
	bool has_peer;
	struct ms_oracle_cidr peer;
};

/* In the order of judgement: built-in rules first. Everything is borrowed. */
struct ms_oracle_policy {
	const struct ms_oracle_rule *rules;
	size_t n_rules;
	const struct ms_oracle_set *sets;
	size_t n_sets;
	const struct ms_oracle_group *groups;
	size_t n_groups;
	const struct ms_oracle_door *doors;
	size_t n_doors;
	bool icmp_errors; /* the built-in of that name stands */
};

/* Fills in the built-in rules as documented; returns how many (<= MS_ORACLE_BUILTINS). */
#define MS_ORACLE_BUILTINS 8
size_t ms_oracle_builtin_rules(struct ms_oracle_rule *ret_rules);

/* ---- packets ---- */

struct ms_oracle_iface {
	uint16_t zone;
	unsigned int group;
	bool workload; /* side: TC ingress is `out` */
	bool loopback;
	bool no_ethernet;
	uint64_t adopt_until_ns; /* 0 = never adopts */
};

struct ms_oracle_packet {
	const uint8_t *bytes;
	size_t len;
	bool egress;
	uint16_t offloaded_tag; /* outermost VID, with has_offloaded_tag */
	bool has_offloaded_tag;
	uint64_t now_ns;
};

enum ms_oracle_shape {
	MS_ORACLE_PARSED,
	MS_ORACLE_NOT_IP,
	MS_ORACLE_BROKEN,
};

/* A packet as far as judging needs it. */
struct ms_oracle_headers {
	int family;
	uint8_t src[16], dst[16];
	uint16_t vlan_outer, vlan_inner;
	uint16_t ethertype;
	uint8_t proto, dscp;
	bool has_ports;
	uint16_t sport, dport;
	bool has_icmp;
	uint8_t icmp_type, icmp_code;
	uint16_t icmp_id;
	uint8_t tcp_flags;
	bool fragment, later; /* any fragment; one that is not the first */
	bool hidden;          /* later one that begins with extension headers: proto unknown */
	uint32_t fragment_id;
	size_t fragment_offset; /* bytes into the fragmentable part */
	size_t header_end;      /* first fragment: end of L4 header, bytes into that part */
	bool tiny;              /* first fragment that ends before its L4 header does */
	size_t inner;           /* ICMP error: offset of the quoted packet, 0 = none */
	size_t end;             /* offset one past the IP packet */
};

/* Bytes an L4 header has at the very least, 0 = one we look no further into. */
size_t ms_oracle_l4_size(int family, uint8_t proto);
enum ms_oracle_shape ms_oracle_parse(const struct ms_oracle_iface *iface,
				     const struct ms_oracle_packet *packet,
				     struct ms_oracle_headers *ret_headers);
/* The packet quoted by an ICMP error; false = too little of it to know its flow. */
bool ms_oracle_parse_quoted(const struct ms_oracle_packet *packet,
			    const struct ms_oracle_headers *outer,
			    struct ms_oracle_headers *ret_quoted);

/* ---- judging ---- */

struct ms_oracle_session {
	struct ms_oracle_session *next;
	uint16_t zone, vlan_outer, vlan_inner;
	int family;
	uint8_t proto;
	uint8_t from[16], to[16]; /* `from` began it */
	uint16_t sport, dport;    /* ICMP queries: identifier in sport */
	uint8_t icmp_type;        /* the request's */
	bool one_way_icmp;        /* no query: by type and code (in sport), never answered */
	enum ms_oracle_dir dir;
	bool loopback;
	bool replied, open, fin, midflow, adopted, audit, log; /* open: TCP past its handshake */
	int rst;              /* who sent one: 0 nobody, 1 `from`, 2 `to` */
	bool denied, revived; /* TCP judged again and denied; and allowed again later */
	enum ms_oracle_established established;
	uint64_t packets[2], bytes[2]; /* [0] from `from` */
	uint64_t first_seen_ns, last_seen_ns;
	uint32_t epoch;
	char author[MS_ORACLE_ID];
};

enum ms_oracle_change {
	MS_ORACLE_UNCHANGED, /* no session touched */
	MS_ORACLE_MADE,
	MS_ORACLE_TOUCHED,
	MS_ORACLE_REJUDGED, /* still allowed after an epoch change */
	MS_ORACLE_ENDED,
};

struct ms_oracle_judgement {
	enum ms_oracle_verdict verdict;
	enum ms_oracle_reason reason;
	enum ms_oracle_dir dir;
	char author[MS_ORACLE_ID]; /* rule id, "default/GROUP/in", "failsafe/in", "" = nobody */
	bool log;
	enum ms_oracle_change change;
	const struct ms_oracle_session *session; /* made, touched or rejudged; valid until the
						    next call */
};

enum ms_oracle_timeout {
	MS_ORACLE_TCP_SYN,
	MS_ORACLE_TCP_ESTABLISHED,
	MS_ORACLE_TCP_FIN,
	MS_ORACLE_UDP_ONEWAY,
	MS_ORACLE_UDP_TWOWAY,
	MS_ORACLE_ICMP,
	MS_ORACLE_OTHER,
	MS_ORACLE_TIMEOUTS,
};

struct ms_oracle;
struct ms_oracle *ms_oracle_new(void); /* NULL = out of memory */
struct ms_oracle *ms_oracle_free(struct ms_oracle *oracle);
/* `policy` is borrowed until the next call or free. A new epoch. */
void ms_oracle_set_policy(struct ms_oracle *oracle, const struct ms_oracle_policy *policy);
void ms_oracle_set_panic(struct ms_oracle *oracle, enum ms_oracle_panic panic);
void ms_oracle_bump_epoch(struct ms_oracle *oracle);
void ms_oracle_set_timeout(struct ms_oracle *oracle, enum ms_oracle_timeout which, uint64_t ns);
void ms_oracle_forget_sessions(struct ms_oracle *oracle);
size_t ms_oracle_session_count(const struct ms_oracle *oracle, uint64_t now_ns);
/* Live sessions, any order; `visit` may not judge. */
void ms_oracle_session_foreach(const struct ms_oracle *oracle, uint64_t now_ns,
			       void (*visit)(void *user, const struct ms_oracle_session *session),
			       void *user);

void ms_oracle_judge(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		     const struct ms_oracle_packet *packet,
		     struct ms_oracle_judgement *ret_judgement);

/* Only the rules and the default, as if no session existed: for comparing first-match semantics. */
void ms_oracle_classify(const struct ms_oracle_policy *policy, const struct ms_oracle_iface *iface,
			const struct ms_oracle_headers *headers, enum ms_oracle_dir dir,
			struct ms_oracle_judgement *ret_judgement);

#endif
