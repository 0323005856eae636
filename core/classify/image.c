/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

struct ms_image *ms_image_new(uint32_t generation)
{
	struct ms_image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->generation = generation;
	return image;
}

struct ms_image *ms_image_free(struct ms_image *image)
{
	if (!image)
		return NULL;
	for (size_t i = 0; i < image->n_tables; i++)
		free(image->tables[i].rows);
	free(image);
	return NULL;
}

struct ms_image_table *ms_image_add_table(struct ms_image *image, const char *map,
					  uint32_t capacity, size_t row_size)
{
	struct ms_image_table *table;

	if (image->n_tables == ms_array_size(image->tables))
		return NULL;
	table = &image->tables[image->n_tables++];
	*table = (struct ms_image_table) {
		.map = map,
		.capacity = capacity,
		.row_size = row_size,
	};
	return table;
}

int ms_image_add_row(struct ms_image_table *table, const void *row)
{
	if (table->first + table->n_rows == table->capacity)
		return -ENOSPC;
	if (table->n_rows == table->n_allocated) {
		uint32_t count = table->n_allocated ? 2 * table->n_allocated : 64;
		void *rows;

		if (count > table->capacity - table->first)
			count = table->capacity - table->first;
		rows = realloc(table->rows, count * table->row_size);
		if (!rows)
			return -ENOMEM;
		table->rows = rows;
		table->n_allocated = count;
	}
	memcpy((char *)table->rows + table->n_rows * table->row_size, row, table->row_size);
	table->n_rows++;
	return 0;
}

char *ms_image_default_id(const char *group, enum ms_dir dir, char *buf, size_t size)
{
	snprintf(buf, size, "default/%s/%s", group, dir == MS_DIR_IN ? "in" : "out");
	return buf;
}
