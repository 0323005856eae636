/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What shortens the copies on a tap of the plugin mirror stays there whatever the daemon does that
 * does not change what its rules want: none is whole in between. What is there is read from the
 * kernel.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"
#include "tests/harness/stage.h"
#include "tests/harness/traffic.h"

#define PINS MS_NETNS_BPFFS "/microseg/action-mirror"
#define SNAP 100
#define PAYLOAD 1000
#define TCX_EGRESS ((enum bpf_attach_type)47) /* newer than the headers */

static const char policy[] = "version: 1\n"
			     "groups:\n"
			     "  - { name: work, match: [{ name: \"veth-*\" }],\n"
			     "      default: { in: allow, out: allow } }\n";
static const char rule[] = "version: 1\nrules:\n"
			   "  - { id: u, proto: udp, dport: 9000, fallback: deny,\n"
			   "      action: [{ mirror: { to: tap0, snap: 100 } }, allow] }\n";
static const char config[] = "plugins: { mirror: {} }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, policy);
	ms_netns_tap();
	ms_plugin_folder_add("mirror");
	setenv("MS_TEST_HELD", microsegd->dir, 1);
	ms_proc_write_policy(microsegd, "05-action.yaml", rule);
}

/* The program that shortens copies; 0 = there is none. */
static unsigned int cutter(void)
{
	__u32 ids[4] = { 0 };

	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ids, .prog_cnt = 4);
	/* A kernel without TCX refuses the question. */
	if (bpf_prog_query_opts((int)if_nametoindex("tap0"), TCX_EGRESS, &opts) == 0)
		ck_assert_uint_le(opts.prog_cnt, 1);
	if (ids[0])
		return ids[0];
	ms_netns_read_command(text, sizeof(text),
			      "tc filter show dev tap0 egress | "
			      "sed -n 's/.* ms_action_mirror .* id \\([0-9]*\\) .*/\\1/p'");
	return (unsigned int)atoi(text);
}

/* The kernel takes a link off a little later than its pin. */
static bool is_gone(void *user)
{
	(void)user;
	return cutter() == 0;
}

struct copies {
	unsigned long long bytes, packets;
};

/* All that came so far. */
static struct copies count_copies(void)
{
	struct copies copies;

	ms_netns_read_command(text, sizeof(text),
			      "sed -n 's/.*tap1: *\\([0-9]*\\) *\\([0-9]*\\) .*/\\1 \\2/p' "
			      "/proc/thread-self/net/dev");
	ck_assert_int_eq(sscanf(text, "%llu %llu", &copies.bytes, &copies.packets), 2);
	return copies;
}

static void expect_short(struct copies since)
{
	struct copies now = count_copies();

	ck_assert_uint_eq(now.bytes - since.bytes, SNAP * (now.packets - since.packets));
}

/* To nobody: that none listens there is told by a send that sends nothing. */
static bool send_one(int fd)
{
	char payload[PAYLOAD] = { 0 };

	return send(fd, payload, sizeof(payload), 0) == sizeof(payload);
}

/* How many of `count` are copied, all of them short. */
static unsigned int copy_some(unsigned int count)
{
	ms_cleanup(ms_close_fd) int fd = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4000);
	struct copies before = count_copies();

	while (count)
		count -= send_one(fd);
	expect_short(before);
	return (unsigned int)(count_copies().packets - before.packets);
}

static void send_on(void *user)
{
	int fd = ms_traffic_udp(NULL, "10.1.0.2", 9000, 4001);

	(void)user;
	for (;;) {
		send_one(fd);
		sched_yield();
	}
}

