/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin capture in a daemon; its files are read by tcpdump, and by a reader that is strict. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/traffic.h"
#include "tests/netns/pcapng.h"

#define FILES MS_NETNS_DIR "/capture"
#define CURRENT FILES "/microseg.pcap"
#define PORT 9000
#define SIZE 1000 /* of what a datagram carries */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static struct ms_pcapng_packet packets[512];
static char text[65536];
/* Beyond the last of three, and that last one. */
static const char *const stuck[] = { "microseg.7.pcap", "microseg.2.pcap" };

static void setup(void)
{
	ms_plugin_folder_setup(microsegd, NULL);
	ms_plugin_folder_add("capture");
}

static void configure(const char *config)
{
	snprintf(text, sizeof(text), "plugins: { capture: { folder: " FILES "%s } }\n", config);
	ms_proc_write_config(microsegd, text);
}

static void start(const char *config)
{
	configure(config);
	ms_plugin_folder_start(microsegd, NULL);
}

static void reload(const char *config)
{
	configure(config);
	ms_ctl_do(microsegd, "reload", NULL);
}

static void policy(const char *action)
{
	snprintf(text, sizeof(text),
		 "version: 1\nrules:\n"
		 "  - { id: seen/udp, dir: in, proto: udp, dport: 9000, fallback: deny,\n"
		 "      action: %s }\n",
		 action);
	ms_proc_write_policy(microsegd, "05-action.yaml", text);
	if (ms_proc_is_alive(microsegd))
		ms_ctl_do(microsegd, "policy", "apply", NULL);
}

static json_int_t stat_of(const char *name)
{
	json_auto_t *lines = ms_ctl(microsegd, "plugin", "show", "capture", NULL);
	json_t *number = ms_ctl_find(lines, "stats", "name", name);

	ck_assert_ptr_nonnull(number);
	return json_integer_value(json_object_get(number, "value"));
}

/* All that was handed over is written, or could not be. */
static bool is_done(void *user)
{
	return stat_of("written") + stat_of("failed") >= *(const json_int_t *)user;
}

static void wait_for(json_int_t count)
{
	ck_assert(ms_netns_wait(is_done, &count, 10));
}

static void send_some(unsigned int count)
{
	ms_cleanup(ms_close_fd) int fd = ms_traffic_udp(NULL, "10.1.0.2", PORT, 4000);
	char payload[SIZE] = "payload";

	for (unsigned int i = 0; i < count; i++) {
		/* What the other end says to it (nobody listens) is no matter. */
		if (send(fd, payload, sizeof(payload), 0) < 0)
			ck_assert_int_eq(send(fd, payload, sizeof(payload), 0), sizeof(payload));
	}
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Packets that tcpdump finds in a file; it must have nothing to complain. */
static unsigned int count_by_tcpdump(const char *path)
{
	ms_netns_run_command(
		"tcpdump -nn -r %s > " MS_NETNS_DIR "/dump 2> " MS_NETNS_DIR "/complaints", path);
	ms_netns_run_command("! grep -hv -e '^reading from file' -e ' IP ' " MS_NETNS_DIR
			     "/dump " MS_NETNS_DIR "/complaints");
	return (unsigned int)strtoul(
		ms_netns_read_command(text, sizeof(text), "grep -c ' IP ' " MS_NETNS_DIR "/dump"),
		NULL, 10);
}

START_TEST(packets_are_written_as_they_were)
{
	uint64_t begun = wall_ns();
	struct stat file;

	policy(_i ? "[capture, deny]" : "[{ capture: { snap: 60 } }, allow]");
	start("");
	send_some(3);
	wait_for(3);
	ck_assert_uint_eq(count_by_tcpdump(CURRENT), 3);
	ms_netns_read_command(text, sizeof(text), "cat " MS_NETNS_DIR "/dump");
	ck_assert_msg(strstr(text, "IP 10.1.0.1.4000 > 10.1.0.2.9000: UDP, length 1000") != NULL,
		      "%s", text);
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, 512), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_str_eq(packets[i].interface, "veth-a");
		ck_assert_str_eq(packets[i].comment, _i ? "rule=seen/udp verdict=deny dir=in"
							: "rule=seen/udp verdict=allow dir=in");
		ck_assert_uint_eq(packets[i].flags, 2); /* the link sends what goes in to "a" */
		ck_assert_uint_eq(packets[i].length, 14 + 28 + SIZE);
		ck_assert_uint_eq(packets[i].size, _i ? 14 + 28 + SIZE : 60);
		ck_assert_mem_eq(packets[i].bytes + 14 + 28, "payload", 7);
		ck_assert(packets[i].time_ns >= begun && packets[i].time_ns <= wall_ns());
	}
	ck_assert_int_eq(stat(CURRENT, &file), 0);
	ck_assert_uint_eq(file.st_mode & 07777, 0600);
	/* The twin: without the action nothing more is written. */
	policy("allow");
	send_some(3);
	ck_assert_int_eq(stat_of("taken"), 3);
	ms_proc_stop(microsegd);
}
END_TEST

