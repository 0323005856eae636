/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/match.h"

#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "tests/harness/ms_check.h"

static const char document[] = "version: 1\n"
			       "groups:\n"
			       "  - { name: web, match: { name: eth0 }, default: { in: deny, out: "
			       "allow } }\n"
			       "sets: { office: [192.0.2.0/24, \"2001:db8::/32\"] }\n";

static struct ms_policy *policy;

static void set_up(void)
{
	policy = ms_policy_new();
	ck_assert_int_eq(ms_document_parse("a.yaml", document, strlen(document), MS_SOURCE_FILE,
					   policy, NULL),
			 0);
}

static void tear_down(void)
{
	policy = ms_policy_free(policy);
}

/* `text` is JSON with ' for ". */
static json_t *parse(const char *text)
{
	ms_cleanup(ms_free) char *quoted = strdup(text);
	json_t *value;

	for (char *p = quoted; *p; p++)
		*p = (char)(*p == '\'' ? '"' : *p);
	value = json_loads(quoted, 0, NULL);
	ck_assert_msg(value, "%s", text);
	return value;
}

/* One TCP session of eth0: 192.0.2.5:40000 > 10.0.0.9:443, in, VLAN 7, of rule web/https. */
static struct ms_session_view tcp_session(void)
{
	struct ms_session_view session = {
		.proto = 6, .sport = 40000, .dport = 443, .vlan_outer = 7, .dir = MS_DIR_IN
	};

	ck_assert(ms_addr_parse("192.0.2.5", &session.from));
	ck_assert(ms_addr_parse("10.0.0.9", &session.to));
	return session;
}

static const struct {
	const char *match;
	bool yes;
} tcp_cases[] = {
	{ "{}", true },
	{ "{'iface': 'eth0'}", true },
	{ "{'iface': 'eth*'}", true },
	{ "{'iface': 'lo'}", false },
	{ "{'group': 'web'}", true },
	{ "{'group': ['db', 'web']}", true },
	{ "{'group': 'db'}", false },
	{ "{'dir': 'in'}", true },
	{ "{'dir': 'out'}", false },
	{ "{'from': '192.0.2.5'}", true },
	{ "{'from': ['10.0.0.0/8', '192.0.2.0/24']}", true },
	{ "{'from': '10.0.0.0/8'}", false },
	{ "{'from': 'set:office'}", true },
	{ "{'to': 'set:office'}", false },
	{ "{'to': '10.0.0.0/8'}", true },
	{ "{'proto': 'tcp'}", true },
	{ "{'proto': [17, 6]}", true },
	{ "{'proto': 'udp'}", false },
	{ "{'proto': 'tcp', 'dport': 443}", true },
	{ "{'proto': 'tcp', 'dport': [80, '400-500']}", true },
	{ "{'proto': 'tcp', 'dport': 80}", false },
	{ "{'proto': 'tcp', 'sport': 443}", false },
	{ "{'proto': 'tcp', 'sport': '40000-40001'}", true },
	{ "{'vlan': 7}", true },
	{ "{'vlan': [0, 8]}", false },
	{ "{'rule': 'web/https'}", true },
	{ "{'rule': 'web*'}", true },
	{ "{'rule': 'db*'}", false },
	{ "{'from': '192.0.2.5', 'rule': 'db*'}", false },
	{ "{'proto': 'icmp', 'icmp': 'echo-request'}", false },
};

START_TEST(sessions_match_as_rules_would)
{
	struct ms_session_view session = tcp_session();
	struct ms_control_match match;
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *object = parse(tcp_cases[_i].match);

	ck_assert_msg(ms_control_match_init(&match, policy, object, &err) == 0, "%s: %s",
		      tcp_cases[_i].match, err.message);
	ck_assert_msg(ms_control_match_session(&match, policy, &session, "eth0", "web",
					       "web/https") == tcp_cases[_i].yes,
		      "%s", tcp_cases[_i].match);
	ms_control_match_fini(&match);
}
END_TEST

/* The same session's SYN as an event: addresses and ports come in wire order. */
START_TEST(events_match_as_sessions_do)
{
	struct ms_event_record record = {
		.raw = { .family = 4,
			 .proto = 6,
			 .dir = MS_DIR_IN,
			 .sport = __builtin_bswap16(40000),
			 .dport = __builtin_bswap16(443),
			 .vlan_outer = 7,
			 .src = { 192, 0, 2, 5 },
			 .dst = { 10, 0, 0, 9 } },
		.iface = "eth0",
		.group = "web",
		.rule = "web/https",
	};
	struct ms_control_match match;
	json_auto_t *object = parse(tcp_cases[_i].match);

	ck_assert_int_eq(ms_control_match_init(&match, policy, object, NULL), 0);
	ck_assert_msg(ms_control_match_event(&match, policy, &record) == tcp_cases[_i].yes, "%s",
		      tcp_cases[_i].match);
	ms_control_match_fini(&match);
}
END_TEST

