/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/classify/compile.c and image.c: what of a policy does not depend on the engine. */
#include "core/classify/compile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "bpf/lib/rules.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/harness/ms_check.h"

static const char *const authors[] = {
	"",    "panic",      "default/g/in",       "default/g/out", "failsafe/in", "failsafe/out",
	"a/b", "builtin/nd", "builtin/icmp-error", "builtin/dhcp",  "c",
};
#define AUTHORS (sizeof(authors) / sizeof(authors[0]))

static const char *forgotten; /* an author without a slot */

static uint32_t slot_of(void *user, const char *id)
{
	(void)user;
	if (forgotten && strcmp(id, forgotten) == 0)
		return 0;
	for (uint32_t i = 1; i < AUTHORS; i++)
		if (strcmp(authors[i], id) == 0)
			return i;
	return 0;
}

static uint16_t group_of(void *user, const char *name)
{
	(void)user;
	return strcmp(name, "g") == 0 ? 5 : 0;
}

static uint32_t set_of(void *user, const char *name)
{
	(void)user;
	(void)name;
	return 0;
}

static const struct ms_numbering numbering = {
	.slot = slot_of, .group = group_of, .set = set_of, .user = NULL
};

static const char *const yaml =
	"version: 1\n"
	"groups:\n"
	"  - { name: g, match: { name: [\"*\"] }, default: { in: deny, out: allow }, mode: audit,\n"
	"      non_ip: deny }\n"
	"failsafe: { in: [\"tcp:22\", \"udp:[2001:db8::/32]:53\"], out: [\"udp:192.0.2.0/24:53\"] }\n"
	"rules:\n"
	"  - { id: a/b, dir: in, log: { every: 1500ms }, established: keep, mode: enforce,\n"
	"      action: deny }\n"
	"  - { id: c, action: allow }\n";

static int compile(struct ms_image **ret_image, struct ms_error *err)
{
	struct ms_policy *document = ms_policy_new(), *merged = NULL;
	struct ms_merge_inputs inputs = { .files = document };
	int r = ms_document_parse("a.yaml", yaml, strlen(yaml), MS_SOURCE_FILE, document, err);

	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, err);
	ck_assert_msg(r == 0, "%s", err->message);
	r = ms_compile(merged, 41, &numbering, MS_ENGINE_FASTEST, NULL, ret_image, err);
	ms_policy_free(merged);
	ms_policy_free(document);
	return r;
}

static const struct ms_image_table *table_of(const struct ms_image *image, const char *map)
{
	for (size_t i = 0; i < image->n_tables; i++)
		if (strcmp(image->tables[i].map, map) == 0)
			return &image->tables[i];
	ck_abort_msg("no table %s", map);
	return NULL;
}

START_TEST(groups_and_failsafe_are_lines)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_image *image = NULL;

	ck_assert_int_eq(compile(&image, &err), 0);
	ck_assert_uint_eq(image->groups[5].mode, MS_MODE_AUDIT);
	ck_assert_uint_eq(image->groups[5].verdict[MS_DIR_IN], MS_VERDICT_DENY);
	ck_assert_uint_eq(image->groups[5].verdict[MS_DIR_OUT], MS_VERDICT_ALLOW);
	ck_assert_uint_eq(image->groups[5].slot[MS_DIR_IN], 2);
	ck_assert_uint_eq(image->groups[5].slot[MS_DIR_OUT], 3);
	ck_assert_uint_eq(image->groups[5].non_ip, MS_VERDICT_DENY);
	ck_assert_uint_eq(image->failsafe[0].proto, 6);
	ck_assert_uint_eq(image->failsafe[0].port, htons(22));
	ck_assert_uint_eq(image->failsafe[0].family, 0);
	ck_assert_uint_eq(image->failsafe[1].family, 6);
	ck_assert_uint_eq(image->failsafe[1].len, 32);
	ck_assert_uint_eq(image->failsafe[2].dir, MS_DIR_OUT);
	ck_assert_uint_eq(image->failsafe[2].slot, 5);
	ck_assert_uint_eq(image->failsafe[2].family, 4);
	ck_assert_uint_eq(image->failsafe[3].proto, 0);
	ms_image_free(image);
}
END_TEST

