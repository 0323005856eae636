/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin against a server on loopback and against files, with the stand-in host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/plugins/web.h"

#define NS_PER_S 1000000000ULL
#define INTERVAL_NS (1000 * NS_PER_S)
#define ITEMS_MAX 16

static struct ms_web web;
static struct ms_plugin_host_state host;
static struct ms_plugin_error error;
static struct ms_plugin_builder builder;
static void *self;
static char folder[] = "/tmp/test_feed.XXXXXX", path[64];

/* What the server says at /a and /b. */
static struct page {
	int status;
	const void *body;
	size_t size; /* 0 = that of the text */
	const char *etag;
	const char *date, *modified; /* both or none */
	unsigned asked, spared;      /* calls; of these those that were told 304 */
	const char *length;          /* see ms_web_set_length(); NULL = as it is */
} pages[2];

static void serve(struct evhttp_request *request, void *user)
{
	struct page *page = user;

	page->asked++;
	if (page->etag)
		ms_web_set_header(request, "ETag", page->etag);
	if (page->date) {
		ms_web_set_header(request, "Date", page->date);
		ms_web_set_header(request, "Last-Modified", page->modified);
	}
	if ((page->etag && strcmp(ms_web_header(request, "If-None-Match"), page->etag) == 0) ||
	    (page->date &&
	     strcmp(ms_web_header(request, "If-Modified-Since"), page->modified) == 0)) {
		page->spared++;
		ms_web_answer(request, 304, "", 0);
		return;
	}
	ms_web_set_header(request, "Location", "/a"); /* counts with a 302 alone */
	if (page->length)
		ms_web_set_length(request, page->length);
	ms_web_answer(request, page->status, page->body,
		      page->size ? page->size : strlen(page->body));
}

static void setup(void)
{
	ms_trial_init(&host);
	ms_web_open(&web);
	evhttp_set_cb(web.server, "/a", serve, &pages[0]);
	evhttp_set_cb(web.server, "/b", serve, &pages[1]);
	pages[0] = (struct page) { .status = 200, .body = "10.0.0.1\n" };
	pages[1] = (struct page) { .status = 200, .body = "10.0.0.2\n" };
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/list", folder);
}

static void teardown(void)
{
	if (self) {
		ms_plugin_descriptor.stop(self);
		ms_plugin_descriptor.destroy(self);
	}
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++)
		ck_assert_msg(!host.watches[i].used, "watch %zu is left", i);
	ms_web_close(&web);
	unlink(path);
	rmdir(folder);
}

/* ---- making one ---- */

static struct ms_trial_value items[ITEMS_MAX];
static size_t item_count;

static void set_number(const char *name, uint64_t number)
{
	items[item_count++] = (struct ms_trial_value) { .name = name, .number = number };
}

/* What the host's defaults are. */
static void set_usual(void)
{
	item_count = 0;
	set_number("interval", INTERVAL_NS);
	set_number("timeout", 100 * NS_PER_S);
	set_number("max_bytes", 64 << 20);
	set_number("max_entries", 1000000);
}

static void add_list(const char *set, const char *at)
{
	static char texts[ITEMS_MAX][160];
	char *text = texts[item_count];

	snprintf(text, sizeof(texts[0]), "%s=%s%s", set, at[0] == '/' ? web.origin : "", at);
	items[item_count++] = (struct ms_trial_value) { .name = "lists", .string = text };
}

static int make(void)
{
	const struct ms_plugin_values values = { items, item_count };

	error.sentence[0] = '\0';
	return ms_plugin_descriptor.create(&host.table, &values, &self, &error);
}

static void run(void)
{
	ck_assert_msg(make() == 0, "%s", error.sentence);
	ck_assert_int_eq(ms_plugin_descriptor.start(self, &error), 0);
}

static void run_one(void)
{
	set_usual();
	add_list("bad", "/a");
	run();
}

/* What a snapshot says now, or its failure. */
static const char *said(void)
{
	builder.text[0] = '\0';
	error.sentence[0] = '\0';
	return ms_plugin_descriptor.source->snapshot(self, &builder, &error) == 0 ? builder.text
										  : error.sentence;
}

