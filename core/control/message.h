/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control protocol's frames and envelopes, shared by daemon and CLI: one JSON object, then a
 * NUL. Request {"method","parameters","more"}; reply {"parameters","continues"} or {"error":
 * {"code","message","file","line","column","word"}}. Strict: duplicate keys, trailing bytes,
 * unknown envelope keys are refused. Limits are part of the contract.
 */
#ifndef MS_CORE_CONTROL_MESSAGE_H
#define MS_CORE_CONTROL_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

#define MS_MESSAGE_REQUEST_MAX (256u << 20) /* documents of 100k rules travel in one request */
#define MS_MESSAGE_SMALL_MAX (64u << 10)    /* every request that carries no documents */
#define MS_MESSAGE_REPLY_MAX (16u << 20)    /* longer answers are streamed with "continues" */
#define MS_CONTROL_SOCKET "/run/microseg/control.sock"

/* "refused" (document or request invalid), "denied" (not root), "not_found", "usage", "busy",
 * "internal": the error's `code` on the wire. */
struct ms_message_error {
	char code[32];
	struct ms_error detail;
};

/* A frame's text (without NUL), request or reply, to an object whose envelope has been checked;
 * NULL with `err` set. New reference. */
json_t *ms_message_decode(const char *text, size_t length, struct ms_error *err);
/* An object to a frame's text with its NUL; caller frees. NULL = out of memory. */
char *ms_message_encode(const json_t *message, size_t *ret_length);

/* `parameters` is stolen; NULL = {}. NULL = out of memory. A request's `method` comes first. */
json_t *ms_message_request(const char *method, json_t *parameters, bool more);
json_t *ms_message_reply(json_t *parameters, bool continues);
/* What others wrote, an interface's name or words of a document that is refused, may be no UTF-8,
 * which JSON cannot carry: it is shown as ms_utf8_tidy() has it then. NULL = out of memory. */
json_t *ms_message_text(const char *text);
json_t *ms_message_failure(const char *code, const struct ms_error *err);

#endif
