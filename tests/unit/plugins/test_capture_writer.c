/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capture's thread over a ring and a disk of the test's own: the disk may hang. */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugins/capture/capture.h"
#include "plugins/capture/writer.h"
#include "tests/harness/ms_check.h"

/* ---- the ring: a record each time that it is readable ---- */

struct ring_buffer {
	ring_buffer_sample_fn take;
	void *user;
	int fd;
};

static int ring_fd;

struct ring_buffer *ring_buffer__new(int map_fd, ring_buffer_sample_fn take, void *user,
				     const struct ring_buffer_opts *opts)
{
	struct ring_buffer *ring = calloc(1, sizeof(*ring));

	(void)opts;
	*ring = (struct ring_buffer) { take, user, map_fd };
	return ring;
}

void ring_buffer__free(struct ring_buffer *ring)
{
	free(ring);
}

int ring_buffer__epoll_fd(const struct ring_buffer *ring)
{
	return ring->fd;
}

int ring_buffer__consume(struct ring_buffer *ring)
{
	struct {
		struct capture_record head;
		char bytes[64];
	} record = { .head = { .rule = 7, .length = 64, .size = 64, .l3_off = 14 } };
	uint64_t times;

	if (read(ring->fd, &times, sizeof(times)) < 0)
		return 0;
	return ring->take(ring->user, &record, sizeof(record));
}

/* ---- the disk ---- */

struct ms_capture_file {
	uint8_t buffer[1 << 16];
};

/* A byte each: a write hangs, it may go on, the file is freed. */
static int hanging[2], going[2], freed[2];
static bool hangs;

static void put_byte(const int pipe_of[2])
{
	ck_assert_int_eq(write(pipe_of[1], "x", 1), 1);
}

/* Five seconds at most. */
static bool get_byte(const int pipe_of[2])
{
	struct pollfd fd = { .fd = pipe_of[0], .events = POLLIN };
	char byte;

	return poll(&fd, 1, 5000) == 1 && read(pipe_of[0], &byte, 1) == 1;
}

int ms_capture_file_flush(struct ms_capture_file *file)
{
	(void)file;
	if (!__atomic_load_n(&hangs, __ATOMIC_SEQ_CST))
		return 0;
	put_byte(hanging);
	get_byte(going);
	return -EIO;
}

struct ms_capture_file *ms_capture_file_free(struct ms_capture_file *file)
{
	free(file);
	put_byte(freed);
	return NULL;
}

int ms_capture_file_next(struct ms_capture_file *file)
{
	(void)file;
	return 0;
}

int ms_capture_file_is_gone(const struct ms_capture_file *file)
{
	(void)file;
	return 0;
}

uint64_t ms_capture_file_begun(const struct ms_capture_file *file)
{
	(void)file;
	return 1;
}

int ms_capture_file_stuck(const struct ms_capture_file *file,
			  char ret_name[MS_CAPTURE_FILE_NAME_SIZE])
{
	(void)file;
	ret_name[0] = '\0';
	return 0;
}

int ms_capture_file_has_room(const struct ms_capture_file *file, size_t size)
{
	(void)file;
	(void)size;
	return 1;
}

uint8_t *ms_capture_file_reserve(struct ms_capture_file *file, size_t size)
{
	return size <= sizeof(file->buffer) ? file->buffer : NULL;
}

void ms_capture_file_commit(struct ms_capture_file *file, size_t size)
{
	(void)file;
	(void)size;
}

/* ---- the host ---- */

static unsigned int n_asked;

static void ask(void *user)
{
	(void)user;
	__atomic_add_fetch(&n_asked, 1, __ATOMIC_SEQ_CST);
}

static const char *rule_id(void *user, uint32_t rule)
{
	(void)user;
	(void)rule;
	return "a";
}

static struct ms_capture_writer *begin(void)
{
	struct ms_capture_writer *writer;

	ck_assert_int_eq(pipe2(hanging, 0) | pipe2(going, 0) | pipe2(freed, 0), 0);
	ring_fd = eventfd(0, EFD_NONBLOCK);
	ck_assert_int_eq(ms_capture_writer_new(calloc(1, sizeof(struct ms_capture_file)), ask, NULL,
					       &writer),
			 0);
	ck_assert_int_eq(ms_capture_writer_run(writer, ring_fd), 0);
	return writer;
}

static void packet(void)
{
	const uint64_t once = 1;

	ck_assert_int_eq(write(ring_fd, &once, sizeof(once)), sizeof(once));
}

/* Answers what it asks meanwhile. */
static void wait_for_written(struct ms_capture_writer *writer, uint64_t packets)
{
	for (int i = 0; i < 5000; i++) {
		ms_capture_writer_answer(writer, rule_id, NULL);
		if (ms_capture_writer_numbers(writer).written >= packets)
			return;
		poll(NULL, 0, 1);
	}
	ck_abort_msg("it does not write");
}

static void hang(struct ms_capture_writer *writer)
{
	packet();
	wait_for_written(writer, 1);
	__atomic_store_n(&hangs, true, __ATOMIC_SEQ_CST);
	packet();
	ck_assert(get_byte(hanging));
	__atomic_store_n(&hangs, false, __ATOMIC_SEQ_CST);
}

/* A daemon that waits for it follows no interface meanwhile. */
START_TEST(one_that_hangs_is_not_waited_for)
{
	struct ms_capture_writer *writer = begin();

	hang(writer);
	ck_assert_int_eq(ms_capture_writer_pause(writer), -ETIMEDOUT);
	put_byte(going);
	/* It goes on as before, and ends as one that never hung. */
	packet();
	wait_for_written(writer, 2);
	ck_assert_uint_eq(ms_capture_writer_numbers(writer).failed, 1);
	ck_assert_int_eq(ms_capture_writer_pause(writer), 0);
	ck_assert_int_eq(ms_capture_writer_run(writer, ring_fd), 0);
	packet();
	wait_for_written(writer, 3);
	ck_assert_ptr_null(ms_capture_writer_free(writer));
	ck_assert(get_byte(freed));
	ck_assert(!ms_capture_writer_is_left());
}
END_TEST

static bool is_none_left(void)
{
	for (int i = 0; i < 5000 && ms_capture_writer_is_left(); i++)
		poll(NULL, 0, 1);
	return !ms_capture_writer_is_left();
}

START_TEST(one_that_hangs_at_the_end_is_left_to_itself)
{
	struct ms_capture_writer *writer = begin();
	unsigned int asked;

	hang(writer);
	ck_assert_ptr_null(ms_capture_writer_free(writer));
	ck_assert(ms_capture_writer_is_left());
	asked = n_asked;
	packet();
	put_byte(going);
	/* It frees what it has, and nothing else: the host is somewhere else by now, also for the
	 * trouble that its write ended in. */
	ck_assert(get_byte(freed));
	ck_assert(is_none_left());
	ck_assert_uint_eq(n_asked, asked);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/plugins/capture_writer");
	TCase *tcase = tcase_create("capture_writer");

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, one_that_hangs_is_not_waited_for);
	tcase_add_test(tcase, one_that_hangs_at_the_end_is_left_to_itself);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
