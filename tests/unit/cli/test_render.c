/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies to text, exactly: 80 columns, no colours unless a test asks for them. */
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"
#include "tests/unit/cli/rendered.h"

static char *text;

static void tear_down(void)
{
	free(ms_take_ptr(text));
}

static const char *render_as(struct ms_cli_style style, ms_cli_renderer renderer, const char *reply)
{
	return ms_rendered(&text, style, renderer, reply);
}

static const char *render(ms_cli_renderer renderer, const char *reply)
{
	return render_as((struct ms_cli_style) { .width = 80 }, renderer, reply);
}

/* ---- what is not known, or over ---- */

static const struct {
	const char *reply, *line;
} gaps[] = {
	{ "'unfiltered_counted': false, 'unfiltered_exact': false, 'unfiltered_packets': 0",
	  "packets before it was attached not counted yet, put back 0 times" },
	{ "'unfiltered_counted': true, 'unfiltered_exact': false, 'unfiltered_packets': 0",
	  "at most 0 packets before it was attached, put back 0 times" },
	{ "'unfiltered_counted': true, 'unfiltered_exact': true, 'unfiltered_packets': 1",
	  "gaps         1 packet before it was attached, put back 0 times" },
};

START_TEST(a_gap_that_nobody_looked_at_has_no_number)
{
	char reply[256];

	snprintf(reply, sizeof(reply), "{'interface': {'name': 'veth0', %s, 'repairs': 0}}",
		 gaps[_i].reply);
	ck_assert_msg(strstr(render(ms_cli_render_iface_show, reply), gaps[_i].line), "%s", text);
}
END_TEST

START_TEST(a_member_whose_time_is_over_says_so)
{
	ck_assert_str_eq(render(ms_cli_render_set_show,
				"{'members': ["
				"{'addr': '10.0.0.1', 'timeout_ms': 0, 'origin': 'runtime'},"
				"{'addr': '10.0.0.2', 'timeout_ms': 32, 'origin': 'runtime'},"
				"{'addr': '10.0.0.3', 'timeout_ms': null, 'origin': 'runtime'}]}"),
			 "ADDRESS   TIMEOUT  FROM\n"
			 "10.0.0.1     over  runtime\n"
			 "10.0.0.2     32ms  runtime\n"
			 "10.0.0.3        -  runtime\n");
}
END_TEST

/* ---- sentences ---- */

#define ADDED(rule, rest)                                                                          \
	"{'generation': 3, 'dry_run': false, 'warnings': [], 'rule': {'id': 'runtime/1', " rule    \
	"}, " rest "}"

static const struct {
	const char *reply, *text;
} added[] = {
	{ ADDED("'to': '127.0.0.1', 'dport': 8000, 'proto': 'tcp', 'action': 'deny'",
		"'sessions_end': 1"),
	  "runtime/1 in force (generation 3): deny tcp to 127.0.0.1:8000, every group, in and out."
	  " 1 live session ends now. Undo: microsegctl rule del runtime/1\n" },
	{ ADDED("'to': ['2001:db8::9'], 'dport': [53], 'proto': ['udp'], 'action': 'allow', "
		"'group': ['web', 'db'], 'dir': ['in']",
		"'sessions_end': 0"),
	  "runtime/1 in force (generation 3): allow udp to [2001:db8::9]:53, group web,db, in."
	  " Undo: microsegctl rule del runtime/1\n" },
	{ ADDED("'to': '10.0.0.0/8', 'from': 'set:bad', 'dport': [80, '8000-8100'], 'proto': "
		"'tcp', 'action': 'deny', 'dir': 'out', 'vlan': 5, 'dscp': 'ef'",
		"'sessions_end': 7"),
	  "runtime/1 in force (generation 3): deny tcp from set:bad to 10.0.0.0/8 port "
	  "80,8000-8100 vlan 5 dscp ef, every group, out. 7 live sessions end now. Undo: microsegctl rule "
	  "del runtime/1\n" },
	{ ADDED("'action': 'deny', 'expires': '2026-11-23T04:14:11Z'", "'sessions_end': 0"),
	  "runtime/1 in force (generation 3): deny everything, every group, in and out. Until "
	  "2026-11-23T04:14:11Z. Undo: microsegctl rule del runtime/1\n" },
	{ ADDED("'action': 'deny'", "'sessions_end': 20000, 'sessions_end_is_minimum': true"),
	  "runtime/1 in force (generation 3): deny everything, every group, in and out. At least "
	  "20000 live sessions end now. Undo: microsegctl rule del runtime/1\n" },
	{ "{'generation': 3, 'dry_run': true, 'sessions_end': 2, 'rule': {'id': 'runtime/1', "
	  "'proto': 'icmp', 'icmp': 'echo-request', 'action': 'deny'}, 'warnings': [{'message': "
	  "'the failsafe keeps tcp 22 open'}]}",
	  "runtime/1 would be in force (generation 3): deny icmp echo-request, every group, in and "
	  "out. 2 live sessions would end now.\nwarning: the failsafe keeps tcp 22 open\n" },
};

