/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pcapng.h"

#include <string.h>

#define SECTION 0x0a0d0d0au
#define INTERFACE 1u
#define PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_NAME = 2,
	OPT_FLAGS = 2,
	OPT_USERAPPL = 4,
	OPT_TSRESOL = 9
};

struct block {
	uint8_t *buf;
	size_t size;
};

static void add(struct block *block, const void *bytes, size_t size)
{
	static const uint8_t zero[3];
	size_t pad = -size & 3;

	memcpy(block->buf + block->size, bytes, size);
	memcpy(block->buf + block->size + size, zero, pad);
	block->size += size + pad;
}

static void add32(struct block *block, uint32_t value)
{
	add(block, &value, sizeof(value));
}

static void add16s(struct block *block, uint16_t first, uint16_t second)
{
	const uint16_t both[2] = { first, second };

	add(block, both, sizeof(both));
}

static void add_option(struct block *block, uint16_t code, const void *value, size_t size)
{
	add16s(block, code, (uint16_t)size);
	add(block, value, size);
}

/* Its length stands at both ends. */
static struct block begin(uint8_t *buf, uint32_t type)
{
	struct block block = { buf, 0 };

	add32(&block, type);
	add32(&block, 0);
	return block;
}

static size_t end(struct block *block)
{
	uint32_t total;

	add16s(block, OPT_END, 0);
	total = (uint32_t)block->size + sizeof(total);
	add32(block, total);
	memcpy(block->buf + sizeof(uint32_t), &total, sizeof(total));
	return total;
}

size_t ms_capture_pcapng_section(uint8_t *buf)
{
	static const uint64_t unknown_length = UINT64_MAX;
	static const char who[] = "microseg capture";
	struct block block = begin(buf, SECTION);

	add32(&block, BYTE_ORDER_MAGIC);
	add16s(&block, 1, 0); /* version */
	add(&block, &unknown_length, sizeof(unknown_length));
	add_option(&block, OPT_USERAPPL, who, sizeof(who) - 1);
	return end(&block);
}

size_t ms_capture_pcapng_interface(uint8_t *buf, const char *name)
{
	static const uint8_t nanoseconds = 9;
	struct block block = begin(buf, INTERFACE);

	add16s(&block, LINKTYPE_ETHERNET, 0);
	add32(&block, 0); /* no limit: readers want the same one of all interfaces */
	add_option(&block, OPT_NAME, name, strnlen(name, 64));
	add_option(&block, OPT_TSRESOL, &nanoseconds, sizeof(nanoseconds));
	return end(&block);
}

size_t ms_capture_pcapng_packet(uint8_t *buf, const struct ms_capture_pcapng_packet *packet)
{
	struct block block = begin(buf, PACKET);
	uint32_t flags = packet->is_out ? 2 : 1;

	add32(&block, packet->interface);
	add32(&block, (uint32_t)(packet->time_ns >> 32));
	add32(&block, (uint32_t)packet->time_ns);
	add32(&block, packet->size);
	add32(&block, packet->length);
	add(&block, packet->bytes, packet->size);
	add_option(&block, OPT_FLAGS, &flags, sizeof(flags));
	add_option(&block, OPT_COMMENT, packet->comment,
		   strnlen(packet->comment, MS_CAPTURE_PCAPNG_COMMENT_MAX));
	return end(&block);
}
