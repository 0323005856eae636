/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/attach.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/tcx.h"
#include "core/base/cleanup.h"
#include "tests/harness/netns.h"
#include "tests/netns/hooks.h"

#define PIN_DIR MS_NETNS_BPFFS "/microseg"
#define PAIRS 500

static struct ms_attacher *attacher;
static enum ms_attach_how best; /* what this kernel has for lasting ones */

/* ---- a dataplane that only has programs ---- */

int ms_dataplane_program(const struct ms_dataplane *dp, enum ms_hook hook)
{
	(void)dp;
	return ms_hooks_fd((enum ms_hooks_program)hook);
}

const char *ms_dataplane_pin_dir(const struct ms_dataplane *dp)
{
	(void)dp;
	return PIN_DIR;
}

/* ---- */

static void set_up(void)
{
	ms_netns_setup();
	ck_assert_int_eq(mkdir(PIN_DIR, 0700), 0);
	ms_netns_run_command("echo 1 | tee /proc/sys/net/ipv6/conf/*/disable_ipv6");
	ms_netns_run_command("ip link add a0 type veth peer name a1");
	ms_hooks_up("a0", "a1");
	ms_hooks_load();
	best = ms_hooks_kernel_has_tcx() ? MS_ATTACHED_TCX : MS_ATTACHED_TC;
	ck_assert_int_eq(ms_attacher_new(NULL, &attacher, NULL), 0);
}

static void tear_down(void)
{
	attacher = ms_attacher_free(attacher);
}

static struct ms_attach_job run(const char *ifname, enum ms_attach_how how)
{
	struct ms_attach_job job = {
		.ifindex = ms_hooks_ifindex(ifname),
		.how = how,
		.loopback = strcmp(ifname, "lo") == 0,
		.wants_packets = true,
		.result = 1,
	};

	ck_assert_int_eq(ms_attacher_run(attacher, &job, 1), 0);
	ck_assert_int_eq(job.result, 0);
	return job;
}

static struct ms_attach_state query(const char *ifname)
{
	struct ms_attach_state state;

	ck_assert_int_eq(ms_attacher_query(attacher, ms_hooks_ifindex(ifname), &state), 0);
	return state;
}

static void must_be_on(const char *ifname, enum ms_attach_how how)
{
	struct ms_attach_state state = query(ifname);

	ck_assert_str_eq(ms_attach_how_name(state.how), ms_attach_how_name(how));
	ck_assert(!state.duplicate);
	for (int hook = 0; hook < MS_HOOK__COUNT; hook++) {
		ck_assert_int_eq(state.present[hook], how != MS_ATTACHED_NONE);
		if (state.present[hook])
			ck_assert_uint_eq(state.program_id[hook],
					  ms_hooks_id((enum ms_hooks_program)hook));
	}
}

static unsigned int count(const char *command)
{
	char text[32];

	ms_netns_read_command(text, sizeof(text), "%s", command);
	return (unsigned int)strtoul(text, NULL, 10);
}

START_TEST(short_lived_kinds_get_tc_and_lasting_ones_tcx)
{
	static const struct {
		const char *kind;
		enum ms_attach_how how;
	} kinds[] = {
		{ "veth", MS_ATTACHED_TC },    { "netkit", MS_ATTACHED_TC },
		{ "tap", MS_ATTACHED_TC },     { "tun", MS_ATTACHED_TC },
		{ "", MS_ATTACHED_TCX },       { "bond", MS_ATTACHED_TCX },
		{ "bridge", MS_ATTACHED_TCX }, { "wireguard", MS_ATTACHED_TCX },
	};

	for (size_t i = 0; i < ms_array_size(kinds); i++) {
		struct ms_link link = { .ifindex = 1 };

		strcpy(link.kind, kinds[i].kind);
		ck_assert_int_eq(ms_attacher_choose(attacher, MS_ATTACH_AUTO, &link),
				 kinds[i].how == MS_ATTACHED_TC ? MS_ATTACHED_TC : best);
		ck_assert_int_eq(ms_attacher_choose(attacher, MS_ATTACH_TC, &link), MS_ATTACHED_TC);
		ck_assert_int_eq(ms_attacher_choose(attacher, MS_ATTACH_TCX, &link), best);
		/* where the kernel has none */
		ck_assert_int_eq(ms_attacher_choose(NULL, MS_ATTACH_TCX, &link), MS_ATTACHED_TC);
	}
}
END_TEST

