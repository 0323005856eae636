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

#define NEWS_MAX 4096

static struct news {
	enum ms_link_change change;
	struct ms_link link, old;
	bool moved;
} news[NEWS_MAX];
static unsigned int n_news, n_settled, n_address_changes, n_tc;
static uint32_t last_tc;
static struct ms_monitor *monitor;

static void on_link(void *user, enum ms_link_change change, const struct ms_link *link,
		    const struct ms_link *old, bool moved)
{
	(void)user;
	ck_assert_uint_lt(n_news, NEWS_MAX);
	ck_assert_int_eq(change == MS_LINK_CHANGED, old != NULL);
	news[n_news] = (struct news) { .change = change, .link = *link, .moved = moved };
	if (old)
		news[n_news].old = *old;
	n_news++;
}

static void on_tc(void *user, uint32_t ifindex)
{
	(void)user;
	n_tc++;
	last_tc = ifindex;
}

static void on_addresses(void *user)
{
	(void)user;
	n_address_changes++;
}

static void on_settled(void *user)
{
	(void)user;
	n_settled++;
}

static void forget(void)
{
	n_news = n_settled = n_address_changes = n_tc = 0;
}

static void open_monitor(void)
{
	static const struct ms_monitor_callbacks callbacks = { on_link, on_tc, on_addresses,
							       on_settled };

	ck_assert_int_eq(ms_monitor_open(&callbacks, NULL, &monitor, NULL), 0);
}

/* What a command did is in the socket when it returns. */
static void dispatch(void)
{
	forget();
	ck_assert_int_eq(ms_monitor_dispatch(monitor), 0);
	ck_assert_uint_eq(n_settled, 1);
}

static void set_up(void)
{
	ms_netns_setup();
}

static void tear_down(void)
{
	monitor = ms_monitor_close(monitor);
}

static const struct news *find_news(const char *name, enum ms_link_change change)
{
	for (unsigned int i = 0; i < n_news; i++) {
		if (news[i].change == change && strcmp(news[i].link.name, name) == 0)
			return &news[i];
	}
	return NULL;
}

static const struct ms_link *find(const char *name)
{
	const struct ms_link *link = ms_monitor_find_name(monitor, name);

	ck_assert_msg(link != NULL, "%s is not known", name);
	return link;
}

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
	ms_monitor_foreach(monitor, count_link, NULL);
	ms_netns_read_command(text, sizeof(text), "ls /sys/class/net | wc -l");
	ck_assert_uint_eq(n_links, (unsigned int)strtoul(text, NULL, 10));
	ms_netns_run_command("umount /sys");
}

/* ---- tests ---- */

START_TEST(walk_tells_what_was_there_before)
{
	const struct news *one;

	ms_netns_run_command("ip link add a0 type veth peer name a1");
	open_monitor();
	ck_assert_uint_eq(n_settled, 1);
	ck_assert_uint_eq(n_news, 3);
	one = find_news("a0", MS_LINK_NEW);
	ck_assert_ptr_nonnull(one);
	ck_assert(one->link.from_walk);
	ck_assert_str_eq(one->link.kind, "veth");
	ck_assert(!one->link.is_physical && !one->link.is_loopback && !one->link.is_l3);
	ck_assert_uint_eq(one->link.parent, 0);
	one = find_news("lo", MS_LINK_NEW);
	ck_assert_ptr_nonnull(one);
	ck_assert(one->link.is_loopback && !one->link.is_physical);
	must_equal_kernel();
}
END_TEST

START_TEST(appearing_renaming_and_going_are_told)
{
	uint64_t incarnation;

	open_monitor();
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	dispatch();
	ck_assert_uint_eq(n_news, 2);
	ck_assert(!find_news("a0", MS_LINK_NEW)->link.from_walk);
	ck_assert_uint_gt(find("a0")->seen_ns, 0);
	incarnation = find("a0")->incarnation;

	ms_netns_run_command("ip link set a0 name b0 && ip link set b0 up");
	dispatch();
	ck_assert_uint_eq(n_news, 1);
	ck_assert_int_eq(news[0].change, MS_LINK_CHANGED);
	ck_assert_str_eq(news[0].link.name, "b0");
	ck_assert_str_eq(news[0].old.name, "a0");
	ck_assert(news[0].link.flags & IFF_UP && !(news[0].old.flags & IFF_UP));
	ck_assert_uint_eq(news[0].link.incarnation, incarnation);

	ms_netns_run_command("ip link del b0");
	dispatch();
	ck_assert_uint_eq(n_news, 2);
	ck_assert_ptr_nonnull(find_news("b0", MS_LINK_GONE));
	ck_assert(!find_news("b0", MS_LINK_GONE)->moved);
	ck_assert_ptr_null(ms_monitor_find_name(monitor, "b0"));
	must_equal_kernel();
}
END_TEST

