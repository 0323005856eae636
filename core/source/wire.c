/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

struct header {
	uint32_t size;
	uint16_t kind;
	uint16_t zero;
};

struct members_head {
	uint32_t set, zero;
};

struct member {
	uint64_t timeout_ns;
	uint8_t addr[16];
	uint8_t family, len;
	uint8_t zero[6];
};

struct bind_head {
	uint32_t kind, zero;
	uint64_t workload;
};

_Static_assert(sizeof(struct header) == 8 && sizeof(struct member) == 32, "no padding");

/* What the body of each kind begins with, and how long what follows may be. */
static const struct {
	const char *name;
	uint32_t head, rest_min, rest_max;
} kinds[MS_SOURCE_WIRE__COUNT] = {
	[MS_SOURCE_WIRE_BEGIN] = { "begin", 0, 0, 0 },
	[MS_SOURCE_WIRE_TEXT] = { "text", 4, 1, MS_SOURCE_WIRE_BODY_MAX - 4 },
	[MS_SOURCE_WIRE_SET] = { "set", 0, 1, MS_SOURCE_WIRE_NAME_MAX },
	[MS_SOURCE_WIRE_MEMBERS] = { "members", sizeof(struct members_head), sizeof(struct member),
				     MS_SOURCE_WIRE_MEMBERS_MAX * sizeof(struct member) },
	[MS_SOURCE_WIRE_BIND] = { "bind", sizeof(struct bind_head), 1, MS_SOURCE_WIRE_NAME_MAX },
	[MS_SOURCE_WIRE_COMMIT] = { "commit", 0, 0, 0 },
	[MS_SOURCE_WIRE_ABORT] = { "abort", 0, 1, MS_SOURCE_WIRE_SENTENCE_MAX },
	[MS_SOURCE_WIRE_READY] = { "ready", 0, 0, 0 },
	[MS_SOURCE_WIRE_BEAT] = { "beat", 0, 0, 0 },
	[MS_SOURCE_WIRE_TROUBLE] = { "trouble", 0, 0, MS_SOURCE_WIRE_SENTENCE_MAX },
	[MS_SOURCE_WIRE_FAILED] = { "failed", 0, 1, MS_SOURCE_WIRE_SENTENCE_MAX },
	[MS_SOURCE_WIRE_STATS] = { "stats", 0, 2, MS_SOURCE_WIRE_BODY_MAX },
	[MS_SOURCE_WIRE_EVENTS] = { "events", 0, 8, MS_SOURCE_WIRE_BODY_MAX },
	[MS_SOURCE_WIRE_REFUSED] = { "refused", 4, 2,
				     MS_SOURCE_WIRE_ORIGIN_MAX + 1 + MS_SOURCE_WIRE_SENTENCE_MAX },
	[MS_SOURCE_WIRE_TAKEN] = { "taken", sizeof(struct bind_head), 0, 0 },
	[MS_SOURCE_WIRE_KEEP] = { "keep", 0, 1, MS_SOURCE_WIRE_NAME_MAX },
	[MS_SOURCE_WIRE_LEFT_OUT] = { "left out", 0, 2,
				      MS_SOURCE_WIRE_ORIGIN_MAX + 1 + MS_SOURCE_WIRE_SENTENCE_MAX },
	[MS_SOURCE_WIRE_IN_FORCE] = { "in force", 4, 0, 0 },
	[MS_SOURCE_WIRE_LOG] = { "log", 4, 1, MS_SOURCE_WIRE_SENTENCE_MAX },
};

/* ---- writing ---- */

void ms_source_wire_buffer_fini(struct ms_source_wire_buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct ms_source_wire_buffer) { 0 };
}

/* Room for `size` more bytes, which the caller fills; NULL = out of memory. */
static char *extend(struct ms_source_wire_buffer *buffer, size_t size)
{
	char *bytes = buffer->bytes;

	if (buffer->room - buffer->length < size) {
		size_t room = 2 * buffer->room + size;

		bytes = realloc(bytes, room);
		if (!bytes)
			return NULL;
		buffer->bytes = bytes;
		buffer->room = room;
	}
	bytes += buffer->length;
	buffer->length += size;
	return bytes;
}

