/* Fuzz target: a cursor that is taken is written back as it was: each position has one text. The input is the text. */
#include "fuzz.h"

#include "stream/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[CURSOR_TEXT_SIZE];
    struct cursor cursor = { 0, 0 };
    struct slice given = slice_make((const char *)data, size);
    if (!cursor_parse(given, &cursor)) {
        fuzz_require(cursor.epoch == 0 && cursor.sequence == 0);
        return 0;
    }
    fuzz_require(cursor.epoch != 0);
    fuzz_require(slice_equal(slice_make(text, cursor_write(cursor, text)), given));
    return 0;
}
