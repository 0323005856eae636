/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/inbox.h"

#include <errno.h>
#include <string.h>

#include "core/source/offer.h"

void ms_source_inbox_fini(struct ms_source_inbox *inbox)
{
	ms_source_wire_buffer_fini(&inbox->got);
	ms_source_wire_buffer_fini(&inbox->raw);
}

int ms_source_inbox_add(struct ms_source_inbox *inbox, const char *bytes, size_t length)
{
	return ms_source_wire_append(&inbox->got, bytes, length);
}

static int refuse_order(struct ms_error *err)
{
	return ms_error_set(err, -EPROTO, "a transaction's frames came in no order");
}

static int commit(struct ms_source_inbox *inbox)
{
	inbox->is_offering = false;
	inbox->on_offer(inbox->user, &inbox->raw);
	ms_source_wire_buffer_fini(&inbox->raw);
	return 0;
}

static int take(struct ms_source_inbox *inbox, const struct ms_source_wire_message *message,
		struct ms_error *err)
{
	switch (message->kind) {
	case MS_SOURCE_WIRE_BEGIN:
		if (inbox->is_offering)
			return refuse_order(err);
		inbox->is_offering = true;
		return 0;
	case MS_SOURCE_WIRE_TEXT:
	case MS_SOURCE_WIRE_SET:
	case MS_SOURCE_WIRE_KEEP:
	case MS_SOURCE_WIRE_LEFT_OUT:
	case MS_SOURCE_WIRE_MEMBERS:
	case MS_SOURCE_WIRE_BIND:
		return inbox->is_offering ? 0 : refuse_order(err);
	case MS_SOURCE_WIRE_COMMIT:
		return inbox->is_offering ? commit(inbox) : refuse_order(err);
	case MS_SOURCE_WIRE_BEAT:
		return inbox->is_offering ? refuse_order(err) : 0;
	default:
		/* It says nothing else amid a transaction: what is kept on disk is only that. */
		if (inbox->is_offering)
			return refuse_order(err);
		inbox->on_message(inbox->user, message);
		return 0;
	}
}

/* What is kept of it is bounded, whatever it says. */
static int keep_frame(struct ms_source_inbox *inbox, const char *frame, size_t length,
		      struct ms_error *err)
{
	if (inbox->raw.length + length > MS_SOURCE_OFFER_BYTES_MAX)
		return ms_error_set(err, -EPROTO,
				    "the source's process does not keep to the protocol: a "
				    "transaction of more than %zu MiB",
				    MS_SOURCE_OFFER_BYTES_MAX >> 20);
	return ms_source_wire_append(&inbox->raw, frame, length);
}

int ms_source_inbox_turn(struct ms_source_inbox *inbox, struct ms_error *err)
{
	const char *bytes = inbox->got.bytes;
	size_t left = inbox->got.length;
	struct ms_source_wire_message message;
	unsigned int taken = 0;
	int r = 1;

	while (taken < MS_SOURCE_INBOX_TURN) {
		const char *frame = bytes;

		r = ms_source_wire_take(&bytes, &left, &message, err);
		if (r <= 0)
			break;
		if (inbox->is_offering || message.kind == MS_SOURCE_WIRE_BEGIN)
			r = keep_frame(inbox, frame, (size_t)(bytes - frame), err);
		r = r < 0 ? r : take(inbox, &message, err);
		if (r < 0)
			break;
		taken += !inbox->is_offering;
		r = 1;
	}
	if (left)
		memmove(inbox->got.bytes, bytes, left);
	inbox->got.length = left;
	return r;
}
