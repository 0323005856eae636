/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "list.h"

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The longest address with its prefix has 49; a longer line is a comment or a bad one. */
#define LINE_MAX_BYTES 127
/* How much of a bad line is shown. */
#define SHOWN_MAX 40
#define MAPPED_BITS 96        /* before an IPv4 address in an IPv6 one */
#define GZIP_WINDOW (15 + 16) /* 32 KiB, with a gzip header */

/* As little as can be: there may be a million. */
struct entry {
	uint8_t addr[16];
	uint8_t family, len;
};

enum packing { UNKNOWN, PLAIN, PACKED, PACKED_END };

struct ms_feed_list {
	struct ms_feed_limits limits;
	struct entry *entries;
	size_t count, room;
	uint64_t bytes, lines;
	size_t bad;
	int error;
	char bad_sentence[160], sentence[256];

	/* the line that is not at its end */
	char line[LINE_MAX_BYTES + 1];
	size_t line_size;
	bool line_cut; /* it is longer than that */

	enum packing packing;
	uint8_t first[2]; /* bytes that decide about the packing, while it is unknown */
	size_t first_size;
	z_stream unpacker; /* while packed */
};

static int refuse(struct ms_feed_list *list, int error, const char *format, ...)
	MS_PLUGIN_PRINTF(3, 4);
static int refuse(struct ms_feed_list *list, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(list->sentence, sizeof(list->sentence), format, args);
	va_end(args);
	list->error = error;
	return error;
}

/* ---- a line ---- */

/* "10.0.0.0/8" or "2001:db8::1", whose length is that of the address. What it is not stays as it
 * was. "::ffff:10.0.0.1" is the IPv4 address, as no packet has the other one. */
static bool parse_entry(char *text, struct entry *ret_entry)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };
	struct entry entry = { .family = strchr(text, ':') ? 6 : 4 };
	unsigned bits = entry.family == 6 ? 128 : 32, len = bits;
	char *slash = strchr(text, '/');

	if (slash) {
		size_t digits = strspn(slash + 1, "0123456789");

		if (digits == 0 || digits > 3 || slash[1 + digits] != '\0')
			return false;
		len = (unsigned)strtoul(slash + 1, NULL, 10);
		if (len > bits)
			return false;
		*slash = '\0';
	}
	if (inet_pton(entry.family == 6 ? AF_INET6 : AF_INET, text, entry.addr) != 1) {
		if (slash)
			*slash = '/';
		return false;
	}
	if (entry.family == 6 && len >= MAPPED_BITS &&
	    memcmp(entry.addr, mapped, sizeof(mapped)) == 0) {
		memmove(entry.addr, entry.addr + sizeof(mapped), 4);
		memset(entry.addr + 4, 0, sizeof(entry.addr) - 4);
		entry.family = 4;
		len -= MAPPED_BITS;
		bits = 32;
	}
	entry.len = (uint8_t)len;
	for (unsigned bit = len; bit < bits; bit++)
		entry.addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	*ret_entry = entry;
	return true;
}

static int keep(struct ms_feed_list *list, const struct entry *entry)
{
	if (list->count == list->limits.max_entries)
		return refuse(list, -EFBIG, "it has more than %llu entr%s",
			      (unsigned long long)list->limits.max_entries,
			      list->limits.max_entries == 1 ? "y" : "ies");
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 256;
		struct entry *entries = reallocarray(list->entries, room, sizeof(*entries));

		if (!entries)
			return refuse(list, -ENOMEM, "out of memory");
		list->entries = entries;
		list->room = room;
	}
	list->entries[list->count++] = *entry;
	return 0;
}

/* What others wrote goes to a terminal in the end. */
static void note_bad(struct ms_feed_list *list, const char *is, const char *text)
{
	char shown[SHOWN_MAX + 1];
	size_t size = 0;

	if (list->bad++ > 0)
		return;
	for (; text[size] && size < SHOWN_MAX; size++)
		shown[size] = (char)(text[size] >= ' ' && text[size] <= '~' ? text[size] : '?');
	shown[size] = '\0';
	snprintf(list->bad_sentence, sizeof(list->bad_sentence), "line %llu %s: '%s'",
		 (unsigned long long)list->lines, is, shown);
}

