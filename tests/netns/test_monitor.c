/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/monitor.h"

#include <errno.h>
#include <linux/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink/request.h"
#include "tests/harness/netns.h"
#include "tests/netns/listener.h"

static struct ms_listener *const heard = &ms_listener;

/* ---- the table is the kernel's ---- */

static unsigned int n_links;

static void count_link(void *user, const struct ms_link *link)
{
	char path[64], text[32] = "";
	FILE *file;

	(void)user;
	n_links++;
	snprintf(path, sizeof(path), "/sys/class/net/%s/ifindex", link->name);
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s is told but is not there", link->name);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	ck_assert_uint_eq((uint32_t)strtoul(text, NULL, 10), link->ifindex);
}

static void must_equal_kernel(void)
{
	char text[32];

	/* sysfs shows the namespace of whoever mounted it. */
	ms_netns_run_command("mount -t sysfs sysfs /sys");
	n_links = 0;
	ms_monitor_foreach(heard->monitor, count_link, NULL);
	ms_netns_read_command(text, sizeof(text), "ls /sys/class/net | wc -l");
	ck_assert_uint_eq(n_links, (unsigned int)strtoul(text, NULL, 10));
	ms_netns_run_command("umount /sys");
}

/* ---- tests ---- */

START_TEST(walk_tells_what_was_there_before)
{
	const struct ms_news *one;

	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_listener_open();
	ck_assert_uint_eq(heard->n_settled, 1);
	ck_assert_uint_eq(heard->n_news, 3);
	one = ms_listener_find_news("a0", MS_LINK_NEW);
	ck_assert_ptr_nonnull(one);
	ck_assert(one->link.from_walk);
	ck_assert_str_eq(one->link.kind, "veth");
	ck_assert(!one->link.is_physical && !one->link.is_loopback && !one->link.is_l3);
	ck_assert_uint_eq(one->link.parent, 0);
	one = ms_listener_find_news("lo", MS_LINK_NEW);
	ck_assert_ptr_nonnull(one);
	ck_assert(one->link.is_loopback && !one->link.is_physical);
	must_equal_kernel();
}
END_TEST

START_TEST(appearing_renaming_and_going_are_told)
{
	uint64_t incarnation;

	ms_listener_open();
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_news, 2);
	ck_assert(!ms_listener_find_news("a0", MS_LINK_NEW)->link.from_walk);
	ck_assert_uint_gt(ms_listener_find("a0")->seen_ns, 0);
	incarnation = ms_listener_find("a0")->incarnation;

	ms_netns_run_command("ip link set a0 name b0 && ip link set b0 up");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_news, 1);
	ck_assert_int_eq(heard->news[0].change, MS_LINK_CHANGED);
	ck_assert_str_eq(heard->news[0].link.name, "b0");
	ck_assert_str_eq(heard->news[0].old.name, "a0");
	ck_assert(heard->news[0].link.flags & IFF_UP && !(heard->news[0].old.flags & IFF_UP));
	ck_assert_uint_eq(heard->news[0].link.incarnation, incarnation);

	ms_netns_run_command("ip link del b0");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_news, 2);
	ck_assert_ptr_nonnull(ms_listener_find_news("b0", MS_LINK_GONE));
	ck_assert(!ms_listener_find_news("b0", MS_LINK_GONE)->moved);
	ck_assert_ptr_null(ms_monitor_find_name(heard->monitor, "b0"));
	must_equal_kernel();
}
END_TEST

START_TEST(what_lived_between_two_dispatches_is_not_told)
{
	ms_listener_open();
	ms_netns_run_command("ip link add a0 type veth peer name a1 && ip link del a0");
	ms_listener_dispatch();
	ck_assert_uint_eq(heard->n_news, 0);
}
END_TEST

