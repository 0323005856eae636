/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/unit/cli/rendered.h"

#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

const char *ms_rendered(char **text, struct ms_cli_style style, ms_cli_renderer render,
			const char *reply)
{
	ms_cleanup(ms_free) char *quoted = strdup(reply);
	json_auto_t *value = NULL;
	json_error_t where;
	size_t length;

	for (char *p = quoted; *p; p++)
		*p = (char)(*p == '\'' ? '"' : *p);
	value = json_loads(quoted, 0, &where);
	ck_assert_msg(value, "%d:%d %s", where.line, where.column, where.text);
	free(ms_take_ptr(*text));
	style.out = open_memstream(text, &length);
	render(&style, value);
	fclose(style.out);
	return *text;
}
