/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle's judgement: the design's order, one `if` after the other. */
#include "tests/harness/oracle_decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_ACK = 16 };
enum { ICMP4 = 1, TCP = 6, UDP = 17, ICMP6 = 58, SCTP = 132, TYPE_ARP = 0x0806 };

#define SECOND 1000000000ull
#define BUCKETS 65536
#define FRAGMENT_LIFE_NS (60 * SECOND)

/* A datagram whose first fragment was judged. IPv6 reassembles by addresses and id alone. */
struct datagram {
	struct datagram *next;
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
	struct ms_oracle_session *sessions[BUCKETS];
	struct datagram *datagrams[BUCKETS];
};

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

struct ms_oracle *ms_oracle_new(void)
{
	struct ms_oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		return NULL;
	oracle->epoch = 1;
	oracle->timeouts_ns[MS_ORACLE_TCP_SYN] = 20 * SECOND;
	oracle->timeouts_ns[MS_ORACLE_TCP_ESTABLISHED] = 24 * 3600 * SECOND;
	oracle->timeouts_ns[MS_ORACLE_TCP_FIN] = 30 * SECOND;
	oracle->timeouts_ns[MS_ORACLE_UDP_ONEWAY] = 30 * SECOND;
	oracle->timeouts_ns[MS_ORACLE_UDP_TWOWAY] = 180 * SECOND;
	oracle->timeouts_ns[MS_ORACLE_ICMP] = 10 * SECOND;
	oracle->timeouts_ns[MS_ORACLE_OTHER] = 60 * SECOND;
	return oracle;
}

void ms_oracle_forget_sessions(struct ms_oracle *oracle)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (oracle->sessions[i]) {
			struct ms_oracle_session *gone = oracle->sessions[i];

			oracle->sessions[i] = gone->next;
			free(gone);
		}
		while (oracle->datagrams[i]) {
			struct datagram *gone = oracle->datagrams[i];

			oracle->datagrams[i] = gone->next;
			free(gone);
		}
	}
}

struct ms_oracle *ms_oracle_free(struct ms_oracle *oracle)
{
	if (oracle)
		ms_oracle_forget_sessions(oracle);
	free(oracle);
	return NULL;
}

void ms_oracle_set_policy(struct ms_oracle *oracle, const struct ms_oracle_policy *policy)
{
	oracle->policy = policy;
	oracle->epoch++;
}

void ms_oracle_set_panic(struct ms_oracle *oracle, enum ms_oracle_panic panic)
{
	oracle->panic = panic;
	oracle->epoch++;
}

void ms_oracle_bump_epoch(struct ms_oracle *oracle)
{
	oracle->epoch++;
}

void ms_oracle_set_timeout(struct ms_oracle *oracle, enum ms_oracle_timeout which, uint64_t ns)
{
	oracle->timeouts_ns[which] = ns;
}

/* ---- sessions ---- */

/* Opens a connection: neither an answer nor an end. */
static bool is_syn(const struct ms_oracle_headers *h)
{
	return h->proto == TCP && (h->tcp_flags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) == FLAG_SYN;
}

static int icmp_request_of(int family, uint8_t type, bool *ret_is_reply)
{
	static const uint8_t queries[][3] = {
		{ 4, 8, 0 }, { 4, 13, 14 }, { 4, 15, 16 }, { 4, 17, 18 }, { 6, 128, 129 },
	};

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		if (queries[i][0] != family)
			continue;
		*ret_is_reply = queries[i][2] == type;
		if (queries[i][1] == type || *ret_is_reply)
			return queries[i][1];
	}
	return -1;
}

/* The type of the request that this packet is or answers; -1 = neither. */
static int icmp_request(const struct ms_oracle_headers *h, bool *ret_is_reply)
{
	*ret_is_reply = false;
	if (!h->has_icmp || h->icmp_code != 0)
		return -1;
	return icmp_request_of(h->family, h->icmp_type, ret_is_reply);
}

static bool is_icmp(const struct ms_oracle_headers *h)
{
	return (h->family == 4 && h->proto == ICMP4) || (h->family == 6 && h->proto == ICMP6);
}

/* The session a packet would belong to if it were the first of it. False = it never has one. */
static bool session_shape(const struct ms_oracle_iface *iface, const struct ms_oracle_headers *h,
			  struct ms_oracle_session *s)
{
	bool is_reply = false;

