/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "bpf/dataplane.h"
#include "core/base/cleanup.h"
#include "core/iface/attach.h"

struct removal {
	FILE *out;
	bool dry_run;
	unsigned int found;
};

static void on_found(void *user, const char *ifname, const char *what)
{
	struct removal *removal = user;

	removal->found++;
	if (removal->out)
		fprintf(removal->out, "%s %s from %s\n",
			removal->dry_run ? "would remove" : "removed", what, ifname);
}

static void remove_run_dir(const struct ms_config *config)
{
	char path[PATH_MAX];

	ms_config_control_socket(config->run_dir, path, sizeof(path));
	unlink(path);
	rmdir(config->run_dir);
}

int ms_removal_run(const struct ms_config *config, bool dry_run, FILE *out, struct ms_error *err)
{
	struct removal removal = { .out = out, .dry_run = dry_run };
	bool pinned = access(config->bpffs, F_OK) == 0;
	int r = ms_attach_cleanup(config->bpffs, dry_run, on_found, &removal, err);

	if (r < 0)
		return r;
	if (!dry_run) {
		r = ms_dataplane_unpin_all(config->bpffs, err);
		if (r < 0 && r != -ENOENT)
			return r;
		remove_run_dir(config);
	}
	if (pinned && out)
		fprintf(out, "%s the pinned programs and maps from %s\n",
			dry_run ? "would remove" : "removed", config->bpffs);
	else if (removal.found == 0 && out)
		fprintf(out, "nothing of microseg is here\n");
	return 0;
}

/* A directory that the operator named keeps what is in it. */
static bool is_trial_state(const struct ms_config *config)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" MS_CONFIG_TRIAL_STATE, config->run_dir);
	return strcmp(path, config->state_dir) == 0;
}

void ms_removal_forget_state(const struct ms_config *config)
{
	static const char *const files[] = { "runtime.json", "runtime.journal",
					     "applied.json", "last-good.json",
					     "generation",   "plugin-in-callback" };
	ms_cleanup(ms_close_fd) int fd = -1;

	if (!is_trial_state(config))
		return;
	fd = open(config->state_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	for (size_t i = 0; i < ms_array_size(files); i++)
		unlinkat(fd, files[i], 0);
	rmdir(config->state_dir);
}
