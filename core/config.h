/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/microseg/microseg.yaml and the daemon's flags: every key has a default. Same parser and
 * strictness as policy documents.
 */
#ifndef MS_CORE_CONFIG_H
#define MS_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/layout.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/config_plugins.h"

#define MS_CONFIG_FILE "/etc/microseg/microseg.yaml"
#define MS_CONFIG_POLICY "/etc/microseg/policy.d"
#define MS_CONFIG_BPFFS "/sys/fs/bpf/microseg"
#define MS_CONFIG_RUN_DIR "/run/microseg"
#define MS_CONFIG_STATE_DIR "/var/lib/microseg"
#define MS_CONFIG_TRIAL_STATE "trial" /* below the run directory */

enum ms_config_log_events { MS_LOG_EVENTS_OFF, MS_LOG_EVENTS_DENY, MS_LOG_EVENTS_ALL };

struct ms_config {
	char *policy;      /* directory or file */
	char **interfaces; /* --interface patterns: replace the groups by one called `cli` */
	size_t n_interfaces;
	char *bpffs, *run_dir, *state_dir;
	bool cleanup_on_exit;
	bool trial;                   /* first-screen banner: --cleanup-on-exit on a terminal */
	uint32_t sessions, half_open; /* 0 = auto */
	enum ms_session_table session_table;
	uint32_t rules_max, set_members_max, events_max;
	uint64_t timeouts_ns[MS_TIMEOUT__COUNT];
	uint64_t adopt_grace_ns;
	bool realtime; /* the loop goes before what is scheduled ordinarily */
	enum ms_log_level log_level;
	enum ms_config_log_events log_events;
	struct ms_config_plugins plugins;
	char *file;        /* what this was read from, or would be; NULL = nothing */
	bool file_must_be; /* somebody named it */
	char *plugin_dir;  /* NULL = the installation's */
};

/* Defaults filled in. */
int ms_config_init(struct ms_config *config);
void ms_config_fini(struct ms_config *config);
/* Overlays the file's keys; `config` is untouched on failure. -ENOENT if the file is absent (the
 * caller decides whether that matters). */
int ms_config_read(struct ms_config *config, const char *path, struct ms_error *err);
/* Of the daemon that has this run directory. */
void ms_config_control_socket(const char *run_dir, char *buf, size_t size);

#endif
