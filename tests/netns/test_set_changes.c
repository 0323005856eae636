/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets in force that are changed in place, under traffic: who stays a member is one all the while,
 * and whose flow a member let in is judged again when the member goes. The tests are 10.1.0.1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"
#include "tests/netns/new_flows.h"
#include "tests/netns/set_writes.h"

#define HERE "10.1.0.1"
#define GUARDED "10.1.0.2"
#define ROUNDS 50 /* of ten members that come and go: 1,000 changes */

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"rules:\n"
	"  - { id: let, group: work, dir: in, proto: udp, dport: 53, from: \"set:some\", action: allow }\n"
	"  - { id: shut, group: work, dir: in, proto: udp, dport: 54, from: \"set:some\", action: deny }\n"
	"  - { id: web, group: work, dir: in, proto: tcp, dport: 80, from: \"set:some\", action: allow }\n"
	"  - { id: else-let, group: work, dir: in, proto: udp, dport: 53, action: deny }\n"
	"  - { id: else-shut, group: work, dir: in, proto: udp, dport: 54, action: allow }\n"
	"  - { id: else-web, group: work, dir: in, proto: tcp, dport: 80, action: deny, log: true }\n";

#define CROWD 20      /* sets more than a packet would be asked of one by one */
#define TOLD_MAX 4096 /* members of a set that addresses are told of */
#define ROUND 512     /* prefixes that are told at once */
#define FILL 450      /* twice as many fit a small table, and MORE do not fit then */
#define MORE 200
#define WITHIN 900

#define DAEMON MS_TEST_BIN_DIR "/microsegd"
#define UNTOLD MS_NETNS_DIR "/untold"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static struct set_writes *writes;
static const char *wide = ""; /* a member of `some`, too */

/* `some` has so many members that are nobody here. The test is in half of the crowd, which rules
 * ask for too: sets have rows of their own then. */
static void write_sets(unsigned int n_members, unsigned int n_crowd)
{
	/* With `some`, no more than an address is told of. */
	static const char *const crowd[] = { HERE, "10.0.0.0/8", "10.77.0.0/16", "10.78.0.1" };
	ms_cleanup(ms_free) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "version: 1\nsets:\n  some: [%s", wide);
	for (unsigned int i = 0; i < n_members; i++)
		fprintf(out, "%s10.100.%u.%u", i ? ", " : "", i / 256, i % 256);
	fprintf(out, "]\n");
	for (unsigned int i = 0; i < n_crowd; i++)
		fprintf(out, "  crowd%u: [%s]\n", i, crowd[i % ms_array_size(crowd)]);
	if (n_crowd)
		ms_site_put_crowd(out, n_crowd);
	ck_assert_int_eq(fclose(out), 0);
	ms_proc_write_policy(microsegd, "20-sets.yaml", text);
}

static void prepare(unsigned int n_members, unsigned int n_crowd)
{
	ms_site_setup(microsegd);
	writes = set_writes_make();
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	write_sets(n_members, n_crowd);
}

