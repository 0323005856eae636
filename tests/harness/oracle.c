/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle's judgement: the design's order, one `if` after the other. */
#include "tests/harness/oracle_session.h"

#include <stdio.h>
#include <string.h>

enum { TCP = 6, TYPE_ARP = 0x0806 };

const char *ms_oracle_reason_text(enum ms_oracle_reason reason)
{
	static const char *const texts[] = {
		"session",        "rule",          "default",          "failsafe",
		"builtin",        "panic",         "adopted",          "fragment",
		"fragment_early", "fragment_tiny", "fragment_overlap", "malformed",
		"non_ip",
	};

	_Static_assert(sizeof(texts) / sizeof(texts[0]) == MS_ORACLE_REASONS, "a text for each");
	return texts[reason];
}

const char *ms_oracle_verdict_text(enum ms_oracle_verdict verdict)
{
	static const char *const texts[] = { "allow", "deny", "audit" };

	return texts[verdict];
}

static void state(struct ms_oracle_judgement *j, const struct ms_oracle_decision *d)
{
	j->verdict = d->verdict;
	j->reason = d->reason;
	j->log = d->log;
	memcpy(j->author, d->author, sizeof(j->author));
}

static void refuse(const struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		   enum ms_oracle_reason reason, struct ms_oracle_judgement *j)
{
	j->verdict = ms_oracle_soften(MS_ORACLE_DENY, oracle->policy->groups[iface->group].mode);
	j->reason = reason;
}

static struct ms_oracle_headers turned_round(const struct ms_oracle_headers *h)
{
	struct ms_oracle_headers turned = *h;
	bool is_reply;

	memcpy(turned.src, h->dst, 16);
	memcpy(turned.dst, h->src, 16);
	turned.sport = h->dport;
	turned.dport = h->sport;
	if (ms_oracle_is_icmp(h) && ms_oracle_icmp_request(h, &is_reply) >= 0)
		turned.icmp_type = ms_oracle_icmp_request(h, &is_reply);
	return turned;
}

/* Its ports could be those of a flow that either side began. */
static void judge_early_fragment(const struct ms_oracle *oracle,
				 const struct ms_oracle_iface *iface,
				 const struct ms_oracle_headers *h, struct ms_oracle_judgement *j)
{
	const struct ms_oracle_headers turned = turned_round(h);
	struct ms_oracle_decision own, other;

	ms_oracle_decide_early_fragment(oracle->policy, iface, h, j->dir, &own);
	ms_oracle_decide_early_fragment(oracle->policy, iface, &turned, !j->dir, &other);
	if (own.would_be == MS_ORACLE_DENY && other.would_be == MS_ORACLE_DENY) {
		state(j, &own);
		return;
	}
	state(j, own.would_be == MS_ORACLE_ALLOW ? &own : &other);
	j->reason = MS_ORACLE_BY_FRAGMENT_EARLY;
}

static void judge_later_fragment(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
				 const struct ms_oracle_packet *packet,
				 const struct ms_oracle_headers *h, struct ms_oracle_judgement *j)
{
	struct ms_oracle_datagram *first =
		ms_oracle_datagram_find(oracle, iface, h, j->dir, packet->now_ns);
	struct ms_oracle_decision d;

	if (oracle->panic != MS_ORACLE_PANIC_OFF) {
		ms_oracle_decide(oracle->policy, oracle->panic, iface, h, j->dir, &d);
		state(j, &d);
	} else if (ms_oracle_datagram_overlaps(first, h)) {
		refuse(oracle, iface, MS_ORACLE_BY_FRAGMENT_OVERLAP, j);
	} else if (first) {
		j->verdict = first->verdict;
		j->reason = MS_ORACLE_BY_FRAGMENT;
		memcpy(j->author, first->author, sizeof(j->author));
	} else {
		judge_early_fragment(oracle, iface, h, j);
	}
}

static bool quotes_known_session(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
				 const struct ms_oracle_packet *packet,
				 const struct ms_oracle_headers *h,
				 const struct ms_oracle_judgement *j)
{
	struct ms_oracle_headers quoted;
	struct ms_oracle_decision d;
	struct ms_oracle_session *s;
	bool back;

	if (!oracle->policy->icmp_errors || !h->inner ||
	    !ms_oracle_parse_quoted(packet, h, &quoted) || quoted.family != h->family)
		return false;
	s = ms_oracle_session_find(oracle, iface, &quoted, iface->loopback ? j->dir : !j->dir,
				   packet->now_ns, &back);
	if (!s || s->epoch == oracle->epoch)
		return s && !s->denied;
	if (s->established == MS_ORACLE_KEEP && !s->denied)
		return true;
	/* Known, but not judged in this epoch yet. */
	if (back)
		quoted = turned_round(&quoted);
	ms_oracle_decide(oracle->policy, oracle->panic, iface, &quoted, s->dir, &d);
	return d.verdict != MS_ORACLE_DENY;
}

static void judge_first(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
			const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
			struct ms_oracle_judgement *j)
{
	const struct ms_oracle_headers turned = turned_round(h);
	struct ms_oracle_decision d, other;
	bool is_answer =
		h->proto == TCP && !ms_oracle_is_syn(h); /* nothing else shows that it is one */