START_TEST(leaving_a_bridge_is_not_going)
{
	ms_netns_run_command(
		"ip link add br0 type bridge && ip link add a0 type veth peer name a1");
	ms_listener_open();
	ms_netns_run_command("ip link set a0 master br0");
	ms_listener_dispatch();
	ck_assert_ptr_nonnull(ms_listener_find_news("a0", MS_LINK_CHANGED));
	ck_assert_str_eq(ms_listener_find("a0")->master_name, "br0");
	ck_assert_uint_eq(ms_listener_find("a0")->master, ms_listener_find("br0")->ifindex);

	ms_netns_run_command("ip link set br0 name br9");
	ms_listener_dispatch();
	ck_assert_str_eq(ms_listener_find_news("a0", MS_LINK_CHANGED)->link.master_name, "br9");

	ms_netns_run_command("ip link set a0 nomaster");
	ms_listener_dispatch();
	ck_assert_ptr_null(ms_listener_find_news("a0", MS_LINK_GONE));
	ck_assert_str_eq(ms_listener_find_news("a0", MS_LINK_CHANGED)->link.master_name, "");
	ck_assert_str_eq(ms_listener_find_news("a0", MS_LINK_CHANGED)->old.master_name, "br9");
}
END_TEST

START_TEST(moving_away_is_told_as_moving)
{
	uint64_t incarnation;

	ms_netns_add("other");
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_listener_open();
	incarnation = ms_listener_find("a1")->incarnation;
	ms_netns_run_command("ip link set a1 netns other");
	ms_listener_dispatch();
	ck_assert_ptr_nonnull(ms_listener_find_news("a1", MS_LINK_GONE));
	ck_assert(ms_listener_find_news("a1", MS_LINK_GONE)->moved);

	ms_netns_run_command("ip -n other link set a1 netns $$");
	ms_listener_dispatch();
	ck_assert_ptr_nonnull(ms_listener_find_news("a1", MS_LINK_NEW));
	ck_assert_uint_ne(ms_listener_find("a1")->incarnation, incarnation);
}
END_TEST

START_TEST(number_used_again_is_an_end_and_a_beginning)
{
	uint64_t incarnation;

	ms_netns_run_command("ip link add a0 index 77 type veth peer name a1");
	ms_listener_open();
	incarnation = ms_listener_find("a0")->incarnation;
	ms_netns_run_command("ip link del a0 && ip link add a0 index 77 type veth peer name a1");
	ms_listener_dispatch();
	ck_assert_int_eq(heard->news[0].change, MS_LINK_GONE);
	ck_assert_uint_eq(heard->news[0].link.incarnation, incarnation);
	ck_assert_int_eq(heard->news[1].change, MS_LINK_NEW);
	ck_assert_uint_eq(heard->news[1].link.ifindex, 77);
	ck_assert_uint_ne(heard->news[1].link.incarnation, incarnation);
	ck_assert_uint_eq(ms_monitor_find(heard->monitor, 77)->incarnation,
			  heard->news[1].link.incarnation);
}
END_TEST

static void make_room(int bytes)
{
	ck_assert_int_eq(setsockopt(ms_monitor_fd(heard->monitor), SOL_SOCKET, SO_RCVBUF, &bytes,
				    sizeof(bytes)),
			 0);
}

static void make_veths(const char *prefix, unsigned int first, unsigned int count)
{
	FILE *batch = popen("ip -batch -", "we");

	ck_assert_ptr_nonnull(batch);
	for (unsigned int i = first; i < first + count; i++)
		fprintf(batch, "link add %s%u type veth peer name %sp%u\n", prefix, i, prefix, i);
	ck_assert_int_eq(pclose(batch), 0);
}

START_TEST(overrun_ends_in_the_kernels_table)
{
	make_veths("v", 0, 20);
	ms_listener_open();
	make_room(1);
	make_veths("w", 0, 300);
	ms_netns_run_command("for i in $(seq 0 9); do ip link del v$i; done");
	ms_listener_dispatch();
	ck_assert_uint_ge(ms_monitor_stats(heard->monitor).overruns, 1);
	ck_assert_uint_eq(ms_monitor_stats(heard->monitor).resyncs, 1);
	for (unsigned int i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%u", i);
		ck_assert_ptr_nonnull(ms_listener_find_news(name, MS_LINK_GONE));
	}
	ck_assert_uint_eq(heard->n_news, 600 + 20);
	must_equal_kernel();
}
END_TEST