static void start_prepared(const char *program)
{
	ms_proc_start_program(microsegd, program, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	ms_ctl_do(microsegd, "set", "add", "some", HERE, NULL);
}

static void start(const char *program, unsigned int n_members, unsigned int n_crowd)
{
	prepare(n_members, n_crowd);
	start_prepared(program);
}

static void setup(void)
{
	start(DAEMON, 0, 0);
}

static void setup_crowd(void)
{
	start(DAEMON, 0, CROWD);
}

static void setup_many(void)
{
	start(MS_TEST_SET_WRITES_DAEMON, TOLD_MAX - 1, CROWD);
}

/* In a small table. */
static void setup_small(void)
{
	prepare(FILL, 0);
	ms_proc_write_config(microsegd, "limits: { set_members: 1024 }\n");
	start_prepared(MS_TEST_SET_WRITES_DAEMON);
}

/* The same, and all others lie within one. */
static void setup_wide(void)
{
	wide = "10.0.0.0/8, ";
	prepare(WITHIN, 0);
	ms_proc_write_config(microsegd, "limits: { set_members: 1024 }\n");
	start_prepared(MS_TEST_SET_WRITES_DAEMON);
}

static void setup_untold(void)
{
	setenv("MS_TEST_UNTOLD", UNTOLD, 1);
	start(MS_TEST_UNTOLD_DAEMON, 0, CROWD);
}

/* What is changed: neighbours of the one that stays, and what it lies in. */
static void change_others(const char *verb, unsigned int round)
{
	char others[10][32];

	for (unsigned int i = 0; i < 5; i++)
		snprintf(others[i], sizeof(others[i]), "10.1.0.%u", 2 + (round * 5 + i) % 250);
	snprintf(others[5], sizeof(others[5]), "10.0.0.0/8");
	snprintf(others[6], sizeof(others[6]), "10.1.0.0/16");
	snprintf(others[7], sizeof(others[7]), "10.1.0.0/%u", 24 + round % 7);
	snprintf(others[8], sizeof(others[8]), "10.1.0.0/31");
	snprintf(others[9], sizeof(others[9]), "10.1.0.0");
	ms_ctl_do(microsegd, "set", verb, "some", others[0], others[1], others[2], others[3],
		  others[4], others[5], others[6], others[7], others[8], others[9], NULL);
}

static json_int_t generation_now(void)
{
	json_auto_t *status = ms_ctl(microsegd, "status", NULL);

	return ms_ctl_int(json_array_get(status, 0), "generation_applied");
}

START_TEST(who_stays_a_member_is_one_all_the_while)
{
	struct ms_traffic_pump *pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, GUARDED, 80, 0);
	json_int_t generation = generation_now();
	struct new_flows *flows = new_flows_start("veth-a", HERE, GUARDED);
	uint64_t sent;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		change_others("add", round);
		change_others("del", round);
	}
	ck_assert(ms_traffic_pump_advances(pump, 1));
	sent = new_flows_end(flows);
	ms_traffic_pump_end(pump);
	ck_assert_uint_gt(sent, ROUNDS);
	/* What is meant to be dropped, and nothing else. */
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), (json_int_t)sent);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "let"), (json_int_t)sent);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "shut"), (json_int_t)sent);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "else-let"), 0);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "else-shut"), 0);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "else-web"), 0);
	ck_assert_int_eq(generation_now(), generation);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a flow that goes on ---- */

START_TEST(the_flow_of_one_that_goes_is_judged_again)
{
	struct ms_traffic_pump *pump = ms_traffic_pump_start(NULL, MS_TRAFFIC_TCP, GUARDED, 80, 1);
	json_auto_t *event = NULL;
	uint64_t rounds;

	/* Its twin first: another one goes. */
	ms_ctl_do(microsegd, "set", "add", "some", "10.1.0.9", NULL);
	ms_ctl_do(microsegd, "set", "del", "some", "10.1.0.9", NULL);
	ck_assert(ms_traffic_pump_advances(pump, 10));
	ck_assert_int_eq(ms_ctl_stat(microsegd, "dropped"), 0);

	ms_ctl_do(microsegd, "set", "del", "some", HERE, NULL);
	event = ms_ctl_event(microsegd, "else-web", "deny");
	/* By the rule, or by what it made of the session a packet before. */
	ck_assert(strcmp(ms_ctl_text(event, "reason"), "rule") == 0 ||
		  strcmp(ms_ctl_text(event, "reason"), "session") == 0);
	rounds = pump->rounds;
	ck_assert(ms_traffic_pump_stops(pump));
	ck_assert_uint_eq(pump->rounds, rounds);

	ms_ctl_do(microsegd, "set", "add", "some", HERE, NULL);
	ck_assert(ms_traffic_pump_advances(pump, 1));
	ms_traffic_pump_end(pump);
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a set of more members than addresses are told of ---- */

/* One packet, judged by the rule of that name and by no other of the two. */
static void expect_judged(const char *rule, const char *other)
{
	json_int_t before = ms_ctl_rule_packets(microsegd, rule);
	json_int_t others = ms_ctl_rule_packets(microsegd, other);
	ms_cleanup(ms_close_fd) int flow = ms_traffic_udp(NULL, GUARDED, 53, 0);

	/* A dropped one is the sender's error. */
	(void)!send(flow, "x", 1, 0);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, rule), before + 1);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, other), others);
}

