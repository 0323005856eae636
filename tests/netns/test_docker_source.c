/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The docker source against a real podman, which speaks Docker's API on a unix socket, and the
 * stand-in host: what containers are labelled with arrives, stays when the engine is lost, and is
 * right again when it is back.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "microseg/trial.h"
#include "tests/harness/netns.h"
#include "tests/harness/podman.h"
#include "tests/harness/proc.h"

#define SOCKET MS_NETNS_DIR "/podman/api.sock"
#define EVENTS MS_NETNS_DIR "/podman/tmp/events/events.log"
#define A "10.88.0.10"
#define B "10.88.0.11"
#define NETWORK "--network podman --ip "

static struct ms_plugin_host_state host;
static struct ms_plugin_error error;
static void *source;
static pid_t engine;

static void start_source(void)
{
	static const struct ms_trial_value config[] = {
		{ .name = "socket", .string = SOCKET },
		{ .name = "rules", .number = 1 },
		{ .name = "groups", .string = "front" },
		{ .name = "groups", .string = "back" },
		{ .name = "sets", .string = "office" },
		{ .name = "sets", .string = "[nw]e[wb]" },
		{ .name = "sets", .string = "old" },
		{ .name = "resync", .number = 600000000000ULL }
	};
	const struct ms_plugin_values values = { config, sizeof(config) / sizeof(config[0]) };

	ms_trial_init(&host);
	host.now_ns = ms_netns_now_ns();
	ck_assert_int_eq(ms_plugin_descriptor.create(&host.table, &values, &source, &error), 0);
	ck_assert_int_eq(ms_plugin_descriptor.start(source, &error), 0);
}

static void stop_source(void)
{
	ms_plugin_descriptor.stop(source);
	ms_plugin_descriptor.destroy(source);
}

/* And what it says is in force at once. */
static const char *snapshot(void)
{
	static struct ms_plugin_builder builder;

	builder.text[0] = '\0';
	if (ms_plugin_descriptor.source->snapshot(source, &builder, &error) < 0)
		return "";
	builder.in_force(builder.self, builder.number);
	return builder.text;
}

/* Turns of the host's loop until the transaction has `text`, or has it no longer. */
static void wait_for(const char *text, bool has)
{
	uint64_t deadline_ns = ms_netns_now_ns() + 20000000000ULL;

	while ((strstr(snapshot(), text) != NULL) != has) {
		ck_assert_msg(ms_netns_now_ns() < deadline_ns, "waited for %s%s in:\n%s\n%s%s",
			      has ? "" : "no ", text, snapshot(), host.log, error.sentence);
		ms_trial_poll(&host, 20);
		ms_trial_pass(&host, ms_netns_now_ns() - host.now_ns);
	}
}

static void wait_for_trouble(bool is)
{
	uint64_t deadline_ns = ms_netns_now_ns() + 20000000000ULL;

	while ((host.trouble[0] != '\0') != is) {
		ck_assert_msg(ms_netns_now_ns() < deadline_ns, "trouble: %s", host.trouble);
		ms_trial_poll(&host, 20);
		ms_trial_pass(&host, ms_netns_now_ns() - host.now_ns);
	}
}

static void wait_for_log(const char *text)
{
	uint64_t deadline_ns = ms_netns_now_ns() + 20000000000ULL;

	while (strstr(host.log, text) == NULL) {
		ck_assert_msg(ms_netns_now_ns() < deadline_ns, "%s", host.log);
		ms_trial_poll(&host, 20);
		ms_trial_pass(&host, ms_netns_now_ns() - host.now_ns);
		snapshot();
	}
}

static void expect_bound(const char *group, const char *container)
{
	char pid[32], line[128];

	ms_podman_read(pid, sizeof(pid), "inspect -f '{{.State.Pid}}' %s", container);
	snprintf(line, sizeof(line), "bind %s %d %s\n", group, MS_PLUGIN_WORKLOAD_PID, pid);
	wait_for(line, true);
}

static unsigned long long number_of(const char *name)
{
	struct ms_plugin_emit emit = { "" };
	unsigned long long number = ~0ULL;
	char *at;

	ms_plugin_descriptor.stats(source, &emit);
	at = strstr(emit.text, name);
	ck_assert_msg(at && sscanf(at + strlen(name), "%llu", &number) == 1, "%s", emit.text);
	return number;
}

