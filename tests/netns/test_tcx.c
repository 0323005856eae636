/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bpf/tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/harness/netns.h"
#include "tests/netns/hooks.h"

#define PIN_DIR MS_NETNS_BPFFS "/microseg"

static void set_up(void)
{
	ms_netns_setup();
	ck_assert_int_eq(mkdir(PIN_DIR, 0700), 0);
	ms_netns_run_command("ip link add a0 index 77 type veth peer name a1");
	ms_netns_run_command("echo 1 | tee /proc/sys/net/ipv6/conf/*/disable_ipv6");
	ms_hooks_up("a0", "a1");
	ms_hooks_load();
	ck_assert_int_eq(ms_tcx_is_supported(), ms_hooks_kernel_has_tcx());
}

static void attach(const char *ifname)
{
	for (int hook = 0; hook < MS_HOOK__COUNT; hook++)
		ck_assert_int_eq(ms_tcx_attach(PIN_DIR, ms_hooks_ifindex(ifname),
					       (enum ms_hook)hook,
					       ms_hooks_fd((enum ms_hooks_program)hook)),
				 0);
}

static void detach(uint32_t ifindex)
{
	for (int hook = 0; hook < MS_HOOK__COUNT; hook++)
		ck_assert_int_eq(ms_tcx_detach(PIN_DIR, ifindex, (enum ms_hook)hook), 0);
}

static struct ms_tcx_state query(const char *ifname, enum ms_hook hook)
{
	struct ms_tcx_state state;

	ck_assert_int_eq(ms_tcx_query(PIN_DIR, ms_hooks_ifindex(ifname), hook, &state), 0);
	return state;
}

static void must_be_attached_once(const char *ifname)
{
	for (int hook = 0; hook < MS_HOOK__COUNT; hook++) {
		struct ms_tcx_state state = query(ifname, (enum ms_hook)hook);

		ck_assert_uint_eq(state.ours, 1);
		ck_assert_uint_eq(state.before_us, 0);
		ck_assert_uint_eq(state.program_id, ms_hooks_id((enum ms_hooks_program)hook));
	}
}

static void must_judge(void)
{
	ms_hooks_must_run("a1", 5, MS_HOOKS_INGRESS);
	ms_hooks_must_run("a0", 7, MS_HOOKS_EGRESS);
}

static unsigned int count_pins(void)
{
	char text[32];

	ms_netns_read_command(text, sizeof(text), "ls %s/links | wc -l", PIN_DIR);
	return (unsigned int)strtoul(text, NULL, 10);
}

static uint32_t pinned_link_id(const char *pin)
{
	struct bpf_link_info info = { .type = 0 };
	uint32_t size = sizeof(info);
	ms_cleanup(ms_close_fd) int fd = bpf_obj_get(pin);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	return info.id;
}

START_TEST(ours_is_first_and_the_foreign_ones_run_too)
{
	struct ms_tcx_state state;
	int foreign = ms_hooks_add_link("a0", MS_HOOK_INGRESS, MS_HOOKS_FOREIGN);

	attach("a0");
	must_be_attached_once("a0");
	state = query("a0", MS_HOOK_INGRESS);
	ck_assert_uint_eq(state.after_us, 1);
	must_judge();
	ck_assert_uint_eq(ms_hooks_runs(MS_HOOKS_FOREIGN), 5);
	ck_assert_uint_eq(count_pins(), 2);

	detach(77);
	ck_assert_uint_eq(count_pins(), 0);
	state = query("a0", MS_HOOK_INGRESS);
	ck_assert_uint_eq(state.ours, 0);
	ms_hooks_must_run("a1", 5, MS_HOOKS_FOREIGN);
	ck_assert_uint_eq(ms_hooks_runs(MS_HOOKS_INGRESS), 5);
	close(foreign);
}
END_TEST

START_TEST(new_version_is_put_in_place_of_the_old_one)
{
	uint32_t link;

	attach("a0");
	link = pinned_link_id(PIN_DIR "/links/77-ingress");
	ms_hooks_load();
	attach("a0");
	must_be_attached_once("a0");
	ck_assert_uint_eq(pinned_link_id(PIN_DIR "/links/77-ingress"), link);
	must_judge();
}
END_TEST

