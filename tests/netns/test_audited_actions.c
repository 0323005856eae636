/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that end in deny, in audit mode: what would be denied arrives, and what only looks has seen
 * it; what acts has not. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"
#include "tests/netns/pcapng.h"

#define FILES MS_NETNS_DIR "/capture"
#define CURRENT FILES "/microseg.pcap"
#define PORT 9000
#define COUNT 3    /* packets of a test */
#define DSCP_EF 46 /* RFC 3246 */
#define TOS_OFFSET (14 + 1)

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static struct ms_pcapng_packet packets[64];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
}

/* The group is in this mode; a rule for datagrams and one for connections have this action. */
static void policy(const char *mode, const char *action)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "version: 1\n"
		 "sets: { bad: [] }\n"
		 "groups:\n"
		 "  - { name: work, match: { name: \"veth-*\" }, mode: %s,\n"
		 "      default: { in: allow, out: allow } }\n"
		 "rules:\n"
		 "  - { id: u, dir: in, proto: udp, dport: 9000, fallback: deny, action: %s }\n"
		 "  - { id: t, dir: in, proto: tcp, dport: 80, fallback: deny, action: %s }\n",
		 mode, action, action);
	ms_proc_write_policy(microsegd, "10-test.yaml", text);
	if (ms_proc_is_alive(microsegd))
		ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static void start(const char *plugin)
{
	char config[256] = "plugins:\n  capture: { folder: " FILES " }\n";
	size_t used = strlen(config);

	ms_plugin_folder_add("capture");
	if (strcmp(plugin, "capture") != 0) {
		ms_plugin_folder_add(plugin);
		snprintf(config + used, sizeof(config) - used, "  %s: {}\n", plugin);
	}
	ms_plugin_folder_start(microsegd, config);
}

static json_int_t stat_of(const char *plugin, const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", plugin, NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

/* Sends COUNT datagrams to "a", where somebody listens; how many of them came. */
static int arrived(void)
{
	ms_cleanup(ms_close_fd) int there = ms_traffic_udp("a", "10.1.0.1", 4000, PORT);
	ms_cleanup(ms_close_fd) int here = ms_traffic_udp(NULL, "10.1.0.2", PORT, 4000);
	struct pollfd ready = { .fd = there, .events = POLLIN };
	char payload[100] = { 0 };
	int count = 0;

	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(send(here, payload, sizeof(payload), 0), sizeof(payload));
	while (count < COUNT && poll(&ready, 1, count ? MS_SITE_SOON : MS_SITE_GONE) == 1)
		count += recv(there, payload, sizeof(payload), 0) == sizeof(payload);
	return count;
}

static bool is_written(void *user)
{
	return stat_of("capture", "written") >= *(const json_int_t *)user;
}

/* The newest COUNT packets of `total` in the file are these. */
static const struct ms_pcapng_packet *expect_captured(json_int_t total, const char *comment)
{
	ck_assert_msg(ms_netns_wait(is_written, &total, 10), "%lld written",
		      (long long)stat_of("capture", "written"));
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, ms_array_size(packets)), total);
	for (json_int_t i = total - COUNT; i < total; i++)
		ck_assert_str_eq(packets[i].comment, comment);
	return &packets[total - 1];
}

/* They are counted as it was before anybody looked on: let through, to be denied by the rule. */
static void expect_audited(json_int_t count)
{
	json_auto_t *event = ms_ctl_event_for(microsegd, "u", "audit", "rule");

	ck_assert_ptr_nonnull(event);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "audited"), count);
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), 0);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "u"), count);
}

START_TEST(what_would_be_denied_arrives_and_is_in_the_file)
{
	policy("audit", "[capture, deny]");
	start("capture");
	ck_assert_int_eq(arrived(), COUNT);
	expect_captured(COUNT, "rule=u verdict=audit dir=in");
	expect_audited(COUNT);
	/* The twins: what is denied does not arrive, and what is allowed is not called audited. */
	policy("enforce", "[capture, deny]");
	ck_assert_int_eq(arrived(), 0);
	expect_captured(2 * COUNT, "rule=u verdict=deny dir=in");
	policy("audit", "[capture, allow]");
	ck_assert_int_eq(arrived(), COUNT);
	expect_captured(3 * COUNT, "rule=u verdict=allow dir=in");
	/* And without the action nobody looks on. */
	policy("audit", "deny");
	ck_assert_int_eq(arrived(), COUNT);
	ck_assert_int_eq(stat_of("capture", "taken"), 3 * COUNT);
	ms_proc_stop(microsegd);
}
END_TEST

