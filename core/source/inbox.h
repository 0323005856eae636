/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a source's process has said and nobody has taken yet. It is taken in turns, each of so many
 * messages: who says more waits, and the loop goes on. A transaction is one message, however long.
 * Pure: bytes in, messages out.
 */
#ifndef MS_CORE_SOURCE_INBOX_H
#define MS_CORE_SOURCE_INBOX_H

#include "core/source/wire.h"

#define MS_SOURCE_INBOX_TURN 256 /* messages */

/* The rest is zeroes at first. */
struct ms_source_inbox {
	/* All but BEAT and what belongs to a transaction; lent. */
	void (*on_message)(void *user, const struct ms_source_wire_message *message);
	/* The frames of a transaction, from BEGIN to COMMIT; what is in them nobody has looked at.
	 * Who keeps them leaves zeroes. */
	void (*on_offer)(void *user, struct ms_source_wire_buffer *bytes);
	void *user;

	struct ms_source_wire_buffer got; /* not taken yet */
	struct ms_source_wire_buffer raw; /* the transaction so far */
	bool is_offering;
};

void ms_source_inbox_fini(struct ms_source_inbox *inbox);
/* -ENOMEM: nothing is added. */
int ms_source_inbox_add(struct ms_source_inbox *inbox, const char *bytes, size_t length);
/* Takes messages until the turn is over, 1, or no whole one is left, 0; -errno: the stream is worth
 * nothing from here on. */
int ms_source_inbox_turn(struct ms_source_inbox *inbox, struct ms_error *err);

#endif
