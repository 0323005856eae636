/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/harness/readme.h"

#include <stdio.h>
#include <string.h>

#include "tests/harness/plugin_folder.h"

#define AT_HOME " | sed 's,/etc/microseg/," MS_NETNS_DIR "/etc/,g'"

void ms_readme_yaml(char *buf, size_t size, const char *readme, int nth)
{
	ms_netns_read_command(buf, size,
			      "awk '/^```yaml$/ {on = ++n == %d; next} /^```/ {on = 0} on' "
			      "%s" AT_HOME,
			      nth, readme);
}

void ms_readme_commands(char *buf, size_t size, const char *readme)
{
	ms_netns_read_command(
		buf, size,
		"awk '/^```console$/ {on = 1; next} /^```/ {on = 0} "
		"on && (sub(/^\\$ /, \"\") || more) "
		"{more = sub(/\\\\$/, \"\"); printf \"%%s%%s\", $0, more ? \"\" : \"\\n\"}' "
		"%s" AT_HOME,
		readme);
}

void ms_readme_put_command(const char *name, const char *script)
{
	char path[128];

	snprintf(path, sizeof(path), MS_README_BIN "/%s", name);
	ms_netns_run_command("mkdir -p " MS_README_BIN);
	ms_netns_put_file(path, script);
	ms_netns_run_command("chmod 755 %s", path);
}

void ms_readme_serve(const struct ms_proc *daemon)
{
	char script[1024];

	ms_readme_put_command("sudo", "#!/bin/sh\nexec \"$@\"\n");
	snprintf(script, sizeof(script),
		 "#!/bin/sh\n"
		 "[ \"$*\" = 'policy check' ] && set -- \"$@\" --plugin-dir " MS_PLUGIN_FOLDER
		 " --config %s/microseg.yaml %s/policy.d\n"
		 "exec " MS_TEST_BIN_DIR "/microsegctl --socket %s/run/control.sock \"$@\"\n",
		 daemon->dir, daemon->dir, daemon->dir);
	ms_readme_put_command("microsegctl", script);
}

static bool shows(void *user)
{
	const char *const *asked = user; /* the command, and a pattern of all it is to say */

	return ms_netns_try_command("%s | grep -Ezq -- '%s'", asked[0], asked[1]) == 0;
}

void ms_readme_follow(const char *readme, const char *const *shown, size_t count)
{
	char text[4096], command[1024], *line, *rest = text;
	size_t i = 0;

	ms_readme_commands(text, sizeof(text), readme);
	for (; (line = strsep(&rest, "\n")); i++) {
		const char *asked[2] = { command };

		ck_assert_uint_lt(i, count);
		asked[1] = shown[i];
		ck_assert_int_lt(snprintf(command, sizeof(command),
					  "export PATH=" MS_README_BIN ":$PATH; %s", line),
				 (int)sizeof(command));
		ms_netns_run_command("%s", command);
		if (asked[1])
			ck_assert_msg(ms_netns_wait(shows, asked, 60), "%s never shows %s", line,
				      asked[1]);
	}
	ck_assert_uint_eq(i, count);
}