START_TEST(rule_add_says_what_is_in_force_and_how_to_undo_it)
{
	ck_assert_str_eq(render(ms_cli_render_rule_add, added[_i].reply), added[_i].text);
}
END_TEST

#define WARNED "'warnings': [{'message': 'the failsafe keeps tcp 22 open'}]"

static const struct {
	ms_cli_renderer renderer;
	const char *reply, *text;
} changes[] = {
	{ ms_cli_render_policy_apply,
	  "{'generation': 4, 'dry_run': true, 'changes': 3, 'sessions_end': 2, " WARNED "}",
	  "warning: the failsafe keeps tcp 22 open\n"
	  "would be generation 4. 2 live sessions would end now.\n" },
	{ ms_cli_render_policy_apply,
	  "{'generation': 4, 'dry_run': false, 'changes': 3, 'sessions_end': 2, 'policy_source': "
	  "'/etc/policy.d', " WARNED "}",
	  "warning: the failsafe keeps tcp 22 open\n"
	  "generation 4 in force, from /etc/policy.d. 2 live sessions end now.\n" },
	{ ms_cli_render_policy_apply, "{'generation': 4, 'dry_run': true, 'sessions_end': 0}",
	  "would be generation 4.\n" },
	{ ms_cli_render_rule_import,
	  "{'generation': 4, 'dry_run': true, 'changes': 3, 'sessions_end': 1}",
	  "3 rules would change (generation 4). 1 live session would end now.\n" },
	{ ms_cli_render_rule_import,
	  "{'generation': 4, 'dry_run': false, 'changes': 1, 'sessions_end': 1}",
	  "1 rule changed (generation 4). 1 live session ends now.\n" },
};

/* Warnings stand before what is done, and what is only tried is not told as done. */
START_TEST(a_change_says_what_it_did_or_would_do)
{
	ck_assert_str_eq(render(changes[_i].renderer, changes[_i].reply), changes[_i].text);
}
END_TEST

START_TEST(warnings_say_where)
{
	ck_assert_str_eq(render(ms_cli_render_policy_check,
				"{'groups': 1, 'rules': 2, 'sets': 0, 'warnings': [{'file': 'a', "
				"'line': 7, 'message': 'b'}, {'file': 'c', 'line': 2, 'column': 3, "
				"'message': 'd'}, {'file': 'feed', 'line': 0, 'message': 'e'}]}"),
			 "a:7: warning: b\nc:2:3: warning: d\nfeed: warning: e\n"
			 "valid: 1 group, 2 rules, 0 sets, 3 warnings\n");
}
END_TEST

START_TEST(engines_are_named_by_family)
{
	static const char engines[] =
		"{'groups': 1, 'rules': 2, 'sets': 1, 'engines': [{'family': 'ipv4', 'engine': "
		"'pairs', 'rows': 70}, {'family': 'ipv6', 'engine': 'linear', 'rows': 1, "
		"'warning': 'it is slow'}]}";

	ck_assert_ptr_nonnull(strstr(render(ms_cli_render_status, engines),
				     "Classifier  ipv4: pairs engine, 70 rows; ipv6: linear "
				     "engine, 1 row\n            warning: it is slow\n"));
	ck_assert_str_eq(render(ms_cli_render_policy_check, engines),
			 "ipv4: pairs engine, 70 rows; ipv6: linear engine, 1 row\n"
			 "valid: 1 group, 2 rules, 1 set, 0 warnings\n");
}
END_TEST

