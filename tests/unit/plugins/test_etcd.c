/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure part of the plugin: answers as etcd 3.4.23 gave them, and what follows of which. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/etcd/complaint.h"
#include "plugins/etcd/follower.h"
#include "tests/harness/ms_check.h"

#define HEADER(revision)                                                                           \
	"\"header\":{\"cluster_id\":\"17239412639524583607\",\"member_id\":\"1\",\"revision\":"    \
	"\"" revision "\",\"raft_term\":\"2\"}"
/* /microseg/v1/hosts/web1/policy/own "version: 1\nrules: []", /microseg/v1/policy/base "version: 1"
 * and /microseg/v1/policy/empty "" */
#define OWN                                                                                        \
	"{\"key\":\"L21pY3Jvc2VnL3YxL2hvc3RzL3dlYjEvcG9saWN5L293bg==\",\"create_revision\":\"4\"," \
	"\"mod_revision\":\"4\",\"version\":\"1\",\"value\":\"dmVyc2lvbjogMQpydWxlczogW10=\"}"
#define BASE                                                                                       \
	"{\"key\":\"L21pY3Jvc2VnL3YxL3BvbGljeS9iYXNl\",\"create_revision\":\"2\","                 \
	"\"mod_revision\":\"2\",\"version\":\"1\",\"value\":\"dmVyc2lvbjogMQ==\"}"
#define EMPTY                                                                                      \
	"{\"key\":\"L21pY3Jvc2VnL3YxL3BvbGljeS9lbXB0eQ==\",\"create_revision\":\"3\","             \
	"\"mod_revision\":\"3\",\"version\":\"1\"}"
#define RANGE(pairs, count) "{\"response_range\":{\"kvs\":[" pairs "],\"count\":\"" count "\"}}"
#define NO_RANGE "{\"response_range\":{\"header\":{\"revision\":\"5\"}}}"
#define ANSWER(ranges) "{" HEADER("5") ",\"succeeded\":true,\"responses\":[" ranges "]}"

/* ---- codec ---- */

START_TEST(requests_are_these)
{
	char *read = ms_etcd_codec_read("web1", false), *keys = ms_etcd_codec_read("web1", true);
	char *watch = ms_etcd_codec_watch("web1", 3);
	char *login = ms_etcd_codec_authenticate("host", "a\"b");
	/* /microseg/v1/hosts/web1/policy/ to .../policy0, /microseg/v1/policy/ to .../policy0 */
	const char *own = "\"key\":\"L21pY3Jvc2VnL3YxL2hvc3RzL3dlYjEvcG9saWN5Lw==\","
			  "\"range_end\":\"L21pY3Jvc2VnL3YxL2hvc3RzL3dlYjEvcG9saWN5MA==\"";
	const char *fleet = "\"key\":\"L21pY3Jvc2VnL3YxL3BvbGljeS8=\","
			    "\"range_end\":\"L21pY3Jvc2VnL3YxL3BvbGljeTA=\"";
	char wanted[600];

	snprintf(wanted, sizeof(wanted),
		 "{\"success\":[{\"request_range\":{%s}},{\"request_range\":{%s}}]}", own, fleet);
	ck_assert_str_eq(read, wanted);
	snprintf(wanted, sizeof(wanted),
		 "{\"success\":[{\"request_range\":{%s,\"keys_only\":true}},"
		 "{\"request_range\":{%s,\"keys_only\":true}}]}",
		 own, fleet);
	ck_assert_str_eq(keys, wanted);
	snprintf(wanted, sizeof(wanted),
		 "{\"create_request\":{%s,\"start_revision\":\"3\"}}\n"
		 "{\"create_request\":{%s,\"start_revision\":\"3\"}}\n",
		 own, fleet);
	ck_assert_str_eq(watch, wanted);
	ck_assert_str_eq(login, "{\"name\":\"host\",\"password\":\"a\\\"b\"}");
	free(read);
	free(keys);
	free(watch);
	free(login);
}
END_TEST

