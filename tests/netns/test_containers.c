/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real containers: two on podman's bridge, one of them published through an uplink, a third party
 * behind it. Every connection is wget's.
 */
#include <string.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/podman.h"

#define A "10.88.0.10"
#define B "10.88.0.11"
#define A_URL "http://" A "/"
#define B_URL "http://" B "/"
#define PUBLISHED "http://192.0.2.1:8080/"

static void make_uplink(void)
{
	ms_netns_add("third");
	ms_netns_veth("eth0", "third", "192.0.2.", NULL);
}

static void make_containers(void)
{
	ms_podman_run("a", A, NULL);
	ms_podman_run("b", B, "8080:80");
}

static int third_party_wget(void)
{
	return ms_netns_try_command("ip netns exec third timeout 2 busybox wget -qO /dev/null %s",
				    PUBLISHED);
}

START_TEST(without_a_firewall_everything_is_reached)
{
	char link_a[32], link_b[32];

	ms_podman_setup();
	make_uplink();
	make_containers();
	ck_assert_int_eq(ms_podman_wget("a", B_URL), 0);
	ck_assert_int_eq(ms_podman_wget("b", A_URL), 0);
	ck_assert_int_eq(third_party_wget(), 0);
	ck_assert_int_ne(ms_podman_wget("a", "http://" B ":81/"), 0);
	ms_podman_link("a", link_a, sizeof(link_a));
	ms_podman_link("b", link_b, sizeof(link_b));
	ck_assert_str_ne(link_a, link_b);
	ck_assert_int_eq(strncmp(link_a, "veth", 4), 0);
}
END_TEST

/* ---- with the daemon ---- */

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: containers, match: { kind: veth, master: \"" MS_PODMAN_BRIDGE "\" },\n"
	"      default: { in: deny, out: deny } }\n"
	"  - { name: uplink, match: { name: eth0 }, side: host, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: a-to-b, group: containers, from: " A ", to: " B ", proto: tcp, dport: 80,\n"
	"      action: allow }\n"
	"  - { id: published, group: containers, dir: in, from: 192.0.2.0/24, to: " B ",\n"
	"      proto: tcp, dport: 80, action: allow }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char link_a[32], link_b[32];

static void start_daemon(void)
{
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start(microsegd, NULL);
}

static void expect_event(const char *rule, const char *iface, const char *dir, const char *reason)
{
	json_auto_t *event = ms_ctl_event(microsegd, rule, "deny");

	ck_assert_str_eq(ms_ctl_text(event, "iface"), iface);
	ck_assert_str_eq(ms_ctl_text(event, "dir"), dir);
	ck_assert_str_eq(ms_ctl_text(event, "reason"), reason);
}

/* One deny more, on one side of one way: the page does not come, and the event says where. */
static void expect_deny_alone(const char *group, const char *dir, const char *from,
			      const char *dport, const char *iface, int (*fetch)(void))
{
	char rule[MS_CTL_ID];

	ck_assert_int_eq(fetch(), 0);
	ms_ctl_rule_add(microsegd, rule, "--group", group, "--dir", dir, "--from", from, "--proto",
			"tcp", "--dport", dport, "--priority", "1", "deny", NULL);
	ck_assert_int_ne(fetch(), 0);
	expect_event(rule, iface, dir, "rule");
	ms_ctl_rule_del(microsegd, rule);
	ck_assert_int_eq(fetch(), 0);
}

/* The same port number on the side where it is not seen: nothing is denied. */
static void expect_deny_without_effect(const char *group, const char *dir, const char *from,
				       const char *dport, int (*fetch)(void))
{
	char rule[MS_CTL_ID];

	ms_ctl_rule_add(microsegd, rule, "--group", group, "--dir", dir, "--from", from, "--proto",
			"tcp", "--dport", dport, "--priority", "1", "deny", NULL);
	ck_assert_int_eq(fetch(), 0);
	ms_ctl_rule_del(microsegd, rule);
}

static int a_fetches_b(void)
{
	return ms_podman_wget("a", B_URL);
}

START_TEST(containers_are_separated_but_for_what_is_allowed)
{
	bool daemon_first = _i == 0;

	ms_podman_setup();
	make_uplink();
	if (daemon_first)
		start_daemon();
	make_containers();
	if (!daemon_first)
		start_daemon();
	ms_podman_link("a", link_a, sizeof(link_a));
	ms_podman_link("b", link_b, sizeof(link_b));
	ms_ctl_wait_iface(microsegd, link_a, "protected");
	ms_ctl_wait_iface(microsegd, link_b, "protected");
	ms_ctl_wait_iface(microsegd, "eth0", "protected");

	/* A reaches B on port 80 and nowhere else, B does not reach A. */
	ck_assert_int_eq(a_fetches_b(), 0);
	ck_assert_int_ne(ms_podman_wget("b", A_URL), 0);
	expect_event("default/containers/out", link_b, "out", "default");
	ck_assert_int_ne(ms_podman_wget("a", "http://" B ":81/"), 0);
	expect_event("default/containers/out", link_a, "out", "default");

	/* Each end of the way alone. */
	expect_deny_alone("containers", "out", A, "80", link_a, a_fetches_b);
	expect_deny_alone("containers", "in", A, "80", link_b, a_fetches_b);

	/* The published port: by the host's number before DNAT, by the container's behind it. */
	expect_deny_alone("uplink", "in", "192.0.2.2", "8080", "eth0", third_party_wget);
	expect_deny_without_effect("uplink", "in", "192.0.2.2", "80", third_party_wget);
	expect_deny_alone("containers", "in", "192.0.2.2", "80", link_b, third_party_wget);
	expect_deny_without_effect("containers", "in", "192.0.2.2", "8080", third_party_wget);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/containers");
	TCase *tcase = tcase_create("containers");

	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, without_a_firewall_everything_is_reached);
	/* The daemon before the containers, and after them. */
	tcase_add_loop_test(tcase, containers_are_separated_but_for_what_is_allowed, 0, 2);
	suite_add_tcase(suite, tcase);
	return ms_podman_run_suite(suite);
}