START_TEST(diff_counts_what_ends)
{
	ck_assert_str_eq(
		render(ms_cli_render_policy_diff,
		       "{'generation': 4, 'changes_total': 3, 'sessions_end': 1, 'changes': "
		       "[{'kind': 'added', 'object': 'rule', 'name': 'a', 'detail': ''}, {'kind': "
		       "'removed', 'object': 'set', 'name': 'b', 'detail': ''}, {'kind': "
		       "'changed', 'object': 'rule', 'name': 'c', 'detail': 'action'}]}"),
		"+ rule a\n- set b\n~ rule c: action\n"
		"3 changes against generation 4. 1 live session would end now.\n");
	ck_assert_str_eq(
		render(ms_cli_render_policy_diff,
		       "{'generation': 4, 'changes_total': 0, 'sessions_end': 0, "
		       "'sessions_end_is_minimum': true, 'changes': []}"),
		"No difference to generation 4. At least 0 live sessions would end now.\n");
	ck_assert_str_eq(render(ms_cli_render_policy_diff,
				"{'generation': 4, 'changes_total': 0, 'changes': []}"),
			 "No difference to generation 4.\n");
}
END_TEST

/* ---- tables ---- */

#define SESSION                                                                                    \
	"{'iface': 'veth1a2b3c4d', 'dir': 'in', 'proto': 'tcp', 'proto_number': 6, 'from': "       \
	"'10.0.0.5', 'sport': 41234, 'to': '2001:db8:1:2::9', 'dport': 5432, 'icmp': null, "       \
	"'state': 'established', 'sent_bytes': 1500, 'received_bytes': 2500000, 'age_ms': "        \
	"192500, 'idle_ms': 80, 'rule': 'db/allow-from-the-application', 'audit': false}"

static const char sessions[] = "{'sessions': [" SESSION ", {'iface': 'lo', 'dir': 'in', 'proto': "
			       "'icmp', 'proto_number': 1, 'from': '127.0.0.1', 'sport': 77, 'to': "
			       "'127.0.0.1', 'dport': 0, 'icmp': 'echo-request', 'state': "
			       "'two_way', 'sent_bytes': 84, 'received_bytes': 84, 'age_ms': 1000, "
			       "'idle_ms': 999, 'rule': 'x', 'audit': true}]}";

START_TEST(sessions_fit_eighty_columns)
{
	ck_assert_str_eq(
		render(ms_cli_render_session_list, sessions),
		"IFACE      DIR  PROTO  FROM          TO              BYTES >/<   IDLE  RULE\n"
		"veth~3c4d  in   tcp    10.0.0~41234  [2001:~:5432  1.46K/2.38M   80ms  db/a~tion\n"
		"lo         in   icmp   127.0.0.1     127.0.0.1           84/84  999ms  x wo~deny\n");
}
END_TEST

START_TEST(sessions_fit_sixty_columns)
{
	ck_assert_str_eq(render_as((struct ms_cli_style) { .width = 60 },
				   ms_cli_render_session_list, sessions),
			 "IFACE      DIR  PROTO  FROM          TO            RULE\n"
			 "veth~3c4d  in   tcp    10.0.0~41234  [2001:~:5432  db/a~tion\n"
			 "lo         in   icmp   127.0.0.1     127.0.0.1     x wo~deny\n");
}
END_TEST

static struct ms_cli_table *begun;

static void render_piece(const struct ms_cli_style *style, const json_t *reply)
{
	ms_cli_render_session_rows(begun, style, reply);
}

/* A list that comes in pieces: what is longer than all before is whole nevertheless. */
START_TEST(a_later_piece_is_whole_too)
{
	static const char later[] = "{'sessions': [" SESSION "]}";
	static const char first[] =
		"{'sessions': [{'iface': 'lo', 'dir': 'in', 'proto': 'udp', 'from': '127.0.0.1', "
		"'sport': 7, 'to': '127.0.0.1', 'dport': 8, 'state': 'two_way', 'rule': 'x'}]}";
	const struct ms_cli_style widths[] = { { .width = 0 }, { .width = 160 } };

	for (size_t i = 0; i < ms_array_size(widths); i++) {
		begun = ms_cli_render_session_table();
		render_as(widths[i], render_piece, first);
		ck_assert_ptr_nonnull(strstr(text, "IFACE"));
		render_as(widths[i], render_piece, later);
		ck_assert_str_eq(text, "veth1a2b3c4d  in   tcp    10.0.0.5:41234  "
				       "[2001:db8:1:2::9]:5432  established  1.46K/2.38M  "
				       "3m12s  80ms  db/allow-from-the-application\n");
		begun = ms_cli_table_free(begun);
	}
}
END_TEST

