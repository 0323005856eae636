/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file form of struct ms_runtime: one JSON object; rules are policy documents inside it. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "core/state/runtime.h"

static int encode_rules(const struct ms_runtime *runtime, json_t *root)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	int r;

	if (!out)
		return -ENOMEM;
	r = ms_document_write(runtime->rules, true, out);
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r == 0 && json_object_set_new(root, "rules", json_stringn(text, length)) < 0)
		r = -ENOMEM;
	return r;
}

static int encode_sets(const struct ms_runtime *runtime, json_t *root)
{
	json_t *sets = json_object();
	char text[MS_CIDR_TEXT];

	for (size_t i = 0; i < runtime->n_sets; i++) {
		const struct ms_runtime_set *set = &runtime->sets[i];
		json_t *members = json_array();

		for (size_t m = 0; m < set->n_members; m++) {
			ms_cidr_format(&set->members[m].cidr, text, sizeof(text));
			json_array_append_new(
				members, json_pack("{s:s, s:I, s:s*}", "addr", text, "expires_ms",
						   (json_int_t)set->members[m].expires_ms, "plugin",
						   ms_runtime_put_by(runtime, &set->members[m])));
		}
		json_object_set_new(sets, set->name, members);
	}
	return json_object_set_new(root, "sets", sets) < 0 ? -ENOMEM : 0;
}

static int encode_overrides(const struct ms_runtime *runtime, json_t *root)
{
	json_t *overrides = json_array();

	for (size_t i = 0; i < runtime->n_overrides; i++)
		json_array_append_new(overrides, json_pack("{s:s, s:i, s:i}", "group",
							   runtime->overrides[i].group, "mode",
							   (int)runtime->overrides[i].mode, "panic",
							   (int)runtime->overrides[i].panic));
	return json_object_set_new(root, "overrides", overrides) < 0 ? -ENOMEM : 0;
}

int ms_runtime_encode(const struct ms_runtime *runtime, uint64_t serial, char **ret_text,
		      size_t *ret_length)
{
	json_auto_t *root = json_pack("{s:i, s:I, s:I}", "version", 1, "serial", (json_int_t)serial,
				      "next_rule", (json_int_t)runtime->next_rule);
	char *text;
	int r;

	if (!root)
		return -ENOMEM;
	r = encode_rules(runtime, root);
	if (r == 0)
		r = encode_sets(runtime, root);
	if (r == 0)
		r = encode_overrides(runtime, root);
	if (r < 0)
		return r;
	text = json_dumps(root, JSON_INDENT(1));
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	*ret_length = strlen(text);
	return 0;
}

