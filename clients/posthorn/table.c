#include "table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "util/text.h"

enum { COLUMNS_MAX = 16, CELL_SIZE = 1024, GAP = 2 };

void table_init(struct table *table, const char *columns)
{
    *table = (struct table){ .columns = columns };
}

void table_finish(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
}

void table_put(struct table *table, const char *format, ...)
{
    char text[CELL_SIZE], shown[CELL_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    table->cells = must(realloc(table->cells, (table->count + 1) * sizeof *table->cells));
    table->cells[table->count++] = must(strdup(text_show(slice_of(text), shown, sizeof shown)));
}

/* In characters: bytes that go on with one do not count. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(const struct table *table, size_t number, int width, FILE *out)
{
    const char *cell = table->cells[number];
    size_t column = number % strlen(table->columns);
    int blanks = width - width_of(cell);
    bool is_last = column + 1 == strlen(table->columns);
    if (table->columns[column] == 'r')
        fprintf(out, "%*s%s", blanks, "", cell);
    else
        fprintf(out, "%s%*s", cell, is_last ? 0 : blanks, "");
    fprintf(out, "%*s", is_last ? 0 : GAP, "");
    if (is_last)
        fputc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
    int widths[COLUMNS_MAX] = { 0 };
    size_t column_count = strlen(table->columns);
    for (size_t i = 0; i < table->count; i++) {
        int width = width_of(table->cells[i]);
        if (width > widths[i % column_count])
            widths[i % column_count] = width;
    }
    for (size_t i = 0; i < table->count; i++)
        print_cell(table, i, widths[i % column_count], out);
}