static void wait_for_gaps(unsigned long long gaps)
{
	uint64_t deadline_ns = ms_netns_now_ns() + 20000000000ULL;

	while (number_of("gaps ") != gaps) {
		ck_assert_uint_lt(ms_netns_now_ns(), deadline_ns);
		ms_trial_poll(&host, 20);
		ms_trial_pass(&host, ms_netns_now_ns() - host.now_ns);
		snapshot();
	}
}

START_TEST(labels_arrive_and_go_with_their_container)
{
	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	ms_podman_make("run -d", "before", NETWORK A " --label microseg.group=back");
	start_source();
	/* Nothing at all until everything is known. */
	ck_assert_str_eq(snapshot(), "");
	ck_assert_ptr_nonnull(strstr(error.sentence, "has not answered yet"));
	expect_bound("back", "before");

	ms_podman_make("run -d", "web",
		       NETWORK B " --label microseg.group=front --label microseg.set=office,web "
				 "--label com.docker.compose.project=shop "
				 "--label com.docker.compose.service=web "
				 "--label 'microseg.rules=[{id: http, dir: in, proto: tcp, "
				 "dport: 80, action: allow}]'");
	expect_bound("front", "web");
	wait_for("\nmember office " B "/32 0\n", true);
	wait_for("\nmember web " B "/32 0\n", true);
	wait_for("\nmember compose/shop/web " B "/32 0\n", true);
	wait_for("member container/web " B "/32 0\n", true);
	wait_for("rule container web {id: \"container/web/http\", group: \"front\", dir: in, "
		 "to: \"set:container/web\", proto: tcp, dport: 80, action: allow} # ",
		 true);
	ck_assert_uint_eq(number_of("containers "), 2);
	/* Since when that one's labels are in force nobody knows: it ran before the source did. */
	ck_assert_ptr_null(strstr(host.log, "container before: its labels were in force"));
	ck_assert_uint_eq(number_of("gaps "), 1);
	fprintf(stderr, "a label was in force %llu us after the start of its container\n",
		number_of("gap_last_us "));

	ms_podman_command("stop -t 0 web");
	wait_for("web", false);
	ms_podman_command("start web");
	expect_bound("front", "web");
	ck_assert_uint_eq(number_of("gaps "), 2);
	ms_podman_command("rm -f -t 0 web");
	wait_for("web", false);
	expect_bound("back", "before");
	stop_source();
	ms_proc_end(engine);
}
END_TEST

/* `podman init` makes the network and the process, and lets neither run. */
START_TEST(all_is_there_before_the_start)
{
	char status[32];

	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	start_source();
	ms_podman_make("create", "web",
		       NETWORK B " --label microseg.group=front "
				 "--label 'microseg.rules=[{dir: in, action: deny}]'");
	wait_for("rule container web {id: \"container/web/1\", group: \"front\", dir: in, "
		 "to: \"set:container/web\", action: deny} # ",
		 true);
	ck_assert_ptr_null(strstr(snapshot(), "bind"));
	ms_podman_command("init web");
	expect_bound("front", "web");
	wait_for("member container/web " B "/32 0\n", true);
	ms_podman_read(status, sizeof(status), "inspect -f '{{.State.Status}}' web");
	ck_assert_str_eq(status, "initialized");
	ck_assert_uint_eq(number_of("gaps "), 0);
	ms_podman_command("start web");
	wait_for_gaps(1);
	ck_assert_uint_eq(number_of("gap_most_us "), 0);
	ck_assert_ptr_nonnull(
		strstr(host.log, "container web: its labels were in force before its start\n"));
	stop_source();
	ms_proc_end(engine);
}
END_TEST

START_TEST(a_wrong_label_is_its_containers_alone)
{
	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	start_source();
	ms_podman_make("run -d", "good", NETWORK A " --label microseg.group=front");
	ms_podman_make("run -d", "bad",
		       NETWORK B " --label microseg.group=front "
				 "--label 'microseg.rules=[{action: allow, group: back}]'");
	expect_bound("docker-refused", "bad");
	expect_bound("front", "good");
	ck_assert_ptr_nonnull(strstr(
		host.log,
		"1 container bad: label microseg.rules: rule 1 has a `group`: it is for "
		"this container alone; only rules without a group still allow its traffic\n"));
	ck_assert_ptr_null(strstr(host.log, "container good: label"));
	ck_assert_uint_eq(number_of("refused "), 1);
	/* Its labels are never in force. */
	wait_for_log("container bad: it was cut off ");
	ck_assert_ptr_null(strstr(host.log, "container bad: its labels were in force"));
	wait_for_gaps(1);
	stop_source();
	ms_proc_end(engine);
}
END_TEST