/* The command of the plugin's text, with the file of the test in the place of its own. */
static void find_command(char *into, size_t size)
{
	static const char start[] = "$ sudo tshark ",
			  theirs[] = "/var/lib/microseg/plugin-capture/";
	char *file;

	ms_netns_read_command(text, sizeof(text), "grep -F '%s' " MS_CAPTURE_README, start);
	file = strstr(text, theirs);
	ck_assert_msg(strncmp(text, start, strlen(start)) == 0 && file, "%s", text);
	file[0] = '\0';
	snprintf(into, size, "%.100s" FILES "/%.300s", text + strlen("$ sudo "),
		 file + strlen(theirs));
}

START_TEST(tshark_tells_interface_direction_and_rule)
{
	char command[512];

	policy(_i ? "[capture, deny]" : "[capture, allow]");
	start("");
	send_some(2);
	wait_for(2);
	find_command(command, sizeof(command));
	ms_netns_run_command("%s >" MS_NETNS_DIR "/told 2>" MS_NETNS_DIR "/complaints", command);
	/* Before them it says that it runs as root. */
	ms_netns_read_command(text, sizeof(text), "tail -n 2 " MS_NETNS_DIR "/told");
	ck_assert_str_eq(text, _i ? "veth-a\t0x00000002\trule=seen/udp verdict=deny dir=in\n"
				    "veth-a\t0x00000002\trule=seen/udp verdict=deny dir=in"
				  : "veth-a\t0x00000002\trule=seen/udp verdict=allow dir=in\n"
				    "veth-a\t0x00000002\trule=seen/udp verdict=allow dir=in");
	/* It takes all of it for a whole file, which says who wrote it. */
	ms_netns_run_command("! grep -i -e error -e malformed -e 'cut short' " MS_NETNS_DIR
			     "/complaints");
	ms_netns_read_command(text, sizeof(text),
			      "tshark -r " CURRENT " -T fields -e frame.len -e udp.dstport -e "
			      "_ws.expert");
	ck_assert_msg(strstr(text, "1042\t9000") != NULL, "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

/* A tagged frame: the kernel keeps the tag beside the bytes, and the file has it within. */
START_TEST(a_tag_is_where_it_was)
{
	ms_cleanup(ms_close_fd) int fd = -1;

	ms_proc_write_policy(microsegd, "05-action.yaml",
			     "version: 1\nrules:\n"
			     "  - { id: tagged, dir: out, proto: udp, vlan: 77, fallback: deny,\n"
			     "      action: [capture, allow] }\n");
	start("");
	fd = ms_traffic_raw("a", "eth0");
	ms_traffic_raw_udp(fd, "10.1.0.2", 4000, "10.1.0.1", PORT, 77);
	wait_for(1);
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, 512), 1);
	ck_assert_uint_eq(packets[0].flags, 1); /* the link receives what goes out of "a" */
	ck_assert_str_eq(packets[0].comment, "rule=tagged verdict=allow dir=out");
	ck_assert_mem_eq(packets[0].bytes + 12, ((uint8_t[]) { 0x81, 0x00, 0, 77, 0x08, 0 }), 6);
	count_by_tcpdump(CURRENT);
	ms_netns_read_command(text, sizeof(text), "tcpdump -e -nn -r " CURRENT " 2>/dev/null");
	ck_assert_msg(strstr(text, "vlan 77,") != NULL, "%s", text);
	ms_proc_stop(microsegd);
}
END_TEST

static void expect_files(const char *names)
{
	ms_netns_read_command(text, sizeof(text), "cd " FILES " && echo -n *");
	ck_assert_str_eq(text, names);
}

