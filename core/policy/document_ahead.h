/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a long YAML document ahead: the library's share, the larger one, is done by a thread that
 * collects events in batches, while who reads the document makes rules of those before. The events
 * are the same in the same order, and so is what is refused: of what the thread has found wrong
 * nothing is said before all events in front of it were taken.
 */
#ifndef MS_CORE_POLICY_DOCUMENT_AHEAD_H
#define MS_CORE_POLICY_DOCUMENT_AHEAD_H

#include <stddef.h>

#define MS_DOCUMENT_AHEAD_MIN ((size_t)64 << 10) /* bytes of a document from which it pays */

struct ms_document_reader;

/* Takes over the YAML half of an open reader that has not read anything. Where that cannot be, for
 * want of memory or threads, nothing has changed and the reader goes on alone. */
void ms_document_ahead_open(struct ms_document_reader *reader);
void ms_document_ahead_close(struct ms_document_reader *reader);
int ms_document_ahead_next(struct ms_document_reader *reader);

#endif
