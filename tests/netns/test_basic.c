/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What somebody does in the first five minutes, with the daemon and the CLI as processes and real
 * connections: each verdict has its twin, each deny names its author.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

/* How long a connection may take that is let through, and how long one is waited for that is not.
 */
#define SOON 3000
#define GONE 400

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: loopback, match: { kind: loopback }, default: { in: allow, out: allow } }\n"
	"  - { name: open, match: { name: \"open-*\" }, default: { in: allow, out: allow } }\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

/* By address family: what answers behind each interface. */
static const struct {
	const char *guarded, *open, *host_a, *loopback, *icmp, *echo;
} at[] = {
	{ "10.1.0.2", "10.3.0.2", "10.1.0.1", "127.0.0.1", "icmp", "echo-request" },
	{ "fd01::2", "fd03::2", "fd01::1", "::1", "icmpv6", "echo-request" },
};

static void setup(void)
{
	ms_netns_setup();
	ms_netns_add("a");
	ms_netns_add("b");
	ms_netns_add("c");
	ms_netns_veth("veth-a", "a", "10.1.0.", "fd01::");
	ms_netns_veth("veth-b", "b", "10.2.0.", "fd02::");
	ms_netns_veth("open-c", "c", "10.3.0.", "fd03::");
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv4/ip_forward && "
			     "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	ms_traffic_server("a", 80);
	ms_traffic_server("c", 80);
	ms_traffic_server(NULL, 22);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start(microsegd, NULL);
}

static void teardown(void)
{
	ms_proc_stop(microsegd);
}

struct wanted {
	const char *rule, *iface, *dir, *reason;
};

/* Among the latest: what a flow goes on sending after its end is told, too. */
static bool is_told(void *user)
{
	const struct wanted *wanted = user;
	json_auto_t *lines = ms_ctl(microsegd, "observe", "--last", "50", "--rule", wanted->rule,
				    "--verdict", "deny", "--reason", wanted->reason, "--iface",
				    wanted->iface, "--dir", wanted->dir, NULL);

	return ms_ctl_find(lines, "events", "rule", wanted->rule) != NULL;
}

static void expect_event(const char *rule, const char *iface, const char *dir, const char *reason)
{
	struct wanted wanted = { rule, iface, dir, reason };

	ck_assert_msg(ms_netns_wait(is_told, &wanted, 10), "no event: deny by %s on %s %s, %s",
		      rule, iface, dir, reason);
}

START_TEST(the_default_verdict_is_per_direction)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].guarded, 80, GONE), -ETIMEDOUT);
	expect_event("default/work/in", "veth-a", "in", "default");
	/* The same interface, begun from the other side. */
	ck_assert_int_eq(ms_traffic_reach("a", at[_i].host_a, 22, SOON), 0);
	/* Another group, whose default allows. */
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 80, SOON), 0);
}
END_TEST

START_TEST(an_allow_rule_opens_what_it_names_and_no_more)
{
	char rule[MS_CTL_ID];

	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].guarded, 80, GONE), -ETIMEDOUT);
	ms_ctl_rule_add(microsegd, rule, "--group", "work", "--dir", "in", "--proto", "tcp",
			"--dport", "80", "allow", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].guarded, 80, SOON), 0);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, rule), 0);
	/* Nobody listens there: without the firewall this would be refused, not time out. */
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].guarded, 81, GONE), -ETIMEDOUT);
	ms_ctl_rule_del(microsegd, rule);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].guarded, 80, GONE), -ETIMEDOUT);
}
END_TEST

START_TEST(a_deny_rule_bites_until_it_is_deleted)
{
	char rule[MS_CTL_ID];

	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 80, SOON), 0);
	ms_ctl_rule_add(microsegd, rule, "--to", at[_i].open, "--dport", "80", "--proto", "tcp",
			"deny", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 80, GONE), -ETIMEDOUT);
	expect_event(rule, "open-c", "in", "rule");
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 81, SOON), -ECONNREFUSED);
	ms_ctl_rule_del(microsegd, rule);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 80, SOON), 0);
}
END_TEST

START_TEST(a_deny_ends_what_is_established)
{
	int fd = ms_traffic_connect(NULL, at[_i].open, 80, SOON);
	char rule[MS_CTL_ID];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ms_traffic_echo(fd, 1, SOON), 0);
	ms_ctl_rule_add(microsegd, rule, "--to", at[_i].open, "--dport", "80", "--proto", "tcp",
			"deny", NULL);
	ck_assert_int_eq(ms_traffic_echo(fd, 2, GONE), -ETIMEDOUT);
	/* The rule ends the flow; what the flow sends after that is denied as the flow it was. */
	expect_event(rule, "open-c", "in", "rule");
	expect_event(rule, "open-c", "in", "session");
	ms_ctl_rule_del(microsegd, rule);
	ck_assert_int_eq(ms_traffic_echo(fd, 3, SOON), 0);
	close(fd);
}
END_TEST