/* What is beyond is the oldest; a file of somebody else's stays. */
START_TEST(fewer_files_than_before_are_kept)
{
	policy("[{ capture: 1M }, allow]");
	start(", file_size: 64KiB, files: 6");
	for (int i = 0; i < 6; i++) {
		send_some(60);
		wait_for(60 * (i + 1));
	}
	ms_netns_run_command("cd " FILES " && rm microseg.3.pcap && touch microseg.5.pcap.kept");
	expect_files("microseg.1.pcap microseg.2.pcap microseg.4.pcap microseg.5.pcap "
		     "microseg.5.pcap.kept microseg.pcap");
	reload(", file_size: 64KiB, files: 2");
	send_some(10);
	wait_for(10);
	expect_files("microseg.1.pcap microseg.5.pcap.kept microseg.pcap");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(files_rotate_and_stay_bounded)
{
	static const char *const names[] = { CURRENT, FILES "/microseg.1.pcap",
					     FILES "/microseg.2.pcap" };
	unsigned int sum = 0;
	uint64_t last_ns = UINT64_MAX;

	policy("[{ capture: 1M }, allow]");
	start(", file_size: 64KiB, files: 3");
	/* Some 57 fit a file. */
	for (int i = 0; i < 10; i++) {
		send_some(40);
		wait_for(40 * (i + 1));
	}
	ck_assert_int_eq(stat_of("failed"), 0);
	ck_assert_int_ge(stat_of("files_begun"), 7);
	for (size_t i = 0; i < ms_array_size(names); i++) {
		size_t count = ms_pcapng_read(names[i], packets, 512);
		struct stat file;

		ck_assert_int_eq(stat(names[i], &file), 0);
		ck_assert_int_le(file.st_size, 65536);
		ck_assert_uint_gt(count, 0);
		ck_assert_uint_eq(count_by_tcpdump(names[i]), count);
		/* An older file has older packets. */
		ck_assert_uint_le(packets[count - 1].time_ns, last_ns);
		last_ns = packets[0].time_ns;
		sum += (unsigned int)count;
	}
	ck_assert_uint_lt(sum, 400);
	ms_netns_read_command(text, sizeof(text), "ls " FILES " | wc -l");
	ck_assert_str_eq(text, "3");
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(what_is_over_the_rate_is_counted)
{
	policy("[{ capture: 1 }, allow]");
	start("");
	send_some(20);
	ck_assert_int_eq(stat_of("taken") + stat_of("over_rate"), 20);
	ck_assert_int_ge(stat_of("over_rate"), 15);
	wait_for(stat_of("taken"));
	ck_assert_int_eq((json_int_t)ms_pcapng_read(CURRENT, packets, 512), stat_of("taken"));
	/* They pass all the same. */
	ck_assert_int_eq(ms_ctl_rule_packets(microsegd, "seen/udp"), 20);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(packets_of_a_time_without_a_daemon_are_written_by_the_next)
{
	policy("[capture, allow]");
	start("");
	send_some(2);
	wait_for(2);
	ms_proc_kill(microsegd);
	send_some(5);
	start("");
	wait_for(5);
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, 512), 5);
	ck_assert_str_eq(packets[4].comment, "rule=seen/udp verdict=allow dir=in");
	ck_assert_uint_eq(ms_pcapng_read(FILES "/microseg.1.pcap", packets, 512), 2);
	/* And a reload goes on in the same file. */
	ms_ctl_do(microsegd, "plugin", "reload", "capture", NULL);
	send_some(2);
	wait_for(7);
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, 512), 7);
	ms_proc_stop(microsegd);
}
END_TEST

/* What `status` calls a problem of the plugin's. */
static bool has_problem(void *user)
{
	json_auto_t *lines = ms_ctl(microsegd, "status", NULL);
	char *all = json_dumps(json_object_get(json_array_get(lines, 0), "problems"), 0);
	bool has = strstr(all, (const char *)user) != NULL;

	free(all);
	return has;
}

static bool is_well(void *user)
{
	(void)user;
	return !has_problem((void *)"capture");
}

static char not_written[] = "capture: cannot write packets to " FILES ": ";

START_TEST(a_full_disk_leaves_whole_blocks_and_is_a_problem)
{
	json_int_t written;

	ck_assert_int_eq(mkdir(FILES, 0700), 0);
	ck_assert_int_eq(mount("none", FILES, "tmpfs", 0, "size=512k"), 0);
	policy("[{ capture: 1M }, allow]");
	start("");
	send_some(20);
	wait_for(20);
	ms_netns_run_command("head -c 448K /dev/zero > " FILES "/filler");
	for (int i = 1; i < 10; i++) {
		send_some(20);
		wait_for(20 * (i + 1));
	}
	ck_assert(ms_netns_wait(has_problem, not_written, 10));
	written = stat_of("written");
	ck_assert_int_gt(written, 0);
	ck_assert_int_gt(stat_of("failed"), 0);
	ck_assert_int_eq(written + stat_of("failed"), 200);
	ms_netns_run_command("for file in " FILES
			     "/*.pcap; do tcpdump -nn -r $file > /dev/null; done");
	ck_assert(has_problem((void *)": No space left on device"));
	/* Room again: it goes on by itself, and it is over before the next packet comes. */
	ck_assert_int_eq(mount("none", FILES, "tmpfs", MS_REMOUNT, "size=4m"), 0);
	ck_assert(ms_netns_wait(is_well, NULL, 10));
	send_some(20);
	wait_for(220);
	ck_assert_int_eq(stat_of("written"), written + 20);
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, 512), 20);
	ms_proc_stop(microsegd);
	ck_assert_int_eq(umount(FILES), 0);
}
END_TEST

