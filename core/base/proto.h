/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of IP protocols, of ICMP types and of DSCPs: the one table that documents, trace words,
 * events and session lists read and print, so that what is shown can be typed back. Names of ICMP
 * and DSCP are nft's.
 */
#ifndef MS_CORE_BASE_PROTO_H
#define MS_CORE_BASE_PROTO_H

#include <stdbool.h>
#include <stdint.h>

/* NULL = has no name here. */
const char *ms_proto_name(uint8_t proto);
/* A name or 0-255. */
bool ms_proto_parse(const char *text, uint8_t *ret_proto);
/* The name, or the number. Returns `buf`. */
char *ms_proto_format(uint8_t proto, char *buf, unsigned long size);

/* `proto` = IPPROTO_ICMP or IPPROTO_ICMPV6; any other has no types. */
const char *ms_proto_icmp_name(uint8_t proto, uint8_t type);
/* A name or 0-255. */
bool ms_proto_icmp_parse(uint8_t proto, const char *text, uint8_t *ret_type);
/* A code of `type`: 0-255, or a name if it is destination-unreachable. */
bool ms_proto_icmp_code_parse(uint8_t proto, uint8_t type, const char *text, uint8_t *ret_code);

/* NULL = has no name here. */
const char *ms_proto_dscp_name(uint8_t dscp);
/* A name or 0-63. */
bool ms_proto_dscp_parse(const char *text, uint8_t *ret_dscp);
/* The name, or the number. Returns `buf`. */
char *ms_proto_dscp_format(uint8_t dscp, char *buf, unsigned long size);

#endif
