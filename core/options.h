/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microsegd's command line: the configuration file overlaid with flags. */
#ifndef MS_CORE_OPTIONS_H
#define MS_CORE_OPTIONS_H

#include <stdbool.h>

#include "core/base/error.h"
#include "core/config.h"

enum ms_options_task { MS_TASK_RUN, MS_TASK_CHECK_CONFIG, MS_TASK_CLEANUP };

struct ms_options {
	enum ms_options_task task;
	bool dry_run; /* with --cleanup: say what would be removed */
	bool state_dir_given;
	struct ms_config config;
};

/* Exits with 2 on a bad command line and with 0 after --help, --usage and --version, as argp(3)
 * does. An unreadable or refused configuration is `err`'s. */
int ms_options_parse(int argc, char **argv, struct ms_options *ret_options, struct ms_error *err);

#endif
