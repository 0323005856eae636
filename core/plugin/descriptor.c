/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/descriptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/plugin/values.h"
#include "core/policy/document_parts.h"

#define ALL_NEEDS                                                                                  \
	(MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_INET | MS_PLUGIN_NEEDS_LISTEN |                    \
	 MS_PLUGIN_NEEDS_FILES | MS_PLUGIN_NEEDS_WRITE | MS_PLUGIN_NEEDS_THREADS)
#define ALL_ITEM_FLAGS (MS_PLUGIN_REQUIRED | MS_PLUGIN_LIST | MS_PLUGIN_SECRET | MS_PLUGIN_FILE)
#define ACTING (MS_PLUGIN_ACTION_ENDS | MS_PLUGIN_ACTION_TAKES | MS_PLUGIN_ACTION_MODIFY)
#define OBSERVES_SINCE 3 /* of the ABI's minor versions */

struct looking {
	const char *name;
	uint16_t minor; /* of the ABI that it is for */
	struct ms_error *err;
};

#define REFUSE(looking, ...) ms_error_set((looking)->err, -EPROTO, __VA_ARGS__)

/* ---- copies ---- */

/* `count` structs that are `size` long where they come from, as structs of the host. */
static void *copy_structs(const void *from, uint32_t count, size_t size, size_t own_size)
{
	unsigned char *copy = calloc(count, own_size);

	for (uint32_t i = 0; copy && i < count; i++)
		memcpy(copy + i * own_size, (const unsigned char *)from + i * size,
		       size < own_size ? size : own_size);
	return copy;
}

static int copy_items(const struct looking *looking, const char *what,
		      const struct ms_plugin_note *note, uint32_t count,
		      const struct ms_plugin_item **items)
{
	const struct ms_plugin_item *from = *items;

	*items = NULL;
	if (!count)
		return 0;
	if (count > MS_PLUGIN_DESCRIPTOR_ITEMS_MAX)
		return REFUSE(looking, "%s: %s has %u items, at most %d are allowed", looking->name,
			      what, count, MS_PLUGIN_DESCRIPTOR_ITEMS_MAX);
	if (!from)
		return REFUSE(looking, "%s: %s says %u items and has none", looking->name, what,
			      count);
	*items = copy_structs(from, count, note->item_size, sizeof(**items));
	return *items ? 0 : -ENOMEM;
}

static int copy_actions(const struct looking *looking, const struct ms_plugin_note *note,
			struct ms_plugin *copy)
{
	const struct ms_plugin_action *from = copy->actions;
	uint32_t count = copy->action_count;
	struct ms_plugin_action *actions;

	copy->actions = NULL;
	copy->action_count = 0;
	if (!count)
		return 0;
	if (!from || count > MS_PLUGIN_DESCRIPTOR_ACTIONS_MAX)
		return REFUSE(looking, "%s: it must have 1 to %d actions, not %u", looking->name,
			      MS_PLUGIN_DESCRIPTOR_ACTIONS_MAX, from ? count : 0);
	actions = copy_structs(from, count, note->action_size, sizeof(*actions));
	if (!actions)
		return -ENOMEM;
	copy->actions = actions;
	/* Counted up as each has items of its own to free. */
	for (; copy->action_count < count; copy->action_count++) {
		struct ms_plugin_action *action = &actions[copy->action_count];
		int r = copy_items(looking, "an action", note, action->arg_count, &action->args);

		if (r < 0)
			return r;
	}
	return 0;
}

void ms_plugin_descriptor_free(struct ms_plugin *copy)
{
	for (uint32_t i = 0; i < copy->action_count; i++)
		free((void *)copy->actions[i].args);
	free((void *)copy->actions);
	free((void *)copy->config);
	*copy = (struct ms_plugin) { 0 };
}

/* ---- checks ---- */

/* One line of printable text. */
static int check_text(const struct looking *looking, const char *what, const char *field,
		      const char *text)
{
	if (!text || !*text)
		return REFUSE(looking, "%s: %s has no %s", looking->name, what, field);
	for (size_t i = 0; text[i]; i++) {
		if (i == MS_PLUGIN_DESCRIPTOR_TEXT_MAX)
			return REFUSE(looking, "%s: the %s of %s is longer than %d bytes",
				      looking->name, field, what, MS_PLUGIN_DESCRIPTOR_TEXT_MAX);
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			return REFUSE(looking, "%s: the %s of %s has a control character",
				      looking->name, field, what);
	}
	return 0;
}

static int check_name(const struct looking *looking, const char *what, const char *name)
{
	int r = check_text(looking, what, "name", name);

	if (r == 0 && !ms_document_schema_is_name(name, "_", MS_PLUGIN_NAME_MAX))
		r = REFUSE(looking,
			   "%s: '%s' is no name for %s: 1 to %d of a-z, 0-9 and, behind the first, "
			   "_",
			   looking->name, name, what, MS_PLUGIN_NAME_MAX);
	return r;
}

