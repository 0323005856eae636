/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin quarantine in a daemon: who comes in by a rule is shut out by another one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define HERE "10.1.0.1" /* whose packets come to 10.1.0.2 */
#define PORT 9000

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("quarantine");
	ms_proc_write_config(microsegd, "plugins: { quarantine: {} }\n");
}

static void start(void)
{
	ms_plugin_folder_start(microsegd, NULL);
}

/* Datagrams to PORT have the action; who is in `bad` is denied everything. */
static void policy(const char *arguments, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "version: 1\n"
		 "sets: { bad: [192.0.2.1] }\n"
		 "%s"
		 "rules:\n"
		 "  - { id: in/bad, dir: in, from: \"set:bad\", action: deny }\n"
		 "  - { id: watched, dir: in, proto: udp, dport: 9000, fallback: deny,\n"
		 "      action: [{ quarantine: %s }, allow] }\n",
		 more, arguments);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	if (ms_proc_is_alive(microsegd))
		ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static json_int_t stat_of(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "quarantine", NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

/* NULL = HERE */
static bool is_shut_out(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "show", "bad", NULL);

	return ms_ctl_find(lines, "members", "addr", user ? user : HERE) != NULL;
}

static bool is_let_in(void *user)
{
	(void)user;
	return ms_site_reach(80, MS_SITE_GONE) == 0;
}

static void send_flow(uint16_t port, unsigned int count)
{
	ms_traffic_flow("10.1.0.2", port, count);
}

START_TEST(it_is_in_force_before_the_next_hundred_packets)
{
	static const char *const ids[] = { "watched", "again/1", "again/2" };

	policy("bad", "");
	ms_proc_write_policy(
		microsegd, "06-again.yaml",
		"version: 1\nrules:\n"
		"  - { id: again/1, dir: in, proto: udp, dport: 9001, fallback: deny,\n"
		"      action: [{ quarantine: bad }, allow] }\n"
		"  - { id: again/2, dir: in, proto: udp, dport: 9002, fallback: deny,\n"
		"      action: [{ quarantine: bad }, allow] }\n");
	start();
	/* The bound is the datapath's and the daemon's, whoever else wants the CPU. */
	ck_assert_int_eq(setpriority(PRIO_PROCESS, (id_t)microsegd->pid, -20), 0);
	for (size_t i = 0; i < ms_array_size(ids); i++) {
		json_int_t denied = ms_ctl_rule_packets(microsegd, "in/bad"), arrived;

		/* A rule each, since one does not tell of an address twice in a second. */
		send_flow((uint16_t)(PORT + i), 500);
		ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
		arrived = ms_ctl_rule_packets(microsegd, ids[i]);
		denied = ms_ctl_rule_packets(microsegd, "in/bad") - denied;
		ck_assert_int_ge(arrived, 1);
		ck_assert_int_eq(arrived + denied, 500);
		ck_assert_int_le(arrived, 1 + 100);
		/* All of his packets, not only those. */
		ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
		ms_ctl_do(microsegd, "set", "del", "bad", HERE, NULL);
	}
	ck_assert_int_ge(stat_of("put_in"), (json_int_t)ms_array_size(ids));
	ms_proc_stop(microsegd);
}
END_TEST

static bool is_put_in(void *user)
{
	(void)user;
	send_flow(PORT, 1);
	return stat_of("put_in") > 0;
}

static bool is_put_in_once(void *user)
{
	(void)user;
	return stat_of("put_in") == 1;
}

#define DISK MS_NETNS_DIR "/disk"

static void set_disk(const char *how)
{
	ms_cleanup(ms_close_fd) int fd = open(DISK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, how, 1), 1);
}

static bool has_failed(void *user)
{
	(void)user;
	return stat_of("failed") > 0;
}

START_TEST(nobody_waits_for_the_disk)
{
	json_int_t arrived;

	policy("bad", "");
	setenv("MS_TEST_DISK_FILE", DISK, 1);
	ms_proc_start_program(microsegd, MS_TEST_SLOW_DISK, "--plugin-dir", MS_PLUGIN_FOLDER, NULL);
	ck_assert_int_eq(setpriority(PRIO_PROCESS, (id_t)microsegd->pid, -20), 0);
	set_disk("s");
	send_flow(PORT, 500);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 20));
	arrived = ms_ctl_rule_packets(microsegd, "watched");
	ck_assert_int_ge(arrived, 1);
	ck_assert_int_le(arrived, 1 + 100);
	ck_assert_int_eq(arrived + ms_ctl_rule_packets(microsegd, "in/bad"), 500);
	ms_proc_stop(microsegd);
}
END_TEST