START_TEST(overruns_are_mended_once_a_second)
{
	int due;

	ms_listener_open();
	make_room(1);
	make_veths("v", 0, 20);
	ms_listener_dispatch();
	ck_assert_uint_eq(ms_monitor_stats(heard->monitor).resyncs, 1);
	ck_assert_int_eq(ms_monitor_resync_due_ms(heard->monitor), -1);

	make_veths("w", 0, 20);
	ms_listener_dispatch();
	ck_assert_uint_eq(ms_monitor_stats(heard->monitor).resyncs, 1);
	due = ms_monitor_resync_due_ms(heard->monitor);
	ck_assert_int_gt(due, 0);
	ck_assert_int_le(due, 1000);
	ck_assert_int_eq(ms_monitor_resync(heard->monitor), 0);
	ck_assert_int_eq(ms_monitor_resync_due_ms(heard->monitor), -1);
	must_equal_kernel();
}
END_TEST

/* Nobody said that 77 ended; the kernel shows a device of that number, name and kind. */
START_TEST(number_used_again_is_noticed_across_an_overrun)
{
	uint64_t incarnation, other;

	ms_netns_run_command("ip link add a0 index 77 type veth peer name a1");
	ms_netns_run_command("ip link add b0 type veth peer name b1");
	ms_listener_open();
	make_room(1);
	incarnation = ms_listener_find("a0")->incarnation;
	other = ms_listener_find("b0")->incarnation;
	make_veths("w", 0, 20);
	ms_netns_run_command("ip link set b0 name c0");
	ms_netns_run_command("ip link del a0 && ip link add a0 index 77 type veth peer name a1");
	ms_listener_dispatch();
	ck_assert_uint_ge(ms_monitor_stats(heard->monitor).overruns, 1);
	ck_assert_ptr_nonnull(ms_listener_find_news("a0", MS_LINK_GONE));
	ck_assert_ptr_nonnull(ms_listener_find_news("a0", MS_LINK_NEW));
	ck_assert_uint_ne(ms_listener_find("a0")->incarnation, incarnation);
	/* while one that was only renamed meanwhile stays who it was */
	ck_assert_ptr_nonnull(ms_listener_find_news("c0", MS_LINK_CHANGED));
	ck_assert_uint_eq(ms_listener_find("c0")->incarnation, other);
}
END_TEST

/* ---- a dump that leaves out what there is ---- */

int __real_ms_request_dump(struct ms_request *request, struct nl_msg *message,
			   ms_request_on_answer on_answer, void *user, bool *ret_inconsistent);
int __wrap_ms_request_dump(struct ms_request *request, struct nl_msg *message,
			   ms_request_on_answer on_answer, void *user, bool *ret_inconsistent);

static bool dumps_are_empty;

static void say_nothing(void *user, size_t index, struct nlmsghdr *answer)
{
	(void)user;
	(void)index;
	(void)answer;
}

int __wrap_ms_request_dump(struct ms_request *request, struct nl_msg *message,
			   ms_request_on_answer on_answer, void *user, bool *ret_inconsistent)
{
	int r = __real_ms_request_dump(request, message, dumps_are_empty ? say_nothing : on_answer,
				       user, ret_inconsistent);

	if (dumps_are_empty)
		*ret_inconsistent = true;
	return r;
}