	memset(s, 0, sizeof(*s));
	s->zone = iface->zone;
	s->loopback = iface->loopback;
	s->vlan_outer = h->vlan_outer;
	s->vlan_inner = h->vlan_inner;
	s->family = h->family;
	s->proto = h->proto;
	memcpy(s->from, h->src, 16);
	memcpy(s->to, h->dst, 16);
	if (is_icmp(h)) {
		int request = icmp_request(h, &is_reply);

		/* From an answer that nobody asked for, a session would admit the questions. */
		if (!h->has_icmp || h->inner || is_reply)
			return false;
		s->one_way_icmp = request < 0;
		s->icmp_type = h->icmp_type;
		s->sport = request < 0 ? h->icmp_code : h->icmp_id;
	} else if (h->has_ports) {
		s->sport = h->sport;
		s->dport = h->dport;
	}
	return true;
}

static unsigned int bucket_of(uint16_t zone, uint8_t proto, const uint8_t *a, const uint8_t *b)
{
	uint32_t sum = zone * 31u + proto;

	/* Symmetric: both directions fall into one bucket. */
	for (int i = 0; i < 16; i++)
		sum += (uint32_t)(a[i] + b[i]) * (2654435761u >> i % 7);
	return (sum ^ sum >> 16) % BUCKETS;
}

static uint64_t timeout_of(const struct ms_oracle *oracle, const struct ms_oracle_session *s)
{
	switch (s->proto) {
	case TCP:
		return oracle->timeouts_ns[s->fin || s->rst ? MS_ORACLE_TCP_FIN
					   : s->open        ? MS_ORACLE_TCP_ESTABLISHED
							    : MS_ORACLE_TCP_SYN];
	case UDP:
		return oracle
			->timeouts_ns[s->replied ? MS_ORACLE_UDP_TWOWAY : MS_ORACLE_UDP_ONEWAY];
	case ICMP4:
	case ICMP6:
		return oracle->timeouts_ns[MS_ORACLE_ICMP];
	}
	return oracle->timeouts_ns[MS_ORACLE_OTHER];
}

static bool is_live(const struct ms_oracle *oracle, const struct ms_oracle_session *s, uint64_t now)
{
	return now - s->last_seen_ns <= timeout_of(oracle, s);
}

/* `*ret_back` = the packet goes against the direction the session was begun in. */
static struct ms_oracle_session *find(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
				      const struct ms_oracle_headers *h, enum ms_oracle_dir dir,
				      uint64_t now, bool *ret_back)
{
	struct ms_oracle_session **link =
		&oracle->sessions[bucket_of(iface->zone, h->proto, h->src, h->dst)];
	int request = -1;
	bool is_reply = false;

	if (is_icmp(h) && (!h->has_icmp || h->inner))
		return NULL;
	if (is_icmp(h))
		request = icmp_request(h, &is_reply);
	for (; *link; link = &(*link)->next) {
		struct ms_oracle_session *s = *link;
		bool forth, back;

		if (s->zone != iface->zone || s->family != h->family || s->proto != h->proto ||
		    s->vlan_outer != h->vlan_outer || s->vlan_inner != h->vlan_inner)
			continue;
		forth = !memcmp(s->from, h->src, 16) && !memcmp(s->to, h->dst, 16);
		back = !memcmp(s->from, h->dst, 16) && !memcmp(s->to, h->src, 16);
		if (is_icmp(h) && request < 0) {
			forth = forth && s->one_way_icmp && s->icmp_type == h->icmp_type &&
				s->sport == h->icmp_code;
			back = false;
		} else if (is_icmp(h)) {
			if (s->one_way_icmp || s->icmp_type != request || s->sport != h->icmp_id)
				continue;
			forth = forth && !is_reply;
			back = back && is_reply;
		} else {
			forth = forth && s->sport == h->sport && s->dport == h->dport;
			back = back && s->sport == h->dport && s->dport == h->sport;
		}
		if (forth && back) { /* an endpoint that talks to itself has but one direction */
			forth = !s->adopted;
			back = s->adopted;
		}
		/* What goes the flow's way through the other side of the interface (a hairpin) was
		 * never judged in that direction. */
		forth = forth && (s->loopback || s->dir == dir);
		back = back && (s->loopback || s->dir != dir);
		if (!forth && !back)
			continue;
		if (!is_live(oracle, s, now)) {
			*link = s->next;
			free(s);
			return NULL;
		}
		*ret_back = !forth;
		return s;
	}
	return NULL;
}

static void drop_session(struct ms_oracle *oracle, struct ms_oracle_session *gone)
{
	struct ms_oracle_session **link =
		&oracle->sessions[bucket_of(gone->zone, gone->proto, gone->from, gone->to)];

	while (*link != gone)
		link = &(*link)->next;
	*link = gone->next;
	free(gone);
}

