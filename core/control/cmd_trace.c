/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace: the datapath's own classifier on a packet that nobody sent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/control/command.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/event/event.h"
#include "core/trace/trace.h"

static int parse_dir(const char *word, enum ms_dir *ret_dir, struct ms_error *err)
{
	for (int i = 0; i < MS_DIR__COUNT; i++) {
		if (strcmp(word, ms_dir_name((enum ms_dir)i)) == 0) {
			*ret_dir = (enum ms_dir)i;
			return 0;
		}
	}
	return ms_error_set_at(err, -EINVAL, NULL, 0, 0, word, "a direction is in or out, not '%s'",
			       word);
}

/* Which hook packets of that direction come through; loopback has the one. */
static enum ms_hook hook_of(const struct ms_iface_entry *entry, enum ms_dir dir)
{
	bool is_ingress = entry->side == MS_SIDE_HOST ? dir == MS_DIR_IN : dir == MS_DIR_OUT;

	return is_ingress || entry->link.is_loopback ? MS_HOOK_INGRESS : MS_HOOK_EGRESS;
}

static int find_protected(struct ms_manager *manager, const char *name,
			  const struct ms_iface_entry **ret_entry, struct ms_error *err)
{
	const struct ms_iface_entry *entry =
		ms_iface_set_find_name(ms_manager_ifaces(manager), name);

	if (!entry)
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, name,
				       "no interface '%s' in this network namespace", name);
	if (entry->state != MS_IFACE_PROTECTED)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, name,
				       "%s is not protected: nothing judges its packets", name);
	*ret_entry = entry;
	return 0;
}

/*
 * The classifier knows no actions: where one of the rule's is not there, what it said becomes what
 * the datapath says behind it. Of a deny in audit mode only what observes runs, and nothing that it
 * says, or that is not there, is heeded.
 */
static void fall_back(const struct ms_manager *manager, const struct ms_iface_entry *entry,
		      const struct ms_rule *rule, struct ms_trace_result *result)
{
	const struct ms_group_def *group =
		ms_policy_find_group(ms_manager_policy(manager), entry->group);
	const struct ms_error *refused;
	enum ms_mode mode = rule->mode;

	if (mode == MS_MODE_INHERIT && group)
		mode = group->mode;
	if (result->verdict == MS_VERDICT_AUDIT ||
	    !ms_manager_missing_action(manager, rule, &refused))
		return;
	result->reason = MS_REASON_MISSING_ACTION;
	result->verdict = (uint8_t)rule->fallback;
	if (rule->fallback == MS_VERDICT_DENY && mode != MS_MODE_ENFORCE)
		result->verdict = MS_VERDICT_AUDIT;
	result->would_log = result->verdict != MS_VERDICT_ALLOW || rule->log;
}

/* Of the rule that matched, in their order. NULL = out of memory. */
static json_t *shape_actions(const struct ms_rule *rule)
{
	json_t *actions = json_array();

	for (size_t i = 0; actions && rule && i < rule->n_actions; i++) {
		if (json_array_append_new(actions, json_string(rule->actions[i].name)) < 0) {
			json_decref(actions);
			return NULL;
		}
	}
	return actions;
}

static json_t *shape_result(struct ms_manager *manager, const struct ms_iface_entry *entry,
			    const char *words, struct ms_trace_result *result)
{
	const struct ms_slot_name *name = ms_manager_slot_name(manager, result->slot);
	const struct ms_rule *rule =
		name ? ms_policy_find_rule(ms_manager_policy(manager), name->rule) : NULL;

	if (rule)
		fall_back(manager, entry, rule, result);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:b, s:b}",
			 "packet", words, "iface", entry->link.name, "group", entry->group, "dir",
			 ms_dir_name((enum ms_dir)result->dir), "verdict",
			 ms_verdict_name((enum ms_verdict)result->verdict), "reason",
			 ms_reason_name((enum ms_reason)result->reason), "about",
			 ms_reason_doc((enum ms_reason)result->reason), "rule",
			 name ? name->rule : "", "origin", name ? name->origin : "", "source",
			 name ? name->source : "", "actions", shape_actions(rule), "generation",
			 (json_int_t)result->generation, "session", result->session != 0,
			 "would_log", result->would_log != 0);
}

int ms_control_cmd_trace(struct ms_manager *manager, struct ms_control_call *call,
			 json_t **ret_reply, struct ms_error *err)
{
	struct ms_dataplane *dp = ms_manager_dataplane(manager);
	const char *words, *iface, *dir_word;
	const struct ms_iface_entry *entry = NULL;
	struct ms_trace_packet packet;
	struct ms_trace_request request;
	struct ms_trace_result result;
	enum ms_dir dir = MS_DIR_IN;
	int r;

	r = ms_control_unpack(call->parameters, err, "{s:s, s:s, s:s}", "packet", &words, "iface",
			      &iface, "dir", &dir_word);
	if (r == 0)
		r = parse_dir(dir_word, &dir, err);
	if (r == 0)
		r = find_protected(manager, iface, &entry, err);
	if (r == 0)
		r = ms_trace_build(words, &packet, err);
	if (r < 0)
		return r;
	request = (struct ms_trace_request) {
		.ifindex = entry->link.ifindex,
		.hook = hook_of(entry, dir),
		.half = ms_dataplane_control(dp).half,
		.frame = packet.frame,
		.frame_len = packet.frame_len,
	};
	r = ms_dataplane_trace(dp, &request, &result);
	if (r < 0)
		return ms_error_set(err, r, "the packet could not be run: %s", strerror(-r));
	*ret_reply = shape_result(manager, entry, words, &result);
	return *ret_reply ? 0 : -ENOMEM;
}
