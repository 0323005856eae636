/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cli/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/place.h"
#include "core/plugin/probe.h"

#define SUFFIX ".so"

struct making {
	const struct ms_cli *cli;
	const struct ms_config_plugins *settings;
	const struct ms_policy *policy;
	struct ms_plugin_catalogue *catalogue;
	json_t *told; /* names of those that the daemon has shown */
	bool asked;
};

json_t *ms_cli_catalogue_unknown(const struct ms_plugin_catalogue *catalogue,
				 const struct ms_policy *policy)
{
	json_auto_t *seen = json_object();
	json_t *list = json_array();

	for (size_t i = 0; seen && list && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->n_actions; j++) {
			const char *name = rule->actions[j].name;

			if (json_object_get(seen, name) ||
			    ms_plugin_catalogue_knows(catalogue, name))
				continue;
			json_object_set_new(seen, name, json_true());
			json_array_append_new(list, json_string(name));
		}
	}
	return list;
}

/* ---- the folder ---- */

static int add_described(const struct making *making, const char *name, bool is_loaded)
{
	const char *folder = making->cli->options->plugin_dir;
	json_t *answer;
	int r = ms_plugin_probe(folder, name, NULL, false, &answer, NULL);

	/* One that cannot be described has no actions for us. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = ms_plugin_catalogue_add(making->catalogue, json_object_get(answer, "plugin"),
				    is_loaded);
	json_decref(answer);
	return r;
}

/* Most actions have the name of their plugin. */
static int add_namesakes(const struct making *making)
{
	json_auto_t *unknown = ms_cli_catalogue_unknown(making->catalogue, making->policy);
	const json_t *name;
	size_t i;
	int r = unknown ? 0 : -ENOMEM;

	json_array_foreach (unknown, i, name) {
		if (r == 0)
			r = add_described(making, json_string_value(name), false);
	}
	return r;
}

static int add_file(const struct making *making, const char *file)
{
	size_t length = strlen(file), suffix = strlen(SUFFIX);
	char name[64];

	if (length <= suffix || length - suffix >= sizeof(name) ||
	    strcmp(file + length - suffix, SUFFIX) != 0)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(length - suffix), file);
	return add_described(making, name, false);
}

static int add_folder(const struct making *making)
{
	json_auto_t *unknown = ms_cli_catalogue_unknown(making->catalogue, making->policy);
	const char *folder = making->cli->options->plugin_dir;
	const struct dirent *entry;
	char path[512];
	DIR *dir;
	int r = 0;

	if (!unknown)
		return -ENOMEM;
	if (json_array_size(unknown) == 0)
		return 0;
	if (!folder && ms_plugin_place_folder(path, sizeof(path)) == 0)
		folder = path;
	dir = folder ? opendir(folder) : NULL;
	while (r == 0 && dir && (entry = readdir(dir)))
		r = add_file(making, entry->d_name);
	if (dir)
		closedir(dir);
	return r;
}

/* ---- the daemon ---- */

/* NULL = it does not say, for whatever reason: then the folder is what there is. */
static json_t *ask(struct ms_cli_client *client, const char *method, json_t *parameters)
{
	struct ms_message_error failure;
	json_t *reply = NULL;
	bool continues;

	if (ms_cli_client_send(client, method, parameters, false) < 0 ||
	    ms_cli_client_receive(client, &reply, &continues, &failure) < 0)
		return NULL;
	return reply;
}

/* One that failed counts: a reload tries it again, once what was wrong with its settings is not. */
static bool will_be_loaded(const struct making *making, const json_t *entry)
{
	const char *state = json_string_value(json_object_get(entry, "state"));

	if (ms_config_plugins_find(making->settings,
				   json_string_value(json_object_get(entry, "name"))))
		return true;
	return state && strcmp(state, "loaded") == 0 &&
	       (!making->settings->file || json_is_true(json_object_get(entry, "by_hand")));
}

static int add_entry(struct ms_cli_client *client, const json_t *entry, struct making *making)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	json_auto_t *shown =
		name ? ask(client, "plugin.show", json_pack("{s:s}", "name", name)) : NULL;
	json_t *description = json_object_get(shown, "plugin");
	bool is_loaded;

	if (!shown)
		return 0;
	is_loaded = will_be_loaded(making, entry);
	if (json_object_set_new(making->told, name, json_true()) < 0)
		return -ENOMEM;
	return json_is_object(description)
		       ? ms_plugin_catalogue_add(making->catalogue, description, is_loaded)
		       : add_described(making, name, is_loaded);
}

static int add_daemons(struct making *making)
{
	struct ms_cli_client *client;
	json_auto_t *reply = NULL;
	const json_t *list, *entry;
	size_t i;
	int r = 0;

	if (ms_cli_client_open(making->cli->options->socket, &client) < 0)
		return 0;
	reply = ask(client, "plugin.list", NULL);
	list = json_object_get(reply, "plugins");
	making->asked = json_is_array(list);
	json_array_foreach (list, i, entry) {
		if (r == 0)
			r = add_entry(client, entry, making);
	}
	ms_cli_client_close(client);
	return r;
}

/* ---- the settings ---- */

static int add_named(const struct making *making)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < making->settings->count; i++) {
		const char *name = making->settings->list[i].name;

		if (!json_object_get(making->told, name))
			r = add_described(making, name, true);
	}
	return r;
}

/* ---- all of it ---- */

static int fill(struct making *making)
{
	json_auto_t *named = ms_cli_catalogue_unknown(making->catalogue, making->policy);
	int r;

	if (!named || !making->told)
		return -ENOMEM;
	if (json_array_size(named) == 0)
		return 0;
	r = add_daemons(making);
	if (r == 0)
		r = add_named(making);
	if (r == 0)
		r = add_namesakes(making);
	return r < 0 ? r : add_folder(making);
}

int ms_cli_catalogue_make(const struct ms_cli *cli, const struct ms_config_plugins *settings,
			  const struct ms_policy *policy,
			  struct ms_plugin_catalogue **ret_catalogue, bool *ret_asked)
{
	json_auto_t *told = json_object();
	struct making making = {
		.cli = cli,
		.settings = settings,
		.policy = policy,
		.told = told,
	};
	int r = ms_plugin_catalogue_new(&making.catalogue);

	if (r < 0)
		return r;
	r = fill(&making);
	if (r < 0) {
		ms_plugin_catalogue_free(making.catalogue);
		return r;
	}
	*ret_catalogue = making.catalogue;
	*ret_asked = making.asked;
	return 0;
}
