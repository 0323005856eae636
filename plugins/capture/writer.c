/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "writer.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "microseg/abi.h"
#include "pcapng.h"

#define NS_PER_S 1000000000ull
#define RETRY_MS 1000 /* after a file could not be written */
#define RETRY_NS (RETRY_MS * 1000000ull)
#define END_NS NS_PER_S /* that the thread has to end in: the daemon waits for it */
#define AT_ONCE 1024    /* packets between two looks at whether to end */
#define RULES 256       /* whose ids are remembered */
#define RULE_ID_SIZE 64
#define INTERFACES 256 /* of one file */
#define TAG_SIZE 4

struct rule_name {
	uint32_t rule; /* 0 = none */
	char id[RULE_ID_SIZE];
};

struct interface {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool is_checked; /* whether it is still its name, in this turn */
};

struct ms_capture_writer {
	/* of the thread, and of others while it does not run */
	struct ms_capture_file *file;
	struct ring_buffer *ring;
	struct interface interfaces[INTERFACES];
	uint32_t n_interfaces;
	uint64_t retry_ns; /* no file is tried before */
	uint64_t pending;  /* packets in the file's buffer */
	unsigned int taken;
	uint8_t bytes[CAPTURE_SNAP_MAX + ETHER_HDR_LEN + TAG_SIZE];

	pthread_t thread;
	bool is_running;
	int end_fd; /* an eventfd: the thread is to look whether to end */
	void (*ask)(void *user);
	void *user;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t answered, ended;
	struct rule_name rules[RULES]; /* by the remainder of their number */
	uint32_t asked;                /* 0 = nothing */
	bool is_ending, has_ended;
	bool is_left; /* nobody waits for the thread, and it frees all this */
	struct ms_capture_writer_trouble trouble; /* only the thread writes it */
	struct ms_capture_writer_numbers numbers;
};

static atomic_uint n_left; /* threads; this code is never unloaded */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- rules ---- */

static struct rule_name *rule_place(struct ms_capture_writer *writer, uint32_t rule)
{
	return &writer->rules[rule % RULES];
}

/* Waits for the host's thread, which may want this one to end meanwhile. */
static void copy_rule_id(struct ms_capture_writer *writer, uint32_t rule, char id[RULE_ID_SIZE])
{
	struct rule_name *place = rule_place(writer, rule);

	snprintf(id, RULE_ID_SIZE, "?");
	pthread_mutex_lock(&writer->lock);
	if (place->rule != rule && !writer->is_ending) {
		writer->asked = rule;
		writer->ask(writer->user);
		while (writer->asked && !writer->is_ending)
			pthread_cond_wait(&writer->answered, &writer->lock);
	}
	if (place->rule == rule)
		memcpy(id, place->id, RULE_ID_SIZE);
	pthread_mutex_unlock(&writer->lock);
}

void ms_capture_writer_answer(struct ms_capture_writer *writer,
			      const char *(*rule_id)(void *user, uint32_t rule), void *user)
{
	struct rule_name *place;
	const char *id;

	pthread_mutex_lock(&writer->lock);
	if (writer->asked) {
		place = rule_place(writer, writer->asked);
		id = rule_id(user, writer->asked);
		place->rule = id ? writer->asked : 0;
		snprintf(place->id, sizeof(place->id), "%s", id ? id : "");
		writer->asked = 0;
		pthread_cond_signal(&writer->answered);
	}
	pthread_mutex_unlock(&writer->lock);
}

struct ms_capture_writer_trouble ms_capture_writer_trouble(struct ms_capture_writer *writer)
{
	struct ms_capture_writer_trouble trouble;

	pthread_mutex_lock(&writer->lock);
	trouble = writer->trouble;
	pthread_mutex_unlock(&writer->lock);
	return trouble;
}

void ms_capture_writer_forget(struct ms_capture_writer *writer, uint32_t rule)
{
	pthread_mutex_lock(&writer->lock);
	if (rule_place(writer, rule)->rule == rule)
		rule_place(writer, rule)->rule = 0;
	pthread_mutex_unlock(&writer->lock);
}

struct ms_capture_writer_numbers ms_capture_writer_numbers(struct ms_capture_writer *writer)
{
	struct ms_capture_writer_numbers numbers;

	pthread_mutex_lock(&writer->lock);
	numbers = writer->numbers;
	pthread_mutex_unlock(&writer->lock);
	return numbers;
}

