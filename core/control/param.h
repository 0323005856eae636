/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request's parameters, read strictly: a wrong type or a key nobody asked for is refused. */
#ifndef MS_CORE_CONTROL_PARAM_H
#define MS_CORE_CONTROL_PARAM_H

#include <jansson.h>

#include "core/base/error.h"
#include "core/manager/manager.h"

/* json_unpack() with every key of `parameters` accounted for. -EBADMSG with a sentence. Texts are
 * borrowed from `parameters`. */
int ms_control_unpack(json_t *parameters, struct ms_error *err, const char *format, ...);

/* A list of {"name","text"}; the array is the caller's to free, what it points at is borrowed. */
int ms_control_unpack_documents(json_t *list, struct ms_document **ret_documents, size_t *ret_count,
				struct ms_error *err);

#endif