START_TEST(rules_are_decisions_in_order)
{
	const struct ms_decision *decisions;
	const struct ms_policy_head *head;
	struct ms_error err = MS_ERROR_INIT;
	struct ms_image *image = NULL;
	uint32_t n;

	ck_assert_int_eq(compile(&image, &err), 0);
	decisions = table_of(image, "ms_decisions")->rows;
	n = table_of(image, "ms_decisions")->n_rows;
	/* nd, four lines of dhcp, a/b, c: the error built-in is the datapath's. */
	ck_assert_uint_eq(n, 7);
	ck_assert_uint_eq(decisions[0].slot, 7);
	ck_assert_uint_eq(decisions[0].flags, MS_DECISION_BUILTIN | MS_DECISION_STATELESS);
	ck_assert_uint_eq(decisions[1].flags, MS_DECISION_BUILTIN);
	ck_assert_uint_eq(decisions[5].slot, 6);
	ck_assert_uint_eq(decisions[5].verdict, MS_VERDICT_DENY);
	ck_assert_uint_eq(decisions[5].established, MS_ESTABLISHED_KEEP);
	ck_assert_uint_eq(decisions[5].mode, MS_MODE_ENFORCE);
	ck_assert_uint_eq(decisions[5].flags, MS_DECISION_LOG);
	ck_assert_uint_eq(decisions[5].log_every_ms, 1500);
	ck_assert_uint_eq(decisions[6].mode, MS_MODE_INHERIT);
	ck_assert_uint_eq(decisions[6].log_every_ms, 0);
	head = table_of(image, "ms_policy")->rows;
	ck_assert_uint_eq(head->generation, 41);
	ck_assert_uint_eq(head->slot_panic, 1);
	ck_assert_uint_eq(head->flags, MS_POLICY_ICMP_ERROR);
	ck_assert_uint_eq(head->slot_icmp_error, 8);
	ck_assert_uint_eq(head->rows4, table_of(image, "ms_rules4")->n_rows);
	ck_assert_uint_eq(head->rows6, table_of(image, "ms_rules6")->n_rows);
	ck_assert_uint_eq(image->generation, 41);
	for (int i = 0; i < MS_ENGINE_FAMILIES; i++) {
		ck_assert_uint_eq(image->engines[i].engine, MS_ENGINE_LINEAR);
		ck_assert_uint_eq(image->engines[i].bound.limit, MS_ENGINE_UNLIMITED);
		ck_assert_uint_eq(image->engines[i].n_rows, i ? head->rows6 : head->rows4);
	}
	ms_image_free(image);
}
END_TEST

START_TEST(nobody_goes_without_a_slot)
{
	struct ms_error err = MS_ERROR_INIT;
	struct ms_image *image = NULL;

	forgotten = authors[_i];
	ck_assert_int_eq(compile(&image, &err), -ENOENT);
	ck_assert_ptr_null(image);
	ck_assert_ptr_nonnull(strstr(err.message, forgotten));
}
END_TEST

START_TEST(a_table_refuses_more_than_it_holds)
{
	struct ms_image *image = ms_image_new(1);
	struct ms_image_table *table = ms_image_add_table(image, "t", 100, sizeof(uint32_t));

	for (uint32_t i = 0; i < 100; i++)
		ck_assert_int_eq(ms_image_add_row(table, &i), 0);
	ck_assert_int_eq(ms_image_add_row(table, &(uint32_t) { 0 }), -ENOSPC);
	ck_assert_uint_eq(table->n_rows, 100);
	ck_assert_uint_eq(((uint32_t *)table->rows)[99], 99);
	for (int i = 1; i < MS_IMAGE_TABLES_MAX; i++)
		ck_assert_ptr_nonnull(ms_image_add_table(image, "t", 1, 4));
	ck_assert_ptr_null(ms_image_add_table(image, "t", 1, 4));
	ms_image_free(image);
	ck_assert_ptr_null(ms_image_free(NULL));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("classify_compile");
	TCase *tcase = tcase_create("compile");

	tcase_add_test(tcase, groups_and_failsafe_are_lines);
	tcase_add_test(tcase, rules_are_decisions_in_order);
	tcase_add_loop_test(tcase, nobody_goes_without_a_slot, 1, AUTHORS);
	tcase_add_test(tcase, a_table_refuses_more_than_it_holds);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