static uint64_t stat_of(const char *name)
{
	struct ms_plugin_emit to = { .text = "" };
	char line[64];
	const char *at;

	ms_plugin_descriptor.stats(self, &to);
	snprintf(line, sizeof(line), "%s ", name);
	at = strstr(to.text, line);
	ck_assert_msg(at != NULL, "no %s in %s", name, to.text);
	return strtoull(at + strlen(line), NULL, 10);
}

#define UNTIL(is) MS_WEB_UNTIL(&web, &host, is)

/* The next call of the server and what follows of it. */
static void ask_again(void)
{
	uint64_t before = stat_of("came") + stat_of("failures");

	ms_trial_pass(&host, INTERVAL_NS + INTERVAL_NS / 9);
	UNTIL(stat_of("came") + stat_of("failures") > before);
}

/* ---- by HTTP ---- */

START_TEST(a_list_becomes_a_set)
{
	run_one();
	ck_assert_str_eq(said(), "no set has all its lists yet");
	UNTIL(host.changes);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\n");
	ck_assert_str_eq(host.trouble, "");

	pages[0].body = "10.0.0.1\n10.7.0.0/16\n";
	ask_again();
	ck_assert_uint_eq(host.changes, 2);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\nmember bad 10.7.0.0/16 0\n");
}
END_TEST

START_TEST(what_is_as_before_is_not_told)
{
	run_one();
	UNTIL(host.changes);
	/* The same again, without a tag and then with one. */
	ask_again();
	pages[0].etag = "\"one\"";
	ask_again();
	ck_assert_uint_eq(pages[0].spared, 0);
	ask_again();
	ck_assert_uint_eq(pages[0].spared, 1);
	ck_assert_uint_eq(host.changes, 1);
	ck_assert_uint_eq(stat_of("unchanged"), 3);
	/* The tag is one of what is in force, so it goes when that goes. */
	pages[0].etag = NULL;
	pages[0].body = "10.0.0.9\n";
	ask_again();
	pages[0].etag = "\"one\"";
	ask_again();
	ck_assert_uint_eq(pages[0].spared, 1);
	ck_assert_uint_eq(host.changes, 2);
}
END_TEST

/* A date is exact to the second, so one of this very second says nothing. */
START_TEST(a_date_is_told_back_if_it_is_old_enough)
{
	pages[0].date = "Sun, 06 Nov 1994 08:49:37 GMT";
	pages[0].modified = _i ? "Sun, 06 Nov 1994 08:49:35 GMT" : "Sun, 06 Nov 1994 08:49:36 GMT";
	run_one();
	UNTIL(host.changes);
	pages[0].body = "10.0.0.2\n"; /* in that very second */
	ask_again();
	ck_assert_uint_eq(pages[0].spared, (unsigned)_i);
	ck_assert_uint_eq(host.changes, _i ? 1 : 2);
}
END_TEST

static const struct {
	struct page page;
	const char *trouble;
} failures[] = {
	{ { .status = 503, .body = "10.0.0.5\n" }, "/a: the server answered 503" },
	{ { .status = 302, .body = "" }, "/a: the server answered 302: it sends elsewhere too" },
	{ { .status = 304, .body = "" }, NULL }, /* what a server says unasked */
	{ { .status = 200, .body = "" }, "/a: it is empty" },
	{ { .status = 200, .body = "# none today\n" }, "/a: it is empty" },
	{ { .status = 200, .body = "<html>\n<p>10.0.0.1\n" },
	  "/a: line 1 is no address or prefix: '<html>', as most of its lines" },
	{ { .status = 200, .body = "10.0.0.5\n", .length = "1000" }, "bytes remaining to read" },
	{ { .status = 200, .body = "10.0.0.5\n", .length = "" }, "not say where the list ends" },
};

/* Whatever it is that fails, the set stays as it was, and the sentence goes when it is over. */
START_TEST(what_does_not_come_changes_nothing)
{
	run_one();
	UNTIL(host.changes);
	pages[0] = failures[_i].page;
	ask_again();
	if (failures[_i].trouble)
		ck_assert_msg(strstr(host.trouble, failures[_i].trouble) != NULL, "%s",
			      host.trouble);
	else
		ck_assert_str_eq(host.trouble, "");
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\n");
	ck_assert_uint_eq(host.changes, 1);
	pages[0] = (struct page) { .status = 200, .body = "10.0.0.3\n" };
	ask_again();
	ck_assert_str_eq(host.trouble, "");
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.3/32 0\n");
}
END_TEST

