/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A live view that refreshes in place: draws text that a function writes, again every interval and
 * whenever the terminal changes its size; ends on q or Ctrl-C and leaves the terminal as it was,
 * whatever happens.
 */
#ifndef MS_CORE_CLI_SCREEN_H
#define MS_CORE_CLI_SCREEN_H

#include <stdbool.h>

#include "core/cli/cli.h"

struct ms_cli_screen_view {
	uint64_t interval_ms;
	/* Gets fresh data (an exit code other than MS_CLI_OK ends the view: nothing may have been
	 * printed, `err` has the sentence). `lines` = how many fit. */
	int (*on_refresh)(void *user, unsigned int lines, struct ms_error *err);
	/* Writes the view; its first line is the title. */
	void (*on_draw)(void *user, const struct ms_cli_style *style);
	/* A key that is not the screen's. */
	void (*on_key)(void *user, int key);
	void *user;
};

bool ms_cli_screen_is_possible(void);
/* Returns an exit code. */
int ms_cli_screen_run(const struct ms_cli *cli, const struct ms_cli_screen_view *view);

#endif
