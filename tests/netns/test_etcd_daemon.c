/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon that follows a real etcd: what is put there denies packets here, whatever fails. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"
#include "tests/netns/etcd_server.h"

#define BASE "/microseg/v1/policy/base"
#define OWN "/microseg/v1/hosts/web1/policy/own"
#define GUARDED "10.1.0.2"
#define URL "http://127.0.1."
#define SOON 3000
#define GONE 400

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

/* `more` items of the source. */
static void start_with(unsigned members, const char *more)
{
	char config[256];

	ms_plugin_folder_setup(microsegd, policy);
	ms_plugin_folder_add("etcd");
	ms_etcd_server_init(members, 0);
	ms_etcd_server_start_all();
	snprintf(config, sizeof(config),
		 "plugins:\n  etcd: { endpoints: [\"" URL "1:2379\", \"" URL "2:2379\", \"" URL
		 "3:2379\"], hostname: web1%s }\n",
		 more);
	ms_plugin_folder_start(microsegd, config);
}

static void setup_one(void)
{
	start_with(1, "");
}

static void setup_three(void)
{
	start_with(3, ", check: 1s");
}

static void put(const char *key, const char *id, unsigned port, const char *action)
{
	ms_etcd_server_ctl(0,
			   "put %s 'version: 1\nrules:\n  - { id: %s, group: work, dir: in, "
			   "proto: tcp, dport: %u, action: %s, log: true }\n'",
			   key, id, port, action);
}

struct expectation {
	const char *path;
	const char *text;  /* NULL = null */
	json_int_t number; /* where there is no path to a text */
};

static bool is_shown(void *user)
{
	const struct expectation *expected = user;
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "etcd", NULL);
	json_t *value = ms_ctl_at(json_array_get(lines, 0), expected->path);

	if (json_is_integer(value))
		return json_integer_value(value) == expected->number;
	return expected->text ? json_is_string(value) &&
					strstr(json_string_value(value), expected->text) != NULL
			      : json_is_null(value);
}

static void expect(const char *path, const char *wanted, json_int_t number)
{
	struct expectation expected = { .path = path, .text = wanted, .number = number };
	json_auto_t *lines = NULL;
	char *shown;

	if (ms_netns_wait(is_shown, &expected, 30))
		return;
	lines = ms_ctl(microsegd, "source", "show", "etcd", NULL);
	shown = json_dumps(lines, JSON_COMPACT);
	ck_abort_msg("%s is not %s or %lld: %s", path, wanted ? wanted : "null", (long long)number,
		     shown);
}

static void expect_open(uint16_t port)
{
	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, port, SOON), 0);
}

static void expect_denied(uint16_t port, const char *rule)
{
	json_auto_t *event = NULL;
	json_int_t before = ms_ctl_rule_packets(microsegd, rule);

	ck_assert_int_eq(ms_traffic_reach(NULL, GUARDED, port, GONE), -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(microsegd, rule), before);
	event = ms_ctl_event(microsegd, rule, "deny");
	ck_assert_str_eq(ms_ctl_text(event, "reason"), "rule");
	ck_assert_str_eq(ms_ctl_text(event, "origin"), "etcd:" BASE ":3");
}

