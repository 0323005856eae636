/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members of a set in force, asked for by the control socket: what holds for packets when the
 * answer comes, and before the disk has it. The tests are 10.1.0.1, whom the set lets in.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/site.h"
#include "tests/harness/traffic.h"

#define HERE "10.1.0.1"
#define OTHER "10.9.0.1"
#define GUARDED "10.1.0.2"
#define PORT 53
#define ROUNDS 20
#define EPOCH_NS 5000000ull /* standing flows are judged again that late */
#define QUIET_MS 20         /* longer than that, of nothing */
#define DISK MS_NETNS_DIR "/disk"
#define DISK_NS 1000000000ull /* what a slow one takes */

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: deny, out: allow } }\n"
	"sets: { some: [" OTHER "] }\n"
	"rules:\n"
	"  - { id: let, dir: in, proto: udp, dport: 53, from: \"set:some\", action: allow }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static int control, standing;

/* ---- the socket ---- */

static void connect_daemon(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/run/control.sock",
		 microsegd->dir);
	control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(control, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void send_request(const char *text)
{
	ssize_t length = (ssize_t)strlen(text) + 1;

	ck_assert_int_eq(send(control, text, (size_t)length, MSG_NOSIGNAL), length);
}

static void ask(const char *verb, const char *address)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"method\":\"set.%s\",\"parameters\":{\"name\":\"some\","
		 "\"members\":[\"%s\"]}}",
		 verb, address);
	send_request(text);
}

static bool is_answered(void)
{
	struct pollfd wait = { .fd = control, .events = POLLIN };

	return poll(&wait, 1, 0) == 1;
}

/* Waits for it; whether it is a good one. */
static bool answer(void)
{
	char text[4096];
	ssize_t n = 0, length = 0;

	do {
		n = recv(control, text + length, sizeof(text) - (size_t)length, 0);
		ck_assert_int_gt(n, 0);
		length += n;
	} while (text[length - 1] != '\0');
	return !strstr(text, "\"error\"");
}

static void change(const char *verb, const char *address)
{
	ask(verb, address);
	ck_assert(answer());
}

/* ---- packets ---- */

/* A flow of its own to the guarded port, which is told what the link's program drops. */
static int open_flow(void)
{
	int fd = ms_traffic_udp(NULL, GUARDED, PORT, 0), on = 1;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	return fd;
}

static bool passes(int flow)
{
	if (send(flow, "x", 1, 0) == 1)
		return true;
	ck_assert_int_eq(errno, ENOBUFS);
	return false;
}

static bool passes_fresh(void)
{
	ms_cleanup(ms_close_fd) int flow = open_flow();

	return passes(flow);
}

/* How long it takes from now until a packet of the standing flow is judged so. */
static uint64_t follow(bool pass)
{
	const struct timespec pause = { .tv_nsec = 20000 };
	uint64_t began = ms_netns_now_ns();

	/* Not without pause: nobody else would have this CPU. */
	for (; passes(standing) != pass; ppoll(NULL, 0, &pause, NULL))
		ck_assert_uint_lt(ms_netns_now_ns() - began, 10000000000ull);
	return ms_netns_now_ns() - began;
}

/* The bounds are the daemon's, whoever else wants the CPU. */
static void go_first(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	ck_assert_int_eq(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first), 0);
}

static void start(const char *program)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int sink;

	ms_site_setup(microsegd);
	/* Somebody there, or the flows are told of nobody. */
	ms_netns_go("a");
	sink = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(sink, (struct sockaddr *)&any, sizeof(any)), 0);
	ms_netns_go(NULL);
	setenv("MS_TEST_DISK_FILE", DISK, 1);
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start_program(microsegd, program, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	connect_daemon();
	standing = open_flow();
	/* The first ones wait for its link address, and are not judged yet. */
	follow(false);
}

static void wait_for_quiet(void)
{
	poll(NULL, 0, QUIET_MS);
}

/* ---- tests ---- */

static const char *const verbs[] = { "add", "del" };