static int take_line(struct ms_feed_list *list)
{
	static const char blanks[] = " \t\r";
	char *text = list->line, *end;
	bool cut = list->line_cut, commented;
	struct entry entry;

	list->line[list->line_size] = '\0';
	list->line_size = 0;
	list->line_cut = false;
	if (list->lines++ == 0 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* a byte order mark */
	text += strspn(text, blanks);
	end = text + strcspn(text, "#;");
	commented = *end != '\0';
	while (end > text && strchr(blanks, end[-1]))
		end--;
	*end = '\0';
	if (*text == '\0' && (commented || !cut))
		return 0;
	if ((cut && !commented) || !parse_entry(text, &entry)) {
		note_bad(list, "is no address or prefix", text);
		return 0;
	}
	if (entry.len == 0 && !list->limits.may_match_all) {
		note_bad(list,
			 entry.family == 4 ? "is every IPv4 address" : "is every IPv6 address",
			 entry.family == 4 ? "0.0.0.0/0" : "::/0");
		return 0;
	}
	return keep(list, &entry);
}

static int take_text(struct ms_feed_list *list, const char *data, size_t size)
{
	const char *end = data + size;
	int r = 0;

	if (size > list->limits.max_bytes - list->bytes)
		return refuse(list, -EFBIG, "it is longer than %llu byte%s",
			      (unsigned long long)list->limits.max_bytes,
			      list->limits.max_bytes == 1 ? "" : "s");
	list->bytes += size;
	while (r == 0 && data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t part = (size_t)((newline ? newline : end) - data);
		size_t fits = LINE_MAX_BYTES - list->line_size;

		if (part < fits)
			fits = part;
		else if (part > fits)
			list->line_cut = true;
		memcpy(list->line + list->line_size, data, fits);
		list->line_size += fits;
		if (newline)
			r = take_line(list);
		data += part + (newline != NULL);
	}
	return r;
}

/* ---- packed or not ---- */

static int unpack(struct ms_feed_list *list, const uint8_t *data, size_t size)
{
	z_stream *unpacker = &list->unpacker;
	uint8_t text[16384];
	int r = 0, code = Z_OK;

	unpacker->next_in = (uint8_t *)data;
	unpacker->avail_in = (uInt)size;
	do {
		/* Files of gzip may be put one behind the other. */
		if (list->packing == PACKED_END && unpacker->avail_in)
			code = inflateReset(unpacker);
		list->packing = PACKED;
		unpacker->next_out = text;
		unpacker->avail_out = sizeof(text);
		if (code == Z_OK)
			code = inflate(unpacker, Z_NO_FLUSH);
		if (code == Z_STREAM_END) {
			list->packing = PACKED_END;
			code = Z_OK;
		}
		/* Z_BUF_ERROR: nothing was left to do. */
		if (code != Z_OK && code != Z_BUF_ERROR)
			return refuse(list, -EBADMSG, "it cannot be unpacked: %s",
				      unpacker->msg ? unpacker->msg : zError(code));
		r = take_text(list, (char *)text, sizeof(text) - unpacker->avail_out);
	} while (r == 0 && (unpacker->avail_in || unpacker->avail_out == 0));
	return r;
}

static int take(struct ms_feed_list *list, const uint8_t *data, size_t size)
{
	return list->packing == PLAIN ? take_text(list, (const char *)data, size)
				      : unpack(list, data, size);
}

/* Once the first two bytes are known, or there are no two. */
static int decide(struct ms_feed_list *list)
{
	list->packing = PLAIN;
	if (list->first_size == 2 && list->first[0] == 0x1f && list->first[1] == 0x8b) {
		if (inflateInit2(&list->unpacker, GZIP_WINDOW) != Z_OK)
			return refuse(list, -ENOMEM, "out of memory");
		list->packing = PACKED;
	}
	return take(list, list->first, list->first_size);
}

int ms_feed_list_add(struct ms_feed_list *list, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	int r = list->error;

	while (r == 0 && size && list->packing == UNKNOWN) {
		list->first[list->first_size++] = *bytes++;
		size--;
		if (list->first_size == 2)
			r = decide(list);
	}
	return r == 0 && size ? take(list, bytes, size) : r;
}

/* ---- the whole ---- */

int ms_feed_list_end(struct ms_feed_list *list)
{
	int r = list->error;

	if (r == 0 && list->packing == UNKNOWN)
		r = decide(list);
	if (r == 0 && list->packing == PACKED)
		r = refuse(list, -EBADMSG, "its packed text ends too early");
	if (r == 0 && (list->line_size || list->line_cut))
		r = take_line(list);
	if (r < 0)
		return r;
	if (list->bad && (list->bad >= list->count || list->limits.bad_lines_refuse))
		return refuse(list, -EBADMSG, "%s%s", list->bad_sentence,
			      list->bad >= list->count ? ", as most of its lines" : "");
	if (list->count == 0 && !list->limits.may_be_empty)
		return refuse(list, -EBADMSG, "it is empty");
	if (list->count < list->room && list->count) {
		struct entry *entries = reallocarray(list->entries, list->count, sizeof(*entries));

		list->entries = entries ? entries : list->entries;
		list->room = entries ? list->count : list->room;
	}
	return 0;
}

const char *ms_feed_list_sentence(const struct ms_feed_list *list)
{
	return list->sentence;
}

size_t ms_feed_list_count(const struct ms_feed_list *list)
{
	return list->count;
}

struct ms_plugin_cidr ms_feed_list_get(const struct ms_feed_list *list, size_t nth)
{
	const struct entry *entry = &list->entries[nth];
	struct ms_plugin_cidr cidr = { .family = entry->family, .len = entry->len };

	memcpy(cidr.addr, entry->addr, sizeof(cidr.addr));
	return cidr;
}

bool ms_feed_list_equal(const struct ms_feed_list *a, const struct ms_feed_list *b)
{
	return a && b && a->count == b->count &&
	       (a->count == 0 ||
		memcmp(a->entries, b->entries, a->count * sizeof(*a->entries)) == 0);
}

size_t ms_feed_list_bad(const struct ms_feed_list *list)
{
	return list->bad;
}

const char *ms_feed_list_bad_sentence(const struct ms_feed_list *list)
{
	return list->bad_sentence;
}

struct ms_feed_list *ms_feed_list_new(const struct ms_feed_limits *limits)
{
	struct ms_feed_list *list = calloc(1, sizeof(*list));

	if (list)
		list->limits = *limits;
	return list;
}

void ms_feed_list_free(struct ms_feed_list *list)
{
	if (!list)
		return;
	if (list->packing == PACKED || list->packing == PACKED_END)
		inflateEnd(&list->unpacker);
	free(list->entries);
	free(list);
}
