/* Bytes as the letters of base32 and back; the examples are those of RFC 4648, section 10, without their padding. */
#include "util/base32.h"

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

struct pair {
    struct slice data;
    const char *text;
};

static const struct pair pairs[] = {
    { { "", 0 }, "" },
    { { "f", 1 }, "MY" },
    { { "fo", 2 }, "MZXQ" },
    { { "foo", 3 }, "MZXW6" },
    { { "foob", 4 }, "MZXW6YQ" },
    { { "fooba", 5 }, "MZXW6YTB" },
    { { "foobar", 6 }, "MZXW6YTBOI" },
    { { "\xff\xfe\0\xfb\xff", 5 }, "777AB677" },
};

START_TEST(data_becomes_letters_and_comes_back)
{
    char out[16], back[16];
    size_t size;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct slice text = slice_make(out, (size_t)(base32_write(out, pairs[i].data) - out));
        unit_assert(slice_is(text, pairs[i].text));
        unit_assert(text.size == base32_size(pairs[i].data.size));
        unit_assert(base32_read(text, back, &size) && size <= base32_data_size_max(text.size));
        unit_assert(slice_equal(slice_make(back, size), pairs[i].data));
    }
}
END_TEST

START_TEST(any_other_text_is_refused)
{
    static const char *const bad[] = {
        "M", "A", "AAA", "AAAAAA", "MZX", "MZXW6Y", "MY======", "my", "M1", "M0", "M8", " MY", "MY\n", "M Y",
        "MZ", /* bits that stand for nothing */
        "MZXR", "MZXW6YR",
    };
    char out[16];
    size_t size;
    for (size_t i = 0; i < COUNT(bad); i++)
        unit_assert(!base32_read(slice_of(bad[i]), out, &size));
    unit_assert(!base32_read(slice_make("M\0", 2), out, &size));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        data_becomes_letters_and_comes_back,
        any_other_text_is_refused,
        NULL,
    };
    return unit_run("base32", tests);
}
