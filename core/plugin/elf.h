/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a plugin's file says of itself before any of its code can run: its note, and whether loading
 * it would search folders of its own, write to its code or ask for an executable stack.
 */
#ifndef MS_CORE_PLUGIN_ELF_H
#define MS_CORE_PLUGIN_ELF_H

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

/* Reads the note and checks file and note. `name` is for messages. -ENOEXEC: not such a file;
 * -EPROTO: of another ABI. */
int ms_plugin_elf_read(int fd, const char *name, struct ms_plugin_note *ret_note,
		       struct ms_error *err);

#endif
