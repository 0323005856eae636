/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <net/if.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "core/policy/document_parts.h"

static const char *const verdict_words[] = { "allow", "deny" };
static const char *const side_words[] = { "auto", "host", "workload" };
static const char *const mode_words[] = { "disabled", "audit", "enforce" };
static const char *const attach_words[] = { "auto", "tc", "tcx" };
/* "guard" is a word of the language that this version cannot keep: refused, not ignored. */
static const char *const unready_words[] = { "open" };
_Static_assert(MS_VERDICT_ALLOW == 0 && MS_VERDICT_DENY == 1, "words are in this order");
_Static_assert(MS_MODE_DISABLED == 0 && MS_MODE_AUDIT == 1 && MS_MODE_ENFORCE == 2, "words too");

/* As `ip -d link` prints them, and the four that are no kind of the kernel's. */
static const char *const kinds[] = {
	"loopback",  "physical", "tap",     "tun",       "amt",    "bareudp",   "batadv",
	"bond",      "bridge",   "can",     "dsa",       "dummy",  "erspan",    "geneve",
	"gre",       "gretap",   "gtp",     "hsr",       "ifb",    "ip6erspan", "ip6gre",
	"ip6gretap", "ip6tnl",   "ipip",    "ipoib",     "ipvlan", "ipvtap",    "lowpan",
	"macsec",    "macvlan",  "macvtap", "netdevsim", "netkit", "nlmon",     "ovpn",
	"rmnet",     "sit",      "team",    "vcan",      "veth",   "virt_wifi", "vlan",
	"vrf",       "vti",      "vti6",    "vxcan",     "vxlan",  "wireguard", "wwan",
	"xfrm",
};

/* ---- patterns ---- */

/*
 * regcomp() builds what {n,m} repeats that many times over, nested ones multiplied, and matching
 * with back references takes time without bound. Names of 15 letters need neither.
 */
static const char *complain_about_ere(const char *ere)
{
	unsigned int n_counts = 0;

	for (const char *p = ere; *p; p++) {
		if (*p == '\\' && p[1] >= '0' && p[1] <= '9')
			return "back references are not part of the language";
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '{' && ++n_counts > 2)
			return "more than two repetition counts";
		else if (*p == '{' && strspn(p + 1, "0123456789,") > 5)
			return "a repetition count that no interface name has room for";
	}
	return NULL;
}

static int check_ere(struct ms_document_reader *reader, const char *text)
{
	size_t length = strlen(text);
	char ere[2 * IFNAMSIZ * 4], message[128];
	const char *complaint;
	regex_t regex;
	int r;

	if (length < 3 || text[length - 1] != '/')
		return ms_document_reader_refuse(reader, reader->place, text,
						 "'%s' is not a regular expression: /ERE/", text);
	if (length - 2 >= sizeof(ere))
		return ms_document_reader_refuse(reader, reader->place, text,
						 "a regular expression of more than %zu letters",
						 sizeof(ere) - 1);
	snprintf(ere, sizeof(ere), "%.*s", (int)length - 2, text + 1);
	complaint = complain_about_ere(ere);
	if (complaint)
		return ms_document_reader_refuse(reader, reader->place, text, "%s", complaint);
	r = regcomp(&regex, ere, REG_EXTENDED | REG_NOSUB);
	if (r != 0) {
		regerror(r, &regex, message, sizeof(message));
		return ms_document_reader_refuse(reader, reader->place, text,
						 "'%s' is not a regular expression: %s", text,
						 message);
	}
	regfree(&regex);
	return 0;
}

static int check_glob(struct ms_document_reader *reader, const char *text)
{
	const char *open = strchr(text, '[');

	if (strpbrk(text, "/ \t"))
		return ms_document_reader_refuse(reader, reader->place, text,
						 "'%s' is in no interface's name", text);
	if (open && !strchr(open + 1, ']'))
		return ms_document_reader_refuse(reader, reader->place, text,
						 "'%s' is not a pattern: [ without ]", text);
	if (!strpbrk(text, "*?[\\") && strlen(text) >= IFNAMSIZ)
		return ms_document_reader_refuse(reader, reader->place, text,
						 "'%s' is longer than the %d letters of an "
						 "interface's name",
						 text, IFNAMSIZ - 1);
	return 0;
}