START_TEST(inconsistent_dump_deletes_nothing)
{
	size_t addresses;

	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_netns_run_command("ip addr add 10.1.0.1/24 dev a0");
	ms_listener_open();
	ms_monitor_addresses(heard->monitor, &addresses);
	ms_netns_run_command("ip link add b0 type veth peer name b1");
	dumps_are_empty = true;
	ms_listener_forget();
	ck_assert_int_eq(ms_monitor_resync(heard->monitor), 0);
	ck_assert_uint_ge(ms_monitor_stats(heard->monitor).inconsistent_dumps, 3);
	ck_assert_uint_eq(heard->n_news, 2);
	ck_assert_ptr_nonnull(ms_listener_find_news("b0", MS_LINK_NEW));
	ck_assert_uint_eq(heard->n_address_changes, 0);
	must_equal_kernel();

	/* The twin: what the kernel itself denies does go, whatever the dump was like. */
	make_room(1);
	make_veths("w", 0, 20);
	ms_netns_run_command("ip link del a0");
	ms_listener_forget();
	ck_assert_int_eq(ms_monitor_resync(heard->monitor), 0);
	ck_assert_ptr_nonnull(ms_listener_find_news("a0", MS_LINK_GONE));
	ck_assert_ptr_null(ms_listener_find_news("b0", MS_LINK_GONE));
	/* and what it may have left out is looked for again */
	ck_assert_int_ge(ms_monitor_resync_due_ms(heard->monitor), 0);
	dumps_are_empty = false;
	ck_assert_int_eq(ms_monitor_resync(heard->monitor), 0);
	ck_assert_int_eq(ms_monitor_resync_due_ms(heard->monitor), -1);
	must_equal_kernel();
}
END_TEST

/* ---- churn ---- */

static void *churn(void *user)
{
	bool *done = user;

	/* Names and numbers used again and again, and one that stays each time. */
	for (int i = 0; i < 40; i++) {
		ms_netns_try_command("ip link add s%d type veth peer name t%d; "
				     "ip link add a0 index 7777 type veth peer name a1; "
				     "ip link set a0 name b0; ip link set b0 up; ip link del b0",
				     i, i);
	}
	__atomic_store_n(done, true, __ATOMIC_RELEASE);
	return NULL;
}

START_TEST(table_is_the_kernels_after_churn_in_a_socket_too_small)
{
	struct pollfd readable = { .events = POLLIN };
	bool done = false;
	pthread_t thread;

	ms_listener_open();
	make_room(1);
	make_veths("v", 0, 20);
	readable.fd = ms_monitor_fd(heard->monitor);
	ck_assert_int_eq(pthread_create(&thread, NULL, churn, &done), 0);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		int due = ms_monitor_resync_due_ms(heard->monitor);

		/* as the daemon's loop does it */
		poll(&readable, 1, due >= 0 && due < 50 ? due : 50);
		if (ms_monitor_resync_due_ms(heard->monitor) == 0)
			ck_assert_int_eq(ms_monitor_resync(heard->monitor), 0);
		ms_listener_dispatch();
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(ms_monitor_stats(heard->monitor).overruns, 1);
	ms_listener_dispatch();
	if (ms_monitor_resync_due_ms(heard->monitor) >= 0)
		ck_assert_int_eq(ms_monitor_resync(heard->monitor), 0);
	must_equal_kernel();
	ck_assert_ptr_null(ms_monitor_find(heard->monitor, 7777));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/monitor");
	TCase *tcase = tcase_create("monitor");

	tcase_add_checked_fixture(tcase, ms_listener_set_up, ms_listener_tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, walk_tells_what_was_there_before);
	tcase_add_test(tcase, appearing_renaming_and_going_are_told);
	tcase_add_test(tcase, what_lived_between_two_dispatches_is_not_told);
	tcase_add_test(tcase, leaving_a_bridge_is_not_going);
	tcase_add_test(tcase, moving_away_is_told_as_moving);
	tcase_add_test(tcase, number_used_again_is_an_end_and_a_beginning);
	tcase_add_test(tcase, overrun_ends_in_the_kernels_table);
	tcase_add_test(tcase, overruns_are_mended_once_a_second);
	tcase_add_test(tcase, number_used_again_is_noticed_across_an_overrun);
	tcase_add_test(tcase, inconsistent_dump_deletes_nothing);
	tcase_add_test(tcase, table_is_the_kernels_after_churn_in_a_socket_too_small);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
