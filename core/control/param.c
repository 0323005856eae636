/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/param.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

int ms_control_unpack(json_t *parameters, struct ms_error *err, const char *format, ...)
{
	json_error_t where;
	va_list args;
	int r;

	va_start(args, format);
	r = json_vunpack_ex(parameters, &where, JSON_STRICT, format, args);
	va_end(args);
	return r < 0 ? ms_error_set(err, -EBADMSG, "parameters: %s", where.text) : 0;
}

static int unpack_document(json_t *item, struct ms_document *ret_document, struct ms_error *err)
{
	const char *name, *text;
	size_t length;
	int r = ms_control_unpack(item, err, "{s:s, s:s%}", "name", &name, "text", &text, &length);

	if (r < 0)
		return r;
	ret_document->name = (char *)name;
	ret_document->text = (char *)text;
	ret_document->length = length;
	return 0;
}

int ms_control_unpack_documents(json_t *list, struct ms_document **ret_documents, size_t *ret_count,
				struct ms_error *err)
{
	size_t count = json_array_size(list), i;
	struct ms_document *documents;
	json_t *item;
	int r = 0;

	if (list && !json_is_array(list))
		return ms_error_set(err, -EBADMSG, "parameters: 'documents' must be a list");
	documents = calloc(count ? count : 1, sizeof(*documents));
	if (!documents)
		return -ENOMEM;
	json_array_foreach (list, i, item) {
		r = unpack_document(item, &documents[i], err);
		if (r < 0)
			break;
	}
	if (r < 0) {
		free(documents);
		return r;
	}
	*ret_documents = documents;
	*ret_count = count;
	return 0;
}