START_TEST(ssh_to_this_host_over_loopback_can_be_denied)
{
	char rule[MS_CTL_ID];

	ms_traffic_server(NULL, 23);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].loopback, 22, SOON), 0);
	ms_ctl_rule_add(microsegd, rule, "--to", at[_i].loopback, "--dport", "22", "--proto", "tcp",
			"deny", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].loopback, 22, GONE), -ETIMEDOUT);
	expect_event(rule, "lo", "in", "rule");
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].loopback, 23, SOON), 0);
	ms_ctl_rule_del(microsegd, rule);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].loopback, 22, SOON), 0);
}
END_TEST

START_TEST(ping_and_udp_are_judged_like_tcp)
{
	int fd = ms_traffic_udp(NULL, at[_i].open, 80, 0);
	char ping[MS_CTL_ID], udp[MS_CTL_ID];

	ck_assert_int_eq(ms_traffic_ping(NULL, at[_i].open, SOON), 0);
	ck_assert_int_eq(ms_traffic_echo(fd, 1, SOON), 0);
	ms_ctl_rule_add(microsegd, ping, "--to", at[_i].open, "--proto", at[_i].icmp, "--icmp",
			at[_i].echo, "deny", NULL);
	ck_assert_int_eq(ms_traffic_ping(NULL, at[_i].open, GONE), -ETIMEDOUT);
	expect_event(ping, "open-c", "in", "rule");
	ck_assert_int_eq(ms_traffic_echo(fd, 2, SOON), 0);
	ms_ctl_rule_add(microsegd, udp, "--to", at[_i].open, "--proto", "udp", "deny", NULL);
	ck_assert_int_eq(ms_traffic_echo(fd, 3, GONE), -ETIMEDOUT);
	expect_event(udp, "open-c", "in", "rule");
	ms_ctl_rule_del(microsegd, ping);
	ms_ctl_rule_del(microsegd, udp);
	ck_assert_int_eq(ms_traffic_ping(NULL, at[_i].open, SOON), 0);
	ck_assert_int_eq(ms_traffic_echo(fd, 4, SOON), 0);
	close(fd);
}
END_TEST

struct logged {
	const char *rule;
	int fd;
	uint8_t byte;
};

/* Sends, and asks for an event whose packet was answered from the session table. */
static bool is_logged_from_the_cache(void *user)
{
	struct logged *logged = user;
	json_auto_t *lines = NULL;
	json_t *event;

	ck_assert_int_eq(ms_traffic_echo(logged->fd, ++logged->byte, SOON), 0);
	lines = ms_ctl(microsegd, "observe", "--last", "100", "--rule", logged->rule, NULL);
	event = ms_ctl_find(lines, "events", "reason", "session");
	if (!event)
		return false;
	ck_assert(json_is_true(ms_ctl_at(event, "log")));
	ck_assert_str_eq(ms_ctl_text(event, "verdict"), "allow");
	return true;
}

START_TEST(a_log_rule_goes_on_logging_on_the_cached_path)
{
	struct logged logged = { .fd = ms_traffic_udp(NULL, at[_i].open, 80, 0) };
	char rule[MS_CTL_ID];

	logged.rule = rule;
	ms_ctl_rule_add(microsegd, rule, "--to", at[_i].open, "--proto", "udp", "log", NULL);
	ck_assert_int_eq(ms_traffic_echo(logged.fd, 0, SOON), 0);
	ck_assert_msg(ms_netns_wait(is_logged_from_the_cache, &logged, 10),
		      "no event of the cached path");
	close(logged.fd);
}
END_TEST

START_TEST(http_hits_the_session_table)
{
	json_int_t total, hits, misses, new_sessions;

	ms_ctl_do(microsegd, "rule", "add", "--id", "http", "--proto", "tcp", "--dport", "80",
		  "allow", NULL);
	total = ms_ctl_stat(microsegd, "total");
	hits = ms_ctl_stat(microsegd, "session_hit");
	misses = ms_ctl_stat(microsegd, "policy_hit");
	new_sessions = ms_ctl_stat(microsegd, "new_session");
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(ms_traffic_get("b", at[_i].guarded, 80, SOON), MS_TRAFFIC_ANSWER);
	total = ms_ctl_stat(microsegd, "total") - total;
	hits = ms_ctl_stat(microsegd, "session_hit") - hits;
	misses = ms_ctl_stat(microsegd, "policy_hit") - misses;
	new_sessions = ms_ctl_stat(microsegd, "new_session") - new_sessions;
	/* Out of b by veth-b, into a by veth-a. */
	ck_assert_int_eq(misses, 200);
	ck_assert_int_eq(new_sessions, 200);
	ck_assert_msg(hits * 10 > total * 9, "%lld of %lld packets hit", hits, total);
}
END_TEST

