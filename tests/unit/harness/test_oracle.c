/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judge is judged by hand: packets written out byte by byte, with the answer the design gives
 * beside each. What the oracle gets wrong the differential test would teach the datapath.
 */
#include "tests/harness/oracle.h"

#include <string.h>

#include "tests/harness/ms_check.h"

enum { SYN = 2, RST = 4, ACK = 16, FIN = 1, SECOND = 1000000000 };
#define ALLOW MS_ORACLE_ALLOW
#define DENY MS_ORACLE_DENY
#define AUDIT MS_ORACLE_AUDIT

static struct ms_oracle *oracle;
static struct ms_oracle_rule rules[16];
static struct ms_oracle_group groups[2];
static struct ms_oracle_door doors[1];
static struct ms_oracle_policy policy;
static struct ms_oracle_iface iface;
static uint64_t now;
static uint8_t frame[600];
static size_t len;

/* From 10.0.0.x to 10.0.0.y, `l4` bytes of payload after a plain IPv4 header. */
static uint8_t *ip4(uint8_t x, uint8_t y, uint8_t proto, size_t l4)
{
	uint8_t *ip = frame + 14;

	memset(frame, 0, sizeof(frame));
	frame[12] = 8;
	ip[0] = 0x45;
	ip[3] = 20 + l4;
	ip[9] = proto;
	memcpy(ip + 12, (uint8_t[]) { 10, 0, 0, x, 10, 0, 0, y }, 8);
	len = 34 + l4;
	return ip + 20;
}

static void ports(uint8_t *l4, uint16_t sport, uint16_t dport)
{
	l4[0] = sport >> 8;
	l4[1] = sport;
	l4[2] = dport >> 8;
	l4[3] = dport;
}

static void tcp(uint8_t x, uint8_t y, uint16_t sport, uint16_t dport, uint8_t flags)
{
	uint8_t *l4 = ip4(x, y, 6, 20);

	ports(l4, sport, dport);
	l4[12] = 0x50;
	l4[13] = flags;
}

static void udp(uint8_t x, uint8_t y, uint16_t sport, uint16_t dport)
{
	ports(ip4(x, y, 17, 8), sport, dport);
}

static void echo(uint8_t x, uint8_t y, uint8_t type, uint8_t id)
{
	uint8_t *l4 = ip4(x, y, 1, 8);

	l4[0] = type;
	l4[5] = id;
}

static void fragment(uint16_t offset_bytes, bool more, uint8_t id)
{
	frame[14 + 5] = id;
	frame[14 + 6] = (more ? 0x20 : 0) | offset_bytes / 8 >> 8;
	frame[14 + 7] = offset_bytes / 8;
}

static struct ms_oracle_judgement judge(bool egress)
{
	struct ms_oracle_packet packet = { frame, len, egress, 0, false, now };
	struct ms_oracle_judgement j;

	ms_oracle_judge(oracle, &iface, &packet, &j);
	return j;
}

/* An interface of side host: ingress is `in`. */
#define in() judge(false)
#define out() judge(true)
#define expect(j, v, r, who)                                                                       \
	do {                                                                                       \
		struct ms_oracle_judgement j_ = (j);                                               \
		ck_assert_str_eq(ms_oracle_verdict_text(j_.verdict), ms_oracle_verdict_text(v));   \
		ck_assert_str_eq(ms_oracle_reason_text(j_.reason), (r));                           \
		ck_assert_str_eq(j_.author, (who));                                                \
	} while (0)

static struct ms_oracle_rule *rule(const char *id, enum ms_oracle_verdict verdict, uint8_t proto,
				   uint16_t dport)
{
	struct ms_oracle_rule *r = &rules[policy.n_rules++];

	memset(r, 0, sizeof(*r));
	strcpy(r->id, id);
	r->verdict = verdict;
	r->dirs[MS_ORACLE_IN] = r->dirs[MS_ORACLE_OUT] = true;
	if (proto)
		r->protos[r->n_protos++] = proto;
	if (dport)
		r->dports[r->n_dports++] = (struct ms_oracle_range) { dport, dport };
	return r;
}

