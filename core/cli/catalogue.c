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

static int add_entry(struct ms_cli_client *client, const json_t *entry,
		     struct ms_plugin_catalogue *catalogue)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	const char *state = json_string_value(json_object_get(entry, "state"));
	json_auto_t *shown =
		name ? ask(client, "plugin.show", json_pack("{s:s}", "name", name)) : NULL;
	json_t *description = json_object_get(shown, "plugin");

	if (!state || !json_is_object(description))
		return 0;
	return ms_plugin_catalogue_add(catalogue, description, strcmp(state, "loaded") == 0);
}

static int add_daemons(const struct ms_cli *cli, struct ms_plugin_catalogue *catalogue,
		       bool *ret_asked)
{
	struct ms_cli_client *client;
	json_auto_t *reply = NULL;
	const json_t *list, *entry;
	size_t i;
	int r = 0;

	if (ms_cli_client_open(cli->options->socket, &client) < 0)
		return 0;
	reply = ask(client, "plugin.list", NULL);
	list = json_object_get(reply, "plugins");
	*ret_asked = json_is_array(list);
	json_array_foreach (list, i, entry) {
		if (r == 0)
			r = add_entry(client, entry, catalogue);
	}
	ms_cli_client_close(client);
	return r;
}

/* ---- the folder ---- */

static int add_described(const struct ms_cli *cli, const char *name,
			 struct ms_plugin_catalogue *catalogue)
{
	json_t *answer;
	int r = ms_plugin_probe(cli->options->plugin_dir, name, NULL, false, &answer, NULL);

	/* One that cannot be described has no actions for us. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = ms_plugin_catalogue_add(catalogue, json_object_get(answer, "plugin"), false);
	json_decref(answer);
	return r;
}

/* Most actions have the name of their plugin. */
static int add_named(const struct ms_cli *cli, const struct ms_policy *policy,
		     struct ms_plugin_catalogue *catalogue)
{
	json_auto_t *unknown = ms_cli_catalogue_unknown(catalogue, policy);
	const json_t *name;
	size_t i;
	int r = unknown ? 0 : -ENOMEM;

	json_array_foreach (unknown, i, name) {
		if (r == 0)
			r = add_described(cli, json_string_value(name), catalogue);
	}
	return r;
}

static int add_file(const struct ms_cli *cli, const char *file,
		    struct ms_plugin_catalogue *catalogue)
{
	size_t length = strlen(file), suffix = strlen(SUFFIX);
	char name[64];

	if (length <= suffix || length - suffix >= sizeof(name) ||
	    strcmp(file + length - suffix, SUFFIX) != 0)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(length - suffix), file);
	return add_described(cli, name, catalogue);
}

static int add_folder(const struct ms_cli *cli, const struct ms_policy *policy,
		      struct ms_plugin_catalogue *catalogue)
{
	json_auto_t *unknown = ms_cli_catalogue_unknown(catalogue, policy);
	const char *folder = cli->options->plugin_dir;
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
		r = add_file(cli, entry->d_name, catalogue);
	if (dir)
		closedir(dir);
	return r;
}

int ms_cli_catalogue_make(const struct ms_cli *cli, const struct ms_policy *policy,
			  struct ms_plugin_catalogue **ret_catalogue, bool *ret_asked)
{
	struct ms_plugin_catalogue *catalogue;
	json_auto_t *named = NULL;
	bool asked = false;
	int r = ms_plugin_catalogue_new(&catalogue);

	if (r < 0)
		return r;
	named = ms_cli_catalogue_unknown(catalogue, policy);
	if (json_array_size(named) > 0)
		r = add_daemons(cli, catalogue, &asked);
	if (r == 0)
		r = add_named(cli, policy, catalogue);
	if (r == 0)
		r = add_folder(cli, policy, catalogue);
	if (r < 0) {
		ms_plugin_catalogue_free(catalogue);
		return r;
	}
	*ret_catalogue = catalogue;
	*ret_asked = asked;
	return 0;
}