START_TEST(what_is_put_denies_and_what_is_deleted_does_not)
{
	expect_open(81);
	put(BASE, "fleet/shut", 81, "deny");
	expect("source.rules", NULL, 1);
	expect_denied(81, "fleet/shut");
	expect_open(80);
	/* This host's comes first. */
	put(OWN, "own/open", 81, "allow");
	expect("source.rules", NULL, 2);
	expect_open(81);
	ms_etcd_server_ctl(0, "del " OWN);
	expect("source.rules", NULL, 1);
	expect_denied(81, "fleet/shut");
	ms_etcd_server_ctl(0, "del " BASE);
	expect("source.rules", NULL, 0);
	expect_open(81);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_does_not_parse_changes_nothing)
{
	put(BASE, "fleet/shut", 81, "deny");
	expect("source.rules", NULL, 1);
	ms_etcd_server_ctl(0, "put " BASE " 'version: 1\nrules:\n  - { id: x, action: drop }\n'");
	expect("source.error", BASE ":3:", 0);
	expect_denied(81, "fleet/shut");
	put(BASE, "fleet/other", 80, "deny");
	expect("source.error", NULL, 0);
	expect_denied(80, "fleet/other");
	expect_open(81);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(without_etcd_all_stays_and_with_it_all_comes)
{
	put(BASE, "fleet/shut", 81, "deny");
	expect("source.rules", NULL, 1);
	ms_etcd_server_kill_all();
	expect("source.trouble", URL, 0);
	expect_denied(81, "fleet/shut");
	expect_open(80);
	/* A daemon that starts now never heard of it from etcd. */
	ms_proc_kill(microsegd);
	ms_plugin_folder_start(microsegd, NULL);
	expect("source.trouble", URL, 0);
	expect_denied(81, "fleet/shut");
	ms_etcd_server_start_all();
	put(OWN, "own/open", 81, "allow");
	expect("source.rules", NULL, 2);
	expect_open(81);
	expect("source.trouble", NULL, 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* -1 = there is none. */
static json_int_t shown_age_ms(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "etcd", NULL);
	json_t *age = ms_ctl_at(json_array_get(lines, 0), "source.age_ms");

	return json_is_integer(age) ? json_integer_value(age) : -1;
}

static bool is_old(void *user)
{
	return shown_age_ms() >= *(json_int_t *)user;
}

static json_int_t now_ms(void)
{
	return (json_int_t)(ms_netns_now_ns() / 1000000);
}

/* Between what has passed since `after` and since `before`; what is on disk has whole seconds. */
static void expect_age(json_int_t before, json_int_t after, json_int_t inexact)
{
	json_int_t least = now_ms() - after, age = shown_age_ms(), most = now_ms() - before;

	ck_assert_int_ge(age, least - inexact);
	ck_assert_int_le(age, most + inexact);
}

START_TEST(what_is_in_force_has_its_age)
{
	json_int_t old = 2500, before, after;

	ck_assert_int_eq(shown_age_ms(), -1);
	before = now_ms();
	put(BASE, "fleet/shut", 81, "deny");
	expect("source.rules", NULL, 1);
	after = now_ms();
	expect_age(before, after, 0);
	/* It grows as long as nothing else is said, with etcd or without it, and over a restart. */
	ms_etcd_server_kill_all();
	ck_assert(ms_netns_wait(is_old, &old, 20));
	expect_age(before, after, 0);
	ms_proc_kill(microsegd);
	ms_plugin_folder_start(microsegd, NULL);
	expect_age(before, after, 1000);
	ms_etcd_server_start_all();
	before = now_ms();
	put(OWN, "own/open", 81, "allow");
	expect("source.rules", NULL, 2);
	expect_age(before, now_ms(), 0);
	ms_proc_stop(microsegd);
}
END_TEST

/* Nothing tells: the members live, no connection breaks, and none is refused. */
START_TEST(a_broken_network_changes_nothing_and_is_caught_up_with)
{
	json_int_t before = now_ms(), after, cut;

	put(BASE, "fleet/shut", 81, "deny");
	expect("source.rules", NULL, 1);
	after = now_ms();
	expect("source.trouble", NULL, 0);
	ms_etcd_server_cut();
	cut = now_ms();
	put(OWN, "own/open", 81, "allow");
	expect("source.trouble", URL, 0);
	/* An answer may take its time, and so may each member's connection. */
	ck_assert_int_ge(now_ms() - cut, 10000);
	expect_denied(81, "fleet/shut");
	expect_open(80);
	expect("source.rules", NULL, 1);
	expect_age(before, after, 0);
	ms_etcd_server_mend();
	before = now_ms();
	expect("source.rules", NULL, 2);
	expect_age(before, now_ms(), 0);
	expect_open(81);
	expect("source.trouble", NULL, 0);
	ms_proc_stop(microsegd);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("etcd daemon");
	TCase *one = tcase_create("one member"), *three = tcase_create("three members");

	tcase_add_checked_fixture(one, setup_one, NULL);
	tcase_set_timeout(one, 200);
	tcase_add_test(one, what_is_put_denies_and_what_is_deleted_does_not);
	tcase_add_test(one, what_does_not_parse_changes_nothing);
	suite_add_tcase(suite, one);
	tcase_add_checked_fixture(three, setup_three, NULL);
	tcase_set_timeout(three, 200);
	tcase_add_test(three, without_etcd_all_stays_and_with_it_all_comes);
	tcase_add_test(three, what_is_in_force_has_its_age);
	tcase_add_test(three, a_broken_network_changes_nothing_and_is_caught_up_with);
	suite_add_tcase(suite, three);
	return suite;
}

int main(void)
{
	return ms_netns_run(make_suite());
}
