/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a container runs before its labels are in force, with a real podman: what the docker
 * source shows is held against packets of the container, which the kernel stamps where they come
 * out. No packet may pass later than the source says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/podman.h"
#include "tests/harness/stage.h"

#define SOCKET MS_NETNS_DIR "/podman/api.sock"
#define BRIDGE "10.88.0.1"
#define CLIENT "10.88.0.11"
#define NS_PER_S 1000000000ULL
#define BUFFER (8 << 20)

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static pid_t engine;
static int pings = -1;
static uint64_t last_ns; /* CLOCK_REALTIME, when the last ping came that passed */

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: front, match: { name: none }, default: { in: allow, out: allow } }\n"
	"  - { name: containers, match: { kind: veth, master: \"" MS_PODMAN_BRIDGE "\" },\n"
	"      default: { in: allow, out: allow } }\n";

static json_int_t number_of(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "docker", NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	return number ? json_integer_value(json_object_get(number, "value")) : -1;
}

static bool is_counted(void *user)
{
	(void)user;
	return number_of("gaps") == 1;
}

static bool has_delivered(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "source", "show", "docker", NULL);

	(void)user;
	return ms_ctl_int(json_array_get(lines, 0), "transactions") > 0;
}

static void setup(void)
{
	const int on = 1, room = BUFFER;

	ms_netns_setup();
	ms_plugin_folder_make();
	ms_plugin_folder_add("docker");
	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_write_config(microsegd,
			     "plugins: { docker: { socket: " SOCKET ", groups: [front] } }\n");
	setenv("MS_TEST_HELD", microsegd->dir, 1);
	ms_proc_start_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	/* What the next transaction says is of a container alone. */
	ck_assert(ms_netns_wait(has_delivered, NULL, 30));
	pings = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
	ck_assert_int_ge(pings, 0);
	ck_assert_int_eq(setsockopt(pings, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	ck_assert_int_eq(setsockopt(pings, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
}

static void stop(void)
{
	close(pings);
	ms_proc_stop(microsegd);
	ms_proc_end(engine);
}

/* ---- packets ---- */

static uint64_t to_ns(struct timespec at)
{
	return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec;
}

static uint64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return to_ns(now);
}

static bool is_ping(const unsigned char *bytes, size_t length)
{
	struct iphdr ip;

	if (length < sizeof(ip) + 1)
		return false;
	memcpy(&ip, bytes, sizeof(ip));
	return length > 4 * ip.ihl && bytes[4 * ip.ihl] == ICMP_ECHO;
}

static bool take_ping(void)
{
	unsigned char bytes[256];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(pings, &message, 0);
	struct cmsghdr *stamp = CMSG_FIRSTHDR(&message);
	struct timespec at;

	ck_assert(n >= 0 || errno == EAGAIN);
	if (n < 0)
		return false;
	ck_assert(stamp && stamp->cmsg_type == SCM_TIMESTAMPNS);
	memcpy(&at, CMSG_DATA(stamp), sizeof(at));
	if (is_ping(bytes, (size_t)n))
		last_ns = to_ns(at);
	return true;
}

/* Those that have passed until now. */
static bool have_passed_until(void *user)
{
	while (take_ping())
		;
	return last_ns >= *(const uint64_t *)user;
}

static bool bites(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "rule", "list", NULL);

	have_passed_until(&last_ns); /* the buffer has an end */
	return ms_ctl_find(lines, "rules", "id", user) && ms_ctl_rule_packets(microsegd, user) > 0;
}

/* A container that pings from its first moment on, 500 times a second, which its label denies.
 * Returns when it started, by the engine's word, which is a moment later. */
static uint64_t run(void)
{
	char text[64];

	ms_podman_make("run -d", "pinging",
		       "--network podman --cap-add NET_RAW --ip " CLIENT
		       " --label microseg.group=front --label "
		       "'microseg.rules=[{id: no-ping, dir: out, proto: icmp, action: deny}]' "
		       "--entrypoint '[\"sh\", \"-c\", \"exec busybox ping -i 0.002 " BRIDGE
		       "\"]'");
	ms_podman_read(text, sizeof(text), "inspect -f '{{.State.StartedAt.UnixNano}}' pinging");
	return strtoull(text, NULL, 10);
}

/* Waits until the rule is in force. Nothing has passed later than the source says. */
static uint64_t expect_gap_with_all_that_passed(uint64_t start_ns)
{
	uint64_t gap_ns;

	ck_assert(ms_netns_wait(bites, (char *)"container/pinging/no-ping", 30));
	have_passed_until(&last_ns);
	ck_assert(ms_netns_wait(is_counted, NULL, 30));
	/* It is shown in whole microseconds. */
	gap_ns = ((uint64_t)number_of("gap_last_us") + 1) * 1000;
	fprintf(stderr, "in force %llu us after the start, the last packet passed after %lld us\n",
		(unsigned long long)gap_ns / 1000, (long long)(last_ns - start_ns) / 1000);
	ck_assert_int_eq(number_of("gap_most_us"), number_of("gap_last_us"));
	ck_assert_int_gt(number_of("gap_last_us"), 0);
	ck_assert_int_eq(number_of("gap_open_us"), 0);
	ck_assert_msg(last_ns > start_ns, "no packet has passed after the start");
	ck_assert_msg(last_ns <= start_ns + gap_ns, "a packet passed %llu us after the start",
		      (unsigned long long)(last_ns - start_ns) / 1000);
	return gap_ns;
}

START_TEST(no_packet_passes_after_the_gap_that_is_shown)
{
	expect_gap_with_all_that_passed(run());
	stop();
}
END_TEST

/* The label is told within a second of the start and cannot be in force, as packets show. */
START_TEST(a_gap_has_the_commit_in_it)
{
	uint64_t start_ns, until_ns, go_ns;

	ms_stage_bar(microsegd, "switch");
	start_ns = run();
	ms_stage_wait(microsegd, "switch");
	until_ns = start_ns + 2 * NS_PER_S;
	ck_assert(ms_netns_wait(have_passed_until, &until_ns, 30));
	go_ns = realtime_ns();
	ms_stage_let_go(microsegd, "switch");
	ck_assert_uint_ge(expect_gap_with_all_that_passed(start_ns), go_ns - start_ns);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/docker_starts");
	TCase *tcase = tcase_create("docker_starts");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, no_packet_passes_after_the_gap_that_is_shown);
	tcase_add_test(tcase, a_gap_has_the_commit_in_it);
	suite_add_tcase(suite, tcase);
	return ms_podman_run_suite(suite);
}