static int parse(const char *answer, struct ms_etcd_documents *documents)
{
	memset(documents, 0, sizeof(*documents));
	return ms_etcd_codec_parse_documents(answer, strlen(answer), documents);
}

START_TEST(the_hosts_documents_come_first)
{
	struct ms_etcd_documents documents;

	ck_assert_int_eq(parse(ANSWER(RANGE(OWN, "1") "," RANGE(BASE "," EMPTY, "2")), &documents),
			 0);
	ck_assert_int_eq(documents.revision, 5);
	ck_assert_uint_eq(documents.cluster, 17239412639524583607ULL);
	ck_assert_uint_eq(documents.count, 3);
	ck_assert_str_eq(documents.list[0].key, "/microseg/v1/hosts/web1/policy/own");
	ck_assert_str_eq(documents.list[0].text, "version: 1\nrules: []");
	ck_assert_uint_eq(documents.list[0].size, strlen("version: 1\nrules: []"));
	ck_assert_int_eq(documents.list[0].revision, 4);
	ck_assert_str_eq(documents.list[1].key, "/microseg/v1/policy/base");
	ck_assert_uint_eq(documents.list[1].size, strlen("version: 1"));
	ck_assert_str_eq(documents.list[2].key, "/microseg/v1/policy/empty");
	ck_assert_uint_eq(documents.list[2].size, 0);
	ck_assert_ptr_null(ms_etcd_documents_find_unfit(&documents, "web1"));
	/* What another host's prefix has is not ours. */
	ck_assert_ptr_eq(ms_etcd_documents_find_unfit(&documents, "web2"), &documents.list[0]);
	ms_etcd_documents_fini(&documents);

	ck_assert_int_eq(parse(ANSWER(NO_RANGE "," NO_RANGE), &documents), 0);
	ck_assert_uint_eq(documents.count, 0);
	ms_etcd_documents_fini(&documents);
}
END_TEST

static const char *const no_answers[] = {
	"",
	"<html>",
	"{}",
	"[]",
	"{" HEADER("5") "}",
	"{" HEADER("0") ",\"responses\":[" NO_RANGE "," NO_RANGE "]}",
	/* Less than was asked must not pass for less than there is. */
	ANSWER(NO_RANGE),
	ANSWER(RANGE(OWN, "2") "," NO_RANGE),
	ANSWER("{}," RANGE(BASE, "1")),
	ANSWER(NO_RANGE "," RANGE("{\"key\":\"L21p*3Jv\",\"value\":\"YQ==\"}", "1")),
	ANSWER(NO_RANGE "," RANGE("{\"key\":\"L21pY3Jv\",\"value\":\"YQ=\"}", "1")),
	ANSWER(NO_RANGE "," RANGE("{\"key\":\"L21pY3Jv\",\"value\":1}", "1")),
	ANSWER(NO_RANGE "," RANGE("{\"value\":\"YQ==\"}", "1")),
	/* A NUL in a key. */
	ANSWER(NO_RANGE "," RANGE("{\"key\":\"YQBi\",\"value\":\"YQ==\"}", "1")),
};

START_TEST(what_is_no_answer_is_refused)
{
	struct ms_etcd_documents documents;

	ck_assert_int_eq(parse(no_answers[_i], &documents), -EBADMSG);
	ck_assert_uint_eq(documents.count, 0);
}
END_TEST