static int read_pattern(struct ms_document_reader *reader, struct ms_pattern *ret_pattern)
{
	char *text;
	int r = ms_document_schema_text(reader, "a name pattern");

	if (r == 0)
		r = reader->value[0] == '/' ? check_ere(reader, reader->value)
					    : check_glob(reader, reader->value);
	if (r < 0)
		return r;
	text = strdup(reader->value);
	if (!text)
		return -ENOMEM;
	ret_pattern->text = text;
	return 0;
}

/* ---- selectors ---- */

static int read_name_pattern(struct ms_document_reader *reader, void *into)
{
	struct ms_selector *selector = into;
	struct ms_pattern pattern;
	int r = read_pattern(reader, &pattern);

	if (r == 0) {
		r = ms_array_append(&selector->names, &selector->n_names, pattern);
		if (r < 0)
			free(pattern.text);
	}
	return r;
}

static int read_master_pattern(struct ms_document_reader *reader, void *into)
{
	struct ms_selector *selector = into;
	struct ms_pattern pattern;
	int r = read_pattern(reader, &pattern);

	if (r == 0) {
		r = ms_array_append(&selector->masters, &selector->n_masters, pattern);
		if (r < 0)
			free(pattern.text);
	}
	return r;
}

static int read_kind(struct ms_document_reader *reader, void *into)
{
	struct ms_selector *selector = into;
	unsigned int i;
	char *kind;
	int r = ms_document_schema_word(reader, "a kind of interface", kinds, ms_array_size(kinds),
					&i);

	if (r < 0)
		return r;
	kind = strdup(kinds[i]);
	r = kind ? ms_array_append(&selector->kinds, &selector->n_kinds, kind) : -ENOMEM;
	if (r < 0)
		free(kind);
	return r;
}

static int read_names(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "names", read_name_pattern, into);
}

static int read_masters(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "masters", read_master_pattern, into);
}

static int read_kinds(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "kinds", read_kind, into);
}

static const struct ms_document_key selector_keys[] = {
	{ "name", read_names, false },
	{ "kind", read_kinds, false },
	{ "master", read_masters, false },
};

struct selectors {
	struct ms_selector **array;
	size_t *count;
};

static int read_selector(struct ms_document_reader *reader, void *into)
{
	const struct selectors *selectors = into;
	struct ms_place start = reader->place;
	struct ms_selector *selector;
	int r = ms_array_append(selectors->array, selectors->count, (struct ms_selector) { 0 });

	if (r < 0)
		return r;
	selector = &(*selectors->array)[*selectors->count - 1];
	r = ms_document_schema_mapping(reader, "a selector", selector_keys,
				       ms_array_size(selector_keys), NULL, selector);
	if (r == 0 && !selector->n_names && !selector->n_kinds && !selector->n_masters)
		return ms_document_reader_refuse(reader, start, "{}",
						 "a selector that asks nothing; every interface is "
						 "{ name: \"*\" }");
	return r;
}

/* ---- groups ---- */

bool ms_document_is_group_name(const char *name)
{
	return ms_document_schema_is_name(name, "._-", MS_DOCUMENT_NAME_MAX);
}

static int read_name(struct ms_document_reader *reader, void *into)
{
	struct ms_group_def *group = into;
	int r = ms_document_schema_name(reader, "a group's name", "._-", MS_DOCUMENT_NAME_MAX);

	if (r < 0)
		return r;
	group->name_place = reader->place;
	group->name = strdup(reader->value);
	return group->name ? 0 : -ENOMEM;
}

static int read_match(struct ms_document_reader *reader, void *into)
{
	struct ms_group_def *group = into;
	struct selectors selectors = { &group->match, &group->n_match };

	return ms_document_schema_list(reader, "selectors", read_selector, &selectors);
}

static int read_exclude(struct ms_document_reader *reader, void *into)
{
	struct ms_group_def *group = into;
	struct selectors selectors = { &group->exclude, &group->n_exclude };

	return ms_document_schema_list(reader, "selectors", read_selector, &selectors);
}

