/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The docker source in a daemon, with a real podman and real connections: a label decides what a
 * container may do. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/podman.h"
#include "tests/harness/readme.h"

#define SOCKET MS_NETNS_DIR "/podman/api.sock"
#define SERVER "10.88.0.10"
#define URL "http://" SERVER "/"
#define CLIENT "--network podman --ip 10.88.0.11 "

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static pid_t engine;

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: front, match: { name: none }, default: { in: allow, out: allow } }\n"
	"  - { name: containers, match: { kind: veth, master: \"" MS_PODMAN_BRIDGE "\" },\n"
	"      default: { in: allow, out: allow } }\n"
	"sets: { blocked: 192.0.2.1, guests: [] }\n"
	"rules:\n"
	"  - { id: no-blocked, dir: out, from: \"set:blocked\", proto: tcp, dport: 80,\n"
	"      action: deny }\n"
	"  - { id: guests, dir: out, from: \"set:guests\", action: allow }\n";

static void start(void)
{
	ms_plugin_folder_make();
	ms_plugin_folder_add("docker");
	ms_plugin_folder_add("ratelimit");
	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	ms_podman_run("server", SERVER, NULL);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_write_config(microsegd, "plugins:\n"
					"  docker: { socket: " SOCKET ", groups: [front],\n"
					"    sets: [blocked, \"o*\"], actions: [ratelimit],\n"
					"    resync: 1s }\n"
					"  ratelimit: {}\n");
	ms_plugin_folder_start(microsegd, NULL);
}

static json_t *source_now(void)
{
	return ms_ctl(microsegd, "source", "show", "docker", NULL);
}

/* Whether the source's trouble has these words. */
static bool is_told(void *words)
{
	json_auto_t *lines = source_now();
	const char *trouble = json_string_value(
		json_object_get(json_object_get(json_array_get(lines, 0), "source"), "trouble"));

	return trouble && strstr(trouble, words);
}

static bool is_in_trouble(void *user)
{
	(void)user;
	return is_told((char *)SOCKET);
}

/* By way of what is in force, not of time. */
static bool is_denied(void *user)
{
	return ms_podman_wget(user, URL) != 0;
}

static bool is_reached(void *user)
{
	return ms_podman_wget(user, URL) == 0;
}

static void expect_denied_by(const char *rule)
{
	json_auto_t *event = ms_ctl_event(microsegd, rule, "deny");

	ck_assert_str_eq(ms_ctl_text(event, "reason"), "rule");
	ck_assert_str_eq(ms_ctl_text(event, "dir"), "out");
}

START_TEST(a_set_of_a_label_is_denied)
{
	start();
	ms_podman_make("run -d", "free",
		       "--network podman --ip 10.88.0.12 "
		       "--label microseg.set=others");
	ms_podman_make("run -d", "caught", CLIENT "--label microseg.set=blocked");
	ck_assert(ms_netns_wait(is_denied, (char *)"caught", 30));
	expect_denied_by("no-blocked");
	ck_assert_int_eq(ms_podman_wget("free", URL), 0);

	/* Without the engine all is as before, and the daemon says so. */
	ms_proc_end(engine);
	ck_assert(ms_netns_wait(is_in_trouble, NULL, 30));
	ck_assert_int_ne(ms_podman_wget("caught", URL), 0);
	ck_assert_int_eq(ms_podman_wget("free", URL), 0);

	/* What changes meanwhile is found when it is back. */
	ms_podman_command("rm -f -t 0 caught");
	ms_podman_make("run -d", "next", CLIENT);
	ck_assert_int_ne(ms_podman_wget("next", URL), 0);
	engine = ms_podman_serve(SOCKET);
	ck_assert(ms_netns_wait(is_reached, (char *)"next", 60));
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}
END_TEST

