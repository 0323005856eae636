/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/wide_rule.h"

#include <stdio.h>

#include "bpf/lib/blocks.h"
#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "tests/harness/ms_check.h"

#define DSCPS 64 /* all there are */

bool ms_wide_rule_add(struct ms_policy *files)
{
	ms_cleanup(ms_free) char *text = NULL;
	struct ms_error err = MS_ERROR_INIT;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "version: 1\nrules:\n  - { id: wide, action: deny, proto: 253, dscp: [0");
	for (int dscp = 1; dscp < DSCPS; dscp++)
		fprintf(out, ", %d", dscp);
	fprintf(out, "], vlan: [1");
	for (int vlan = 2; vlan <= MS_PAIRS_STEPS / DSCPS; vlan++)
		fprintf(out, ", %d", vlan);
	fprintf(out, "] }\n");
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(ms_document_parse("wide.yaml", text, length, MS_SOURCE_FILE, files, &err),
			 0);
	return true;
}

bool ms_wide_rule_fell(const struct ms_image *image)
{
	for (int i = 0; i < MS_ENGINE_FAMILIES; i++)
		if (image->engines[i].engine != MS_ENGINE_LINEAR ||
		    image->engines[i].bound.limit != MS_ENGINE_STEPS)
			return false;
	return true;
}
