/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/default_policy.h"

/* MS_DEFAULT_POLICY_FILE is set by the build; the object depends on the file. */
__asm__(".section .rodata\n"
	".global ms_default_policy_begin\n"
	".global ms_default_policy_end\n"
	"ms_default_policy_begin:\n"
	".incbin \"" MS_DEFAULT_POLICY_FILE "\"\n"
	"ms_default_policy_end:\n"
	".byte 0\n"
	".previous\n");

extern const char ms_default_policy_begin[];
extern const char ms_default_policy_end[];

const char *ms_default_policy(size_t *ret_length)
{
	*ret_length = (size_t)(ms_default_policy_end - ms_default_policy_begin);
	return ms_default_policy_begin;
}