START_TEST(sessions_are_whole_where_there_is_room)
{
	ck_assert_str_eq(
		render_as((struct ms_cli_style) { .width = 0 }, ms_cli_render_session_list,
			  sessions),
		"IFACE         DIR  PROTO  FROM            TO                      STATE          BYTES >/<    AGE   IDLE  RULE\n"
		"veth1a2b3c4d  in   tcp    10.0.0.5:41234  [2001:db8:1:2::9]:5432  established  1.46K/2.38M  3m12s   80ms  db/allow-from-the-application\n"
		"lo            in   icmp   127.0.0.1       127.0.0.1               two_way            84/84     1s  999ms  x would=deny\n");
}
END_TEST

START_TEST(numeric_gives_exact_numbers)
{
	const struct ms_cli_style style = { .numeric = true };

	render_as(style, ms_cli_render_session_list, sessions);
	ck_assert_ptr_nonnull(strstr(text, "  6  "));
	ck_assert_ptr_nonnull(strstr(text, "1500/2500000"));
	ck_assert_ptr_nonnull(strstr(text, "192500ms"));
	ck_assert_ptr_null(strstr(text, "tcp"));
}
END_TEST

static const char rules[] =
	"{'rules': [{'id': 'web', 'action': 'allow', 'proto': 'tcp', 'dport': [80, 443, 8000, "
	"8080], 'dir': 'in', 'group': 'containers', 'hits': 12, 'packets': 3456789, "
	"'last_hit_ms': 61000, 'origin': '10-web.yaml:4', 'log': true}, {'id': 'all', 'action': "
	"'deny', 'hits': 0, 'packets': 0, 'last_hit_ms': null, 'origin': 'runtime'}]}";

START_TEST(rules_are_told_in_words)
{
	ck_assert_str_eq(
		render(ms_cli_render_rule_list, rules),
		"RULE  ACTION     WHAT                   DIR   GROUP       HITS  FROM\n"
		"web   allow+log  tcp to port 80,443,+2  in    containers    12  10-web.yaml:4\n"
		"all   deny       everything             both  every          0  runtime\n");
}
END_TEST

/* Actions in their order with their arguments, the verdict, and what holds without a plugin. */
START_TEST(actions_of_a_rule_are_told_with_its_fallback)
{
	static const char listed[] =
		"{'rules': [{'id': 'r', 'action': [{'ratelimit': {'pps': 100, 'by': 'source'}}, "
		"{'tally': 3}, 'mark', 'allow'], 'fallback': 'deny', 'hits': 0, 'packets': 0, "
		"'origin': 'a.yaml:1'}]}";

	ck_assert_ptr_nonnull(strstr(
		render_as((struct ms_cli_style) { .width = 0 }, ms_cli_render_rule_list, listed),
		"r     ratelimit {pps: 100, by: source}, tally 3, mark, allow, else deny  "
		"everything"));
}
END_TEST

START_TEST(a_rule_that_lacks_an_action_says_what_holds)
{
	static const char listed[] =
		"{'rules': [{'id': 'r', 'action': [{'tally': 3}, 'allow'], 'fallback': 'deny', "
		"'missing_action': 'tally', 'hits': 0, 'packets': 0, 'origin': 'a.yaml:1'}]}";
	static const char shown[] =
		"{'rule': {'id': 'r', 'action': [{'tally': 3}, 'allow'], 'fallback': 'deny', "
		"'missing_action': 'tally', 'hits': 0, 'packets': 0, 'origin': 'a.yaml:1'}}";

	ck_assert_ptr_nonnull(strstr(
		render_as((struct ms_cli_style) { .width = 0 }, ms_cli_render_rule_list, listed),
		"r     tally 3, allow, now deny: no tally  everything"));
	ck_assert_ptr_nonnull(strstr(render(ms_cli_render_rule_show, shown),
				     "in force     deny, its fallback: no plugin that is loaded "
				     "has the action 'tally'\n"));
}
END_TEST