static const struct {
	const char *line;
	enum ms_etcd_notice_kind kind;
	int64_t revision;
	const char *sentence;
} notices[] = {
	{ "{\"result\":{" HEADER("5") ",\"watch_id\":\"1\",\"created\":true}}", MS_ETCD_CREATED, 0,
	  "" },
	{ "{\"result\":{" HEADER("5") ",\"watch_id\":\"2\",\"events\":[{\"kv\":" EMPTY
				      "},{\"kv\":" OWN "}]}}",
	  MS_ETCD_CHANGED, 4, "" },
	{ "{\"result\":{" HEADER(
		  "3") ",\"watch_id\":\"1\",\"events\":[{\"type\":\"DELETE\",\"kv\":{\"key\":"
		       "\"L21pY3Jvc2VnL3YxL2hvc3RzL3dlYjEvcG9saWN5L293bg==\",\"mod_revision\":\"3\"}}"
		       "]}}",
	  MS_ETCD_CHANGED, 3, "" },
	{ "{\"result\":{" HEADER("9") "}}", MS_ETCD_PROGRESS, 0, "" },
	{ "{\"result\":{" HEADER(
		  "3") ",\"watch_id\":\"1\",\"canceled\":true,\"compact_revision\":\"3\"}}",
	  MS_ETCD_COMPACTED, 0, NULL },
	{ "{\"result\":{" HEADER(
		  "15") ",\"watch_id\":\"-1\",\"created\":true,\"canceled\":true,\"cancel_reason\":"
			"\"rpc error: code = PermissionDenied desc = etcdserver: permission denied\"}}",
	  MS_ETCD_ENDED, 0, "etcdserver: permission denied" },
	{ "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no leader\","
	  "\"http_status\":\"Service Unavailable\"}}",
	  MS_ETCD_ENDED, 0, "etcdserver: no leader" },
};

START_TEST(notices_are_known)
{
	struct ms_etcd_notice notice;
	const char *line = notices[_i].line;

	ck_assert_int_eq(ms_etcd_codec_parse_notice(line, strlen(line), &notice), 0);
	ck_assert_int_eq(notice.kind, notices[_i].kind);
	ck_assert_int_eq(notice.revision, notices[_i].revision);
	if (notices[_i].sentence)
		ck_assert_str_eq(notice.sentence, notices[_i].sentence);
	/* Half a line is none. */
	ck_assert_int_eq(ms_etcd_codec_parse_notice(line, strlen(line) - 1, &notice), -EBADMSG);
}
END_TEST

START_TEST(errors_have_a_sentence)
{
	const char *plain = "{\"error\":\"etcdserver: invalid auth token\",\"message\":\"x\","
			    "\"code\":16}";
	const char *text = "CommonName of client will be ignored\nmore";
	char sentence[256];

	ms_etcd_codec_parse_error(text, strlen(text), 400, sentence);
	ck_assert_str_eq(sentence, "the answer is 400: CommonName of client will be ignored");
	ms_etcd_codec_parse_error("\x1b[2J", 4, 400, sentence);
	ck_assert_str_eq(sentence, "the answer is 400 and not etcd's");
	ms_etcd_codec_parse_error(plain, strlen(plain), 401, sentence);
	ck_assert_str_eq(sentence, "etcdserver: invalid auth token");
	ck_assert(ms_etcd_codec_wants_token(sentence));
	ms_etcd_codec_parse_error("<html>", 6, 502, sentence);
	ck_assert_str_eq(sentence, "the answer is 502 and not etcd's");
	ck_assert(!ms_etcd_codec_wants_token("etcdserver: permission denied"));
}
END_TEST

START_TEST(a_token_goes_into_a_header)
{
	const char *good = "{" HEADER("15") ",\"token\":\"sbzyOscbduSjGVmG.28\"}";
	const char *bad = "{\"token\":\"a\\r\\nHost: b\"}";
	char *token = NULL;

	ck_assert_int_eq(ms_etcd_codec_parse_token(good, strlen(good), &token), 0);
	ck_assert_str_eq(token, "sbzyOscbduSjGVmG.28");
	free(token);
	ck_assert_int_eq(ms_etcd_codec_parse_token(bad, strlen(bad), &token), -EBADMSG);
	ck_assert_int_eq(ms_etcd_codec_parse_token("{}", 2, &token), -EBADMSG);
}
END_TEST

/* ---- documents ---- */