/* What could not be saved is taken back: the next daemon would not know of it. */
START_TEST(who_cannot_be_saved_is_not_in)
{
	policy("bad", "");
	setenv("MS_TEST_DISK_FILE", DISK, 1);
	ms_proc_start_program(microsegd, MS_TEST_SLOW_DISK, "--plugin-dir", MS_PLUGIN_FOLDER, NULL);
	set_disk("x");
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(has_failed, NULL, 20));
	ck_assert(!is_shut_out(NULL));
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert_int_eq(unlink(DISK), 0);
	ck_assert(ms_netns_wait(is_put_in, NULL, 20));
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(fewer_than_the_threshold_harm_nobody)
{
	policy("{ set: bad, hits: 50, within: 1h }", "");
	start();
	send_flow(PORT, 49);
	ck_assert_int_eq(stat_of("hits"), 49);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert(!is_shut_out(NULL));
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

static const struct {
	const char *to;   /* whom a packet is sent to */
	const char *who;  /* of the two is put in */
	const char *addr; /* which is this one */
} ends[] = {
	{ "fd02::2", "source", "fd02::1" },
	{ "fd02::2", "destination", "fd02::2" },
	{ "10.2.0.2", "destination", "10.2.0.2" },
	{ "10.2.0.2", "source", "10.2.0.1" },
};

/* Who is in is denied whatever comes from him or goes to him, and nobody else. */
START_TEST(each_end_of_either_family_is_put_in)
{
	char text[1024];

	ms_netns_add("b");
	ms_netns_veth("veth-b", "b", "10.2.0.", "fd02::");
	ms_traffic_server("b", 80);
	snprintf(text, sizeof(text),
		 "version: 1\n"
		 "sets: { bad: [] }\n"
		 "rules:\n"
		 "  - { id: from, dir: in, proto: tcp, from: \"set:bad\", action: deny }\n"
		 "  - { id: to, dir: in, proto: tcp, to: \"set:bad\", action: deny }\n"
		 "  - { id: watched, dir: in, proto: udp, dport: 9000, fallback: deny,\n"
		 "      action: [{ quarantine: { set: bad, who: %s } }, allow] }\n",
		 ends[_i].who);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	start();
	ms_ctl_wait_iface(microsegd, "veth-b", "protected");
	ck_assert_int_eq(ms_traffic_reach(NULL, ends[_i].to, 80, MS_SITE_SOON), 0);
	ms_traffic_flow(ends[_i].to, PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, (void *)ends[_i].addr, 10));
	ck_assert_int_eq(ms_traffic_reach(NULL, ends[_i].to, 80, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ck_assert_int_eq(stat_of("put_in"), 1);
	ms_proc_stop(microsegd);
}
END_TEST

static bool has_protected(void *user)
{
	(void)user;
	return stat_of("protected") > 0;
}

START_TEST(a_protected_address_is_never_shut_out)
{
	static const char *const whys[] = {
		"failsafe: { in: [\"tcp:" HERE ":22\"], out: [] }\n",
		"", /* its set is allowed by a rule */
	};

	policy("bad", whys[_i]);
	if (_i == 1)
		ms_proc_write_policy(microsegd, "06-friends.yaml",
				     "version: 1\nsets: { friends: [10.1.0.0/24] }\nrules:\n"
				     "  - { id: friends, dir: in, from: \"set:friends\", "
				     "proto: tcp, action: allow }\n");
	start();
	send_flow(PORT, 20);
	ck_assert(ms_netns_wait(has_protected, NULL, 10));
	ck_assert(!is_shut_out(NULL));
	ck_assert_int_eq(stat_of("put_in"), 0);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	ms_proc_stop(microsegd);
}
END_TEST

static bool was_turned_away(void *user)
{
	(void)user;
	return stat_of("turned_away") > 0;
}

static bool has_reason(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "list", NULL);
	json_t *plugin = ms_ctl_find(lines, "plugins", "name", "quarantine");
	const char *reason = json_string_value(json_object_get(plugin, "reason"));

	return (reason && *reason) == *(const bool *)user;
}

/* One may be in, and is in `other`, where nobody minds. */
static void start_with_one(const char *time)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\nsets: { other: [] }\nrules:\n"
		 "  - { id: other, dir: in, proto: udp, dport: 9001, fallback: deny,\n"
		 "      action: [{ quarantine: { set: other, for: %s } }, allow] }\n",
		 time);
	ms_proc_write_config(microsegd, "plugins: { quarantine: { max: 1 } }\n");
	ms_proc_write_policy(microsegd, "06-other.yaml", text);
	policy("bad", "");
	start();
	send_flow(PORT + 1, 1);
	ck_assert(ms_netns_wait(is_put_in_once, NULL, 10));
}