static void setup(void)
{
	oracle = ms_oracle_new();
	memset(&policy, 0, sizeof(policy));
	memset(groups, 0, sizeof(groups));
	memset(&iface, 0, sizeof(iface));
	for (int i = 0; i < 2; i++) {
		strcpy(groups[i].name, i ? "two" : "one");
		groups[i].mode = MS_ORACLE_ENFORCING;
		groups[i].defaults[MS_ORACLE_IN] = MS_ORACLE_DENY;
	}
	policy.rules = rules;
	policy.groups = groups;
	policy.n_groups = 2;
	policy.icmp_errors = true;
	iface.zone = 1;
	now = 1000ull * SECOND;
	ms_oracle_set_policy(oracle, &policy);
}

static void teardown(void)
{
	oracle = ms_oracle_free(oracle);
}

START_TEST(first_match_wins_then_the_default)
{
	rule("no-81", DENY, 6, 81);
	rule("some", ALLOW, 6, 0)->dports[0] = (struct ms_oracle_range) { 80, 82 };
	rules[1].n_dports = 1;
	tcp(1, 2, 1000, 80, SYN);
	expect(in(), ALLOW, "rule", "some");
	tcp(1, 2, 1000, 81, SYN);
	expect(in(), DENY, "rule", "no-81");
	tcp(1, 2, 1000, 83, SYN);
	expect(in(), DENY, "default", "default/one/in");
	tcp(1, 2, 1001, 83, SYN);
	expect(out(), ALLOW, "default", "default/one/out");
}
END_TEST

START_TEST(a_rule_asks_for_group_direction_address_set_and_vlan)
{
	static struct ms_oracle_cidr member = { 4, { 10, 0, 0, 4 }, 30 };
	static const struct ms_oracle_set sets[] = { { &member, 1 } };
	struct ms_oracle_rule *r = rule("r", ALLOW, 17, 0);

	policy.sets = sets;
	policy.n_sets = 1;
	r->from[r->n_from++] = (struct ms_oracle_address) { .is_set = true };
	r->groups = 1u << 1;
	r->dirs[MS_ORACLE_OUT] = false;
	r->vlans[r->n_vlans++] = 7;
	udp(5, 9, 1, 2);
	memmove(frame + 18, frame + 14, len);
	memcpy(frame + 12, (uint8_t[]) { 0x81, 0, 0xe0, 7, 8, 0 }, 6);
	len += 4;
	expect(in(), DENY, "default", "default/one/in");
	iface.group = 1;
	expect(in(), ALLOW, "rule", "r");
	frame[15] = 8;
	expect(in(), DENY, "default", "default/two/in");
	frame[15] = 7;
	frame[14 + 4 + 15] = 3; /* 10.0.0.3 is one below the /30 */
	expect(in(), DENY, "default", "default/two/in");
	frame[14 + 4 + 15] = 7;
	expect(in(), ALLOW, "rule", "r");
}
END_TEST

START_TEST(a_rule_asks_for_the_dscp_of_the_first_packet)
{
	struct ms_oracle_rule *r = rule("r", ALLOW, 17, 0);

	r->dscps[r->n_dscps++] = 46;
	udp(5, 9, 1, 2);
	expect(in(), DENY, "default", "default/one/in");
	frame[15] = 46 << 2 | 3; /* ECN is no part of it */
	expect(in(), ALLOW, "rule", "r");
	frame[15] = 0;
	expect(in(), ALLOW, "session", "r");
}
END_TEST