START_TEST(pin_of_a_dead_device_is_made_anew)
{
	attach("a0");
	ms_netns_run_command("ip link del a0");
	ck_assert_uint_eq(count_pins(), 2);
	ms_netns_run_command("ip link add a0 index 77 type veth peer name a1");
	ms_hooks_up("a0", "a1");
	ck_assert_uint_eq(query("a0", MS_HOOK_INGRESS).ours, 0);
	attach("a0");
	must_be_attached_once("a0");
	must_judge();
	ck_assert_int_eq(ms_tcx_collect(PIN_DIR), 0);
	ck_assert_uint_eq(count_pins(), 2);
}
END_TEST

START_TEST(pins_of_dead_devices_are_collected)
{
	ms_netns_run_command("ip link add b0 type veth peer name b1");
	attach("a0");
	attach("b0");
	ms_netns_run_command("ip link del a0");
	ck_assert_int_eq(ms_tcx_collect(PIN_DIR), 2);
	ck_assert_uint_eq(count_pins(), 2);
	must_be_attached_once("b0");
	ck_assert_int_eq(ms_tcx_collect(PIN_DIR "/no-such"), 0);
}
END_TEST

/* Our link goes along inside: there its record even names the same number. */
static void move_away(void)
{
	ms_netns_add("other");
	ms_netns_run_command("echo 1 | ip netns exec other tee "
			     "/proc/sys/net/ipv6/conf/default/disable_ipv6");
	attach("a0");
	ms_netns_run_command("ip link set a0 netns other && ip -n other link set a0 up");
	ms_netns_go("other");
	ms_netns_wait_carrier("a0");
	ms_netns_go(NULL);
	ms_hooks_forget_runs();
	ms_hooks_send("a1", 3);
	ms_netns_go("other");
	ms_hooks_must_run("a0", 1, MS_HOOKS_EGRESS); /* it does go on there */
	ms_netns_go(NULL);
}

static void must_not_judge_there(void)
{
	ms_hooks_forget_runs();
	ms_netns_go("other");
	ms_hooks_send("a0", 1);
	ms_netns_go(NULL);
	ms_hooks_send("a1", 1);
	ck_assert_uint_eq(ms_hooks_runs(MS_HOOKS_EGRESS), 0);
	ck_assert_uint_eq(ms_hooks_runs(MS_HOOKS_INGRESS), 0);
}

START_TEST(link_that_moved_away_is_taken_off_there)
{
	ms_cleanup(ms_close_fd) int held = -1;

	move_away();
	/* Somebody else holds it too, so it does not end with the pin alone. */
	held = bpf_obj_get(PIN_DIR "/links/77-egress");
	ck_assert_int_ge(held, 0);
	detach(77);
	must_not_judge_there();
	ck_assert_uint_eq(count_pins(), 0);
}
END_TEST

START_TEST(link_that_moved_away_is_collected)
{
	move_away();
	/* even if its number is somebody else's here by now */
	ms_netns_run_command("ip link add c0 index 77 type veth peer name c1");
	ck_assert_int_eq(ms_tcx_collect(PIN_DIR), 2);
	must_not_judge_there();
}
END_TEST

START_TEST(link_that_moved_away_is_not_taken_for_the_new_device)
{
	move_away();
	ms_netns_run_command("ip link add c0 index 77 type veth peer name c1");
	ms_hooks_up("c0", "c1");
	ck_assert_uint_eq(query("c0", MS_HOOK_INGRESS).ours, 0);
	attach("c0");
	must_be_attached_once("c0");
	must_not_judge_there();
	ms_hooks_must_run("c1", 2, MS_HOOKS_INGRESS);
}
END_TEST

START_TEST(link_without_a_pin_is_taken_over)
{
	uint32_t link;

	attach("a0");
	link = pinned_link_id(PIN_DIR "/links/77-ingress");
	/* As if somebody had mounted another bpffs over ours: the link lives, its pin is not seen.
	 */
	ms_netns_run_command("mv %s/links/77-ingress %s/elsewhere", PIN_DIR, PIN_DIR);
	ck_assert_uint_eq(query("a0", MS_HOOK_INGRESS).ours, 1);
	ms_hooks_load();
	attach("a0");
	must_be_attached_once("a0");
	ck_assert_uint_eq(pinned_link_id(PIN_DIR "/links/77-ingress"), link);
	must_judge();

	/* and taken off without one */
	ms_netns_run_command("rm %s/links/77-ingress", PIN_DIR);
	ck_assert_uint_eq(query("a0", MS_HOOK_INGRESS).ours, 1);
	detach(77);
	ck_assert_uint_eq(query("a0", MS_HOOK_INGRESS).ours, 0);
}
END_TEST