	if (oracle->panic == MS_ORACLE_PANIC_OFF &&
	    quotes_known_session(oracle, iface, packet, h, j)) {
		j->verdict = MS_ORACLE_ALLOW;
		j->reason = MS_ORACLE_BY_BUILTIN;
		snprintf(j->author, sizeof(j->author), "builtin/icmp-error");
		return;
	}
	ms_oracle_decide(oracle->policy, oracle->panic, iface, h, j->dir, &d);
	/* Between the rules and the default: a rule that says no is final. */
	if (d.would_be == MS_ORACLE_DENY && d.reason == MS_ORACLE_BY_DEFAULT && is_answer &&
	    packet->now_ns < iface->adopt_until_ns) {
		ms_oracle_decide(oracle->policy, oracle->panic, iface, &turned, !j->dir, &other);
		if (other.would_be == MS_ORACLE_ALLOW) {
			state(j, &other);
			j->reason = MS_ORACLE_BY_ADOPTION;
			j->session = ms_oracle_session_make(oracle, iface, packet, h, j->dir,
							    &other, true);
			j->change = j->session ? MS_ORACLE_MADE : MS_ORACLE_UNCHANGED;
			return;
		}
	}
	state(j, &d);
	if (d.verdict == MS_ORACLE_DENY)
		return;
	j->session = ms_oracle_session_make(oracle, iface, packet, h, j->dir, &d, false);
	j->change = j->session ? MS_ORACLE_MADE : MS_ORACLE_UNCHANGED;
}

static void hit(struct ms_oracle_session *s, const struct ms_oracle_packet *packet,
		const struct ms_oracle_headers *h, bool back, struct ms_oracle_judgement *j)
{
	j->verdict = s->denied ? MS_ORACLE_DENY : s->audit ? MS_ORACLE_AUDIT : MS_ORACLE_ALLOW;
	j->reason = MS_ORACLE_BY_SESSION;
	j->log = s->log;
	memcpy(j->author, s->author, sizeof(j->author));
	if (s->denied) {
		s->last_seen_ns = packet->now_ns;
		return;
	}
	j->change = MS_ORACLE_TOUCHED;
	j->session = s;
	if (h->proto == TCP)
		ms_oracle_session_step(s, h, back);
	ms_oracle_session_count_packet(s, packet, back);
}

/* The session was judged in an earlier epoch: its own first direction is asked again. */
static void rejudge(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		    const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
		    struct ms_oracle_session *s, bool back, struct ms_oracle_judgement *j)
{
	const struct ms_oracle_headers original = back ? turned_round(h) : *h;
	struct ms_oracle_decision d;

	if (s->established == MS_ORACLE_KEEP && !s->denied &&
	    oracle->panic == MS_ORACLE_PANIC_OFF) {
		s->epoch = oracle->epoch;
		hit(s, packet, h, back, j);
		return;
	}
	ms_oracle_decide(oracle->policy, oracle->panic, iface, &original, s->dir, &d);
	state(j, &d);
	if (d.reason == MS_ORACLE_BY_PANIC)
		return;
	if (d.verdict == MS_ORACLE_DENY) {
		j->change = MS_ORACLE_ENDED;
		if (h->proto != TCP) {
			ms_oracle_session_drop(oracle, s);
			return;
		}
		/* What goes on of it without a SYN must not begin again in the middle. */
		s->denied = true;
		s->last_seen_ns = packet->now_ns;
		ms_oracle_session_decide(s, &d, oracle->epoch);
		return;
	}
	s->revived |= s->denied;
	s->denied = false;
	ms_oracle_session_decide(s, &d, oracle->epoch);
	if (h->proto == TCP)
		ms_oracle_session_step(s, h, back);
	ms_oracle_session_count_packet(s, packet, back);
	j->change = MS_ORACLE_REJUDGED;
	j->session = s;
}

static void judge_flow(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		       const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
		       struct ms_oracle_judgement *j)
{
	bool back = false;
	struct ms_oracle_session *s =
		ms_oracle_session_find(oracle, iface, h, j->dir, packet->now_ns, &back);

	if (s && (s->fin || s->rst || s->denied) && ms_oracle_is_syn(h)) {
		/* The ports are used again, if that is allowed: only then is the old flow over. */
		judge_first(oracle, iface, packet, h, j);
		if (j->session)
			ms_oracle_session_drop(oracle, s);
	} else if (!s) {
		judge_first(oracle, iface, packet, h, j);
	} else if (s->epoch == oracle->epoch) {
		hit(s, packet, h, back, j);
	} else {
		rejudge(oracle, iface, packet, h, s, back, j);
	}
}

void ms_oracle_judge(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		     const struct ms_oracle_packet *packet,
		     struct ms_oracle_judgement *ret_judgement)
{
	const struct ms_oracle_group *group = &oracle->policy->groups[iface->group];
	struct ms_oracle_judgement *j = ret_judgement;
	struct ms_oracle_headers h;
	enum ms_oracle_shape shape = ms_oracle_parse(iface, packet, &h);

	memset(j, 0, sizeof(*j));
	j->dir = packet->egress != iface->workload ? MS_ORACLE_OUT : MS_ORACLE_IN;
	if (shape == MS_ORACLE_BROKEN) {
		refuse(oracle, iface, MS_ORACLE_BY_MALFORMED, j);
	} else if (shape == MS_ORACLE_NOT_IP) {
		j->reason = MS_ORACLE_BY_NON_IP;
		j->verdict = h.ethertype == TYPE_ARP ? MS_ORACLE_ALLOW
						     : ms_oracle_soften(group->non_ip, group->mode);
	} else if (h.tiny) {
		refuse(oracle, iface, MS_ORACLE_BY_FRAGMENT_TINY, j);
	} else if (h.later) {
		judge_later_fragment(oracle, iface, packet, &h, j);
	} else {
		judge_flow(oracle, iface, packet, &h, j);
		ms_oracle_datagram_note(oracle, iface, packet, &h, j);
	}
}