START_TEST(replies_follow_the_session_and_nothing_else_does)
{
	struct ms_oracle_judgement j;

	tcp(1, 2, 1000, 80, SYN);
	j = out();
	ck_assert_int_eq(j.change, MS_ORACLE_MADE);
	ck_assert(!j.session->replied);
	tcp(2, 1, 80, 1000, SYN | ACK);
	j = in();
	expect(j, ALLOW, "session", "default/one/out");
	ck_assert(j.session->replied);
	ck_assert_int_eq(j.session->packets[1], 1);
	tcp(2, 1, 80, 1001, SYN | ACK);
	expect(in(), DENY, "default", "default/one/in");
	iface.zone = 2;
	tcp(2, 1, 80, 1000, ACK);
	expect(in(), DENY, "default", "default/one/in");
}
END_TEST

START_TEST(a_session_ends_by_time_of_its_state)
{
	udp(1, 2, 5, 53);
	out();
	now += 30ull * SECOND;
	udp(2, 1, 53, 5);
	expect(in(), ALLOW, "session", "default/one/out");
	now += 180ull * SECOND;
	expect(in(), ALLOW, "session", "default/one/out");
	now += 180ull * SECOND + 1;
	expect(in(), DENY, "default", "default/one/in");
}
END_TEST

START_TEST(a_blind_rst_kills_nothing_and_makes_nothing)
{
	tcp(1, 2, 1000, 80, RST);
	ck_assert_int_eq(out().change, MS_ORACLE_UNCHANGED);
	tcp(1, 2, 1000, 80, SYN);
	out();
	tcp(2, 1, 80, 1000, ACK);
	in();
	tcp(2, 1, 80, 1000, RST);
	in();
	tcp(2, 1, 80, 1000, ACK); /* the other side lives: the RST was somebody else's */
	in();
	now += 3600ull * SECOND;
	tcp(2, 1, 80, 1000, ACK);
	expect(in(), ALLOW, "session", "default/one/out");
}
END_TEST

START_TEST(a_syn_on_a_closing_session_is_judged_anew)
{
	tcp(1, 2, 1000, 80, SYN);
	out();
	tcp(2, 1, 80, 1000, FIN | ACK);
	in();
	tcp(2, 1, 80, 1000, SYN);
	expect(in(), DENY, "default", "default/one/in");
	tcp(1, 2, 1000, 80, SYN);
	ck_assert_int_eq(out().change, MS_ORACLE_MADE);
}
END_TEST

START_TEST(an_echo_session_cannot_be_used_the_other_way)
{
	echo(1, 2, 8, 77);
	expect(out(), ALLOW, "default", "default/one/out");
	echo(2, 1, 8, 77);
	expect(in(), DENY, "default", "default/one/in");
	echo(2, 1, 0, 77);
	expect(in(), ALLOW, "session", "default/one/out");
	echo(2, 1, 0, 78);
	expect(in(), DENY, "default", "default/one/in");
}
END_TEST

START_TEST(an_epoch_asks_again_in_the_original_direction)
{
	struct ms_oracle_rule *r = rule("r", ALLOW, 6, 80);

	tcp(1, 2, 1000, 80, SYN);
	expect(in(), ALLOW, "rule", "r");
	ms_oracle_bump_epoch(oracle);
	tcp(2, 1, 80, 1000, ACK);
	expect(out(), ALLOW, "rule", "r");
	expect(out(), ALLOW, "session", "r");
	r->verdict = DENY;
	ms_oracle_bump_epoch(oracle);
	expect(out(), DENY, "rule", "r");
	r->verdict = ALLOW;
	r->established = MS_ORACLE_KEEP;
	tcp(1, 2, 1000, 80, SYN);
	in();
	r->verdict = DENY;
	ms_oracle_bump_epoch(oracle);
	tcp(2, 1, 80, 1000, ACK);
	expect(out(), ALLOW, "session", "r");
}
END_TEST

START_TEST(audit_lets_pass_and_asks_no_later_rule)
{
	rule("no", DENY, 17, 9)->mode = MS_ORACLE_AUDITING;
	rule("yes", ALLOW, 17, 9);
	udp(1, 2, 5, 9);
	expect(in(), AUDIT, "rule", "no");
	expect(in(), AUDIT, "session", "no");
}
END_TEST

