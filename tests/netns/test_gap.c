/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What passes a new interface before it is attached, counted to the packet. Both ends send from
 * before the link is up; the policy lets nothing through, so what arrives is what was not judged.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/pkt.h"
#include "tests/harness/traffic.h"

#define INTERFACES 5

static const char policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"new*\" }, default: { in: deny, out: deny },\n"
	"      non_ip: deny }\n"
	"failsafe: { in: [], out: [] }\n";

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

struct flood {
	int fd;
	volatile bool stop;
};

/* Until told to stop; a link that is down refuses, which is the point. */
static void *flood(void *user)
{
	const struct ms_pkt pkt = ms_pkt_udp("10.9.0.1", 1000, "10.9.0.2", 53);
	struct flood *flood = user;

	while (!flood->stop)
		if (send(flood->fd, pkt.frame, pkt.len, 0) < 0 && errno != ENETDOWN &&
		    errno != ENOBUFS && errno != EAGAIN)
			return NULL;
	return NULL;
}

/* One veth pair; this end is protected, `peer-NAME` is not. */
struct link {
	char name[12];
	struct flood floods[2];
	pthread_t threads[2];
};

static void make_link(struct link *link, unsigned int number)
{
	char peer[24];

	snprintf(link->name, sizeof(link->name), "new%u", number);
	snprintf(peer, sizeof(peer), "peer-%s", link->name);
	ms_netns_run_command("ip link add %s type veth peer name %s", link->name, peer);
	/* Behind tc ingress: counts what our program let pass. */
	ms_netns_run_command("nft 'table netdev probe-%s { counter c { }; chain in { type filter "
			     "hook ingress device \"%s\" priority 0; counter name c drop; }; }'",
			     link->name, link->name);
	link->floods[0] = (struct flood) { .fd = ms_traffic_raw(NULL, link->name) };
	link->floods[1] = (struct flood) { .fd = ms_traffic_raw(NULL, peer) };
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&link->threads[i], NULL, flood, &link->floods[i]),
				 0);
}

static void bring_up(const struct link *link)
{
	ms_netns_run_command("ip link set peer-%s up && ip link set %s up", link->name, link->name);
}

static void end_floods(struct link *link)
{
	for (int i = 0; i < 2; i++) {
		link->floods[i].stop = true;
		pthread_join(link->threads[i], NULL);
		close(link->floods[i].fd);
	}
}

static json_int_t number_of(const char *command)
{
	char text[64];

	ms_netns_read_command(text, sizeof(text), "%s", command);
	ck_assert_str_ne(text, "");
	return strtoll(text, NULL, 10);
}

static json_int_t received(const char *prefix, const char *name)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ip -s -j link show dev %s%s | jq '.[0].stats64.rx.packets'", prefix, name);
	return number_of(command);
}

/* Frames that came through: in past this end's hook, and out of it to the other end. */
static json_int_t arrived(const struct link *link)
{
	char command[160];

	snprintf(
		command, sizeof(command),
		"nft -j list counter netdev probe-%s c | jq '.nftables[].counter.packets // empty'",
		link->name);
	return number_of(command) + received("peer-", link->name);
}

static bool some_arrived_both_ways(void *user)
{
	const struct link *link = user;

	return received("", link->name) > 50 && received("peer-", link->name) > 50;
}

static bool is_counted(void *user)
{
	json_auto_t *iface = ms_ctl_iface(microsegd, user);

	return json_is_true(ms_ctl_at(iface, "unfiltered_exact"));
}

static void expect_unfiltered(struct link *link, json_int_t packets)
{
	json_auto_t *iface = NULL;

	ck_assert(ms_netns_wait(is_counted, link->name, 20));
	iface = ms_ctl_iface(microsegd, link->name);
	ck_assert_int_eq(ms_ctl_int(iface, "unfiltered_packets"), packets);
}

static bool many_were_dropped(void *user)
{
	json_auto_t *iface = ms_ctl_iface(microsegd, user);

	return ms_ctl_int(iface, "in_dropped_packets") > 1000 &&
	       ms_ctl_int(iface, "out_dropped_packets") > 1000;
}

static void setup(void)
{
	ms_netns_setup();
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	ms_proc_init(microsegd, "one");
	ms_proc_write_policy(microsegd, "10-test.yaml", policy);
	ms_proc_start(microsegd, NULL);
}

START_TEST(what_passed_before_is_counted_to_the_packet)
{
	for (unsigned int i = 0; i < INTERFACES; i++) {
		json_int_t packets;
		struct link link;

		/* A stopped daemon is a slow one: something passes for sure. */
		ck_assert_int_eq(kill(microsegd->pid, SIGSTOP), 0);
		make_link(&link, i);
		bring_up(&link);
		ck_assert(ms_netns_wait(some_arrived_both_ways, &link, 10));
		ck_assert_int_eq(kill(microsegd->pid, SIGCONT), 0);
		ms_ctl_wait_iface(microsegd, link.name, "protected");
		ck_assert(ms_netns_wait(many_were_dropped, link.name, 10));
		end_floods(&link);
		packets = arrived(&link);
		ck_assert_int_gt(packets, 100);
		expect_unfiltered(&link, packets);
	}
	ms_proc_stop(microsegd);
}
END_TEST

START_TEST(nothing_passes_what_is_attached_before_it_is_up)
{
	struct link link;

	make_link(&link, 0);
	ms_ctl_wait_iface(microsegd, link.name, "protected");
	bring_up(&link);
	ck_assert(ms_netns_wait(many_were_dropped, link.name, 10));
	end_floods(&link);
	ck_assert_int_eq(arrived(&link), 0);
	expect_unfiltered(&link, 0);
	ms_proc_stop(microsegd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/gap");
	TCase *tcase = tcase_create("gap");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, what_passed_before_is_counted_to_the_packet);
	tcase_add_test(tcase, nothing_passes_what_is_attached_before_it_is_up);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
