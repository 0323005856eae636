/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/elf.h"

#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"

struct reading {
	Elf *elf;
	const char *name;
	struct ms_error *err;
	struct ms_plugin_note note;
	uint64_t size;
	bool has_note, has_stack;
};

static void end_elf(Elf **elf)
{
	elf_end(*elf);
}

static int check_header(const struct reading *reading)
{
	GElf_Ehdr header;

	if (elf_kind(reading->elf) != ELF_K_ELF || !gelf_getehdr(reading->elf, &header))
		return ms_error_set(reading->err, -ENOEXEC, "%s.so is no shared object",
				    reading->name);
	if (header.e_type != ET_DYN || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_machine != EM_X86_64)
		return ms_error_set(reading->err, -ENOEXEC,
				    "%s.so is no shared object of this machine (x86-64)",
				    reading->name);
	return 0;
}

static int check_dynamic(const struct reading *reading, const GElf_Phdr *segment)
{
	Elf_Data *data = elf_getdata_rawchunk(reading->elf, (int64_t)segment->p_offset,
					      segment->p_filesz, ELF_T_DYN);
	GElf_Dyn entry;

	if (!data)
		return ms_error_set(reading->err, -ENOEXEC, "%s.so is damaged", reading->name);
	for (int i = 0; gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
		if (entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH)
			return ms_error_set(
				reading->err, -ENOEXEC,
				"%s.so has a %s: it would load libraries from folders of its own",
				reading->name, entry.d_tag == DT_RPATH ? "RPATH" : "RUNPATH");
		if (entry.d_tag == DT_TEXTREL ||
		    (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_TEXTREL)))
			return ms_error_set(reading->err, -ENOEXEC,
					    "%s.so has TEXTREL: its code would be made writable",
					    reading->name);
	}
	return 0;
}

static int read_notes(struct reading *reading, const GElf_Phdr *segment)
{
	Elf_Data *data =
		elf_getdata_rawchunk(reading->elf, (int64_t)segment->p_offset, segment->p_filesz,
				     segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t at = 0, owner, content;
	GElf_Nhdr header;

	while (data && (at = gelf_getnote(data, at, &header, &owner, &content)) > 0) {
		const char *bytes = data->d_buf;

		if (header.n_type != MS_PLUGIN_NOTE_TYPE ||
		    header.n_namesz != sizeof(MS_PLUGIN_NOTE_OWNER) ||
		    memcmp(bytes + owner, MS_PLUGIN_NOTE_OWNER, sizeof(MS_PLUGIN_NOTE_OWNER)) != 0)
			continue;
		if (reading->has_note)
			return ms_error_set(reading->err, -ENOEXEC,
					    "%s.so has two notes of microseg", reading->name);
		if (header.n_descsz < sizeof(reading->note))
			return ms_error_set(reading->err, -ENOEXEC,
					    "the note of microseg in %s.so is too short",
					    reading->name);
		memcpy(&reading->note, bytes + content, sizeof(reading->note));
		reading->has_note = true;
	}
	return 0;
}

static int look_at(struct reading *reading, const GElf_Phdr *segment)
{
	switch (segment->p_type) {
	case PT_LOAD:
		/* The loader would map it all the same, and the first access kill the process. */
		if (segment->p_offset > reading->size ||
		    segment->p_filesz > reading->size - segment->p_offset)
			return ms_error_set(reading->err, -ENOEXEC,
					    "%s.so is cut off: it ends before what it says it has",
					    reading->name);
		return 0;
	case PT_DYNAMIC:
		return check_dynamic(reading, segment);
	case PT_NOTE:
		return read_notes(reading, segment);
	case PT_GNU_STACK:
		reading->has_stack = true;
		if (segment->p_flags & PF_X)
			return ms_error_set(reading->err, -ENOEXEC,
					    "%s.so asks for an executable stack", reading->name);
		return 0;
	default:
		return 0;
	}
}

static int check_version(const struct reading *reading)
{
	const struct ms_plugin_note *note = &reading->note;

	if (note->abi_major != MS_PLUGIN_ABI_MAJOR || note->abi_minor > MS_PLUGIN_ABI_MINOR)
		return ms_error_set(reading->err, -EPROTO,
				    "%s.so is for plugin ABI %u.%u, this microseg has %u.%u",
				    reading->name, note->abi_major, note->abi_minor,
				    MS_PLUGIN_ABI_MAJOR, MS_PLUGIN_ABI_MINOR);
	return 0;
}

/* An older minor is never larger; 1.0 is the smallest there is. */
static int check_note(const struct reading *reading)
{
	const struct ms_plugin_note *note = &reading->note;
	const uint32_t both = MS_PLUGIN_SOURCE | MS_PLUGIN_SINK;

	if (note->plugin_size != sizeof(struct ms_plugin) ||
	    note->item_size != sizeof(struct ms_plugin_item) ||
	    note->action_size != sizeof(struct ms_plugin_action) ||
	    note->source_size != sizeof(struct ms_plugin_source) ||
	    note->sink_size != sizeof(struct ms_plugin_sink))
		return ms_error_set(reading->err, -EPROTO,
				    "the structs of %s.so have not the sizes of plugin ABI %u.%u",
				    reading->name, note->abi_major, note->abi_minor);
	if (note->provides != MS_PLUGIN_ACTION && (!note->provides || (note->provides & ~both)))
		return ms_error_set(reading->err, -EPROTO,
				    "%s.so provides neither actions alone nor a source or sink",
				    reading->name);
	return 0;
}

int ms_plugin_elf_read(int fd, const char *name, struct ms_plugin_note *ret_note,
		       struct ms_error *err)
{
	ms_cleanup(end_elf) Elf *elf = NULL;
	struct reading reading = { .name = name, .err = err };
	GElf_Phdr segment;
	struct stat file;
	size_t count = 0;
	int r;

	if (fstat(fd, &file) < 0)
		return ms_error_set(err, -errno, "cannot look at %s.so: %s", name, strerror(errno));
	reading.size = (uint64_t)file.st_size;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return ms_error_set(err, -ENOEXEC, "%s.so is no shared object", name);
	reading.elf = elf;
	r = check_header(&reading);
	if (r == 0 && elf_getphdrnum(elf, &count) < 0)
		r = ms_error_set(err, -ENOEXEC, "%s.so is damaged", name);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (!gelf_getphdr(elf, (int)i, &segment))
			return ms_error_set(err, -ENOEXEC, "%s.so is damaged", name);
		r = look_at(&reading, &segment);
	}
	if (r < 0)
		return r;
	/* Without a word about it the kernel gives an executable one. */
	if (!reading.has_stack)
		return ms_error_set(err, -ENOEXEC, "%s.so asks for an executable stack", name);
	if (!reading.has_note)
		return ms_error_set(err, -ENOEXEC,
				    "%s.so has no note of microseg: it is no plugin, or was built "
				    "without MS_PLUGIN()",
				    name);
	r = check_version(&reading);
	if (r == 0)
		r = check_note(&reading);
	if (r == 0)
		*ret_note = reading.note;
	return r;
}
