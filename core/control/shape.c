/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/control/shape.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/base/proto.h"
#include "core/policy/check.h"
#include "core/policy/document.h"

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000LL

json_t *ms_control_shape_time(int64_t seconds)
{
	char text[32];

	return seconds ? json_string(ms_format_time(seconds, text, sizeof(text))) : json_null();
}

json_t *ms_control_shape_time_ms(int64_t ns)
{
	char text[40];
	size_t length;

	ms_format_time(ns / NS_PER_S, text, sizeof(text));
	length = strlen(text);
	/* Between the seconds and the Z. */
	snprintf(text + length - 1, sizeof(text) - length + 1, ".%03dZ",
		 (int)(ns % NS_PER_S / NS_PER_MS));
	return json_string(text);
}

json_t *ms_control_shape_ms(uint64_t ns)
{
	return json_integer((json_int_t)(ns / NS_PER_MS));
}

json_t *ms_control_shape_addr(const struct ms_addr *addr)
{
	char text[MS_ADDR_TEXT];

	return json_string(ms_addr_format(addr, text, sizeof(text)));
}

json_t *ms_control_shape_icmp(uint8_t proto, uint8_t type)
{
	const char *name;

	if (proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6)
		return json_null();
	name = ms_proto_icmp_name(proto, type);
	return name ? json_string(name) : json_integer(type);
}

json_t *ms_control_shape_rule(const struct ms_rule *rule)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int r;

	if (!out)
		return NULL;
	r = ms_document_write_rule(rule, true, out);
	if (fclose(out) != 0 || r < 0)
		return NULL;
	return json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
}

const char *ms_control_shape_panic(enum ms_panic panic)
{
	static const char *const names[] = { "off", "open", "closed" };
	_Static_assert(ms_array_size(names) == MS_PANIC_CLOSED + 1, "a name per state");

	return names[panic];
}

const char *ms_control_shape_mode(enum ms_mode mode)
{
	static const char *const names[] = { "disabled", "audit", "enforce", "policy" };
	_Static_assert(ms_array_size(names) == MS_MODE_INHERIT + 1, "a name per mode");

	return names[mode];
}

json_t *ms_control_shape_commit(const struct ms_commit *commit, bool dry_run)
{
	return json_pack("{s:I, s:i, s:b, s:i, s:b}", "generation", (json_int_t)commit->generation,
			 "sessions_end", commit->sessions_end, "sessions_end_is_minimum",
			 commit->sessions_end_is_minimum, "changes", commit->changes, "dry_run",
			 dry_run);
}

int ms_control_shape_put(json_t *object, const char *key, json_t *value)
{
	return value && json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

json_t *ms_control_shape_warnings(const struct ms_warning *warnings, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		const struct ms_warning *warning = &warnings[i];
		json_t *item = json_pack("{s:s, s:s, s:s, s:s*, s:i}", "kind", warning->kind,
					 "rule", warning->rule, "message", warning->message, "file",
					 warning->origin.file, "line", warning->origin.line);

		if (!item || json_array_append_new(list, item) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