static int check_words(const struct looking *looking, const struct ms_plugin_item *item)
{
	int r = 0;

	if (item->type != MS_PLUGIN_ENUM)
		return item->words ? REFUSE(looking, "%s: item %s has words and is no ENUM",
					    looking->name, item->name)
				   : 0;
	if (!item->words || !item->words[0])
		return REFUSE(looking, "%s: item %s is an ENUM without words", looking->name,
			      item->name);
	for (size_t i = 0; r == 0 && item->words[i]; i++)
		r = i == MS_PLUGIN_DESCRIPTOR_ITEMS_MAX
			    ? REFUSE(looking, "%s: item %s has more than %d words", looking->name,
				     item->name, MS_PLUGIN_DESCRIPTOR_ITEMS_MAX)
			    : check_text(looking, item->name, "word", item->words[i]);
	return r;
}

static int check_default(const struct looking *looking, const struct ms_plugin_item *item)
{
	struct ms_error why = MS_ERROR_INIT;

	if (!item->def)
		return 0;
	if (item->flags & (MS_PLUGIN_REQUIRED | MS_PLUGIN_LIST))
		return REFUSE(looking, "%s: item %s is %s and has a default", looking->name,
			      item->name, item->flags & MS_PLUGIN_REQUIRED ? "REQUIRED" : "a LIST");
	if (ms_plugin_values_check(item, item->def, &why) < 0)
		return REFUSE(looking, "%s: the default of item %s: %s", looking->name, item->name,
			      why.message);
	return 0;
}

static int check_item(const struct looking *looking, const struct ms_plugin_item *item)
{
	int r = check_name(looking, "an item", item->name);

	if (r == 0)
		r = check_text(looking, item->name, "help", item->help);
	if (r < 0)
		return r;
	if (item->type < MS_PLUGIN_BOOL || item->type > MS_PLUGIN_GROUP)
		return REFUSE(looking, "%s: item %s is of type %u, which there is not",
			      looking->name, item->name, item->type);
	if (item->flags & ~ALL_ITEM_FLAGS)
		return REFUSE(looking, "%s: item %s has flags that there are not: %#x",
			      looking->name, item->name, item->flags);
	if ((item->flags & MS_PLUGIN_FILE) && item->type != MS_PLUGIN_STRING)
		return REFUSE(looking, "%s: item %s names a file and is no STRING", looking->name,
			      item->name);
	if (item->max && item->min > item->max)
		return REFUSE(looking, "%s: item %s has a min above its max", looking->name,
			      item->name);
	r = check_words(looking, item);
	return r < 0 ? r : check_default(looking, item);
}

static int check_items(const struct looking *looking, const struct ms_plugin_item *items,
		       uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		int r = check_item(looking, &items[i]);

		if (r < 0)
			return r;
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(items[i].name, items[j].name) == 0)
				return REFUSE(looking, "%s: there are two items %s", looking->name,
					      items[i].name);
		}
	}
	return 0;
}

static int check_short_arg(const struct looking *looking, const struct ms_plugin_action *action)
{
	for (uint32_t i = 0; action->short_arg && i < action->arg_count; i++) {
		if (strcmp(action->args[i].name, action->short_arg) == 0)
			return 0;
	}
	if (!action->short_arg)
		return 0;
	return REFUSE(looking, "%s: short_arg of action %s is none of its items", looking->name,
		      action->name);
}

static int check_action_flags(const struct looking *looking, const struct ms_plugin_action *action)
{
	uint32_t known = ACTING;

	if (looking->minor >= OBSERVES_SINCE)
		known |= MS_PLUGIN_ACTION_OBSERVES;
	if (action->flags & ~known)
		return REFUSE(looking, "%s: action %s has flags that there are not: %#x",
			      looking->name, action->name, action->flags & ~known);
	if ((action->flags & MS_PLUGIN_ACTION_OBSERVES) && (action->flags & ACTING))
		return REFUSE(looking,
			      "%s: action %s says that it only observes, and that it may end, take "
			      "or change a packet",
			      looking->name, action->name);
	return 0;
}