START_TEST(names_are_checked)
{
	static const struct {
		const char *key;
		int fits;
	} keys[] = {
		{ MS_ETCD_FLEET "base", 1 },
		{ MS_ETCD_FLEET "A-z_0.9", 1 },
		{ MS_ETCD_HOSTS "web1/policy/own", 1 },
		{ MS_ETCD_FLEET "", 0 },
		{ MS_ETCD_FLEET "a/b", 0 },
		{ MS_ETCD_FLEET "a\nb", 0 },
		{ MS_ETCD_HOSTS "web1/policy/", 0 },
		{ MS_ETCD_HOSTS "web10/policy/own", 0 },
		{ MS_ETCD_FLEET
		  "0123456789012345678901234567890123456789012345678901234567890123456789"
		  "012345678901234567890123456789012345678",
		  0 },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct ms_etcd_documents documents = { .revision = 1 };

		ck_assert_int_eq(
			ms_etcd_documents_add(&documents, strdup(keys[i].key), strdup(""), 0, 1),
			0);
		ck_assert_msg((ms_etcd_documents_find_unfit(&documents, "web1") == NULL) ==
				      keys[i].fits,
			      "%s", keys[i].key);
		ms_etcd_documents_fini(&documents);
	}
}
END_TEST

START_TEST(nothing_counts_if_it_was_seen_to_come)
{
	struct ms_etcd_document one = { .key = NULL };
	const struct ms_etcd_documents never = { 0 };
	const struct ms_etcd_documents had = { 7, 10, &one, 1, 1 }, none = { 7, 11, NULL, 0, 0 };
	const struct ms_etcd_documents fresh = { 8, 1, NULL, 0, 0 }, back = { 7, 9, NULL, 0, 0 };
	const struct ms_etcd_documents other = { 8, 5, &one, 1, 1 };

	ck_assert(ms_etcd_documents_are_lost(&never, &none));
	ck_assert(!ms_etcd_documents_are_lost(&had, &none));
	ck_assert(ms_etcd_documents_are_lost(&had, &fresh));
	ck_assert(ms_etcd_documents_are_lost(&had, &back));
	ck_assert(!ms_etcd_documents_are_lost(&had, &other));
	ck_assert(!ms_etcd_documents_are_lost(&never, &other));
	ck_assert(ms_etcd_documents_is_other(&had, &other));
	ck_assert(!ms_etcd_documents_is_other(&had, &none));
	ck_assert(!ms_etcd_documents_is_other(&never, &other));
}
END_TEST

/* ---- follower ---- */

static struct ms_etcd_follower follower;

static void notice(enum ms_etcd_notice_kind kind, int64_t revision)
{
	const struct ms_etcd_notice one = { .kind = kind, .revision = revision };

	ms_etcd_follower_on_notice(&follower, &one);
}

#define TASK_IS(task) ck_assert_int_eq(ms_etcd_follower_get_task(&follower), MS_ETCD_##task)
#define WATCH_IS(from) ck_assert_int_eq(ms_etcd_follower_get_watch(&follower), from)

static void begin_watch(void)
{
	ms_etcd_follower_on_watch(&follower);
	notice(MS_ETCD_CREATED, 0);
	notice(MS_ETCD_CREATED, 0);
}

/* Read at 5, the watch stands, and the check has been. */
static void settle(size_t endpoints, bool with_user)
{
	ms_etcd_follower_init(&follower, endpoints, with_user);
	if (with_user)
		ms_etcd_follower_on_token(&follower);
	ms_etcd_follower_on_read(&follower, 5);
	begin_watch();
	TASK_IS(CHECK);
	ms_etcd_follower_on_check(&follower, true, 5);
	TASK_IS(NOTHING);
	WATCH_IS(6);
}