/* Its packets are the host's, and nobody denies them. */
START_TEST(a_wrong_label_in_the_hosts_network_is_said_to_deny_nothing)
{
	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	start_source();
	ms_podman_make("run -d", "bad", "--network host --label microseg.set=nobodys");
	wait_for_log("container bad: label microseg.set: `sets` in microseg.yaml does not allow "
		     "nobodys; it has no links of its own, so its labels are left aside and "
		     "nothing is denied\n");
	ck_assert_ptr_null(strstr(host.log, "rules without a group"));
	ck_assert_ptr_null(strstr(snapshot(), "bind"));
	ck_assert_uint_eq(number_of("refused "), 1);
	stop_source();
	ms_proc_end(engine);
}
END_TEST

START_TEST(what_is_never_in_force_has_no_gap)
{
	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	start_source();
	ms_podman_make("run -d", "plain", NETWORK A);
	ms_podman_make("run -d", "aside", "--network host --label microseg.group=front");
	ms_podman_make("run -d", "last", NETWORK B " --label microseg.group=front");
	expect_bound("front", "last");
	wait_for_gaps(1);
	wait_for_log("container aside: label microseg.group: its network is that of the host");
	ck_assert_ptr_null(strstr(host.log, "container plain: "));
	ck_assert_ptr_null(strstr(host.log, "container aside: its labels were in force"));
	ck_assert_uint_eq(number_of("containers "), 3);
	ck_assert_uint_eq(number_of("gaps "), 1);
	stop_source();
	ms_proc_end(engine);
}
END_TEST

START_TEST(an_engine_that_was_lost_is_asked_for_all_again)
{
	ms_podman_setup();
	engine = ms_podman_serve(SOCKET);
	start_source();
	ms_podman_make("run -d", "old", NETWORK A " --label microseg.set=old");
	wait_for("member old " A "/32 0\n", true);

	ms_proc_end(engine);
	wait_for_trouble(true);
	ck_assert_ptr_nonnull(strstr(host.trouble, SOCKET));
	wait_for("member old " A "/32 0\n", true);
	/* Podman's containers need no service. No event tells later what happened meanwhile. */
	ms_podman_command("rm -f -t 0 old");
	ms_podman_make("run -d", "new", NETWORK B " --label microseg.set=new");
	ms_netns_run_command("truncate --no-create --size 0 " EVENTS " && test -e " EVENTS);
	wait_for("member old " A "/32 0\n", true);

	engine = ms_podman_serve(SOCKET);
	wait_for("member new " B "/32 0\n", true);
	wait_for("old", false);
	wait_for_trouble(false);
	ck_assert_uint_ge(number_of("losses "), 1);
	/* And events are followed again. */
	ms_podman_command("rm -f -t 0 new");
	wait_for("new", false);
	stop_source();
	ms_proc_end(engine);
}
END_TEST

START_TEST(a_missing_engine_is_told_in_a_plain_sentence)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd;

	ms_netns_run_command("mkdir -p " MS_NETNS_DIR "/podman");
	start_source();
	wait_for_trouble(true);
	ck_assert_str_eq(host.trouble, SOCKET ": events: there is no such socket");
	stop_source();

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	start_source();
	wait_for_trouble(true);
	ck_assert_str_eq(host.trouble, SOCKET ": events: nobody listens on the socket");
	stop_source();
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/docker_source");
	TCase *tcase = tcase_create("docker_source");

	tcase_add_checked_fixture(tcase, ms_netns_setup, NULL);
	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, a_missing_engine_is_told_in_a_plain_sentence);
	tcase_add_test(tcase, labels_arrive_and_go_with_their_container);
	tcase_add_test(tcase, all_is_there_before_the_start);
	tcase_add_test(tcase, a_wrong_label_is_its_containers_alone);
	tcase_add_test(tcase, a_wrong_label_in_the_hosts_network_is_said_to_deny_nothing);
	tcase_add_test(tcase, what_is_never_in_force_has_no_gap);
	tcase_add_test(tcase, an_engine_that_was_lost_is_asked_for_all_again);
	suite_add_tcase(suite, tcase);
	return ms_podman_run_suite(suite);
}