START_TEST(one_way_is_exchanged_for_the_other)
{
	run("a0", MS_ATTACHED_TC);
	must_be_on("a0", MS_ATTACHED_TC);
	ms_hooks_must_run("a1", 5, MS_HOOKS_INGRESS);

	run("a0", MS_ATTACHED_TCX);
	must_be_on("a0", MS_ATTACHED_TCX);
	ck_assert_uint_eq(count("tc filter show dev a0 ingress | grep -c ms_ || true"), 0);
	ms_hooks_must_run("a1", 5, MS_HOOKS_INGRESS);

	run("a0", MS_ATTACHED_TC);
	must_be_on("a0", MS_ATTACHED_TC);
	ck_assert_uint_eq(count("ls " PIN_DIR "/links | wc -l"), 0);
	ms_hooks_must_run("a0", 5, MS_HOOKS_EGRESS);

	run("a0", MS_ATTACHED_NONE);
	must_be_on("a0", MS_ATTACHED_NONE);
	ck_assert_uint_eq(count("tc qdisc show dev a0 | grep -c clsact || true"), 0);
}
END_TEST

static bool enough;

static void *flood(void *user)
{
	unsigned int *sent = user;

	while (!__atomic_load_n(&enough, __ATOMIC_ACQUIRE)) {
		ms_hooks_send("a0", 20);
		__atomic_fetch_add(sent, 20, __ATOMIC_RELEASE);
	}
	return NULL;
}

START_TEST(no_packet_passes_unjudged_while_one_way_is_exchanged)
{
	unsigned int sent = 0;
	pthread_t sender;

	run("a0", MS_ATTACHED_TC);
	ck_assert_int_eq(pthread_create(&sender, NULL, flood, &sent), 0);
	for (int i = 0; i < 5 || __atomic_load_n(&sent, __ATOMIC_ACQUIRE) <= 1000; i++) {
		run("a0", MS_ATTACHED_TCX);
		run("a0", MS_ATTACHED_TC);
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(sender, NULL), 0);
	/* More often is right: while both hang there, both judge. */
	ck_assert_uint_ge(ms_hooks_runs(MS_HOOKS_EGRESS), sent);
}
END_TEST

START_TEST(loopback_is_judged_at_ingress_only)
{
	for (int how = MS_ATTACHED_TC; how <= (int)best; how++) {
		struct ms_attach_state state;

		run("lo", (enum ms_attach_how)how);
		state = query("lo");
		ck_assert_int_eq(state.how, how);
		ck_assert(state.present[MS_HOOK_INGRESS] && !state.present[MS_HOOK_EGRESS]);
		ms_hooks_forget_runs();
		ms_netns_run_command("ping -q -c 1 127.0.0.1");
		ck_assert_uint_eq(ms_hooks_runs(MS_HOOKS_INGRESS), 2); /* request and reply */
		ck_assert_uint_eq(ms_hooks_runs(MS_HOOKS_EGRESS), 0);
	}
}
END_TEST

START_TEST(what_left_while_nobody_looked_is_collected)
{
	ms_netns_run_command("ip link add b0 type veth peer name b1");
	run("b0", MS_ATTACHED_TCX);
	run("a0", MS_ATTACHED_TCX);
	ms_netns_run_command("ip link del b0");
	ck_assert_int_eq(ms_attacher_collect(attacher), 2);
	must_be_on("a0", MS_ATTACHED_TCX);
	ck_assert_int_eq(ms_attacher_collect(attacher), 0);
}
END_TEST