/* Rules of the last one judge until the next one's are in force. */
START_TEST(it_stays_while_a_daemon_starts)
{
	unsigned int before, taken_over;

	ms_plugin_folder_start(microsegd, config);
	before = cutter();
	ck_assert_uint_ne(before, 0);
	ms_proc_kill(microsegd);
	ms_stage_bar(microsegd, "read");
	ms_proc_begin_program(microsegd, MS_TEST_HELD_DAEMON, "--plugin-dir", MS_PLUGIN_FOLDER,
			      NULL);
	ms_stage_wait(microsegd, "read");
	ck_assert_uint_eq(cutter(), before);
	ck_assert_uint_eq(copy_some(5), 5);
	ms_stage_let_go(microsegd, "read");
	ms_proc_wait_ready(microsegd);
	taken_over = cutter();
	ck_assert_uint_ne(taken_over, 0);
	ck_assert_uint_ne(taken_over, before);
	ck_assert_uint_eq(copy_some(5), 5);
	/* It goes when rules are in force that do not want it. */
	ms_proc_kill(microsegd);
	ck_assert_uint_eq(cutter(), taken_over);
	ms_proc_write_policy(microsegd, "05-action.yaml", "version: 1\n");
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert(ms_netns_wait(is_gone, NULL, 10));
	ms_proc_stop(microsegd);
}
END_TEST

/* The number of the link, which has it as long as it is there; nothing where there is none. */
static const char *read_link(char *buf, size_t size)
{
	return ms_netns_read_command(buf, size,
				     "pin=" PINS "/cut_%u; [ ! -e $pin ] || "
				     "bpftool -j link show pinned $pin | jq .id",
				     if_nametoindex("tap0"));
}

/* The next instance knows of no rule yet when it starts. */
START_TEST(it_stays_while_the_plugin_is_configured)
{
	static const char *const configs[] = { "plugins: { mirror: { before: true } }\n", config };
	char link[32], link_now[32];
	unsigned int program, program_now;
	struct copies before;
	pid_t sender;

	ms_plugin_folder_start(microsegd, config);
	read_link(link, sizeof(link));
	program = cutter();
	before = count_copies();
	sender = ms_proc_fork(NULL, send_on, NULL);
	for (size_t i = 0; i < 4; i++) {
		ms_proc_write_config(microsegd, configs[i % ms_array_size(configs)]);
		ms_ctl_do(microsegd, "reload", NULL);
		program_now = cutter();
		ck_assert_uint_ne(program_now, 0);
		ck_assert_uint_ne(program_now, program);
		program = program_now;
		ck_assert_str_eq(read_link(link_now, sizeof(link_now)), link);
	}
	ms_proc_end(sender);
	expect_short(before);
	ck_assert_uint_gt(count_copies().packets, before.packets);
	ms_proc_stop(microsegd);
}
END_TEST

static bool are_copied(void *user)
{
	(void)user;
	return copy_some(5) == 5;
}

/* Its pin has another spelling of its name for a while and a folder is in its place, so that the
 * plugin can neither look at it nor put the next program there. */
START_TEST(it_stays_where_it_cannot_be_looked_at)
{
	unsigned int before, ifindex = if_nametoindex("tap0");

	ms_plugin_folder_start(microsegd, config);
	before = cutter();
	ck_assert_uint_ne(before, 0);
	ms_netns_run_command("cd " PINS "; n=%u; for pin in cut_ filter_; do "
			     "[ ! -e $pin$n ] || { mv $pin$n ${pin}0$n; mkdir $pin$n; }; done",
			     ifindex);
	ms_ctl_do(microsegd, "plugin", "reload", "mirror", NULL);
	/* None rather than whole ones. */
	ck_assert_uint_eq(copy_some(5), 0);
	ck_assert_int_eq(ms_ctl_status(microsegd, text, sizeof(text), "status", "--check", NULL),
			 4);
	ck_assert_msg(strstr(text, "nothing is copied to tap0: its copies cannot be shortened"),
		      "%s", text);
	ck_assert_uint_eq(cutter(), before);
	ms_netns_run_command("cd " PINS "; n=%u; for pin in cut_ filter_; do "
			     "[ ! -e ${pin}0$n ] || { rmdir $pin$n; mv ${pin}0$n $pin$n; }; done",
			     ifindex);
	ck_assert(ms_netns_wait(are_copied, NULL, 10));
	ck_assert_uint_ne(cutter(), 0);
	ck_assert_uint_ne(cutter(), before);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/mirror_cut");
	TCase *tcase = tcase_create("mirror_cut");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, it_stays_while_a_daemon_starts);
	tcase_add_test(tcase, it_stays_while_the_plugin_is_configured);
	tcase_add_test(tcase, it_stays_where_it_cannot_be_looked_at);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