START_TEST(what_lived_between_two_dispatches_is_not_told)
{
	open_monitor();
	ms_netns_run_command("ip link add a0 type veth peer name a1 && ip link del a0");
	dispatch();
	ck_assert_uint_eq(n_news, 0);
}
END_TEST

START_TEST(leaving_a_bridge_is_not_going)
{
	ms_netns_run_command(
		"ip link add br0 type bridge && ip link add a0 type veth peer name a1");
	open_monitor();
	ms_netns_run_command("ip link set a0 master br0");
	dispatch();
	ck_assert_ptr_nonnull(find_news("a0", MS_LINK_CHANGED));
	ck_assert_str_eq(find("a0")->master_name, "br0");
	ck_assert_uint_eq(find("a0")->master, find("br0")->ifindex);

	ms_netns_run_command("ip link set br0 name br9");
	dispatch();
	ck_assert_str_eq(find_news("a0", MS_LINK_CHANGED)->link.master_name, "br9");

	ms_netns_run_command("ip link set a0 nomaster");
	dispatch();
	ck_assert_ptr_null(find_news("a0", MS_LINK_GONE));
	ck_assert_str_eq(find_news("a0", MS_LINK_CHANGED)->link.master_name, "");
	ck_assert_str_eq(find_news("a0", MS_LINK_CHANGED)->old.master_name, "br9");
}
END_TEST

START_TEST(moving_away_is_told_as_moving)
{
	uint64_t incarnation;

	ms_netns_add("other");
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	open_monitor();
	incarnation = find("a1")->incarnation;
	ms_netns_run_command("ip link set a1 netns other");
	dispatch();
	ck_assert_ptr_nonnull(find_news("a1", MS_LINK_GONE));
	ck_assert(find_news("a1", MS_LINK_GONE)->moved);

	ms_netns_run_command("ip -n other link set a1 netns $$");
	dispatch();
	ck_assert_ptr_nonnull(find_news("a1", MS_LINK_NEW));
	ck_assert_uint_ne(find("a1")->incarnation, incarnation);
}
END_TEST

START_TEST(number_used_again_is_an_end_and_a_beginning)
{
	uint64_t incarnation;

	ms_netns_run_command("ip link add a0 index 77 type veth peer name a1");
	open_monitor();
	incarnation = find("a0")->incarnation;
	ms_netns_run_command("ip link del a0 && ip link add a0 index 77 type veth peer name a1");
	dispatch();
	ck_assert_int_eq(news[0].change, MS_LINK_GONE);
	ck_assert_uint_eq(news[0].link.incarnation, incarnation);
	ck_assert_int_eq(news[1].change, MS_LINK_NEW);
	ck_assert_uint_eq(news[1].link.ifindex, 77);
	ck_assert_uint_ne(news[1].link.incarnation, incarnation);
	ck_assert_uint_eq(ms_monitor_find(monitor, 77)->incarnation, news[1].link.incarnation);
}
END_TEST

static void make_room(int bytes)
{
	ck_assert_int_eq(
		setsockopt(ms_monitor_fd(monitor), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)),
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
	open_monitor();
	make_room(1);
	make_veths("w", 0, 300);
	ms_netns_run_command("for i in $(seq 0 9); do ip link del v$i; done");
	dispatch();
	ck_assert_uint_ge(ms_monitor_stats(monitor).overruns, 1);
	ck_assert_uint_eq(ms_monitor_stats(monitor).resyncs, 1);
	for (unsigned int i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%u", i);
		ck_assert_ptr_nonnull(find_news(name, MS_LINK_GONE));
	}
	ck_assert_uint_eq(n_news, 600 + 20);
	must_equal_kernel();
}
END_TEST

START_TEST(overruns_are_mended_once_a_second)
{
	int due;

	open_monitor();
	make_room(1);
	make_veths("v", 0, 20);
	dispatch();
	ck_assert_uint_eq(ms_monitor_stats(monitor).resyncs, 1);
	ck_assert_int_eq(ms_monitor_resync_due_ms(monitor), -1);

	make_veths("w", 0, 20);
	dispatch();
	ck_assert_uint_eq(ms_monitor_stats(monitor).resyncs, 1);
	due = ms_monitor_resync_due_ms(monitor);
	ck_assert_int_gt(due, 0);
	ck_assert_int_le(due, 1000);
	ck_assert_int_eq(ms_monitor_resync(monitor), 0);
	ck_assert_int_eq(ms_monitor_resync_due_ms(monitor), -1);
	must_equal_kernel();
}
END_TEST

