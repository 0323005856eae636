/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a source is told that adds more than a transaction takes. */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/pluginhost/builder.h"
#include "plugins/feed/config.h"
#include "tests/harness/ms_check.h"

START_TEST(a_bound_is_named)
{
	static const struct ms_plugin_cidr member = { .family = 4, .len = 32, .addr = { 10 } };
	struct ms_plugin_builder builder = { .name = "mine" };
	struct ms_plugin_host host = { 0 };
	struct ms_plugin_error error = { "" };

	ms_pluginhost_builder_serve(&host);
	ck_assert_int_eq(host.add_set(&builder, "block", &error), 0);
	builder.offer.n_members = MS_SOURCE_OFFER_MEMBERS_MAX;
	ck_assert_int_eq(host.add_member(&builder, "block", &member, 0, &error), -E2BIG);
	ck_assert_msg(strstr(error.sentence, "set 'block': ") &&
			      strstr(error.sentence, " 2097152 members of all sets"),
		      "%s", error.sentence);
	ms_source_offer_fini(&builder.offer);
}
END_TEST

/* A list that is longer could not be in force. */
START_TEST(a_list_may_have_no_more_than_a_transaction)
{
	const struct ms_plugin_item *item = ms_feed_config_items;

	while (strcmp(item->name, "max_entries") != 0)
		item++;
	ck_assert_uint_eq(item->max, MS_SOURCE_OFFER_MEMBERS_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pluginhost builder");
	TCase *tcase = tcase_create("builder");

	tcase_add_test(tcase, a_bound_is_named);
	tcase_add_test(tcase, a_list_may_have_no_more_than_a_transaction);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