START_TEST(neighbours_are_counted_in_the_order_they_are_asked)
{
	struct ms_attach_state state;
	int link;

	ms_netns_run_command("tc qdisc add dev a0 clsact");
	ms_hooks_add_filter("a0", MS_HOOK_INGRESS, 1, 1, "theirs", MS_HOOKS_FOREIGN);
	ms_hooks_add_filter("a0", MS_HOOK_INGRESS, 99, 1, "theirs", MS_HOOKS_FOREIGN);
	ms_hooks_add_filter("a0", MS_HOOK_INGRESS, 99, 2, "theirs", MS_HOOKS_FOREIGN);
	link = ms_hooks_add_link("a0", MS_HOOK_INGRESS, MS_HOOKS_FOREIGN);
	run("a0", MS_ATTACHED_TC);
	state = query("a0");
	ck_assert_uint_eq(state.before_us[MS_HOOK_INGRESS], 2);
	ck_assert_uint_eq(state.after_us[MS_HOOK_INGRESS], 2);
	run("a0", MS_ATTACHED_TCX);
	state = query("a0");
	ck_assert_uint_eq(state.before_us[MS_HOOK_INGRESS], 0);
	ck_assert_uint_eq(state.after_us[MS_HOOK_INGRESS], 4);
	ck_assert_uint_eq(state.before_us[MS_HOOK_EGRESS] + state.after_us[MS_HOOK_EGRESS], 0);
	close(link);
}
END_TEST

START_TEST(duplicates_over_both_ways_are_seen_and_mended)
{
	run("a0", MS_ATTACHED_TC);
	ck_assert_int_eq(ms_tcx_attach(PIN_DIR, ms_hooks_ifindex("a0"), MS_HOOK_INGRESS,
				       ms_hooks_fd(MS_HOOKS_INGRESS)),
			 0);
	ck_assert(query("a0").duplicate);
	run("a0", MS_ATTACHED_TC);
	must_be_on("a0", MS_ATTACHED_TC);
}
END_TEST

/* What its owner says of it is believed; what is not so is mended by the next look. */
START_TEST(on_a_fresh_one_nothing_of_ours_is_looked_for)
{
	struct ms_attach_job job = { .ifindex = ms_hooks_ifindex("a0"), .is_fresh = true };

	for (int how = MS_ATTACHED_TC; how <= (int)best; how++) {
		run("a0", how == MS_ATTACHED_TC ? best : MS_ATTACHED_TC);
		job.how = (enum ms_attach_how)how;
		ck_assert_int_eq(ms_attacher_run(attacher, &job, 1), 0);
		ck_assert_int_eq(job.result, 0);
		ck_assert_int_eq(query("a0").duplicate, best == MS_ATTACHED_TCX);
		run("a0", job.how);
		must_be_on("a0", job.how);
	}
}
END_TEST

START_TEST(qdisc_in_the_way_is_named_and_stays)
{
	struct ms_attach_job job = { .ifindex = ms_hooks_ifindex("a0"), .how = MS_ATTACHED_TC };

	ms_netns_run_command("tc qdisc add dev a0 ingress");
	ck_assert_int_eq(ms_attacher_run(attacher, &job, 1), 0);
	ck_assert_int_eq(job.result, -EBUSY);
	ck_assert_ptr_nonnull(strstr(ms_attach_explain(job.result), "ingress qdisc"));
	ms_netns_run_command("tc qdisc show dev a0 | grep -q 'qdisc ingress'");
	ms_netns_run_command("tc qdisc del dev a0 ingress");
	run("a0", MS_ATTACHED_TC);
	must_be_on("a0", MS_ATTACHED_TC);
}
END_TEST

START_TEST(what_passed_before_is_known_either_way)
{
	struct ms_attach_job job;

	ms_hooks_send("a1", 6);
	ms_hooks_send("a0", 2);
	job = run("a0", MS_ATTACHED_TC);
	ck_assert_uint_eq(job.received, 6);
	ck_assert_uint_eq(job.sent, 2);
	job = run("a1", best);
	ck_assert_uint_eq(job.received, 2);
	ck_assert_uint_eq(job.sent, 6);
}
END_TEST

/* ---- five hundred pairs ---- */

static uint32_t *ends, *known;
static size_t n_ends, n_known;

static void on_link(void *user, enum ms_link_change change, const struct ms_link *link,
		    const struct ms_link *old, bool moved)
{
	(void)user;
	(void)old;
	(void)moved;
	if (change == MS_LINK_NEW && strncmp(link->name, "v", 1) == 0)
		ends[n_ends++] = link->ifindex;
}

static void on_tc(void *user, uint32_t ifindex)
{
	(void)user;
	known[n_known++] = ifindex;
}