START_TEST(events_have_a_dscp_and_sessions_do_not)
{
	struct ms_event_record record = { .raw = { .family = 4, .proto = 17, .dscp = 46 } };
	static const struct {
		const char *match;
		bool yes;
	} cases[] = {
		{ "{'dscp': 'ef'}", true },
		{ "{'dscp': [0, 46]}", true },
		{ "{'dscp': [0, 45]}", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ms_control_match match;
		json_auto_t *object = parse(cases[i].match);
		struct ms_error err = MS_ERROR_INIT;

		ck_assert_int_eq(ms_control_match_init(&match, policy, object, NULL), 0);
		ck_assert_msg(ms_control_match_event(&match, policy, &record) == cases[i].yes, "%s",
			      cases[i].match);
		ck_assert_int_eq(ms_control_match_check_sessions(&match, &err), -EINVAL);
		ck_assert_str_eq(err.word, "dscp");
		ms_control_match_fini(&match);
	}
}
END_TEST

START_TEST(icmp_has_types_and_no_ports)
{
	static const struct {
		const char *match;
		bool yes;
	} cases[] = {
		{ "{'proto': 'icmp'}", true },
		{ "{'proto': 'icmp', 'icmp': 'echo-request'}", true },
		{ "{'proto': 'icmp', 'icmp': '8/0'}", true },
		{ "{'proto': 'icmp', 'icmp': 3}", false },
		{ "{'proto': 'udp', 'sport': 77}", false },
	};
	struct ms_session_view session = { .proto = 1, .sport = 77, .icmp_type = 8 };

	ck_assert(ms_addr_parse("192.0.2.5", &session.from));
	ck_assert(ms_addr_parse("10.0.0.9", &session.to));
	for (size_t i = 0; i < ms_array_size(cases); i++) {
		json_auto_t *object = parse(cases[i].match);
		struct ms_control_match match;

		ck_assert_int_eq(ms_control_match_init(&match, policy, object, NULL), 0);
		ck_assert_msg(ms_control_match_session(&match, policy, &session, "lo", "", "x") ==
				      cases[i].yes,
			      "%s", cases[i].match);
		ms_control_match_fini(&match);
	}
}
END_TEST

static const struct {
	const char *match, *word;
	int r;
} refused[] = {
	{ "{'port': 80}", "port", -EINVAL },
	{ "{'action': 'deny'}", "action", -EINVAL },
	{ "{'from': '10.0.0.1/33'}", "10.0.0.1/33", -EINVAL },
	{ "{'proto': 'nosuch'}", "nosuch", -EINVAL },
	{ "{'dport': 80}", "", -EINVAL },
	{ "{'from': 'set:nosuch'}", "nosuch", -ENOENT },
	{ "{'to': 'set:host'}", "host", -ENOENT },
	{ "{'iface': ['a', 'b']}", "iface", -EINVAL },
	{ "{'group': []}", "", -EINVAL },
	{ "[]", "", -EBADMSG },
};

START_TEST(what_is_no_match_is_refused_without_a_place)
{
	struct ms_control_match match;
	struct ms_error err = MS_ERROR_INIT;
	json_auto_t *object = parse(refused[_i].match);

	ck_assert_int_eq(ms_control_match_init(&match, policy, object, &err), refused[_i].r);
	ck_assert(err.message[0]);
	ck_assert_uint_eq(err.line, 0);
	ck_assert_str_eq(err.file, "");
	if (refused[_i].word[0])
		ck_assert_str_eq(err.word, refused[_i].word);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/match");
	TCase *tcase = tcase_create("match");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, sessions_match_as_rules_would, 0, ms_array_size(tcp_cases));
	tcase_add_loop_test(tcase, events_match_as_sessions_do, 0, ms_array_size(tcp_cases));
	tcase_add_test(tcase, events_have_a_dscp_and_sessions_do_not);
	tcase_add_test(tcase, icmp_has_types_and_no_ports);
	tcase_add_loop_test(tcase, what_is_no_match_is_refused_without_a_place, 0,
			    ms_array_size(refused));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
