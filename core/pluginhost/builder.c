/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pluginhost/builder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int failed(struct ms_plugin_error *error, int r, const char *what, const char *name)
{
	struct ms_error why = MS_ERROR_INIT;

	if (r == -E2BIG)
		ms_source_offer_refuse_size(&why);
	if (r < 0 && error)
		snprintf(error->sentence, sizeof(error->sentence), "%s '%.64s': %.256s", what, name,
			 why.code ? why.message : strerror(-r));
	return r;
}

/* ---- policy language ---- */

static int add_text(struct ms_plugin_builder *builder, enum ms_source_text_kind kind,
		    const char *origin, const char *text, size_t size,
		    struct ms_plugin_error *error)
{
	struct ms_error why = MS_ERROR_INIT;
	int r;

	if (!origin || !*origin || !text)
		return failed(error, -EINVAL, "a text without", "origin");
	r = ms_source_offer_check_text(builder->name, kind, origin, text, size, &why);
	if (r < 0) {
		if (error)
			ms_error_format(&why, error->sentence, sizeof(error->sentence));
		return r == -ENOMEM ? r : -EINVAL;
	}
	r = ms_source_offer_add_text(&builder->offer, kind, origin, text, size);
	return failed(error, r, "cannot take", origin);
}

static int add_document(struct ms_plugin_builder *builder, const char *origin, const char *text,
			size_t size, struct ms_plugin_error *error)
{
	return add_text(builder, MS_SOURCE_TEXT_DOCUMENT, origin, text, size, error);
}

static int add_group(struct ms_plugin_builder *builder, const char *origin, const char *text,
		     size_t size, struct ms_plugin_error *error)
{
	return add_text(builder, MS_SOURCE_TEXT_GROUP, origin, text, size, error);
}

/* NULL = it did not refuse this rule. */
static const char *daemons_refusal(const struct ms_plugin_builder *builder, const char *origin,
				   const char *text, size_t size)
{
	if (!builder->refusals || !origin || !text)
		return NULL;
	return ms_pluginhost_refusals_find(builder->refusals, origin, text, size, builder->now_ns);
}

static int add_rule(struct ms_plugin_builder *builder, const char *origin, const char *text,
		    size_t size, struct ms_plugin_error *error)
{
	const char *why = daemons_refusal(builder, origin, text, size);

	if (why && error)
		snprintf(error->sentence, sizeof(error->sentence), "%s", why);
	if (why)
		return -EPERM;
	return add_text(builder, MS_SOURCE_TEXT_RULE, origin, text, size, error);
}

/* ---- sets and workloads ---- */

static int add_set(struct ms_plugin_builder *builder, const char *name,
		   struct ms_plugin_error *error)
{
	return failed(error, ms_source_offer_add_set(&builder->offer, name), "set", name);
}

static int keep_set(struct ms_plugin_builder *builder, const char *name,
		    struct ms_plugin_error *error)
{
	return failed(error, ms_source_offer_keep_set(&builder->offer, name), "set", name);
}

static int leave_out(struct ms_plugin_builder *builder, const char *origin, const char *why,
		     struct ms_plugin_error *error)
{
	return failed(error, ms_source_offer_leave_out(&builder->offer, origin, why), "cannot note",
		      origin);
}

static int take_back(struct ms_plugin_builder *builder, const char *origin,
		     struct ms_plugin_error *error)
{
	(void)error;
	ms_source_offer_take_back(&builder->offer, origin);
	return 0;
}

static uint64_t watch_in_force(struct ms_plugin_builder *builder,
			       void (*in_force)(void *self, uint64_t number), void *self)
{
	*builder->in_force = (struct ms_pluginhost_in_force) { in_force, self };
	return builder->number;
}

static bool has_host_bits(const struct ms_cidr *cidr)
{
	for (unsigned int bit = cidr->len; bit < (cidr->addr.family == 4 ? 32u : 128u); bit++) {
		if (cidr->addr.bytes[bit / 8] & (0x80 >> bit % 8))
			return true;
	}
	return false;
}

static int add_member(struct ms_plugin_builder *builder, const char *set,
		      const struct ms_plugin_cidr *member, uint64_t timeout_ns,
		      struct ms_plugin_error *error)
{
	struct ms_source_member mine = { .timeout_ns = timeout_ns };

	mine.cidr.addr.family = member->family;
	mine.cidr.len = member->len;
	if (member->family == 4)
		memcpy(mine.cidr.addr.bytes, member->addr, 4);
	else if (member->family == 6)
		memcpy(mine.cidr.addr.bytes, member->addr, 16);
	else
		return failed(error, -EINVAL, "a member of", set);
	if (member->len > (member->family == 4 ? 32 : 128) || has_host_bits(&mine.cidr))
		return failed(error, -EINVAL, "a member of", set);
	return failed(error, ms_source_offer_add_member(&builder->offer, set, &mine), "set", set);
}

static int bind_workload(struct ms_plugin_builder *builder, const char *group, uint32_t kind,
			 uint64_t workload, struct ms_plugin_error *error)
{
	if (kind < MS_PLUGIN_WORKLOAD_PID || kind > MS_PLUGIN_WORKLOAD_MAC)
		return failed(error, -EINVAL, "a workload of", group);
	return failed(error, ms_source_offer_add_bind(&builder->offer, kind, workload, group),
		      "group", group);
}

void ms_pluginhost_builder_serve(struct ms_plugin_host *host)
{
	host->add_document = add_document;
	host->add_group = add_group;
	host->add_rule = add_rule;
	host->add_set = add_set;
	host->add_member = add_member;
	host->bind = bind_workload;
	host->keep_set = keep_set;
	host->leave_out = leave_out;
	host->take_back = take_back;
	host->watch_in_force = watch_in_force;
}