START_TEST(no_more_than_the_most_are_put_in)
{
	bool expected = true;

	start_with_one("5s");
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(was_turned_away, NULL, 10));
	ck_assert(!is_shut_out(NULL));
	ck_assert_int_eq(stat_of("failed"), 0);
	ck_assert(ms_netns_wait(has_reason, &expected, 10));
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	/* The first one's time is over. */
	expected = false;
	ck_assert(ms_netns_wait(has_reason, &expected, 40));
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	ms_proc_stop(microsegd);
}
END_TEST

/* A restart does not begin to count anew. */
START_TEST(the_next_daemon_goes_on_with_the_number)
{
	start_with_one("1h");
	ms_proc_kill(microsegd);
	start();
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(was_turned_away, NULL, 10));
	ck_assert(!is_shut_out(NULL));
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(it_ends_by_itself)
{
	policy("{ set: bad, for: 1s }", "");
	start();
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	ck_assert_int_eq(stat_of("put_in"), 1);
	ck_assert(ms_netns_wait(is_let_in, NULL, 10));
	ms_proc_stop(microsegd);
}
END_TEST

/* It was taken once: the rest of the policy comes in force with the next daemon. */
START_TEST(a_time_that_is_no_whole_second_is_refused)
{
	char said[2048];

	policy("{ set: bad, for: 1500ms }", "");
	start();
	ck_assert_int_eq(ms_ctl_status(microsegd, said, sizeof(said), "status", "--check", NULL),
			 4);
	ck_assert_msg(strstr(said, "'for' must be whole seconds"), "%s", said);
	ck_assert_int_eq(ms_ctl_status(microsegd, said, sizeof(said), "policy", "apply", NULL), 1);
	ck_assert_msg(strstr(said, "'for' must be whole seconds"), "%s", said);
	ms_proc_stop(microsegd);
}
END_TEST

/* Who, how long, by what: without that nobody finds out why a neighbour is silent. */
START_TEST(who_is_put_in_is_named_with_his_time_and_his_rule)
{
	json_auto_t *lines = NULL;
	json_t *member;

	policy("{ set: bad, for: 1h }", "");
	start();
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	lines = ms_ctl(microsegd, "set", "show", "bad", NULL);
	member = ms_ctl_find(lines, "members", "addr", HERE);
	ck_assert_str_eq(ms_ctl_text(member, "origin"), "plugin quarantine");
	ck_assert_int_gt(json_integer_value(json_object_get(member, "timeout_ms")), 3000000);
	ck_assert_int_le(json_integer_value(json_object_get(member, "timeout_ms")), 3600000);
	member = ms_ctl_find(lines, "members", "addr", "192.0.2.1");
	ck_assert_str_ne(ms_ctl_text(member, "origin"), "plugin quarantine");
	ck_assert(ms_proc_logged(microsegd, HERE " is put into set bad for 3600s by rule watched"));
	/* Whoever changes it has taken it over. */
	ms_ctl_do(microsegd, "set", "add", "bad", HERE, "--for", "2h", NULL);
	json_decref(lines);
	lines = ms_ctl(microsegd, "set", "show", "bad", NULL);
	member = ms_ctl_find(lines, "members", "addr", HERE);
	ck_assert_str_eq(ms_ctl_text(member, "origin"), "runtime");
	ms_proc_stop(microsegd);
}
END_TEST

static bool was_told(void *user)
{
	(void)user;
	return stat_of("told") > 0;
}

