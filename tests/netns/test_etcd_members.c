/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin against a real etcd, with the stand-in host: what comes, and what stays when it fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microseg/trial.h>

#include "tests/harness/netns.h"
#include "tests/harness/readme.h"
#include "tests/netns/etcd_server.h"

#define FLEET "/microseg/v1/policy/"
#define OWN "/microseg/v1/hosts/web1/policy/"
#define PATIENCE_NS 60000000000ULL
#define CHECK_NS 30000000000ULL
#define ITEMS_MAX 12

static struct ms_plugin_host_state host;
static struct ms_plugin_error error;
static struct ms_plugin_builder builder;
static void *self;
static struct ms_trial_value items[ITEMS_MAX];
static size_t item_count;
static uint64_t turned_ns; /* when the host last turned */
static unsigned haste = 1; /* how much faster time passes for the plugin */

static void set_string(const char *name, const char *string)
{
	items[item_count++] = (struct ms_trial_value) { .name = name, .string = string };
}

static void start(unsigned endpoints)
{
	struct ms_plugin_values values = { items, 0 };

	for (unsigned i = 0; i < endpoints; i++)
		set_string("endpoints", ms_etcd_server_url(i));
	set_string("hostname", "web1");
	items[item_count++] = (struct ms_trial_value) { .name = "check", .number = CHECK_NS };
	items[item_count++] = (struct ms_trial_value) { .name = "max_bytes", .number = 1 << 26 };
	values.count = item_count;
	ck_assert_msg(ms_plugin_descriptor.create(&host.table, &values, &self, &error) == 0, "%s",
		      error.sentence);
	ck_assert_int_eq(ms_plugin_descriptor.start(self, &error), 0);
	turned_ns = ms_netns_now_ns();
}

static void setup(void)
{
	ms_netns_setup();
	ms_trial_init(&host);
}

static void teardown(void)
{
	if (!self)
		return;
	ms_plugin_descriptor.stop(self);
	ms_plugin_descriptor.destroy(self);
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++)
		ck_assert_msg(!host.watches[i].used, "watch %zu is left", i);
}

static void turn(void)
{
	uint64_t now_ns = ms_netns_now_ns();

	ms_trial_pass(&host, (now_ns - turned_ns) * haste);
	turned_ns = now_ns;
	ms_trial_poll(&host, 5);
	/* Only what is new is of interest. */
	if (strlen(host.log) > MS_TRIAL_TEXT / 2)
		host.log[0] = '\0';
}

#define UNTIL(is)                                                                                  \
	do {                                                                                       \
		uint64_t since_ns = turned_ns = ms_netns_now_ns();                                 \
                                                                                                   \
		while (!(is)) {                                                                    \
			turn();                                                                    \
			ck_assert_msg(ms_netns_now_ns() - since_ns < PATIENCE_NS,                  \
				      "never: %s; trouble: %s; log: %s", #is, host.trouble,        \
				      host.log);                                                   \
		}                                                                                  \
	} while (0)

/* What a snapshot says now, or its failure. */
static const char *said(void)
{
	builder.text[0] = '\0';
	error.sentence[0] = '\0';
	return ms_plugin_descriptor.source->snapshot(self, &builder, &error) == 0 ? builder.text
										  : error.sentence;
}

static uint64_t stat_of(const char *name)
{
	struct ms_plugin_emit to = { .text = "" };
	char line[64];
	const char *at;

	ms_plugin_descriptor.stats(self, &to);
	snprintf(line, sizeof(line), "%s ", name);
	at = strstr(to.text, line);
	ck_assert_msg(at != NULL, "no %s in %s", name, to.text);
	return strtoull(at + strlen(line), NULL, 10);
}

#define SAYS(text) UNTIL(strcmp(said(), text) == 0)
#define BASE(text) "document " FLEET "base " text "\n"

/* One member that has the document `one`, which the plugin has and whose watch stands. */
static void follow_one(void)
{
	ms_etcd_server_init(1, 0);
	ms_etcd_server_start_all();
	ms_etcd_server_ctl(0, "put " FLEET "base one");
	start(1);
	SAYS(BASE("one"));
	UNTIL(stat_of("checks") == 1);
}