static bool is_asked(void)
{
	char text[32];

	ms_netns_read_command(
		text, sizeof(text),
		"bpftool -j map dump pinned $(find " MS_NETNS_BPFFS
		" -name ms_asked) | grep -o '\"sets\":\\[[0-9]*' | grep -o '[0-9]*$'");
	return strcmp(text, "0") != 0;
}

/* All that were in it but the test, which is in other sets. */
static bool is_untold(void *user)
{
	(void)user;
	return writes->untold >= TOLD_MAX - 1;
}

/* Those who are in it and those who are not, and both once more. */
static void expect_followed(void)
{
	expect_judged("let", "else-let");
	ms_ctl_do(microsegd, "set", "del", "some", HERE, NULL);
	expect_judged("else-let", "let");
	ms_ctl_do(microsegd, "set", "add", "some", HERE, NULL);
	expect_judged("let", "else-let");
}

START_TEST(a_set_that_grows_is_asked_of)
{
	struct new_flows *flows;
	uint64_t sent, waits;

	ck_assert(!is_asked());
	flows = new_flows_start("veth-a", HERE, GUARDED);
	waits = writes->loop_waits;
	writes->untold = 0;
	ms_ctl_do(microsegd, "set", "add", "some", "10.99.0.1", NULL);
	ck_assert(is_asked());
	/* Addresses are told of it no more when some seconds are over. */
	ck_assert(ms_netns_wait(is_untold, NULL, 40));
	sent = new_flows_end(flows);
	ck_assert_uint_gt(sent, 0);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "let"), (json_int_t)sent);
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "shut"), (json_int_t)sent);
	ck_assert_uint_eq(writes->loop_waits, waits);
	ck_assert_uint_eq(writes->loop_untold, 0);
	expect_followed();
	ms_proc_stop(microsegd);
}
END_TEST

static bool is_told_anew(void *user)
{
	return writes->told >= *(uint64_t *)user + TOLD_MAX;
}

static bool is_not_asked(void *user)
{
	(void)user;
	return !is_asked();
}

/* What lies within it, so many at once; what is not told yet is asked, and no longer than that. */
START_TEST(a_wide_prefix_is_told_by_rounds)
{
	uint64_t told = writes->told, rounds;

	ms_ctl_do(microsegd, "set", "add", "crowd3", "0.0.0.0/1", NULL);
	ck_assert(is_asked());
	ck_assert(ms_netns_wait(is_told_anew, &told, 20));
	ck_assert(ms_netns_wait(is_not_asked, NULL, 40));
	told = writes->told;
	rounds = writes->rounds;
	ms_ctl_do(microsegd, "set", "del", "crowd3", "0.0.0.0/1", NULL);
	ck_assert_uint_ge(writes->told, told + TOLD_MAX);
	ck_assert_uint_ge(writes->rounds, rounds + TOLD_MAX / ROUND);
	ck_assert_uint_le(writes->most_told, ROUND);
	ck_assert(!is_asked());
	/* The twin: with few in it there are none. */
	told = writes->told;
	rounds = writes->rounds;
	ms_ctl_do(microsegd, "set", "add", "crowd3", HERE, NULL);
	ck_assert_uint_eq(writes->told, told + 1);
	ck_assert_uint_eq(writes->rounds, rounds);
	ck_assert(!is_asked());
	expect_judged("let", "else-let");
	ms_proc_stop(microsegd);
}
END_TEST