static void tell(struct ms_capture_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	if (!writer->is_left)
		writer->ask(writer->user);
	pthread_mutex_unlock(&writer->lock);
}

/* ---- files ---- */

static void count(struct ms_capture_writer *writer, uint64_t packets, int r)
{
	bool is_new;

	pthread_mutex_lock(&writer->lock);
	if (r < 0)
		writer->numbers.failed += packets;
	else
		writer->numbers.written += packets;
	is_new = r != writer->trouble.write;
	writer->trouble.write = r;
	pthread_mutex_unlock(&writer->lock);
	if (is_new)
		tell(writer);
}

static int flush(struct ms_capture_writer *writer)
{
	int r = ms_capture_file_flush(writer->file);

	if (r < 0)
		writer->retry_ns = clock_ns(CLOCK_BOOTTIME) + RETRY_NS;
	pthread_mutex_lock(&writer->lock);
	writer->numbers.files = ms_capture_file_begun(writer->file);
	pthread_mutex_unlock(&writer->lock);
	if (writer->pending)
		count(writer, writer->pending, r);
	writer->pending = 0;
	return r;
}

/* Whether it went or not: what is in the way. */
static void note_stuck(struct ms_capture_writer *writer)
{
	struct ms_capture_writer_trouble *trouble = &writer->trouble;
	char before[sizeof(trouble->stuck_name)];
	int was = trouble->stuck;
	bool is_new;

	pthread_mutex_lock(&writer->lock);
	memcpy(before, trouble->stuck_name, sizeof(before));
	trouble->stuck = ms_capture_file_stuck(writer->file, trouble->stuck_name);
	is_new = trouble->stuck != was || strcmp(trouble->stuck_name, before) != 0;
	pthread_mutex_unlock(&writer->lock);
	if (is_new)
		tell(writer);
}

static int begin_file(struct ms_capture_writer *writer)
{
	int r;

	if (clock_ns(CLOCK_BOOTTIME) < writer->retry_ns)
		return -EAGAIN;
	flush(writer);
	writer->n_interfaces = 0;
	r = ms_capture_file_next(writer->file);
	note_stuck(writer);
	if (r < 0) {
		writer->retry_ns = clock_ns(CLOCK_BOOTTIME) + RETRY_NS;
		return r;
	}
	ms_capture_file_commit(writer->file, ms_capture_pcapng_section(ms_capture_file_reserve(
						     writer->file, MS_CAPTURE_PCAPNG_HEAD)));
	return 0;
}

/* The number of its block in this file, which is written if there is none. */
static uint32_t find_interface(struct ms_capture_writer *writer, uint32_t ifindex)
{
	struct interface now = { .ifindex = ifindex, .is_checked = true };

	for (uint32_t i = writer->n_interfaces; i-- > 0;) {
		if (writer->interfaces[i].ifindex == ifindex && writer->interfaces[i].is_checked)
			return i;
	}
	if (!if_indextoname(ifindex, now.name))
		snprintf(now.name, sizeof(now.name), "if%u", ifindex);
	for (uint32_t i = writer->n_interfaces; i-- > 0;) {
		if (writer->interfaces[i].ifindex == ifindex &&
		    strcmp(writer->interfaces[i].name, now.name) == 0) {
			writer->interfaces[i].is_checked = true;
			return i;
		}
	}
	writer->interfaces[writer->n_interfaces] = now;
	ms_capture_file_commit(
		writer->file,
		ms_capture_pcapng_interface(
			ms_capture_file_reserve(writer->file, MS_CAPTURE_PCAPNG_HEAD), now.name));
	return writer->n_interfaces++;
}

/* ---- packets ---- */

/* In the words of events. */
static const char *verdict_of(const struct capture_record *head)
{
	if (!(head->flags & CAPTURE_DENIED))
		return "allow";
	return head->flags & CAPTURE_AUDIT ? "audit" : "deny";
}

/* As on the wire: the tag where it belongs, and an Ethernet header of zeroes where the device has
 * none, since readers want one kind of link in a file. Returns how many bytes are added. */
