/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values as documents write them: the arguments of an action in a rule, the configuration of a
 * plugin in microseg.yaml. Both are read into the parser's form of an action; here they meet the
 * plugin's items.
 */
#ifndef MS_CORE_PLUGIN_ARGUMENTS_H
#define MS_CORE_PLUGIN_ARGUMENTS_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/plugin/values.h"
#include "core/policy/model.h"

/* Sets `err` to what `why` says, at that place of `file` (NULL = the caller knows it). -ENOMEM
 * stays, everything else is -EINVAL. */
int ms_plugin_arguments_refuse(const char *file, struct ms_place place, const char *word,
			       const struct ms_error *why, int r, struct ms_error *err);
/* The place that a plugin's own refusal is about: of the first item in `from` that the sentence has
 * in quotes (`NAME` or 'NAME'), or of the value that "entry N of `NAME`" means; else of `from`. */
struct ms_place ms_plugin_arguments_place(const struct ms_rule_action *from, const char *sentence);
/* Sets `err` to `why`, what came of trying a plugin with this configuration, with its place in
 * `file`: of the item that is its word, else as above. Returns `r`. */
int ms_plugin_arguments_refuse_config(const struct ms_rule_action *config, const char *file,
				      const struct ms_error *why, int r, struct ms_error *err);
/* Into `into`, which it completes with defaults. `alone` is the item that a value without a name is
 * for, NULL = there is none. */
int ms_plugin_arguments_read(const struct ms_rule_action *from, const char *file, const char *alone,
			     struct ms_plugin_values *into, struct ms_error *err);
/* The action of this name in the description of a plugin (NULL is fine); NULL = there is none. */
const json_t *ms_plugin_arguments_describe(const json_t *plugin, const char *action);
/* Appends the names of the actions in a plugin's description (NULL is fine), lent. -ENOMEM */
int ms_plugin_arguments_add_names(const json_t *plugin, const char ***names, size_t *count);
/* -EINVAL, with its place: nobody has the action, and one of these names may have been meant. */
int ms_plugin_arguments_refuse_unknown(const struct ms_rule_action *action,
				       const char *const *names, size_t count,
				       struct ms_error *err);
/* Whether the values of an argument of that action are names of sets. */
bool ms_plugin_arguments_is_set(const json_t *action, const char *arg);
/* -EINVAL, with its place, for the first argument of type SET that names a set which `policy` does
 * not have, or only of a source unless `of_sources`: what an action puts there would go nowhere. */
int ms_plugin_arguments_check_sets(const struct ms_rule_action *from, const json_t *action,
				   const struct ms_policy *policy, bool of_sources,
				   struct ms_error *err);
/* -EINVAL, with its place, for the first value of an item of type GROUP in the configuration of a
 * plugin, with these items as it describes them, that no group of `policy` is called. */
int ms_plugin_arguments_check_groups(const struct ms_rule_action *config, const char *file,
				     const json_t *items, const struct ms_policy *policy,
				     struct ms_error *err);
/* As the probe hands it on; `alone` as above. NULL = out of memory. */
json_t *ms_plugin_arguments_shape(const struct ms_rule_action *config, const char *alone);
/* What holds for each of these items, as a plugin describes them, where `config` (NULL = nothing)
 * was written: a list of {"name", "values", "is_written", "is_secret"}. `values` are texts: none if
 * the item is absent; those of a secret one are not told. NULL = out of memory. */
json_t *ms_plugin_arguments_in_force(const json_t *items, const struct ms_rule_action *config);

#endif