START_TEST(a_new_flow_is_judged_by_it_when_the_answer_comes)
{
	start(MS_TEST_BIN_DIR "/microsegd");
	for (int i = 0; i < 2 * ROUNDS; i++) {
		/* Right behind another one, which has had the epoch. */
		change(verbs[i % 2], "10.9.0.2");
		change(verbs[i % 2], HERE);
		ck_assert_int_eq(passes_fresh(), i % 2 == 0);
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(alone_it_holds_for_a_standing_flow_too)
{
	start(MS_TEST_BIN_DIR "/microsegd");
	for (int i = 0; i < 2 * ROUNDS; i++) {
		wait_for_quiet();
		change(verbs[i % 2], HERE);
		ck_assert_int_eq(passes(standing), i % 2 == 0);
	}
	ms_proc_stop(microsegd);
}
END_TEST

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

START_TEST(behind_another_a_standing_flow_follows_within_an_epoch)
{
	uint64_t took[2 * ROUNDS];

	start(MS_TEST_BIN_DIR "/microsegd");
	go_first();
	for (int i = 0; i < 2 * ROUNDS; i++) {
		wait_for_quiet();
		change(verbs[i % 2], "10.9.0.2");
		/* Else the epoch of that one has it judged. */
		ck_assert_int_eq(passes(standing), i % 2 != 0);
		change(verbs[i % 2], HERE);
		took[i] = follow(i % 2 == 0);
	}
	/* Some of them wait for a processor as well. */
	qsort(took, 2 * ROUNDS, sizeof(*took), by_value);
	ck_assert_uint_le(took[ROUNDS], EPOCH_NS * 11 / 10 * ms_netns_patience());
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- the disk ---- */

static void set_disk(const char *how)
{
	ms_cleanup(ms_close_fd) int fd = open(DISK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, how, 1), 1);
}

START_TEST(packets_do_not_wait_for_the_disk)
{
	start(MS_TEST_SLOW_DISK);
	set_disk("s");
	for (int i = 0; i < 2; i++) {
		wait_for_quiet();
		ask(verbs[i], HERE);
		ck_assert_uint_lt(follow(i == 0), DISK_NS / 2);
		ck_assert_int_eq(passes_fresh(), i == 0);
		ck_assert(!is_answered());
		ck_assert(answer());
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* Its switch would have them judged again, but that comes when all of it is on disk. */
START_TEST(a_commit_behind_it_holds_no_standing_flow_up)
{
	start(MS_TEST_SLOW_DISK);
	go_first();
	for (int i = 0; i < 2; i++) {
		wait_for_quiet();
		change(verbs[i], "10.9.0.2");
		ck_assert_int_eq(passes(standing), i != 0);
		change(verbs[i], HERE);
		set_disk("s");
		send_request("{\"method\":\"policy.apply\"}");
		ck_assert_uint_lt(follow(i == 0), DISK_NS / 2);
		ck_assert(!is_answered());
		ck_assert_int_eq(unlink(DISK), 0);
		ck_assert(answer());
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* Nor is it answered for: the next daemon would know nothing of it. */
START_TEST(what_cannot_be_saved_is_as_it_was)
{
	start(MS_TEST_SLOW_DISK);
	for (int i = 0; i < 2; i++) {
		wait_for_quiet();
		set_disk("x");
		ask(verbs[i], HERE);
		follow(i == 0);
		ck_assert(!answer());
		ck_assert_int_eq(passes_fresh(), i != 0);
		follow(i != 0);
		ck_assert_int_eq(unlink(DISK), 0);
		change(verbs[i], HERE);
		ck_assert_int_eq(passes_fresh(), i == 0);
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* ---- a daemon that dies ---- */

static void be_killed_and_start_again(void)
{
	ms_proc_kill(microsegd);
	unlink(DISK);
	close(control);
	ms_proc_start_program(microsegd, MS_TEST_SLOW_DISK, NULL);
	ms_ctl_wait_iface(microsegd, "veth-a", "protected");
	connect_daemon();
}

static bool is_shown(void)
{
	json_auto_t *lines = ms_ctl(microsegd, "set", "show", "some", NULL);

	return ms_ctl_find(lines, "members", "addr", HERE) != NULL;
}

static void expect_in_both(bool is_in)
{
	ck_assert_int_eq(is_shown(), is_in);
	ck_assert_int_eq(passes_fresh(), is_in);
	follow(is_in);
}

START_TEST(what_was_answered_outlives_a_daemon_that_is_killed)
{
	start(MS_TEST_SLOW_DISK);
	for (int i = 0; i < 4; i++) {
		change(verbs[i % 2], HERE);
		be_killed_and_start_again();
		expect_in_both(i % 2 == 0);
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* In force and not written yet: the next daemon knows nothing of it, and packets do not either. */
START_TEST(what_a_killed_daemon_had_not_written_is_as_it_was)
{
	start(MS_TEST_SLOW_DISK);
	for (int i = 0; i < 2; i++) {
		wait_for_quiet();
		set_disk("w");
		ask(verbs[i], HERE);
		ck_assert_uint_lt(follow(i == 0), DISK_NS / 2);
		ck_assert(!is_answered());
		be_killed_and_start_again();
		expect_in_both(i != 0);
		change(verbs[i], HERE);
		expect_in_both(i == 0);
	}
	ms_proc_stop(microsegd);
}
END_TEST

/* Written and not answered for: it may be one or the other, but the same for packets and for who
 * asks. */
START_TEST(what_a_killed_daemon_had_not_answered_is_one_thing)
{
	start(MS_TEST_SLOW_DISK);
	for (int i = 0; i < 2; i++) {
		wait_for_quiet();
		set_disk("s");
		ask(verbs[i], HERE);
		ck_assert_uint_lt(follow(i == 0), DISK_NS / 2);
		ck_assert(!is_answered());
		be_killed_and_start_again();
		expect_in_both(is_shown());
		if (is_shown() != (i == 0))
			change(verbs[i], HERE);
	}
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/members");
	TCase *tcase = tcase_create("members");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_new_flow_is_judged_by_it_when_the_answer_comes);
	tcase_add_test(tcase, alone_it_holds_for_a_standing_flow_too);
	tcase_add_test(tcase, behind_another_a_standing_flow_follows_within_an_epoch);
	tcase_add_test(tcase, packets_do_not_wait_for_the_disk);
	tcase_add_test(tcase, a_commit_behind_it_holds_no_standing_flow_up);
	tcase_add_test(tcase, what_cannot_be_saved_is_as_it_was);
	tcase_add_test(tcase, what_was_answered_outlives_a_daemon_that_is_killed);
	tcase_add_test(tcase, what_a_killed_daemon_had_not_written_is_as_it_was);
	tcase_add_test(tcase, what_a_killed_daemon_had_not_answered_is_one_thing);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
