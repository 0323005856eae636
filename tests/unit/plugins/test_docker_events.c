/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The docker source without an engine: events, in pieces. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugins/docker/events.h"
#include "tests/harness/ms_check.h"

/* What podman once said. */
static const char *recorded(size_t *ret_size)
{
	static char text[1 << 20];
	FILE *file = fopen(MS_TEST_DOCKER_DIR "/podman-events.json", "re");

	ck_assert_ptr_nonnull(file);
	*ret_size = fread(text, 1, sizeof(text), file);
	fclose(file);
	return text;
}

static char seen[4096];

static void note_id(void *user, const char *id)
{
	(void)user;
	strncat(seen, id, 4);
	strcat(seen, " ");
}

static const char *feed(const char *text, size_t size, size_t piece)
{
	struct ms_docker_events events = { .on_container = note_id };

	seen[0] = '\0';
	for (size_t at = 0; at < size; at += piece)
		ck_assert_int_eq(ms_docker_events_feed(&events, text + at,
						       size - at < piece ? size - at : piece),
				 0);
	ms_docker_events_fini(&events);
	return seen;
}

START_TEST(events_in_pieces_are_the_same_events)
{
	static const size_t pieces[] = { 1, 7, 400, 1 << 20 };
	size_t size;
	const char *text = recorded(&size);

	/* Every start and end; neither the pulls of the image nor pause and unpause. */
	ck_assert_str_eq(feed(text, size, pieces[_i]),
			 "5f73 5f73 5f73 e3da e3da e3da 62d7 62d7 62d7 b4b5 5f73 5f73 5f73 5f73 "
			 "5f73 62d7 62d7 62d7 e3da 5f73 5f73 b4b5 e3da 5f73 ");
}
END_TEST

START_TEST(networks_and_noise)
{
	static const char text[] =
		"\r\n{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"aa00\","
		"\"Attributes\":{\"container\":\"cc00\"}}}\n"
		"{\"Type\":\"network\",\"Action\":\"create\",\"Actor\":{\"ID\":\"aa01\"}}\n"
		"{\"Type\":\"container\",\"Action\":\"exec_start: sh\",\"Actor\":{\"ID\":\"cc01\"}}\n"
		"{\"Type\":\"container\",\"Action\":\"rename\",\"Actor\":{\"ID\":\"cc02\"}}\r\n";
	struct ms_docker_events events = { .on_container = note_id };

	ck_assert_str_eq(feed(text, sizeof(text) - 1, 5), "cc00 cc02 ");
	ck_assert_int_eq(ms_docker_events_feed(&events, "{\"a\":1}\n", 8), -EINVAL);
	ms_docker_events_fini(&events);
	ck_assert_int_eq(ms_docker_events_feed(&events, "nonsense\n", 9), -EINVAL);
	ms_docker_events_fini(&events);
}
END_TEST

START_TEST(an_endless_line_is_refused)
{
	struct ms_docker_events events = { .on_container = note_id };
	static char zeros[1 << 20];
	int r = 0;

	for (unsigned i = 0; i < 5 && r == 0; i++)
		r = ms_docker_events_feed(&events, zeros, sizeof(zeros));
	ck_assert_int_eq(r, -EFBIG);
	ms_docker_events_fini(&events);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/plugins/docker_events");
	TCase *tcase = tcase_create("docker_events");

	tcase_add_loop_test(tcase, events_in_pieces_are_the_same_events, 0, 4);
	tcase_add_test(tcase, networks_and_noise);
	tcase_add_test(tcase, an_endless_line_is_refused);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
