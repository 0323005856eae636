/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journald.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The address of the caller's file and line would be that of this file. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "syslog_socket.h"

#define SOCKET "/run/systemd/journal/socket"
#define PREFIX "MICROSEG_"
#define OWN_FIELDS 3 /* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER */

struct text {
	char bytes[sizeof(PREFIX) + 32 + sizeof(((struct ms_journal_field *)NULL)->text)];
};

int ms_journal_journald_is_there(void)
{
	int fd = ms_journal_syslog_socket_connect(SOCKET);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void write_field(struct text *text, const struct ms_journal_field *field)
{
	size_t key = strlen(PREFIX);

	snprintf(text->bytes, sizeof(text->bytes), PREFIX "%s=%s", field->key, field->text);
	for (; text->bytes[key] != '='; key++)
		text->bytes[key] = (char)toupper((unsigned char)text->bytes[key]);
}

static struct iovec vector(char *text)
{
	return (struct iovec) { .iov_base = text, .iov_len = strlen(text) };
}

int ms_journal_journald_write(const struct ms_journal_record *record)
{
	char message[sizeof("MESSAGE=") + sizeof(record->sentence)], priority[24];
	char identifier[] = "SYSLOG_IDENTIFIER=microseg";
	struct text texts[MS_JOURNAL_RECORD_FIELDS];
	struct iovec fields[MS_JOURNAL_RECORD_FIELDS + OWN_FIELDS];

	snprintf(message, sizeof(message), "MESSAGE=%s", record->sentence);
	snprintf(priority, sizeof(priority), "PRIORITY=%d", record->priority);
	fields[0] = vector(message);
	fields[1] = vector(priority);
	fields[2] = vector(identifier);
	for (size_t i = 0; i < record->count; i++) {
		write_field(&texts[i], &record->fields[i]);
		fields[OWN_FIELDS + i] = vector(texts[i].bytes);
	}
	return sd_journal_sendv(fields, (int)(OWN_FIELDS + record->count));
}