START_TEST(rules_of_a_label_hold_for_its_container)
{
	char link[32];
	json_auto_t *iface = NULL;

	start();
	ms_podman_make("run -d", "free",
		       "--network podman --ip 10.88.0.12 "
		       "--label microseg.group=front");
	ms_podman_make("run -d", "caught",
		       CLIENT "--label microseg.group=front --label "
			      "'microseg.rules=[{id: no-web, dir: out, proto: tcp, dport: 80, "
			      "action: deny}]'");
	ck_assert(ms_netns_wait(is_denied, (char *)"caught", 30));
	expect_denied_by("container/caught/no-web");
	ck_assert_int_eq(ms_podman_wget("free", URL), 0);
	ms_podman_link("caught", link, sizeof(link));
	iface = ms_ctl_iface(microsegd, link);
	ck_assert_str_eq(ms_ctl_text(iface, "group"), "front");
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}
END_TEST

/* ---- the first packet ---- */

static bool has_link_in_front(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "iface", "list", NULL);

	(void)user;
	return ms_ctl_find(lines, "interfaces", "group", "front") != NULL;
}

static bool has_asked(void *user)
{
	return ms_podman_exec(user, "sh -c 'test -s /asked'") == 0;
}

static const struct {
	const char *rule;
	bool is_denied;
} firsts[] = {
	{ "{id: first, dir: out, proto: tcp, dport: 80, action: deny}", true },
	{ "{id: first, dir: out, proto: tcp, dport: 80, action: allow}", false },
};

/* As the README has it: made, initialized, and started when its link is in its group. It asks once,
 * with its first packet, and would be answered before a label could come too late. */
START_TEST(a_label_is_in_force_before_the_first_packet)
{
	char options[512], status[16];

	start();
	snprintf(options, sizeof(options),
		 CLIENT "--label microseg.group=front --label 'microseg.rules=[%s]' "
			"--entrypoint '[\"sh\", \"-c\", \"timeout 2 wget -qO /dev/null " URL
			"; echo $? >/asked; exec sleep 1000\"]'",
		 firsts[_i].rule);
	ms_podman_make("create", "early", options);
	ms_podman_command("init early");
	ck_assert(ms_netns_wait(has_link_in_front, NULL, 30));
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "container/early/first"), 0);
	ms_podman_command("start early");
	ck_assert(ms_netns_wait(has_asked, (char *)"early", 30));
	ms_podman_read(status, sizeof(status), "exec early cat /asked");
	ck_assert_int_eq(strcmp(status, "0") == 0, !firsts[_i].is_denied);
	ck_assert_int_ge(ms_ctl_rule_packets(microsegd, "container/early/first"), 1);
	if (firsts[_i].is_denied)
		expect_denied_by("container/early/first");
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}
END_TEST

static const struct {
	const char *labels;
	const char *why;
} wrong[] = {
	{ "--label microseg.group=nobodys",
	  "label microseg.group: `groups` in microseg.yaml has no \"nobodys\"" },
	/* The parser's reason, where it is in the label. */
	{ "--label microseg.group=front --label 'microseg.rules=[{dir: out, action: deny}, "
	  "{dir: out, dprot: 80, action: deny}]'",
	  "label microseg.rules: rule 2: 1:39: unknown key 'dprot'" },
};

START_TEST(a_wrong_label_cuts_its_container_off)
{
	char options[256], line[256], told[256];
	json_t *shown;

	start();
	ms_podman_make("run -d", "free",
		       "--network podman --ip 10.88.0.12 "
		       "--label microseg.group=front");
	snprintf(options, sizeof(options), CLIENT "%s", wrong[_i].labels);
	ms_podman_make("run -d", "wrong", options);
	ck_assert(ms_netns_wait(is_denied, (char *)"wrong", 30));
	json_decref(ms_ctl_event(microsegd, "default/docker-refused/out", "deny"));
	ck_assert_int_eq(ms_podman_wget("free", URL), 0);
	snprintf(line, sizeof(line), "container wrong: %s", wrong[_i].why);
	ck_assert(ms_proc_logged(microsegd, line));
	snprintf(told, sizeof(told), "container wrong is cut off: %s", wrong[_i].why);
	ck_assert(ms_netns_wait(is_told, told, 10));
	/* Of its rules the good ones are not in force either, on a set that nobody is in. */
	ck_assert_int_eq(ms_ctl_status(microsegd, line, sizeof(line), "rule", "show",
				       "container/wrong/1", NULL),
			 1);
	ck_assert_int_eq(ms_ctl_status(microsegd, line, sizeof(line), "set", "show",
				       "container/wrong", NULL),
			 1);
	shown = ms_ctl(microsegd, "plugin", "show", "docker", NULL);
	ck_assert_ptr_nonnull(strstr(
		ms_ctl_text(json_object_get(json_array_get(shown, 0), "entry"), "reason"), told));
	json_decref(shown);
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}
END_TEST