/* The same before it ever came: an empty set would end what the daemon has kept. */
START_TEST(what_never_came_is_no_empty_set)
{
	pages[0] = failures[_i].page;
	run_one();
	UNTIL(stat_of("failures"));
	ck_assert_str_ne(host.trouble, "");
	ck_assert_str_eq(said(), "no set has all its lists yet");
	ck_assert_uint_eq(host.changes, 0);
	ck_assert_str_eq(builder.text, "");
}
END_TEST

START_TEST(the_server_is_gone)
{
	run_one();
	UNTIL(host.changes);
	ms_web_close(&web);
	ms_trial_pass(&host, INTERVAL_NS + INTERVAL_NS / 9);
	ms_web_open(&web); /* at another port */
	UNTIL(stat_of("failures"));
	ck_assert(strstr(host.trouble, "/a: Failed to connect"));
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\n");
}
END_TEST

/* More turns than a call takes, were there one. */
static void turn_long(void)
{
	for (unsigned i = 0; i < 20; i++)
		ms_web_turn(&web, &host);
}

/* After a failure soon, and then ever later; after a success when the interval is over. */
START_TEST(when_it_is_asked_again)
{
	run_one();
	UNTIL(host.changes);
	ms_trial_pass(&host, INTERVAL_NS - INTERVAL_NS / 9);
	turn_long();
	ck_assert_uint_eq(pages[0].asked, 1);
	pages[0].status = 500;
	ms_trial_pass(&host, INTERVAL_NS / 4);
	UNTIL(stat_of("failures") == 1);
	ms_trial_pass(&host, 8 * NS_PER_S);
	turn_long();
	ck_assert_uint_eq(pages[0].asked, 2);
	ms_trial_pass(&host, 4 * NS_PER_S);
	UNTIL(stat_of("failures") == 2);
	ms_trial_pass(&host, 17 * NS_PER_S);
	turn_long();
	ck_assert_uint_eq(pages[0].asked, 3);
	ms_trial_pass(&host, 6 * NS_PER_S);
	UNTIL(stat_of("failures") == 3);
}
END_TEST

START_TEST(a_bad_line_is_named_and_left_out)
{
	pages[0].body = "10.0.0.1\n10.0.0.2\nfour\n10.0.0.3\nfive\n";
	run_one();
	UNTIL(host.changes);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\nmember bad 10.0.0.2/32 0\n"
				 "member bad 10.0.0.3/32 0\n");
	ck_assert(
		strstr(host.log, "/a: line 3 is no address or prefix: 'four'; left out, 2 in all"));
	ck_assert_uint_eq(stat_of("bad_lines"), 2);
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

/* A list of what is denied must not deny everybody. */
START_TEST(a_prefix_of_everything_is_a_bad_line)
{
	pages[0].body = "10.0.0.1\n0.0.0.0/0\n10.0.0.2\n";
	run_one();
	UNTIL(host.changes);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\nmember bad 10.0.0.2/32 0\n");
	ck_assert(strstr(host.log,
			 "/a: line 2 is every IPv4 address: '0.0.0.0/0'; left out, 1 in all"));
}
END_TEST

START_TEST(unless_the_operator_wants_it)
{
	pages[0].body = "10.0.0.1\n0.0.0.0/0\n";
	set_usual();
	set_number("may_match_all", 1);
	add_list("bad", "/a");
	run();
	UNTIL(host.changes);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\nmember bad 0.0.0.0/0 0\n");
	ck_assert_uint_eq(stat_of("bad_lines"), 0);
}
END_TEST

START_TEST(or_refuses_all)
{
	pages[0].body = "10.0.0.1\n10.0.0.2\nfour\n";
	set_usual();
	set_number("bad_lines", 1);
	add_list("bad", "/a");
	run();
	UNTIL(stat_of("failures"));
	ck_assert(strstr(host.trouble, "/a: line 3 is no address or prefix: 'four'"));
}
END_TEST