START_TEST(colours_are_only_for_verdicts_and_titles)
{
	const struct ms_cli_style style = { .width = 80, .color = true };

	render_as(style, ms_cli_render_rule_list, rules);
	ck_assert_ptr_nonnull(strstr(text, "\033[1mRULE\033[0m"));
	ck_assert_ptr_nonnull(strstr(text, "\033[31mdeny\033[0m"));
	ck_assert_ptr_nonnull(strstr(text, "\033[32mallow+log\033[0m"));
}
END_TEST

static const char ifaces[] =
	"{'interfaces': [{'name': 'eth0', 'state': 'protected', 'group': 'uplinks', 'mode': "
	"'enforce', 'side': 'host', 'attach': 'tcx', 'in_passed_packets': 1, "
	"'out_passed_packets': 2, 'reason': 'group uplinks (10-a.yaml:3), selector 1', 'error': "
	"''}, {'name': 'br-9f', 'state': 'excluded', 'group': '', 'mode': '', 'side': '', "
	"'attach': 'none', 'reason': 'no group', 'error': ''}], 'warnings': ['a and b']}";

START_TEST(ifaces_say_why)
{
	ck_assert_str_eq(
		render(ms_cli_render_iface_list, ifaces),
		"INTERFACE  STATE      GROUP    MODE     PASSED  DROPPED  WHY\n"
		"eth0       protected  uplinks  enforce       3        0  group uplin~ selector 1\n"
		"br-9f      excluded                          0        0  no group\n"
		"warning: a and b\n");
}
END_TEST

static const char groups[] =
	"{'groups': [{'name': 'containers', 'mode': 'enforce', 'panic': 'off', 'default_in': "
	"'allow', 'default_out': 'allow', 'side': 'workload', 'attach': 'auto', 'interfaces': 12, "
	"'rules': 8, 'origin': 'default-policy.yaml:11'}]}";

static const char long_names[] =
	"{'interfaces': [{'name': 'vethlongname001', 'state': 'protected', 'group': 'containers', "
	"'mode': 'enforce', 'side': 'workload', 'attach': 'tc', 'in_passed_packets': 1, "
	"'reason': 'group containers (10-a.yaml:3), selector 1, kind veth', 'error': ''}], "
	"'warnings': []}";

static const struct {
	ms_cli_renderer renderer;
	const char *reply;
} lists[] = {
	{ ms_cli_render_session_list, sessions },
	{ ms_cli_render_rule_list, rules },
	{ ms_cli_render_iface_list, long_names },
	{ ms_cli_render_group_list, groups },
};

START_TEST(lists_fit_sixty_columns)
{
	for (unsigned int width = 60; width < 130; width++) {
		const char *line = render_as((struct ms_cli_style) { .width = width },
					     lists[_i].renderer, lists[_i].reply);

		for (; *line; line += strcspn(line, "\n") + 1)
			ck_assert_msg(strcspn(line, "\n") <= width, "%u: %s", width, line);
	}
}
END_TEST

START_TEST(events_keep_their_line_and_losses_are_said_once)
{
	const struct ms_cli_style style = { .color = true };
	struct ms_cli_style to = style;
	json_auto_t *reply =
		json_pack("{s:[{s:s, s:s}], s:i, s:i}", "events", "verdict", "deny", "text",
			  "14:53:14.652 DENY veth0 in", "lost", 2, "ring_lost", 5);
	json_int_t ring_lost = 3;
	size_t length;

	to.out = open_memstream(&text, &length);
	ms_cli_render_observe(&to, reply, &ring_lost);
	json_object_set_new(reply, "events", json_array());
	json_object_set_new(reply, "lost", json_integer(0));
	ms_cli_render_observe(&to, reply, &ring_lost);
	fclose(to.out);
	ck_assert_str_eq(text, "14:53:14.652 \033[31mDENY\033[0m veth0 in\n"
			       "\033[33mlost=4 (too slow a reader 2, full ring 2)\033[0m\n");
}
END_TEST