START_TEST(more_than_one_of_ours_is_mended)
{
	int stray, foreign = ms_hooks_add_link("a0", MS_HOOK_INGRESS, MS_HOOKS_FOREIGN);

	attach("a0");
	ms_hooks_load(); /* the kernel takes a program once per hook */
	stray = ms_hooks_add_link("a0", MS_HOOK_INGRESS, MS_HOOKS_INGRESS);
	ck_assert_uint_eq(query("a0", MS_HOOK_INGRESS).ours, 2);
	attach("a0");
	must_be_attached_once("a0");
	ck_assert_uint_eq(query("a0", MS_HOOK_INGRESS).after_us, 1);
	close(stray);
	close(foreign);
}
END_TEST

START_TEST(one_hook_is_taken_off_by_no_program)
{
	attach("a0");
	ck_assert_int_eq(ms_tcx_attach(PIN_DIR, 77, MS_HOOK_EGRESS, -1), 0);
	ck_assert_uint_eq(query("a0", MS_HOOK_EGRESS).ours, 0);
	ck_assert_uint_eq(query("a0", MS_HOOK_INGRESS).ours, 1);
	ck_assert_uint_eq(count_pins(), 1);
}
END_TEST

START_TEST(folder_of_pins_is_not_followed_elsewhere)
{
	ms_netns_run_command("mkdir %s/trap && ln -s %s/trap %s/links", MS_NETNS_BPFFS,
			     MS_NETNS_BPFFS, PIN_DIR);
	ck_assert_int_eq(ms_tcx_attach(PIN_DIR, 77, MS_HOOK_INGRESS, ms_hooks_fd(MS_HOOKS_INGRESS)),
			 -ENOTDIR);
	ms_netns_run_command("rm %s/links && mkdir -m 0777 %s/links", PIN_DIR, PIN_DIR);
	ck_assert_int_eq(ms_tcx_attach(PIN_DIR, 77, MS_HOOK_INGRESS, ms_hooks_fd(MS_HOOKS_INGRESS)),
			 -EPERM);
	ms_netns_run_command("chmod 0700 %s/links", PIN_DIR);
	attach("a0");
	must_be_attached_once("a0");
}
END_TEST

START_TEST(nothing_to_take_off_is_no_error)
{
	detach(77);
	detach(4711);
	ck_assert_int_eq(
		ms_tcx_attach(PIN_DIR, 4711, MS_HOOK_INGRESS, ms_hooks_fd(MS_HOOKS_INGRESS)),
		-ENODEV);
}
END_TEST

START_TEST(kernel_without_it_refuses_and_has_nothing_to_take_off)
{
	ck_assert_int_lt(ms_tcx_attach(PIN_DIR, 77, MS_HOOK_INGRESS, ms_hooks_fd(MS_HOOKS_INGRESS)),
			 0);
	ck_assert_uint_eq(count_pins(), 0);
	detach(77);
	ck_assert_int_eq(ms_tcx_collect(PIN_DIR), 0);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, ours_is_first_and_the_foreign_ones_run_too);
	tcase_add_test(tcase, new_version_is_put_in_place_of_the_old_one);
	tcase_add_test(tcase, pin_of_a_dead_device_is_made_anew);
	tcase_add_test(tcase, pins_of_dead_devices_are_collected);
	tcase_add_test(tcase, link_that_moved_away_is_taken_off_there);
	tcase_add_test(tcase, link_that_moved_away_is_collected);
	tcase_add_test(tcase, link_that_moved_away_is_not_taken_for_the_new_device);
	tcase_add_test(tcase, link_without_a_pin_is_taken_over);
	tcase_add_test(tcase, more_than_one_of_ours_is_mended);
	tcase_add_test(tcase, one_hook_is_taken_off_by_no_program);
	tcase_add_test(tcase, folder_of_pins_is_not_followed_elsewhere);
	tcase_add_test(tcase, nothing_to_take_off_is_no_error);
}

int main(void)
{
	Suite *suite = suite_create("netns/tcx");
	TCase *tcase = tcase_create("tcx");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_set_timeout(tcase, 30);
	if (ms_hooks_kernel_has_tcx())
		add_tests(tcase);
	else
		tcase_add_test(tcase, kernel_without_it_refuses_and_has_nothing_to_take_off);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