START_TEST(a_packed_list)
{
	const char *text = "10.0.0.1\n10.0.0.2\n";
	uint8_t packed[128];

	pages[0].size = ms_web_pack(text, strlen(text), packed, sizeof(packed));
	pages[0].body = packed;
	run_one();
	UNTIL(host.changes);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\nmember bad 10.0.0.2/32 0\n");
}
END_TEST

START_TEST(too_long_is_refused)
{
	pages[0].body = "10.0.0.1\n10.0.0.2\n";
	set_usual();
	items[_i == 0 ? 2 : 3].number = (uint64_t)(_i == 0 ? 12 : 1);
	add_list("bad", "/a");
	run();
	UNTIL(stat_of("failures"));
	ck_assert_msg(strstr(host.trouble,
			     _i == 0 ? "longer than 12 bytes" : "more than 1 entry") != NULL,
		      "%s", host.trouble);
}
END_TEST

/* A set is told when all its own lists are there; another one stays as it is in force. */
START_TEST(a_set_waits_for_its_own_lists_alone)
{
	set_usual();
	add_list("bad", "/a");
	add_list("abuse/good", "/b");
	add_list("bad", "/b");
	add_list("other", "/a");
	pages[1].status = 500;
	run();
	UNTIL(stat_of("failures") == 2 && stat_of("came") == 2);
	ck_assert_str_eq(strstr(host.trouble, "500"), "500; and 1 more list");
	ck_assert_uint_eq(host.changes, 1);
	ck_assert_str_eq(said(), "keep bad\nkeep abuse/good\nset other\n"
				 "member other 10.0.0.1/32 0\n");
	pages[1].status = 200;
	ms_trial_pass(&host, 12 * NS_PER_S);
	UNTIL(host.changes == 3);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\nset abuse/good\n"
				 "member abuse/good 10.0.0.2/32 0\nmember bad 10.0.0.2/32 0\n"
				 "set other\nmember other 10.0.0.1/32 0\n");
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

START_TEST(it_stops_while_a_list_comes)
{
	run_one();
	ms_web_turn(&web, &host);
	ms_plugin_descriptor.stop(self);
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++)
		ck_assert(!host.watches[i].used);
	ms_plugin_descriptor.destroy(self);
	self = NULL;
}
END_TEST

START_TEST(secrets_are_not_shown)
{
	char with[128];

	set_usual();
	snprintf(with, sizeof(with), "http://me:hush@%s/a?key=hush",
		 web.origin + strlen("http://"));
	add_list("bad", with);
	pages[0].status = 403;
	run();
	UNTIL(stat_of("failures"));
	ck_assert(strstr(host.trouble, "/a: the server answered 403"));
	ck_assert_ptr_null(strstr(host.trouble, "hush"));
	ck_assert(strstr(host.log, "/a: the server answered 403"));
	ck_assert_ptr_null(strstr(host.log, "hush"));
}
END_TEST

/* ---- from a file ---- */