START_TEST(a_thousand_ends_in_one_run)
{
	static const struct ms_monitor_callbacks callbacks = { .on_link = on_link, .on_tc = on_tc };
	ms_cleanup(ms_free) struct ms_attach_job *jobs = calloc(2 * PAIRS, sizeof(*jobs));
	struct ms_monitor *monitor;
	uint64_t begin, end, messages;
	FILE *batch;

	ends = calloc(2 * PAIRS, sizeof(*ends));
	known = calloc(2 * PAIRS, sizeof(*known));
	ck_assert_int_eq(ms_monitor_open(&callbacks, NULL, &monitor, NULL), 0);
	ms_monitor_ignore(monitor, ms_attacher_port(attacher));
	batch = popen("ip -batch -", "we");
	for (int i = 0; i < PAIRS; i++)
		fprintf(batch, "link add v%d type veth peer name vp%d\n", i, i);
	ck_assert_int_eq(pclose(batch), 0);
	ck_assert_int_eq(ms_monitor_dispatch(monitor), 0);
	ck_assert_uint_eq(n_ends, 2 * PAIRS);

	for (size_t i = 0; i < n_ends; i++)
		jobs[i] = (struct ms_attach_job) { .ifindex = ends[i], .how = MS_ATTACHED_TC };
	begin = ms_netns_now_ns();
	ck_assert_int_eq(ms_attacher_run(attacher, jobs, n_ends), 0);
	end = ms_netns_now_ns();
	printf("attached %zu interfaces on both hooks in %.1f ms: %.1f us each\n", n_ends,
	       (double)(end - begin) / 1e6, (double)(end - begin) / 1e3 / (double)n_ends);
	for (size_t i = 0; i < n_ends; i++)
		ck_assert_int_eq(jobs[i].result, 0);

	/* as tc sees it: once on each hook of each */
	ck_assert_uint_eq(count("for i in $(seq 0 499); do echo filter show dev v$i ingress; "
				"echo filter show dev vp$i ingress; done | tc -batch - | "
				"grep -c ' ms_ingress direct-action '"),
			  2 * PAIRS);
	ck_assert_uint_eq(count("for i in $(seq 0 499); do echo filter show dev v$i egress; "
				"echo filter show dev vp$i egress; done | tc -batch - | "
				"grep -c ' ms_egress direct-action '"),
			  2 * PAIRS);
	must_be_on("v0", MS_ATTACHED_TC);
	must_be_on("vp499", MS_ATTACHED_TC);

	/* What we did ourselves is no news and wakes nobody, what somebody else does is. */
	messages = ms_monitor_stats(monitor).messages;
	ck_assert_int_eq(ms_monitor_dispatch(monitor), 0);
	ck_assert_uint_eq(n_known, 0);
	ck_assert_uint_eq(ms_monitor_stats(monitor).messages, messages);
	ms_netns_run_command("tc qdisc del dev v7 clsact");
	ck_assert_int_eq(ms_monitor_dispatch(monitor), 0);
	ck_assert_uint_eq(n_known, 1);
	ck_assert_uint_eq(known[0], ms_hooks_ifindex("v7"));
	must_be_on("v7", MS_ATTACHED_NONE);
	run("v7", MS_ATTACHED_TC);
	must_be_on("v7", MS_ATTACHED_TC);
	ms_monitor_close(monitor);
	free(ends);
	free(known);
}
END_TEST

/* ---- clean-up after a daemon that is no more ---- */

static char found[4096];

static void on_found(void *user, const char *ifname, const char *what)
{
	size_t used = strlen(found);

	(void)user;
	snprintf(found + used, sizeof(found) - used, "[%s: %s]", ifname, what);
}

static int clean_up(bool dry_run)
{
	found[0] = '\0';
	return ms_attach_cleanup(PIN_DIR, dry_run, on_found, NULL, NULL);
}

