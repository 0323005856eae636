/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources and sinks that fall in any of their callbacks, all of them beside each other: each is in
 * a process of its own, so the daemon, its policy and its traffic go on.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ctl.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/site.h"

#define WAIT_S 90 /* one that does not move is given up after half a minute, or twice that */

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;
static char text[8192];

static const char *const running[] = {
	"create", "start", "snapshot", "in_force", "on_events", "stats", "woken", "ready", "due",
};
static const char *const ending[] = { "stop", "destroy" };

static const struct {
	bool hangs;
	const char *says;
} ways[] = {
	{ false, "it crashed (Segmentation fault)" },
	{ true, "it has not moved for half a minute" },
};

static void start(const char *const *at, size_t count, bool hangs)
{
	char config[1024] = "plugins:\n";

	ms_plugin_folder_setup(microsegd, NULL);
	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "falls_in_%s", at[i]);
		ms_plugin_folder_add(text);
		snprintf(config + strlen(config), sizeof(config) - strlen(config),
			 "  falls_in_%s: { hangs: %s }\n", at[i], hangs ? "true" : "false");
	}
	ms_plugin_folder_start(microsegd, config);
}

static bool has_logged(void *line)
{
	return ms_proc_logged(microsegd, line);
}

START_TEST(one_that_falls_while_it_runs_harms_nobody)
{
	pid_t pid;

	start(running, ms_array_size(running), ways[_i].hangs);
	pid = microsegd->pid;
	ms_site_expect_denied(microsegd, 81, "shut"); /* an event */
	for (size_t i = 0; i < ms_array_size(running); i++) {
		char line[128];

		snprintf(line, sizeof(line), "falls_in_%s: %s", running[i], ways[_i].says);
		ck_assert_msg(ms_netns_wait(has_logged, line, WAIT_S), "%s", line);
		ms_site_expect_enforced();
	}
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == pid);
	ms_ctl_do(microsegd, "policy", "apply", NULL);
	ms_site_expect_enforced();
	ms_proc_stop(microsegd);
}
END_TEST

static bool has_no_child(void *user)
{
	(void)user;
	ms_netns_read_command(text, sizeof(text), "pgrep -P %d || true", microsegd->pid);
	return !text[0];
}

static bool is_running(void *at)
{
	json_auto_t *lines = NULL;

	snprintf(text, sizeof(text), "falls_in_%s", (const char *)at);
	lines = ms_ctl(microsegd, "source", "show", text, NULL);
	return strcmp(ms_ctl_text(json_array_get(lines, 0), "source.state"), "running") == 0;
}

/* Each is unloaded, or ends with the daemon: neither waits for it, and nothing of it is left. */
static const struct {
	bool hangs, is_unloaded;
} ends[] = { { false, true }, { true, true }, { false, false }, { true, false } };

START_TEST(one_that_falls_when_it_is_to_end_is_gone)
{
	char children[128];
	pid_t pid;

	start(ending, ms_array_size(ending), ends[_i].hangs);
	pid = microsegd->pid;
	for (size_t i = 0; i < ms_array_size(ending); i++)
		ck_assert_msg(ms_netns_wait(is_running, (void *)ending[i], WAIT_S), "%s", text);
	for (size_t i = 0; ends[_i].is_unloaded && i < ms_array_size(ending); i++) {
		snprintf(text, sizeof(text), "falls_in_%s", ending[i]);
		ms_ctl_do(microsegd, "plugin", "unload", text, NULL);
	}
	if (ends[_i].is_unloaded)
		ck_assert(ms_netns_wait(has_no_child, NULL, WAIT_S));
	ms_site_expect_enforced();
	ck_assert(ms_proc_is_alive(microsegd) && microsegd->pid == pid);
	ms_netns_read_command(children, sizeof(children), "pgrep -d ' ' -P %d || true", pid);
	ck_assert_int_eq(!children[0], ends[_i].is_unloaded);
	ms_proc_stop(microsegd);
	/* Nobody here waits for what the daemon leaves: a process that is over has no command. */
	ms_netns_read_command(text, sizeof(text),
			      "for i in %s; do cat /proc/$i/cmdline 2>&1 || true; done | tr -d "
			      "'\\0' | grep plugin-host || true",
			      children);
	ck_assert_str_eq(text, "");
	ms_site_expect_enforced();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/source_ends");
	TCase *tcase = tcase_create("source_ends");

	tcase_set_timeout(tcase, 180);
	tcase_add_loop_test(tcase, one_that_falls_while_it_runs_harms_nobody, 0,
			    (int)ms_array_size(ways));
	tcase_add_loop_test(tcase, one_that_falls_when_it_is_to_end_is_gone, 0,
			    (int)ms_array_size(ends));
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
