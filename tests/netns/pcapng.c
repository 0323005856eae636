/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/netns/pcapng.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "tests/harness/ms_check.h"

struct cursor {
	const uint8_t *at;
	size_t left;
};

struct reader {
	struct ms_pcapng_packet *packets;
	size_t max, count;
	char names[64][32];
	size_t n_names;
	bool has_section;
};

static void get(struct cursor *cursor, void *ret, size_t size)
{
	ck_assert_uint_ge(cursor->left, size);
	memcpy(ret, cursor->at, size);
	cursor->at += size;
	cursor->left -= size;
}

static uint32_t get32(struct cursor *cursor)
{
	uint32_t value;

	get(cursor, &value, sizeof(value));
	return value;
}

static uint16_t get16(struct cursor *cursor)
{
	uint16_t value;

	get(cursor, &value, sizeof(value));
	return value;
}

static void get_padded(struct cursor *cursor, void *ret, size_t size)
{
	uint8_t pad[3];

	get(cursor, ret, size);
	get(cursor, pad, -size & 3);
	for (size_t i = 0; i < (-size & 3); i++)
		ck_assert_uint_eq(pad[i], 0);
}

/* False = the end of the options. */
static bool get_option(struct cursor *cursor, uint16_t *ret_code, char value[256], size_t *ret_size)
{
	*ret_code = get16(cursor);
	*ret_size = get16(cursor);
	ck_assert_uint_lt(*ret_size, 256);
	get_padded(cursor, value, *ret_size);
	value[*ret_size] = '\0';
	if (*ret_code)
		return true;
	ck_assert_uint_eq(*ret_size, 0);
	ck_assert_uint_eq(cursor->left, 0);
	return false;
}

static void read_section(struct reader *reader, struct cursor block)
{
	char value[256];
	uint16_t code;
	size_t size;

	ck_assert(!reader->has_section);
	reader->has_section = true;
	ck_assert_uint_eq(get32(&block), 0x1a2b3c4d);
	ck_assert_uint_eq(get16(&block), 1);
	ck_assert_uint_eq(get16(&block), 0);
	ck_assert_uint_eq(get32(&block), UINT32_MAX);
	ck_assert_uint_eq(get32(&block), UINT32_MAX);
	while (get_option(&block, &code, value, &size))
		ck_assert_uint_eq(code, 4);
}

static void read_interface(struct reader *reader, struct cursor block)
{
	bool is_nanoseconds = false;
	char value[256];
	uint16_t code;
	size_t size;

	ck_assert_uint_lt(reader->n_names, ms_array_size(reader->names));
	ck_assert_uint_eq(get16(&block), 1); /* Ethernet */
	ck_assert_uint_eq(get16(&block), 0);
	ck_assert_uint_eq(get32(&block), 0);
	while (get_option(&block, &code, value, &size)) {
		if (code == 2)
			snprintf(reader->names[reader->n_names], 32, "%.31s", value);
		else
			is_nanoseconds = code == 9 && size == 1 && value[0] == 9;
	}
	ck_assert(is_nanoseconds);
	reader->n_names++;
}

static void read_packet(struct reader *reader, struct cursor block)
{
	static uint8_t bytes[65536];
	struct ms_pcapng_packet packet = { .flags = 0 };
	uint32_t interface = get32(&block);
	char value[256];
	uint16_t code;
	size_t size;

	ck_assert_uint_lt(interface, reader->n_names);
	memcpy(packet.interface, reader->names[interface], sizeof(packet.interface));
	packet.time_ns = (uint64_t)get32(&block) << 32;
	packet.time_ns |= get32(&block);
	packet.size = get32(&block);
	packet.length = get32(&block);
	ck_assert_uint_le(packet.size, packet.length);
	ck_assert_uint_le(packet.size, sizeof(bytes));
	get_padded(&block, bytes, packet.size);
	memcpy(packet.bytes, bytes, packet.size < 2048 ? packet.size : 2048);
	while (get_option(&block, &code, value, &size)) {
		if (code == 1)
			memcpy(packet.comment, value, size + 1);
		else if (code == 2 && size == 4)
			memcpy(&packet.flags, value, 4);
	}
	if (reader->count < reader->max)
		reader->packets[reader->count] = packet;
	reader->count++;
}

static void read_block(struct reader *reader, struct cursor *file)
{
	uint32_t type = get32(file), total = get32(file);
	struct cursor block;

	ck_assert_uint_ge(total, 12);
	ck_assert_uint_eq(total % 4, 0);
	block = (struct cursor) { file->at, total - 12 };
	ck_assert_uint_ge(file->left, total - 8);
	file->at += block.left;
	file->left -= block.left;
	ck_assert_uint_eq(get32(file), total);
	ck_assert(type == 0x0a0d0d0a || reader->has_section);
	if (type == 0x0a0d0d0a)
		read_section(reader, block);
	else if (type == 1)
		read_interface(reader, block);
	else if (type == 6)
		read_packet(reader, block);
	else
		ck_abort_msg("a block of type %u", type);
}

size_t ms_pcapng_read(const char *path, struct ms_pcapng_packet *ret_packets, size_t max)
{
	ms_cleanup(ms_close_file) FILE *stream = fopen(path, "re");
	ms_cleanup(ms_free) uint8_t *bytes = malloc(8 << 20);
	struct reader reader = { .packets = ret_packets, .max = max };
	struct cursor file = { .at = bytes };

	ck_assert_msg(stream != NULL && bytes != NULL, "%s", path);
	file.left = fread(bytes, 1, 8 << 20, stream);
	ck_assert(feof(stream));
	while (file.left)
		read_block(&reader, &file);
	return reader.count;
}