/* Cases come in their order: when the second one is in, the first one has been looked at. */
START_TEST(who_is_in_for_longer_is_not_put_in)
{
	policy("other", "");
	ms_proc_write_policy(microsegd, "06-other.yaml", "version: 1\nsets: { other: [] }\n");
	start();
	ms_ctl_do(microsegd, "set", "add", "other", HERE, NULL);
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(was_told, NULL, 10));
	ck_assert(!ms_proc_logged(microsegd, HERE " is put into set other"));
	ms_ctl_do(microsegd, "set", "del", "other", HERE, NULL);
	ck_assert(ms_netns_wait(is_put_in, NULL, 10));
	ck_assert(ms_proc_logged(microsegd, HERE " is put into set other"));
	ck_assert_int_lt(stat_of("put_in"), stat_of("told"));
	ck_assert_int_eq(stat_of("failed"), 0);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(who_came_while_there_was_no_daemon_is_shut_out_by_the_next)
{
	policy("bad", "");
	start();
	ms_proc_kill(microsegd);
	send_flow(PORT, 3);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
	start();
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_GONE), -ETIMEDOUT);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_reload_goes_on_counting)
{
	policy("{ set: bad, hits: 10, within: 1h }", "");
	start();
	send_flow(PORT, 9);
	ms_ctl_do(microsegd, "plugin", "reload", "quarantine", NULL);
	ck_assert(!is_shut_out(NULL));
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	ms_proc_stop(microsegd);
}
END_TEST

/* The plugin is made anew for its other configuration, and once more when the policy is refused. */
START_TEST(a_refused_reload_leaves_it_at_work)
{
	char said[2048];

	policy("{ set: bad }", "");
	start();
	ms_proc_write_config(microsegd, "plugins: { quarantine: { max: 7 } }\n");
	ms_proc_write_policy(microsegd, "06-broken.yaml", "version: 1\nrules: 7\n");
	ck_assert_int_eq(ms_ctl_status(microsegd, said, sizeof(said), "reload", NULL), 1);
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	ms_proc_stop(microsegd);
}
END_TEST

#define OTHERS 200

/* Only asked about: rules that put addresses into sets called PREFIX and a number, and no others.
 */
static void try_others(const char *prefix)
{
	static char text[65536];
	size_t at = (size_t)snprintf(text, sizeof(text), "version: 1\nsets:\n");

	for (unsigned int i = 0; i < OTHERS; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "  %s%u: []\n", prefix, i);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "rules:\n");
	for (unsigned int i = 0; i < OTHERS; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "  - { id: %s%u, dir: in, proto: udp, dport: %u, fallback: "
				       "deny, action: [{ quarantine: %s%u }, allow] }\n",
				       prefix, i, 20000 + i, prefix, i);
	ck_assert_uint_lt(at, sizeof(text));
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	ms_ctl_do(microsegd, "policy", "apply", "--dry-run", NULL);
}

/* However many sets were asked about since: those of the rules in force are known. */
START_TEST(what_is_only_tried_takes_nobodys_place)
{
	policy("bad", "");
	start();
	for (int i = 0; i < 4; i++) {
		char prefix[8];

		snprintf(prefix, sizeof(prefix), "t%d-", i);
		try_others(prefix);
	}
	send_flow(PORT, 1);
	ck_assert(ms_netns_wait(is_shut_out, NULL, 10));
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/quarantine");
	TCase *tcase = tcase_create("quarantine");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, it_is_in_force_before_the_next_hundred_packets);
	tcase_add_test(tcase, nobody_waits_for_the_disk);
	tcase_add_test(tcase, who_cannot_be_saved_is_not_in);
	tcase_add_test(tcase, fewer_than_the_threshold_harm_nobody);
	tcase_add_loop_test(tcase, each_end_of_either_family_is_put_in, 0,
			    (int)ms_array_size(ends));
	tcase_add_loop_test(tcase, a_protected_address_is_never_shut_out, 0, 2);
	tcase_add_test(tcase, no_more_than_the_most_are_put_in);
	tcase_add_test(tcase, the_next_daemon_goes_on_with_the_number);
	tcase_add_test(tcase, it_ends_by_itself);
	tcase_add_test(tcase, a_time_that_is_no_whole_second_is_refused);
	tcase_add_test(tcase, who_is_put_in_is_named_with_his_time_and_his_rule);
	tcase_add_test(tcase, who_is_in_for_longer_is_not_put_in);
	tcase_add_test(tcase, who_came_while_there_was_no_daemon_is_shut_out_by_the_next);
	tcase_add_test(tcase, a_reload_goes_on_counting);
	tcase_add_test(tcase, a_refused_reload_leaves_it_at_work);
	tcase_add_test(tcase, what_is_only_tried_takes_nobodys_place);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
