/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/screen.h"

#include <errno.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define FOOTER 1

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

bool ms_cli_screen_is_possible(void)
{
	return isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A line that is too wide ends at the edge: curses would go on with it on the next. */
static void put_lines(char *text)
{
	char *line, *rest = text;

	for (int y = 0; y < LINES - FOOTER && (line = strsep(&rest, "\n")); y++) {
		if (!rest && !*line)
			break;
		attrset(y <= 1 ? A_BOLD : A_NORMAL);
		mvaddnstr(y, 0, line, (int)(ms_cli_style_skip(line, (size_t)COLS) - line));
	}
	attrset(A_REVERSE);
	mvaddnstr(LINES - 1, 0, " q quit  s sort ", COLS);
	attrset(A_NORMAL);
}

static void draw(const struct ms_cli *cli, const struct ms_cli_screen_view *view)
{
	ms_cleanup(ms_free) char *text = NULL;
	struct ms_cli_style style = cli->style;
	size_t length;

	style.out = open_memstream(&text, &length);
	if (!style.out)
		return;
	style.width = COLS > 0 ? (unsigned int)COLS : 0;
	style.color = false;
	view->on_draw(view->user, &style);
	fclose(style.out);
	erase();
	if (text)
		put_lines(text);
	refresh();
}

/* Until the next refresh is due: keys and resizes, each answered at once. False = the end. */
static bool wait_and_answer(const struct ms_cli *cli, const struct ms_cli_screen_view *view,
			    int64_t due_ms, bool *ret_refresh_now)
{
	for (;;) {
		int64_t left = due_ms - now_ms();
		int key;

		if (interrupted)
			return false;
		if (left <= 0)
			return true;
		timeout((int)left);
		key = getch();
		if (key == 'q' || key == 'Q')
			return false;
		if (key == KEY_RESIZE) {
			draw(cli, view);
		} else if (key != ERR) {
			view->on_key(view->user, key);
			*ret_refresh_now = true;
			return true;
		}
	}
}

static int run(const struct ms_cli *cli, const struct ms_cli_screen_view *view,
	       struct ms_error *err)
{
	for (;;) {
		int64_t due_ms = now_ms() + (int64_t)view->interval_ms;
		unsigned int lines = LINES > FOOTER ? (unsigned int)(LINES - FOOTER) : 1;
		bool refresh_now = false;
		int code = view->on_refresh(view->user, lines, err);

		if (interrupted)
			return MS_CLI_OK;
		if (code != MS_CLI_OK)
			return code;
		draw(cli, view);
		if (!wait_and_answer(cli, view, due_ms, &refresh_now))
			return MS_CLI_OK;
	}
}

int ms_cli_screen_run(const struct ms_cli *cli, const struct ms_cli_screen_view *view)
{
	/* Without SA_RESTART: a Ctrl-C also ends waiting for the daemon. */
	const struct sigaction action = { .sa_handler = on_interrupt };
	struct ms_error err = MS_ERROR_INIT;
	const char *term = getenv("TERM");
	SCREEN *screen;
	int code;

	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		if (term && *term)
			ms_error_set(&err, -ENOTTY,
				     "this terminal cannot show a live view (TERM=%s)", term);
		else
			ms_error_set(
				&err, -ENOTTY,
				"TERM is not set, so nothing is known of this terminal; try TERM=xterm, or session list");
		return ms_cli_fail(cli, MS_CLI_FAILED, "refused", &err);
	}
	interrupted = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	code = run(cli, view, &err);
	endwin();
	delscreen(screen);
	if (code == MS_CLI_OK)
		return code;
	return ms_cli_fail(cli, code, code == MS_CLI_UNREACHABLE ? "unreachable" : "refused", &err);
}
