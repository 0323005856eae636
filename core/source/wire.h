/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a policy source's child says to the daemon: frames over a stream socket, both ends built
 * from one tree on one machine. Pure: bytes in, bytes out, nothing read or written here. The child
 * parses what others wrote and may have been taken over by it, so the reading side trusts nothing:
 * each frame is checked as a whole before its message is handed on.
 *
 *	frame     size of the body (32 bits), kind (16 bits), zero (16 bits), body
 *	TEXT      kind of text (32 bits), origin, NUL, policy language up to the end
 *	SET       name
 *	KEEP      name of a set, whose members are those that are in force
 *	MEMBERS   number of the set in the transaction (32 bits), zero (32 bits), members of 32
 *	          bytes each: time (64 bits), address (16 bytes), family, length, six zeroes
 *	BIND      kind of workload (32 bits), zero (32 bits), workload (64 bits), group's name
 *	LEFT_OUT  origin, NUL, why what is there is not in the transaction
 *	ABORT, TROUBLE, FAILED    a sentence; an empty TROUBLE = it is over
 *	LOG       severity (32 bits), a line
 *	STATS     a JSON array, as ms_plugin_emit has it
 *	BEGIN, COMMIT, READY, BEAT    nothing
 *	TAKEN     events that a sink's on_events() has returned from (32 bits), zero (32 bits), how
 *	          many it was told were lost before them (64 bits)
 *	EVENTS    from the daemon, to a sink: see core/source/events.h
 *	REFUSED   from the daemon, to a source: which of its transactions, from 1 (32 bits),
 *	          origin, NUL, why the rules from there are refused
 *	IN_FORCE  from the daemon, to a source: which of its transactions, from 1 (32 bits)
 *
 * Numbers are in the machine's byte order. What stands between BEGIN and COMMIT is a transaction;
 * without its COMMIT it is nothing.
 */
#ifndef MS_CORE_SOURCE_WIRE_H
#define MS_CORE_SOURCE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/error.h"

#define MS_SOURCE_WIRE_BODY_MAX (4u << 20) /* bytes of one frame's body, so of one text */
#define MS_SOURCE_WIRE_ORIGIN_MAX 127
#define MS_SOURCE_WIRE_NAME_MAX 63 /* of a set or group */
#define MS_SOURCE_WIRE_SENTENCE_MAX 1023
#define MS_SOURCE_WIRE_MEMBERS_MAX 2048 /* of one frame */

enum ms_source_wire_kind {
	MS_SOURCE_WIRE_BEGIN = 1,
	MS_SOURCE_WIRE_TEXT,
	MS_SOURCE_WIRE_SET,
	MS_SOURCE_WIRE_MEMBERS,
	MS_SOURCE_WIRE_BIND,
	MS_SOURCE_WIRE_COMMIT,
	MS_SOURCE_WIRE_ABORT,   /* there is no transaction, and why */
	MS_SOURCE_WIRE_READY,   /* started */
	MS_SOURCE_WIRE_BEAT,    /* its loop runs */
	MS_SOURCE_WIRE_TROUBLE, /* it cannot reach what it follows */
	MS_SOURCE_WIRE_FAILED,  /* it gives up, and why: the last frame */
	MS_SOURCE_WIRE_LOG,
	MS_SOURCE_WIRE_STATS,
	MS_SOURCE_WIRE_EVENTS, /* said by the daemon, as the next */
	MS_SOURCE_WIRE_REFUSED,
	MS_SOURCE_WIRE_TAKEN, /* said by a sink */
	MS_SOURCE_WIRE_KEEP,  /* said by the source again, as the next */
	MS_SOURCE_WIRE_LEFT_OUT,
	MS_SOURCE_WIRE_IN_FORCE, /* said by the daemon */
	MS_SOURCE_WIRE__COUNT,
};

enum ms_source_text_kind {
	MS_SOURCE_TEXT_DOCUMENT,
	MS_SOURCE_TEXT_GROUP,
	MS_SOURCE_TEXT_RULE,
	MS_SOURCE_TEXT__COUNT
};

struct ms_source_member {
	struct ms_cidr cidr;
	uint64_t timeout_ns; /* 0 = stays */
};

/* Texts and names are NUL-terminated nowhere: their lengths count. All is lent by the reader. */
struct ms_source_wire_message {
	enum ms_source_wire_kind kind;
	uint32_t number;    /* MEMBERS: of its set; BIND: enum ms_plugin_workload; LOG: severity;
			       TEXT: enum ms_source_text_kind; REFUSED, IN_FORCE: of the
			       transaction; TAKEN: of events */
	uint64_t workload;  /* BIND; TAKEN: that were lost */
	const char *origin; /* TEXT, REFUSED, LEFT_OUT */
	size_t origin_length;
	const char *text; /* TEXT; EVENTS, as bytes; a name or a sentence of the others */
	size_t length;
	const char *members; /* MEMBERS: for ms_source_wire_member() */
	size_t n_members;
};

/* ---- writing ---- */

/* Grows; starts as zeroes. */
struct ms_source_wire_buffer {
	char *bytes;
	size_t length, room;
};
void ms_source_wire_buffer_fini(struct ms_source_wire_buffer *buffer);

/* Appends bytes as they are. -ENOMEM; the buffer is unchanged then. */
int ms_source_wire_append(struct ms_source_wire_buffer *buffer, const char *bytes, size_t length);
/* Appends one frame. -ENOMEM; -EMSGSIZE: it is past a limit above. The buffer is unchanged then. */
int ms_source_wire_put(struct ms_source_wire_buffer *buffer,
		       const struct ms_source_wire_message *message);
/* A MEMBERS frame, or as many as it takes. */
int ms_source_wire_put_members(struct ms_source_wire_buffer *buffer, uint32_t set,
			       const struct ms_source_member *members, size_t count);

/* ---- reading ---- */

/* Of `*bytes`, takes the first frame and moves on behind it. 1, or 0: it is not complete yet, or
 * -EPROTO with a sentence: the stream is worth nothing from here on. */
int ms_source_wire_take(const char **bytes, size_t *length,
			struct ms_source_wire_message *ret_message, struct ms_error *err);
/* Member `nth` of a MEMBERS message. False: it is no address or prefix. */
bool ms_source_wire_member(const struct ms_source_wire_message *message, size_t nth,
			   struct ms_source_member *ret_member);

#endif