static int decode_sets(json_t *sets, struct ms_runtime *runtime, struct ms_error *err)
{
	const char *name;
	json_t *members, *member;
	size_t i;

	json_object_foreach (sets, name, members) {
		json_array_foreach (members, i, member) {
			const char *addr = json_string_value(json_object_get(member, "addr"));
			json_int_t expires =
				json_integer_value(json_object_get(member, "expires_ms"));
			const char *plugin = json_string_value(json_object_get(member, "plugin"));
			struct ms_cidr cidr;
			int r;

			if (!addr || !ms_cidr_parse(addr, &cidr))
				return ms_error_set(err, -EINVAL,
						    "set %s: member %zu is no address", name, i);
			r = ms_runtime_set_add(runtime, name, &cidr, expires, plugin);
			if (r < 0)
				return r;
		}
		/* Even an emptied set is named by rules. */
		if (json_array_size(members) == 0) {
			struct ms_cidr none = { .addr = { .family = 4 }, .len = 32 };
			int r = ms_runtime_set_add(runtime, name, &none, 0, NULL);

			if (r == 0)
				r = ms_runtime_set_remove(runtime, name, &none);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int decode_overrides(json_t *overrides, struct ms_runtime *runtime, struct ms_error *err)
{
	json_t *item;
	size_t i;

	json_array_foreach (overrides, i, item) {
		const char *group;
		int mode, panic, r;

		if (json_unpack(item, "{s:s, s:i, s:i}", "group", &group, "mode", &mode, "panic",
				&panic) < 0 ||
		    mode < MS_MODE_DISABLED || mode > MS_MODE_INHERIT || panic < MS_PANIC_OFF ||
		    panic > MS_PANIC_CLOSED)
			return ms_error_set(err, -EINVAL, "override %zu is malformed", i);
		r = ms_runtime_set_mode(runtime, group, (enum ms_mode)mode);
		if (r == 0)
			r = ms_runtime_set_panic(runtime, group, (enum ms_panic)panic);
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode(json_t *root, struct ms_runtime *runtime, uint64_t *ret_serial,
		  struct ms_error *err)
{
	json_t *sets, *overrides;
	const char *rules;
	json_int_t next, serial = 0; /* of a version that had none: no journal goes on from it */
	int version, r;

	if (json_unpack(root, "{s:i, s?I, s:I, s:s, s:o, s:o}", "version", &version, "serial",
			&serial, "next_rule", &next, "rules", &rules, "sets", &sets, "overrides",
			&overrides) < 0 ||
	    version != 1 || next < 1 || serial < 0 || !json_is_object(sets) ||
	    !json_is_array(overrides))
		return ms_error_set(err, -EINVAL, "not a runtime state this version wrote");
	runtime->next_rule = (uint64_t)next;
	*ret_serial = (uint64_t)serial;
	r = ms_document_parse("runtime.json", rules, strlen(rules), MS_SOURCE_RUNTIME,
			      runtime->rules, err);
	if (r == 0)
		r = decode_sets(sets, runtime, err);
	if (r == 0)
		r = decode_overrides(overrides, runtime, err);
	return r;
}

int ms_runtime_decode(const char *text, size_t length, struct ms_runtime *runtime,
		      uint64_t *ret_serial, struct ms_error *err)
{
	json_error_t problem;
	json_auto_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
	struct ms_runtime fresh;
	uint64_t serial = 0;
	int r;

	if (!root)
		return ms_error_set(err, -EINVAL, "%s (line %d)", problem.text, problem.line);
	r = ms_runtime_init(&fresh);
	if (r == 0)
		r = decode(root, &fresh, &serial, err);
	if (r < 0) {
		ms_runtime_fini(&fresh);
		return r;
	}
	ms_runtime_fini(runtime);
	*runtime = fresh;
	*ret_serial = serial;
	return 0;
}

/* ---- one change as a line ---- */

int ms_runtime_encode_change(const struct ms_runtime_change *change, char **ret_line)
{
	json_auto_t *members = json_array();
	json_auto_t *root = NULL;
	char text[MS_CIDR_TEXT];

	for (size_t i = 0; i < change->count; i++) {
		ms_cidr_format(&change->members[i], text, sizeof(text));
		if (json_array_append_new(members, json_string(text)) < 0)
			return -ENOMEM;
	}
	if (change->is_removal)
		root = json_pack("{s:s, s:O}", "set", change->set, "remove", members);
	else
		root = json_pack("{s:s, s:O, s:I, s:s*}", "set", change->set, "add", members,
				 "expires_ms", (json_int_t)change->expires_ms, "plugin",
				 change->plugin);
	*ret_line = root ? json_dumps(root, JSON_COMPACT) : NULL;
	return *ret_line ? 0 : -ENOMEM;
}

/* One of a change whose `members` are not read. */
static int replay_member(struct ms_runtime *runtime, const struct ms_runtime_change *change,
			 const char *text, struct ms_error *err)
{
	struct ms_cidr member;
	int r;

	if (!text || !ms_cidr_parse(text, &member))
		return ms_error_set(err, -EINVAL, "set %s: no address", change->set);
	if (!change->is_removal)
		return ms_runtime_set_add(runtime, change->set, &member, change->expires_ms,
					  change->plugin);
	/* Its time may have been over by then. */
	r = ms_runtime_set_remove(runtime, change->set, &member);
	return r == -ENOENT ? 0 : r;
}

int ms_runtime_replay(struct ms_runtime *runtime, const char *line, size_t length,
		      struct ms_error *err)
{
	json_error_t problem;
	json_auto_t *root = json_loadb(line, length, JSON_REJECT_DUPLICATES, &problem);
	json_t *add = NULL, *remove = NULL, *members, *item;
	struct ms_runtime_change change = { .set = NULL };
	json_int_t expires = 0;
	size_t i;

	if (!root)
		return ms_error_set(err, -EINVAL, "%s", problem.text);
	/* `plugin` is missing where the CLI did it, and in lines of before there was one. */
	if (json_unpack_ex(root, &problem, JSON_STRICT, "{s:s, s?o, s?I, s?s, s?o}", "set",
			   &change.set, "add", &add, "expires_ms", &expires, "plugin",
			   &change.plugin, "remove", &remove) < 0 ||
	    !add == !remove || !json_is_array(add ? add : remove))
		return ms_error_set(err, -EINVAL, "not a change this version wrote");
	change.is_removal = !add;
	change.expires_ms = expires;
	members = add ? add : remove;
	json_array_foreach (members, i, item) {
		int r = replay_member(runtime, &change, json_string_value(item), err);

		if (r < 0)
			return r;
	}
	return 0;
}
