/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of the control protocol: whatever is read, what is accepted survives being written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/control/message.h"
#include "core/control/method.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const json_t *message)
{
	json_auto_t *again = NULL;
	struct ms_error err = MS_ERROR_INIT;
	size_t length;
	ms_cleanup(ms_free) char *text = ms_message_encode(message, &length);

	if (!text)
		abort();
	again = ms_message_decode(text, length - 1, &err);
	if (!again || !json_equal(message, again))
		abort();
}

/* A request written by us is one whose front names its method. */
static void check_front(const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "method"));
	json_t *parameters = json_object_get(message, "parameters");
	enum ms_method method, found;
	json_auto_t *request = NULL;
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;

	if (!name || !ms_method_find(name, &method))
		return;
	request = ms_message_request(name, json_incref(parameters), false);
	if (!request)
		abort();
	text = ms_message_encode(request, &length);
	if (!text || !ms_method_peek(text, length, &found) || found != method)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_error err = MS_ERROR_INIT;
	enum ms_method method;
	json_auto_t *message = ms_message_decode((const char *)data, size, &err);

	ms_method_peek((const char *)data, size, &method);
	if (message) {
		check_again(message);
		check_front(message);
	} else {
		json_auto_t *failure = ms_message_failure("usage", &err);

		if (!ms_error_is_set(&err) || !failure)
			abort();
	}
	return 0;
}
