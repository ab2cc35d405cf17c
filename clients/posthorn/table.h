/* table: rows of text in columns as wide as what stands in them, for eyes. What others have written cannot steer the
 * terminal: control characters are shown as they would be written. */
#ifndef POSTHORN_TABLE_H
#define POSTHORN_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table {
    const char *columns; /* a letter for each: 'l' left, 'r' right */
    char **cells;
    size_t count;
};

/* Borrows columns. */
void table_init(struct table *table, const char *columns);
void table_finish(struct table *table);

/* The next cell, from left to right, row for row. */
void table_put(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes all rows. Nothing stands behind the last cell of a row. */
void table_print(const struct table *table, FILE *out);

#endif