START_TEST(the_usual_way)
{
	ms_etcd_follower_init(&follower, 1, true);
	TASK_IS(AUTHENTICATE);
	WATCH_IS(0);
	ms_etcd_follower_on_token(&follower);
	TASK_IS(READ);
	WATCH_IS(0);
	ms_etcd_follower_on_read(&follower, 5);
	TASK_IS(NOTHING);
	WATCH_IS(6);
	begin_watch();
	TASK_IS(CHECK);
	ms_etcd_follower_on_check(&follower, true, 7);
	TASK_IS(NOTHING);
	/* What the check knew of is no news. */
	notice(MS_ETCD_CHANGED, 7);
	TASK_IS(NOTHING);
	notice(MS_ETCD_CHANGED, 8);
	TASK_IS(READ);
	/* What came while it was read is. */
	notice(MS_ETCD_CHANGED, 9);
	ms_etcd_follower_on_read(&follower, 8);
	TASK_IS(READ);
	ms_etcd_follower_on_read(&follower, 9);
	TASK_IS(NOTHING);
	WATCH_IS(10);
}
END_TEST

START_TEST(a_break_goes_on_where_it_was)
{
	settle(3, false);
	ms_etcd_follower_on_failure(&follower, false);
	ck_assert_uint_eq(follower.endpoint, 1);
	ck_assert(!ms_etcd_follower_is_lost(&follower));
	WATCH_IS(6);
	TASK_IS(CHECK);
	ms_etcd_follower_on_check(&follower, false, 9);
	TASK_IS(READ);
	ms_etcd_follower_on_failure(&follower, false);
	TASK_IS(READ);
}
END_TEST

/* What was heard of and not yet read is read even if it never comes under that number. */
START_TEST(a_break_forgets_no_notice)
{
	settle(3, false);
	notice(MS_ETCD_CHANGED, 50);
	ms_etcd_follower_on_failure(&follower, false);
	TASK_IS(READ);
	ms_etcd_follower_on_read(&follower, 6);
	TASK_IS(CHECK);
}
END_TEST

START_TEST(compacted_is_read_again)
{
	settle(1, false);
	notice(MS_ETCD_COMPACTED, 0);
	WATCH_IS(0);
	TASK_IS(READ);
	ms_etcd_follower_on_read(&follower, 100);
	WATCH_IS(101);
}
END_TEST

START_TEST(an_older_store_is_read)
{
	settle(1, false);
	ms_etcd_follower_on_check(&follower, true, 3);
	TASK_IS(READ);
	ms_etcd_follower_on_read(&follower, 3);
	TASK_IS(NOTHING);
	WATCH_IS(4);
}
END_TEST

START_TEST(a_round_ends_with_a_pause)
{
	settle(2, false);
	ms_etcd_follower_on_failure(&follower, false);
	TASK_IS(CHECK);
	ms_etcd_follower_on_failure(&follower, false);
	ck_assert(ms_etcd_follower_is_lost(&follower));
	TASK_IS(NOTHING);
	WATCH_IS(0);
	ms_etcd_follower_resume(&follower);
	TASK_IS(CHECK);
	WATCH_IS(6);
	ck_assert_uint_eq(follower.endpoint, 0);
	/* It answers, but until its watch stands nothing is well. */
	ms_etcd_follower_on_check(&follower, true, 5);
	ck_assert(ms_etcd_follower_is_lost(&follower));
	begin_watch();
	ms_etcd_follower_on_check(&follower, true, 5);
	ck_assert(!ms_etcd_follower_is_lost(&follower));
}
END_TEST

START_TEST(pauses_grow)
{
	static const uint64_t seconds[] = { 1, 2, 4, 8, 16, 32, 32 };

	ms_etcd_follower_init(&follower, 1, false);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		uint64_t longest = seconds[i] * 1000000000;

		ms_etcd_follower_on_failure(&follower, false);
		ck_assert_uint_eq(ms_etcd_follower_pause_ns(&follower, 0), longest);
		ck_assert_uint_ge(ms_etcd_follower_pause_ns(&follower, 1023), longest / 4 * 3);
		ck_assert_uint_lt(ms_etcd_follower_pause_ns(&follower, 1023), longest);
		ms_etcd_follower_resume(&follower);
	}
}
END_TEST