static int check_action(const struct looking *looking, const struct ms_plugin_action *action)
{
	int r = check_name(looking, "an action", action->name);

	if (r == 0)
		r = check_text(looking, action->name, "help", action->help);
	if (r == 0 && !ms_document_action_is_name(action->name))
		r = REFUSE(looking,
			   "%s: no action may be called %s: in a rule the word would be read as "
			   "something else",
			   looking->name, action->name);
	if (r == 0)
		r = check_action_flags(looking, action);
	if (r == 0 && !action->load)
		r = REFUSE(looking, "%s: its descriptor is not whole: action %s has no load()",
			   looking->name, action->name);
	if (r == 0 && action->arg_count && !action->encode_args)
		r = REFUSE(looking,
			   "%s: its descriptor is not whole: action %s has arguments and no "
			   "encode_args()",
			   looking->name, action->name);
	if (r == 0)
		r = check_items(looking, action->args, action->arg_count);
	return r < 0 ? r : check_short_arg(looking, action);
}

static int check_actions(const struct looking *looking, const struct ms_plugin *copy)
{
	if (copy->provides == MS_PLUGIN_ACTION && !copy->action_count)
		return REFUSE(looking, "%s: it provides actions and has none", looking->name);
	if (copy->provides != MS_PLUGIN_ACTION && copy->action_count)
		return REFUSE(looking, "%s: it has actions and does not say so", looking->name);
	for (uint32_t i = 0; i < copy->action_count; i++) {
		int r = check_action(looking, &copy->actions[i]);

		if (r < 0)
			return r;
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(copy->actions[i].name, copy->actions[j].name) == 0)
				return REFUSE(looking, "%s: there are two actions %s",
					      looking->name, copy->actions[i].name);
		}
	}
	return 0;
}

static int check_ends(const struct looking *looking, const struct ms_plugin *copy)
{
	bool is_source = copy->provides & MS_PLUGIN_SOURCE,
	     is_sink = copy->provides & MS_PLUGIN_SINK;

	if (is_source != !!copy->source || is_sink != !!copy->sink)
		return REFUSE(looking,
			      "%s: what it provides and which of source and sink it has differ",
			      looking->name);
	if (is_source && !copy->source->snapshot)
		return REFUSE(looking,
			      "%s: its descriptor is not whole: the source has no snapshot()",
			      looking->name);
	if (is_sink && !copy->sink->on_events)
		return REFUSE(looking,
			      "%s: its descriptor is not whole: the sink has no on_events()",
			      looking->name);
	return is_source ? check_text(looking, "the source", "help", copy->source->help)
	       : is_sink ? check_text(looking, "the sink", "help", copy->sink->help)
			 : 0;
}

static int check(const struct looking *looking, const struct ms_plugin *copy)
{
	int r = check_name(looking, "the plugin", copy->name);

	if (r == 0 && ms_document_schema_is_typed(copy->name))
		r = REFUSE(looking, "%s: no plugin may be called %s: to YAML the word is no text",
			   looking->name, copy->name);
	if (r == 0 && strcmp(copy->name, looking->name) != 0)
		r = REFUSE(looking, "%s.so calls itself %s: file and plugin must have one name",
			   looking->name, copy->name);
	if (r == 0)
		r = check_text(looking, "the plugin", "version", copy->version);
	if (r == 0)
		r = check_text(looking, "the plugin", "summary", copy->summary);
	if (r == 0)
		r = check_text(looking, "the plugin", "license", copy->license);
	if (r == 0 && (copy->needs & ~ALL_NEEDS))
		r = REFUSE(looking, "%s: it needs what there is not: %#x", looking->name,
			   copy->needs);
	if (r == 0 && (!copy->create || !copy->destroy))
		r = REFUSE(looking, "%s: its descriptor is not whole: it has no %s()",
			   looking->name, copy->create ? "destroy" : "create");
	if (r == 0)
		r = check_items(looking, copy->config, copy->config_count);
	if (r == 0)
		r = check_actions(looking, copy);
	return r < 0 ? r : check_ends(looking, copy);
}

int ms_plugin_descriptor_copy(const struct ms_plugin *from, const char *name,
			      const struct ms_plugin_note *note, struct ms_plugin *ret_copy,
			      struct ms_error *err)
{
	const struct looking looking = { .name = name, .minor = from->abi_minor, .err = err };
	struct ms_plugin copy = { 0 };
	int r;

	memcpy(&copy, from, note->plugin_size < sizeof(copy) ? note->plugin_size : sizeof(copy));
	if (copy.abi_major != note->abi_major || copy.abi_minor != note->abi_minor ||
	    copy.struct_size != note->plugin_size || copy.provides != note->provides ||
	    copy.item_size != note->item_size || copy.action_size != note->action_size)
		return REFUSE(&looking, "%s: its note and its descriptor differ", name);
	r = copy_items(&looking, "config", note, copy.config_count, &copy.config);
	if (r < 0)
		copy.action_count = 0, copy.actions = NULL;
	else
		r = copy_actions(&looking, note, &copy);
	if (r == 0)
		r = check(&looking, &copy);
	if (r < 0)
		ms_plugin_descriptor_free(&copy);
	else
		*ret_copy = copy;
	return r;
}
