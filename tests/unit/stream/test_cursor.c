/* Cursors as text. */
#include "stream/cursor.h"

#include "../unit.h"
#include "util/random.h"

START_TEST(a_cursor_is_written_in_base_36)
{
    static const struct { struct cursor cursor; const char *text; } table[] = {
        { { 1, 0 }, "1-0" },
        { { 35, 36 }, "z-10" },
        { { UINT64_MAX, UINT64_MAX }, "3w5e11264sgsf-3w5e11264sgsf" },
    };
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        char text[CURSOR_TEXT_SIZE];
        struct cursor back;
        ck_assert_uint_eq(cursor_write(table[i].cursor, text), strlen(table[i].text));
        ck_assert_str_eq(text, table[i].text);
        ck_assert(cursor_parse(slice_of(text), &back));
        ck_assert(back.epoch == table[i].cursor.epoch && back.sequence == table[i].cursor.sequence);
    }
}
END_TEST

START_TEST(what_is_no_cursor_is_refused)
{
    static const char *const texts[] = {
        "", "-", "1", "1-", "-1", "0-1", "01-1", "1-00", "1-01", "A-1", "1-A", "1--1", "1-1-", "1-1-1", " 1-1", "1-1 ",
        "+1-1", "1-1\n", "1.1", "3w5e11264sgsg-1", "1-3w5e11264sgsg", "zzzzzzzzzzzzz-1", "1-10000000000000",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cursor cursor = { 5, 6 };
        ck_assert_msg(!cursor_parse(slice_of(texts[i]), &cursor), "'%s' was taken", texts[i]);
        ck_assert(cursor.epoch == 5 && cursor.sequence == 6);
    }
    ck_assert(!cursor_parse(slice_make("1-1\0", 4), &(struct cursor){ 0 }));
    ck_assert(!cursor_parse(slice_make(NULL, 0), &(struct cursor){ 0 }));
}
END_TEST

START_TEST(every_cursor_comes_back)
{
    struct random random;
    random_init(&random, unit_seed("every_cursor_comes_back"));
    for (unsigned i = 0; i < 20000; i++) {
        struct cursor cursor = { (random_next(&random) >> random_below(&random, 64)) | 1,
                                 random_next(&random) >> random_below(&random, 64) }, back;
        char text[CURSOR_TEXT_SIZE];
        size_t size = cursor_write(cursor, text);
        unit_assert(size < sizeof text && text[size] == '\0');
        unit_assert(cursor_parse(slice_make(text, size), &back));
        unit_assert(back.epoch == cursor.epoch && back.sequence == cursor.sequence);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_cursor_is_written_in_base_36, what_is_no_cursor_is_refused, every_cursor_comes_back, NULL,
    };
    return unit_run("cursor", tests);
}
