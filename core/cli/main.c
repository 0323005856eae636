/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <locale.h>
#include <string.h>

#include "core/cli/command.h"

static int run(struct ms_cli *cli, int argc, char **argv)
{
	const struct ms_cli_command *command;
	int r = ms_cli_command_parse(argc - 1, argv + 1, cli->options, &command);

	ms_cli_style_init(&cli->style, (int)cli->options->color, cli->options->numeric);
	if (r == 0)
		return command->run(cli);
	if (r != -ENOENT)
		return ms_cli_fail(cli, MS_CLI_USAGE, "usage", &cli->options->error);
	if (cli->options->version)
		fputs("microsegctl " MS_VERSION "\n", stdout);
	else if (command)
		ms_cli_command_help(command, stdout);
	else
		ms_cli_command_overview(stdout, cli->options->object);
	return MS_CLI_OK;
}

int main(int argc, char **argv)
{
	struct ms_cli_options options;
	struct ms_cli cli = { .options = &options };
	int code;

	setlocale(LC_CTYPE, "");
	if (ms_cli_options_init(&options) < 0) {
		fputs("microsegctl: out of memory\n", stderr);
		return MS_CLI_FAILED;
	}
	code = run(&cli, argc, argv);
	ms_cli_options_fini(&options);
	/* What could not be written was not said: a full disk is a failure too. */
	if (fflush(stdout) != 0 && code == MS_CLI_OK) {
		fprintf(stderr, "microsegctl: cannot write: %s\n", strerror(errno));
		code = MS_CLI_FAILED;
	}
	return code;
}
