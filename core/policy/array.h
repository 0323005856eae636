/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arrays with a count and no capacity: what is made here always has room up to the next power of
 * two, so an append has to reallocate only when the count is one.
 */
#ifndef MS_CORE_POLICY_ARRAY_H
#define MS_CORE_POLICY_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* `array` with room for `count` elements of `size` bytes; NULL = out of memory, array unchanged. */
static inline void *ms_array_reserve(void *array, size_t count, size_t size)
{
	size_t room = 1;

	while (room < count)
		room *= 2;
	return reallocarray(array, room, size);
}

/*
 * Appends `value` to an array that was made by these two (or is NULL, with count 0); evaluates to 0
 * or -ENOMEM, then nothing has changed.
 *
 *	r = ms_array_append(&rule->protos, &rule->n_protos, proto);
 */
#define ms_array_append(array, count, value)                                                       \
	({                                                                                         \
		void *ms_room_ = *(array);                                                         \
		if ((*(count) & (*(count)-1)) == 0)                                                \
			ms_room_ = ms_array_reserve(*(array), *(count) + 1, sizeof(**(array)));    \
		if (ms_room_) {                                                                    \
			*(array) = ms_room_;                                                       \
			(*(array))[(*(count))++] = (value);                                        \
		}                                                                                  \
		ms_room_ ? 0 : -ENOMEM;                                                            \
	})

#endif