START_TEST(changes_arrive)
{
	follow_one();
	ck_assert_uint_eq(host.changes, 1);
	ck_assert_str_eq(host.trouble, "");
	ms_etcd_server_ctl(0, "put " OWN "own mine");
	SAYS("document " OWN "own mine\n" BASE("one"));
	ms_etcd_server_ctl(0, "put " FLEET "base two");
	SAYS("document " OWN "own mine\n" BASE("two"));
	ms_etcd_server_ctl(0, "del " OWN "own");
	SAYS(BASE("two"));
	ms_etcd_server_ctl(0, "del " FLEET "base");
	SAYS("");
	ck_assert_uint_eq(host.changes, 5);
	/* Of all this the watch told: no check was due. */
	ck_assert_uint_eq(stat_of("checks"), 1);
	ck_assert_uint_eq(stat_of("failures"), 0);
}
END_TEST

START_TEST(others_documents_are_not_ours)
{
	follow_one();
	ms_etcd_server_ctl(0, "put /microseg/v1/hosts/web2/policy/own theirs");
	ms_etcd_server_ctl(0, "put /microseg/v1/hosts/web10/policy/own theirs");
	ms_etcd_server_ctl(0, "put " FLEET "base two");
	SAYS(BASE("two"));
	ck_assert_uint_eq(host.changes, 2);
	ck_assert_uint_eq(stat_of("reads"), 2);
}
END_TEST

/* Both documents say the same number in every revision, so in every transaction. */
START_TEST(revisions_are_whole)
{
	unsigned own, base, seen = 0;

	ms_etcd_server_init(1, 0);
	ms_etcd_server_start_all();
	ms_netns_run_command("cat >" MS_NETNS_DIR "/txns <<'X'\n"
			     "i=0\nwhile [ $i -lt 100 ]; do i=$((i + 1))\n"
			     "printf '\\nput " OWN "own %%s\\nput " FLEET
			     "base %%s\\n\\n\\n' $i $i |"
			     " ETCDCTL_API=3 etcdctl --endpoints %s txn >/dev/null\ndone\nX",
			     ms_etcd_server_url(0));
	/* Who holds the output is waited for. */
	ms_netns_run_command("sh " MS_NETNS_DIR "/txns >/dev/null 2>&1 &");
	start(1);
	do {
		unsigned before = host.changes;

		UNTIL(host.changes > before);
		ck_assert_str_ne(said(), "");
		ck_assert_msg(sscanf(builder.text,
				     "document " OWN "own %u document " FLEET "base %u", &own,
				     &base) == 2,
			      "%s", builder.text);
		ck_assert_uint_eq(own, base);
		ck_assert_uint_gt(own, seen);
		seen = own;
	} while (own < 100);
}
END_TEST

static void follow_three(void)
{
	ms_etcd_server_init(3, 0);
	ms_etcd_server_start_all();
	ms_etcd_server_ctl(0, "put " FLEET "base one");
	start(3);
	SAYS(BASE("one"));
	UNTIL(stat_of("checks") == 1);
}

START_TEST(a_restart_is_caught_up_with)
{
	const char *line;
	uint64_t before;

	follow_three();
	ms_etcd_server_kill_all();
	UNTIL(host.trouble[0]);
	ck_assert_msg(strstr(host.trouble, "http://127.0.1.") == host.trouble, "%s", host.trouble);
	ck_assert_str_eq(said(), BASE("one"));
	ck_assert_uint_eq(host.changes, 1);
	/* A line of a member for the reason, not for each try. */
	host.log[0] = '\0';
	before = stat_of("failures");
	UNTIL(stat_of("failures") >= before + 6);
	line = strstr(host.log, "http://127.0.1.1:2379: ");
	ck_assert_msg(!line || !strstr(line + 1, "http://127.0.1.1:2379: "), "%s", host.log);
	ms_etcd_server_start_all();
	ms_etcd_server_ctl(0, "put " FLEET "base two");
	SAYS(BASE("two"));
	UNTIL(!host.trouble[0]);
}
END_TEST

/* What happened meanwhile is no longer kept: it is read anew, and the watch goes on from there. */
START_TEST(compaction_is_caught_up_with)
{
	follow_three();
	ms_etcd_server_cut();
	haste = 10;
	UNTIL(host.trouble[0]);
	haste = 1;
	ms_etcd_server_ctl(0, "put " FLEET "base two");
	ms_etcd_server_ctl(0, "put /else 1");
	ms_etcd_server_ctl(0, "put " FLEET "base three");
	ms_etcd_server_ctl(0, "compact 5");
	ck_assert_str_eq(said(), BASE("one"));
	ms_etcd_server_mend();
	SAYS(BASE("three"));
	UNTIL(!host.trouble[0]);
	ms_etcd_server_ctl(0, "put " FLEET "base four");
	SAYS(BASE("four"));
}
END_TEST

