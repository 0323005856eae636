/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/session/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

#define LIVE_SLICE 512

/* The request of each class of ICMP query, by family. */
static uint8_t icmp_request(uint8_t proto, uint16_t class)
{
	if (class & MS_ICMP_ONEWAY)
		return (uint8_t) class;
	switch (class) {
	case MS_ICMP_TIMESTAMP:
		return 13;
	case MS_ICMP_INFO:
		return 15;
	case MS_ICMP_MASK:
		return 17;
	default:
		return proto == IPPROTO_ICMPV6 ? 128 : 8;
	}
}

static const char *name_state(uint8_t proto, uint32_t word)
{
	if (proto == IPPROTO_TCP) {
		switch ((word & MS_SESS_TCP_MASK) >> MS_SESS_TCP_SHIFT) {
		case MS_TCP_SYN:
			return "syn_sent";
		case MS_TCP_ESTABLISHED:
			return "established";
		case MS_TCP_CLOSING:
			return "closing";
		default:
			break;
		}
	}
	return word & MS_SESS_REPLIED ? "two_way" : "one_way";
}

/* What both families' keys have, taken out of either. */
struct endpoints {
	struct ms_addr addr[2]; /* lower first */
	uint16_t port[2];       /* as in the key */
	uint16_t zone, vlan_outer, vlan_inner;
	uint8_t proto, flags;
};

static struct endpoints read_key(const struct ms_session_raw *raw)
{
	struct endpoints ends = { .addr = { { .family = raw->family },
					    { .family = raw->family } } };

	if (raw->family == 4) {
		const struct ms_key4 *key = &raw->key.k4;

		memcpy(ends.addr[0].bytes, &key->lo, 4);
		memcpy(ends.addr[1].bytes, &key->hi, 4);
		ends.port[0] = key->lo_port;
		ends.port[1] = key->hi_port;
		ends.zone = key->zone;
		ends.vlan_outer = key->vlan_outer;
		ends.vlan_inner = key->vlan_inner;
		ends.proto = key->proto;
		ends.flags = key->flags;
	} else {
		const struct ms_key6 *key = &raw->key.k6;

		memcpy(ends.addr[0].bytes, key->lo, 16);
		memcpy(ends.addr[1].bytes, key->hi, 16);
		ends.port[0] = key->lo_port;
		ends.port[1] = key->hi_port;
		ends.zone = key->zone;
		ends.vlan_outer = key->vlan_outer;
		ends.vlan_inner = key->vlan_inner;
		ends.proto = key->proto;
		ends.flags = key->flags;
	}
	return ends;
}

/* Ticks since `then`; a packet on another CPU may be a tick ahead of us. */
static uint32_t ticks_since(uint32_t now, uint32_t then)
{
	int32_t age = (int32_t)(now - then);

	return age > 0 ? (uint32_t)age : 0;
}

void ms_session_decode(const struct ms_dataplane *dp, const struct ms_session_raw *raw,
		       struct ms_session_view *ret_view)
{
	const struct ms_session *value = &raw->value;
	const struct endpoints ends = read_key(raw);
	const struct ms_control control = ms_dataplane_control(dp);
	uint32_t now = ms_dataplane_tick_now(dp), word = value->word;
	uint32_t idle = ticks_since(now, value->last_seen);
	uint32_t timeout = control.timeouts[ms_session_timeout(ends.proto, word)];
	unsigned int origin = word & MS_SESS_ORIGIN_HI ? 1 : 0;
	struct ms_session_view view = {
		.raw = *raw,
		.zone = ends.zone,
		.proto = ends.proto,
		.from = ends.addr[origin],
		.to = ends.addr[!origin],
		.vlan_outer = ends.vlan_outer,
		.vlan_inner = ends.vlan_inner,
		.dir = word & MS_SESS_ORIGIN_OUT ? MS_DIR_OUT : MS_DIR_IN,
		.state = name_state(ends.proto, word),
		.packets = { value->packets[origin], value->packets[!origin] },
		.bytes = { value->bytes[origin], value->bytes[!origin] },
		.age_ns = ms_dataplane_ticks_to_ns(dp, ticks_since(now, value->first_seen)),
		.idle_ns = ms_dataplane_ticks_to_ns(dp, idle),
		.expired = idle > timeout,
		.slot = word & MS_SESS_SLOT_MASK,
		.epoch = value->epoch,
		.generation = ms_dataplane_epoch_generation(dp, value->epoch),
		.half_open = raw->half_open,
		.log = word & MS_SESS_LOG,
		.audit = word & MS_SESS_AUDIT,
		.adopted = word & MS_SESS_ADOPTED,
		.midflow = word & MS_SESS_MIDFLOW,
	};

	if (!view.expired)
		view.expires_in_ns = ms_dataplane_ticks_to_ns(dp, timeout - idle);
	/* Each family has its own ICMP; the other's number is just a protocol. */
	if (ends.proto == (raw->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		view.icmp_type = icmp_request(ends.proto, ends.port[1]);
		if (ends.port[1] & MS_ICMP_ONEWAY)
			view.icmp_code = (uint8_t)ntohs(ends.port[0]);
		else
			view.sport = ntohs(ends.port[0]);
	} else {
		view.sport = ntohs(ends.port[origin]);
		view.dport = ntohs(ends.port[!origin]);
	}
	*ret_view = view;
}

static void add_live(struct ms_session_live *live, const struct ms_session_raw *raw)
{
	const struct ms_session *value = &raw->value;
	uint32_t slot = value->word & MS_SESS_SLOT_MASK;
	struct endpoints ends;

	/* One-way flows are counted as they come, since nobody is told when one is evicted. */
	if (raw->half_open)
		return;
	if (live->by_slot && slot < live->n_slots) {
		live->by_slot[slot].packets += value->packets[0] + value->packets[1];
		live->by_slot[slot].bytes += value->bytes[0] + value->bytes[1];
	}
	if (!live->by_zone)
		return;
	ends = read_key(raw);
	for (unsigned int i = 0; i < 2; i++) {
		enum ms_dir dir = ms_session_dir(ends.flags, i);

		live->by_zone[ends.zone].packets[dir][0] += value->packets[i];
		live->by_zone[ends.zone].bytes[dir][0] += value->bytes[i];
	}
}

int ms_session_live_step(struct ms_dataplane *dp, struct ms_session_live *live)
{
	ms_cleanup(ms_free) struct ms_session_raw *raws = calloc(LIVE_SLICE, sizeof(*raws));
	size_t count = 0;
	bool done = false;
	int r;

	if (!raws)
		return -ENOMEM;
	r = ms_dataplane_session_slice(dp, &live->cursor, raws, LIVE_SLICE, &count, &done);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		add_live(live, &raws[i]);
	return !done;
}