/* Is this in what `source show` has as left out? */
static bool is_left_out(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "docker", NULL);
	json_t *left_out = ms_ctl_find(lines, "left_out", "origin", user);
	const char *why = json_string_value(json_object_get(left_out, "why"));

	return why &&
	       strcmp(why, "label microseg.group: `groups` in microseg.yaml has no "
			   "\"nobodys\"; only rules without a group still allow its traffic") == 0;
}

static bool is_left_out_no_more(void *user)
{
	return !is_left_out(user);
}

/* Each of them can be found, with its reason, however many there are. */
START_TEST(all_that_are_cut_off_are_named)
{
	char origin[32], line[64];

	start();
	for (unsigned int i = 1; i <= 6; i++) {
		snprintf(line, sizeof(line), "bad%u", i);
		ms_podman_make("create", line, "--network podman --label microseg.group=nobodys");
	}
	ms_podman_make("create", "good", "--network podman --label microseg.group=front");
	for (unsigned int i = 1; i <= 6; i++) {
		snprintf(origin, sizeof(origin), "container bad%u", i);
		ck_assert_msg(ms_netns_wait(is_left_out, origin, 30), "no %s", origin);
		snprintf(line, sizeof(line), "%s: label microseg.group: ", origin);
		ck_assert_msg(ms_proc_logged(microsegd, line), "no %s", line);
	}
	ck_assert(is_told((char *)"6 containers are cut off (bad"));
	for (unsigned int i = 1; i <= 6; i++) {
		snprintf(line, sizeof(line), "bad%u", i);
		ck_assert(is_told(line));
	}
	ck_assert(!is_left_out((char *)"container good"));
	ms_podman_command("rm -f -t 0 bad3");
	ck_assert(ms_netns_wait(is_told, (char *)"5 containers are cut off (", 30));
	/* The trouble is told at once, the rest with its transaction. */
	ck_assert(ms_netns_wait(is_left_out_no_more, (char *)"container bad3", 30));
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}
END_TEST

/* Whoever may start a container gets no further than the operator's rules let it. */
START_TEST(a_label_gets_nobody_into_a_set_or_an_action_that_is_not_listed)
{
	start();
	ms_podman_make("run -d", "guest", CLIENT "--label microseg.set=guests");
	ms_podman_make("run -d", "marked",
		       "--network podman --ip 10.88.0.12 --label microseg.group=front --label "
		       "'microseg.rules=[{dir: out, action: [{mark: {mark: 1}}, allow]}]'");
	ck_assert(ms_netns_wait(is_denied, (char *)"guest", 30));
	ck_assert(ms_netns_wait(is_denied, (char *)"marked", 30));
	ck_assert(ms_proc_logged(microsegd, "container guest: label microseg.set: `sets` in "
					    "microseg.yaml does not allow guests"));
	ck_assert(ms_proc_logged(microsegd, "container marked: label microseg.rules: `actions` in "
					    "microseg.yaml does not allow mark"));
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}
END_TEST