START_TEST(one_member_of_three_is_lost)
{
	follow_three();
	ms_etcd_server_kill(0);
	ms_etcd_server_await(1);
	ms_etcd_server_ctl(1, "put " FLEET "base two");
	SAYS(BASE("two"));
	UNTIL(stat_of("checks") >= 2);
	/* As long as another one serves, nothing is amiss. */
	ck_assert_ptr_null(strstr(host.log, "out of reach"));
}
END_TEST

START_TEST(two_members_of_three_are_lost)
{
	follow_three();
	ms_etcd_server_kill(1);
	ms_etcd_server_kill(2);
	/* The one that is left says so by itself, long before a check. */
	UNTIL(strstr(host.log, "no leader"));
	haste = 5;
	UNTIL(host.trouble[0]);
	ck_assert_str_eq(said(), BASE("one"));
	ms_etcd_server_start(1);
	ms_etcd_server_await(0);
	ms_etcd_server_ctl(0, "put " FLEET "base two");
	SAYS(BASE("two"));
	UNTIL(!host.trouble[0]);
	ck_assert_uint_eq(host.changes, 2);
}
END_TEST

/* A network that swallows everything breaks no connection: the check finds out. */
START_TEST(a_silent_member_is_left)
{
	follow_three();
	ms_etcd_server_hold(0);
	ms_etcd_server_await(1);
	ms_etcd_server_ctl(1, "put " FLEET "base two");
	haste = 5;
	SAYS(BASE("two"));
	ms_etcd_server_release(0);
}
END_TEST

START_TEST(all_members_are_silent)
{
	follow_three();
	for (unsigned i = 0; i < MS_ETCD_SERVER_MEMBERS; i++)
		ms_etcd_server_hold(i);
	haste = 10;
	UNTIL(host.trouble[0]);
	ck_assert_str_eq(said(), BASE("one"));
	for (unsigned i = 0; i < MS_ETCD_SERVER_MEMBERS; i++)
		ms_etcd_server_release(i);
	haste = 1;
	ms_etcd_server_await(0);
	UNTIL(!host.trouble[0]);
	ck_assert_uint_eq(host.changes, 1);
}
END_TEST

/* ---- what must not come in force ---- */

static int refuse_bad(struct ms_plugin_builder *to, const char *origin, const char *text,
		      size_t size, struct ms_plugin_error *why)
{
	if (memmem(text, size, "bad", 3)) {
		ms_trial_error_set(why, "%s:1:2: bad", origin);
		return -EINVAL;
	}
	return ms_trial_add_document(to, origin, text, size, why);
}

START_TEST(a_bad_document_refuses_the_revision)
{
	follow_one();
	host.table.add_document = refuse_bad;
	ms_netns_run_command("printf '\\nput " OWN "own fine\\nput " FLEET "base bad\\n\\n\\n' |"
			     " ETCDCTL_API=3 etcdctl --endpoints %s txn >/dev/null",
			     ms_etcd_server_url(0));
	UNTIL(host.changes == 2);
	ck_assert_str_eq(said(), FLEET "base:1:2: bad");
	/* Whatever is over, what the host has to say of the documents is not. */
	ms_etcd_server_kill(0);
	UNTIL(host.trouble[0]);
	ms_etcd_server_start(0);
	ms_etcd_server_await(0);
	UNTIL(!host.trouble[0]);
	ck_assert_uint_eq(host.changes, 3);
	ck_assert_str_eq(said(), FLEET "base:1:2: bad");
	ms_etcd_server_ctl(0, "put " FLEET "base good");
	SAYS("document " OWN "own fine\n" BASE("good"));
}
END_TEST