/* A folder with something in it is what nobody can unlink. */
START_TEST(a_file_that_cannot_be_removed_holds_nothing_up)
{
	policy("[{ capture: 1M }, allow]");
	ms_netns_run_command("mkdir -p " FILES "/%s/kept", stuck[_i]);
	start(", file_size: 64KiB, files: 3");
	for (int i = 0; i < 5; i++) {
		send_some(60);
		wait_for(60 * (i + 1));
	}
	ck_assert_int_eq(stat_of("failed"), 0);
	snprintf(text, sizeof(text), "capture: cannot remove or replace " FILES "/%s", stuck[_i]);
	ck_assert_msg(ms_netns_wait(has_problem, text, 10), "not told: %s", text);
	ck_assert_uint_gt(ms_pcapng_read(CURRENT, packets, 512), 0);
	ms_netns_run_command("rmdir " FILES "/%s/kept " FILES "/%s", stuck[_i], stuck[_i]);
	send_some(60);
	wait_for(360);
	ck_assert(ms_netns_wait(is_well, NULL, 10));
	ms_proc_stop(microsegd);
}
END_TEST

/* While it runs: the folder is gone, and what would be its place cannot have one. */
START_TEST(a_folder_that_goes_is_a_problem_until_it_is_back)
{
	policy("[{ capture: 1M }, allow]");
	start(", file_size: 64KiB");
	send_some(60);
	wait_for(60);
	ms_netns_run_command("rm -r " FILES " && touch " FILES);
	send_some(60);
	wait_for(120);
	ck_assert(ms_netns_wait(has_problem, not_written, 10));
	ms_netns_run_command("rm " FILES);
	ck_assert(ms_netns_wait(is_well, NULL, 10));
	send_some(3);
	wait_for(123);
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, 512), 3);
	ms_proc_stop(microsegd);
}
END_TEST