static void expect_panic(const char *problem)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);
	json_t *problems = ms_ctl_at(status, "0.problems");

	ck_assert_uint_eq(json_array_size(problems), problem ? 1 : 0);
	if (problem)
		ck_assert_str_eq(json_string_value(json_array_get(problems, 0)), problem);
}

/* Whoever is locked out says "panic open" or "panic off" and must not remember more than that. */
START_TEST(panic_everywhere_ends_that_of_a_group)
{
	ms_ctl_do(microsegd, "panic", "closed", "--group", "open", NULL);
	expect_panic("panic closed is in force for group open");
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 80, GONE), -ETIMEDOUT);
	ms_ctl_do(microsegd, "panic", "open", NULL);
	expect_panic("panic open is in force");
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 80, SOON), 0);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].guarded, 80, SOON), 0);

	ms_ctl_do(microsegd, "panic", "closed", "--group", "open", NULL);
	ms_ctl_do(microsegd, "panic", "off", NULL);
	expect_panic(NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[_i].open, 80, SOON), 0);
}
END_TEST

START_TEST(a_set_is_named_as_a_file_could_name_it)
{
	char text[512];

	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "set", "add", "Not so",
				       "10.9.0.1", NULL),
			 1);
	ck_assert_ptr_nonnull(strstr(text, "'Not so' is not a set's name"));
	ms_ctl_do(microsegd, "set", "add", "so", "10.9.0.1", NULL);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "set", "add", "so",
				       "10.9.0.1/8", NULL),
			 1);
	ck_assert_ptr_nonnull(strstr(text, "did you mean 10.0.0.0/8?"));
}
END_TEST

START_TEST(a_reason_that_is_none_is_answered_with_those_there_are)
{
	char text[1024];

	ck_assert_int_eq(
		ms_ctl_status(microsegd, text, sizeof(text), "observe", "--reason", "nope", NULL),
		1);
	ck_assert_ptr_nonnull(strstr(text, "no reason 'nope': there are session, rule, "));
	ck_assert_ptr_nonnull(strstr(text, "excluded, incomplete"));
}
END_TEST

static bool is_cleared(void *user)
{
	(void)user;
	return !ms_proc_remembers(microsegd, "192.0.2.77");
}

/* Of two members of one prefix the one that stays longer counts, at once as after a restart; one
 * that has ended is gone from the daemon's tables as well. */
START_TEST(a_members_end_does_not_take_the_files_member_along)
{
	char shown[2048];

	ms_proc_write_policy(microsegd, "20-set.yaml",
			     "version: 1\n"
			     "sets: { blocked: [10.3.0.2] }\n"
			     "rules:\n"
			     "  - { id: blocked, to: \"set:blocked\", action: deny }\n");
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, "10.3.0.2", 80, GONE), -ETIMEDOUT);
	ms_ctl_do(microsegd, "set", "add", "blocked", "10.3.0.2", "192.0.2.77", "--for", "1s",
		  NULL);
	ck_assert_msg(ms_netns_wait(is_cleared, NULL, 20), "192.0.2.77 stays on disk");
	ck_assert_int_eq(ms_traffic_reach(NULL, "10.3.0.2", 80, GONE), -ETIMEDOUT);
	ms_netns_read_command(shown, sizeof(shown),
			      "bpftool -j map dump pinned $(find " MS_NETNS_BPFFS
			      " -name 'ms_set4*')");
	ck_assert_ptr_null(strstr(shown, "\"0x4d\""));
}
END_TEST

static size_t count_sets(const char *name)
{
	json_auto_t *sets = ms_ctl(microsegd, "set", "list", NULL);

	return ms_ctl_count(sets, "sets", "name", name);
}

START_TEST(an_emptied_set_goes_when_no_rule_names_it)
{
	char rule[MS_CTL_ID], text[2048];

	ms_ctl_do(microsegd, "set", "add", "some", "10.3.0.2", NULL);
	ms_ctl_rule_add(microsegd, rule, "--to", "set:some", "deny", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, "10.3.0.2", 80, GONE), -ETIMEDOUT);
	ms_ctl_do(microsegd, "set", "del", "some", "10.3.0.2", NULL);
	/* The rule stays and matches nothing; what is shown can be read again. */
	ck_assert_int_eq(ms_traffic_reach(NULL, "10.3.0.2", 80, SOON), 0);
	ck_assert_uint_eq(count_sets("some"), 1);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "policy", "show", "--source",
				       "runtime", "-o", "yaml", NULL),
			 0);
	ck_assert_ptr_nonnull(strstr(text, "some: []"));
	ms_ctl_do(microsegd, "set", "add", "some", "10.3.0.2", NULL);
	ck_assert_int_eq(ms_traffic_reach(NULL, "10.3.0.2", 80, GONE), -ETIMEDOUT);
	ms_ctl_rule_del(microsegd, rule);
	ms_ctl_do(microsegd, "set", "del", "some", "10.3.0.2", "--dry-run", NULL);
	ck_assert_uint_eq(count_sets("some"), 1);
	ms_ctl_do(microsegd, "set", "del", "some", "10.3.0.2", NULL);
	ck_assert_uint_eq(count_sets("some"), 0);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "rule", "add", "--to",
				       "set:some", "deny", NULL),
			 1);
}
END_TEST

