/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/feed.h"

#include <errno.h>
#include <sys/socket.h>

void ms_source_feed_fini(struct ms_source_feed *feed)
{
	ms_source_wire_buffer_fini(&feed->waiting);
	ms_source_wire_buffer_fini(&feed->frame);
	*feed = (struct ms_source_feed) { 0 };
}

static void lose(struct ms_source_feed *feed, uint64_t count)
{
	feed->lost += count;
	feed->lost_total += count;
}

void ms_source_feed_add(struct ms_source_feed *feed, const struct ms_plugin_event *event)
{
	int r = 0;

	if (feed->n_waiting >= MS_SOURCE_FEED_EVENTS ||
	    feed->waiting.length >= MS_SOURCE_FEED_BYTES) {
		lose(feed, 1);
		return;
	}
	/* What is lost from here on is behind this event, so it is told with the next frame. */
	if (feed->n_waiting == 0) {
		feed->waiting.length = 0;
		r = ms_source_events_begin(&feed->waiting, feed->lost);
	}
	if (r == 0)
		r = ms_source_events_append(&feed->waiting, event);
	if (r < 0) {
		lose(feed, 1);
		return;
	}
	if (feed->n_waiting++ == 0) {
		feed->lost_waiting = feed->lost;
		feed->lost = 0;
	}
}

static int frame_waiting(struct ms_source_feed *feed)
{
	const struct ms_source_wire_message message = {
		.kind = MS_SOURCE_WIRE_EVENTS,
		.text = feed->waiting.bytes,
		.length = feed->waiting.length,
	};
	int r;

	feed->frame.length = 0;
	feed->sent = 0;
	r = ms_source_wire_put(&feed->frame, &message);
	if (r < 0)
		return r;
	feed->n_frame = feed->n_waiting;
	feed->lost_frame = feed->lost_waiting;
	feed->n_waiting = 0;
	return 0;
}

static void be_told(struct ms_source_feed *feed)
{
	feed->n_told += feed->n_frame;
	feed->lost_told += feed->lost_frame;
	feed->n_frame = 0;
}

int ms_source_feed_send(struct ms_source_feed *feed, int fd)
{
	while (feed->n_frame || feed->n_waiting) {
		ssize_t n;
		int r = feed->n_frame ? 0 : frame_waiting(feed);

		if (r < 0)
			return r;
		n = send(fd, feed->frame.bytes + feed->sent, feed->frame.length - feed->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 1 : -errno;
		feed->sent += (size_t)n;
		if (feed->sent == feed->frame.length)
			be_told(feed);
	}
	return 0;
}

/* No more than there is, whatever it says. */
static void take(uint64_t *of, uint64_t count)
{
	*of -= count < *of ? count : *of;
}

void ms_source_feed_taken(struct ms_source_feed *feed, uint64_t count, uint64_t lost)
{
	take(&feed->n_told, count);
	take(&feed->lost_told, lost);
}

void ms_source_feed_rewind(struct ms_source_feed *feed)
{
	if (feed->n_frame)
		be_told(feed);
	lose(feed, feed->n_told);
	feed->lost += feed->lost_told; /* which nobody took in */
	feed->n_told = feed->lost_told = 0;
}