static int read_verdict(struct ms_document_reader *reader, enum ms_verdict *ret_verdict)
{
	unsigned int i;
	int r = ms_document_schema_word(reader, "allow or deny", verdict_words,
					ms_array_size(verdict_words), &i);

	if (r == 0)
		*ret_verdict = (enum ms_verdict)i;
	return r;
}

static int read_default_in(struct ms_document_reader *reader, void *into)
{
	return read_verdict(reader, &((struct ms_group_def *)into)->default_verdict[MS_DIR_IN]);
}

static int read_default_out(struct ms_document_reader *reader, void *into)
{
	return read_verdict(reader, &((struct ms_group_def *)into)->default_verdict[MS_DIR_OUT]);
}

static const struct ms_document_key default_keys[] = {
	{ "in", read_default_in, true },
	{ "out", read_default_out, true },
};

static int read_default(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_mapping(reader, "a group's default", default_keys,
					  ms_array_size(default_keys), NULL, into);
}

static int read_side(struct ms_document_reader *reader, void *into)
{
	unsigned int i;
	int r = ms_document_schema_word(reader, "auto, host or workload", side_words,
					ms_array_size(side_words), &i);

	if (r == 0)
		((struct ms_group_def *)into)->side = (enum ms_side_choice)i;
	return r;
}

static int read_mode(struct ms_document_reader *reader, void *into)
{
	unsigned int i;
	int r = ms_document_schema_word(reader, "disabled, audit or enforce", mode_words,
					ms_array_size(mode_words), &i);

	if (r == 0)
		((struct ms_group_def *)into)->mode = (enum ms_mode)i;
	return r;
}

static int read_attach(struct ms_document_reader *reader, void *into)
{
	unsigned int i;
	int r = ms_document_schema_word(reader, "auto, tc or tcx", attach_words,
					ms_array_size(attach_words), &i);

	if (r == 0)
		((struct ms_group_def *)into)->attach = (enum ms_attach_choice)i;
	return r;
}

static int read_non_ip(struct ms_document_reader *reader, void *into)
{
	return read_verdict(reader, &((struct ms_group_def *)into)->non_ip);
}

static int read_unready(struct ms_document_reader *reader, void *into)
{
	unsigned int i;
	int r = ms_document_schema_word(reader, "open (guard is not available in this version)",
					unready_words, ms_array_size(unready_words), &i);

	if (r == 0)
		((struct ms_group_def *)into)->unready = (enum ms_unready)i;
	return r;
}

static const struct ms_document_key group_keys[] = {
	{ "name", read_name, true },        { "match", read_match, false },
	{ "default", read_default, true },  { "exclude", read_exclude, false },
	{ "side", read_side, false },       { "mode", read_mode, false },
	{ "attach", read_attach, false },   { "non_ip", read_non_ip, false },
	{ "unready", read_unready, false },
};

int ms_document_group_read(struct ms_document_reader *reader, void *into)
{
	struct ms_document_draft *draft = into;
	ms_cleanup(ms_group_def_fini) struct ms_group_def group = {
		.side = MS_SIDE_CHOICE_AUTO,
		.mode = MS_MODE_ENFORCE,
		.attach = MS_ATTACH_AUTO,
		.non_ip = MS_VERDICT_ALLOW,
		.unready = MS_UNREADY_OPEN,
	};
	struct ms_place start = reader->place, places[ms_array_size(group_keys)];
	int r = ms_document_origin(reader, start, &group.origin);

	if (r == 0)
		r = ms_document_schema_mapping(reader, "a group", group_keys,
					       ms_array_size(group_keys), places, &group);
	/* A source can fill it by its own means: it binds workloads. */
	if (r == 0 && group.n_match == 0 && reader->source != MS_SOURCE_PLUGIN)
		r = ms_document_schema_refuse_missing(reader, start, "a group", "match");
	if (r < 0)
		return r;
	r = ms_name_index_add(&draft->groups, group.name, draft->policy.n_groups);
	if (r == -EEXIST)
		return ms_document_reader_refuse(reader, group.name_place, group.name,
						 "there is a group '%s' already", group.name);
	if (r == 0)
		r = ms_array_append(&draft->policy.groups, &draft->policy.n_groups, group);
	if (r == 0)
		group = (struct ms_group_def) { 0 };
	return r;
}