static json_int_t generation(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "status", NULL);

	return ms_ctl_int(lines, "0.generation_applied");
}

/* `policy apply` or `rule import` of a file that denies everything to port 80. */
static json_t *deny_all(bool is_import, const char *dry_run)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/deny.yaml", microsegd->dir);
	ms_netns_put_file(path, "version: 1\nrules:\n  - { id: deny/all, proto: tcp, dport: 80, "
				"action: deny }\n");
	if (is_import)
		return ms_ctl(microsegd, "rule", "import", path, dry_run, NULL);
	ms_netns_run_command("cp %s %s/policy.d/20-deny.yaml", path, microsegd->dir);
	return ms_ctl(microsegd, "policy", "apply", dry_run, NULL);
}

START_TEST(a_dry_run_counts_and_changes_nothing)
{
	json_auto_t *tried = NULL, *done = NULL;
	json_int_t before;

	ms_ctl_do(microsegd, "rule", "add", "--id", "ping", "--group", "open", "--proto", "icmp",
		  "allow", NULL);
	ms_netns_run_command("ping -q -c 3 -i 0.002 %s", at[0].open);
	before = generation();
	tried = deny_all(_i, "--dry-run");
	ck_assert_int_eq(ms_ctl_int(tried, "0.generation"), before + 1);
	ck_assert(json_is_true(ms_ctl_at(tried, "0.dry_run")));
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "ping"), 6);
	ck_assert_int_eq(generation(), before);
	ck_assert_int_eq(ms_traffic_reach(NULL, at[0].open, 80, SOON), 0);
	/* The twin. */
	done = deny_all(_i, NULL);
	ck_assert_int_eq(ms_ctl_int(done, "0.generation"), before + 1);
	ck_assert_int_eq(generation(), before + 1);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "ping"), 6);
	ck_assert(json_equal(ms_ctl_at(tried, "0.changes"), ms_ctl_at(done, "0.changes")));
	ck_assert_int_eq(ms_traffic_reach(NULL, at[0].open, 80, GONE), -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, "deny/all"), 0);
}
END_TEST

START_TEST(a_dry_run_of_apply_warns_like_apply)
{
	json_auto_t *tried = NULL, *applied = NULL;

	ms_proc_write_policy(microsegd, "20-none.yaml",
			     "version: 1\nfailsafe: { in: [], out: [] }\n");
	tried = ms_ctl(microsegd, "policy", "apply", "--dry-run", NULL);
	ck_assert_uint_gt(json_array_size(ms_ctl_at(tried, "0.warnings")), 0);
	applied = ms_ctl(microsegd, "policy", "apply", NULL);
	ck_assert(json_equal(ms_ctl_at(tried, "0.warnings"), ms_ctl_at(applied, "0.warnings")));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/basic");
	TCase *tcase = tcase_create("basic");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, the_default_verdict_is_per_direction, 0, 2);
	tcase_add_loop_test(tcase, an_allow_rule_opens_what_it_names_and_no_more, 0, 2);
	tcase_add_loop_test(tcase, a_deny_rule_bites_until_it_is_deleted, 0, 2);
	tcase_add_loop_test(tcase, a_deny_ends_what_is_established, 0, 2);
	tcase_add_loop_test(tcase, ssh_to_this_host_over_loopback_can_be_denied, 0, 2);
	tcase_add_loop_test(tcase, ping_and_udp_are_judged_like_tcp, 0, 2);
	tcase_add_loop_test(tcase, a_log_rule_goes_on_logging_on_the_cached_path, 0, 2);
	tcase_add_loop_test(tcase, http_hits_the_session_table, 0, 2);
	tcase_add_loop_test(tcase, panic_everywhere_ends_that_of_a_group, 0, 2);
	tcase_add_test(tcase, a_set_is_named_as_a_file_could_name_it);
	tcase_add_test(tcase, a_reason_that_is_none_is_answered_with_those_there_are);
	tcase_add_test(tcase, a_members_end_does_not_take_the_files_member_along);
	tcase_add_test(tcase, an_emptied_set_goes_when_no_rule_names_it);
	tcase_add_loop_test(tcase, a_dry_run_counts_and_changes_nothing, 0, 2);
	tcase_add_test(tcase, a_dry_run_of_apply_warns_like_apply);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