START_TEST(an_unfit_key_refuses_the_revision)
{
	follow_one();
	ms_etcd_server_ctl(0, "put " FLEET "a/b x");
	UNTIL(host.trouble[0]);
	ck_assert_ptr_eq(strstr(host.trouble, FLEET "a/b: "), host.trouble);
	ms_etcd_server_ctl(0, "put " FLEET "base two");
	UNTIL(stat_of("reads") == 3);
	ck_assert_str_eq(said(), BASE("one"));
	ms_etcd_server_ctl(0, "del " FLEET "a/b");
	SAYS(BASE("two"));
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

START_TEST(nothing_is_no_policy_before_it_was_one)
{
	ms_etcd_server_init(1, 0);
	ms_etcd_server_start_all();
	start(1);
	ck_assert_str_eq(said(), "etcd has not answered yet");
	UNTIL(host.trouble[0]);
	ck_assert_ptr_eq(strstr(host.trouble, "etcd has no document for web1"), host.trouble);
	ck_assert_str_eq(said(), host.trouble);
	ck_assert_uint_eq(host.changes, 0);
	ms_etcd_server_ctl(0, "put " FLEET "base one");
	SAYS(BASE("one"));
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

START_TEST(a_store_that_lost_all_ends_nothing)
{
	follow_one();
	ms_etcd_server_wipe(0);
	ms_etcd_server_start(0);
	ms_etcd_server_await(0);
	haste = 10;
	UNTIL(strstr(host.trouble, "etcd has no document for web1"));
	ck_assert_str_eq(said(), BASE("one"));
	ck_assert_uint_eq(host.changes, 1);
	ms_etcd_server_ctl(0, "put " FLEET "base new");
	SAYS(BASE("new"));
	UNTIL(!host.trouble[0]);
}
END_TEST

/* ---- who may ---- */

static void put_password(const char *password)
{
	ms_netns_run_command("echo %s >" MS_NETNS_DIR "/password", password);
}

/* One member that knows users, the plugin with a wrong password. */
static void serve_users(int tls)
{
	ms_etcd_server_init(1, tls);
	ms_etcd_server_start_all();
	ms_etcd_server_ctl(0, "put " FLEET "base one");
	ms_etcd_server_ctl(0, "user add root:rp");
	ms_etcd_server_ctl(0, "user grant-role root root");
	ms_etcd_server_ctl(0, "user add web1:hp");
	ms_etcd_server_ctl(0, "role add web1");
	ms_etcd_server_ctl(0, "role grant-permission --prefix web1 read " FLEET);
	ms_etcd_server_ctl(0, "user grant-role web1 web1");
	ms_etcd_server_ctl(0, "auth enable");
	put_password("wrong");
	set_string("user", "web1");
	set_string("password_file", MS_NETNS_DIR "/password");
}

/* A server that starts has forgotten its tokens. */
static void expect_tokens_anew(void)
{
	ms_etcd_server_kill(0);
	UNTIL(host.trouble[0]);
	ms_etcd_server_start(0);
	UNTIL(!host.trouble[0]);
	ms_etcd_server_ctl(0, "--user root:rp put " FLEET "base two");
	SAYS(BASE("two"));
}

START_TEST(users_have_tokens)
{
	serve_users(0);
	start(1);
	UNTIL(strstr(host.trouble, "authentication failed, invalid user ID or password"));
	put_password("hp");
	UNTIL(strstr(host.trouble, "permission denied"));
	ms_etcd_server_ctl(0, "--user root:rp role grant-permission --prefix web1 read " OWN);
	SAYS(BASE("one"));
	UNTIL(!host.trouble[0]);
	expect_tokens_anew();
}
END_TEST

#define TLS(name) MS_NETNS_DIR "/tls/" name

static void show_certificate(const char *certificate, const char *key)
{
	set_string("ca_file", TLS("ca.pem"));
	set_string("cert_file", certificate);
	set_string("key_file", key);
}

START_TEST(certificates_of_both_sides)
{
	ms_etcd_server_init(1, 1);
	ms_etcd_server_start_all();
	ms_etcd_server_ctl(0, "put " FLEET "base one");
	show_certificate(TLS("client.pem"), TLS("client.key"));
	start(1);
	SAYS(BASE("one"));
	ms_etcd_server_ctl(0, "put " FLEET "base two");
	SAYS(BASE("two"));
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

/* Another authority's server, or no certificate for one that wants it. */
START_TEST(a_wrong_certificate_is_refused)
{
	ms_etcd_server_init(1, 1);
	ms_etcd_server_start_all();
	ms_etcd_server_ctl(0, "put " FLEET "base one");
	set_string("ca_file", _i ? TLS("ca.pem") : TLS("other.pem"));
	start(1);
	UNTIL(host.trouble[0]);
	ck_assert_msg(strstr(host.trouble, _i ? "alert" : "certificate"), "%s", host.trouble);
	ck_assert_uint_eq(host.changes, 0);
}
END_TEST

/* The certificate opens the connection, the password names the user. */
START_TEST(users_have_tokens_behind_certificates)
{
	serve_users(1);
	ms_etcd_server_ctl(0, "--user root:rp role grant-permission --prefix web1 read " OWN);
	show_certificate(TLS("fleet.pem"), TLS("fleet.key"));
	start(1);
	UNTIL(strstr(host.trouble, "authentication failed, invalid user ID or password"));
	ck_assert_uint_eq(host.changes, 0);
	put_password("hp");
	SAYS(BASE("one"));
	UNTIL(!host.trouble[0]);
	expect_tokens_anew();
}
END_TEST

/* As the README says: etcd's gateway has no place for a name that a certificate gives. */
START_TEST(a_certificate_with_a_name_is_no_user)
{
	serve_users(1);
	put_password("hp");
	show_certificate(TLS("client.pem"), TLS("client.key"));
	start(1);
	UNTIL(host.trouble[0]);
	ck_assert_msg(strstr(host.trouble, "400") != NULL, "%s", host.trouble);
	ck_assert_uint_eq(host.changes, 0);
}
END_TEST

/* ---- by hand ---- */

/* The commands of the README, the one after the other, and what is there after the last ones. */
START_TEST(the_readme_is_followed)
{
	static const char *const arrives[] = {
		NULL, NULL, "fleet/telnet", NULL, "web1/telnet", NULL
	};
	char lines[4096], *line, *rest = lines;
	size_t i = 0;

	ms_etcd_server_init(1, 0);
	ms_etcd_server_start_all();
	start(1);
	ms_readme_commands(lines, sizeof(lines), MS_TEST_README);
	for (; (line = strsep(&rest, "\n")); i++) {
		ck_assert_uint_lt(i, sizeof(arrives) / sizeof(arrives[0]));
		ms_netns_run_command("cd " MS_NETNS_DIR " && export PATH=" MS_TEST_BIN_DIR
				     ":$PATH ETCDCTL_API=3 ETCDCTL_ENDPOINTS=%s; %s",
				     ms_etcd_server_url(0), line);
		if (arrives[i])
			UNTIL(strstr(said(), arrives[i]));
	}
	ck_assert_uint_eq(i, sizeof(arrives) / sizeof(arrives[0]));
	UNTIL(!strstr(said(), "web1/telnet"));
	ck_assert_ptr_nonnull(strstr(said(), "fleet/telnet"));
	ck_assert_ptr_nonnull(strstr(said(), "document " FLEET "base version: 1\n"));
}
END_TEST

static Suite *make_suite(void)
{
	const struct {
		const char *name;
		const TTest *test;
		int times;
	} tests[] = {
		{ "changes", changes_arrive, 1 },
		{ "others", others_documents_are_not_ours, 1 },
		{ "whole", revisions_are_whole, 1 },
		{ "restart", a_restart_is_caught_up_with, 1 },
		{ "compaction", compaction_is_caught_up_with, 1 },
		{ "one of three", one_member_of_three_is_lost, 1 },
		{ "two of three", two_members_of_three_are_lost, 1 },
		{ "silent", a_silent_member_is_left, 1 },
		{ "all silent", all_members_are_silent, 1 },
		{ "bad document", a_bad_document_refuses_the_revision, 1 },
		{ "unfit key", an_unfit_key_refuses_the_revision, 1 },
		{ "nothing", nothing_is_no_policy_before_it_was_one, 1 },
		{ "lost", a_store_that_lost_all_ends_nothing, 1 },
		{ "users", users_have_tokens, 1 },
		{ "certificates", certificates_of_both_sides, 1 },
		{ "wrong certificate", a_wrong_certificate_is_refused, 2 },
		{ "users with certificates", users_have_tokens_behind_certificates, 1 },
		{ "named certificate", a_certificate_with_a_name_is_no_user, 1 },
		{ "readme", the_readme_is_followed, 1 },
	};
	Suite *suite = suite_create("etcd members");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		TCase *one = tcase_create(tests[i].name);

		tcase_add_checked_fixture(one, setup, teardown);
		tcase_set_timeout(one, 300);
		tcase_add_loop_test(one, tests[i].test, 0, tests[i].times);
		suite_add_tcase(suite, one);
	}
	return suite;
}

int main(void)
{
	return ms_netns_run(make_suite());
}
