/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin without an etcd, with the stand-in host: what it holds of the host while it waits. */
#include <stdlib.h>
#include <string.h>

#include "microseg/trial.h"
#include "tests/harness/ms_check.h"

#define NS_PER_S 1000000000ULL
#define LONGEST_PAUSE_NS (32 * NS_PER_S)
#define PAUSES (2 * MS_TRIAL_WATCHES)

static struct ms_plugin_host_state host;

static uint64_t count_failures(void *self)
{
	struct ms_plugin_emit to = { .text = "" };
	const char *at;

	ms_plugin_descriptor.stats(self, &to);
	at = strstr(to.text, "failures ");
	ck_assert_ptr_nonnull(at);
	return strtoull(at + strlen("failures "), NULL, 10);
}

static unsigned int count_timers(void)
{
	unsigned int count = 0;

	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++)
		count += host.watches[i].used && host.watches[i].fd < 0;
	return count;
}

/* Nobody listens there: each try is a failure at once, and a pause follows. */
START_TEST(a_pause_leaves_no_watch)
{
	const struct ms_trial_value items[] = {
		{ .name = "endpoints", .string = "http://127.0.0.1:1" },
		{ .name = "hostname", .string = "web1" },
		{ .name = "check", .number = 3600 * NS_PER_S },
		{ .name = "max_bytes", .number = 1 << 20 },
	};
	const struct ms_plugin_values values = { items, sizeof(items) / sizeof(items[0]) };
	struct ms_plugin_error error = { .sentence = "" };
	void *self;

	ms_trial_init(&host);
	ck_assert_msg(ms_plugin_descriptor.create(&host.table, &values, &self, &error) == 0, "%s",
		      error.sentence);
	ck_assert_int_eq(ms_plugin_descriptor.start(self, &error), 0);
	for (uint64_t failures = 1; failures <= PAUSES; failures++) {
		while (count_failures(self) < failures) {
			ms_trial_pass(&host, NS_PER_S / 1000);
			ms_trial_poll(&host, 5);
		}
		/* The check, the pause, and libcurl's own. */
		ck_assert_uint_le(count_timers(), 3);
		ms_trial_pass(&host, LONGEST_PAUSE_NS);
	}
	ck_assert_ptr_null(strstr(host.log, "no timer is left"));
	ms_plugin_descriptor.stop(self);
	ms_plugin_descriptor.destroy(self);
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++)
		ck_assert_msg(!host.watches[i].used, "watch %zu is left", i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugins/etcd_away");
	TCase *cases = tcase_create("etcd_away");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_pause_leaves_no_watch);
	suite_add_tcase(suite, cases);
	return ms_check_run(suite);
}