static void write_file(const void *data, size_t size)
{
	char next[80];
	FILE *file;

	snprintf(next, sizeof(next), "%s.next", path);
	file = fopen(next, "we");
	ck_assert(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
	ck_assert_int_eq(rename(next, path), 0);
}

static void run_file(void)
{
	char at[96];

	set_usual();
	snprintf(at, sizeof(at), "file://%s", path);
	add_list("bad", at);
	run();
}

START_TEST(a_file_is_followed)
{
	write_file("10.0.0.1\n", 9);
	run_file();
	/* It is there at once. */
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.1/32 0\n");
	ck_assert_uint_eq(stat_of("came"), 1);
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert_uint_eq(stat_of("came"), 1);
	write_file("10.0.0.2\n", 9);
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.2/32 0\n");

	ck_assert_int_eq(unlink(path), 0);
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert(strstr(host.trouble, "/list: No such file or directory"));
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.2/32 0\n");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert(strstr(host.trouble, "/list: it is no regular file"));
	write_file("no\n", 3);
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert(strstr(host.trouble, "/list: line 1 is no address"));
	/* It is not read again before it changes, and stays in trouble. */
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert(strstr(host.trouble, "/list: line 1 is no address"));
	ck_assert_uint_eq(stat_of("failures"), 3);
	write_file("10.0.0.2\n", 9);
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert_str_eq(host.trouble, "");
	ck_assert_str_eq(said(), "set bad\nmember bad 10.0.0.2/32 0\n");
}
END_TEST

static size_t members;

static int count_member(struct ms_plugin_builder *to, const char *set,
			const struct ms_plugin_cidr *member, uint64_t timeout_ns,
			struct ms_plugin_error *ret_error)
{
	(void)to, (void)set, (void)member, (void)timeout_ns, (void)ret_error;
	members++;
	return 0;
}

/* A million, packed, and then one more. */
START_TEST(a_million_entries)
{
	const size_t most = 1000000;
	char *text = malloc(most * 32), *end = text;
	uint8_t *packed = malloc(most * 32);

	for (size_t i = 0; i < most; i++)
		end += sprintf(end, "%zu.%zu.%zu.%zu\n", 1 + i % 200, i / 200 % 250, i / 50000,
			       i % 7);
	write_file(packed, ms_web_pack(text, (size_t)(end - text), packed, most * 32));
	host.table.add_member = count_member;
	run_file();
	ck_assert_str_eq(said(), "set bad\n");
	ck_assert_uint_eq(members, most);
	end += sprintf(end, "10.0.0.1\n");
	write_file(text, (size_t)(end - text));
	ms_trial_pass(&host, 12 * NS_PER_S);
	ck_assert(strstr(host.trouble, "/list: it has more than 1000000 entries"));
	free(text);
	free(packed);
}
END_TEST

/* ---- configuration ---- */

static const char *const wrong[] = {
	"bad=http://[::1]/b",
	"http://[::1]/a",
	"bad",
	"Bad=http://[::1]/a",
	"bad=ftp://[::1]/a",
	"bad=file://a",
	"host=http://[::1]/a",
	"a23456789012345678901234567890123456789012345678x=http://[::1]/a"
};

START_TEST(configuration_is_refused)
{
	set_usual();
	items[item_count++] = (struct ms_trial_value) { .name = "lists", .string = wrong[0] };
	items[item_count++] = (struct ms_trial_value) { .name = "lists", .string = wrong[_i] };
	ck_assert_int_eq(make(), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.sentence, _i == 0 ? "http://[::1]/b twice for the set"
							     : "entry 2 of `lists` is not"));
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static Suite *feed_suite(void)
{
	Suite *suite = suite_create("feed");
	TCase *lists = tcase_create("lists");

	tcase_add_checked_fixture(lists, setup, teardown);
	tcase_set_timeout(lists, 60);
	tcase_add_test(lists, a_list_becomes_a_set);
	tcase_add_test(lists, what_is_as_before_is_not_told);
	tcase_add_loop_test(lists, a_date_is_told_back_if_it_is_old_enough, 0, 2);
	tcase_add_loop_test(lists, what_does_not_come_changes_nothing, 0, COUNT(failures));
	tcase_add_loop_test(lists, what_never_came_is_no_empty_set, 0, COUNT(failures));
	tcase_add_test(lists, the_server_is_gone);
	tcase_add_test(lists, when_it_is_asked_again);
	tcase_add_test(lists, a_bad_line_is_named_and_left_out);
	tcase_add_test(lists, a_prefix_of_everything_is_a_bad_line);
	tcase_add_test(lists, unless_the_operator_wants_it);
	tcase_add_test(lists, or_refuses_all);
	tcase_add_test(lists, a_packed_list);
	tcase_add_loop_test(lists, too_long_is_refused, 0, 2);
	tcase_add_test(lists, a_set_waits_for_its_own_lists_alone);
	tcase_add_test(lists, it_stops_while_a_list_comes);
	tcase_add_test(lists, secrets_are_not_shown);
	tcase_add_test(lists, a_file_is_followed);
	tcase_add_test(lists, a_million_entries);
	tcase_add_loop_test(lists, configuration_is_refused, 0, COUNT(wrong));
	suite_add_tcase(suite, lists);
	return suite;
}

int main(void)
{
	return ms_check_run(feed_suite());
}