/* Nobody said that 77 ended; the kernel shows a device of that number, name and kind. */
START_TEST(number_used_again_is_noticed_across_an_overrun)
{
	uint64_t incarnation, other;

	ms_netns_run_command("ip link add a0 index 77 type veth peer name a1");
	ms_netns_run_command("ip link add b0 type veth peer name b1");
	open_monitor();
	make_room(1);
	incarnation = find("a0")->incarnation;
	other = find("b0")->incarnation;
	make_veths("w", 0, 20);
	ms_netns_run_command("ip link set b0 name c0");
	ms_netns_run_command("ip link del a0 && ip link add a0 index 77 type veth peer name a1");
	dispatch();
	ck_assert_uint_ge(ms_monitor_stats(monitor).overruns, 1);
	ck_assert_ptr_nonnull(find_news("a0", MS_LINK_GONE));
	ck_assert_ptr_nonnull(find_news("a0", MS_LINK_NEW));
	ck_assert_uint_ne(find("a0")->incarnation, incarnation);
	/* while one that was only renamed meanwhile stays who it was */
	ck_assert_ptr_nonnull(find_news("c0", MS_LINK_CHANGED));
	ck_assert_uint_eq(find("c0")->incarnation, other);
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
	open_monitor();
	ms_monitor_addresses(monitor, &addresses);
	ms_netns_run_command("ip link add b0 type veth peer name b1");
	dumps_are_empty = true;
	forget();
	ck_assert_int_eq(ms_monitor_resync(monitor), 0);
	ck_assert_uint_ge(ms_monitor_stats(monitor).inconsistent_dumps, 3);
	ck_assert_uint_eq(n_news, 2);
	ck_assert_ptr_nonnull(find_news("b0", MS_LINK_NEW));
	ck_assert_uint_eq(n_address_changes, 0);
	must_equal_kernel();

	/* The twin: what the kernel itself denies does go, whatever the dump was like. */
	make_room(1);
	make_veths("w", 0, 20);
	ms_netns_run_command("ip link del a0");
	forget();
	ck_assert_int_eq(ms_monitor_resync(monitor), 0);
	ck_assert_ptr_nonnull(find_news("a0", MS_LINK_GONE));
	ck_assert_ptr_null(find_news("b0", MS_LINK_GONE));
	/* and what it may have left out is looked for again */
	ck_assert_int_ge(ms_monitor_resync_due_ms(monitor), 0);
	dumps_are_empty = false;
	ck_assert_int_eq(ms_monitor_resync(monitor), 0);
	ck_assert_int_eq(ms_monitor_resync_due_ms(monitor), -1);
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

	open_monitor();
	make_room(1);
	make_veths("v", 0, 20);
	readable.fd = ms_monitor_fd(monitor);
	ck_assert_int_eq(pthread_create(&thread, NULL, churn, &done), 0);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		int due = ms_monitor_resync_due_ms(monitor);

		/* as the daemon's loop does it */
		poll(&readable, 1, due >= 0 && due < 50 ? due : 50);
		if (ms_monitor_resync_due_ms(monitor) == 0)
			ck_assert_int_eq(ms_monitor_resync(monitor), 0);
		dispatch();
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(ms_monitor_stats(monitor).overruns, 1);
	dispatch();
	if (ms_monitor_resync_due_ms(monitor) >= 0)
		ck_assert_int_eq(ms_monitor_resync(monitor), 0);
	must_equal_kernel();
	ck_assert_ptr_null(ms_monitor_find(monitor, 7777));
}
END_TEST

/* ---- what else is followed ---- */

START_TEST(hooks_touched_by_others_are_told)
{
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	open_monitor();
	ms_netns_run_command("tc qdisc add dev a0 clsact");
	dispatch();
	ck_assert_uint_eq(n_tc, 1);
	ck_assert_uint_eq(last_tc, find("a0")->ifindex);
	ck_assert_uint_eq(n_news, 0);

	ms_netns_run_command("tc filter add dev a0 egress bpf bytecode '1,6 0 0 0,'");
	ms_netns_run_command("tc filter add dev a0 ingress bpf bytecode '1,6 0 0 0,'");
	dispatch();
	ck_assert_uint_eq(n_tc, 1); /* once per device and round */
	ms_netns_run_command("tc qdisc del dev a0 clsact");
	dispatch();
	ck_assert_uint_eq(n_tc, 1);

	ms_netns_run_command("tc qdisc add dev a0 root pfifo limit 10");
	dispatch();
	ck_assert_uint_eq(n_tc, 0);
}
END_TEST

static bool has_address(const char *text)
{
	struct ms_addr wanted;
	size_t count;
	const struct ms_addr *list = ms_monitor_addresses(monitor, &count);

	ck_assert(ms_addr_parse(text, &wanted));
	for (size_t i = 0; i < count; i++) {
		if (ms_addr_compare(&list[i], &wanted) == 0)
			return true;
	}
	return false;
}