START_TEST(the_failsafe_is_the_hosts_own_door_only)
{
	doors[0] =
		(struct ms_oracle_door) { MS_ORACLE_IN, 6, 22, true, { 4, { 10, 0, 0, 1 }, 32 } };
	policy.doors = doors;
	policy.n_doors = 1;
	rule("no", DENY, 0, 0);
	tcp(1, 2, 9, 22, SYN);
	expect(in(), ALLOW, "failsafe", "failsafe/in");
	tcp(3, 2, 9, 22, SYN);
	expect(in(), DENY, "rule", "no");
	iface.workload = true;
	iface.zone = 2;
	tcp(1, 2, 9, 22, SYN);
	expect(out(), DENY, "rule", "no");
	iface.workload = false;
	iface.loopback = true;
	expect(in(), DENY, "rule", "no");
	policy.n_doors = 0;
}
END_TEST

START_TEST(panic_comes_before_everything_but_malformed)
{
	rule("yes", ALLOW, 17, 0);
	udp(1, 2, 5, 6);
	in();
	ms_oracle_set_panic(oracle, MS_ORACLE_PANIC_CLOSED);
	expect(in(), DENY, "panic", "panic");
	len = 20;
	expect(in(), DENY, "malformed", "");
	udp(1, 2, 5, 6);
	ms_oracle_set_panic(oracle, MS_ORACLE_PANIC_OFF);
	expect(in(), ALLOW, "rule", "yes");
}
END_TEST

START_TEST(adoption_tries_the_other_direction_only_in_its_time)
{
	iface.adopt_until_ns = now + 1;
	tcp(2, 1, 80, 1000, ACK);
	expect(in(), ALLOW, "adopted", "default/one/out");
	tcp(1, 2, 1000, 80, ACK);
	expect(out(), ALLOW, "session", "default/one/out");
	tcp(2, 1, 80, 1001, SYN);
	expect(in(), DENY, "default", "default/one/in");
	now += 1;
	tcp(2, 1, 80, 1002, ACK);
	expect(in(), DENY, "default", "default/one/in");
}
END_TEST

START_TEST(fragments_follow_their_first)
{
	rule("a", ALLOW, 17, 53);
	udp(1, 2, 5, 53);
	fragment(0, true, 9);
	expect(in(), ALLOW, "rule", "a");
	udp(1, 2, 0, 0);
	fragment(8, false, 9);
	expect(in(), ALLOW, "fragment", "a");
	fragment(8, false, 10); /* its first may yet come, and may be to port 53 */
	expect(in(), ALLOW, "fragment_early", "a");
	rules[0].to[rules[0].n_to++] = (struct ms_oracle_address) { .cidr = { 4, { 11 }, 8 } };
	expect(in(), ALLOW, "fragment_early", "default/one/out"); /* or an answer */
	groups[0].defaults[MS_ORACLE_OUT] = DENY;
	expect(in(), DENY, "default", "default/one/in");
}
END_TEST

START_TEST(tiny_and_overlapping_fragments_are_denied)
{
	rule("a", ALLOW, 6, 0);
	tcp(1, 2, 5, 80, SYN);
	frame[14 + 3] = 28;
	len = 42;
	fragment(0, true, 9);
	expect(in(), DENY, "fragment_tiny", "");
	tcp(1, 2, 5, 80, SYN);
	fragment(8, true, 9);
	expect(in(), DENY, "fragment_overlap", "");
}
END_TEST

START_TEST(icmp_errors_need_the_session_they_quote)
{
	uint8_t quoted[28];

	udp(1, 2, 5, 9);
	out();
	memcpy(quoted, frame + 14, 28);
	memcpy(ip4(3, 1, 1, 36) + 8, quoted, 28);
	frame[34] = 3;
	expect(in(), ALLOW, "builtin", "builtin/icmp-error");
	frame[34 + 8 + 20 + 3] = 10; /* another port: nobody sent that */
	expect(in(), DENY, "default", "default/one/in");
}
END_TEST