/* Arguments that only the action's plugin can judge: what they cost, their container pays. */
START_TEST(rules_that_the_daemon_refuses_are_their_containers_alone)
{
	start();
	ms_podman_make("run -d", "evil",
		       "--network podman --ip 10.88.0.12 --label microseg.group=front --label "
		       "'microseg.rules=[{dir: out, action: [{ratelimit: {burst: 5}}, allow]}]'");
	ck_assert(ms_netns_wait(is_denied, (char *)"evil", 30));
	/* Nor does one take the room of all. */
	ms_podman_make("run -d", "greedy",
		       "--network podman --ip 10.88.0.13 --label "
		       "microseg.set=$(seq -s , -f o%g 5000)");
	ck_assert(ms_netns_wait(is_denied, (char *)"greedy", 30));
	ms_podman_make("run -d", "caught", CLIENT "--label microseg.set=blocked");
	ck_assert(ms_netns_wait(is_denied, (char *)"caught", 30));
	expect_denied_by("no-blocked");
	ck_assert_int_ne(ms_podman_wget("evil", URL), 0);
	ck_assert(ms_proc_logged(microsegd,
				 "container evil: label microseg.rules: the daemon refused its "
				 "rules: "));
	ck_assert(ms_proc_logged(microsegd, "container evil: it was cut off "));
	ck_assert(!ms_proc_logged(microsegd, "container evil: its labels were in force"));
	/* No place in what the plugin made of the label. */
	ck_assert(ms_proc_logged(microsegd, "in force stays: docker:container evil: "));
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}
END_TEST

/* ---- by hand ---- */

#define SERVICE MS_NETNS_DIR "/service"

/* Its configuration, its policy and its commands, the one after the other, and what those that show
 * something come to show. The engine is where the README has it. */
START_TEST(the_readme_is_followed)
{
	static const char *const shown[] = {
		NULL,
		NULL,
		NULL,
		NULL,
		"veth[^ ]* +[^ ]+ +front ",
		"container/web/http.*container web",
		"gaps +1 ",
	};
	json_auto_t *lines = NULL, *iface = NULL;
	char text[4096], link[32];

	ms_plugin_folder_make();
	ms_plugin_folder_add("docker");
	ms_podman_setup();
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "50-default.yaml", "version: 1\n");
	ms_plugin_folder_start(microsegd, "");
	ms_readme_yaml(text, sizeof(text), MS_TEST_README, 2);
	ms_proc_write_config(microsegd, text);
	ms_readme_yaml(text, sizeof(text), MS_TEST_README, 3);
	ms_proc_write_policy(microsegd, "40-podman.yaml", text);
	ms_readme_serve(microsegd);
	ms_podman_put_command("docker.io/library/nginx");
	ms_readme_put_command("systemctl",
			      "#!/bin/sh\n"
			      "[ \"$*\" = 'start podman.socket' ] || exit 1\n"
			      "mkdir -p /run/podman\n"
			      "podman system service --time=0 unix:///run/podman/podman.sock "
			      ">" SERVICE ".log 2>&1 &\n"
			      "echo $! >" SERVICE "\n");
	ms_readme_follow(MS_TEST_README, shown, ms_array_size(shown));
	lines = source_now();
	ck_assert(json_is_null(ms_ctl_at(json_array_get(lines, 0), "source.trouble")));
	ms_podman_link("web", link, sizeof(link));
	iface = ms_ctl_iface(microsegd, link);
	ck_assert_str_eq(ms_ctl_text(iface, "group"), "front");
	ms_proc_stop(microsegd);
	ms_netns_run_command("kill $(cat " SERVICE ")");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/docker_daemon");
	TCase *tcase = tcase_create("docker_daemon"), *by_hand = tcase_create("by_hand");

	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_set_timeout(tcase, 240);
	tcase_add_test(tcase, a_set_of_a_label_is_denied);
	tcase_add_test(tcase, rules_of_a_label_hold_for_its_container);
	tcase_add_loop_test(tcase, a_label_is_in_force_before_the_first_packet, 0, 2);
	tcase_add_loop_test(tcase, a_wrong_label_cuts_its_container_off, 0, 2);
	tcase_add_test(tcase, all_that_are_cut_off_are_named);
	tcase_add_test(tcase, a_label_gets_nobody_into_a_set_or_an_action_that_is_not_listed);
	tcase_add_test(tcase, rules_that_the_daemon_refuses_are_their_containers_alone);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(by_hand, ms_netns_setup, NULL);
	tcase_set_timeout(by_hand, 240);
	tcase_add_test(by_hand, the_readme_is_followed);
	suite_add_tcase(suite, by_hand);
	return ms_podman_run_suite(suite);
}
