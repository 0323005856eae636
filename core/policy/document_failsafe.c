/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/policy/array.h"
#include "core/policy/document_parts.h"

static int refuse_entry(struct ms_document_reader *reader, const char *complaint)
{
	return ms_document_reader_refuse(
		reader, reader->place, reader->value,
		"'%s' is not tcp:22, tcp:192.0.2.0/24:22 or tcp:[2001:db8::/32]:22: %s",
		reader->value, complaint);
}

/* The part between the colons, `[...]` for IPv6: "" if there is none. */
static bool parse_peer(char *text, struct ms_failsafe_entry *entry)
{
	size_t length = strlen(text);

	if (text[0] == '[') {
		if (text[length - 1] != ']')
			return false;
		text[length - 1] = '\0';
		return ms_cidr_parse(text + 1, &entry->peer) && entry->peer.addr.family == 6;
	}
	return ms_cidr_parse(text, &entry->peer) && entry->peer.addr.family == 4;
}

static int parse_entry(struct ms_document_reader *reader, struct ms_failsafe_entry *entry)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} protos[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "sctp", IPPROTO_SCTP } };
	char text[MS_DOCUMENT_VALUE_MAX + 1];
	char *peer, *port;
	uint64_t number;

	snprintf(text, sizeof(text), "%s", reader->value);
	peer = strchr(text, ':');
	if (!peer)
		return refuse_entry(reader, "it has no port");
	*peer++ = '\0';
	for (size_t i = 0; i < ms_array_size(protos); i++) {
		if (strcmp(text, protos[i].name) == 0)
			entry->proto = protos[i].proto;
	}
	if (!entry->proto)
		return refuse_entry(reader, "the protocol is not tcp, udp or sctp");
	port = strrchr(peer, ':');
	if (port)
		*port++ = '\0';
	else
		port = peer;
	if (!ms_parse_uint(port, 1, 65535, &number))
		return refuse_entry(reader, "the port is not a number from 1 to 65535");
	entry->port = (uint16_t)number;
	entry->has_peer = port != peer;
	if (entry->has_peer && !parse_peer(peer, entry))
		return refuse_entry(reader, "between the colons stands no prefix");
	return 0;
}

struct entries {
	struct ms_failsafe_def *failsafe;
	enum ms_dir dir;
};

static int read_entry(struct ms_document_reader *reader, void *into)
{
	const struct entries *entries = into;
	struct ms_failsafe_def *failsafe = entries->failsafe;
	struct ms_failsafe_entry entry = { 0 };
	int r = ms_document_schema_text(reader, "an entry of the failsafe");

	if (r == 0)
		r = parse_entry(reader, &entry);
	if (r < 0)
		return r;
	/* One line of the datapath's table stays free: it ends the list. */
	if (failsafe->n_entries[MS_DIR_IN] + failsafe->n_entries[MS_DIR_OUT] + 1 >= MS_FAILSAFE_MAX)
		return ms_document_reader_refuse(reader, reader->place, reader->value,
						 "more than %d entries in the failsafe",
						 MS_FAILSAFE_MAX - 1);
	r = ms_document_origin(reader, reader->place, &entry.origin);
	if (r < 0)
		return r;
	r = ms_array_append(&failsafe->entries[entries->dir], &failsafe->n_entries[entries->dir],
			    entry);
	if (r < 0)
		free(entry.origin.file);
	return r;
}

/* Here alone an empty list says something: none, not even the defaults. */
static int read_entries(struct ms_document_reader *reader, struct ms_failsafe_def *failsafe,
			enum ms_dir dir)
{
	struct entries entries = { failsafe, dir };
	int r;

	if (reader->event != MS_DOCUMENT_SEQUENCE)
		return read_entry(reader, &entries);
	r = ms_document_reader_next(reader);
	while (r == 0 && reader->event != MS_DOCUMENT_SEQUENCE_END) {
		if (reader->event == MS_DOCUMENT_SCALAR && reader->is_null)
			return ms_document_reader_refuse(
				reader, reader->place, reader->value[0] ? reader->value : "-",
				"nothing stands here in the list of entries of the failsafe");
		r = read_entry(reader, &entries);
		if (r == 0)
			r = ms_document_reader_next(reader);
	}
	return r;
}

static int read_in(struct ms_document_reader *reader, void *into)
{
	return read_entries(reader, into, MS_DIR_IN);
}

static int read_out(struct ms_document_reader *reader, void *into)
{
	return read_entries(reader, into, MS_DIR_OUT);
}

static const struct ms_document_key failsafe_keys[] = {
	{ "in", read_in, false },
	{ "out", read_out, false },
};
enum { KEY_IN, KEY_OUT, KEY__COUNT };
_Static_assert(ms_array_size(failsafe_keys) == KEY__COUNT, "one place a key");

/* A direction that is not mentioned keeps its defaults: narrowing ssh must not end DNS. */
static int add_defaults(struct ms_failsafe_def *failsafe, enum ms_dir dir)
{
	ms_cleanup(ms_failsafe_def_fini) struct ms_failsafe_def defaults = { 0 };
	int r = ms_failsafe_defaults(&defaults);

	for (size_t i = 0; r == 0 && i < defaults.n_entries[dir]; i++)
		r = ms_array_append(&failsafe->entries[dir], &failsafe->n_entries[dir],
				    defaults.entries[dir][i]);
	return r;
}

static int read_mapping(struct ms_document_reader *reader, struct ms_failsafe_def *failsafe)
{
	struct ms_place start = reader->place, places[KEY__COUNT];
	int r = ms_document_schema_mapping(reader, "the failsafe", failsafe_keys,
					   ms_array_size(failsafe_keys), places, failsafe);

	if (r == 0 && !places[KEY_IN].line && !places[KEY_OUT].line)
		return ms_document_reader_refuse(reader, start, "{}",
						 "the failsafe says nothing: leave it out for the "
						 "defaults, or write [] for none");
	if (r == 0 && !places[KEY_IN].line)
		r = add_defaults(failsafe, MS_DIR_IN);
	if (r == 0 && !places[KEY_OUT].line)
		r = add_defaults(failsafe, MS_DIR_OUT);
	return r;
}

int ms_document_failsafe_read(struct ms_document_reader *reader, void *into)
{
	struct ms_document_draft *draft = into;
	struct ms_failsafe_def *failsafe = &draft->policy.failsafe;
	struct ms_place start = reader->place;
	int r = ms_document_origin(reader, start, &failsafe->origin);

	failsafe->present = true;
	if (r < 0 || reader->event != MS_DOCUMENT_SEQUENCE)
		return r < 0 ? r : read_mapping(reader, failsafe);
	r = ms_document_reader_next(reader);
	if (r == 0 && reader->event != MS_DOCUMENT_SEQUENCE_END)
		return ms_document_reader_refuse(reader, start, "[",
						 "the failsafe is { in: [...], out: [...] }");
	return r;
}
