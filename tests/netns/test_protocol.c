/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * docs/control-protocol.md against a daemon: every documented request is sent, in the document's
 * order, and its reply must have the documented keys, no more and no less, of the same types.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/cleanup.h"
#include "tests/harness/examples.h"
#include "tests/harness/netns.h"
#include "tests/harness/plugin_folder.h"
#include "tests/harness/proc.h"
#include "tests/harness/traffic.h"

static struct ms_proc daemon_proc;
static struct ms_proc *const microsegd = &daemon_proc;

static bool has_delivered(void *user)
{
	(void)user;
	return ms_proc_logged(microsegd, "script: generation");
}

static void setup(void)
{
	ms_netns_setup();
	ms_plugin_folder_make();
	ms_plugin_folder_add("tally");
	ms_plugin_folder_add("script");
	ms_proc_init(microsegd, "one");
	ms_netns_run_command("echo set blocked >" MS_NETNS_DIR "/script");
	ms_proc_write_config(microsegd, "plugins: { script: { file: " MS_NETNS_DIR "/script } }\n");
	ms_plugin_folder_start(microsegd, NULL);
	ck_assert(ms_netns_wait(has_delivered, NULL, 10));
}

static void teardown(void)
{
	ms_proc_stop(microsegd);
}

static int connect_daemon(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/run/control.sock",
		 microsegd->dir);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static json_t *read_reply(int fd)
{
	static char text[1 << 20];
	size_t length = 0;
	json_t *reply;

	while (length < sizeof(text)) {
		ck_assert_int_eq(recv(fd, text + length, 1, 0), 1);
		if (!text[length++])
			break;
	}
	reply = json_loads(text, 0, NULL);
	ck_assert_msg(reply, "%s", text);
	return reply;
}

/* The first reply; the others of a stream are read away. */
static json_t *ask(int fd, const json_t *request)
{
	ms_cleanup(ms_free) char *text = json_dumps(request, JSON_COMPACT);
	ssize_t length = (ssize_t)strlen(text) + 1;
	bool continues;
	json_t *first;

	ck_assert_int_eq(send(fd, text, (size_t)length, 0), length);
	first = read_reply(fd);
	continues = json_is_true(json_object_get(first, "continues"));
	while (continues) {
		json_auto_t *more = read_reply(fd);

		continues = json_is_true(json_object_get(more, "continues"));
	}
	return first;
}

static void compare(const struct ms_example *example, const char *path, json_t *documented,
		    json_t *real);

static void compare_objects(const struct ms_example *example, const char *path, json_t *documented,
			    json_t *real)
{
	char below[512];
	const char *key;
	json_t *value;

	json_object_foreach (real, key, value)
		ck_assert_msg(json_object_get(documented, key), "%s%s.%s is not documented",
			      example->method, path, key);
	json_object_foreach (documented, key, value) {
		ck_assert_msg(json_object_get(real, key), "%s%s.%s is not answered",
			      example->method, path, key);
		snprintf(below, sizeof(below), "%s.%s", path, key);
		compare(example, below, value, json_object_get(real, key));
	}
}

static void compare(const struct ms_example *example, const char *path, json_t *documented,
		    json_t *real)
{
	if (json_is_null(documented) || json_is_null(real))
		return;
	if (json_is_boolean(documented)) {
		ck_assert_msg(json_is_boolean(real), "%s%s", example->method, path);
		return;
	}
	ck_assert_msg(json_typeof(documented) == json_typeof(real), "%s%s is of another type",
		      example->method, path);
	if (json_is_object(documented))
		compare_objects(example, path, documented, real);
	if (!json_is_array(documented) || json_array_size(documented) == 0)
		return;
	ck_assert_msg(json_array_size(real) > 0, "%s%s is empty", example->method, path);
	compare(example, path, json_array_get(documented, 0), json_array_get(real, 0));
}

/* What sessions and events are there to be told about: a ping, and a SYN that runtime/1 denies. */
static void make_traffic(void)
{
	ck_assert_int_eq(ms_traffic_ping(NULL, "127.0.0.1", 1000), 0);
	ck_assert_int_lt(ms_traffic_connect(NULL, "127.0.0.1", 8000, 200), 0);
}

START_TEST(replies_have_the_documented_keys)
{
	struct ms_example *examples;
	int fd = connect_daemon();
	size_t count;

	ms_examples_read(&examples, &count);
	for (size_t i = 0; i < count; i++) {
		json_auto_t *reply = NULL;

		if (strcmp(examples[i].method, "session.list") == 0)
			make_traffic();
		reply = ask(fd, examples[i].request);
		/* Where a stream is cut depends on how much there is. */
		json_object_del(reply, "continues");
		json_object_del(examples[i].reply, "continues");
		ck_assert_msg(json_object_get(reply, "parameters"), "%s: %s", examples[i].method,
			      json_string_value(
				      json_object_get(json_object_get(reply, "error"), "message")));
		compare_objects(&examples[i], "", examples[i].reply, reply);
	}
	ms_examples_free(examples, count);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netns/protocol");
	TCase *tcase = tcase_create("protocol");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, replies_have_the_documented_keys);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