static uint32_t make_frame(struct ms_capture_writer *writer, const struct capture_record *head)
{
	const uint8_t *from = (const uint8_t *)(head + 1);
	const uint16_t tag[2] = { head->vlan_proto, htons(head->vlan_tci) };
	const uint16_t type = htons(head->ip_version == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	uint32_t at = 0, rest = head->size;

	if (head->l3_off == 0) {
		memset(writer->bytes, 0, 2 * ETH_ALEN);
		memcpy(writer->bytes + 2 * ETH_ALEN, &type, sizeof(type));
		at = ETHER_HDR_LEN;
	} else if (head->flags & CAPTURE_TAGGED && rest >= 2 * ETH_ALEN) {
		memcpy(writer->bytes, from, 2 * ETH_ALEN);
		memcpy(writer->bytes + 2 * ETH_ALEN, tag, sizeof(tag));
		at = 2 * ETH_ALEN + TAG_SIZE;
		from += 2 * ETH_ALEN;
		rest -= 2 * ETH_ALEN;
	}
	memcpy(writer->bytes + at, from, rest);
	return at + rest - head->size;
}

static void put_packet(struct ms_capture_writer *writer, const struct capture_record *head)
{
	char comment[MS_CAPTURE_PCAPNG_COMMENT_MAX + 1], id[RULE_ID_SIZE];
	uint32_t added = make_frame(writer, head);
	struct ms_capture_pcapng_packet packet = {
		.interface = find_interface(writer, head->ifindex),
		.time_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME) + head->time_ns,
		.bytes = writer->bytes,
		.size = head->size + added,
		.length = head->length + added,
		.is_out = head->flags & CAPTURE_OUT,
		.comment = comment,
	};

	copy_rule_id(writer, head->rule, id);
	snprintf(comment, sizeof(comment), "rule=%s verdict=%s dir=%s", id, verdict_of(head),
		 head->dir == MS_DIR_IN ? "in" : "out");
	ms_capture_file_commit(
		writer->file,
		ms_capture_pcapng_packet(
			ms_capture_file_reserve(writer->file, MS_CAPTURE_PCAPNG_HEAD + packet.size),
			&packet));
	writer->pending++;
}

static int take(void *user, void *record, size_t size)
{
	struct ms_capture_writer *writer = user;
	const struct capture_record *head = record;
	/* With the block of its interface. */
	size_t most = 2 * MS_CAPTURE_PCAPNG_HEAD + sizeof(writer->bytes);
	int r = 0;

	if (size < sizeof(*head) || size < sizeof(*head) + head->size ||
	    head->size > CAPTURE_SNAP_MAX)
		return 0;
	if (!ms_capture_file_reserve(writer->file, most))
		flush(writer);
	if (!ms_capture_file_has_room(writer->file,
				      2 * MS_CAPTURE_PCAPNG_HEAD + head->size + TAG_SIZE) ||
	    writer->n_interfaces == INTERFACES)
		r = begin_file(writer);
	if (r == 0)
		put_packet(writer, head);
	else
		count(writer, 1, r == -EAGAIN ? writer->trouble.write : r);
	return ++writer->taken < AT_ONCE ? 0 : -EAGAIN;
}

/* ---- the thread ---- */

/* Packets may not come for hours: whether it works again is found out without them. */
static void try_again(struct ms_capture_writer *writer)
{
	int r = begin_file(writer);

	if (r == 0)
		r = flush(writer);
	if (r != -EAGAIN)
		count(writer, 0, r);
}

static void replace_removed(struct ms_capture_writer *writer)
{
	int r;

	if (!ms_capture_file_is_gone(writer->file))
		return;
	pthread_mutex_lock(&writer->lock);
	writer->numbers.removed++;
	pthread_mutex_unlock(&writer->lock);
	r = begin_file(writer);
	if (r < 0)
		count(writer, 0, r);
}

static bool is_to_end(struct ms_capture_writer *writer)
{
	bool is_to_end;

	pthread_mutex_lock(&writer->lock);
	is_to_end = writer->has_ended = writer->is_ending;
	if (is_to_end)
		pthread_cond_signal(&writer->ended);
	pthread_mutex_unlock(&writer->lock);
	return is_to_end;
}

/* Decided before the end was noted. */
static bool is_left(struct ms_capture_writer *writer)
{
	bool is_left;

	pthread_mutex_lock(&writer->lock);
	is_left = writer->is_left;
	pthread_mutex_unlock(&writer->lock);
	return is_left;
}