/* As an operator does who wants to see first: by hand, and without a daemon too. */
START_TEST(a_group_that_is_put_into_audit_mode_by_hand_is_looked_at)
{
	policy("enforce", "[capture, deny]");
	start("capture");
	ck_assert_int_eq(arrived(), 0);
	expect_captured(COUNT, "rule=u verdict=deny dir=in");
	ms_ctl_do(microsegd, "group", "mode", "work", "audit", NULL);
	ck_assert_int_eq(arrived(), COUNT);
	expect_captured(2 * COUNT, "rule=u verdict=audit dir=in");
	ms_proc_kill(microsegd);
	ck_assert_int_eq(arrived(), COUNT);
	ms_plugin_folder_start(microsegd, NULL);
	expect_captured(COUNT, "rule=u verdict=audit dir=in");
	ms_ctl_do(microsegd, "group", "mode", "work", "policy", NULL);
	ck_assert_int_eq(arrived(), 0);
	expect_captured(2 * COUNT, "rule=u verdict=deny dir=in");
	ms_proc_stop(microsegd);
}
END_TEST

static bool are_copied(void *user)
{
	char text[32];

	return strtoll(ms_netns_read_command(text, sizeof(text),
					     "ip -s -j link show dev tap1 | "
					     "jq .[0].stats64.rx.packets"),
		       NULL, 10) == *(const json_int_t *)user;
}

static void expect_copied(json_int_t count)
{
	ck_assert_int_eq(stat_of("mirror", "copied"), count);
	ck_assert(ms_netns_wait(are_copied, &count, 10));
}

START_TEST(what_would_be_denied_arrives_and_is_copied)
{
	ms_netns_tap();
	policy("audit", "[{ mirror: { to: tap0 } }, deny]");
	start("mirror");
	ck_assert_int_eq(arrived(), COUNT);
	expect_copied(COUNT);
	expect_audited(COUNT);
	policy("enforce", "[{ mirror: { to: tap0 } }, deny]");
	ck_assert_int_eq(arrived(), 0);
	expect_copied(2 * COUNT);
	policy("audit", "deny");
	ck_assert_int_eq(arrived(), COUNT);
	expect_copied(2 * COUNT);
	ms_proc_stop(microsegd);
}
END_TEST

