/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/method.h"

#include <string.h>

#include "core/base/cleanup.h"

static const struct {
	const char *name;
	unsigned int flags;
} methods[] = {
#define METHOD(name, text, handler, flags) { text, flags },
	MS_METHODS(METHOD)
#undef METHOD
};
_Static_assert(ms_array_size(methods) == MS_METHOD__COUNT, "a line per method");

const char *ms_method_name(enum ms_method method)
{
	return methods[method].name;
}

unsigned int ms_method_flags(enum ms_method method)
{
	return methods[method].flags;
}

bool ms_method_find(const char *name, enum ms_method *ret_method)
{
	for (size_t i = 0; i < ms_array_size(methods); i++) {
		if (strcmp(name, methods[i].name) == 0) {
			*ret_method = (enum ms_method)i;
			return true;
		}
	}
	return false;
}

bool ms_method_is_allowed(enum ms_method method, uid_t uid, uid_t overflow_uid)
{
	if (uid == 0)
		return true;
	return uid != overflow_uid && !(methods[method].flags & MS_METHOD_CHANGES);
}

static size_t skip_space(const char *text, size_t length, size_t at)
{
	while (at < length && strchr(" \t\r\n", text[at]) && text[at])
		at++;
	return at;
}

/* The token that must come next, white space before it allowed; 0 = something else is there. */
static size_t skip_token(const char *text, size_t length, size_t at, const char *token)
{
	size_t token_length = strlen(token);

	at = skip_space(text, length, at);
	if (at + token_length > length || memcmp(text + at, token, token_length) != 0)
		return 0;
	return at + token_length;
}

bool ms_method_peek(const char *text, size_t length, enum ms_method *ret_method)
{
	static const char *const tokens[] = { "{", "\"method\"", ":", "\"" };
	char name[32];
	size_t at = 0, end;

	for (size_t i = 0; i < ms_array_size(tokens); i++) {
		at = skip_token(text, length, at, tokens[i]);
		if (!at)
			return false;
	}
	for (end = at; end < length && text[end] != '"'; end++)
		;
	if (end == length || end - at >= sizeof(name))
		return false;
	memcpy(name, text + at, end - at);
	name[end - at] = '\0';
	return ms_method_find(name, ret_method);
}
