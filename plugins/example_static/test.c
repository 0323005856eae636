// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/* The plugin against the stand-in host: a file, a change of it, a bad line, no file. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <microseg/trial.h>

#define CHECK(is)                                                                                  \
	do {                                                                                       \
		if (!(is)) {                                                                       \
			fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #is,       \
				error.sentence);                                                   \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static struct ms_plugin_error error;
static struct ms_plugin_host_state host;
static char path[] = "/tmp/example_static.XXXXXX";

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* What a snapshot says now, or NULL if it fails. */
static const char *said(void *self)
{
	static struct ms_plugin_builder builder;

	builder.text[0] = '\0';
	error.sentence[0] = '\0';
	return ms_plugin_descriptor.source->snapshot(self, &builder, &error) == 0 ? builder.text
										  : NULL;
}

static int fails_with(void *self, const char *part)
{
	return said(self) == NULL && strstr(error.sentence, part) != NULL;
}

int main(void)
{
	const struct ms_trial_value config[] = { { .name = "file", .string = path },
						 { .name = "every", .number = 1000 } };
	const struct ms_trial_value relative[] = { { .name = "file", .string = "names" } };
	const struct ms_plugin_values good = { config, 2 }, bad = { relative, 1 };
	int fd = mkstemp(path);
	void *self;

	CHECK(fd >= 0 && close(fd) == 0);
	ms_trial_init(&host);
	CHECK(ms_plugin_descriptor.create(&host.table, &bad, &self, &error) == -EINVAL);
	CHECK(ms_plugin_descriptor.create(&host.table, &good, &self, &error) == 0);
	write_file("# name address\nweb 10.0.0.1\nweb 10.0.1.0/24\n\nnets 2001:db8::/32\n");
	CHECK(ms_plugin_descriptor.start(self, &error) == 0);
	CHECK(said(self));
	CHECK(strcmp(said(self), "set web\nmember web 10.0.0.1/32 0\nmember web 10.0.1.0/24 0\n"
				 "set nets\nmember nets 2001:db8::/32 0\n") == 0);

	ms_trial_pass(&host, 1000);
	CHECK(host.changes == 0);
	write_file("web 10.0.0.2\n");
	ms_trial_pass(&host, 1000);
	CHECK(host.changes == 1);
	CHECK(said(self) && strcmp(said(self), "set web\nmember web 10.0.0.2/32 0\n") == 0);

	write_file("web 10.0.0.2\nweb 10.0.0\n");
	CHECK(fails_with(self, ":2: a line is a name and an address or prefix"));
	write_file("web 10.0.0.2/33\n");
	CHECK(fails_with(self, ":1: a line is a name and an address or prefix"));
	CHECK(strcmp(host.trouble, "") == 0);
	CHECK(unlink(path) == 0);
	CHECK(fails_with(self, "cannot read /tmp/example_static."));
	CHECK(strstr(host.trouble, "cannot read /tmp/example_static."));
	ms_trial_pass(&host, 1000);
	CHECK(host.changes == 2);

	ms_plugin_descriptor.stop(self);
	write_file("web 10.0.0.3\n");
	ms_trial_pass(&host, 1000);
	CHECK(host.changes == 2);
	CHECK(unlink(path) == 0);
	ms_plugin_descriptor.destroy(self);
	puts("example_static: all is as it should be");
	return 0;
}