START_TEST(every_trace_goes_and_nothing_else)
{
	int link;

	ms_netns_add("other");
	ms_netns_run_command("ip link add b0 index 70 type veth peer name b1");
	ms_netns_run_command("ip link add br0 type bridge");
	ms_netns_run_command("tc qdisc add dev a1 clsact");
	ms_hooks_add_filter("a1", MS_HOOK_INGRESS, 1, 1, "theirs", MS_HOOKS_FOREIGN);
	link = ms_hooks_add_link("br0", MS_HOOK_INGRESS, MS_HOOKS_FOREIGN);
	run("a0", MS_ATTACHED_TC);
	run("a1", MS_ATTACHED_TC);
	run("lo", MS_ATTACHED_TC);
	run("br0", MS_ATTACHED_TCX);
	run("b0", MS_ATTACHED_TCX);
	ms_netns_run_command("ip link set b0 netns other");
	attacher = ms_attacher_free(attacher);

	ck_assert_int_eq(clean_up(true), 4);
	ck_assert_ptr_nonnull(strstr(found, "[lo: tc ingress]"));
	ck_assert_ptr_null(strstr(found, "[lo: tc egress]"));
	ck_assert_ptr_nonnull(strstr(found, "[a1: tc egress]"));
	ck_assert_ptr_nonnull(strstr(found, "[br0: tcx ingress]"));
	ck_assert_ptr_nonnull(strstr(found, "[interface 70: tcx egress]"));
	ck_assert_ptr_null(strstr(found, "b1"));

	ck_assert_int_eq(clean_up(false), 4);
	ck_assert_ptr_nonnull(strstr(found, "[interface 70: tcx egress]"));
	ck_assert_int_eq(clean_up(false), 0);
	ck_assert_str_eq(found, "");

	ck_assert_int_eq(ms_attacher_new(NULL, &attacher, NULL), 0);
	must_be_on("a0", MS_ATTACHED_NONE);
	must_be_on("a1", MS_ATTACHED_NONE);
	must_be_on("br0", MS_ATTACHED_NONE);
	ck_assert_uint_eq(count("tc filter show dev a1 ingress | grep -c ' theirs '"), 1);
	ck_assert_uint_eq(query("br0").before_us[MS_HOOK_INGRESS], 1);
	ck_assert_uint_eq(count("tc qdisc show dev a0 | grep -c clsact || true"), 0);
	ck_assert_uint_eq(count("tc qdisc show dev a1 | grep -c clsact || true"), 1);
	ck_assert_uint_eq(count("ls " PIN_DIR "/links | wc -l"), 0);
	close(link);
}
END_TEST

START_TEST(every_filter_goes_and_nothing_else)
{
	ms_netns_run_command("tc qdisc add dev a1 clsact");
	ms_hooks_add_filter("a1", MS_HOOK_INGRESS, 1, 1, "theirs", MS_HOOKS_FOREIGN);
	run("a0", MS_ATTACHED_TC);
	run("a1", MS_ATTACHED_TC);
	ck_assert_int_eq(clean_up(true), 2);
	must_be_on("a0", MS_ATTACHED_TC);
	ck_assert_int_eq(clean_up(false), 2);
	must_be_on("a0", MS_ATTACHED_NONE);
	must_be_on("a1", MS_ATTACHED_NONE);
	ck_assert_uint_eq(count("tc filter show dev a1 ingress | grep -c ' theirs '"), 1);
	ck_assert_uint_eq(count("tc qdisc show dev a0 | grep -c clsact || true"), 0);
	ck_assert_int_eq(clean_up(false), 0);
}
END_TEST

START_TEST(nothing_of_ours_is_no_error)
{
	ck_assert_int_eq(clean_up(false), 0);
	ck_assert_int_eq(ms_attach_cleanup("/no/such/folder", false, NULL, NULL, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/attach");
	TCase *tcase = tcase_create("attach");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, short_lived_kinds_get_tc_and_lasting_ones_tcx);
	tcase_add_test(tcase, loopback_is_judged_at_ingress_only);
	tcase_add_test(tcase, on_a_fresh_one_nothing_of_ours_is_looked_for);
	tcase_add_test(tcase, qdisc_in_the_way_is_named_and_stays);
	tcase_add_test(tcase, what_passed_before_is_known_either_way);
	tcase_add_test(tcase, a_thousand_ends_in_one_run);
	tcase_add_test(tcase, every_filter_goes_and_nothing_else);
	tcase_add_test(tcase, nothing_of_ours_is_no_error);
	if (ms_hooks_kernel_has_tcx()) {
		tcase_add_test(tcase, one_way_is_exchanged_for_the_other);
		tcase_add_test(tcase, no_packet_passes_unjudged_while_one_way_is_exchanged);
		tcase_add_test(tcase, neighbours_are_counted_in_the_order_they_are_asked);
		tcase_add_test(tcase, what_left_while_nobody_looked_is_collected);
		tcase_add_test(tcase, duplicates_over_both_ways_are_seen_and_mended);
		tcase_add_test(tcase, every_trace_goes_and_nothing_else);
	}
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