START_TEST(trace_names_rule_and_reason)
{
	ck_assert_str_eq(
		render(ms_cli_render_trace,
		       "{'packet': 'tcp A > B syn', 'iface': 'eth0', 'group': 'up', 'dir': "
		       "'in', 'verdict': 'audit', 'reason': 'rule', 'about': 'first "
		       "matching rule', 'rule': 'x', 'origin': 'a.yaml:3', 'actions': "
		       "['mirror', 'limit'], 'generation': 2, 'session': true, 'would_log': true}"),
		"allow (would=deny): tcp A > B syn, in on eth0 (group up)\n"
		"  reason rule: first matching rule\n"
		"  rule x, from a.yaml:3\n"
		"  actions mirror, limit, which are not run here and may end otherwise\n"
		"  generation 2, a live session would have answered, would be logged\n");
}
END_TEST

/* ---- numbers ---- */

static const struct {
	int64_t ms;
	const char *text;
} ages[] = {
	{ 0, "0ms" },           { 999, "999ms" },     { 1000, "1s" },
	{ 61000, "1m1s" },      { 60000, "1m" },      { 3600000, "1h" },
	{ 86399999, "23h59m" }, { 90000000, "1d1h" }, { -5, "-" },
};

START_TEST(ages_have_two_units)
{
	const struct ms_cli_style style = { 0 };
	json_auto_t *ms = json_integer(ages[_i].ms);
	char buf[32];

	ck_assert_str_eq(ms_cli_style_age(&style, ms, buf, sizeof(buf)), ages[_i].text);
}
END_TEST

static const struct {
	int64_t bytes;
	const char *text;
} sizes[] = {
	{ 0, "0" },         { 999, "999" },       { 1000, "0.98K" },       { 1024, "1.00K" },
	{ 10239, "10.0K" }, { 1 << 20, "1.00M" }, { 1023 << 10, "1.00M" }, { INT64_MAX, "8.00E" },
};

START_TEST(sizes_have_three_digits)
{
	const struct ms_cli_style style = { 0 };
	char buf[32];

	ck_assert_str_eq(ms_cli_style_bytes(&style, sizes[_i].bytes, buf, sizeof(buf)),
			 sizes[_i].text);
}
END_TEST

START_TEST(terminals_cannot_be_steered)
{
	char word[] = "a\033[2Jb\x7f\xc2\x9b"
		      "c\xc3\xa4";

	ms_cli_style_defuse(word);
	ck_assert_str_eq(word, "a?[2Jb?\?\?c\xc3\xa4");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli/render");
	TCase *tcase = tcase_create("render");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, a_gap_that_nobody_looked_at_has_no_number, 0,
			    (int)ms_array_size(gaps));
	tcase_add_test(tcase, a_member_whose_time_is_over_says_so);
	tcase_add_loop_test(tcase, rule_add_says_what_is_in_force_and_how_to_undo_it, 0,
			    ms_array_size(added));
	tcase_add_loop_test(tcase, a_change_says_what_it_did_or_would_do, 0,
			    (int)ms_array_size(changes));
	tcase_add_test(tcase, warnings_say_where);
	tcase_add_test(tcase, engines_are_named_by_family);
	tcase_add_test(tcase, diff_counts_what_ends);
	tcase_add_test(tcase, sessions_fit_eighty_columns);
	tcase_add_test(tcase, sessions_fit_sixty_columns);
	tcase_add_test(tcase, a_later_piece_is_whole_too);
	tcase_add_test(tcase, sessions_are_whole_where_there_is_room);
	tcase_add_loop_test(tcase, lists_fit_sixty_columns, 0, ms_array_size(lists));
	tcase_add_test(tcase, numeric_gives_exact_numbers);
	tcase_add_test(tcase, rules_are_told_in_words);
	tcase_add_test(tcase, actions_of_a_rule_are_told_with_its_fallback);
	tcase_add_test(tcase, a_rule_that_lacks_an_action_says_what_holds);
	tcase_add_test(tcase, colours_are_only_for_verdicts_and_titles);
	tcase_add_test(tcase, ifaces_say_why);
	tcase_add_test(tcase, events_keep_their_line_and_losses_are_said_once);
	tcase_add_test(tcase, trace_names_rule_and_reason);
	tcase_add_loop_test(tcase, ages_have_two_units, 0, ms_array_size(ages));
	tcase_add_loop_test(tcase, sizes_have_three_digits, 0, ms_array_size(sizes));
	tcase_add_test(tcase, terminals_cannot_be_steered);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
