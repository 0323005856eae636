/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "complaint.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* But for numbers: libcurl says how many milliseconds it tried. */
static bool is_same(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, "0123456789");
		b += strspn(b, "0123456789");
		if (*a != *b)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

uint64_t ms_etcd_complaint_make(struct ms_etcd_complaint *complaint, const char *why,
				uint64_t now_ns)
{
	char sentence[sizeof(complaint->why)];
	bool is_new;
	uint64_t count = ++complaint->untold;

	snprintf(sentence, sizeof(sentence), "%s", why);
	is_new = !is_same(complaint->why, sentence);
	if (!is_new && now_ns - complaint->told_ns < MS_ETCD_COMPLAINT_EVERY_NS)
		return 0;
	memcpy(complaint->why, sentence, sizeof(sentence));
	complaint->told_ns = now_ns;
	complaint->untold = 0;
	return count;
}
