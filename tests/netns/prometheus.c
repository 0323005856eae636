/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/netns/prometheus.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/netns.h"
#include "tests/harness/proc.h"

#define API "http://127.0.0.1:9090/api/v1/"
#define SOON 30

static char answer[16384];

static void run(void *user)
{
	int log = open("/run/prometheus.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)user;
	dup2(log, STDERR_FILENO);
	execlp("prometheus", "prometheus", "--config.file=/run/prometheus.yml",
	       "--storage.tsdb.path=/run/prometheus", "--web.listen-address=127.0.0.1:9090", NULL);
	_exit(1);
}

pid_t ms_prometheus_start(const char *target)
{
	FILE *file = fopen("/run/prometheus.yml", "we");

	ck_assert_ptr_nonnull(file);
	fprintf(file,
		"scrape_configs:\n"
		"  - job_name: microseg\n"
		"    scrape_interval: 500ms\n"
		"    scrape_timeout: 500ms\n"
		"    static_configs: [{ targets: [\"%s\"] }]\n",
		target);
	ck_assert_int_eq(fclose(file), 0);
	return ms_proc_fork(NULL, run, NULL);
}

struct wish {
	const char *query;
	const char *value;
	char is[256];
};

static bool is_granted(void *user)
{
	struct wish *wish = user;
	json_t *value;
	json_auto_t *object = NULL;

	ms_netns_read_command(answer, sizeof(answer),
			      "wget -q -O - --post-data='query=%s' " API "query || true",
			      wish->query);
	object = json_loads(answer, 0, NULL);
	value = json_object_get(json_object_get(object, "data"), "result");
	value = json_array_get(json_object_get(json_array_get(value, 0), "value"), 1);
	snprintf(wish->is, sizeof(wish->is), "%s",
		 json_is_string(value) ? json_string_value(value) : "");
	return strcmp(wish->is, wish->value) == 0;
}

bool ms_prometheus_says(const char *query, const char *value)
{
	struct wish wish = { .query = query, .value = value };

	return is_granted(&wish);
}

void ms_prometheus_expect(const char *query, const char *value)
{
	struct wish wish = { .query = query, .value = value };

	ck_assert_msg(ms_netns_wait(is_granted, &wish, SOON), "%s is '%s', not %s", query, wish.is,
		      value);
}

void ms_prometheus_expect_metadata(const char *family, const char *type, const char *unit)
{
	json_auto_t *object = NULL;
	json_t *is;

	ms_netns_read_command(answer, sizeof(answer), "wget -q -O - '" API "metadata?metric=%s'",
			      family);
	object = json_loads(answer, 0, NULL);
	is = json_array_get(json_object_get(json_object_get(object, "data"), family), 0);
	ck_assert_msg(is != NULL, "%s", answer);
	ck_assert_str_eq(json_string_value(json_object_get(is, "type")), type);
	ck_assert_str_eq(json_string_value(json_object_get(is, "unit")), unit);
}
