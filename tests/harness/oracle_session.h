/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the oracle remembers: sessions and first fragments. Private to its two files. */
#ifndef MS_TESTS_HARNESS_ORACLE_SESSION_H
#define MS_TESTS_HARNESS_ORACLE_SESSION_H

#include "tests/harness/oracle_decide.h"

#define MS_ORACLE_BUCKETS 65536

/* A datagram whose first fragment was judged. IPv6 reassembles by addresses and id alone. */
struct ms_oracle_datagram {
	struct ms_oracle_datagram *next;
	struct ms_oracle_headers first; /* addresses, protocol, id, tags, header_end */
	uint16_t zone;
	uint32_t epoch;
	uint64_t seen_ns;
	enum ms_oracle_verdict verdict;
	enum ms_oracle_dir dir;
	char author[MS_ORACLE_ID];
};

struct ms_oracle {
	const struct ms_oracle_policy *policy;
	enum ms_oracle_panic panic;
	uint32_t epoch;
	uint64_t timeouts_ns[MS_ORACLE_TIMEOUTS];
	struct ms_oracle_session *sessions[MS_ORACLE_BUCKETS];
	struct ms_oracle_datagram *datagrams[MS_ORACLE_BUCKETS];
};

bool ms_oracle_is_syn(const struct ms_oracle_headers *h);
int ms_oracle_icmp_request(const struct ms_oracle_headers *h, bool *ret_is_reply);
bool ms_oracle_is_icmp(const struct ms_oracle_headers *h);
struct ms_oracle_session *ms_oracle_session_find(struct ms_oracle *oracle,
						 const struct ms_oracle_iface *iface,
						 const struct ms_oracle_headers *h,
						 enum ms_oracle_dir dir, uint64_t now,
						 bool *ret_back);
void ms_oracle_session_drop(struct ms_oracle *oracle, struct ms_oracle_session *gone);
void ms_oracle_session_decide(struct ms_oracle_session *s, const struct ms_oracle_decision *d,
			      uint32_t epoch);
void ms_oracle_session_step(struct ms_oracle_session *s, const struct ms_oracle_headers *h,
			    bool back);
void ms_oracle_session_count_packet(struct ms_oracle_session *s,
				    const struct ms_oracle_packet *packet, bool back);
struct ms_oracle_session *
ms_oracle_session_make(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		       const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
		       enum ms_oracle_dir dir, const struct ms_oracle_decision *d, bool adopted);
struct ms_oracle_datagram *ms_oracle_datagram_find(struct ms_oracle *oracle,
						   const struct ms_oracle_iface *iface,
						   const struct ms_oracle_headers *h,
						   enum ms_oracle_dir dir, uint64_t now);
void ms_oracle_datagram_note(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
			     const struct ms_oracle_packet *packet,
			     const struct ms_oracle_headers *h,
			     const struct ms_oracle_judgement *j);
bool ms_oracle_datagram_overlaps(const struct ms_oracle_datagram *first,
				 const struct ms_oracle_headers *h);

#endif