/* The one behind it sees the packet as it came; the twin sees that it would have been changed. */
START_TEST(a_mark_is_not_set)
{
	static const char list[] = "[{ mark: { dscp: ef } }, capture, deny]";

	policy("audit", list);
	start("mark");
	ck_assert_int_eq(arrived(), COUNT);
	ck_assert_uint_eq(expect_captured(COUNT, "rule=u verdict=audit dir=in")->bytes[TOS_OFFSET],
			  0);
	expect_audited(COUNT);
	policy("enforce", list);
	ck_assert_int_eq(arrived(), 0);
	ck_assert_uint_eq(
		expect_captured(2 * COUNT, "rule=u verdict=deny dir=in")->bytes[TOS_OFFSET],
		DSCP_EF << 2);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(nothing_is_rejected)
{
	policy("audit", "[reject, deny]");
	start("reject");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert_int_eq(arrived(), COUNT);
	ck_assert_int_eq(stat_of("reject", "answered"), 0);
	policy("enforce", "[reject, deny]");
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), -ECONNREFUSED);
	ck_assert_int_eq(stat_of("reject", "answered"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* What it counts decides of later packets, as when the group is enforced again. */
static const struct {
	const char *plugin, *action, *stat;
} counting[] = {
	{ "ratelimit", "[{ ratelimit: { pps: 1000, burst: 100 } }, capture, deny]", "within" },
	{ "quarantine", "[{ quarantine: { set: bad, hits: 100 } }, capture, deny]", "hits" },
};

START_TEST(what_later_verdicts_hang_on_is_not_counted)
{
	policy("audit", counting[_i].action);
	start(counting[_i].plugin);
	ck_assert_int_eq(arrived(), COUNT);
	expect_captured(COUNT, "rule=u verdict=audit dir=in");
	ck_assert_int_eq(stat_of(counting[_i].plugin, counting[_i].stat), 0);
	policy("enforce", counting[_i].action);
	ck_assert_int_eq(arrived(), 0);
	expect_captured(2 * COUNT, "rule=u verdict=deny dir=in");
	ck_assert_int_eq(stat_of(counting[_i].plugin, counting[_i].stat), COUNT);
	ms_proc_stop(microsegd);
}
END_TEST

/* By what the plugin says, and not by what it does: all three count. */
static const struct {
	const char *plugin, *mode, *verdict;
	int arrives, sees;
} says[] = {
	{ "tally", "audit", "deny", COUNT, 0 },
	{ "tally_older", "audit", "deny", COUNT, 0 }, /* minor 2: it could not say so */
	{ "tally_observes", "audit", "deny", COUNT, COUNT },
	{ "tally", "enforce", "deny", 0, COUNT },
	{ "tally_older", "enforce", "deny", 0, COUNT },
	{ "tally_observes", "enforce", "deny", 0, COUNT },
	{ "tally", "audit", "allow", COUNT, COUNT },
	{ "tally_older", "audit", "allow", COUNT, COUNT },
	{ "tally_observes", "audit", "allow", COUNT, COUNT },
};

START_TEST(only_what_says_that_it_looks_is_run)
{
	json_int_t tried;
	char action[64];

	snprintf(action, sizeof(action), "[%s, %s]", says[_i].plugin, says[_i].verdict);
	policy(says[_i].mode, action);
	start(says[_i].plugin);
	tried = stat_of(says[_i].plugin, "seen"); /* what the daemon tried it with */
	ck_assert_int_eq(arrived(), says[_i].arrives);
	ck_assert_int_eq(stat_of(says[_i].plugin, "seen") - tried, says[_i].sees);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- more than have a place ---- */

/* So many rules, of which each says something else to what looks, beside what acts. */
static void write_many(unsigned int count)
{
	ms_netns_run_command(
		"( echo 'version: 1'; echo 'rules:'; seq 2000 %u | awk '{ printf \"  - "
		"{ id: m/%%d, dir: in, proto: udp, dport: %%d, fallback: deny, action: "
		"[{ mark: { dscp: ef } }, { capture: { snap: %%d } }, deny] }\\n\", $1, "
		"10000 + $1, $1 }' ) >%s/policy.d/20-many.yaml",
		1999 + count, microsegd->dir);
}

/* The warning of one of the commands that have it; false = there is none. */
static bool warns(json_t *lines, const char *rules)
{
	const json_t *warning = ms_ctl_find(lines, "warnings", "kind", "unobserved");
	const char *said;
	char words[96];

	if (!warning)
		return false;
	snprintf(words, sizeof(words), "nothing runs of the actions of %s", rules);
	said = json_string_value(json_object_get(warning, "message"));
	ck_assert_msg(strstr(said, words) != NULL, "%s", said);
	return true;
}

static bool all_warn(const char *rules)
{
	char dir[256];
	bool is_said =
		ms_ctl_has_problem(microsegd, "in audit mode nothing runs of the actions of");
	json_auto_t *check = NULL, *apply = NULL, *diff = NULL, *reload = NULL;

	snprintf(dir, sizeof(dir), "%s/policy.d", microsegd->dir);
	check = ms_ctl(microsegd, "policy", "check", dir, NULL);
	apply = ms_ctl(microsegd, "policy", "apply", NULL);
	diff = ms_ctl(microsegd, "policy", "diff", NULL);
	reload = ms_ctl(microsegd, "reload", NULL);
	ck_assert_int_eq(warns(check, rules), is_said);
	ck_assert_int_eq(warns(apply, rules), is_said);
	ck_assert_int_eq(warns(diff, rules), is_said);
	ck_assert_int_eq(warns(reload, rules), is_said);
	return is_said;
}

/* 4,095 lists fit: with 2,050 rules 2,045 of them have two. */
START_TEST(what_has_no_place_is_said_and_the_policy_taken)
{
	policy("audit", "[{ mark: { dscp: ef } }, capture, deny]");
	write_many(2045);
	start("mark");
	ck_assert(!all_warn("0"));
	write_many(2048);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert(all_warn("4 rules with a deny (m/4044 first)"));
	/* What has one runs: both rules for everybody say the same. */
	ck_assert_int_eq(arrived(), COUNT);
	expect_captured(COUNT, "rule=u verdict=audit dir=in");
	ck_assert(
		ms_proc_logged(microsegd, "in audit mode nothing runs of the actions of 4 rules"));
	write_many(2000);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert(!all_warn("0"));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/audited_actions");
	TCase *tcase = tcase_create("audited_actions");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_would_be_denied_arrives_and_is_in_the_file);
	tcase_add_test(tcase, a_group_that_is_put_into_audit_mode_by_hand_is_looked_at);
	tcase_add_test(tcase, what_would_be_denied_arrives_and_is_copied);
	tcase_add_test(tcase, a_mark_is_not_set);
	tcase_add_test(tcase, nothing_is_rejected);
	tcase_add_loop_test(tcase, what_later_verdicts_hang_on_is_not_counted, 0,
			    ms_array_size(counting));
	tcase_add_loop_test(tcase, only_what_says_that_it_looks_is_run, 0, ms_array_size(says));
	tcase_add_test(tcase, what_has_no_place_is_said_and_the_policy_taken);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