static void adopt_decision(struct ms_oracle_session *s, const struct ms_oracle_decision *d,
			   uint32_t epoch)
{
	s->audit = d->verdict == MS_ORACLE_AUDIT;
	s->log = d->log;
	s->established = d->established;
	s->epoch = epoch;
	memcpy(s->author, d->author, sizeof(s->author));
}

/* FIN and RST shorten the life of a flow. A RST is undone when the side that seems to have sent it
 * goes on sending: then somebody else did. The third step of the handshake opens a flow. */
static void step(struct ms_oracle_session *s, const struct ms_oracle_headers *h, bool back)
{
	int side = back ? 2 : 1;

	if (h->tcp_flags & FLAG_RST) {
		if (!s->fin && !s->rst)
			s->rst = side;
	} else if (h->tcp_flags & FLAG_FIN) {
		s->fin = true;
		s->rst = 0;
	} else if (!(h->tcp_flags & FLAG_SYN)) {
		if (s->rst == side) {
			s->rst = 0;
			s->open = true;
		}
		s->open |= !back && !s->fin && !s->rst;
	}
}

static void count(struct ms_oracle_session *s, const struct ms_oracle_packet *packet, bool back)
{
	s->packets[back]++;
	s->bytes[back] += packet->len;
	s->last_seen_ns = packet->now_ns;
	s->replied |= back;
}

/* A new session for a packet that was let through, unless it is of a kind that makes none. */
static struct ms_oracle_session *make(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
				      const struct ms_oracle_packet *packet,
				      const struct ms_oracle_headers *h, enum ms_oracle_dir dir,
				      const struct ms_oracle_decision *d, bool adopted)
{
	struct ms_oracle_session shape, *s;
	struct ms_oracle_headers turned = *h;
	unsigned int bucket;

	if (d->stateless || (h->proto == TCP && h->tcp_flags & FLAG_RST))
		return NULL;
	if (adopted) { /* the other side began it */
		memcpy(turned.src, h->dst, 16);
		memcpy(turned.dst, h->src, 16);
		turned.sport = h->dport;
		turned.dport = h->sport;
	}
	if (!session_shape(iface, &turned, &shape))
		return NULL;
	s = malloc(sizeof(*s));
	if (!s)
		abort();
	*s = shape;
	s->dir = adopted ? (enum ms_oracle_dir) !dir : dir;
	s->first_seen_ns = packet->now_ns;
	s->adopted = adopted;
	s->open = h->proto == TCP && !is_syn(h);
	s->midflow = s->open && !adopted;
	s->fin = s->open && h->tcp_flags & FLAG_FIN;
	adopt_decision(s, d, oracle->epoch);
	count(s, packet, adopted);
	bucket = bucket_of(s->zone, s->proto, s->from, s->to);
	s->next = oracle->sessions[bucket];
	oracle->sessions[bucket] = s;
	return s;
}

size_t ms_oracle_session_count(const struct ms_oracle *oracle, uint64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct ms_oracle_session *s = oracle->sessions[i]; s; s = s->next)
			n += is_live(oracle, s, now_ns);
	return n;
}

void ms_oracle_session_foreach(const struct ms_oracle *oracle, uint64_t now_ns,
			       void (*visit)(void *user, const struct ms_oracle_session *session),
			       void *user)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct ms_oracle_session *s = oracle->sessions[i]; s; s = s->next)
			if (is_live(oracle, s, now_ns))
				visit(user, s);
}

/* ---- fragments ---- */

static struct datagram *find_datagram(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
				      const struct ms_oracle_headers *h, enum ms_oracle_dir dir,
				      uint64_t now)
{
	struct datagram *d = oracle->datagrams[bucket_of(iface->zone, 0, h->src, h->dst)];

	for (; d; d = d->next)
		if (d->zone == iface->zone && d->epoch == oracle->epoch &&
		    now - d->seen_ns <= FRAGMENT_LIFE_NS && d->first.family == h->family &&
		    (h->family == 6 || d->first.proto == h->proto) &&
		    (iface->loopback || d->dir == dir) && d->first.fragment_id == h->fragment_id &&
		    d->first.vlan_outer == h->vlan_outer && d->first.vlan_inner == h->vlan_inner &&
		    !memcmp(d->first.src, h->src, 16) && !memcmp(d->first.dst, h->dst, 16))
			return d;
	return NULL;
}

