/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle's memory: one unbounded table of sessions, one of first fragments. */
#include "tests/harness/oracle_session.h"

#include <stdlib.h>
#include <string.h>

enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_ACK = 16 };
enum { ICMP4 = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

#define SECOND 1000000000ull
#define FRAGMENT_LIFE_NS (60 * SECOND)

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
	for (size_t i = 0; i < MS_ORACLE_BUCKETS; i++) {
		while (oracle->sessions[i]) {
			struct ms_oracle_session *gone = oracle->sessions[i];

			oracle->sessions[i] = gone->next;
			free(gone);
		}
		while (oracle->datagrams[i]) {
			struct ms_oracle_datagram *gone = oracle->datagrams[i];

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
bool ms_oracle_is_syn(const struct ms_oracle_headers *h)
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
int ms_oracle_icmp_request(const struct ms_oracle_headers *h, bool *ret_is_reply)
{
	*ret_is_reply = false;
	if (!h->has_icmp || h->icmp_code != 0)
		return -1;
	return icmp_request_of(h->family, h->icmp_type, ret_is_reply);
}

bool ms_oracle_is_icmp(const struct ms_oracle_headers *h)
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
	if (ms_oracle_is_icmp(h)) {
		int request = ms_oracle_icmp_request(h, &is_reply);

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
	return (sum ^ sum >> 16) % MS_ORACLE_BUCKETS;
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
struct ms_oracle_session *ms_oracle_session_find(struct ms_oracle *oracle,
						 const struct ms_oracle_iface *iface,
						 const struct ms_oracle_headers *h,
						 enum ms_oracle_dir dir, uint64_t now,
						 bool *ret_back)
{
	struct ms_oracle_session **link =
		&oracle->sessions[bucket_of(iface->zone, h->proto, h->src, h->dst)];
	int request = -1;
	bool is_reply = false;

	if (ms_oracle_is_icmp(h) && (!h->has_icmp || h->inner))
		return NULL;
	if (ms_oracle_is_icmp(h))
		request = ms_oracle_icmp_request(h, &is_reply);
	for (; *link; link = &(*link)->next) {
		struct ms_oracle_session *s = *link;
		bool forth, back;

		if (s->zone != iface->zone || s->family != h->family || s->proto != h->proto ||
		    s->vlan_outer != h->vlan_outer || s->vlan_inner != h->vlan_inner)
			continue;
		forth = !memcmp(s->from, h->src, 16) && !memcmp(s->to, h->dst, 16);
		back = !memcmp(s->from, h->dst, 16) && !memcmp(s->to, h->src, 16);
		if (ms_oracle_is_icmp(h) && request < 0) {
			forth = forth && s->one_way_icmp && s->icmp_type == h->icmp_type &&
				s->sport == h->icmp_code;
			back = false;
		} else if (ms_oracle_is_icmp(h)) {
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

void ms_oracle_session_drop(struct ms_oracle *oracle, struct ms_oracle_session *gone)
{
	struct ms_oracle_session **link =
		&oracle->sessions[bucket_of(gone->zone, gone->proto, gone->from, gone->to)];

	while (*link != gone)
		link = &(*link)->next;
	*link = gone->next;
	free(gone);
}

void ms_oracle_session_decide(struct ms_oracle_session *s, const struct ms_oracle_decision *d,
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
void ms_oracle_session_step(struct ms_oracle_session *s, const struct ms_oracle_headers *h,
			    bool back)
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

void ms_oracle_session_count_packet(struct ms_oracle_session *s,
				    const struct ms_oracle_packet *packet, bool back)
{
	s->packets[back]++;
	s->bytes[back] += packet->len;
	s->last_seen_ns = packet->now_ns;
	s->replied |= back;
}

/* A new session for a packet that was let through, unless it is of a kind that makes none. */
struct ms_oracle_session *
ms_oracle_session_make(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
		       const struct ms_oracle_packet *packet, const struct ms_oracle_headers *h,
		       enum ms_oracle_dir dir, const struct ms_oracle_decision *d, bool adopted)
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
	s->open = h->proto == TCP && !ms_oracle_is_syn(h);
	s->midflow = s->open && !adopted;
	s->fin = s->open && h->tcp_flags & FLAG_FIN;
	ms_oracle_session_decide(s, d, oracle->epoch);
	ms_oracle_session_count_packet(s, packet, adopted);
	bucket = bucket_of(s->zone, s->proto, s->from, s->to);
	s->next = oracle->sessions[bucket];
	oracle->sessions[bucket] = s;
	return s;
}

size_t ms_oracle_session_count(const struct ms_oracle *oracle, uint64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < MS_ORACLE_BUCKETS; i++)
		for (const struct ms_oracle_session *s = oracle->sessions[i]; s; s = s->next)
			n += is_live(oracle, s, now_ns) && !s->denied;
	return n;
}

void ms_oracle_session_foreach(const struct ms_oracle *oracle, uint64_t now_ns,
			       void (*visit)(void *user, const struct ms_oracle_session *session),
			       void *user)
{
	for (size_t i = 0; i < MS_ORACLE_BUCKETS; i++)
		for (const struct ms_oracle_session *s = oracle->sessions[i]; s; s = s->next)
			if (is_live(oracle, s, now_ns) && !s->denied)
				visit(user, s);
}

/* ---- fragments ---- */

struct ms_oracle_datagram *ms_oracle_datagram_find(struct ms_oracle *oracle,
						   const struct ms_oracle_iface *iface,
						   const struct ms_oracle_headers *h,
						   enum ms_oracle_dir dir, uint64_t now)
{
	struct ms_oracle_datagram *d = oracle->datagrams[bucket_of(iface->zone, 0, h->src, h->dst)];

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

void ms_oracle_datagram_note(struct ms_oracle *oracle, const struct ms_oracle_iface *iface,
			     const struct ms_oracle_packet *packet,
			     const struct ms_oracle_headers *h, const struct ms_oracle_judgement *j)
{
	unsigned int bucket = bucket_of(iface->zone, 0, h->src, h->dst);
	struct ms_oracle_datagram *d =
		ms_oracle_datagram_find(oracle, iface, h, j->dir, packet->now_ns);

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
bool ms_oracle_datagram_overlaps(const struct ms_oracle_datagram *first,
				 const struct ms_oracle_headers *h)
{
	if (first)
		return h->fragment_offset < first->first.header_end;
	if (h->hidden) /* the header may end anywhere within what we would have walked */
		return h->fragment_offset < 256;
	return h->fragment_offset < ms_oracle_l4_size(h->family, h->proto);
}
