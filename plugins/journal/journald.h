/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd's journal, by its own library: each value of a record as a field MICROSEG_KEY. */
#ifndef MS_JOURNAL_JOURNALD_H
#define MS_JOURNAL_JOURNALD_H

#include "record.h"

/* 0 or -errno: whether somebody reads the journal's socket now. The library itself takes a journal
 * that is not there for one that took everything. */
int ms_journal_journald_is_there(void);
int ms_journal_journald_write(const struct ms_journal_record *record);

#endif