static bool heard_of_address(void *user)
{
	ck_assert_int_eq(ms_monitor_dispatch(monitor), 0);
	return has_address(user);
}

START_TEST(addresses_are_followed)
{
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	open_monitor();
	ck_assert(has_address("127.0.0.1"));
	ms_netns_run_command("ip addr add 10.1.0.1 peer 10.1.0.9 dev a0");
	dispatch();
	ck_assert_uint_eq(n_address_changes, 1);
	ck_assert(has_address("10.1.0.1") && !has_address("10.1.0.9"));
	/* The kernel announces an IPv6 address when it gets round to it. */
	ms_netns_run_command("ip addr add fd01::1/64 dev a0 nodad");
	ck_assert(ms_netns_wait(heard_of_address, (char[]) { "fd01::1" }, 5));

	/* on a second device: still the same addresses of this machine */
	ms_netns_run_command("ip addr add 10.1.0.1/24 dev a1");
	dispatch();
	ck_assert_uint_eq(n_address_changes, 0);
	ms_netns_run_command("ip addr flush dev a0");
	dispatch();
	ck_assert_uint_eq(n_address_changes, 1);
	ck_assert(has_address("10.1.0.1") && !has_address("fd01::1"));
	ms_netns_run_command("ip link del a0");
	dispatch();
	ck_assert(!has_address("10.1.0.1"));
}
END_TEST

START_TEST(default_routes_are_followed_and_others_do_not_even_arrive)
{
	uint64_t messages;

	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_netns_run_command("ip link set a0 up && ip link set a1 up");
	ms_netns_run_command("ip addr add 10.1.0.1/24 dev a0");
	open_monitor();
	ck_assert(!find("a0")->has_default_route);
	dispatch();
	messages = ms_monitor_stats(monitor).messages;
	ms_netns_run_command("ip route add 10.9.0.0/16 via 10.1.0.2");
	ms_netns_run_command("ip -6 route add fd09::/64 dev a0");
	dispatch();
	ck_assert_uint_eq(ms_monitor_stats(monitor).messages, messages);

	ms_netns_run_command("ip route add default via 10.1.0.2");
	dispatch();
	ck_assert_ptr_nonnull(find_news("a0", MS_LINK_CHANGED));
	ck_assert(find("a0")->has_default_route);

	/* The kernel drops the route with the link and says nothing of it. */
	ms_netns_run_command("ip link set a0 down");
	forget();
	ck_assert_int_eq(ms_monitor_resync(monitor), 0);
	ck_assert(!find("a0")->has_default_route);
}
END_TEST

START_TEST(silent_loss_of_a_default_route_is_looked_for)
{
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_netns_run_command("ip link set a0 up && ip link set a1 up");
	ms_netns_run_command("ip addr add 10.1.0.1/24 dev a0");
	ms_netns_run_command("ip route add default via 10.1.0.2");
	open_monitor();
	ck_assert(find("a0")->has_default_route);
	ms_netns_run_command("ip link set a0 down");
	dispatch();
	ck_assert(!find("a0")->has_default_route);
}
END_TEST

START_TEST(tun_and_tap_are_told_apart)
{
	open_monitor();
	ms_netns_run_command("ip tuntap add dev t0 mode tun && ip tuntap add dev t1 mode tap");
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_netns_run_command("ip link add m0 link a0 type macvlan");
	dispatch();
	ck_assert_str_eq(find("t0")->kind, "tun");
	ck_assert(find("t0")->is_l3);
	ck_assert_str_eq(find("t1")->kind, "tap");
	ck_assert(!find("t1")->is_l3);
	ck_assert_uint_eq(find("m0")->parent, find("a0")->ifindex);
	ck_assert_uint_eq(find("a1")->parent, 0);
}
END_TEST

START_TEST(packet_counters_are_read)
{
	uint64_t received, sent;

	open_monitor();
	ms_netns_run_command("ping -q -c 3 -i 0.002 127.0.0.1");
	ck_assert_int_eq(ms_monitor_read_packets(monitor, 1, &received, &sent), 0);
	ck_assert_uint_ge(received, 6);
	ck_assert_uint_eq(received, sent);
	ck_assert_int_eq(ms_monitor_read_packets(monitor, 4711, &received, &sent), -ENODEV);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/monitor");
	TCase *tcase = tcase_create("monitor");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
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
	tcase_add_test(tcase, hooks_touched_by_others_are_told);
	tcase_add_test(tcase, addresses_are_followed);
	tcase_add_test(tcase, default_routes_are_followed_and_others_do_not_even_arrive);
	tcase_add_test(tcase, silent_loss_of_a_default_route_is_looked_for);
	tcase_add_test(tcase, tun_and_tap_are_told_apart);
	tcase_add_test(tcase, packet_counters_are_read);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
