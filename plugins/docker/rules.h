/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The label microseg.rules: a YAML list of rules as below `rules:` of a document, turned into rules
 * that concern this container alone. Pure.
 */
#ifndef MS_PLUGINS_DOCKER_RULES_H
#define MS_PLUGINS_DOCKER_RULES_H

#include <stddef.h>

/* What one label may have, so that a container cannot use up what all of them share. */
#define MS_DOCKER_RULES_MAX 64          /* rules */
#define MS_DOCKER_RULES_SETS_MAX 16     /* sets they mention */
#define MS_DOCKER_RULES_BYTES_MAX 65536 /* as written */

struct ms_docker_rule {
	char *text;    /* one mapping */
	size_t number; /* of the label's rule that it is made of, from 1 */
};

struct ms_docker_rules {
	struct ms_docker_rule *list;
	size_t count;
	char **sets; /* names of the sets they mention */
	size_t set_count;
	char **actions; /* names of the actions they ask for, other than the language's own */
	size_t action_count;
	char why[256]; /* after a refusal: the sentence, that of the label's author */
};

/*
 * `key` names the container in rule ids and is the name of the set of its addresses; `group` is the
 * group of its links. Both are proper names already. -EINVAL: `why` says what is wrong with `text`;
 * -ENOMEM. In any case _fini() afterwards.
 */
int ms_docker_rules_parse(const char *text, const char *key, const char *group,
			  struct ms_docker_rules *ret_rules);
void ms_docker_rules_fini(struct ms_docker_rules *rules);

#endif