/* Also with its folder. */
START_TEST(a_file_that_is_removed_is_begun_anew)
{
	policy("[{ capture: 1M }, allow]");
	start("");
	send_some(3);
	wait_for(3);
	ck_assert_int_eq(stat_of("files_begun"), 1);
	ck_assert_int_eq(unlink(CURRENT), 0);
	send_some(2);
	wait_for(5);
	ck_assert_uint_eq(count_by_tcpdump(CURRENT), 2);
	ck_assert_int_eq(stat_of("files_begun"), 2);
	ck_assert_int_eq(stat_of("files_removed"), 1);
	ms_netns_run_command("rm -r " FILES);
	send_some(4);
	wait_for(9);
	ck_assert_uint_eq(count_by_tcpdump(CURRENT), 4);
	ck_assert_int_eq(stat_of("files_removed"), 2);
	ck_assert_int_eq(stat_of("failed"), 0);
	/* The twin: one that is renamed is not. */
	ms_netns_run_command("mv " CURRENT " " FILES "/kept");
	send_some(1);
	wait_for(10);
	ck_assert_uint_eq(count_by_tcpdump(FILES "/kept"), 5);
	ck_assert_int_eq(stat_of("files_begun"), 3);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(without_a_folder_it_is_the_daemons_state_directory)
{
	char path[256];

	policy("[capture, allow]");
	ms_proc_write_config(microsegd, "plugins: { capture: {} }\n");
	ms_plugin_folder_start(microsegd, NULL);
	send_some(3);
	wait_for(3);
	snprintf(path, sizeof(path), "%s/state/plugin-capture/microseg.pcap", microsegd->dir);
	ck_assert_uint_eq(count_by_tcpdump(path), 3);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_said)
{
	json_auto_t *lines = NULL;
	json_t *entry;

	policy("[capture, allow]");
	start("/not/there");
	lines = ms_ctl(microsegd, "plugin", "list", NULL);
	entry = ms_ctl_find(lines, "plugins", "name", "capture");
	ck_assert_str_eq(ms_ctl_text(entry, "state"), "failed");
	ck_assert_msg(strstr(ms_ctl_text(entry, "reason"),
			     "cannot write to " FILES "/not/there: No such file") != NULL,
		      "%s", ms_ctl_text(entry, "reason"));
	ms_proc_stop(microsegd);
}
END_TEST

#define HANG MS_NETNS_DIR "/hang"

static bool hangs(void *user)
{
	(void)user;
	return strcmp(ms_netns_read_command(text, sizeof(text), "cat " HANG), "hangs") == 0;
}

static void start_and_hang(void)
{
	setenv("MS_TEST_HUNG_WRITE", HANG, 1);
	setenv("LD_PRELOAD", MS_TEST_HUNG_WRITE, 1);
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
	policy("[capture, allow]");
	start("");
	unsetenv("LD_PRELOAD");
	send_some(3);
	wait_for(3);
	ms_netns_run_command("touch " HANG);
	send_some(1);
	ck_assert(ms_netns_wait(hangs, NULL, 10));
}

/* By another configuration, or by another load. */
static void begin_again(bool is_load, const char *config)
{
	if (!is_load) {
		reload(config);
		return;
	}
	policy("allow");
	ms_ctl_do(microsegd, "plugin", "unload", "capture", NULL);
	ms_ctl_do(microsegd, "plugin", "load", "capture", NULL);
	policy("[capture, allow]");
}

/* Its rules do not go to their fallback for it, and it mends itself. */
START_TEST(it_begins_again_while_a_write_hangs)
{
	static char told[] = "capture: a write that was begun before it was loaded still hangs";

	start_and_hang();
	begin_again(_i, ", files: 2");
	ck_assert(has_problem(told));
	send_some(2);
	ck_assert_int_eq(stat_of("taken"), 6);
	ck_assert_int_eq(stat_of("written"), 0);
	/* And once more, with no thread of its own to end. */
	begin_again(_i, ", files: 3");
	ck_assert(has_problem(told));
	ms_netns_run_command("rm " HANG);
	ck_assert(ms_netns_wait(is_well, NULL, 10));
	send_some(1);
	wait_for(3);
	ck_assert_uint_eq(ms_pcapng_read(CURRENT, packets, 512), 3);
	ck_assert_uint_eq(ms_pcapng_read(FILES "/microseg.1.pcap", packets, 512), 4);
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(after_a_hung_write_a_folder_that_cannot_be_is_a_problem)
{
	static char told[] = "capture: cannot write packets to " FILES "/not/there: No such file";

	start_and_hang();
	reload("/not/there");
	ms_netns_run_command("rm " HANG);
	ck_assert(ms_netns_wait(has_problem, told, 10));
	ms_netns_run_command("mkdir " FILES "/not");
	ck_assert(ms_netns_wait(is_well, NULL, 10));
	send_some(1);
	wait_for(1);
	ck_assert_uint_eq(ms_pcapng_read(FILES "/not/there/microseg.pcap", packets, 512), 1);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/capture");
	TCase *tcase = tcase_create("capture");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, packets_are_written_as_they_were, 0, 2);
	tcase_add_loop_test(tcase, tshark_tells_interface_direction_and_rule, 0, 2);
	tcase_add_test(tcase, a_tag_is_where_it_was);
	tcase_add_test(tcase, files_rotate_and_stay_bounded);
	tcase_add_test(tcase, fewer_files_than_before_are_kept);
	tcase_add_test(tcase, what_is_over_the_rate_is_counted);
	tcase_add_test(tcase, packets_of_a_time_without_a_daemon_are_written_by_the_next);
	tcase_add_test(tcase, a_full_disk_leaves_whole_blocks_and_is_a_problem);
	tcase_add_loop_test(tcase, a_file_that_cannot_be_removed_holds_nothing_up, 0,
			    (int)ms_array_size(stuck));
	tcase_add_test(tcase, a_folder_that_goes_is_a_problem_until_it_is_back);
	tcase_add_test(tcase, a_file_that_is_removed_is_begun_anew);
	tcase_add_test(tcase, without_a_folder_it_is_the_daemons_state_directory);
	tcase_add_test(tcase, a_folder_that_cannot_be_is_said);
	tcase_add_loop_test(tcase, it_begins_again_while_a_write_hangs, 0, 2);
	tcase_add_test(tcase, after_a_hung_write_a_folder_that_cannot_be_is_a_problem);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