/* As long as addresses are told of it as well. */
START_TEST(a_set_that_has_just_grown_is_followed)
{
	ms_ctl_do(microsegd, "set", "add", "some", "10.99.0.1", NULL);
	ck_assert(is_asked());
	expect_followed();
	ms_ctl_do(microsegd, "set", "del", "some", HERE, NULL);
	ms_ctl_do(microsegd, "set", "add", "some", "10.0.0.0/8", NULL);
	expect_judged("let", "else-let");
	ms_ctl_do(microsegd, "set", "del", "some", "10.0.0.0/8", NULL);
	expect_judged("else-let", "let");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(another_daemon_tells_addresses_the_same)
{
	expect_judged("let", "else-let");
	ms_proc_kill(microsegd);
	ms_proc_start(microsegd, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	expect_judged("let", "else-let");
	ms_ctl_do(microsegd, "set", "del", "some", HERE, NULL);
	expect_judged("else-let", "let");
	ms_ctl_do(microsegd, "set", "add", "some", "10.0.0.0/8", NULL);
	expect_judged("let", "else-let");
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- what generations leave ---- */

/* What the test's own address is told. */
static void read_told(char *ret_text, size_t size)
{
	ms_netns_read_command(ret_text, size,
			      "bpftool -j map lookup pinned $(find " MS_NETNS_BPFFS
			      " -name ms_told4) key 32 0 0 0 10 1 0 1 | tr -d ' \n'");
}

/* Of so many sets. */
static unsigned int n_told(void)
{
	static const char key[] = "\"count\":";
	char text[8192], *at;

	read_told(text, sizeof(text));
	at = strstr(text, key);
	ck_assert_msg(at != NULL, "%s", text);
	return (unsigned int)atoi(at + strlen(key));
}

static bool is_told_of(void *user)
{
	return n_told() == *(unsigned int *)user;
}

START_TEST(sets_of_before_are_told_no_more)
{
	unsigned int before = n_told();

	/* Half of the crowd, `some`, and this machine's own. */
	ck_assert_uint_eq(before, CROWD / 2 + 2);
	/* `some` is another one now, and two of the crowd that the test was in are gone. */
	write_sets(1, CROWD - 4);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	before -= 2;
	ck_assert_msg(ms_netns_wait(is_told_of, &before, 40), "of %u sets", n_told());
	expect_judged("let", "else-let");
	ms_proc_stop(microsegd);
}
END_TEST

static void add_many(const char * not, unsigned int count)
{
	ms_netns_run_command("%s " MS_TEST_BIN_DIR "/microsegctl --socket %s/run/control.sock "
			     "set add some $(seq -f 10.200.%u.%%g 1 %u) >/dev/null 2>&1",
			     not, microsegd->dir, count % 251, count);
}

/* One entry for each that comes, and not all of them. */
START_TEST(what_generations_leave_is_room)
{
	uint64_t waits;

	write_sets(FILL - 1, 0);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	writes->loop_removed = 0;
	waits = writes->loop_waits;
	add_many("", MORE);
	/* Nor does who comes first wait for packets: the switch has. */
	ck_assert_uint_eq(writes->loop_waits, waits);
	ck_assert_uint_le(writes->loop_removed, MORE);
	expect_judged("let", "else-let");
	/* The twin: it is full. */
	add_many("", MORE + 1);
	add_many("!", MORE - 1);
	ms_proc_stop(microsegd);
}
END_TEST

/* Whoever comes while a wide one goes has his turn. */
START_TEST(what_goes_with_a_switch_is_told_in_turns)
{
	uint64_t told;

	ms_ctl_do(microsegd, "set", "del", "some", HERE, NULL);
	expect_judged("let", "else-let");
	wide = "";
	write_sets(WITHIN, 0);
	told = writes->told;
	writes->most_in_turn = 0;
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ck_assert_uint_ge(writes->told, told + WITHIN);
	ck_assert_uint_gt(writes->most_in_turn, 0);
	ck_assert_uint_le(writes->most_in_turn, ROUND);
	expect_judged("else-let", "let");
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- tables that cannot be written ---- */

static bool has_logged(void *user)
{
	return ms_proc_logged(microsegd, user);
}

START_TEST(what_cannot_be_told_is_asked_until_it_can)
{
	char told[] = "addresses are told again";

	ms_netns_put_file(UNTOLD "-member", "");
	ms_ctl_do(microsegd, "set", "del", "some", HERE, NULL);
	expect_judged("else-let", "let");
	ms_ctl_do(microsegd, "set", "add", "some", "10.1.0.0/24", NULL);
	ck_assert(ms_proc_logged(microsegd, "new flows are asked of every set"));
	ck_assert(ms_ctl_has_problem(microsegd, "each new flow is asked of every set"));
	expect_judged("let", "else-let");
	ms_ctl_do(microsegd, "set", "del", "some", "10.1.0.0/24", NULL);
	expect_judged("else-let", "let");
	ck_assert(!has_logged(told));

	ck_assert_int_eq(unlink(UNTOLD "-member"), 0);
	ck_assert(ms_netns_wait(has_logged, told, 40));
	ck_assert(!ms_ctl_has_problem(microsegd, "each new flow is asked of every set"));
	expect_judged("else-let", "let");
	ms_ctl_do(microsegd, "set", "add", "some", "10.1.0.0/24", NULL);
	expect_judged("let", "else-let");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_renewal_that_failed_is_told_to_nobody)
{
	char text[512], before[8192], after[8192];

	ms_ctl_do(microsegd, "set", "del", "some", HERE, NULL);
	ms_ctl_do(microsegd, "set", "add", "--for", "10m", "some", HERE, NULL);
	read_told(before, sizeof(before));
	ms_netns_put_file(UNTOLD "-set", "");
	ck_assert_int_ne(ms_ctl_status(microsegd, text, sizeof(text), "set", "add", "--for", "1h",
				       "some", HERE, NULL),
			 0);
	read_told(after, sizeof(after));
	ck_assert_str_eq(before, after);
	/* Its twin. */
	ck_assert_int_eq(unlink(UNTOLD "-set"), 0);
	ms_ctl_do(microsegd, "set", "add", "--for", "1h", "some", HERE, NULL);
	read_told(after, sizeof(after));
	ck_assert_str_ne(before, after);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/set_changes");
	TCase *few = tcase_create("few"), *crowd = tcase_create("crowd");
	TCase *many = tcase_create("many"), *untold = tcase_create("untold");
	TCase *small = tcase_create("small"), *going = tcase_create("going");

	tcase_add_checked_fixture(few, setup, NULL);
	tcase_add_checked_fixture(crowd, setup_crowd, NULL);
	tcase_add_checked_fixture(many, setup_many, NULL);
	tcase_set_timeout(many, 120);
	tcase_add_checked_fixture(small, setup_small, NULL);
	tcase_set_timeout(small, 120);
	tcase_add_test(small, what_generations_leave_is_room);
	tcase_add_checked_fixture(going, setup_wide, NULL);
	tcase_set_timeout(going, 120);
	tcase_add_test(going, what_goes_with_a_switch_is_told_in_turns);
	suite_add_tcase(suite, going);
	suite_add_tcase(suite, small);
	tcase_add_checked_fixture(untold, setup_untold, NULL);
	tcase_set_timeout(untold, 120);
	tcase_set_timeout(few, 120);
	tcase_set_timeout(crowd, 120);
	tcase_add_test(few, who_stays_a_member_is_one_all_the_while);
	tcase_add_test(few, the_flow_of_one_that_goes_is_judged_again);
	tcase_add_test(crowd, who_stays_a_member_is_one_all_the_while);
	tcase_add_test(crowd, the_flow_of_one_that_goes_is_judged_again);
	tcase_add_test(many, a_set_that_grows_is_asked_of);
	tcase_add_test(many, a_set_that_has_just_grown_is_followed);
	tcase_add_test(many, a_wide_prefix_is_told_by_rounds);
	tcase_add_test(crowd, another_daemon_tells_addresses_the_same);
	suite_add_tcase(suite, few);
	suite_add_tcase(suite, crowd);
	tcase_add_test(crowd, sets_of_before_are_told_no_more);
	tcase_add_test(untold, what_cannot_be_told_is_asked_until_it_can);
	tcase_add_test(untold, a_renewal_that_failed_is_told_to_nobody);
	suite_add_tcase(suite, many);
	suite_add_tcase(suite, untold);
	return ms_netns_run(suite);
}
