/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The builder calls of the host table: what a source adds during snapshot() becomes an offer. */
#ifndef MS_CORE_PLUGINHOST_BUILDER_H
#define MS_CORE_PLUGINHOST_BUILDER_H

#include "core/plugin/host.h"
#include "core/pluginhost/refusals.h"
#include "core/source/offer.h"

/* Whom a source wants told what is in force; zeroes = nobody. */
struct ms_pluginhost_in_force {
	void (*tell)(void *self, uint64_t number);
	void *self;
};

/* Starts with an offer of zeroes, which its owner frees. */
struct ms_plugin_builder {
	const char *name; /* the source's */
	struct ms_source_offer offer;
	struct ms_pluginhost_refusals *refusals; /* rules that are not taken; NULL = none */
	uint64_t now_ns;                         /* for these */
	uint32_t number;                         /* of the transaction, from 1 */
	struct ms_pluginhost_in_force *in_force;
};

/* Fills in add_document, add_group, add_rule, add_set, add_member, bind, keep_set, leave_out,
 * take_back and watch_in_force. */
void ms_pluginhost_builder_serve(struct ms_plugin_host *host);

#endif
