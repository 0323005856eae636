/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No packet is judged by a mix of two generations or by neither. Generation A allows only port X,
 * B only port Y, and they take turns a thousand times under traffic to both. Each packet must be
 * found once, as passed or as dropped, under a rule of the generation that the verdict names. The
 * same is tried with a daemon that swaps in two writes, which this test must find out.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

#define FLIPS MS_CHECK_ROUNDS(1000)
#define X 1001
#define Y 1002
#define GENERATIONS_MAX 4096

#define GROUPS                                                                                     \
	"version: 1\n"                                                                             \
	"groups:\n"                                                                                \
	"  - { name: work, match: { name: guarded0 }, default: { in: allow, out: allow } }\n"      \
	"rules:\n"

/* Each document has the other's rules too, where nothing reaches them: a rule that is in no
 * generation may lose its counters. */
#define RULES_A                                                                                    \
	"  - { id: a/x, proto: udp, dport: 1001, log: { every: 1ms }, action: allow }\n"           \
	"  - { id: a/rest, log: { every: 1ms }, action: deny }\n"
#define RULES_B                                                                                    \
	"  - { id: b/y, proto: udp, dport: 1002, log: { every: 1ms }, action: allow }\n"           \
	"  - { id: b/rest, log: { every: 1ms }, action: deny }\n"

static const char policy_a[] = GROUPS RULES_A RULES_B;
static const char policy_b[] = GROUPS RULES_B RULES_A;

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char letters[GENERATIONS_MAX]; /* which document a generation is */

struct sender {
	volatile uint64_t sent;
	volatile bool stop;
	int fd;
};

static void send_to_both(void *user)
{
	struct sender *sender = user;
	uint16_t sport = 0;

	while (!sender->stop) {
		/* Few enough flows that sessions are met again, with those that begin in between.
		 */
		for (int i = 0; i < 32; i++) {
			sport = (sport + 1) % 512;
			ms_traffic_raw_udp(sender->fd, "10.9.0.1", 2000 + sport, "10.9.0.2",
					   i % 2 ? X : Y, 0);
			sender->sent++;
		}
		poll(NULL, 0, 1);
	}
}

static uint64_t arrived(void)
{
	char text[64];

	ms_netns_read_command(text, sizeof(text),
			      "sed -n 's/^ *peer0: *[0-9]* *\\([0-9]*\\).*/\\1/p' /proc/net/dev");
	return strtoull(text, NULL, 10);
}

static void apply(const char *path, char letter)
{
	json_auto_t *lines = ms_ctl(microsegd, "policy", "apply", path, NULL);
	json_int_t generation = ms_ctl_int(lines, "0.generation");

	ck_assert_int_lt(generation, GENERATIONS_MAX);
	letters[generation] = letter;
}

static unsigned int count_wrong(json_t *items, const char *what)
{
	unsigned int wrong = 0;
	json_t *item;
	size_t i;

	for (i = 0; i < json_array_size(items); i++) {
		const char *rule;
		json_int_t generation;

		item = json_array_get(items, i);
		rule = ms_ctl_text(item, "rule");
		generation = ms_ctl_int(item, "generation");
		if (rule[1] != '/' || generation <= 0 || generation >= GENERATIONS_MAX ||
		    letters[generation] == 0)
			continue; /* of before the first apply, or not known any more */
		if (letters[generation] == rule[0])
			continue;
		if (wrong++ == 0)
			fprintf(stderr, "%s: rule %s in generation %lld, which is %c\n", what, rule,
				generation, letters[generation]);
	}
	return wrong;
}

/* Events and sessions of rules that their generation does not have. */
static unsigned int count_mixed(void)
{
	json_auto_t *events = ms_ctl(microsegd, "observe", "--last", "10000", NULL);
	json_auto_t *lines = ms_ctl(microsegd, "session", "list", NULL);

	ck_assert_uint_gt(json_array_size(events), 20);
	return count_wrong(events, "event") +
	       count_wrong(ms_ctl_at(lines, "0.sessions"), "session");
}

static unsigned int flip_under_traffic(unsigned int flips)
{
	struct sender *sender = mmap(NULL, sizeof(*sender), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	json_int_t passed, dropped;
	uint64_t before, total;
	unsigned int mixed;
	pid_t pid;

	apply(MS_NETNS_DIR "/a.yaml", 'a');
	before = arrived();
	total = ms_ctl_stat(microsegd, "total");
	sender->fd = ms_traffic_raw(NULL, "guarded0");
	pid = ms_proc_fork(NULL, send_to_both, sender);
	mixed = 0;
	for (unsigned int i = 0; i < flips; i++) {
		apply(i % 2 ? MS_NETNS_DIR "/a.yaml" : MS_NETNS_DIR "/b.yaml", i % 2 ? 'a' : 'b');
		if (i % 100 == 99)
			mixed += count_mixed();
	}
	sender->stop = true;
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	passed = ms_ctl_rule_packets(microsegd, "a/x") + ms_ctl_rule_packets(microsegd, "b/y");
	dropped =
		ms_ctl_rule_packets(microsegd, "a/rest") + ms_ctl_rule_packets(microsegd, "b/rest");
	ck_assert_int_eq(passed + dropped, (json_int_t)sender->sent);
	ck_assert_uint_eq(arrived() - before, (uint64_t)passed);
	ck_assert_uint_eq(ms_ctl_stat(microsegd, "total") - total, sender->sent);
	ck_assert_int_gt(passed, (json_int_t)sender->sent / 10);
	ck_assert_int_gt(dropped, (json_int_t)sender->sent / 10);
	return mixed;
}

static void setup(void)
{
	FILE *file;

	ms_netns_setup();
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && "
			     "ip link add guarded0 type veth peer name peer0 && "
			     "ip link set guarded0 up && ip link set peer0 up");
	ms_netns_wait_carrier("guarded0");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy_a);
	file = fopen(MS_NETNS_DIR "/a.yaml", "we");
	fputs(policy_a, file);
	fclose(file);
	file = fopen(MS_NETNS_DIR "/b.yaml", "we");
	fputs(policy_b, file);
	fclose(file);
}

START_TEST(no_packet_is_judged_by_two_generations_or_none)
{
	ms_proc_start(microsegd, NULL);
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	ck_assert_uint_eq(flip_under_traffic(FLIPS), 0);
	ms_proc_stop(microsegd);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* too few turns to be sure of it */
START_TEST(a_swap_in_two_writes_is_found_out)
{
	ms_proc_start_program(microsegd, MS_TEST_TWO_WRITES, NULL);
	ms_ctl_wait_iface(microsegd, "guarded0", "protected");
	ck_assert_uint_gt(flip_under_traffic(FLIPS / 2), 0);
	ms_proc_stop(microsegd);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("netns/atomic");
	TCase *tcase = tcase_create("atomic");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, no_packet_is_judged_by_two_generations_or_none);
#ifndef __SANITIZE_ADDRESS__
	tcase_add_test(tcase, a_swap_in_two_writes_is_found_out);
#endif
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
