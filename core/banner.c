/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/banner.h"

#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/tcx.h"
#include "core/base/plural.h"
#include "core/config.h"

#define NAMES_MAX 12 /* of a group on the first screen, then "and N more" */

static void print_system(FILE *out)
{
	char name[64] = "Linux", line[128];
	struct utsname kernel;
	FILE *release = fopen("/etc/os-release", "re");
	unsigned int major = 0, minor = 0;

	while (release && fgets(line, sizeof(line), release)) {
		if (sscanf(line, "PRETTY_NAME=\"%63[^\"]\"", name) == 1)
			break;
	}
	if (release)
		fclose(release);
	uname(&kernel);
	sscanf(kernel.release, "%u.%u", &major, &minor);
	fprintf(out, "microseg %s on %s, kernel %u.%u: %s\n", MS_VERSION, name, major, minor,
		ms_tcx_is_supported() ? "tc and tcx" : "tc (tcx needs 6.6)");
}

struct listing {
	FILE *out;
	const char *group, *separator;
	unsigned int shown, more, total;
	char aside[256]; /* interfaces left alone that a person may wonder about */
};

static void list_one(void *user, struct ms_iface_entry *entry)
{
	struct listing *listing = user;

	if (strcmp(entry->group, listing->group) != 0 || entry->state != MS_IFACE_PROTECTED)
		return;
	if (listing->shown < NAMES_MAX)
		fprintf(listing->out, "%s%s ", listing->shown ? "" : listing->separator,
			entry->link.name);
	else
		listing->more++;
	listing->shown++;
}

static void count_one(void *user, struct ms_iface_entry *entry)
{
	struct listing *listing = user;
	size_t used = strlen(listing->aside);

	if (entry->state == MS_IFACE_PROTECTED)
		listing->total++;
	else if (strcmp(entry->link.kind, "bridge") == 0)
		snprintf(listing->aside + used, sizeof(listing->aside) - used, "%s%s",
			 used ? ", " : "", entry->link.name);
}

static void print_interfaces(struct ms_manager *manager, FILE *out)
{
	const struct ms_policy *policy = ms_manager_policy(manager);
	struct ms_iface_set *ifaces = ms_manager_ifaces(manager);
	struct listing all = { .out = out };
	const char *separator = "";

	ms_iface_set_foreach(ifaces, count_one, &all);
	fprintf(out, "Protecting %u interface%s: ", all.total, ms_plural(all.total));
	for (size_t i = 0; i < policy->n_groups; i++) {
		struct listing listing = {
			.out = out,
			.group = policy->groups[i].name,
			.separator = separator,
		};

		ms_iface_set_foreach(ifaces, list_one, &listing);
		if (listing.shown == 0)
			continue;
		if (listing.more)
			fprintf(out, "and %u more ", listing.more);
		fprintf(out, "%s", listing.group);
		separator = " | ";
	}
	if (all.aside[0])
		fprintf(out, "     (%s: bridge, its ports are protected)", all.aside);
	fputc('\n', out);
}

/* The CLI as the reader can type it: beside this daemon, relative if it is below here. */
static const char *cli_path(char *buf, size_t size)
{
	char self[PATH_MAX], here[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t length;

	if (n <= 0)
		return "microsegctl";
	self[n] = '\0';
	snprintf(buf, size, "%s/microsegctl", dirname(self));
	if (strncmp(buf, "/usr/", 5) == 0)
		return "microsegctl";
	length = getcwd(here, sizeof(here)) ? strlen(here) : 0;
	if (length && strncmp(buf, here, length) == 0 && buf[length] == '/')
		return buf + length + 1;
	return buf;
}

void ms_banner_print(struct ms_manager *manager, FILE *out)
{
	const struct ms_config *config = ms_manager_config(manager);
	struct ms_manager_status status;
	char buf[PATH_MAX], socket[PATH_MAX];
	bool is_elsewhere = strcmp(config->run_dir, MS_CONFIG_RUN_DIR) != 0;
	const char *cli = cli_path(buf, sizeof(buf));
	static const char *const commands[] = {
		"status",
		"session watch",
		"rule add --to 127.0.0.1 --dport 8000 --proto tcp deny --for 5m",
		"observe -f",
	};

	ms_manager_status(manager, &status);
	print_system(out);
	print_interfaces(manager, out);
	if (strcmp(status.policy_source, "built-in default") == 0)
		fprintf(out, "Policy: built-in default. Nothing is blocked yet; new interfaces are "
			     "protected as they appear.\n");
	else
		fprintf(out, "Policy: %s, generation %u.\n", status.policy_source,
			status.generation_applied);
	ms_config_control_socket(config->run_dir, socket, sizeof(socket));
	fprintf(out, "In a second terminal, try:\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  sudo %s%s%s %s\n", cli, is_elsewhere ? " --socket " : "",
			is_elsewhere ? socket : "", commands[i]);
	fprintf(out, "Ctrl-C stops and removes everything. To keep it: sudo ./setup.sh install\n");
	fflush(out);
}
