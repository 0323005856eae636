/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The examples of docs/control-protocol.md: below a heading "### METHOD" a fence "json request" and
 * a fence "json reply". One that cannot be read fails the test.
 */
#ifndef MS_TESTS_HARNESS_EXAMPLES_H
#define MS_TESTS_HARNESS_EXAMPLES_H

#include <jansson.h>
#include <stddef.h>

struct ms_example {
	char method[32];
	unsigned int line; /* of the heading */
	json_t *request, *reply;
};

/* In the document's order. `ret_examples` is a new array. */
void ms_examples_read(struct ms_example **ret_examples, size_t *ret_count);
void ms_examples_free(struct ms_example *examples, size_t count);

#endif
