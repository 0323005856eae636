/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/harness/plugin_folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/plugin/callback.h"
#include "core/plugin/note.h"
#include "tests/harness/ctl.h"
#include "tests/harness/ms_check.h"
#include "tests/harness/site.h"

void ms_plugin_folder_make(void)
{
	/* The tests' own tmpfs, which anybody may write: no place for plugins. */
	ck_assert_int_eq(chmod("/run", 0755), 0);
	ck_assert_int_eq(mkdir(MS_PLUGIN_FOLDER, 0755), 0);
}

void ms_plugin_folder_setup(struct ms_proc *daemon, const char *policy)
{
	ms_site_setup(daemon);
	ms_plugin_folder_make();
	if (policy)
		ms_proc_write_policy(daemon, "10-test.yaml", policy);
	if (getenv("MS_TEST_NO_TCX"))
		ms_plugin_folder_without_tcx(getenv("MS_TEST_NO_TCX"));
}

void ms_plugin_folder_without_tcx(const char *library)
{
	setenv("LD_PRELOAD", library, 1);
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
}

void ms_plugin_folder_say(const char *lines)
{
	ms_netns_put_file(MS_PLUGIN_SCRIPT, lines);
}

void ms_plugin_folder_setup_script(struct ms_proc *daemon, const char *policy, const char *lines)
{
	ms_plugin_folder_setup(daemon, policy);
	ms_plugin_folder_add("script");
	ms_proc_write_config(daemon, "plugins:\n  script: { file: " MS_PLUGIN_SCRIPT " }\n");
	setenv("MS_TEST_HELD", daemon->dir, 1);
	ms_plugin_folder_say(lines);
}

void ms_plugin_folder_add(const char *plugin)
{
	ms_netns_run_command("f=" MS_TEST_PLUGINS "/%s.so; [ -e $f ] || f=" MS_TEST_PLUGIN_DIR
			     "/%s.so; install -m 0755 $f " MS_PLUGIN_FOLDER "/",
			     plugin, plugin);
}

void ms_plugin_folder_start(struct ms_proc *daemon, const char *config)
{
	if (config)
		ms_proc_write_config(daemon, config);
	ms_proc_start(daemon, "--plugin-dir", MS_PLUGIN_FOLDER, NULL);
}

struct loading {
	const struct ms_proc *daemon;
	const char *plugin;
};

static void load(void *user)
{
	const struct loading *loading = user;
	char said[1024];

	ms_ctl_status(loading->daemon, said, sizeof(said), "plugin", "load", loading->plugin, NULL);
	for (;;)
		pause();
}

pid_t ms_plugin_folder_begin_load(const struct ms_proc *daemon, const char *plugin)
{
	struct loading loading = { daemon, plugin };

	return ms_proc_fork(NULL, load, &loading);
}

bool ms_plugin_folder_noted(const struct ms_proc *daemon, const char *plugin, const char *words)
{
	char noted[160], wanted[160];

	ms_netns_read_command(noted, sizeof(noted),
			      "tr -s '\\0' ' ' <%s/state/" MS_PLUGIN_NOTE_FILE, daemon->dir);
	snprintf(wanted, sizeof(wanted), "%s %s", plugin, words);
	return strncmp(noted, wanted, strlen(wanted)) == 0;
}

bool ms_plugin_folder_hangs(void *daemon)
{
	return ms_plugin_folder_noted(daemon, "later_hangs", MS_PLUGIN_CALLBACK_DUE);
}

int ms_plugin_folder_check(char *ret_text, size_t size)
{
	ms_netns_read_command(ret_text, size,
			      "setpriv --bounding-set=-all --inh-caps=-all " MS_TEST_BIN_DIR
			      "/microsegctl -o json policy check --plugin-dir " MS_PLUGIN_FOLDER
			      " --config " MS_NETNS_DIR "/one/microseg.yaml " MS_NETNS_DIR
			      "/one/policy.d 2>&1; echo exit $?");
	return strstr(ret_text, "exit 0") ? 0 : 1;
}
