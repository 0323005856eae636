/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a source in its process: sandboxed before its code is loaded, created, started, asked
 * for a snapshot whenever it has something new, stopped when the daemon closes its end.
 */
#ifndef MS_CORE_PLUGINHOST_SERVE_H
#define MS_CORE_PLUGINHOST_SERVE_H

#include <jansson.h>

#include "core/base/error.h"

struct ms_pluginhost_service {
	const char *folder, *name;  /* of the plugin */
	const char *own_folder;     /* it may write below, if it needs to; NULL = none */
	const char *control_socket; /* of the daemon; NULL = it is told of none */
	const json_t *config;       /* lists of texts by item, or null for what defaults give */
	int fd;                     /* a stream socket whose other end is the daemon's */
};

/* Until the daemon goes or the plugin gives up; -errno, and what `err` says the daemon has been
 * told. This process can do little else afterwards: it exits. */
int ms_pluginhost_serve(const struct ms_pluginhost_service *service, struct ms_error *err);

#endif
