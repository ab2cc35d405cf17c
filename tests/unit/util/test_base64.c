/* Bytes as letters and back; the examples are those of RFC 4648, section 10. */
#include "util/base64.h"

#include "../unit.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

struct pair {
    struct slice data;
    const char *text, *for_url;
};

static const struct pair pairs[] = {
    { { "", 0 }, "", "" },
    { { "f", 1 }, "Zg==", "Zg" },
    { { "fo", 2 }, "Zm8=", "Zm8" },
    { { "foo", 3 }, "Zm9v", "Zm9v" },
    { { "foob", 4 }, "Zm9vYg==", "Zm9vYg" },
    { { "fooba", 5 }, "Zm9vYmE=", "Zm9vYmE" },
    { { "foobar", 6 }, "Zm9vYmFy", "Zm9vYmFy" },
    { { "\xff\xfe\0\xfb\xff", 5 }, "//4A+/8=", "__4A-_8" },
};

START_TEST(data_becomes_letters_and_comes_back)
{
    char out[16], back[16];
    size_t size;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct slice text = slice_make(out, (size_t)(base64_write(out, pairs[i].data) - out));
        unit_assert(slice_is(text, pairs[i].text));
        unit_assert(text.size == base64_size(pairs[i].data.size));
        unit_assert(base64_read(text, back, &size) && size <= base64_data_size_max(text.size));
        unit_assert(slice_equal(slice_make(back, size), pairs[i].data));
    }
}
END_TEST

START_TEST(the_same_for_urls)
{
    char out[16], back[16];
    size_t size;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct slice text = slice_make(out, (size_t)(base64url_write(out, pairs[i].data) - out));
        unit_assert(slice_is(text, pairs[i].for_url));
        unit_assert(text.size == base64url_size(pairs[i].data.size));
        unit_assert(base64url_read(text, back, &size) && size <= base64url_data_size_max(text.size));
        unit_assert(slice_equal(slice_make(back, size), pairs[i].data));
    }
}
END_TEST

START_TEST(any_other_text_is_refused)
{
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zg===", "====", "=", "A===", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm 9", "Zm-_", "Zm9v=",
        "Zh==", /* bits that stand for nothing */
        "Zm9=",
    };
    static const char *const bad_in_urls[] = { "Z", "Zg==", "Zm+/", "Zm9vY", "Zh", "Zm9" };
    char out[16];
    size_t size;
    for (size_t i = 0; i < COUNT(bad); i++)
        unit_assert(!base64_read(slice_of(bad[i]), out, &size));
    for (size_t i = 0; i < COUNT(bad_in_urls); i++)
        unit_assert(!base64url_read(slice_of(bad_in_urls[i]), out, &size));
    unit_assert(!base64_read(slice_make("Zm9\0", 4), out, &size));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        data_becomes_letters_and_comes_back,
        the_same_for_urls,
        any_other_text_is_refused,
        NULL,
    };
    return unit_run("base64", tests);
}
