/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's syslog, by its datagram socket: each record as one line, its values behind the
 * sentence as JSON. syslog(3) would do it too, but says of no line whether it arrived.
 */
#ifndef MS_JOURNAL_SYSLOG_SOCKET_H
#define MS_JOURNAL_SYSLOG_SOCKET_H

#include "record.h"

/* A datagram socket connected to `path`, for the caller to close, or -errno. */
int ms_journal_syslog_socket_connect(const char *path);
/* To what connect() gave. -EAGAIN: it was not read for a second. */
int ms_journal_syslog_socket_write(int fd, const struct ms_journal_record *record);

#endif