static void dispose(struct ms_capture_writer *writer)
{
	if (writer->ring)
		ring_buffer__free(writer->ring);
	if (writer->end_fd >= 0)
		close(writer->end_fd);
	ms_capture_file_free(writer->file);
	pthread_cond_destroy(&writer->ended);
	pthread_cond_destroy(&writer->answered);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

static void *run(void *arg)
{
	struct ms_capture_writer *writer = arg;
	struct pollfd fds[] = {
		{ .fd = ring_buffer__epoll_fd(writer->ring), .events = POLLIN },
		{ .fd = writer->end_fd, .events = POLLIN },
	};
	uint64_t times;

	while (!is_to_end(writer)) {
		int n = poll(fds, 2, writer->trouble.write < 0 ? RETRY_MS : -1);

		if (n == 0)
			try_again(writer);
		if (n > 0 && fds[1].revents && read(writer->end_fd, &times, sizeof(times)) > 0)
			continue;
		if (n <= 0 || !fds[0].revents)
			continue;
		writer->taken = 0;
		for (uint32_t i = 0; i < writer->n_interfaces; i++)
			writer->interfaces[i].is_checked = false;
		replace_removed(writer);
		ring_buffer__consume(writer->ring);
		flush(writer);
	}
	if (is_left(writer)) {
		dispose(writer);
		atomic_fetch_sub(&n_left, 1);
	}
	return NULL;
}

int ms_capture_writer_new(struct ms_capture_file *file, void (*ask)(void *user), void *user,
			  struct ms_capture_writer **ret_writer)
{
	struct ms_capture_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer) {
		ms_capture_file_free(file);
		return -ENOMEM;
	}
	writer->file = file;
	writer->ask = ask;
	writer->user = user;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->answered, NULL);
	pthread_cond_init(&writer->ended, NULL);
	writer->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (writer->end_fd < 0) {
		r = -errno;
		ms_capture_writer_free(writer);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

int ms_capture_writer_run(struct ms_capture_writer *writer, int map_fd)
{
	sigset_t all, before;
	int r;

	writer->ring = ring_buffer__new(map_fd, take, writer, NULL);
	if (!writer->ring)
		return -errno;
	writer->is_ending = writer->has_ended = false;
	/* Signals are the daemon's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&writer->thread, NULL, run, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		ring_buffer__free(writer->ring);
		writer->ring = NULL;
		return r;
	}
	writer->is_running = true;
	return 0;
}

/* False: it has not ended in time; `leave`: nor will it be waited for. */
static bool end_in_time(struct ms_capture_writer *writer, bool leave)
{
	uint64_t by_ns = clock_ns(CLOCK_MONOTONIC) + END_NS;
	struct timespec by = { (time_t)(by_ns / NS_PER_S), (long)(by_ns % NS_PER_S) };
	const uint64_t once = 1;
	bool has_ended;
	int r = 0;

	pthread_mutex_lock(&writer->lock);
	writer->is_ending = true;
	writer->asked = 0;
	pthread_cond_signal(&writer->answered);
	if (write(writer->end_fd, &once, sizeof(once)) < 0)
		r = errno; /* it is told already */
	while (!writer->has_ended && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&writer->ended, &writer->lock, CLOCK_MONOTONIC, &by);
	has_ended = writer->has_ended;
	writer->is_left = !has_ended && leave;
	writer->is_ending = has_ended || leave;
	atomic_fetch_add(&n_left, writer->is_left);
	pthread_mutex_unlock(&writer->lock);
	return has_ended;
}

static void join(struct ms_capture_writer *writer)
{
	pthread_join(writer->thread, NULL);
	ring_buffer__free(writer->ring);
	writer->ring = NULL;
	writer->is_running = false;
}

int ms_capture_writer_pause(struct ms_capture_writer *writer)
{
	if (!writer->is_running)
		return 0;
	if (!end_in_time(writer, false))
		return -ETIMEDOUT;
	join(writer);
	return 0;
}

struct ms_capture_writer *ms_capture_writer_free(struct ms_capture_writer *writer)
{
	pthread_t thread;

	if (!writer)
		return NULL;
	thread = writer->thread;
	if (writer->is_running && !end_in_time(writer, true)) {
		pthread_detach(thread);
		return NULL;
	}
	if (writer->is_running)
		join(writer);
	dispose(writer);
	return NULL;
}

bool ms_capture_writer_is_left(void)
{
	return atomic_load(&n_left) > 0;
}
