/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/flips.h"

#include "core/iface/set.h"
#include "core/session/session.h"
#include "tests/harness/ms_check.h"

/* ---- a datapath of `n_sessions` UDP sessions, every one of which would be denied ---- */

static size_t n_sessions;
static struct ms_iface_entry entry = { .link.ifindex = 3, .zone = 7 };

int ms_dataplane_session_foreach(struct ms_dataplane *dp,
				 bool (*visit)(void *user, const struct ms_session_raw *raw),
				 void *user)
{
	const struct ms_session_raw raw = { 0 };

	(void)dp;
	for (size_t i = 0; i < n_sessions && visit(user, &raw); i++)
		;
	return 0;
}

void ms_session_decode(const struct ms_dataplane *dp, const struct ms_session_raw *raw,
		       struct ms_session_view *ret_view)
{
	(void)dp;
	(void)raw;
	*ret_view = (struct ms_session_view) { .zone = 7, .proto = 17, .sport = 1, .dport = 53 };
	ck_assert(ms_addr_parse("10.0.0.1", &ret_view->from));
	ck_assert(ms_addr_parse("10.0.0.2", &ret_view->to));
}

/* The one interface there is when somebody begins; later ones come while sessions are counted. */
void ms_iface_set_foreach(struct ms_iface_set *set,
			  void (*visit)(void *user, struct ms_iface_entry *entry), void *user)
{
	(void)set;
	visit(user, &entry);
}

int ms_dataplane_trace(struct ms_dataplane *dp, const struct ms_trace_request *request,
		       struct ms_trace_result *ret_result)
{
	(void)dp;
	(void)request;
	*ret_result = (struct ms_trace_result) { .verdict = MS_VERDICT_DENY };
	return 0;
}

/* ---- */

static const struct {
	size_t sessions;
	unsigned int count;
	bool is_minimum;
} counts[] = {
	{ 0, 0, false },
	{ 3, 3, false },
	{ MS_FLIPS_SESSIONS_MAX - 1, MS_FLIPS_SESSIONS_MAX - 1, false },
	{ MS_FLIPS_SESSIONS_MAX + 5, MS_FLIPS_SESSIONS_MAX, true },
};

START_TEST(a_count_that_was_cut_short_says_so)
{
	bool is_minimum = !counts[_i].is_minimum;
	struct ms_flips *flips;
	unsigned int count = 77;

	n_sessions = counts[_i].sessions;
	ck_assert_int_eq(ms_flips_new(NULL, NULL, &flips), 0);
	ck_assert_int_eq(ms_flips_count(flips, 0, &count, &is_minimum), 0);
	ck_assert_uint_eq(count, counts[_i].count);
	ck_assert(is_minimum == counts[_i].is_minimum);
	ms_flips_free(flips);
}
END_TEST

START_TEST(sessions_of_a_zone_that_nobody_has_do_not_end)
{
	struct ms_flips *flips;
	unsigned int count = 77;
	bool is_minimum = true;

	n_sessions = 3;
	entry.zone = 8;
	ck_assert_int_eq(ms_flips_new(NULL, NULL, &flips), 0);
	ck_assert_int_eq(ms_flips_count(flips, 0, &count, &is_minimum), 0);
	ck_assert_uint_eq(count, 0);
	ms_flips_free(flips);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flips");
	TCase *tcase = tcase_create("flips");

	tcase_add_loop_test(tcase, a_count_that_was_cut_short_says_so, 0,
			    sizeof(counts) / sizeof(counts[0]));
	tcase_add_test(tcase, sessions_of_a_zone_that_nobody_has_do_not_end);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
