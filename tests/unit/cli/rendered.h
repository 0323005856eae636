/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MS_TESTS_UNIT_CLI_RENDERED_H
#define MS_TESTS_UNIT_CLI_RENDERED_H

#include "core/cli/render.h"

/* What is printed for `reply`, which is JSON with ' for ". It is in `*text`, whose last one is
 * freed, and is the caller's to free. */
const char *ms_rendered(char **text, struct ms_cli_style style, ms_cli_renderer render,
			const char *reply);

#endif