static void note_datagram(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
			  const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
			  const struct ms_oracle_judgement *j)
{
	unsigned int bucket = bucket_of(iface->zone, 0, h->src, h->dst);
	struct datagram *d = find_datagram(oracle, iface, h, j->dir, packet->now_ns);

	if (!h->fragment || h->later || j->reason == MS_ORACLE_BY_PANIC)
		return;
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			abort();
		d->next = oracle->datagrams[bucket];
		oracle->datagrams[bucket] = d;
	}
	d->first = *h;
	d->zone = iface->zone;
	d->epoch = oracle->epoch;
	d->seen_ns = packet->now_ns;
	d->verdict = j->verdict;
	d->dir = j->dir;
	memcpy(d->author, j->author, sizeof(d->author));
}

/* A fragment that starts inside what a first one showed us would put other ports there. */
static bool overlaps(const struct datagram *first, const struct ms_oracle_headers *h)
{
	if (first)
		return h->fragment_offset < first->first.header_end;
	if (h->hidden) /* the header may end anywhere within what we would have walked */
		return h->fragment_offset < 256;
	return h->fragment_offset < ms_oracle_l4_size(h->family, h->proto);
}

/* ---- the order of judgement ---- */

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
	if (is_icmp(h) && icmp_request(h, &is_reply) >= 0)
		turned.icmp_type = icmp_request(h, &is_reply);
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
	struct datagram *first = find_datagram(oracle, iface, h, j->dir, packet->now_ns);
	struct ms_oracle_decision d;

	if (oracle->panic != MS_ORACLE_PANIC_OFF) {
		ms_oracle_decide(oracle->policy, oracle->panic, iface, h, j->dir, &d);
		state(j, &d);
	} else if (overlaps(first, h)) {
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
	s = find(oracle, iface, &quoted, iface->loopback ? j->dir : !j->dir, packet->now_ns, &back);
	if (!s || s->epoch == oracle->epoch || s->established == MS_ORACLE_KEEP)
		return s != NULL;
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
	bool is_answer = h->proto == TCP && !is_syn(h); /* nothing else shows that it is one */

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
			j->session = make(oracle, iface, packet, h, j->dir, &other, true);
			j->change = j->session ? MS_ORACLE_MADE : MS_ORACLE_UNCHANGED;
			return;
		}
	}
	state(j, &d);
	if (d.verdict == MS_ORACLE_DENY)
		return;
	j->session = make(oracle, iface, packet, h, j->dir, &d, false);
	j->change = j->session ? MS_ORACLE_MADE : MS_ORACLE_UNCHANGED;
}

static void hit(struct ms_oracle_session *s, const struct ms_oracle_packet *packet,
		const struct ms_oracle_headers *h, bool back, struct ms_oracle_judgement *j)
{
	j->verdict = s->audit ? MS_ORACLE_AUDIT : MS_ORACLE_ALLOW;
	j->reason = MS_ORACLE_BY_SESSION;
	j->log = s->log;
	memcpy(j->author, s->author, sizeof(j->author));
	j->change = MS_ORACLE_TOUCHED;
	j->session = s;
	if (h->proto == TCP)
		step(s, h, back);
	count(s, packet, back);
}

/* The session was judged in an earlier epoch: its own first direction is asked again. */
static void rejudge(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		    const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
		    struct ms_oracle_session *s, bool back, struct ms_oracle_judgement *j)
{
	const struct ms_oracle_headers original = back ? turned_round(h) : *h;
	struct ms_oracle_decision d;

	if (s->established == MS_ORACLE_KEEP && oracle->panic == MS_ORACLE_PANIC_OFF) {
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
		drop_session(oracle, s);
		return;
	}
	adopt_decision(s, &d, oracle->epoch);
	if (h->proto == TCP)
		step(s, h, back);
	count(s, packet, back);
	j->change = MS_ORACLE_REJUDGED;
	j->session = s;
}

static void judge_flow(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		       const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
		       struct ms_oracle_judgement *j)
{
	bool back = false;
	struct ms_oracle_session *s = find(oracle, iface, h, j->dir, packet->now_ns, &back);

	if (s && (s->fin || s->rst) && is_syn(h)) {
		drop_session(oracle, s); /* the ports are used again */
		s = NULL;
	}
	if (!s)
		judge_first(oracle, iface, packet, h, j);
	else if (s->epoch == oracle->epoch)
		hit(s, packet, h, back, j);
	else
		rejudge(oracle, iface, packet, h, s, back, j);
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
		note_datagram(oracle, iface, packet, &h, j);
	}
}