START_TEST(a_token_that_ended_is_no_failure)
{
	settle(2, true);
	ms_etcd_follower_on_failure(&follower, true);
	TASK_IS(AUTHENTICATE);
	WATCH_IS(0);
	ck_assert_uint_eq(follower.endpoint, 0);
	ms_etcd_follower_on_token(&follower);
	TASK_IS(CHECK);
	/* Refused as soon as it was given: no member to go on with. */
	ms_etcd_follower_on_failure(&follower, true);
	ck_assert_uint_eq(follower.endpoint, 1);
	TASK_IS(AUTHENTICATE);
}
END_TEST

START_TEST(a_watch_must_begin)
{
	ms_etcd_follower_init(&follower, 1, false);
	ck_assert(ms_etcd_follower_tick(&follower));
	ck_assert(ms_etcd_follower_tick(&follower));
	ms_etcd_follower_on_read(&follower, 5);
	ms_etcd_follower_on_watch(&follower);
	ck_assert(ms_etcd_follower_tick(&follower));
	notice(MS_ETCD_CREATED, 0);
	ck_assert(!ms_etcd_follower_tick(&follower));
	notice(MS_ETCD_CREATED, 0);
	ck_assert(ms_etcd_follower_tick(&follower));
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

/* ---- what is said of failures ---- */

#define SECOND 1000000000ULL

START_TEST(a_failure_is_said_once_and_then_once_a_minute)
{
	struct ms_etcd_complaint complaint = { .told_ns = 0 };
	uint64_t now = 5 * SECOND;

	ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "refused", now), 1);
	for (int i = 0; i < 59; i++)
		ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "refused", now += SECOND), 0);
	ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "refused", now += SECOND), 60);
	ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "refused", now), 0);
	/* Another reason is another failure; what was not said before comes with it. */
	ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "no majority", now), 2);
	ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "no majority", now), 0);
	/* libcurl says how long it tried, each time another number. */
	ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "failed after 3 ms: x", now), 2);
	ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, "failed after 3001 ms: x", now), 0);
	/* One that is longer than what is kept of it is the same, too. */
	{
		char longer[400];

		memset(longer, 'x', sizeof(longer) - 1);
		longer[sizeof(longer) - 1] = '\0';
		ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, longer, now), 2);
		ck_assert_uint_eq(ms_etcd_complaint_make(&complaint, longer, now), 0);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("etcd");
	TCase *codec = tcase_create("codec"), *documents = tcase_create("documents");
	TCase *follow = tcase_create("follower");

	tcase_add_test(codec, requests_are_these);
	tcase_add_test(codec, the_hosts_documents_come_first);
	tcase_add_loop_test(codec, what_is_no_answer_is_refused, 0, COUNT(no_answers));
	tcase_add_loop_test(codec, notices_are_known, 0, COUNT(notices));
	tcase_add_test(codec, errors_have_a_sentence);
	tcase_add_test(codec, a_token_goes_into_a_header);
	suite_add_tcase(suite, codec);
	tcase_add_test(documents, names_are_checked);
	tcase_add_test(documents, nothing_counts_if_it_was_seen_to_come);
	suite_add_tcase(suite, documents);
	tcase_add_test(follow, the_usual_way);
	tcase_add_test(follow, a_break_goes_on_where_it_was);
	tcase_add_test(follow, a_break_forgets_no_notice);
	tcase_add_test(follow, compacted_is_read_again);
	tcase_add_test(follow, an_older_store_is_read);
	tcase_add_test(follow, a_round_ends_with_a_pause);
	tcase_add_test(follow, pauses_grow);
	tcase_add_test(follow, a_token_that_ended_is_no_failure);
	tcase_add_test(follow, a_watch_must_begin);
	tcase_add_test(follow, a_failure_is_said_once_and_then_once_a_minute);
	suite_add_tcase(suite, follow);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