static const struct {
	size_t at;
	uint8_t byte;
	size_t cut;
	const char *reason;
} breakages[] = {
	{ 0, 0, 0, "default" },       { 14, 0x46, 0, "default" }, { 14, 0x44, 0, "malformed" },
	{ 14, 0x65, 0, "malformed" }, { 17, 39, 0, "malformed" }, { 17, 41, 0, "malformed" },
	{ 17, 19, 0, "malformed" },   { 12, 9, 0, "non_ip" },     { 13, 6, 0, "non_ip" },
	{ 0, 0, 33, "malformed" },    { 0, 0, 13, "malformed" },  { 12, 0x86, 0, "non_ip" },
};

START_TEST(what_is_not_what_its_ethertype_says_is_malformed)
{
	tcp(1, 2, 5, 6, SYN);
	if (breakages[_i].at)
		frame[breakages[_i].at] = breakages[_i].byte;
	if (breakages[_i].at == 14 && breakages[_i].byte == 0x46) { /* an IP option is no harm */
		memmove(frame + 38, frame + 34, 20);
		frame[17] += 4;
		len += 4;
	}
	if (breakages[_i].cut)
		len = breakages[_i].cut;
	ck_assert_str_eq(ms_oracle_reason_text(in().reason), breakages[_i].reason);
}
END_TEST

START_TEST(extension_headers_are_walked_to_their_limits)
{
	rule("a", ALLOW, 17, 53);
	for (int chain = 0; chain <= 9; chain++) {
		uint8_t *at = frame + 54;

		memset(frame, 0, sizeof(frame));
		memcpy(frame + 12, (uint8_t[]) { 0x86, 0xdd, 0x60 }, 3);
		frame[14 + 5] = chain * 8 + 8;
		frame[14 + 6] = chain ? 60 : 17;
		for (int i = 0; i < chain; i++, at += 8)
			at[0] = i == chain - 1 ? 17 : 60;
		ports(at, 5, 53);
		len = 14 + 40 + chain * 8 + 8;
		if (chain <= 8)
			expect(in(), ALLOW, chain ? "session" : "rule", "a");
		else
			expect(in(), DENY, "malformed", "");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("harness/oracle");
	TCase *tcase = tcase_create("oracle");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, first_match_wins_then_the_default);
	tcase_add_test(tcase, a_rule_asks_for_group_direction_address_set_and_vlan);
	tcase_add_test(tcase, a_rule_asks_for_the_dscp_of_the_first_packet);
	tcase_add_test(tcase, replies_follow_the_session_and_nothing_else_does);
	tcase_add_test(tcase, a_session_ends_by_time_of_its_state);
	tcase_add_test(tcase, a_blind_rst_kills_nothing_and_makes_nothing);
	tcase_add_test(tcase, a_syn_on_a_closing_session_is_judged_anew);
	tcase_add_test(tcase, an_echo_session_cannot_be_used_the_other_way);
	tcase_add_test(tcase, an_epoch_asks_again_in_the_original_direction);
	tcase_add_test(tcase, audit_lets_pass_and_asks_no_later_rule);
	tcase_add_test(tcase, the_failsafe_is_the_hosts_own_door_only);
	tcase_add_test(tcase, panic_comes_before_everything_but_malformed);
	tcase_add_test(tcase, adoption_tries_the_other_direction_only_in_its_time);
	tcase_add_test(tcase, fragments_follow_their_first);
	tcase_add_test(tcase, tiny_and_overlapping_fragments_are_denied);
	tcase_add_test(tcase, icmp_errors_need_the_session_they_quote);
	tcase_add_loop_test(tcase, what_is_not_what_its_ethertype_says_is_malformed, 0,
			    sizeof(breakages) / sizeof(breakages[0]));
	tcase_add_test(tcase, extension_headers_are_walked_to_their_limits);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