int ms_source_wire_append(struct ms_source_wire_buffer *buffer, const char *bytes, size_t length)
{
	char *at = length ? extend(buffer, length) : NULL;

	if (at)
		memcpy(at, bytes, length);
	return at || length == 0 ? 0 : -ENOMEM;
}

static char *put_header(struct ms_source_wire_buffer *buffer, enum ms_source_wire_kind kind,
			size_t size)
{
	const struct header header = { .size = (uint32_t)size, .kind = (uint16_t)kind };
	char *at = extend(buffer, sizeof(header) + size);

	if (!at)
		return NULL;
	memcpy(at, &header, sizeof(header));
	return at + sizeof(header);
}

static bool has_origin(enum ms_source_wire_kind kind)
{
	return kind == MS_SOURCE_WIRE_TEXT || kind == MS_SOURCE_WIRE_REFUSED ||
	       kind == MS_SOURCE_WIRE_LEFT_OUT;
}

int ms_source_wire_put(struct ms_source_wire_buffer *buffer,
		       const struct ms_source_wire_message *message)
{
	const struct bind_head bind = { .kind = message->number, .workload = message->workload };
	bool with_origin = has_origin(message->kind);
	uint32_t head = kinds[message->kind].head;
	size_t origin = with_origin ? message->origin_length + 1 : 0;
	size_t rest = origin + message->length;
	char *at;

	if (rest < kinds[message->kind].rest_min || rest > kinds[message->kind].rest_max ||
	    (with_origin && message->origin_length > MS_SOURCE_WIRE_ORIGIN_MAX))
		return -EMSGSIZE;
	at = put_header(buffer, message->kind, head + rest);
	if (!at)
		return -ENOMEM;
	if (head)
		memcpy(at, &bind, head); /* a number alone is how `bind` begins */
	at += head;
	if (with_origin) {
		memcpy(at, message->origin, message->origin_length);
		at[message->origin_length] = '\0';
	}
	if (message->length)
		memcpy(at + origin, message->text, message->length);
	return 0;
}

int ms_source_wire_put_members(struct ms_source_wire_buffer *buffer, uint32_t set,
			       const struct ms_source_member *members, size_t count)
{
	const struct members_head head = { .set = set };

	while (count > 0) {
		size_t part =
			count < MS_SOURCE_WIRE_MEMBERS_MAX ? count : MS_SOURCE_WIRE_MEMBERS_MAX;
		char *at = put_header(buffer, MS_SOURCE_WIRE_MEMBERS,
				      sizeof(head) + part * sizeof(struct member));

		if (!at)
			return -ENOMEM;
		memcpy(at, &head, sizeof(head));
		at += sizeof(head);
		for (size_t i = 0; i < part; i++, at += sizeof(struct member)) {
			struct member member = {
				.timeout_ns = members[i].timeout_ns,
				.family = members[i].cidr.addr.family,
				.len = members[i].cidr.len,
			};

			memcpy(member.addr, members[i].cidr.addr.bytes, sizeof(member.addr));
			memcpy(at, &member, sizeof(member));
		}
		members += part;
		count -= part;
	}
	return 0;
}

/* ---- reading ---- */

static int refuse(struct ms_error *err, const char *what)
{
	return ms_error_set(err, -EPROTO, "the source's process does not keep to the protocol: %s",
			    what);
}

static int check_header(const struct header *header, struct ms_error *err)
{
	uint32_t rest;

	if (header->kind == 0 || header->kind >= MS_SOURCE_WIRE__COUNT || header->zero)
		return refuse(err, "a frame of no known kind");
	if (header->size < kinds[header->kind].head)
		return refuse(err, "a frame that is too short");
	rest = header->size - kinds[header->kind].head;
	if (rest < kinds[header->kind].rest_min || rest > kinds[header->kind].rest_max)
		return refuse(err, "a frame whose size cannot be");
	return 0;
}

static int read_text(const char *rest, size_t length, struct ms_source_wire_message *message,
		     struct ms_error *err)
{
	const char *end = memchr(rest, '\0', length);

	if (!end || end - rest > MS_SOURCE_WIRE_ORIGIN_MAX)
		return refuse(err, "a text without the end of its origin");
	if (message->kind == MS_SOURCE_WIRE_TEXT && message->number >= MS_SOURCE_TEXT__COUNT)
		return refuse(err, "a text of no known kind");
	message->origin = rest;
	message->origin_length = (size_t)(end - rest);
	message->text = end + 1;
	message->length = length - message->origin_length - 1;
	return 0;
}

static int read_members(const char *rest, size_t length, struct ms_source_wire_message *message,
			struct ms_error *err)
{
	if (length % sizeof(struct member))
		return refuse(err, "a part of a member");
	message->members = rest;
	message->n_members = length / sizeof(struct member);
	return 0;
}

static int read_body(const struct header *header, const char *body,
		     struct ms_source_wire_message *message, struct ms_error *err)
{
	uint32_t head = kinds[header->kind].head;
	const char *rest = body + head;
	size_t length = header->size - head;
	struct bind_head bind = { 0 };

	memcpy(&bind, body, head);
	message->kind = (enum ms_source_wire_kind)header->kind;
	message->number = bind.kind;
	message->workload = bind.workload;
	if (bind.zero)
		return refuse(err, "a frame with something where nothing may be");
	if (has_origin(message->kind))
		return read_text(rest, length, message, err);
	if (message->kind == MS_SOURCE_WIRE_MEMBERS)
		return read_members(rest, length, message, err);
	if (message->kind != MS_SOURCE_WIRE_EVENTS && memchr(rest, '\0', length))
		return refuse(err, "a name or sentence with a NUL in it");
	message->text = rest;
	message->length = length;
	return 0;
}

int ms_source_wire_take(const char **bytes, size_t *length,
			struct ms_source_wire_message *ret_message, struct ms_error *err)
{
	struct ms_source_wire_message message = { 0 };
	struct header header;
	int r;

	if (*length < sizeof(header))
		return 0;
	memcpy(&header, *bytes, sizeof(header));
	r = check_header(&header, err);
	if (r < 0)
		return r;
	if (*length - sizeof(header) < header.size)
		return 0;
	r = read_body(&header, *bytes + sizeof(header), &message, err);
	if (r < 0)
		return r;
	*bytes += sizeof(header) + header.size;
	*length -= sizeof(header) + header.size;
	*ret_message = message;
	return 1;
}

static bool are_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* No bit behind the length. */
static bool is_prefix(const struct member *member)
{
	size_t whole = member->len / 8;
	uint8_t mask = (uint8_t)(0xff >> (member->len % 8));

	if (whole == sizeof(member->addr))
		return true;
	return !(member->addr[whole] & mask) &&
	       are_zero(member->addr + whole + 1, sizeof(member->addr) - whole - 1);
}

bool ms_source_wire_member(const struct ms_source_wire_message *message, size_t nth,
			   struct ms_source_member *ret_member)
{
	struct member member;

	memcpy(&member, message->members + nth * sizeof(member), sizeof(member));
	if ((member.family != 4 && member.family != 6) ||
	    member.len > (member.family == 4 ? 32 : 128) || !is_prefix(&member) ||
	    !are_zero(member.zero, sizeof(member.zero)))
		return false;
	*ret_member = (struct ms_source_member) {
		.cidr = { .addr = { .family = member.family }, .len = member.len },
		.timeout_ns = member.timeout_ns,
	};
	memcpy(ret_member->cidr.addr.bytes, member.addr, sizeof(member.addr));
	return true;
}
